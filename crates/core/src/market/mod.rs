//! The seeded market: a few kinds of participants around a moving value, meeting in a price-time matching engine.
//!
//! Fixed by its seed, its instrument, its [`Params`] and its start; told in the same rows as a recorded market. Each
//! kind of participant draws from streams of its own, so that a further kind changes nobody else's draws.
//!
//! ```
//! use kedge_core::instrument::Instrument;
//! use kedge_core::market::{Params, SeededMarket};
//!
//! let spot = Instrument::from_json(r#"{"id": "BTC/USDT@simulated", "symbol": "BTCUSDT", "kind": "spot",
//!     "tick_size": "0.01", "lot_size": "0.00001", "quantity_step_in_data": "0.00000001", "min_notional": "5",
//!     "maker_fee": "0.001", "taker_fee": "0.001"}"#).unwrap();
//! let mut market = SeededMarket::new(7, &spot, Params::of(&spot), 0, 100_000_000);
//! let mut rows = Vec::new();
//! market.advance(1_000_000_000, &mut rows);
//! assert!(rows.iter().all(|row| row.ts_event < 1_000_000_000));
//! ```

mod cancelling;
mod feed;
mod floor;
mod informed;
mod ladder;
mod noise;
mod perpetual;
mod takers;
#[cfg(test)]
mod tests;
mod touch;
mod value;

/// The matching engine.
pub mod order_book;
/// Every number of the market.
pub mod params;
/// The calibrated sets of numbers.
pub mod presets;

pub use floor::{ForeignFill, LAST_OWN_TAG};
pub use params::Params;
pub use perpetual::Mark;

use crate::event::Event;
use crate::instrument::Instrument;
use crate::types::{Nanos, Side};
use feed::Feed;
use floor::{Floor, Participant, Scale, nanos, tag};
use order_book::{Changes, OrderBook};
use perpetual::Perpetual;
use value::Value;

/// A market that makes itself. See the module.
pub struct SeededMarket {
    floor: Floor,
    value: Value,
    participants: [Box<dyn Participant + Send + Sync>; 7],
    perpetual: Option<Perpetual>,
    start: Nanos,
    next_depth: Nanos,
}

impl SeededMarket {
    /// A market of `instrument` that opens at `start` and tells its depth every `depth_every` nanoseconds (0: at once).
    pub fn new(seed: u64, instrument: &Instrument, params: Params, start: Nanos, depth_every: Nanos) -> Self {
        let warm_up = nanos(params.warm_up_s);
        let value = instrument.tick_size.steps_in(params.value.start);
        let scale = Scale::new(instrument, params.value.start);
        let mut floor = Floor::new(Feed::new(depth_every.max(0)), scale, value, params.pressure.unit_bp);
        floor.now = start - warm_up;
        let premium = instrument.kind.is_perpetual().then_some(params.premium);
        let hours = instrument.funding_interval_hours.unwrap_or(8);
        let participants: [Box<dyn Participant + Send + Sync>; 7] = [
            Box::new(ladder::Ladders::new(seed, params.ladder, &mut floor)),
            Box::new(touch::TouchMakers::new(seed, params.touch, floor.now)),
            Box::new(takers::Takers::new(seed, params.takers, floor.now)),
            Box::new(cancelling::Withdrawal::new(seed, params.pressure, floor.now)),
            Box::new(informed::Informed::new(seed, params.informed, floor.now)),
            Box::new(noise::Noise::new(seed, tag::NEAR, params.near, &mut floor)),
            Box::new(noise::Noise::new(seed, tag::FAR, params.far, &mut floor)),
        ];
        let mut market = Self {
            value: Value::new(seed, params.value, premium, value, floor.now),
            floor,
            participants,
            perpetual: premium.map(|premium| Perpetual::new(premium, hours, start)),
            start,
            next_depth: if depth_every > 0 { start + depth_every } else { Nanos::MAX },
        };
        market.run(start, false);
        market.floor.now = start;
        market.floor.feed.open(start, &market.floor.book);
        market
    }

