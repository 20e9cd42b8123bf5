//! A book told order by order (L3): levels are the sums of their orders, and every order's place is known.

use super::orders::L3Order;
use super::{Book, Sync};
use crate::event::{Event, Kind};
use crate::types::{Nanos, Qty, Side, Ticks};

/// What an L3 row did to its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderChange {
    /// Side of the book.
    pub side: Side,
    /// The level.
    pub price: Ticks,
    /// What it holds now.
    pub qty: Qty,
    /// What left the order, 0 where something came.
    pub left: Qty,
    /// Who left: places rise with arrival, see [`Book::next_place`].
    pub place: u64,
}

impl Book {
    /// Where the next order to come will stand: whoever has a smaller place at its price stands ahead of it. 0 in a
    /// book that was never told orders.
    pub fn next_place(&self) -> u64 {
        self.orders.as_ref().map_or(0, |orders| orders.next_place())
    }

    /// Applies an L3 row and says what it did; `None` where it names an order that is not there, which changes nothing
    /// and is counted in [`Book::ignored`].
    ///
    /// More than an order had, or another price, stands behind all others at its price, as venues do it; less keeps its
    /// place. The last row of a snapshot's packet brings the book in sync.
    pub fn apply_order(&mut self, event: &Event, now: Nanos) -> Option<OrderChange> {
        let orders = self.orders.get_or_insert_default();
        let change = match event.kind() {
            Kind::Add => {
                if let Some(old) = orders.remove(event.order) {
                    self.add_to_level(old.side, old.price, -old.qty);
                }
                self.orders.get_or_insert_default().add(event.order, event.side(), event.price, event.qty);
                let qty = self.add_to_level(event.side(), event.price, event.qty);
                Some(OrderChange { side: event.side(), price: event.price, qty, left: 0, place: 0 })
            }
            Kind::Change if event.qty > 0 => {
                let held = orders.get(event.order).map(|order| (*order, order));
                match held {
                    None => None,
                    Some((old, order)) if event.price == old.price && event.qty <= old.qty => {
                        order.qty = event.qty;
                        let left = old.qty - event.qty;
                        let qty = self.add_to_level(old.side, old.price, -left);
                        Some(OrderChange { side: old.side, price: old.price, qty, left, place: old.place })
                    }
                    Some((old, _)) => Some(self.move_order(&old, event)),
                }
            }
            _ => orders.remove(event.order).map(|old| {
                let qty = self.add_to_level(old.side, old.price, -old.qty);
                OrderChange { side: old.side, price: old.price, qty, left: old.qty, place: old.place }
            }),
        };
        self.ignored += u64::from(change.is_none());
        if self.state == Sync::Syncing && event.is_last() {
            self.state = Sync::InSync;
        }
        self.updated = now;
        change
    }

    /// An order goes to the back of its level, or of another: it leaves, and comes again.
    fn move_order(&mut self, old: &L3Order, event: &Event) -> OrderChange {
        let orders = self.orders.get_or_insert_default();
        orders.add(event.order, old.side, event.price, event.qty);
        let mut qty = self.add_to_level(old.side, old.price, -old.qty);
        let there = self.add_to_level(old.side, event.price, event.qty);
        if event.price == old.price {
            qty = there;
        }
        OrderChange { side: old.side, price: old.price, qty, left: old.qty, place: old.place }
    }

    /// Whether a [`Kind::Change`] leaves its order where it stands, or names none.
    pub(crate) fn keeps_place(&mut self, event: &Event) -> bool {
        let held = self.orders.as_mut().and_then(|orders| orders.get(event.order));
        held.is_none_or(|order| event.price == order.price && event.qty <= order.qty)
    }

    fn add_to_level(&mut self, side: Side, price: Ticks, qty: Qty) -> Qty {
        let now = (self.qty(side, price) + qty).max(0);
        self.set(side as usize, price, now);
        self.find_bests();
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::flag;
    use crate::random::Stream;
    use std::collections::BTreeMap;

    /// Levels are the sums of their orders, whatever comes, changes, moves and goes.
    #[test]
    fn levels_are_the_sums_of_their_orders() {
        let (mut book, mut held, mut random) = (Book::default(), BTreeMap::new(), Stream::new(2, 0));
        let row = |kind, side, price, qty, order| {
            let event = Event::new(1, 1, kind, side, price, qty);
            Event { order, flags: event.flags | flag::LAST, ..event }
        };
        book.apply(&row(Kind::Clear, Side::Buy, 0, 0, 0), 1);
        for _ in 0..5_000 {
            let (id, qty) = (1 + random.below(60), 1 + random.below(9) as Qty);
            let old: Option<(Side, Ticks, Qty)> = held.get(&id).copied();
            let side = old.map_or(if id % 2 == 0 { Side::Buy } else { Side::Sell }, |old| old.0);
            let price = 500 - side.sign() * random.below(5) as i64;
            let kind = [Kind::Add, Kind::Change, Kind::Remove][random.below(3) as usize];
            book.apply(&row(kind, side, price, qty, id), 1);
            match (kind, old) {
                (Kind::Remove, _) => _ = held.remove(&id),
                (Kind::Change, None) => {}
                _ => _ = held.insert(id, (side, price, qty)),
            }
            let mut levels = BTreeMap::new();
            for (side, price, qty) in held.values() {
                *levels.entry((*side, *price)).or_insert(0) += qty;
            }
            let found = [Side::Buy, Side::Sell]
                .into_iter()
                .flat_map(|side| book.levels(side).map(move |(price, qty)| ((side, price), qty)))
                .collect::<BTreeMap<_, _>>();
            assert_eq!(found, levels);
        }
    }
}
