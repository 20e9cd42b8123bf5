//! The live session for Python: messages and reports in, durable decisions and commands out.

use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Mutex;

use kedge_core::codec::binance::{LiveFeed, Market};
use kedge_core::engine::{Checkpoint, Engine, Seat};
use kedge_core::event::{ColumnsBuf, Event};
use kedge_core::live::Live;
use kedge_core::matching::Request;
use kedge_core::order::{Fill, OrderRequest, Reason, Report, ReportKind};
use kedge_core::record;
use kedge_core::types::{InstrumentIx, Liquidity, Nanos, OrderId, OrderKind, Side, StrategyIx};
use kedge_journal::market_block::{self, MarketBlock};
use kedge_journal::{GroupCommitter, Stream, Writer, kind};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::backtest::{Settings, instrument, parse_limits};
use crate::commands::Command;
use crate::errors::kedge_error;
use crate::journal::raised as journal_error;
use crate::strategy::{PythonStrategy, Raised};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyLiveSession>()
}

/// Records that may wait for the disk before the session waits for it.
const QUEUE: usize = 8_192;

/// Everything that lives on the trader's one thread.
struct Session {
    live: Live,
    committer: Option<GroupCommitter>,
    rows: Vec<Event>,
    /// The sequence of the last record appended.
    appended: u64,
    commands: Vec<Command>,
    raised: Vec<Raised>,
    told_faults: usize,
    markets: Vec<Market>,
}

/// The engine, its strategies and its journal, for one epoch of one account.
#[pyclass(name = "LiveSession", module = "kedge._core")]
struct PyLiveSession {
    // The strategies hold reference-counted cells; the interpreter's lock keeps this on one thread at a time.
    session: Mutex<SendBox>,
}

/// SAFETY of the two lines below: a session is only touched through `PyLiveSession`, by whoever holds the interpreter's
/// lock, and none of its methods gives that lock away while it holds the mutex. So its reference counts are never
/// changed by two threads at once.
struct SendBox(Session);
unsafe impl Send for SendBox {}

impl PyLiveSession {
    fn with<R>(&self, f: impl FnOnce(&mut Session) -> PyResult<R>) -> PyResult<R> {
        let Ok(mut session) = self.session.try_lock() else {
            return Err(kedge_error("UsageError", "a callback must not call the session it runs in", ""));
        };
        f(&mut session.0)
    }
}

impl Session {
    fn committer(&self) -> PyResult<&GroupCommitter> {
        self.committer.as_ref().ok_or_else(|| kedge_error("UsageError", "the live session is closed", ""))
    }

    fn append(&mut self, stream: Stream, kind: u8, ts: Nanos, wall: Nanos, payload: Vec<u8>) -> PyResult<u64> {
        let seq = self.committer()?.append(stream, kind, ts, wall, payload);
        self.appended = seq.map_err(|error| journal_error(&error))?;
        Ok(self.appended)
    }