    /// Appends all rows before `until` that were not handed out yet, in order of time; the venue's time is also ours.
    pub fn advance(&mut self, until: Nanos, out: &mut Vec<Event>) {
        if until > self.start {
            self.run(until, false);
            out.append(&mut self.floor.feed.rows);
        }
    }

    /// The same, but stops at the first fill of somebody from outside: returns its time, or `None` at `until`.
    ///
    /// Whoever takes the fills ([`Self::take_foreign_fills`]) and calls again can answer each before anything follows.
    pub fn advance_to_fill(&mut self, until: Nanos, out: &mut Vec<Event>) -> Option<Nanos> {
        if until <= self.start {
            return None;
        }
        let at = self.run(until, true);
        out.append(&mut self.floor.feed.rows);
        at
    }

    /// Mark price, index and funding of a perpetual.
    pub fn mark(&self) -> Option<Mark> {
        self.perpetual.as_ref().map(|perpetual| perpetual.mark(self.value.index()))
    }

    /// The book as it stands.
    pub fn book(&self) -> &OrderBook {
        &self.floor.book
    }

    /// Sends a message of somebody else to the book at `at`, between the participants' own: they and the feed see what
    /// it does. Owners' tags above [`LAST_OWN_TAG`] are free. Rows until then and of the message are appended to `out`.
    ///
    /// A moment before the last one advanced to counts as that one.
    pub fn with_book<R>(
        &mut self,
        at: Nanos,
        out: &mut Vec<Event>,
        message: impl FnOnce(&mut OrderBook, &mut Changes) -> R,
    ) -> R {
        self.advance(at, out);
        self.floor.now = self.floor.now.max(at);
        let result = self.floor.act(message);
        self.show_gap();
        out.append(&mut self.floor.feed.rows);
        result
    }

    /// Fills since the last call in which a tag above [`LAST_OWN_TAG`] took part.
    pub fn take_foreign_fills(&mut self) -> Vec<ForeignFill> {
        std::mem::take(&mut self.floor.foreign_fills)
    }

    /// Until `until`, or just behind the next fill of somebody from outside: returns when that was.
    fn run(&mut self, until: Nanos, stop_at_fill: bool) -> Option<Nanos> {
        loop {
            // Who is due first; at one moment, who comes first here.
            let (mut at, mut who) = (self.value.due(), None);
            for (index, participant) in self.participants.iter().enumerate() {
                let due = participant.due();
                if due < at {
                    (at, who) = (due, Some(index));
                }
            }
            let clock = self.perpetual.as_ref().map_or(Nanos::MAX, Perpetual::due).min(self.next_depth);
            if at.min(clock) >= until {
                return None;
            }
            if clock < at {
                self.floor.now = clock;
                self.tick();
                continue;
            }
            self.floor.now = at;
            match who {
                None => self.value.act(&mut self.floor),
                Some(index) => {
                    self.participants[index].act(&mut self.floor);
                    self.show_gap();
                    if stop_at_fill && !self.floor.foreign_fills.is_empty() {
                        return Some(at);
                    }
                }
            }
        }
    }

    /// What the clock brings rather than a participant: the depth packet, the mark price, the funding rate.
    fn tick(&mut self) {
        if self.floor.now == self.next_depth {
            self.floor.feed.depth(self.floor.now);
            self.next_depth += self.floor.feed.depth_every;
        } else if let Some(perpetual) = &mut self.perpetual {
            perpetual.act(&mut self.floor, self.value.index());
        }
    }

    fn show_gap(&mut self) {
        if self.floor.touch(Side::Sell) - self.floor.touch(Side::Buy) > 1 {
            for participant in &mut self.participants {
                participant.see_gap(&self.floor);
            }
        }
    }
}
