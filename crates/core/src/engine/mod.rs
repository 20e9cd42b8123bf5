//! Our side: books as we see them, strategies, orders, risk, ledger. The same in backtest, paper, live and replay.
//!
//! Inputs are rows of market data, reports of the venue, and time. At equal times: rows (instruments in their order),
//! then reports, then timers, so that a timer sees all that reached us by then. What a strategy asks for takes effect
//! when its wake-up ends.

mod blotter;
mod books;
mod charges;
mod checkpoint;
mod context;
mod features;
mod groups;
mod halting;
mod intents;
mod moments;
mod portfolio;
mod readout;
mod state;
mod streams;
mod timers;

pub use blotter::{Blotter, FillRow, InterestPaid, Liquidation, Sample};
pub(crate) use charges::split;
pub use checkpoint::{Checkpoint, HeldPnl, HeldPosition};
pub use context::Context;

use crate::book::Book;
use crate::instrument::Instrument;
use crate::ledger::{Currencies, Ledger};
use crate::matching::Command;
use crate::order::{LifecycleError, OrderTable, Report, ReportKind};
use crate::random::Stream;
use crate::record::{Decision, Log};
use crate::risk::{Gate, Limits, Refusal};
use crate::strategy::{Fault, Interest, Quote, Strategy, Wake};
use crate::types::{AccountIx, InstrumentIx, Money, Nanos, SECOND, StrategyIx};
pub use state::Counts;
use state::{Slot, State, View};
use timers::{Timer, TimerKind, Timers};

/// A day in nanoseconds.
const DAY: Nanos = 86_400 * SECOND;

/// How an engine is set up.
#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// Of all strategies' randomness.
    pub seed: u64,
    /// How often the strategies' values are noted; `None` never.
    pub sample_every: Option<Nanos>,
    /// Whether decisions are kept as bytes for a journal or a comparison.
    pub keep_records: bool,
}

/// One strategy's place in the engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seat {
    /// What it trades.
    pub instrument: InstrumentIx,
    /// What it is woken for.
    pub interest: Interest,
    /// Its bounds.
    pub limits: Limits,
    /// Whether it has an account of its own: its balances, and its orders at the venue, meet no other strategy's.
    pub own_account: bool,
    /// Of its randomness; without it that of the engine and its index.
    pub seed: Option<u64>,
}

/// Where the strategy of a further instrument would be: its lead's is woken.
struct Leg;

impl Strategy for Leg {
    fn wake(&mut self, _: &Wake, _: &mut Context<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// What became of one strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Requests the gate refused, by reason code.
    pub refused: [u64; Refusal::ALL.len()],
    /// Quotes withheld, by reason code.
    pub withheld: [u64; Refusal::ALL.len()],
}

/// The engine: one trader, its strategies, its account.
pub struct Engine {
    state: State,
    strategies: Vec<Box<dyn Strategy>>,
    settings: EngineSettings,
    faults: Vec<(StrategyIx, Fault)>,
    has_begun: bool,
}

impl Engine {
    /// An engine without instruments or strategies.
    pub fn new(settings: EngineSettings) -> Self {
        let state = State {
            now: 0,
            views: Vec::new(),
            orders: OrderTable::new(1),
            ledger: Ledger::default(),
            slots: Vec::new(),
            sharing: Vec::new(),
            timers: Timers::default(),
            intents: Vec::new(),
            commands: Vec::new(),
            log: Log::new(settings.keep_records),
            blotter: Blotter::default(),
            halted: false,
            day: 0,
            reached: Nanos::MIN,
        };
        Self { state, strategies: Vec::new(), settings, faults: Vec::new(), has_begun: false }
    }

    /// Adds an instrument; returns its index.
    pub fn add_instrument(&mut self, instrument: Instrument) -> InstrumentIx {
        let (base, quote) = instrument.base_quote().expect("a checked instrument has an id with base and quote");
        let (base, quote) = (base.to_owned(), quote.to_owned());
        let currencies =
            Currencies { base: self.state.ledger.currency(&base), quote: self.state.ledger.currency(&quote) };
        self.state.views.push(View {
            instrument,
            currencies,
            book: Book::default(),
            series: Vec::new(),
            bar_listeners: Vec::new(),
            trade_bars_heard: false,
            closed: Vec::new(),
            sought: 0,
            hears_reports: false,
            last_trade: None,
            quote: Quote::default(),
            counts: Counts::default(),
            lends: false,
            is_shared: false,
        });
        (self.state.views.len() - 1) as InstrumentIx
    }

