//! Going on with a session after a crash.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::folder::{Lock, decisions_path, inputs_path, sync_folder};
use crate::format::{PREAMBLE_LEN, Stream, kind};
use crate::mark::Mark;
use crate::merge::{Cut, TornTail};
use crate::segment::read_at;
use crate::session::{Records, Session};
use crate::storage::{Disk, Storage, write_all};
use crate::writer::{Admission, Options, Out, Writer};

/// Bytes written again in one go.
const CHUNK_LEN: usize = 1 << 20;

/// What a reopened session was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The last sequence kept; the next record gets the one after it.
    pub last_seq: u64,
    /// What was cut, if anything.
    pub torn: Option<TornTail>,
}

impl Writer {
    /// Goes on with a session whose writer is gone: reads all of it, cuts the torn tail, makes the rest durable.
    ///
    /// # Errors
    /// [`Error::Damage`] where the journal is not what was written, or where a record is gone that the durable mark
    /// had promised: nothing is changed then. [`Error::Usage`] if the session was closed. Others as [`Session::open`].
    pub fn reopen(folder: impl AsRef<Path>) -> Result<(Self, Recovered)> {
        Self::reopen_on(Box::new(Disk), Options::default(), folder)
    }

    /// As [`Self::reopen`], on a given storage and with given sizes.
    ///
    /// # Errors
    /// As [`Self::reopen`].
    pub fn reopen_on(
        mut storage: Box<dyn Storage>,
        options: Options,
        folder: impl AsRef<Path>,
    ) -> Result<(Self, Recovered)> {
        let folder = folder.as_ref();
        if !decisions_path(folder).is_file() {
            return Err(Error::NoSession { folder: folder.to_owned(), what: "`decisions.kj` is not there".into() });
        }
        let lock = Lock::take(folder)?;
        let session = Session::load(folder, false)?;
        let mut records = session.records()?;
        let survey = Survey::of(&mut records, session.mark().unwrap_or(0))?;
        let last_seq = records.last_seq();
        if survey.last_kind == kind::CLOSED {
            let what = format!("{}: the session was closed at sequence {last_seq}", folder.display());
            return Err(Error::Usage(what));
        }
        refuse_loss(&session, &records)?;
        let torn = records.torn().cloned();
        for cut in torn.iter().flat_map(|torn| &torn.cuts) {
            apply(cut)?;
        }
        sync_folder(folder)?;
        let segment = records.merge.inputs.segment;
        let inputs = go_on(&mut *storage, inputs_path(folder, segment), survey.inputs_from)?;
        let decisions = go_on(&mut *storage, decisions_path(folder), survey.decisions_from)?;
        let mark = Mark::open(folder, session.id())?;
        mark.write(&mut *storage, last_seq)?;
        let writer = Self {
            folder: folder.to_owned(),
            session: session.id(),
            options,
            storage,
            inputs,
            segment,
            decisions,
            mark,
            admission: Admission { next_seq: last_seq + 1, has_checkpoint: survey.has_checkpoint, is_closed: false },
            durable: last_seq,
            failed: None,
            _lock: lock,
        };
        Ok((writer, Recovered { last_seq, torn }))
    }
}

/// What reading the whole session has shown.
struct Survey {
    has_checkpoint: bool,
    last_kind: u8,
    /// Where the first record behind the durable mark lies in the newest inputs segment, if there is one.
    inputs_from: Option<u64>,
    /// The same in the decisions.
    decisions_from: Option<u64>,
}

impl Survey {
    fn of(records: &mut Records, mark: u64) -> Result<Self> {
        let mut me = Self { has_checkpoint: false, last_kind: 0, inputs_from: None, decisions_from: None };
        let mut segment = 0;
        while let Some((stream, frame)) = records.next_frame()? {
            me.last_kind = frame.head.kind;
            me.has_checkpoint |= me.last_kind == kind::CHECKPOINT;
            if stream == Stream::Inputs && records.merge.inputs.segment != segment {
                // All before a new segment was durable when it was made.
                segment = records.merge.inputs.segment;
                me.inputs_from = None;
            }
            let from = if stream == Stream::Inputs { &mut me.inputs_from } else { &mut me.decisions_from };
            if frame.head.seq > mark {
                from.get_or_insert(frame.offset);
            }
        }
        Ok(me)
    }
}

/// Going on after durable records are gone could send an order twice: a person must look.
fn refuse_loss(session: &Session, records: &Records) -> Result<()> {
    let last_seq = records.last_seq();
    match session.mark() {
        Some(mark) if mark > last_seq => {
            let what =
                format!("sequences {} to {mark} had been durable (`durable` says so) and are gone", last_seq + 1);
            let cut = records.torn().and_then(|torn| torn.cuts.first());
            let decisions = &records.merge.decisions.reader;
            let (file, offset) = cut.map_or((&decisions.path, decisions.offset), |cut| (&cut.file, cut.offset));
            Err(Error::damage(file, offset, what))
        }
        _ => Ok(()),
    }
}

fn apply(cut: &Cut) -> Result<()> {
    if cut.offset < PREAMBLE_LEN as u64 {
        return fs::remove_file(&cut.file).map_err(Error::io("delete", &cut.file));
    }
    let file = open_for_writing(&cut.file)?;
    file.set_len(cut.offset).and_then(|()| file.sync_all()).map_err(Error::io("cut", &cut.file))
}

/// The end of a file whose bytes are all good, made durable.
///
/// What lies behind the durable mark is written again first: after a failed fdatasync the system may hold it as clean
/// in memory while the disk has it not, and a second fdatasync would then succeed and mean nothing.
fn go_on(storage: &mut dyn Storage, path: PathBuf, rewrite_from: Option<u64>) -> Result<Out> {
    let file = open_for_writing(&path)?;
    if let Some(mut offset) = rewrite_from {
        let mut chunk = vec![0; CHUNK_LEN];
        loop {
            let read = read_at(&file, &mut chunk, offset).map_err(Error::io("read", &path))?;
            if read == 0 {
                break;
            }
            write_all(storage, &file, &chunk[..read], offset).map_err(Error::io("write", &path))?;
            offset += read as u64;
        }
    }
    storage.sync(&file).map_err(Error::io("fdatasync", &path))?;
    let len = file.metadata().map_err(Error::io("ask for the length of", &path))?.len();
    Ok(Out::new(path, file, len))
}

fn open_for_writing(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).open(path).map_err(Error::io("open", path))
}
