//! The seeded market for Python: columns out, rows never.
use kedge_core::event::{ColumnsBuf, Event};
use kedge_core::instrument::Instrument;
use kedge_core::market::{Params, SeededMarket};
use kedge_core::types::Nanos;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::columns::columns_dict;
use crate::errors::kedge_error;

/// A market that makes itself, fixed by its seed.
#[pyclass(name = "SeededMarket", module = "kedge._core")]
struct PySeededMarket {
    market: SeededMarket,
    rows: Vec<Event>,
}

#[pymethods]
impl PySeededMarket {
    #[new]
    #[pyo3(signature = (seed, instrument_json, start_ns, depth_every_ns = 100_000_000, value = None))]
    fn new(
        py: Python<'_>,
        seed: u64,
        instrument_json: &str,
        start_ns: Nanos,
        depth_every_ns: Nanos,
        value: Option<f64>,
    ) -> PyResult<Self> {
        let instrument = Instrument::from_json(instrument_json).map_err(|error| {
            kedge_error("UsageError", error.to_string(), "correct the instrument's definition in instruments.json")
        })?;
        if depth_every_ns < 0 {
            let message = format!("`depth_every_ns` must be ≥ 0, was {depth_every_ns}");
            return Err(kedge_error("UsageError", message, "0 sends a depth packet after each change of the book"));
        }
        let mut params = Params::of(&instrument);
        params.value.start = value.unwrap_or(params.value.start);
        let ticks = instrument.tick_size.steps_in(params.value.start);
        // Below, a basis point has no ticks to spare; above, prices leave the exact integers of a float.
        if !(10.0..=1e13).contains(&ticks) {
            let (value, tick) = (params.value.start, instrument.tick_size.text(1));
            let message = format!("`value` must be 10 to 10¹³ ticks of {tick}, was {value}");
            return Err(kedge_error("UsageError", message, "give the price the market is to start at"));
        }
        let market = py.detach(|| SeededMarket::new(seed, &instrument, params, start_ns, depth_every_ns));
        Ok(Self { market, rows: Vec::new() })
    }

    fn advance<'py>(&mut self, py: Python<'py>, until_ns: Nanos) -> PyResult<Bound<'py, PyDict>> {
        let Self { market, rows } = self;
        let columns = py.detach(|| {
            rows.clear();
            market.advance(until_ns, rows);
            ColumnsBuf::pack(rows)
        });
        columns_dict(py, columns)
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PySeededMarket>()
}