    /// Adds a strategy; returns its index. Panics if its instrument is not there.
    pub fn add_strategy(&mut self, seat: Seat, strategy: Box<dyn Strategy>) -> StrategyIx {
        assert!(usize::from(seat.instrument) < self.state.views.len(), "the strategy's instrument must be added first");
        let index = self.strategies.len() as StrategyIx;
        let account = self.state.ledger.add_strategy(seat.own_account);
        let seed = seat.seed.map_or((self.settings.seed, u64::from(index)), |seed| (seed, 0));
        self.add_slot(seat, account, index, Stream::new(seed.0, seed.1));
        self.strategies.push(strategy);
        self.state.listen_anew();
        index
    }

    /// Lets the strategy that was added last trade one more instrument, in the same account; returns the index of what
    /// it holds there. Of the seat, instrument and limits count. Panics if the instrument is not there.
    pub fn add_leg(&mut self, seat: Seat) -> StrategyIx {
        assert!(usize::from(seat.instrument) < self.state.views.len(), "the strategy's instrument must be added first");
        let last = self.state.slots.last().expect("a strategy was added");
        let (lead, account, interest) = (last.lead, last.account, last.interest);
        let index = self.strategies.len() as StrategyIx;
        self.state.ledger.join(account);
        self.add_slot(Seat { interest, ..seat }, account, lead, Stream::new(0, 0));
        self.state.slots[usize::from(lead)].legs += 1;
        self.strategies.push(Box::new(Leg));
        self.state.listen_anew();
        index
    }

    fn add_slot(&mut self, seat: Seat, account: AccountIx, lead: StrategyIx, random: Stream) {
        self.state.orders.add_strategy();
        if account == 0 {
            self.state.sharing.push(self.state.slots.len() as StrategyIx);
        }
        self.state.slots.push(Slot {
            instrument: seat.instrument,
            account,
            lead,
            legs: 1,
            interest: seat.interest,
            gate: Gate::new(seat.limits),
            running: true,
            wakes: 0,
            fails_at: None,
            random,
            timers: Vec::new(),
            group: 0,
            quoted: [None; 2],
            withheld_now: [None; 2],
            refused: [0; Refusal::ALL.len()],
            withheld: [0; Refusal::ALL.len()],
            day_start: 0,
            pnl_before: 0,
        });
    }

    /// Puts capital into the account that strategies share.
    pub fn deposit(&mut self, currency: &str, amount: Money) {
        self.deposit_to(0, currency, amount);
    }

    /// Puts capital into an account.
    pub fn deposit_to(&mut self, account: AccountIx, currency: &str, amount: Money) {
        let currency = self.state.ledger.currency(currency);
        let transaction = self.state.ledger.deposit(account, currency, amount);
        self.state.log.add(&Decision::Posting { ts: self.state.now, order: 0, transaction });
    }

    /// Begins at `now`: before it nobody is woken; timers are set and every strategy is woken with [`Wake::Start`].
    pub fn start(&mut self, now: Nanos) {
        (self.state.now, self.has_begun) = (now, true);
        // Midnight passed while nobody was here: the day begins with what the books last said.
        if std::mem::replace(&mut self.state.day, now.div_euclid(DAY)) != now.div_euclid(DAY) {
            self.state.slots.iter_mut().for_each(|slot| slot.day_start = slot.pnl_before);
        }
        self.state.timers.add(Timer::at((now.div_euclid(DAY) + 1) * DAY, TimerKind::Midnight, 0, 0));
        if let Some(every) = self.settings.sample_every {
            self.state.timers.add(Timer::at(now.saturating_add(every), TimerKind::Sample, 0, 0));
        }
        self.wake_all(&Wake::Start);
        self.sample();
    }

    /// Ends at `now`: every strategy is woken with [`Wake::Stop`], and its value is noted.
    pub fn stop(&mut self, now: Nanos) {
        self.state.now = now;
        self.wake_all(&Wake::Stop);
        self.sample();
    }

