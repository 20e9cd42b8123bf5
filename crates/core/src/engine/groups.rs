//! Orders with further terms, as a strategy asks for them; those of which one may happen are approved together or not
//! at all.

use super::context::{Context, Intent};
use super::state::State;
use crate::order::{Order, OrderRequest, SentOrder, Terms};
use crate::record::Decision;
use crate::risk::{Approved, Refusal};
use crate::types::{OrderId, OrderKind, Qty, Side, StrategyIx, Ticks, TimeInForce};

/// What was asked for, and for which slot.
type Wish = (StrategyIx, Intent);

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
    pub(super) fn submit_group<'a>(&mut self, wishes: &'a [Wish]) -> &'a [Wish] {
        let member = |wish: &Wish| match &wish.1 {
            Intent::Submit(id, request) if request.terms.group != 0 => Some((*id, *request)),
            _ => None,
        };
        let first = wishes.first().and_then(member);
        let of_it = |wish: &Wish| {
            let group = |request: &OrderRequest| (request.strategy, request.terms.group);
            member(wish).filter(|other| first.is_some_and(|first| group(&first.1) == group(&other.1)))
        };
        let members: Vec<(OrderId, OrderRequest)> = wishes.iter().map_while(of_it).collect();
        match self.approve_all(&members) {
            Ok(approved) => {
                approved.iter().for_each(|approved| self.send(approved));
            }
            Err((refused, why)) => {
                for (id, request) in &members {
                    self.refuse(*request, if *id == refused { why } else { Refusal::Group });
                }
            }
        }
        &wishes[members.len()..]
    }

    /// Asks the gate for all of them, each as if it were alone, since one of them is all that may happen. Else the
    /// first that may not pass, and why.
    fn approve_all(&mut self, members: &[(OrderId, OrderRequest)]) -> Result<Vec<Approved>, (OrderId, Refusal)> {
        let Some((first, request)) = members.first() else { return Ok(Vec::new()) };
        let (gate, standing) = (self.gate(request.strategy), self.standing(request.strategy, None));
        gate.check_rate(self.now, members.len()).map_err(|why| (*first, why))?;
        let submit = |&(id, request): &(OrderId, OrderRequest)| gate.submit(SentOrder { id, request }, &standing);
        members.iter().map(|member| submit(member).map_err(|why| (member.0, why))).collect()
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

impl Context<'_> {
    /// Asks for an order with further terms; returns the id it has if the risk gate lets it pass.
    ///
    /// Members of a group that are asked for one after the other pass the gate together or not at all.
    pub fn submit_with(
        &mut self,
        side: Side,
        kind: OrderKind,
        time_in_force: TimeInForce,
        price: Ticks,
        qty: Qty,
        terms: Terms,
    ) -> OrderId {
        let instrument = self.state.slots[usize::from(self.strategy)].instrument;
        let request =
            OrderRequest { strategy: self.strategy, instrument, side, kind, time_in_force, price, qty, terms };
        let id = self.state.orders.reserve_id();
        self.ask(Intent::Submit(id, request));
        id
    }

    /// A number for a group of orders of which one may happen, see [`Terms::group`].
    pub fn next_group(&mut self) -> u16 {
        self.state.next_group(self.strategy)
    }

    /// Whether orders with further terms pass the gate at all.
    pub fn only_plain_orders(&self) -> bool {
        self.state.slots[usize::from(self.strategy)].gate.plain_only
    }
}
