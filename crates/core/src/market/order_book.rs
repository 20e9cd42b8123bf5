//! A price-time matching engine over single orders (L3): the best price first, at one price the oldest order first.
//!
//! Knows orders and owners' tags, nothing of accounts, money or time. Prices of a side lie in a sorted vector whose end
//! is the touch, where almost all work happens; orders and levels lie in slabs joined by indices.

use crate::types::{OrderKind, Qty, Side, Ticks, TimeInForce};

/// An order's id in its book: rises with every order taken in, and is never given twice.
///
/// The low 24 bits are its place in memory, so that no map from ids to orders is needed.
pub type BookOrderId = u64;

const SLOT_BITS: u32 = 24;
const NONE: u32 = u32::MAX;

/// An order on its way into the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Whose it is; the book only hands it back.
    pub owner: u32,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market. A market order never rests.
    pub kind: OrderKind,
    /// What becomes of the part that does not fill on arrival. [`TimeInForce::PostOnly`] expires if it would take.
    pub time_in_force: TimeInForce,
    /// The worst price accepted; not read for a market order.
    pub price: Ticks,
    /// Above 0.
    pub qty: Qty,
}

/// What became of an order on arrival. The three quantities add up to the order's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its id, whether it rests or not.
    pub id: BookOrderId,
    /// Traded on arrival.
    pub filled: Qty,
    /// Now waiting in the book.
    pub resting: Qty,
    /// Neither: the rest of an IOC or market order, a FOK that could not fill, a post-only order that would have taken.
    pub expired: Qty,
}

/// One maker meets one taker, at the maker's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The order that rested.
    pub maker: BookOrderId,
    /// Its owner.
    pub maker_owner: u32,
    /// What is left of it.
    pub maker_left: Qty,
    /// The order that arrived.
    pub taker: BookOrderId,
    /// Its owner.
    pub taker_owner: u32,
    /// The side of the taker.
    pub side: Side,
    /// The maker's price.
    pub price: Ticks,
    /// Above 0.
    pub qty: Qty,
}

/// A price whose total changed, with the total it has now (0: the level is gone).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// Side of the book.
    pub side: Side,
    /// The level.
    pub price: Ticks,
    /// What rests there now.
    pub qty: Qty,
}

/// What a call did to the book; the caller clears it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// In the order they happened.
    pub fills: Vec<Fill>,
    /// One a level and call.
    pub levels: Vec<LevelChange>,
}

impl Changes {
    /// Empties both lists, keeping their memory.
    pub fn clear(&mut self) {
        self.fills.clear();
        self.levels.clear();
    }
}

/// An order as it rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestingOrder {
    /// Its id.
    pub id: BookOrderId,
    /// Whose it is.
    pub owner: u32,
    /// Side of the book.
    pub side: Side,
    /// Its price.
    pub price: Ticks,
    /// What is left of it.
    pub qty: Qty,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    order: RestingOrder,
    level: u32,
    older: u32,
    younger: u32,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    qty: Qty,
    oldest: u32,
    youngest: u32,
}

/// The prices of one side. A key is the price for bids and its negative for asks: the best is the greatest, and last.
#[derive(Clone, Debug, Default)]
struct Ladder {
    keys: Vec<Ticks>,
    levels: Vec<u32>,
}

impl Ladder {
    fn find(&self, key: Ticks) -> Result<usize, usize> {
        // Most calls are for the touch itself.
        match self.keys.last() {
            Some(&best) if best == key => Ok(self.keys.len() - 1),
            Some(&best) if best < key => Err(self.keys.len()),
            _ => self.keys.binary_search(&key),
        }
    }
}

/// Both sides of a market, order by order. Deterministic; nothing is drawn or timed in here.
#[derive(Clone, Debug, Default)]
pub struct OrderBook {
    sides: [Ladder; 2],
    levels: Vec<Level>,
    free_levels: Vec<u32>,
    slots: Vec<Slot>,
    free_slots: Vec<u32>,
    sequence: u64,
}

impl OrderBook {
    /// An empty book.
    pub fn new() -> Self {
        Self::default()
    }

    /// Best price of a side and what rests there.
    #[inline]
    pub fn best(&self, side: Side) -> Option<(Ticks, Qty)> {
        let ladder = &self.sides[side as usize];
        let (&key, &level) = (ladder.keys.last()?, ladder.levels.last()?);
        Some((key * side.sign(), self.levels[level as usize].qty))
    }