    fn wake_all(&mut self, wake: &Wake) {
        for index in 0..self.strategies.len() as StrategyIx {
            if self.state.slots[usize::from(index)].lead == index {
                self.wake(index, wake);
            }
        }
    }

    pub(self) fn wake(&mut self, strategy: StrategyIx, wake: &Wake) {
        let lead = self.state.slots[usize::from(strategy)].lead;
        let (slot, next_id) = (&mut self.state.slots[usize::from(lead)], self.state.orders.next_id());
        if !slot.running || !self.has_begun {
            return;
        }
        slot.wakes += 1;
        let must_fail = slot.fails_at == Some(slot.wakes);
        let mut context = Context { state: &mut self.state, strategy };
        match self.strategies[usize::from(lead)].wake(wake, &mut context) {
            Ok(()) if !must_fail && self.state.intents.is_empty() => {}
            Ok(()) if !must_fail => self.state.carry_out(),
            outcome => {
                self.state.intents.clear();
                self.state.orders.take_back(next_id);
                self.faults.push((lead, outcome.err().unwrap_or_else(|| Fault("it raised in the session".into()))));
                self.stop_strategy(lead, self.state.now);
            }
        }
    }

    /// Lets only plain orders pass the gates of the strategies added so far: what takes them knows no others.
    pub fn only_plain_orders(&mut self) {
        self.state.slots.iter_mut().for_each(|slot| slot.gate.plain_only = true);
    }

    /// Whether [`Engine::start`] was called.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Takes a strategy's wake-up of this number for a failed one, whatever it says: so a replay obeys what stopped it
    /// in the session, such as a callback that took too long.
    pub fn fail_at(&mut self, strategy: StrategyIx, wake: u64) {
        self.state.slots[usize::from(strategy)].fails_at = Some(wake);
    }

    /// Takes in one report of the venue.
    pub fn report(&mut self, report: &Report) {
        let state = &mut self.state;
        state.now = state.now.max(report.ts_recv);
        state.log.report(report);
        if let ReportKind::Account(event) = &report.kind {
            return self.account_event(report, event);
        }
        let order = match state.orders.apply(report) {
            Ok(order) => order,
            Err(
                None | Some(LifecycleError::AlreadyFinal | LifecycleError::DuplicateTrade | LifecycleError::Overfilled),
            ) => {
                state.blotter.odd_reports += 1;
                return;
            }
        };
        let request = order.request;
        let interest = state.slots[usize::from(request.strategy)].interest;
        let wake = match report.kind {
            ReportKind::Filled(fill) if interest.fill => Some(Wake::Fill(*order, fill)),
            ReportKind::Filled(_) => None,
            _ if interest.order => Some(Wake::Order(*order)),
            _ => None,
        };
        if let ReportKind::Filled(fill) = &report.kind {
            state.book(report, report.order, &request, fill);
        }
        if let Some(wake) = wake {
            self.wake(request.strategy, &wake);
        }
    }

    /// Whether some strategy trades several instruments.
    pub fn trades_several(&self) -> bool {
        self.state.slots.iter().any(|slot| slot.legs > 1)
    }

    /// Whether a report of this instrument could wake somebody.
    pub fn hears_reports(&self, instrument: InstrumentIx) -> bool {
        self.state.views[usize::from(instrument)].hears_reports
    }

    /// Notes every strategy's value now.
    fn sample(&mut self) {
        if self.settings.sample_every.is_none() {
            return;
        }
        for strategy in 0..self.state.slots.len() as StrategyIx {
            let sample = Sample {
                ts: self.state.now,
                strategy,
                pnl: self.state.pnl(strategy),
                position: self.state.ledger.position(strategy).qty,
                twice_mid: self.state.view_of(strategy).twice_mid(),
            };
            self.state.blotter.samples.push(sample);
        }
    }

    /// Hands over the commands made since the last call, in the order they were made.
    pub fn commands(&mut self) -> std::vec::Drain<'_, Command> {
        self.state.commands.drain(..)
    }

    /// Strategies that could not go on, and why.
    pub fn faults(&self) -> &[(StrategyIx, Fault)] {
        &self.faults
    }

    /// The engine's time.
    pub fn now(&self) -> Nanos {
        self.state.now
    }

    /// The record of decisions.
    pub fn log(&mut self) -> &mut Log {
        &mut self.state.log
    }
}

#[cfg(test)]
mod tests;
