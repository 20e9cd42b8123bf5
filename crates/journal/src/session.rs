//! Reading a session that ended, cleanly or not.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::folder::{Lock, decisions_path};
use crate::format::{PREAMBLE_LEN, SessionId, Stream, kind};
use crate::mark;
use crate::merge::{Merge, TornTail};
use crate::segment::{Frame, Step};
use crate::stream::StreamReader;

/// One record of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the one sequence over both streams, from 1.
    pub seq: u64,
    /// Where it was written.
    pub stream: Stream,
    /// See [`kind`].
    pub kind: u8,
    /// The engine's time, in ns since the Unix epoch, UTC.
    pub ts_engine: i64,
    /// The wall clock when it was appended, in the same unit.
    pub ts_wall: i64,
    /// Opaque here.
    pub payload: Vec<u8>,
}

impl Record {
    pub(crate) fn new(stream: Stream, frame: Frame) -> Self {
        let Frame { head, payload, .. } = frame;
        Self { seq: head.seq, stream, kind: head.kind, ts_engine: head.ts_engine, ts_wall: head.ts_wall, payload }
    }
}

/// A session's folder, opened for reading. Takes no lock, changes nothing.
#[derive(Clone, Debug)]
pub struct Session {
    folder: PathBuf,
    id: SessionId,
    header: Record,
    mark: Option<u64>,
    is_live: bool,
}

impl Session {
    /// Opens a session and reads its header; the rest is checked while it is read.
    ///
    /// # Errors
    /// [`Error::NoSession`] without `decisions.kj`; [`Error::Version`] where another version wrote it;
    /// [`Error::Damage`] if its beginning is not whole.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        // Asked before the mark is read: a writer that ends in between leaves a mark that holds.
        let is_live = Lock::is_held(folder.as_ref());
        Self::load(folder.as_ref(), is_live)
    }

    /// Opens a session as its only writer does, who knows that no other is live.
    pub(crate) fn load(folder: &Path, is_live: bool) -> Result<Self> {
        if !decisions_path(folder).is_file() {
            return Err(Error::NoSession { folder: folder.to_owned(), what: "`decisions.kj` is not there".into() });
        }
        let mut decisions = StreamReader::decisions(folder, false)?;
        let id = decisions.session();
        let header = match decisions.reader.next()? {
            Step::Frame(frame) if frame.head.seq == 1 && frame.head.kind == kind::HEADER => {
                Record::new(Stream::Decisions, frame)
            }
            other => {
                let what = match other {
                    Step::Bad(what) => format!("the session's header is not whole: {what}"),
                    _ => "the first record must be the session's header, with sequence 1".into(),
                };
                return Err(Error::damage(&decisions_path(folder), PREAMBLE_LEN as u64, what));
            }
        };
        let mark = mark::read(folder, id)?;
        Ok(Self { folder: folder.to_owned(), id, header, mark, is_live })
    }

    /// The session's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The session's name.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The first record.
    pub fn header(&self) -> &Record {
        &self.header
    }

    /// Up to which sequence a crash could take nothing, as the writer last said; `None` if that file was left out.
    pub fn mark(&self) -> Option<u64> {
        self.mark
    }

    /// Whether a writer held the session when it was opened. Then reading ends at the durable mark of that moment.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// All records in the order of their sequence, the header first.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn records(&self) -> Result<Records> {
        let merge = Merge::open(&self.folder, self.id, self.is_live, 0)?;
        let limit = self.is_live.then(|| self.mark.unwrap_or(0));
        Ok(Records { merge, limit, mark: self.mark.unwrap_or(0), is_done: false, told: 0 })
    }
}

/// The records of a session, each checked when it is reached; in memory is one of each stream.
///
/// After an error there are no more.
#[derive(Debug)]
pub struct Records {
    pub(crate) merge: Merge,
    limit: Option<u64>,
    mark: u64,
    is_done: bool,
    told: u64,
}

impl Records {
    /// What a crash left behind the last record; known once the iteration has ended without an error.
    pub fn torn(&self) -> Option<&TornTail> {
        self.merge.torn.as_ref()
    }

    /// The highest sequence that was durable when one of the records given so far was written, as it says.
    pub fn durable_when_written(&self) -> u64 {
        self.told
    }

    /// The last sequence that counts, of those read so far.
    pub fn last_seq(&self) -> u64 {
        self.merge.expected - 1
    }

    pub(crate) fn next_frame(&mut self) -> Result<Option<(Stream, Frame)>> {
        if self.limit.is_some_and(|limit| self.merge.expected > limit) {
            return Ok(None);
        }
        let next = self.merge.next()?;
        if let Some(torn) = &mut self.merge.torn {
            torn.durable_lost = self.mark.saturating_sub(torn.after_seq);
        }
        Ok(next)
    }
}

impl Iterator for Records {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.next_frame().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        if let Some(Ok((_, frame))) = &next {
            self.told = self.told.max(frame.head.durable);
        }
        next.map(|next| next.map(|(stream, frame)| Record::new(stream, frame)))
    }
}
