//! Our orders that rest at the venue, and what rows of the feed do to them.

use super::fills::FillModel;
use super::queue::{Place, QueueModel};
use crate::book::{Touch, Watch};
use crate::types::{OrderId, Qty, Side, Ticks, TimeInForce};

/// One resting order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resting {
    pub(super) id: OrderId,
    /// Mirrored price: the smaller, the nearer the touch.
    pub(super) x: i64,
    pub(super) leaves: Qty,
    pub(super) filled: Qty,
    pub(super) place: Place,
    pub(super) time_in_force: TimeInForce,
}

/// An execution of an order of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OwnFill {
    pub(super) id: OrderId,
    pub(super) side: Side,
    pub(super) price: Ticks,
    pub(super) qty: Qty,
    /// What was ahead of it before this, in steps; −1 of a taker.
    pub(super) queue_ahead: Qty,
}

/// Resting orders of both sides, each best price first and first come first at a price.
#[derive(Clone, Debug, Default)]
pub(super) struct RestingOrders {
    sides: [Vec<Resting>; 2],
}

impl RestingOrders {
    /// What rows could touch an order.
    pub(super) fn watch(&self) -> Watch {
        let ends = |side: Side| {
            let orders = &self.sides[side as usize];
            let price = |order: &Resting| order.x ^ side.mirror();
            orders.first().map(price).zip(orders.last().map(price))
        };
        Watch::orders(ends(Side::Buy), ends(Side::Sell))
    }

    pub(super) fn add(&mut self, side: Side, order: Resting) {
        let orders = &mut self.sides[side as usize];
        let at = orders.partition_point(|other| other.x <= order.x);
        orders.insert(at, order);
    }

    pub(super) fn remove(&mut self, id: OrderId) -> Option<(Side, Resting)> {
        for side in [Side::Buy, Side::Sell] {
            let orders = &mut self.sides[side as usize];
            if let Some(at) = orders.iter().position(|order| order.id == id) {
                return Some((side, orders.remove(at)));
            }
        }
        None
    }

    /// Less of an order in its place.
    pub(super) fn reduce(&mut self, id: OrderId, leaves: Qty) {
        let orders = self.sides.iter_mut().flatten();
        for order in orders.filter(|order| order.id == id) {
            order.leaves = leaves;
        }
    }

    pub(super) fn find(&self, id: OrderId) -> Option<(Side, &Resting)> {
        let on = |side: Side| self.sides[side as usize].iter().find(|order| order.id == id).map(|order| (side, order));
        on(Side::Buy).or_else(|| on(Side::Sell))
    }

    /// The order of a side that is nearest the touch and first there: its id, price and quantity ahead.
    pub(super) fn first(&self, side: Side) -> Option<(OrderId, Ticks, Qty)> {
        let first = self.sides[side as usize].first()?;
        Some((first.id, first.x ^ side.mirror(), first.place.ahead()))
    }

    /// A level of the book changed: orders at it move in their queue.
    pub(super) fn level(&mut self, model: QueueModel, side: Side, price: Ticks, previous: Qty, now: Qty) {
        let x = price ^ side.mirror();
        for order in self.sides[side as usize].iter_mut().filter(|order| order.x == x) {
            order.place.level(model, previous, now);
        }
    }

    /// An order of somebody else's at this price became smaller, or went.
    pub(super) fn leave(&mut self, side: Side, price: Ticks, left: Qty, place: u64) {
        let x = price ^ side.mirror();
        for order in self.sides[side as usize].iter_mut().filter(|order| order.x == x) {
            order.place.leave(left, place);
        }
    }

    /// After a snapshot: nobody is further back than the level is long.
    pub(super) fn requeue(&mut self, level: impl Fn(Side, Ticks) -> Qty) {
        for side in [Side::Buy, Side::Sell] {
            for order in &mut self.sides[side as usize] {
                let now = level(side, order.x ^ side.mirror());
                order.place.level(QueueModel::RiskAverse, now, now);
            }
        }
    }

