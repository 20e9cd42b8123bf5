//! Recorded decisions as sentences.

use kedge_core::record;
use pyo3::prelude::*;

use crate::backtest::instrument;
use crate::errors::kedge_error;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(describe_decision, module)?)
}

/// One recorded decision as a line, in the units of its instrument.
#[pyfunction]
fn describe_decision(record: &[u8], instrument_json: &str) -> PyResult<String> {
    let instrument = instrument(instrument_json)?;
    let decision = record::decode(record).ok_or_else(|| {
        kedge_error(
            "DataError",
            format!("{} bytes are no decision", record.len()),
            "the journal is from another version",
        )
    })?;
    Ok(record::describe(&decision, &instrument))
}
