//! The orders that live, in slots of an array: no hash map, no allocation once it has grown.

use std::collections::VecDeque;

use super::{LifecycleError, Order, OrderState, Pending, Report};
use crate::types::{OrderId, Qty, StrategyIx};

const NO_SLOT: u32 = u32::MAX;
/// Cancelled and expired orders that are remembered, for a fill that is told after the end.
const REMEMBERED: usize = 1_024;

/// What the open orders of a strategy could still do to its position, in steps, per [`Side`]. Of a group one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Buys and sells not yet executed, the larger quantity where an amendment is under way.
    pub open: [Qty; 2],
}

/// Every order that has not ended, and what they could still do.
#[derive(Clone, Debug, Default)]
pub struct OrderTable {
    slots: Vec<Order>,
    free: Vec<u32>,
    /// Slot of order `first_id + i`.
    slot_of: VecDeque<u32>,
    first_id: OrderId,
    next_id: OrderId,
    /// Slots of each strategy's open orders, oldest first.
    open: Vec<Vec<u32>>,
    /// Cancelled and expired lately, oldest first.
    ended: VecDeque<Order>,
    exposure: Vec<Exposure>,
    /// Open orders with further terms.
    special: usize,
}

impl OrderTable {
    /// An empty table whose first order gets this id.
    pub fn new(first_id: OrderId) -> Self {
        Self { first_id, next_id: first_id, ..Self::default() }
    }

    /// Makes room for one more strategy.
    pub fn add_strategy(&mut self) {
        self.open.push(Vec::new());
        self.exposure.push(Exposure::default());
    }

    /// The id that the next order gets.
    pub fn next_id(&self) -> OrderId {
        self.next_id
    }

    /// Ids go on from here. Panics if orders are in the table.
    pub fn go_on_from(&mut self, id: OrderId) {
        assert!(self.slot_of.is_empty(), "ids cannot change under orders");
        (self.first_id, self.next_id) = (id, id);
    }

    /// Gives the next order id away. An id that no order takes stays unused.
    pub fn reserve_id(&mut self) -> OrderId {
        self.slot_of.push_back(NO_SLOT);
        self.next_id += 1;
        self.next_id - 1
    }

    /// Takes back the ids from `id` on, none of which an order took.
    pub fn take_back(&mut self, id: OrderId) {
        while self.next_id > id && self.slot_of.back() == Some(&NO_SLOT) {
            self.slot_of.pop_back();
            self.next_id -= 1;
        }
    }

    /// Puts an order into the table. Panics if its id was not reserved, or is older than every order there.
    pub fn insert(&mut self, order: Order) {
        let at = (order.id - self.first_id) as usize;
        assert!(self.slot_of[at] == NO_SLOT, "order {} is in the table already", order.id);
        let strategy = usize::from(order.request.strategy);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(order);
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = order;
        self.slot_of[at] = slot;
        self.open[strategy].push(slot);
        self.special += usize::from(!order.request.terms.is_plain());
        self.recount(&order, 0);
    }

    fn slot(&self, id: OrderId) -> Option<usize> {
        let at = usize::try_from(id.checked_sub(self.first_id)?).ok()?;
        self.slot_of.get(at).filter(|&&slot| slot != NO_SLOT).map(|&slot| slot as usize)
    }

    /// An order that has not ended.
    #[inline]
    pub fn get(&self, id: OrderId) -> Option<&Order> {
        self.slot(id).map(|slot| &self.slots[slot])
    }