    /// The opposite side now offers `qty` at `price`: orders that it reaches or passes fill.
    pub(super) fn cross(&mut self, fills: FillModel, side: Side, price: Ticks, qty: Qty, out: &mut Vec<OwnFill>) {
        let x = (price ^ side.mirror()) - i64::from(!fills.at_the_price());
        self.fill_through(side, x, fills.share(qty), out);
    }

    /// A trade whose aggressor hit `side` at `price`.
    ///
    /// Orders priced better would have been hit first and fill at their own price; orders at the price fill once the
    /// queue ahead of them is traded away, if at all. Where they fill in part, all of them together get no more than
    /// was traded; else each fills whole or not at all.
    pub(super) fn trade(
        &mut self,
        fills: FillModel,
        side: Side,
        price: Ticks,
        traded: Qty,
        lot: Qty,
        out: &mut Vec<OwnFill>,
    ) {
        let (x, partial) = (price ^ side.mirror(), fills.is_partial());
        // Better priced than the trade: strictly nearer the touch.
        let first = out.len();
        self.fill_through(side, x - 1, fills.share(traded), out);
        let mut left = traded - if partial { out[first..].iter().map(|fill| fill.qty).sum() } else { 0 };
        for order in self.sides[side as usize].iter_mut().filter(|order| order.x == x) {
            if left <= 0 {
                break;
            }
            let queue_ahead = order.place.ahead();
            let reached = order.place.trade(left, lot);
            if reached == 0 || !fills.at_the_price() {
                continue;
            }
            let qty = if partial { order.leaves.min(reached).min(left) } else { order.leaves };
            order.leaves -= qty;
            order.filled += qty;
            left -= if partial { qty } else { 0 };
            out.push(OwnFill { id: order.id, side, price, qty, queue_ahead });
        }
        self.sides[side as usize].retain(|order| order.leaves > 0);
    }

    /// Fills orders at `x` or nearer the touch, best first, up to `available`.
    fn fill_through(&mut self, side: Side, x: i64, available: Qty, out: &mut Vec<OwnFill>) {
        let (orders, mut left) = (&mut self.sides[side as usize], available);
        for order in orders.iter_mut().take_while(|order| order.x <= x) {
            let qty = order.leaves.min(left);
            if qty <= 0 {
                break;
            }
            order.leaves -= qty;
            order.filled += qty;
            left -= qty;
            let queue_ahead = order.place.ahead();
            out.push(OwnFill { id: order.id, side, price: order.x ^ side.mirror(), qty, queue_ahead });
        }
        orders.retain(|order| order.leaves > 0);
    }

    /// Whether a row fills nothing: no order is reached or passed, and no queue traded away.
    #[inline]
    pub(super) fn lets_pass(&self, touch: &Touch, lot: Qty) -> bool {
        let against = touch.side.opposite();
        let (orders, x) = (&self.sides[against as usize], touch.price ^ against.mirror());
        match orders.first() {
            Some(first) if touch.is_trade => {
                first.x > x
                    || first.x == x
                        && touch.qty > 0
                        && orders.iter().take_while(|order| order.x == x).all(|order| order.place.waits(touch.qty, lot))
            }
            Some(first) => first.x > x || touch.qty <= 0,
            None => true,
        }
    }

    /// Moves the orders in their queues that a row moves which [passes](Self::lets_pass).
    #[inline]
    pub(super) fn queue(&mut self, touch: &Touch, model: QueueModel, lot: Qty) {
        let side = if touch.is_trade { touch.side.opposite() } else { touch.side };
        let x = touch.price ^ side.mirror();
        for order in &mut self.sides[side as usize] {
            if order.x == x && touch.is_trade {
                order.place.trade(touch.qty, lot);
            } else if order.x == x {
                order.place.level(model, touch.previous, touch.qty);
            }
        }
    }

    /// Every resting order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Resting> {
        self.sides.iter().flatten()
    }
}
