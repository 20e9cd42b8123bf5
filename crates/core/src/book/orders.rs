//! The orders of an L3 book: what each id stands for, and who came first.
//!
//! A place in a queue is a number that rises with every order: who has the smaller one at a price stands ahead. So a
//! level needs no list of its orders, and an order's removal costs one look-up in a flat table (open addressing, linear
//! probing, no more than half full).

use crate::types::{Qty, Side, Ticks};

/// One resting order of somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct L3Order {
    pub(crate) id: u64,
    pub(crate) side: Side,
    pub(crate) price: Ticks,
    pub(crate) qty: Qty,
    /// Rises with arrival.
    pub(crate) place: u64,
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct L3Orders {
    slots: Vec<Option<L3Order>>,
    held: usize,
    next_place: u64,
}

impl Default for L3Orders {
    fn default() -> Self {
        Self { slots: vec![None; 64], held: 0, next_place: 1 }
    }
}

impl L3Orders {
    /// Where the next order to come will stand.
    pub(crate) fn next_place(&self) -> u64 {
        self.next_place
    }

    /// Takes an order in, behind all others at its price.
    pub(crate) fn add(&mut self, id: u64, side: Side, price: Ticks, qty: Qty) {
        if 2 * (self.held + 1) > self.slots.len() {
            self.grow();
        }
        let at = self.find(id);
        self.held += usize::from(self.slots[at].is_none());
        self.slots[at] = Some(L3Order { id, side, price, qty, place: self.next_place });
        self.next_place += 1;
    }

    pub(crate) fn get(&mut self, id: u64) -> Option<&mut L3Order> {
        let at = self.find(id);
        self.slots[at].as_mut()
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<L3Order> {
        let mut hole = self.find(id);
        let removed = self.slots[hole].take()?;
        self.held -= 1;
        // Those behind the hole move up, or a search for them would end in it.
        let (mask, mut at) = (self.slots.len() - 1, hole);
        loop {
            at = (at + 1) & mask;
            let Some(order) = self.slots[at] else { return Some(removed) };
            let home = self.home(order.id);
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.slots[hole] = self.slots[at].take();
                hole = at;
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.slots.fill(None);
        self.held = 0;
    }

    fn home(&self, id: u64) -> usize {
        // Ids mostly count up: the golden ratio spreads them (Knuth, vol. 3, 6.4).
        (id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (self.slots.len() - 1)
    }

    /// The slot that holds an id, or the free one where it would go.
    fn find(&self, id: u64) -> usize {
        let mut at = self.home(id);
        while self.slots[at].is_some_and(|order| order.id != id) {
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }

    fn grow(&mut self) {
        let wider = vec![None; 2 * self.slots.len()];
        for order in std::mem::replace(&mut self.slots, wider).into_iter().flatten() {
            let at = self.find(order.id);
            self.slots[at] = Some(order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use std::collections::BTreeMap;

    #[test]
    fn the_table_holds_what_a_map_would() {
        let (mut table, mut map, mut random) = (L3Orders::default(), BTreeMap::new(), Stream::new(4, 0));
        for at in 0..60_000_u64 {
            let id = random.below(3_000) * 64;
            if random.below(3) > 0 {
                table.add(id, Side::Buy, at as i64, 1);
                map.insert(id, at as i64);
            } else {
                assert_eq!(table.remove(id).map(|order| order.price), map.remove(&id));
            }
            assert_eq!(table.held, map.len());
            let probe = random.below(3_000) * 64;
            assert_eq!(table.get(probe).map(|order| order.price), map.get(&probe).copied());
        }
    }
}
