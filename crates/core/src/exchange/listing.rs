//! One instrument on the exchange: its seeded market, the rows it has told, and the book that those rows make.

use std::collections::BTreeMap;

use super::margin::one_tier;
use crate::event::{Event, Kind};
use crate::instrument::{Instrument, InstrumentKind};
use crate::margin::MarginTiers;
use crate::market::order_book::{BookOrderId, Changes, OrderBook};
use crate::market::{ForeignFill, Mark, Params, SeededMarket};
use crate::types::{CurrencyIx, Nanos, OrderId, Qty, Side, Ticks};

/// How often depth is told.
const DEPTH_EVERY: Nanos = 100_000_000;

/// Levels of a side, best first.
pub type Levels = Vec<(Ticks, Qty)>;

/// The book as subscribers know it: what depth rows have told so far.
#[derive(Clone, Debug, Default)]
struct ToldBook {
    /// Keys are prices, negative for bids: the first is the best.
    sides: [BTreeMap<Ticks, Qty>; 2],
    update_id: u64,
}

impl ToldBook {
    fn set(&mut self, row: &Event) {
        let (side, key) = (row.side() as usize, -row.price * row.side().sign());
        if row.qty == 0 {
            self.sides[side].remove(&key);
        } else {
            self.sides[side].insert(key, row.qty);
        }
    }
}

/// A listed instrument.
pub(super) struct Listing {
    pub(super) instrument: Instrument,
    pub(super) lot: Qty,
    pub(super) tiers: MarginTiers,
    pub(super) base: CurrencyIx,
    pub(super) quote: CurrencyIx,
    /// The mark price that margins go by: that of the last check, so that a fill between two does not depend on how far
    /// the other markets are.
    pub(super) marked: Ticks,
    market: SeededMarket,
    /// Rows not handed out yet.
    rows: Vec<Event>,
    /// Of those, already looked at.
    seen: usize,
    told: ToldBook,
    /// Accounts' orders in the book.
    pub(super) resting: BTreeMap<BookOrderId, OrderId>,
    /// The market stands just behind this fill of an account's order.
    pub(super) stopped: Option<Nanos>,
}

impl Listing {
    pub(super) fn new(
        seed: u64,
        instrument: Instrument,
        value: f64,
        start: Nanos,
        (base, quote): (CurrencyIx, CurrencyIx),
    ) -> Self {
        let mut params = Params::of(&instrument);
        params.value.start = value;
        let market = SeededMarket::new(seed, &instrument, params, start, DEPTH_EVERY);
        let (told, resting) = (ToldBook::default(), BTreeMap::new());
        let lot = instrument.lot_steps();
        let rows = Vec::new();
        let tiers = if instrument.margin_tiers.is_empty() { one_tier() } else { instrument.margin_tiers.clone() };
        let mut listing = Self {
            instrument,
            lot,
            tiers,
            base,
            quote,
            marked: 0,
            market,
            rows,
            seen: 0,
            told,
            resting,
            stopped: None,
        };
        listing.marked = listing.mark().mark;
        listing
    }

    pub(super) fn is_perpetual(&self) -> bool {
        self.instrument.kind == InstrumentKind::LinearPerpetual
    }

    /// Runs until `until`, or until just behind a fill of an account's order.
    pub(super) fn run(&mut self, until: Nanos) {
        self.stopped = self.market.advance_to_fill(until, &mut self.rows);
    }

    pub(super) fn take_fills(&mut self) -> Vec<ForeignFill> {
        self.market.take_foreign_fills()
    }

    /// Sends a message to the book at `at`.
    pub(super) fn with_book<R>(&mut self, at: Nanos, message: impl FnOnce(&mut OrderBook, &mut Changes) -> R) -> R {
        self.market.with_book(at, &mut self.rows, message)
    }

    pub(super) fn book(&self) -> &OrderBook {
        self.market.book()
    }

    /// Mark and index price; the middle of the book for spot, where nothing is marked.
    pub(super) fn mark(&self) -> Mark {
        self.market.mark().unwrap_or_else(|| {
            let mid = match (self.book().best(Side::Buy), self.book().best(Side::Sell)) {
                (Some((bid, _)), Some((ask, _))) => i64::midpoint(bid, ask),
                (Some((price, _)), None) | (None, Some((price, _))) => price,
                (None, None) => 0,
            };
            Mark { mark: mid, index: mid, rate: 0, next_funding: 0 }
        })
    }

    /// Looks at new rows: keeps the told book, and returns funding rates with their times.
    pub(super) fn look(&mut self) -> Vec<(Nanos, i64)> {
        let mut funding = Vec::new();
        for row in &self.rows[self.seen..] {
            match row.kind() {
                Kind::Clear => self.told.sides.iter_mut().for_each(BTreeMap::clear),
                Kind::Level => self.told.set(row),
                Kind::Delta => {
                    self.told.set(row);
                    self.told.update_id += 1;
                }
                Kind::Funding => funding.push((row.ts_event, row.qty)),
                _ => {}
            }
        }
        self.seen = self.rows.len();
        funding
    }

    /// Rows since the last call. Only after [`Self::look`].
    pub(super) fn take_rows(&mut self) -> Vec<Event> {
        debug_assert_eq!(self.seen, self.rows.len());
        self.seen = 0;
        std::mem::take(&mut self.rows)
    }

    /// The told book: number of its last delta row, and levels of both sides. Only after [`Self::look`].
    pub(super) fn depth(&self, levels: usize) -> (u64, [Levels; 2]) {
        let side = |side: Side| {
            let told = self.told.sides[side as usize].iter().take(levels);
            told.map(|(&key, &qty)| (-key * side.sign(), qty)).collect()
        };
        (self.told.update_id, [side(Side::Buy), side(Side::Sell)])
    }

    /// How much of `qty` the book gives to a taker within `limit`, without meeting orders of `owner`; and its price.
    pub(super) fn offer(&self, side: Side, limit: Option<Ticks>, qty: Qty, owner: u32) -> Offer {
        let (book, other) = (self.book(), side.opposite());
        let mut offer = Offer { qty: 0, ticks: 0, worst: None, met_own: false };
        for (price, level) in book.levels(other) {
            if offer.qty >= qty || limit.is_some_and(|limit| (price - limit) * side.sign() > 0) {
                break;
            }
            let others = book.queue(other, price).take_while(|order| order.owner != owner);
            let offered: Qty = others.map(|order| order.qty).sum();
            let take = offered.min(qty - offer.qty);
            offer.qty += take;
            offer.ticks += i128::from(take) * i128::from(price);
            if take > 0 {
                offer.worst = Some(price);
            }
            if offered < level && offer.qty < qty {
                offer.met_own = true;
                break;
            }
        }
        offer
    }
}

/// What a taker would get.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    /// Steps.
    pub(super) qty: Qty,
    /// Price × quantity, ticks × steps.
    pub(super) ticks: i128,
    /// The last price.
    pub(super) worst: Option<Ticks>,
    /// An order of the taker itself stands in the way of more.
    pub(super) met_own: bool,
}
