//! A session followed through its journal, for the store and the page: what was decided as rows, the market as books.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use kedge_core::engine::Checkpoint;
use kedge_core::onlooker::{Onlooker, Top};
use kedge_core::record;
use kedge_core::types::{InstrumentIx, Nanos, OrderId, StrategyIx};
use kedge_journal::{Record, Records, Session, Tail, kind};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::backtest::instrument;
use crate::errors::kedge_error;
use crate::follower_rows::{Body, Entry, entry_dict, levels, position_row};
use crate::inputs;
use crate::journal::{class_of, raised};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PySessionFollower>()
}

/// Trades of an instrument within a second: (instrument, second, open, high, low, close, volume).
type Second = (InstrumentIx, i64, i64, i64, i64, i64, i64);

/// What to do about a record that says what cannot be.
const BEHIND: &str = "the journal is from another version";

/// Where records come from: behind a live writer, or the whole of a session that is over.
enum Source {
    Tail(Tail),
    Whole(Records),
}

/// The last input: what may have woken a strategy.
#[derive(Clone, Copy)]
pub(crate) struct Cause {
    pub(crate) kind: u8,
    pub(crate) seq: u64,
    pub(crate) ts: Nanos,
}

struct Following {
    source: Source,
    onlooker: Onlooker,
    /// The last record taken.
    seq: u64,
    wall: Nanos,
    cause: Cause,
    /// The best of each instrument's book before the last message.
    before: Vec<Top>,
    /// Orders whose intent was not yet durable, as far as the records tell.
    undurable: VecDeque<(u64, OrderId)>,
    closed: bool,
    /// Class, message and hint of what ended the reading.
    failed: Option<(&'static str, String, &'static str)>,
}

impl Following {
    fn next(&mut self) -> kedge_journal::Result<Option<Record>> {
        match &mut self.source {
            Source::Tail(tail) => tail.poll(),
            Source::Whole(records) => records.next().transpose(),
        }
    }

    fn durable_when_written(&self) -> u64 {
        match &self.source {
            Source::Tail(tail) => tail.durable_when_written(),
            Source::Whole(records) => records.durable_when_written(),
        }
    }

    /// Takes one record in and says what it was, in entries for `out`.
    fn take(&mut self, record: &Record, out: &mut Vec<Entry>) -> Result<(), String> {
        if record.seq <= self.seq {
            return Ok(());
        }
        (self.seq, self.wall) = (record.seq, record.ts_wall);
        let entry = |body| Entry { seq: record.seq, ts: record.ts_engine, body };
        let durable = self.durable_when_written();
        while let Some((seq, order)) = self.undurable.pop_front() {
            if seq > durable {
                self.undurable.push_front((seq, order));
                break;
            }
            out.push(entry(Body::Durable { order, wall: record.ts_wall }));
        }
        if matches!(record.kind, kind::MARKET | kind::TIMER | kind::REPORT | kind::SETTING) {
            self.cause = Cause { kind: record.kind, seq: record.seq, ts: record.ts_engine };
        }
        match record.kind {
            kind::MARKET => self.market(record, out)?,
            kind::REPORT
            | kind::COMMAND
            | kind::POSTING
            | kind::REFUSAL
            | kind::STOPPED
            | kind::EARLIER_FILL
            | kind::FUNDING => {
                let decision = record::decode(&record.payload).ok_or_else(|| {
                    format!("the {} bytes of record {} are no decision", record.payload.len(), self.seq)
                })?;
                if let record::Decision::Submit { order, .. } = &decision {
                    self.undurable.push_back((record.seq, *order));
                }
                if let record::Decision::Submit { request, .. }
                | record::Decision::Refused { request, .. }
                | record::Decision::EarlierFill { request, .. } = &decision
                    && !self.onlooker.has(request)
                {
                    return Err(format!("record {} is about a strategy that the header does not name", self.seq));
                }
                let seen = self.onlooker.take(&decision);
                let top = self.top_at(&decision);
                out.push(entry(Body::Decision { decision, seen, cause: self.cause, top }));
            }
            kind::CHECKPOINT => {
                let books: Checkpoint =
                    serde_json::from_slice(&record.payload).map_err(|error| format!("checkpoint: {error}"))?;
                self.onlooker.checkpoint(&books)?;
                out.push(entry(Body::Json { kind: record.kind, text: String::new() }));
            }
            kind::SETTING | kind::CLOSED | kind::STATUS | kind::RECONCILED | kind::FAULT => {
                self.closed |= record.kind == kind::CLOSED;
                let text = String::from_utf8_lossy(&record.payload).into_owned();
                out.push(entry(Body::Json { kind: record.kind, text }));
            }
            _ => {}
        }
        Ok(())
    }

