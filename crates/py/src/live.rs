//! The live session for Python: messages and reports in, durable decisions and commands out.

use std::os::fd::AsRawFd;

use kedge_core::codec::binance::{LiveFeed, Market};
use kedge_core::instrument::Instrument;
use kedge_core::live::{Act, Input, Live};
use kedge_core::order::{Fill, OrderRequest, Reason, Report, ReportKind, Terms};
use kedge_core::types::{InstrumentIx, Liquidity, Money, Nanos, OrderId, OrderKind, Side, StrategyIx, TimeInForce};
use kedge_journal::{GroupCommitter, Stream, Writer, kind};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::backtest::instrument;
use crate::commands::Command;
use crate::errors::kedge_error;
use crate::guarded::Guarded;
use crate::journal::raised as journal_error;
use crate::seated::{SeatArguments, Seated, books, saved};
use crate::session::Session;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyLiveSession>()
}

/// Records that may wait for the disk before the session waits for it.
const QUEUE: usize = 8_192;

/// The engine, its strategies and its journal, for one epoch of one account.
#[pyclass(name = "LiveSession", module = "kedge._core")]
struct PyLiveSession {
    session: Guarded<Session>,
}

#[pymethods]
impl PyLiveSession {
    /// Begins a session: a new folder of the journal, an engine with its books from `checkpoint` (JSON, or None).
    #[new]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        settings: &str,
        streams: Vec<(String, String)>,
        strategies: Vec<SeatArguments<'_>>,
        folder: &str,
        session_id: [u8; 16],
        header: &str,
        checkpoint: Option<&str>,
        first_order: OrderId,
        now: Nanos,
    ) -> PyResult<Self> {
        let instruments: Vec<Instrument> =
            streams.iter().map(|(definition, _)| instrument(definition)).collect::<PyResult<_>>()?;
        let (mut feeds, mut markets) = (Vec::new(), Vec::new());
        for ((_, market), instrument) in streams.iter().zip(&instruments) {
            let market =
                Market::of(market).ok_or_else(|| kedge_error("UsageError", format!("no market `{market}`"), ""))?;
            let feed = LiveFeed::new(market, instrument);
            feeds.push(feed.map_err(|error| kedge_error("UsageError", error.to_string(), ""))?);
            markets.push(market);
        }
        let mut seated = Seated::new(settings, instruments, &strategies)?;
        let mut begun = match checkpoint {
            Some(text) => books(text)?,
            None => kedge_core::engine::Checkpoint { deposits_follow: true, ..seated.engine.checkpoint() },
        };
        begun.next_order = begun.next_order.max(first_order);
        seated.restore(py, &begun)?;
        let writer = py.detach(|| Writer::create(folder, session_id, header.as_bytes(), now, now));
        let writer = writer.map_err(|error| journal_error(&error))?;
        let committer = GroupCommitter::spawn(writer, QUEUE).map_err(|error| journal_error(&error))?;
        seated.deposit(&begun);
        let mut session = Session {
            live: Live::new(seated.engine, feeds),
            committer: Some(committer),
            rows: Vec::new(),
            appended: 1,
            commands: Vec::new(),
            strategies: seated.strategies,
            raised: seated.raised,
            told_faults: 0,
            noted_faults: 0,
            markets,
        };
        let text = serde_json::to_vec(&begun).unwrap_or_default();
        session.append(Stream::Decisions, kind::CHECKPOINT, now, now, text)?;
        session.settle(now, now)?;
        Ok(Self { session: Guarded::new(session) })
    }

    /// Wakes the strategies for the first time.
    fn start(&self, now: Nanos) -> PyResult<()> {
        self.session.with(|session| session.take(now, &Input::Time))
    }

    /// Takes one message of an instrument's venue. Returns (about the book, needs a snapshot, when it was sent).
    fn message(&self, instrument: InstrumentIx, frame: &[u8], now: Nanos) -> PyResult<(bool, bool, Option<Nanos>)> {
        self.session.with(|session| {
            let heard = session.live.decode(instrument, frame, now, &mut session.rows);
            let heard =
                heard.map_err(|error| kedge_error("DataError", error.to_string(), "the message was left out"))?;
            session.take_rows(now, instrument)?;
            Ok((heard.about_book, heard.needs_snapshot, heard.sent))
        })
    }

    /// The connection of an instrument was lost.
    fn lost(&self, instrument: InstrumentIx, now: Nanos) -> PyResult<()> {
        self.session.with(|session| {
            session.rows = vec![session.live.lose(instrument, now)];
            session.take_rows(now, instrument)
        })
    }

    /// Takes one report. `what` is accepted, rejected, filled, canceled, expired, cancel_rejected, amended,
    /// amend_rejected or unknown; the fill's price and quantity and an amendment's are decimal text.
    #[pyo3(signature = (
        order, what, ts_venue, now, *, instrument=0, price="0", quantity="0", trade=0, maker=false, fee="0"
    ))]
    #[allow(clippy::too_many_arguments)]
    fn report(
        &self,
        order: OrderId,
        what: &str,
        ts_venue: Nanos,
        now: Nanos,
        instrument: InstrumentIx,
        price: &str,
        quantity: &str,
        trade: u64,
        maker: bool,
        fee: &str,
    ) -> PyResult<()> {
        self.session.with(|session| {
            let amounts = amounts(session, instrument, price, quantity)?;
            let kind = match what {
                "accepted" => ReportKind::Accepted { queue_ahead: -1 },
                "rejected" => ReportKind::Rejected(Reason::None),
                "filled" => ReportKind::Filled(fill(amounts, trade, maker, fee)?),
                "canceled" => ReportKind::Canceled,
                "expired" => ReportKind::Expired(Reason::None),
                "cancel_rejected" => ReportKind::CancelRejected(Reason::UnknownOrder),
                "amended" => ReportKind::Amended { price: amounts.0, qty: amounts.1 },
                "amend_rejected" => ReportKind::AmendRejected(Reason::None),
                "unknown" => ReportKind::Unknown,
                _ => return Err(kedge_error("UsageError", format!("no report is called `{what}`"), "")),
            };
            session.take(now, &Input::Report(Report { order, ts_venue, ts_recv: now, kind }))
        })
    }

    /// Books an execution of an order of an earlier session. Returns whether its strategy is still there.
    #[pyo3(signature = (order, strategy, instrument, side, price, quantity, trade, maker, fee, now))]
    #[allow(clippy::too_many_arguments)]
    fn earlier_fill(
        &self,
        order: OrderId,
        strategy: StrategyIx,
        instrument: InstrumentIx,
        side: &str,
        price: &str,
        quantity: &str,
        trade: u64,
        maker: bool,
        fee: &str,
        now: Nanos,
    ) -> PyResult<bool> {
        self.session.with(|session| {
            let amounts = amounts(session, instrument, price, quantity)?;
            let fill = fill(amounts, trade, maker, fee)?;
            if usize::from(strategy) >= session.raised.len() {
                return Ok(false);
            }
            let side = if side == "buy" { Side::Buy } else { Side::Sell };
            let (kind, time_in_force) = (OrderKind::Limit, TimeInForce::Gtc);
            let (price, qty) = amounts;
            let request =
                OrderRequest { strategy, instrument, side, kind, time_in_force, price, qty, terms: Terms::PLAIN };
            session.take(now, &Input::EarlierFill { order, request, fill })?;
            Ok(true)
        })
    }

    /// Books a funding payment of the account on an instrument, as decimal text of its quote currency; negative: paid.
    fn funding(&self, instrument: InstrumentIx, amount: &str, ts_venue: Nanos, now: Nanos) -> PyResult<()> {
        self.session.with(|session| {
            known_instrument(session, instrument)?;
            let amount = money("funding", amount)?;
            session.take(now, &Input::Funding { instrument, amount, ts_venue })
        })
    }

    /// Time passed: fires the timers due by now.
    fn tick(&self, now: Nanos) -> PyResult<()> {
        self.session.with(|session| session.pass(now))
    }

    /// When the next timer is due.
    fn next_timer(&self) -> PyResult<Option<Nanos>> {
        self.session.with(|session| Ok(session.live.engine().next_timer()))
    }

    /// Hands over the commands made since the last call.
    fn commands(&self) -> PyResult<Vec<Command>> {
        self.session.with(|session| Ok(std::mem::take(&mut session.commands)))
    }

    /// The last sequence that a crash cannot take.
    fn durable(&self) -> PyResult<u64> {
        self.session.with(|session| Ok(session.committer()?.durable()))
    }

    /// A file descriptor that becomes readable after each commit.
    fn waker(&self) -> PyResult<i32> {
        self.session.with(|session| Ok(session.committer()?.waker().as_raw_fd()))
    }

    /// Notes a status (13) or a reconciliation (14), as JSON.
    fn note(&self, kind: u8, json: &str, now: Nanos) -> PyResult<()> {
        self.session
            .with(|session| session.append(Stream::Decisions, kind, now, now, json.as_bytes().to_vec()).map(|_| ()))
    }

    /// Writes a checkpoint of the books, with what the strategies save, into the journal and returns it.
    fn checkpoint(&self, py: Python<'_>, now: Nanos) -> PyResult<String> {
        self.session.with(|session| {
            let mut books = session.live.engine().checkpoint();
            books.saved = saved(py, &session.strategies);
            let books = serde_json::to_string(&books).unwrap_or_default();
            session.append(Stream::Decisions, kind::CHECKPOINT, now, now, books.clone().into_bytes())?;
            Ok(books)
        })
    }

    /// Stops all trading and cancels every open order.
    fn halt(&self, now: Nanos) -> PyResult<()> {
        self.session.with(|session| session.take(now, &Input::Act(Act::Halt)))
    }

    /// Lets orders pass again.
    fn resume(&self, now: Nanos) -> PyResult<()> {
        self.session.with(|session| session.take(now, &Input::Act(Act::Resume)))
    }

    /// Cancels one open order.
    fn cancel(&self, order: OrderId, now: Nanos) -> PyResult<()> {
        self.session.with(|session| session.take(now, &Input::Act(Act::Cancel(order))))
    }

    /// Tells the strategies that the session ends: `on_stop`.
    fn end(&self, now: Nanos) -> PyResult<()> {
        self.session.with(|session| session.take(now, &Input::Act(Act::End)))
    }

    /// Stops one strategy and cancels its orders.
    fn stop_strategy(&self, strategy: StrategyIx, now: Nanos) -> PyResult<()> {
        self.of_strategy(strategy, now, Act::Stop)
    }

    /// Lets a stopped strategy be called again.
    fn start_strategy(&self, strategy: StrategyIx, now: Nanos) -> PyResult<()> {
        self.of_strategy(strategy, now, Act::Start)
    }

    /// What is open, by strategy: (order, strategy, instrument, side, price, quantity, filled, state).
    fn open_orders(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        self.session.with(|session| session.open_orders(py))
    }

    /// Values of every strategy and instrument now.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.session.with(|session| session.values(py))
    }

    /// Strategies that raised since the last call, and what they raised.
    fn faults(&self, py: Python<'_>) -> PyResult<Vec<(StrategyIx, Py<PyAny>)>> {
        self.session.with(|session| {
            let faults: Vec<StrategyIx> =
                session.live.engine().faults()[session.told_faults..].iter().map(|f| f.0).collect();
            session.told_faults += faults.len();
            let raised = |ix: StrategyIx| {
                let error = session.raised[usize::from(ix)].borrow_mut().take();
                error.map(|error| (ix, error.into_value(py).into_any()))
            };
            Ok(faults.into_iter().filter_map(raised).collect())
        })
    }

    /// Ends the session cleanly: a checkpoint, the trace hash, and everything durable.
    fn close(&self, py: Python<'_>, now: Nanos) -> PyResult<()> {
        self.checkpoint(py, now)?;
        self.session.with(|session| {
            let end = format!("{{\"trace_hash\": \"{}\"}}", session.live.engine().log().trace_hash());
            session.append(Stream::Decisions, kind::CLOSED, now, now, end.into_bytes())?;
            let Some(committer) = session.committer.take() else { return Ok(()) };
            committer.close().map(|_| ()).map_err(|error| journal_error(&error))
        })
    }
}

