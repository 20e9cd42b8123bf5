//! Orders of which one may happen: asked for together, approved together or not at all.

use super::context::Intent;
use super::state::State;
use crate::order::{Order, OrderRequest};
use crate::record::Decision;
use crate::risk::{Approved, Refusal};
use crate::types::{OrderId, StrategyIx};

impl State {
    /// A group number that no open order of a strategy has.
    pub(super) fn next_group(&mut self, strategy: StrategyIx) -> u16 {
        let mut group = self.slots[usize::from(strategy)].group;
        loop {
            group = group.checked_add(1).unwrap_or(1);
            if self.orders.open(strategy).all(|order| order.request.terms.group != group) {
                self.slots[usize::from(strategy)].group = group;
                return group;
            }
        }
    }

    /// Sends the members of a group that stand next to each other, or none of them. Returns the wishes behind them.
    pub(super) fn submit_group<'a>(&mut self, wishes: &'a [Intent]) -> &'a [Intent] {
        let member = |wish: &Intent| match wish {
            Intent::Submit(id, request) if request.terms.group != 0 => Some((*id, *request)),
            _ => None,
        };
        let first = wishes.first().and_then(member);
        let of_it = |wish: &Intent| {
            member(wish).filter(|other| first.is_some_and(|first| first.1.terms.group == other.1.terms.group))
        };
        let members: Vec<(OrderId, OrderRequest)> = wishes.iter().map_while(of_it).collect();
        match self.approve_all(&members) {
            Ok(approved) => {
                for ((id, request), approved) in members.iter().zip(&approved) {
                    self.orders.insert(Order::new(*id, *request, self.now));
                    self.send(approved);
                }
            }
            Err((refused, why)) => {
                for (id, request) in &members {
                    self.refuse(*request, if *id == refused { why } else { Refusal::Group });
                }
            }
        }
        &wishes[members.len()..]
    }

    /// Asks the gate for all of them, each as if it were alone, since one of them is all that may happen. Else the first
    /// that may not pass, and why.
    fn approve_all(&mut self, members: &[(OrderId, OrderRequest)]) -> Result<Vec<Approved>, (OrderId, Refusal)> {
        let Some((first, request)) = members.first() else { return Ok(Vec::new()) };
        let (strategy, now, mut refused) = (request.strategy, self.now, *first);
        let approved = self.approve(strategy, None, |gate, standing| {
            gate.check_rate(now, members.len())?;
            for (id, request) in members {
                refused = *id;
                gate.check(request, standing)?;
            }
            members.iter().map(|(id, request)| gate.submit(Order::new(*id, *request, now), standing)).collect()
        });
        approved.map_err(|why| (refused, why))
    }

    /// Notes that a request was refused.
    pub(super) fn refuse(&mut self, request: OrderRequest, refusal: Refusal) {
        self.slots[usize::from(request.strategy)].refused[refusal as usize] += 1;
        self.log.add(&Decision::Refused { ts: self.now, request, refusal });
    }

    /// What the open orders of a strategy are about to do to its position: those that wait for a trigger are not.
    pub(super) fn working(&self, strategy: StrategyIx) -> [i64; 2] {
        if self.orders.all_plain() {
            return self.orders.exposure(strategy).open;
        }
        let mut open = [0; 2];
        let weight = |order: &Order| if order.waits() { -1 } else { order.leaves().into() };
        let works = |order: &&Order| !order.waits() && self.orders.counts(order, weight);
        for order in self.orders.open(strategy).filter(works) {
            open[order.request.side as usize] += order.reserved().max(order.leaves());
        }
        open
    }
}
