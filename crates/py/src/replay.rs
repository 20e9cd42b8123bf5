//! A live session's inputs taken again by the same engine: decisions come out, nothing is written or sent.

use kedge_core::event::Event;
use kedge_core::instrument::Instrument;
use kedge_core::live::{Input, Live};
use kedge_core::record;
use kedge_core::types::{Nanos, StrategyIx};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::backtest::instrument;
use crate::errors::kedge_error;
use crate::guarded::Guarded;
use crate::inputs::{self, INPUT_TAGS};
use crate::seated::{SeatArguments, Seated, books};
use crate::strategy::Raised;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyLiveReplay>()
}

/// The engine of a live session without its venue and its journal.
#[pyclass(name = "LiveReplay", module = "kedge._core")]
struct PyLiveReplay {
    replay: Guarded<Replay>,
}

struct Replay {
    live: Live,
    rows: Vec<Event>,
    raised: Vec<Raised>,
    instruments: usize,
}

impl Replay {
    /// The decisions made since the last call that are not inputs themselves.
    fn decided<'py>(&mut self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.live.engine().commands().for_each(drop);
        let bytes = self.live.engine().log().drain();
        let records = record::split(&bytes).unwrap_or_default();
        let decisions = records.into_iter().filter(|record| !INPUT_TAGS.contains(&record[0]));
        decisions.map(|record| PyBytes::new(py, record)).collect()
    }

    fn take(&mut self, kind: u8, ts_engine: Nanos, payload: &[u8]) -> Result<(), String> {
        let (now, input) = inputs::read(kind, ts_engine, payload, self.raised.len(), &mut self.rows)?;
        let instrument = match input {
            Input::Rows(instrument, _) | Input::Funding { instrument, .. } => instrument,
            Input::EarlierFill { request, .. } => request.instrument,
            _ => 0,
        };
        if usize::from(instrument) >= self.instruments {
            return Err(format!("there is no instrument {instrument}"));
        }
        self.live.take(now, &input);
        Ok(())
    }
}

#[pymethods]
impl PyLiveReplay {
    /// Begins as the session did, with the books of its first checkpoint.
    #[new]
    fn new(
        py: Python<'_>,
        settings: &str,
        instruments: Vec<String>,
        strategies: Vec<SeatArguments<'_>>,
        checkpoint: &str,
    ) -> PyResult<Self> {
        let definitions: Vec<Instrument> = instruments.iter().map(|text| instrument(text)).collect::<PyResult<_>>()?;
        let (instruments, books) = (definitions.len(), books(checkpoint)?);
        let mut seated = Seated::new(settings, definitions, &strategies)?;
        seated.restore(py, &books)?;
        seated.deposit(&books);
        let live = Live::new(seated.engine, Vec::new());
        let replay = Replay { live, rows: Vec::new(), raised: seated.raised, instruments };
        Ok(Self { replay: Guarded::new(replay) })
    }

    /// The decisions made before the first input: deposits.
    fn begin<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        self.replay.with(|replay| Ok(replay.decided(py)))
    }

    /// A strategy must fail at its wake-up of this number.
    fn fail_at(&self, strategy: StrategyIx, wake: u64) -> PyResult<()> {
        self.replay.with(|replay| {
            if usize::from(strategy) >= replay.raised.len() {
                return Err(unfit(format!("there is no strategy {strategy}")));
            }
            replay.live.engine().fail_at(strategy, wake);
            Ok(())
        })
    }

    /// Takes one input; returns the decisions that follow from it, in order.
    fn take<'py>(
        &self,
        py: Python<'py>,
        kind: u8,
        ts_engine: Nanos,
        payload: &[u8],
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        self.replay.with(|replay| {
            replay.take(kind, ts_engine, payload).map_err(unfit)?;
            Ok(replay.decided(py))
        })
    }

    /// What strategies raised since the last call: (strategy, exception).
    fn faults(&self, py: Python<'_>) -> PyResult<Vec<(usize, Py<PyAny>)>> {
        self.replay.with(|replay| {
            let raised = replay.raised.iter().enumerate();
            let told = raised.filter_map(|(ix, own)| Some((ix, own.borrow_mut().take()?.into_value(py).into_any())));
            Ok(told.collect())
        })
    }

    /// The trace hash of the decisions so far.
    fn trace_hash(&self) -> PyResult<String> {
        self.replay.with(|replay| Ok(replay.live.engine().log().trace_hash()))
    }
}

fn unfit(what: String) -> PyErr {
    kedge_error("DataError", what, "the journal is from another version")
}