impl PyLiveSession {
    fn of_strategy(&self, strategy: StrategyIx, now: Nanos, act: fn(StrategyIx) -> Act) -> PyResult<()> {
        self.session.with(|session| {
            if usize::from(strategy) >= session.raised.len() {
                return Err(kedge_error("UsageError", format!("there is no strategy {strategy}"), ""));
            }
            session.take(now, &Input::Act(act(strategy)))
        })
    }
}

fn known_instrument(session: &Session, instrument: InstrumentIx) -> PyResult<()> {
    if usize::from(instrument) < session.markets.len() {
        return Ok(());
    }
    Err(kedge_error("UsageError", format!("there is no instrument {instrument}"), ""))
}

fn amounts(session: &mut Session, instrument: InstrumentIx, price: &str, quantity: &str) -> PyResult<(i64, i64)> {
    known_instrument(session, instrument)?;
    let definition = session.live.engine().instrument(instrument);
    let wrong =
        |what: &str, text: &str| kedge_error("DataError", format!("the venue's {what} `{text}` fits no step"), "");
    let ticks = definition.tick_size.count(price.as_bytes()).map_err(|_| wrong("price", price))?;
    let steps = definition.quantity_step_in_data.count(quantity.as_bytes()).map_err(|_| wrong("quantity", quantity))?;
    Ok((ticks, steps))
}

fn fill((price, qty): (i64, i64), trade: u64, maker: bool, fee: &str) -> PyResult<Fill> {
    let fee = money("fee", fee)?;
    let liquidity = if maker { Liquidity::Maker } else { Liquidity::Taker };
    Ok(Fill { trade, price, qty, liquidity, fee, queue_ahead: -1, twice_mid: 0 })
}

fn money(what: &str, text: &str) -> PyResult<Money> {
    kedge_core::instrument::money(text)
        .map_err(|_| kedge_error("DataError", format!("the venue's {what} `{text}` is no amount"), ""))
}
