//! Sessions of the journal: written record by record, read in the order of their sequence.
//!
//! Whatever may touch the disk happens without the GIL; a lock orders the threads that share a writer or a reader.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

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
pub(crate) fn class_of(error: &Error) -> &'static str {
    match error {
        Error::Damage { .. } | Error::Locked { .. } => "UnsafeStateError",
        Error::Version { .. } | Error::NoSession { .. } | Error::Usage(_) => "UsageError",
        Error::Io { .. } => "KedgeError",
    }
}

/// The error as Python raises it.
pub(crate) fn raised(error: &Error) -> PyErr {
    kedge_error(class_of(error), error.to_string(), error.hint())
}

/// Runs what may wait for the disk or for another thread without the GIL.
fn off_gil<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    py.detach(work).map_err(|error| raised(&error))
}

fn with<T, R>(shared: &Mutex<T>, work: impl FnOnce(&mut T) -> R) -> R {
    // The writer poisons itself when something fails; a panic adds nothing to that.
    work(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The only writer of a session. What was not committed when it is dropped is lost, as in a crash.
#[pyclass(name = "JournalWriter", module = "kedge._core", frozen)]
struct PyJournalWriter {
    writer: Mutex<Option<Writer>>,
}

impl PyJournalWriter {
    fn of(writer: Writer) -> Self {
        Self { writer: Mutex::new(Some(writer)) }
    }

    fn act<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Writer) -> Result<T, Error> + Send) -> PyResult<T> {
        off_gil(py, || {
            with(&self.writer, |writer| match writer {
                Some(writer) => work(writer),
                None => Err(Error::Usage("the journal's writer is closed".into())),
            })
        })
    }
}

#[pymethods]
impl PyJournalWriter {
    /// Begins a session in a new or empty folder; the header is durable when this returns.
    #[new]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        session_id: [u8; 16],
        header_json: &str,
        ts_engine: i64,
        ts_wall: i64,
    ) -> PyResult<Self> {
        off_gil(py, || Writer::create(path, session_id, header_json.as_bytes(), ts_engine, ts_wall)).map(Self::of)
    }

    /// Goes on with a session whose writer is gone. Returns the writer and what was cut, if anything.
    #[staticmethod]
    fn reopen(py: Python<'_>, path: PathBuf) -> PyResult<(Self, Option<Bound<'_, PyDict>>)> {
        let (writer, recovered) = off_gil(py, || Writer::reopen(path))?;
        let torn = recovered.torn.as_ref().map(|torn| torn_dict(py, torn)).transpose()?;
        Ok((Self::of(writer), torn))
    }

    /// Adds a record to what the next commit writes; returns its sequence.
    fn append(
        &self,
        py: Python<'_>,
        stream: u8,
        kind: u8,
        ts_engine: i64,
        ts_wall: i64,
        payload: &[u8],
    ) -> PyResult<u64> {
        let of = Stream::of(stream);
        let of = of.ok_or_else(|| kedge_error("UsageError", format!("`stream` must be 0 or 1, was {stream}"), ""))?;
        self.act(py, |writer| writer.append(of, kind, ts_engine, ts_wall, payload))
    }

    /// Makes all that was appended durable; returns the last durable sequence.
    fn commit(&self, py: Python<'_>) -> PyResult<u64> {
        self.act(py, Writer::commit)
    }

    /// Commits and lets the session go, also where the commit fails.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        off_gil(py, || {
            let writer = with(&self.writer, Option::take);
            writer.map_or(Ok(()), |mut writer| writer.commit().map(|_| ()))
        })
    }
}

/// A session read from its beginning; each record is checked when it is reached.
#[pyclass(name = "JournalReader", module = "kedge._core", frozen)]
struct PyJournalReader {
    header: String,
    records: Mutex<Records>,
}

#[pymethods]
impl PyJournalReader {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let (session, records) = off_gil(py, || {
            let session = Session::open(path)?;
            let records = session.records()?;
            Ok((session, records))
        })?;
        let header = String::from_utf8_lossy(&session.header().payload).into_owned();
        Ok(Self { header, records: Mutex::new(records) })
    }

    /// The header's payload.
    #[getter]
    fn header(&self) -> &str {
        &self.header
    }

    /// What a crash left behind the last record; known once all have been read.
    #[getter]
    fn torn<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let torn = py.detach(|| with(&self.records, |records| records.torn().cloned()));
        torn.map(|torn| torn_dict(py, &torn)).transpose()
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let next = off_gil(py, || with(&self.records, Iterator::next).transpose())?;
        let Some(Record { seq, stream, kind, ts_engine, ts_wall, payload }) = next else { return Ok(None) };
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