    /// Levels of a side with their totals, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (Ticks, Qty)> + '_ {
        let ladder = &self.sides[side as usize];
        let rows = ladder.keys.iter().zip(&ladder.levels).rev();
        rows.map(move |(&key, &level)| (key * side.sign(), self.levels[level as usize].qty))
    }

    /// What rests at a price; 0 where there is no level.
    pub fn quantity_at(&self, side: Side, price: Ticks) -> Qty {
        let ladder = &self.sides[side as usize];
        ladder.find(price * side.sign()).map_or(0, |at| self.levels[ladder.levels[at] as usize].qty)
    }

    /// Orders at a price, oldest first.
    pub fn queue(&self, side: Side, price: Ticks) -> impl Iterator<Item = RestingOrder> + '_ {
        let ladder = &self.sides[side as usize];
        let level = ladder.find(price * side.sign()).ok().map(|at| ladder.levels[at]);
        let first = level.map_or(NONE, |level| self.levels[level as usize].oldest);
        let slot = |at: u32| self.slots.get(at as usize);
        std::iter::successors(slot(first), move |here| slot(here.younger)).map(|slot| slot.order)
    }

    /// The order of this id, if it still rests.
    #[inline]
    pub fn order(&self, id: BookOrderId) -> Option<RestingOrder> {
        let slot = self.slots.get(slot_of(id) as usize)?;
        (slot.order.id == id && slot.order.qty > 0).then_some(slot.order)
    }

    /// Takes an order in: matches it, and rests what may rest. Fills and level changes are appended to `out`.
    ///
    /// # Panics
    /// If `qty` is not above 0, or at 2²⁴ resting orders.
    pub fn submit(&mut self, order: NewOrder, out: &mut Changes) -> Outcome {
        assert!(order.qty > 0, "`qty` must be above 0, was {}", order.qty);
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            let slot = u32::try_from(self.slots.len()).expect("fewer than 2²⁴ orders");
            assert!(slot < 1 << SLOT_BITS, "a book holds at most 2²⁴ orders");
            let order = RestingOrder { id: 0, owner: 0, side: Side::Buy, price: 0, qty: 0 };
            self.slots.push(Slot { order, level: NONE, older: NONE, younger: NONE });
            slot
        });
        self.sequence += 1;
        let id = (self.sequence << SLOT_BITS) | u64::from(slot);

        let refused = match order.time_in_force {
            TimeInForce::PostOnly => self.crosses(&order),
            TimeInForce::Fok => !self.could_fill(&order),
            TimeInForce::Gtc | TimeInForce::Ioc => false,
        };
        let filled = if refused { 0 } else { self.take(&order, id, out) };
        let left = order.qty - filled;
        let rests = left > 0
            && !refused
            && order.kind == OrderKind::Limit
            && matches!(order.time_in_force, TimeInForce::Gtc | TimeInForce::PostOnly);
        if rests {
            let resting = RestingOrder { id, owner: order.owner, side: order.side, price: order.price, qty: left };
            self.rest(slot, resting, out);
            Outcome { id, filled, resting: left, expired: 0 }
        } else {
            self.free_slots.push(slot);
            Outcome { id, filled, resting: 0, expired: left }
        }
    }

    /// Takes an order out. Returns what was left of it, or `None` if it does not rest (any more).
    pub fn cancel(&mut self, id: BookOrderId, out: &mut Changes) -> Option<Qty> {
        let left = self.order(id)?.qty;
        self.reduce(id, left, out);
        Some(left)
    }

    /// Takes `by` (above 0) off an order, which keeps its place in the queue; the last of it takes the order out.
    /// Returns what is left, or `None` if the order does not rest (any more).
    pub fn reduce(&mut self, id: BookOrderId, by: Qty, out: &mut Changes) -> Option<Qty> {
        assert!(by > 0, "`by` must be above 0, was {by}");
        let order = self.order(id)?;
        let slot = slot_of(id);
        let by = by.min(order.qty);
        self.shrink(slot, by);
        let qty = self.levels[self.slots[slot as usize].level as usize].qty;
        out.levels.push(LevelChange { side: order.side, price: order.price, qty });
        self.tidy(slot);
        Some(order.qty - by)
    }

    fn crosses(&self, order: &NewOrder) -> bool {
        let other = order.side.opposite();
        let best = self.sides[other as usize].keys.last();
        best.is_some_and(|&key| order.kind == OrderKind::Market || key >= order.price * other.sign())
    }

    fn could_fill(&self, order: &NewOrder) -> bool {
        let other = order.side.opposite();
        let within = |price: Ticks| order.kind == OrderKind::Market || (price - order.price) * other.sign() >= 0;
        let mut wanted = order.qty;
        for (_, qty) in self.levels(other).take_while(|&(price, _)| within(price)) {
            wanted -= qty;
            if wanted <= 0 {
                return true;
            }
        }
        false
    }

    /// Matches an arriving order against the other side; returns what was filled.
    fn take(&mut self, order: &NewOrder, taker: BookOrderId, out: &mut Changes) -> Qty {
        let other = order.side.opposite();
        let mut left = order.qty;
        while left > 0 && self.crosses(order) {
            let level = *self.sides[other as usize].levels.last().expect("a side that crosses has a level");
            let price = self.sides[other as usize].keys[self.sides[other as usize].keys.len() - 1] * other.sign();
            while left > 0 && self.levels[level as usize].oldest != NONE {
                let slot = self.levels[level as usize].oldest;
                let maker = self.slots[slot as usize].order;
                let qty = left.min(maker.qty);
                left -= qty;
                self.shrink(slot, qty);
                out.fills.push(Fill {
                    maker: maker.id,
                    maker_owner: maker.owner,
                    maker_left: maker.qty - qty,
                    taker,
                    taker_owner: order.owner,
                    side: order.side,
                    price,
                    qty,
                });
                if maker.qty == qty {
                    self.unlink(slot);
                }
            }
            out.levels.push(LevelChange { side: other, price, qty: self.levels[level as usize].qty });
            self.drop_if_empty(other, price, level);
        }
        order.qty - left
    }

    fn rest(&mut self, slot: u32, order: RestingOrder, out: &mut Changes) {
        let key = order.price * order.side.sign();
        let ladder = &mut self.sides[order.side as usize];
        let level = match ladder.find(key) {
            Ok(at) => ladder.levels[at],
            Err(at) => {
                let fresh = Level { qty: 0, oldest: NONE, youngest: NONE };
                let level = self.free_levels.pop().unwrap_or_else(|| {
                    self.levels.push(fresh);
                    u32::try_from(self.levels.len() - 1).expect("fewer levels than orders")
                });
                self.levels[level as usize] = fresh;
                ladder.keys.insert(at, key);
                ladder.levels.insert(at, level);
                level
            }
        };
        let queue = &mut self.levels[level as usize];
        let older = queue.youngest;
        queue.youngest = slot;
        queue.qty += order.qty;
        out.levels.push(LevelChange { side: order.side, price: order.price, qty: queue.qty });
        if older == NONE {
            queue.oldest = slot;
        } else {
            self.slots[older as usize].younger = slot;
        }
        self.slots[slot as usize] = Slot { order, level, older, younger: NONE };
    }

    /// Takes quantity off an order and its level; the order may be left with none.
    fn shrink(&mut self, slot: u32, by: Qty) {
        let held = &mut self.slots[slot as usize];
        held.order.qty -= by;
        self.levels[held.level as usize].qty -= by;
    }

    /// Takes out an order without quantity, and its level with it if it was the last one there.
    fn tidy(&mut self, slot: u32) {
        let Slot { order, level, .. } = self.slots[slot as usize];
        if order.qty == 0 {
            self.unlink(slot);
            self.drop_if_empty(order.side, order.price, level);
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Slot { level, older, younger, .. } = self.slots[slot as usize];
        match older {
            NONE => self.levels[level as usize].oldest = younger,
            older => self.slots[older as usize].younger = younger,
        }
        match younger {
            NONE => self.levels[level as usize].youngest = older,
            younger => self.slots[younger as usize].older = older,
        }
        self.free_slots.push(slot);
    }

    fn drop_if_empty(&mut self, side: Side, price: Ticks, level: u32) {
        if self.levels[level as usize].oldest != NONE {
            return;
        }
        let ladder = &mut self.sides[side as usize];
        let at = ladder.find(price * side.sign()).expect("a level lies in its ladder");
        ladder.keys.remove(at);
        ladder.levels.remove(at);
        self.free_levels.push(level);
    }
}

fn slot_of(id: BookOrderId) -> u32 {
    (id & ((1 << SLOT_BITS) - 1)) as u32
}