    fn market(&mut self, record: &Record, out: &mut Vec<Entry>) -> Result<(), String> {
        let mut rows = Vec::new();
        let instrument = inputs::read_rows(&record.payload, &mut rows)?;
        let at = usize::from(instrument);
        let Some(before) = self.before.get_mut(at) else {
            return Err(format!("the session has no instrument {at}"));
        };
        *before = self.onlooker.face(instrument).top();
        for row in &rows {
            if let Some(state) = self.onlooker.row(instrument, row, record.ts_engine) {
                let body = Body::Book { instrument, state };
                out.push(Entry { seq: record.seq, ts: record.ts_engine, body });
            }
        }
        Ok(())
    }

    /// The book that an order was decided on. A timer that was due before a message came fired before it.
    fn top_at(&self, decision: &record::Decision) -> Option<Top> {
        let record::Decision::Submit { ts, request, .. } = decision else { return None };
        let at = usize::from(request.instrument);
        let fired_before = self.cause.kind == kind::MARKET && *ts < self.cause.ts;
        let now = (at < self.before.len()).then(|| self.onlooker.face(request.instrument).top());
        if fired_before { self.before.get(at).copied() } else { now }
    }
}

/// Follows one session of the trader, live or over, and keeps its books, orders and positions.
#[pyclass(name = "SessionFollower", module = "kedge._core", frozen)]
struct PySessionFollower {
    path: PathBuf,
    header: String,
    opened: Nanos,
    strategies: StrategyIx,
    following: Mutex<Following>,
}

