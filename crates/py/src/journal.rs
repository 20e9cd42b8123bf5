//! Sessions of the journal: written record by record, read in the order of their sequence.

use kedge_journal::{Error, Record, Records, Session, Stream, TornTail, Writer, kind};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::errors::kedge_error;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("JOURNAL_KINDS", kind::ALL.to_vec())?;
    module.add_class::<PyJournalWriter>()?;
    module.add_class::<PyJournalReader>()
}

/// One journal error, one Python class.
fn raised(error: &Error) -> PyErr {
    let class = match error {
        Error::Damage { .. } | Error::Locked { .. } => "UnsafeStateError",
        Error::Version { .. } | Error::NoSession { .. } | Error::Usage(_) => "UsageError",
        Error::Io { .. } => "KedgeError",
    };
    kedge_error(class, error.to_string(), error.hint())
}

/// The only writer of a session. What was not committed when it is dropped is lost, as in a crash.
#[pyclass(name = "JournalWriter", module = "kedge._core")]
struct PyJournalWriter {
    writer: Option<Writer>,
}

impl PyJournalWriter {
    fn open(&mut self) -> PyResult<&mut Writer> {
        self.writer.as_mut().ok_or_else(|| kedge_error("UsageError", "the journal's writer is closed", ""))
    }
}

#[pymethods]
impl PyJournalWriter {
    /// Begins a session in a new or empty folder; the header is durable when this returns.
    #[new]
    fn new(
        py: Python<'_>,
        path: &str,
        session_id: [u8; 16],
        header_json: &str,
        ts_engine: i64,
        ts_wall: i64,
    ) -> PyResult<Self> {
        let writer = py.detach(|| Writer::create(path, session_id, header_json.as_bytes(), ts_engine, ts_wall));
        Ok(Self { writer: Some(writer.map_err(|error| raised(&error))?) })
    }

    /// Goes on with a session whose writer is gone. Returns the writer and what was cut, if anything.
    #[staticmethod]
    fn reopen<'py>(py: Python<'py>, path: &str) -> PyResult<(Self, Option<Bound<'py, PyDict>>)> {
        let (writer, recovered) = py.detach(|| Writer::reopen(path)).map_err(|error| raised(&error))?;
        let torn = recovered.torn.as_ref().map(|torn| torn_dict(py, torn)).transpose()?;
        Ok((Self { writer: Some(writer) }, torn))
    }

    /// Adds a record to what the next commit writes; returns its sequence.
    fn append(&mut self, stream: u8, kind: u8, ts_engine: i64, ts_wall: i64, payload: &[u8]) -> PyResult<u64> {
        let of = Stream::of(stream);
        let of = of.ok_or_else(|| kedge_error("UsageError", format!("`stream` must be 0 or 1, was {stream}"), ""))?;
        self.open()?.append(of, kind, ts_engine, ts_wall, payload).map_err(|error| raised(&error))
    }

    /// Makes all that was appended durable; returns the last durable sequence.
    fn commit(&mut self, py: Python<'_>) -> PyResult<u64> {
        let writer = self.open()?;
        py.detach(|| writer.commit()).map_err(|error| raised(&error))
    }

    /// Commits and lets the session go.
    fn close(&mut self, py: Python<'_>) -> PyResult<()> {
        if self.writer.is_some() {
            self.commit(py)?;
            self.writer = None;
        }
        Ok(())
    }
}

/// A session read from its beginning; each record is checked when it is reached.
#[pyclass(name = "JournalReader", module = "kedge._core")]
struct PyJournalReader {
    session: Session,
    records: Records,
}

#[pymethods]
impl PyJournalReader {
    #[new]
    fn new(path: &str) -> PyResult<Self> {
        let session = Session::open(path).map_err(|error| raised(&error))?;
        let records = session.records().map_err(|error| raised(&error))?;
        Ok(Self { session, records })
    }

    /// The header's payload.
    #[getter]
    fn header(&self) -> String {
        String::from_utf8_lossy(&self.session.header().payload).into_owned()
    }

    /// What a crash left behind the last record; known once all have been read.
    #[getter]
    fn torn<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.records.torn().map(|torn| torn_dict(py, torn)).transpose()
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(next) = self.records.next() else { return Ok(None) };
        let Record { seq, stream, kind, ts_engine, ts_wall, payload } = next.map_err(|error| raised(&error))?;
        let payload = PyBytes::new(py, &payload);
        Ok(Some((seq, stream as u8, kind, ts_engine, ts_wall, payload).into_pyobject(py)?))
    }
}

fn torn_dict<'py>(py: Python<'py>, torn: &TornTail) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("after_seq", torn.after_seq)?;
    dict.set_item("records", torn.records)?;
    dict.set_item("bytes", torn.bytes)?;
    dict.set_item("durable_lost", torn.durable_lost)?;
    let cuts = torn.cuts.iter().map(|cut| (cut.file.display().to_string(), cut.offset, cut.bytes));
    dict.set_item("cuts", cuts.collect::<Vec<_>>())?;
    Ok(dict)
}
