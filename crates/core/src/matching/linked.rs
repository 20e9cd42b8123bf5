//! Groups of orders of which one may happen (one cancels the other): once one of them executes, even in part, is
//! triggered or ends, the others end.
//!
//! Binance's order lists
//! (<https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints#order-lists>).

use std::collections::VecDeque;

use super::special::Held;
use super::{Lane, Reports};
use crate::order::{Reason, ReportKind};
use crate::types::{Nanos, StrategyIx};

/// Closed groups that are remembered, for members that arrive after it: they arrive with the others or soon after.
const REMEMBERED: usize = 1_024;

/// A group: whose, and its number.
pub(super) type Group = (StrategyIx, u16);

/// Groups that one member has closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Closed {
    groups: VecDeque<Group>,
}

impl Closed {
    pub(super) fn has(&self, group: Group) -> bool {
        self.groups.contains(&group)
    }

    fn add(&mut self, group: Group) {
        if self.has(group) {
            return;
        }
        if self.groups.len() == REMEMBERED {
            self.groups.pop_front();
        }
        self.groups.push_back(group);
    }
}

/// The group of an order, if it has one.
pub(super) fn group_of(held: &Held) -> Option<Group> {
    let request = &held.order.request;
    (request.terms.group != 0).then_some((request.strategy, request.terms.group))
}

impl Lane {
    /// `member` executed or ended: the others of its group end.
    pub(super) fn close_group(&mut self, now: Nanos, member: &Held, out: &mut Reports) {
        let (Some(group), Some(special)) = (group_of(member), &mut self.special) else { return };
        special.closed.add(group);
        let others: Vec<Held> = special.held.iter().filter(|held| group_of(held) == Some(group)).copied().collect();
        for other in others.iter().filter(|other| other.order.id != member.order.id) {
            self.let_go(other.order.id);
            self.report(now, other.order.id, ReportKind::Expired(Reason::GroupEnded), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_groups_are_forgotten_in_their_order() {
        let mut closed = Closed::default();
        (1..=1_025).for_each(|group| closed.add((0, group)));
        assert!(!closed.has((0, 1)) && closed.has((0, 2)) && closed.has((0, 1_025)) && !closed.has((1, 2)));
    }
}