impl PySessionFollower {
    fn with<R>(&self, work: impl FnOnce(&mut Following) -> R) -> R {
        work(&mut self.following.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads up to `limit` records; whether there may be more. What was read before damage is told before the damage.
    fn read(&self, py: Python<'_>, limit: usize, until: u64, out: &mut Vec<Entry>) -> PyResult<bool> {
        py.detach(|| {
            self.with(|following| {
                for read in 0..limit {
                    if following.seq >= until {
                        return Ok(false);
                    }
                    match self.take_next(following, out) {
                        Ok(true) => {}
                        Ok(false) => return Ok(false),
                        Err(_) if read > 0 => return Ok(true),
                        Err(error) => return Err(error),
                    }
                }
                Ok(true)
            })
        })
    }

    /// Takes one record in; false where there is none yet. After an error, the same again.
    fn take_next(&self, following: &mut Following, out: &mut Vec<Entry>) -> PyResult<bool> {
        if let Some((class, what, hint)) = &following.failed {
            return Err(kedge_error(class, what, *hint));
        }
        let failed = match following.next() {
            Ok(None) => return Ok(false),
            Ok(Some(record)) => match following.take(&record, out) {
                Ok(()) => return Ok(true),
                Err(what) => ("UnsafeStateError", format!("{}: {what}", self.path.display()), BEHIND),
            },
            Err(error) => (class_of(&error), error.to_string(), error.hint()),
        };
        let error = kedge_error(failed.0, &failed.1, failed.2);
        following.failed = Some(failed);
        Err(error)
    }
}

#[pymethods]
impl PySessionFollower {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let (session, tail) = py
            .detach(|| {
                let session = Session::open(&path)?;
                let tail = session.tail(0)?;
                Ok((session, tail))
            })
            .map_err(|error| raised(&error))?;
        let header = String::from_utf8_lossy(&session.header().payload).into_owned();
        let wrong = |what: &str| {
            let message = format!("{}: the session's header {what}", path.display());
            kedge_error("UnsafeStateError", message, "it is of another version, or no session of a trader")
        };
        let json: serde_json::Value = serde_json::from_str(&header).map_err(|_| wrong("is no JSON"))?;
        let listed = |key: &str| json[key].as_array().cloned().ok_or_else(|| wrong(&format!("has no `{key}`")));
        let definitions = listed("instruments")?;
        let instruments = definitions.iter().map(|json| instrument(&json.to_string())).collect::<PyResult<Vec<_>>>()?;
        let strategies = listed("strategies")?.len();
        let onlooker = Onlooker::new(instruments, strategies);
        let before = (0..definitions.len()).map(|at| onlooker.face(at as InstrumentIx).top()).collect();
        let following = Following {
            source: Source::Tail(tail),
            onlooker,
            seq: 0,
            wall: 0,
            cause: Cause { kind: 0, seq: 0, ts: 0 },
            before,
            undurable: VecDeque::new(),
            closed: false,
            failed: None,
        };
        Ok(Self {
            path,
            header,
            opened: session.header().ts_engine,
            strategies: strategies as StrategyIx,
            following: Mutex::new(following),
        })
    }

    /// The header's payload.
    #[getter]
    fn header(&self) -> &str {
        &self.header
    }

    /// When the session began.
    #[getter]
    fn opened(&self) -> Nanos {
        self.opened
    }

    /// The last sequence read, and the wall clock when it was written.
    #[getter]
    fn position(&self) -> (u64, Nanos) {
        self.with(|following| (following.seq, following.wall))
    }

    /// Whether the session ended cleanly, as far as it was read.
    #[getter]
    fn closed(&self) -> bool {
        self.with(|following| following.closed)
    }

    /// Takes everything up to a sequence in without telling of it.
    fn skip(&self, py: Python<'_>, until: u64) -> PyResult<()> {
        let mut out = Vec::new();
        while self.read(py, 10_000, until, &mut out)? {
            out.clear();
        }
        self.with(|following| following.onlooker.drain_seconds());
        Ok(())
    }

    /// Reads on, at most `limit` records and up to sequence `until`. Returns what was decided, the seconds of trades,
    /// and whether more may follow.
    #[pyo3(signature = (limit, until=u64::MAX))]
    fn poll<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
        until: u64,
    ) -> PyResult<(Vec<Bound<'py, PyDict>>, Vec<Second>, bool)> {
        let mut entries = Vec::new();
        let more = self.read(py, limit, until, &mut entries)?;
        self.with(|following| {
            let dicts = entries.iter().map(|entry| entry_dict(py, &following.onlooker, entry));
            let dicts = dicts.collect::<PyResult<Vec<_>>>()?;
            let seconds = following.onlooker.drain_seconds();
            let row = seconds.iter().map(|b| (b.instrument, b.second, b.open, b.high, b.low, b.close, b.volume));
            Ok((dicts, row.collect(), more))
        })
    }

    /// Where no writer holds the session any more: reads on beyond the durable mark, up to where the session ends.
    /// Returns whether it is over.
    fn finish(&self, py: Python<'_>) -> PyResult<bool> {
        let path = &self.path;
        let over = py.detach(|| {
            let session = Session::open(path)?;
            if session.is_live() { Ok(None) } else { session.records().map(Some) }
        });
        let Some(records) = over.map_err(|error| raised(&error))? else { return Ok(false) };
        self.with(|following| {
            if matches!(following.source, Source::Tail(_)) {
                following.source = Source::Whole(records);
            }
        });
        Ok(true)
    }

    /// An instrument's book: state, updated, bid, ask, last, mark, and bids and asks as (price, quantity, own, ahead).
    fn book<'py>(&self, py: Python<'py>, instrument: InstrumentIx, depth: usize) -> PyResult<Bound<'py, PyDict>> {
        self.with(|following| levels(py, &following.onlooker, instrument, depth))
    }

    /// Each strategy's position on `seats`: (quantity, average, mark, unrealised, realised, fees), text or None.
    fn positions<'py>(&self, py: Python<'py>, seats: Vec<InstrumentIx>) -> PyResult<Bound<'py, PyList>> {
        self.with(|following| {
            let rows = (0..self.strategies).zip(seats);
            PyList::new(py, rows.map(|(strategy, seat)| position_row(&following.onlooker, strategy, seat)))
        })
    }
}
