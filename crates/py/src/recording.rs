//! Recorded Binance lines as columns, and single messages as rows.

use kedge_core::codec::binance::{Decoder, LineError, Market, Message, Recording, detect};
use kedge_core::event::Event;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::backtest::instrument;
use crate::columns::columns_dict;
use crate::errors::kedge_error;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(detect_recording, module)?)?;
    module.add_function(wrap_pyfunction!(decode_binance, module)?)?;
    module.add_class::<PyRecording>()
}

/// The market and symbol of one recorded line, if the line alone can tell.
#[pyfunction]
fn detect_recording(line: &[u8]) -> Option<(&'static str, String)> {
    detect(line).map(|(market, symbol)| (market.name(), symbol))
}

/// One message: what it was, its update ids, when it was sent, and its rows (ts_event, price, quantity, flags).
#[pyfunction]
fn decode_binance<'py>(
    py: Python<'py>,
    market: &str,
    instrument_json: &str,
    frame: &[u8],
) -> PyResult<Bound<'py, PyDict>> {
    let decoder = Decoder::new(parse_market(market)?, &instrument(instrument_json)?);
    let decoder = decoder.map_err(|error| kedge_error("UsageError", error.to_string(), ""))?;
    let mut rows: Vec<Event> = Vec::new();
    let decoded = decoder.decode(frame, 0, &mut rows);
    let decoded = decoded.map_err(|error| kedge_error("DataError", error.to_string(), ""))?;
    let (name, ids) = match decoded.message {
        Message::Depth(diff) => ("depth", [Some(diff.first), Some(diff.last), diff.previous]),
        Message::Snapshot { last } => ("snapshot", [None, Some(last), None]),
        Message::Trade => ("trade", [None; 3]),
        Message::Quote => ("quote", [None; 3]),
        Message::Mark => ("mark", [None; 3]),
        Message::Ignored => ("ignored", [None; 3]),
    };
    let rows: Vec<_> = rows.iter().map(|row| (row.ts_event, row.price, row.qty, row.flags)).collect();
    let dict = PyDict::new(py);
    dict.set_item("message", name)?;
    dict.set_item("ids", (ids[0], ids[1], ids[2]))?;
    dict.set_item("sent", decoded.sent)?;
    dict.set_item("off_step", decoded.off_step)?;
    dict.set_item("rows", rows)?;
    Ok(dict)
}

fn parse_market(name: &str) -> PyResult<Market> {
    Market::of(name)
        .ok_or_else(|| kedge_error("UsageError", format!("`market` must be \"spot\" or \"usdm\", was \"{name}\""), ""))
}

fn refused(error: &LineError) -> PyErr {
    let hint = "correct or cut the file there; what was recorded before that line is whole";
    kedge_error("DataError", error.to_string(), hint)
}

/// Decodes recorded lines of one instrument into events, keeping the book's sequence contract.
#[pyclass(name = "BinanceRecording", module = "kedge._core")]
struct PyRecording {
    recording: Recording,
}

#[pymethods]
impl PyRecording {
    #[new]
    #[pyo3(signature = (market, instrument_json, continue_from=None))]
    fn new(market: &str, instrument_json: &str, continue_from: Option<u64>) -> PyResult<Self> {
        let recording = Recording::new(parse_market(market)?, &instrument(instrument_json)?, continue_from);
        let recording = recording.map_err(|error| kedge_error("UsageError", error.to_string(), ""))?;
        Ok(Self { recording })
    }

    /// Reads whole lines, each ended by a line feed.
    fn feed(&mut self, py: Python<'_>, lines: &Bound<'_, PyBytes>) -> PyResult<()> {
        let (recording, lines) = (&mut self.recording, lines.as_bytes());
        py.detach(|| recording.feed(lines)).map_err(|error| refused(&error))
    }

    /// Closes the file: corrects its rows by its clock offset and says what it held.
    fn end_file<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let recording = &mut self.recording;
        let found = py.detach(|| recording.end_file()).map_err(|error| refused(&error))?;
        let dict = PyDict::new(py);
        for (key, count) in [
            ("lines", found.lines),
            ("rows", found.rows),
            ("depth", found.depth),
            ("trades", found.trades),
            ("quotes", found.quotes),
            ("marks", found.marks),
            ("snapshots", found.snapshots),
            ("ignored", found.ignored),
            ("gaps", found.sequence.gaps),
            ("resyncs", found.sequence.resyncs),
            ("snapshots_refused", found.sequence.snapshots_refused),
            ("stale_dropped", found.sequence.stale_dropped),
            ("overflow_dropped", found.sequence.overflow_dropped),
            ("off_step", found.off_step),
            ("recv_backwards", found.recv_backwards),
            ("timed", found.timed),
            ("negative_latencies", found.negative_latencies),
            ("first_update_id", found.first_update_id),
            ("last_update_id", found.last_update_id),
        ] {
            dict.set_item(key, count)?;
        }
        dict.set_item("clock_offset_ns", found.clock_offset)?;
        dict.set_item("min_latency_ns", found.min_latency)?;
        dict.set_item("median_latency_ns", found.median_latency)?;
        dict.set_item("in_sync", found.in_sync)?;
        Ok(dict)
    }

    /// The rows of all files ended since the last call. The book's sequence goes on.
    fn take<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        columns_dict(py, self.recording.take())
    }
}