    /// Open orders of a strategy, oldest first.
    pub fn open(&self, strategy: StrategyIx) -> impl Iterator<Item = &Order> + '_ {
        self.open[usize::from(strategy)].iter().map(|&slot| &self.slots[slot as usize])
    }

    /// What a strategy's open orders could still do.
    #[inline]
    pub fn exposure(&self, strategy: StrategyIx) -> Exposure {
        self.exposure[usize::from(strategy)]
    }

    /// Marks an order sent, or a request about it as under way.
    pub fn note(&mut self, id: OrderId, state: Option<OrderState>, pending: Option<Pending>) {
        let Some(slot) = self.slot(id) else { return };
        self.change(slot, |order| {
            order.state = state.unwrap_or(order.state);
            order.pending = pending.unwrap_or(order.pending);
            Ok::<(), std::convert::Infallible>(())
        })
        .unwrap_or_else(|never| match never {});
    }

    /// Takes a report into its order's life and returns the order as it is then; an order that ended has left the
    /// table, but a fill may still be told of one that was cancelled or expired lately.
    ///
    /// # Errors
    /// `None` where the table does not hold the order, else what does not fit its life.
    pub fn apply(&mut self, report: &Report) -> Result<Order, Option<LifecycleError>> {
        let Some(slot) = self.slot(report.order) else {
            let order = self.ended.iter_mut().rev().find(|order| order.id == report.order).ok_or(None)?;
            order.apply(report).map_err(Some)?;
            return Ok(*order);
        };
        self.change(slot, |order| order.apply(report)).map_err(Some)?;
        let order = self.slots[slot];
        if order.state.is_final() {
            self.remove(slot, &order);
        }
        Ok(order)
    }

    fn change<E>(&mut self, slot: usize, f: impl FnOnce(&mut Order) -> Result<(), E>) -> Result<(), E> {
        let order = &mut self.slots[slot];
        let before = order.reserved();
        f(order)?;
        let order = *order;
        self.recount(&order, before);
        Ok(())
    }

    /// Keeps the exposure of a strategy, of whose orders one changed what it reserves.
    #[inline]
    fn recount(&mut self, order: &Order, before: Qty) {
        let strategy = order.request.strategy;
        if order.request.terms.group == 0 {
            self.exposure[usize::from(strategy)].open[order.request.side as usize] += order.reserved() - before;
        } else {
            self.exposure[usize::from(strategy)] = self.exposure_recounted(strategy);
        }
    }

    /// Whether every open order is a plain one.
    #[inline]
    pub fn all_plain(&self) -> bool {
        self.special == 0
    }

    /// Whether an open order counts: of a group only one can execute, so that on each side the one that weighs most
    /// stands for all.
    pub fn counts(&self, order: &Order, weight: impl Fn(&Order) -> i128) -> bool {
        let rank = |order: &Order| (weight(order), std::cmp::Reverse(order.id));
        let mates = |other: &&Order| other.request.side == order.request.side && other.is_mate(order);
        let mut mates = self.open(order.request.strategy).filter(mates);
        order.request.terms.group == 0 || mates.all(|other| rank(other) <= rank(order))
    }

    /// The exposure without one of the orders and what is of its group.
    pub fn exposure_without(&self, order: &Order) -> Exposure {
        let strategy = order.request.strategy;
        if order.request.terms.group != 0 {
            return self.sum(strategy, Some(order));
        }
        let mut exposure = self.exposure(strategy);
        exposure.open[order.request.side as usize] -= order.reserved();
        exposure
    }

    fn remove(&mut self, slot: usize, order: &Order) {
        self.open[usize::from(order.request.strategy)].retain(|&open| open as usize != slot);
        self.special -= usize::from(!order.request.terms.is_plain());
        let at = (order.id - self.first_id) as usize;
        self.slot_of[at] = NO_SLOT;
        if matches!(order.state, OrderState::Canceled | OrderState::Expired) {
            if self.ended.len() == REMEMBERED {
                self.ended.pop_front();
            }
            self.ended.push_back(*order);
        }
        self.free.push(slot as u32);
        while self.slot_of.front() == Some(&NO_SLOT) {
            self.slot_of.pop_front();
            self.first_id += 1;
        }
    }

    /// The exposure of every strategy summed again from its orders: for tests of the running sums.
    pub fn exposure_recounted(&self, strategy: StrategyIx) -> Exposure {
        self.sum(strategy, None)
    }

    fn sum(&self, strategy: StrategyIx, without: Option<&Order>) -> Exposure {
        let mut exposure = Exposure::default();
        let counted = |order: &&Order| {
            without.is_none_or(|without| !order.is_mate(without)) && self.counts(order, |order| order.reserved().into())
        };
        for order in self.open(strategy).filter(counted) {
            exposure.open[order.request.side as usize] += order.reserved();
        }
        exposure
    }
}
