//! Writing a session: buffered appends, and commits that put the inputs on the disk before the decisions.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::folder::{Lock, decisions_path, first_other_entry, inputs_path, sync_folder};
use crate::format::{Head, PAYLOAD_LEN_MAX, PREAMBLE_LEN, Preamble, SessionId, Stream, kind};
use crate::mark::{self, Mark};
use crate::storage::{Disk, Storage, write_all};

/// Sizes of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// An inputs segment of at least this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// An append that leaves at least this many bytes uncommitted commits them.
    pub pending_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 256 << 20, pending_bytes: 8 << 20 }
    }
}

/// Which records may come, and with which sequence.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    pub(crate) next_seq: u64,
    pub(crate) has_checkpoint: bool,
    pub(crate) is_closed: bool,
}

impl Admission {
    /// Takes one record in and gives its sequence.
    pub(crate) fn admit(&mut self, stream: Stream, kind: u8, payload_len: usize) -> Result<u64> {
        let refuse = |what: String| Err(Error::Usage(what));
        if self.is_closed {
            return refuse(format!("no record may follow CLOSED (sequence {}), was kind {kind}", self.next_seq - 1));
        }
        if kind == 0 || kind == kind::HEADER {
            return refuse(format!("`kind` must be 2 or above (1, HEADER, is written by `create`), was {kind}"));
        }
        if payload_len > PAYLOAD_LEN_MAX {
            return refuse(format!("`payload` must have at most {PAYLOAD_LEN_MAX} bytes, was {payload_len}"));
        }
        if stream != Stream::Decisions && (kind == kind::CHECKPOINT || kind == kind::CLOSED) {
            return refuse(format!(
                "kind {kind} must be written to the decisions (stream 1), was the inputs (stream 0)"
            ));
        }
        if !self.has_checkpoint && kind != kind::CHECKPOINT {
            return refuse(format!("the second record must be a CHECKPOINT (kind {}), was {kind}", kind::CHECKPOINT));
        }
        self.has_checkpoint = true;
        self.is_closed = kind == kind::CLOSED;
        self.next_seq += 1;
        Ok(self.next_seq - 1)
    }
}

/// The end of one stream.
#[derive(Debug)]
pub(crate) struct Out {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    /// Bytes in the file, all durable.
    pub(crate) len: u64,
    pending: Vec<u8>,
}

impl Out {
    pub(crate) fn new(path: PathBuf, file: File, len: u64) -> Self {
        Self { path, file, len, pending: Vec::new() }
    }

    /// A new file with its preamble. Not yet durable.
    fn create(storage: &mut dyn Storage, path: PathBuf, preamble: &Preamble) -> Result<Self> {
        let file = storage.create(&path).map_err(Error::io("create", &path))?;
        write_all(storage, &file, &preamble.encode(), 0).map_err(Error::io("write", &path))?;
        Ok(Self::new(path, file, PREAMBLE_LEN as u64))
    }

    /// Writes what is pending and waits until the file is durable.
    fn commit(&mut self, storage: &mut dyn Storage) -> Result<()> {
        write_all(storage, &self.file, &self.pending, self.len).map_err(Error::io("write", &self.path))?;
        storage.sync(&self.file).map_err(Error::io("fdatasync", &self.path))?;
        self.len += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

/// The only writer of a session. What was not committed when it is dropped is lost, as in a crash.
pub struct Writer {
    pub(crate) folder: PathBuf,
    pub(crate) session: SessionId,
    pub(crate) options: Options,
    pub(crate) storage: Box<dyn Storage>,
    pub(crate) inputs: Out,
    pub(crate) segment: u32,
    pub(crate) decisions: Out,
    pub(crate) mark: Mark,
    pub(crate) admission: Admission,
    pub(crate) durable: u64,
    /// The first error; after it nothing is tried again.
    pub(crate) failed: Option<Error>,
    pub(crate) _lock: Lock,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { folder, admission, durable, failed, .. } = self;
        write!(f, "Writer({}, {admission:?}, durable {durable}, failed {failed:?})", folder.display())
    }
}

impl Writer {
    /// Begins a session in a new or empty folder. `header` is the payload of the first record, which is durable when
    /// this returns; the second must be a [`kind::CHECKPOINT`]. Times in ns since the Unix epoch, UTC.
    ///
    /// # Errors
    /// [`Error::Usage`] if something is in the folder; [`Error::Locked`]; [`Error::Io`], and then only
    /// the empty lock file is left there.
    pub fn create(
        folder: impl AsRef<Path>,
        session: SessionId,
        header: &[u8],
        ts_engine: i64,
        ts_wall: i64,
    ) -> Result<Self> {
        Self::create_on(Box::new(Disk), Options::default(), folder, session, header, ts_engine, ts_wall)
    }

    /// As [`Self::create`], on a given storage and with given sizes.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_on(
        storage: Box<dyn Storage>,
        options: Options,
        folder: impl AsRef<Path>,
        session: SessionId,
        header: &[u8],
        ts_engine: i64,
        ts_wall: i64,
    ) -> Result<Self> {
        let folder = folder.as_ref();
        if header.len() > PAYLOAD_LEN_MAX {
            return Err(Error::Usage(format!(
                "`header` must have at most {PAYLOAD_LEN_MAX} bytes, was {}",
                header.len()
            )));
        }
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        refuse_full(folder)?;
        let lock = Lock::take(folder)?;
        // Another writer may have come and gone between the two.
        refuse_full(folder)?;
        let head = Head { seq: 1, durable: 0, ts_engine, ts_wall, kind: kind::HEADER };
        begin(storage, options, folder, session, lock, |out| head.encode(header, out))
            .inspect_err(|_| clear_away(folder))
    }