    fn append_rows(&mut self, instrument: InstrumentIx, now: Nanos) -> PyResult<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let columns = ColumnsBuf::pack(&self.rows);
        let block = MarketBlock {
            stream: instrument,
            price_base: columns.price_base,
            qty_scale: columns.qty_scale.max(1),
            ts_event: columns.ts_event.into(),
            ts_recv: columns.ts_recv.into(),
            price: columns.price.into(),
            qty: columns.qty.into(),
            flags: columns.flags.into(),
            wide_price: columns.wide_price.into(),
            wide_qty: columns.wide_qty.into(),
        };
        let mut payload = Vec::new();
        market_block::encode(&block, &mut payload).map_err(|error| kedge_error("KedgeError", error, ""))?;
        self.append(Stream::Inputs, kind::MARKET, now, now, payload).map(|_| ())
    }

    /// Puts what the engine decided into the journal and its commands into the queue.
    fn settle(&mut self, now: Nanos) -> PyResult<()> {
        let bytes = self.live.engine().log().drain();
        let records = record::split(&bytes).unwrap_or_default();
        for record in records {
            let kind = match record.first() {
                Some(1..=3) => kind::COMMAND,
                // A report is an input of a live session and stands there already.
                Some(4) => continue,
                Some(5) => kind::POSTING,
                Some(6) => kind::REFUSAL,
                _ => kind::STOPPED,
            };
            self.append(Stream::Decisions, kind, now, now, record.to_vec())?;
        }
        let requests: Vec<(InstrumentIx, Request)> = self.live.engine().commands().collect();
        for (instrument, request) in requests {
            let command = Command::new(self.live.engine(), instrument, &request, self.appended);
            self.commands.push(command);
        }
        Ok(())
    }
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
        strategies: Vec<(InstrumentIx, String, Bound<'_, PyAny>, Bound<'_, PyAny>)>,
        folder: &str,
        session_id: [u8; 16],
        header: &str,
        checkpoint: Option<&str>,
        first_order: OrderId,
        now: Nanos,
    ) -> PyResult<Self> {
        let settings = Settings::parse(settings)?;
        let mut engine = Engine::new(settings.engine);
        let (mut feeds, mut markets) = (Vec::new(), Vec::new());
        for (definition, market) in &streams {
            let instrument = instrument(definition)?;
            let market =
                Market::of(market).ok_or_else(|| kedge_error("UsageError", format!("no market `{market}`"), ""))?;
            let feed = LiveFeed::new(market, &instrument);
            feeds.push((market, feed.map_err(|error| kedge_error("UsageError", error.to_string(), ""))?));
            markets.push(market);
            engine.add_instrument(instrument);
        }
        let mut raised = Vec::new();
        for (at, limits, strategy, base) in &strategies {
            let own = Raised::default();
            let strategy = PythonStrategy::new(strategy, base, Rc::clone(&own))?;
            let limits = parse_limits(limits, engine.instrument(*at))?;
            engine.add_strategy(Seat { instrument: *at, interest: strategy.interest(), limits }, Box::new(strategy));
            raised.push(own);
        }
        let writer = py.detach(|| Writer::create(folder, session_id, header.as_bytes(), now, now));
        let writer = writer.map_err(|error| journal_error(&error))?;
        let committer = GroupCommitter::spawn(writer, QUEUE).map_err(|error| journal_error(&error))?;
        let refused =
            |what: String| kedge_error("UnsafeStateError", what, "the settings changed since the last session");
        if let Some(text) = checkpoint {
            let books: Checkpoint = serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
            engine.restore(&books).map_err(refused)?;
        }
        engine.start_ids(first_order);
        let (live, rows, commands) = (Live::new(engine, feeds), Vec::new(), Vec::new());
        let mut session =
            Session { live, committer: Some(committer), rows, appended: 1, commands, raised, told_faults: 0, markets };
        let books = serde_json::to_vec(&session.live.engine().checkpoint()).unwrap_or_default();
        session.append(Stream::Decisions, kind::CHECKPOINT, now, now, books)?;
        if checkpoint.is_none() {
            for (currency, amount) in &settings.deposits {
                session.live.engine().deposit(currency, *amount);
            }
        }
        session.settle(now)?;
        Ok(Self { session: Mutex::new(SendBox(session)) })
    }

    /// Wakes the strategies for the first time.
    fn start(&self, now: Nanos) -> PyResult<()> {
        self.with(|session| {
            session.live.start(now);
            session.append(Stream::Inputs, kind::TIMER, now, now, now.to_le_bytes().to_vec())?;
            session.settle(now)
        })
    }

    /// Takes one message of an instrument's venue. Returns (about the book, needs a snapshot, when it was sent).
    fn message(&self, instrument: InstrumentIx, frame: &[u8], now: Nanos) -> PyResult<(bool, bool, Option<Nanos>)> {
        self.with(|session| {
            let mut rows = std::mem::take(&mut session.rows);
            let heard = session.live.message(instrument, frame, now, &mut rows);
            session.rows = rows;
            let heard =
                heard.map_err(|error| kedge_error("DataError", error.to_string(), "the message was left out"))?;
            let now = session.live.now();
            session.append_rows(instrument, now)?;
            session.settle(now)?;
            Ok((heard.about_book, heard.needs_snapshot, heard.sent))
        })
    }

    /// The connection of an instrument was lost.
    fn lost(&self, instrument: InstrumentIx, now: Nanos) -> PyResult<()> {
        self.with(|session| {
            session.rows = vec![session.live.lost(instrument, now)];
            session.append_rows(instrument, now)?;
            session.settle(now)
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
        self.with(|session| {
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
            let report = Report { order, ts_venue, ts_recv: now.max(session.live.now()), kind };
            let mut payload = Vec::new();
            record::encode(&record::Decision::Report(report), &mut payload);
            session.append(Stream::Inputs, kind::REPORT, report.ts_recv, now, payload)?;
            session.live.report(&report);
            session.settle(report.ts_recv)
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
        self.with(|session| {
            let amounts = amounts(session, instrument, price, quantity)?;
            let fill = fill(amounts, trade, maker, fee)?;
            let side = if side == "buy" { Side::Buy } else { Side::Sell };
            let (kind, time_in_force) = (OrderKind::Limit, kedge_core::types::TimeInForce::Gtc);
            let (price, qty) = amounts;
            let request = OrderRequest { strategy, instrument, side, kind, time_in_force, price, qty };
            let booked = session.live.engine().book_earlier_fill(order, &request, &fill, now);
            session.settle(now)?;
            Ok(booked)
        })
    }

    /// Time passed: fires the timers due by now.
    fn tick(&self, now: Nanos) -> PyResult<()> {
        self.with(|session| {
            if session.live.tick(now) {
                session.append(Stream::Inputs, kind::TIMER, now, now, now.to_le_bytes().to_vec())?;
                session.settle(now)?;
            }
            Ok(())
        })
    }

    /// When the next timer is due.
    fn next_timer(&self) -> PyResult<Option<Nanos>> {
        self.with(|session| Ok(session.live.engine().next_timer()))
    }

    /// Hands over the commands made since the last call.
    fn commands(&self) -> PyResult<Vec<Command>> {
        self.with(|session| Ok(std::mem::take(&mut session.commands)))
    }

    /// The last sequence that a crash cannot take.
    fn durable(&self) -> PyResult<u64> {
        self.with(|session| Ok(session.committer()?.durable()))
    }

    /// A file descriptor that becomes readable after each commit.
    fn waker(&self) -> PyResult<i32> {
        self.with(|session| Ok(session.committer()?.waker().as_raw_fd()))
    }

    /// Notes a status (13) or a reconciliation (14), as JSON.
    fn note(&self, kind: u8, json: &str, now: Nanos) -> PyResult<()> {
        self.with(|session| session.append(Stream::Decisions, kind, now, now, json.as_bytes().to_vec()).map(|_| ()))
    }

    /// Writes a checkpoint of the books into the journal and returns it.
    fn checkpoint(&self, now: Nanos) -> PyResult<String> {
        self.with(|session| {
            let books = serde_json::to_string(&session.live.engine().checkpoint()).unwrap_or_default();
            session.append(Stream::Decisions, kind::CHECKPOINT, now, now, books.clone().into_bytes())?;
            Ok(books)
        })
    }

    /// Stops all trading and cancels every open order.
    fn halt(&self, now: Nanos) -> PyResult<()> {
        self.act("halt", 0, now)
    }

    /// Lets orders pass again.
    fn resume(&self, now: Nanos) -> PyResult<()> {
        self.act("resume", 0, now)
    }

    /// Cancels one open order.
    fn cancel(&self, order: OrderId, now: Nanos) -> PyResult<()> {
        self.act("cancel", order, now)
    }

    /// Stops one strategy and cancels its orders.
    fn stop_strategy(&self, strategy: StrategyIx, now: Nanos) -> PyResult<()> {
        self.act("stop", u64::from(strategy), now)
    }

    /// Lets a stopped strategy be called again.
    fn start_strategy(&self, strategy: StrategyIx, now: Nanos) -> PyResult<()> {
        self.act("start", u64::from(strategy), now)
    }

    /// What is open, by strategy: (order, strategy, instrument, side, price, quantity, filled, state).
    fn open_orders(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        self.with(|session| {
            let strategies = session.raised.len();
            let engine = session.live.engine();
            let mut found = Vec::new();
            for strategy in 0..strategies as StrategyIx {
                for order in engine.orders().open(strategy) {
                    let definition = engine.instrument(order.request.instrument);
                    let qty = |steps| definition.quantity_step_in_data.text(steps);
                    let side = if order.request.side == Side::Buy { "buy" } else { "sell" };
                    let price = definition.tick_size.text(order.request.price);
                    let (whole, filled) = (qty(order.request.qty), qty(order.filled));
                    let row =
                        (order.id, strategy, order.request.instrument, side, price, whole, filled, order.state.name());
                    found.push(row.into_pyobject(py)?.into_any().unbind());
                }
            }
            Ok(found)
        })
    }

    /// Values of every strategy and instrument now.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.with(|session| {
            let out = PyDict::new(py);
            let strategies = session.raised.len() as StrategyIx;
            let counts: Vec<(u64, u64)> =
                (0..session.markets.len()).map(|ix| session.live.counts(ix as InstrumentIx)).collect();
            let engine = session.live.engine();
            let value = |ix: StrategyIx| {
                let definition = engine.instrument(engine.instrument_of(ix));
                let position = engine.ledger().position(ix);
                let held = definition.quantity_step_in_data.text(position.qty);
                let tally = engine.tally(ix);
                let open = engine.orders().open(ix).count();
                (held, engine.pnl(ix), position.fees, open, tally.refused.iter().sum::<u64>(), engine.is_running(ix))
            };
            out.set_item("strategies", (0..strategies).map(value).collect::<Vec<_>>())?;
            let view = |ix: InstrumentIx| {
                let (book, definition) = (engine.book(ix), engine.instrument(ix));
                let best = |side| book.best(side).map(|price| definition.tick_size.text(price));
                let state = ["syncing", "in_sync", "gap"][book.state() as usize];
                let (gaps, resyncs) = counts[usize::from(ix)];
                (state, book.updated(), best(Side::Buy), best(Side::Sell), engine.counts(ix).events, gaps, resyncs)
            };
            out.set_item("instruments", (0..counts.len() as InstrumentIx).map(view).collect::<Vec<_>>())?;
            let ledger = engine.ledger();
            let cash = ledger.currencies().iter().enumerate().map(|(ix, code)| (code.clone(), ledger.cash(ix as u16)));
            out.set_item("balances", cash.collect::<Vec<_>>())?;
            out.set_item("imbalance", engine.imbalance())?;
            out.set_item("odd_reports", engine.blotter().odd_reports)?;
            out.set_item("fills", engine.blotter().fills.len())?;
            out.set_item("trace_hash", engine.log().trace_hash())?;
            Ok(out)
        })
    }

    /// Strategies that raised since the last call, and what they raised.
    fn faults(&self, py: Python<'_>) -> PyResult<Vec<(StrategyIx, Py<PyAny>)>> {
        self.with(|session| {
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
        self.checkpoint(now)?;
        self.with(|session| {
            let end = format!("{{\"trace_hash\": \"{}\"}}", session.live.engine().log().trace_hash());
            session.append(Stream::Decisions, kind::CLOSED, now, now, end.into_bytes())?;
            let Some(committer) = session.committer.take() else { return Ok(()) };
            let _ = py;
            committer.close().map(|_| ()).map_err(|error| journal_error(&error))
        })
    }
}

impl PyLiveSession {
    /// Acts of a person: an input like any other.
    fn act(&self, what: &str, id: u64, now: Nanos) -> PyResult<()> {
        self.with(|session| {
            let json = format!("{{\"act\": \"{what}\", \"id\": {id}}}");
            session.append(Stream::Inputs, kind::SETTING, now, now, json.into_bytes())?;
            session.live.tick(now);
            let engine = session.live.engine();
            match what {
                "halt" => engine.halt(now),
                "resume" => engine.resume(),
                "cancel" => engine.cancel(id, now),
                "stop" => engine.stop_strategy(id as StrategyIx, now),
                _ => engine.run_strategy(id as StrategyIx),
            }
            session.settle(now)
        })
    }
}

fn amounts(session: &mut Session, instrument: InstrumentIx, price: &str, quantity: &str) -> PyResult<(i64, i64)> {
    let definition = session.live.engine().instrument(instrument);
    let wrong =
        |what: &str, text: &str| kedge_error("DataError", format!("the venue's {what} `{text}` fits no step"), "");
    let ticks = definition.tick_size.count(price.as_bytes()).map_err(|_| wrong("price", price))?;
    let steps = definition.quantity_step_in_data.count(quantity.as_bytes()).map_err(|_| wrong("quantity", quantity))?;
    Ok((ticks, steps))
}

fn fill((price, qty): (i64, i64), trade: u64, maker: bool, fee: &str) -> PyResult<Fill> {
    let fee = kedge_core::instrument::money(fee)
        .map_err(|_| kedge_error("DataError", format!("the venue's fee `{fee}` is no amount"), ""))?;
    let liquidity = if maker { Liquidity::Maker } else { Liquidity::Taker };
    Ok(Fill { trade, price, qty, liquidity, fee })
}
