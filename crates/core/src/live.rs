//! The engine fed by a venue as it happens, and by a journal of what happened: the same inputs, the same decisions.
//!
//! Time comes with each input. Timers due by then fire first, at their own times, so that a replay needs no more than
//! the inputs in their order.

use crate::codec::DecodeError;
use crate::codec::binance::{Heard, LiveFeed, Market};
use crate::engine::Engine;
use crate::event::Event;
use crate::order::Report;
use crate::types::{InstrumentIx, Nanos};

/// An engine with a decoder for each of its instruments.
pub struct Live {
    engine: Engine,
    feeds: Vec<(Market, LiveFeed)>,
    now: Nanos,
}

impl Live {
    /// Joins an engine, whose instruments have been added, with a feed for each of them, in their order.
    pub fn new(engine: Engine, feeds: Vec<(Market, LiveFeed)>) -> Self {
        Self { engine, feeds, now: 0 }
    }

    /// The engine.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// The time of the last input.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Begins at `now`.
    pub fn start(&mut self, now: Nanos) {
        self.now = now;
        self.engine.start(now);
    }

    /// Takes one message of a venue; the rows it brought are left in `rows`, as a journal has to keep them.
    ///
    /// # Errors
    /// Names the field, its value and the rule; nothing was taken in.
    pub fn message(
        &mut self,
        instrument: InstrumentIx,
        frame: &[u8],
        now: Nanos,
        rows: &mut Vec<Event>,
    ) -> Result<Heard, DecodeError> {
        rows.clear();
        let now = now.max(self.now);
        let heard = self.feeds[usize::from(instrument)].1.message(frame, now, rows)?;
        self.rows(instrument, rows, now);
        Ok(heard)
    }

    /// Takes rows that were decoded before: the case of a replay.
    pub fn rows(&mut self, instrument: InstrumentIx, rows: &[Event], now: Nanos) {
        self.tick(now);
        for row in rows {
            self.engine.step_row(instrument, self.now, row);
        }
    }

    /// The connection of an instrument was lost: its book is not to be trusted until a new snapshot. Returns the row
    /// that says so, taken in and to be kept.
    pub fn lost(&mut self, instrument: InstrumentIx, now: Nanos) -> Event {
        let (market, feed) = &mut self.feeds[usize::from(instrument)];
        feed.reset(*market);
        let mut gap = Event::new(now, now, crate::event::Kind::Gap, crate::types::Side::Buy, 0, 0);
        gap.flags |= crate::event::flag::LAST;
        self.rows(instrument, &[gap], now);
        gap
    }

    /// Takes one report of the venue.
    pub fn report(&mut self, report: &Report) {
        self.tick(report.ts_recv);
        self.engine.report(&Report { ts_recv: self.now, ..*report });
    }

    /// Time passed: fires the timers due by now. Returns whether any was.
    pub fn tick(&mut self, now: Nanos) -> bool {
        self.now = self.now.max(now);
        self.engine.reach(self.now);
        let mut fired = false;
        while self.engine.next_timer().is_some_and(|at| at <= self.now) {
            self.engine.step_timer();
            fired = true;
        }
        fired
    }

    /// Gaps and resyncs of an instrument's feed.
    pub fn counts(&self, instrument: InstrumentIx) -> (u64, u64) {
        let counts = self.feeds[usize::from(instrument)].1.counts();
        (counts.gaps, counts.resyncs)
    }
}