    /// Adds a record to what the next commit writes, and gives its sequence. Commits by itself once
    /// [`Options::pending_bytes`] are pending. Times in ns since the Unix epoch, UTC.
    ///
    /// # Errors
    /// [`Error::Usage`] for a record that may not come here, which changes nothing; else the error that ended the
    /// writer.
    pub fn append(&mut self, stream: Stream, kind: u8, ts_engine: i64, ts_wall: i64, payload: &[u8]) -> Result<u64> {
        self.check()?;
        let seq = self.admission.admit(stream, kind, payload.len())?;
        let out = match stream {
            Stream::Inputs => &mut self.inputs,
            Stream::Decisions => &mut self.decisions,
        };
        Head { seq, durable: self.durable, ts_engine, ts_wall, kind }.encode(payload, &mut out.pending);
        if self.inputs.pending.len() + self.decisions.pending.len() >= self.options.pending_bytes {
            self.commit()?;
        }
        Ok(seq)
    }

    /// Makes all that was appended durable, the inputs first, and gives the last durable sequence.
    ///
    /// # Errors
    /// A failed write or fdatasync is fatal: the writer is done, nothing is tried again, and every later call gives
    /// the same error. What was durable before stays so.
    pub fn commit(&mut self) -> Result<u64> {
        self.check()?;
        match self.try_commit() {
            Ok(()) => Ok(self.durable),
            Err(error) => {
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    /// The last sequence that a crash cannot take.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// The session's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn check(&self) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn try_commit(&mut self) -> Result<()> {
        if !self.inputs.pending.is_empty() {
            if self.inputs.len >= self.options.segment_bytes && self.inputs.len > PREAMBLE_LEN as u64 {
                self.rotate()?;
            }
            self.inputs.commit(&mut *self.storage)?;
        }
        if !self.decisions.pending.is_empty() {
            self.decisions.commit(&mut *self.storage)?;
        }
        let last = self.admission.next_seq - 1;
        if self.durable < last {
            self.mark.write(&mut *self.storage, last)?;
            self.durable = last;
        }
        Ok(())
    }

    /// Goes on in a new inputs segment. Everything up to its first sequence is durable already.
    fn rotate(&mut self) -> Result<()> {
        let (segment, storage) = (self.segment + 1, &mut *self.storage);
        let path = inputs_path(&self.folder, segment);
        let preamble = Preamble { stream: Stream::Inputs, segment, session: self.session, first_seq: self.durable + 1 };
        let mut next = Out::create(storage, path, &preamble)?;
        storage.sync(&next.file).map_err(Error::io("fdatasync", &next.path))?;
        storage.sync_folder(&self.folder).map_err(Error::io("sync", &self.folder))?;
        std::mem::swap(&mut next.pending, &mut self.inputs.pending);
        self.inputs = next;
        self.segment = segment;
        Ok(())
    }
}

fn refuse_full(folder: &Path) -> Result<()> {
    match first_other_entry(folder)? {
        None => Ok(()),
        Some(entry) => Err(Error::Usage(format!(
            "{}: a session must begin in an empty folder, was one with `{entry}` in it",
            folder.display()
        ))),
    }
}

/// Makes the files of a session and its first record durable.
fn begin(
    mut storage: Box<dyn Storage>,
    options: Options,
    folder: &Path,
    session: SessionId,
    lock: Lock,
    write_header: impl FnOnce(&mut Vec<u8>),
) -> Result<Writer> {
    let disk = &mut *storage;
    // The decisions come last: a folder without them is no session.
    let mut preamble = Preamble { stream: Stream::Inputs, segment: 1, session, first_seq: 1 };
    let mut inputs = Out::create(disk, inputs_path(folder, 1), &preamble)?;
    inputs.commit(disk)?;
    (preamble.stream, preamble.segment) = (Stream::Decisions, 0);
    let mut decisions = Out::create(disk, decisions_path(folder), &preamble)?;
    write_header(&mut decisions.pending);
    decisions.commit(disk)?;
    let mark = Mark::open(folder, session)?;
    mark.write(disk, 1)?;
    disk.sync_folder(folder).map_err(Error::io("sync", folder))?;
    if let Some(parent) = folder.parent().filter(|parent| parent.is_dir()) {
        sync_folder(parent)?;
    }
    let admission = Admission { next_seq: 2, has_checkpoint: false, is_closed: false };
    let (folder, durable, failed) = (folder.to_owned(), 1, None);
    let segment = 1;
    Ok(Writer {
        folder,
        session,
        options,
        storage,
        inputs,
        segment,
        decisions,
        mark,
        admission,
        durable,
        failed,
        _lock: lock,
    })
}

/// Takes back what a failed beginning left, as far as that goes: the error at hand matters more.
///
/// The lock's file stays: another writer may be waiting for it, and a new file would be another lock.
fn clear_away(folder: &Path) {
    for path in [decisions_path(folder), inputs_path(folder, 1), mark::path(folder)] {
        let _ = fs::remove_file(path);
    }
}
