//! The engine fed by a venue as it happens, and by a journal of what happened: the same inputs, the same decisions.
//!
//! Time comes with each input. Timers due by then fire first, at their own times, so that a replay needs no more than
//! the inputs in their order. Nothing but [`Live::take`] changes what is decided.

use crate::codec::DecodeError;
use crate::codec::binance::{Heard, LiveFeed};
use crate::engine::Engine;
use crate::event::{Event, Kind, flag};
use crate::order::{Fill, OrderRequest, Report};
use crate::types::{InstrumentIx, Money, Nanos, OrderId, Side, StrategyIx};

/// What a session takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The rows of one message of an instrument's venue, or the gap that a lost connection leaves.
    Rows(InstrumentIx, &'a [Event]),
    /// What the venue said of an order of this session; `ts_recv` is the time it is taken at.
    Report(Report),
    /// An execution of an order of an earlier session.
    EarlierFill {
        /// Which.
        order: OrderId,
        /// Whose it was: strategy, instrument and side count.
        request: OrderRequest,
        /// What was executed.
        fill: Fill,
    },
    /// A funding payment of the account.
    Funding {
        /// On which instrument.
        instrument: InstrumentIx,
        /// In quote currency; negative: paid.
        amount: Money,
        /// The venue's time.
        ts_venue: Nanos,
    },
    /// What a person did.
    Act(Act),
    /// Time passed. The first of these begins the session.
    Time,
}

/// What a person may do to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Stops all trading and cancels every open order.
    Halt,
    /// Lets orders pass again.
    Resume,
    /// Cancels one open order.
    Cancel(OrderId),
    /// Stops one strategy and cancels its orders.
    Stop(StrategyIx),
    /// Lets a stopped strategy be called again.
    Start(StrategyIx),
    /// Tells the strategies that the session ends.
    End,
}

/// An engine with a decoder for each of its instruments; none where rows come decoded, from a journal.
pub struct Live {
    engine: Engine,
    feeds: Vec<LiveFeed>,
    now: Nanos,
}

impl Live {
    /// Joins an engine, whose instruments have been added, with a feed for each of them, in their order.
    pub fn new(engine: Engine, feeds: Vec<LiveFeed>) -> Self {
        Self { engine, feeds, now: 0 }
    }

    /// The engine.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// The time of the last input: the next is not before it.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Decodes one message of a venue: the rows it brought are left in `rows`, and not yet taken in.
    ///
    /// # Errors
    /// Names the field, its value and the rule; `rows` is empty then.
    pub fn decode(
        &mut self,
        instrument: InstrumentIx,
        frame: &[u8],
        now: Nanos,
        rows: &mut Vec<Event>,
    ) -> Result<Heard, DecodeError> {
        rows.clear();
        self.feeds[usize::from(instrument)].message(frame, now.max(self.now), rows)
    }

    /// The connection of an instrument was lost: its book is not to be trusted until a new snapshot. Returns the row
    /// that says so, not yet taken in.
    pub fn lose(&mut self, instrument: InstrumentIx, now: Nanos) -> Event {
        self.feeds[usize::from(instrument)].reset();
        let now = now.max(self.now);
        let mut gap = Event::new(now, now, Kind::Gap, Side::Buy, 0, 0);
        gap.flags |= flag::LAST;
        gap
    }

    /// Whether a timer is due by `now`.
    pub fn is_due(&self, now: Nanos) -> bool {
        self.engine.next_timer().is_some_and(|at| at <= now)
    }

    /// Takes one input at a time that is not before the last one's: the only way to change what is decided.
    pub fn take(&mut self, now: Nanos, input: &Input<'_>) {
        self.reach(now);
        let now = self.now;
        match input {
            Input::Rows(instrument, rows) => {
                rows.iter().for_each(|row| self.engine.step_row(*instrument, now, row));
            }
            Input::Report(report) => self.engine.report(&Report { ts_recv: now, ..*report }),
            Input::EarlierFill { order, request, fill } => {
                self.engine.book_earlier_fill(*order, request, fill, now);
            }
            Input::Funding { instrument, amount, ts_venue } => {
                self.engine.book_funding(*instrument, *amount, *ts_venue, now);
            }
            Input::Act(act) => self.act(*act),
            Input::Time if self.engine.has_begun() => {}
            Input::Time => self.engine.start(now),
        }
    }

    fn reach(&mut self, now: Nanos) {
        self.now = self.now.max(now);
        self.engine.reach(self.now);
        while self.engine.next_timer().is_some_and(|at| at <= self.now) {
            self.engine.step_timer();
        }
    }

    fn act(&mut self, act: Act) {
        let (engine, now) = (&mut self.engine, self.now);
        match act {
            Act::Halt => engine.halt(now),
            Act::Resume => engine.resume(),
            Act::Cancel(order) => engine.cancel(order, now),
            Act::Stop(strategy) => engine.stop_strategy(strategy, now),
            Act::Start(strategy) => engine.run_strategy(strategy),
            Act::End => engine.stop(now),
        }
    }

    /// Gaps and resyncs of an instrument's feed.
    pub fn counts(&self, instrument: InstrumentIx) -> (u64, u64) {
        let counts = self.feeds[usize::from(instrument)].counts();
        (counts.gaps, counts.resyncs)
    }
}
