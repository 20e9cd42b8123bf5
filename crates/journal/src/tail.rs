//! Following a session while it is written.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::format::SessionId;
use crate::mark;
use crate::merge::Merge;
use crate::session::{Record, Session};

/// Reads a session behind its writer, never beyond the durable mark, without a lock.
///
/// A record it gives can no longer be taken back by a crash, and it goes on over a crash and a reopening.
#[derive(Debug)]
pub struct Tail {
    folder: PathBuf,
    session: SessionId,
    merge: Merge,
    from_seq: u64,
    durable: u64,
    told: u64,
}

impl Session {
    /// Follows the session from `from_seq` on (0 or 1: from the header). Inputs that have aged out are left out.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn tail(&self, from_seq: u64) -> Result<Tail> {
        let merge = Merge::open(self.folder(), self.id(), true, from_seq)?;
        Ok(Tail { folder: self.folder().to_owned(), session: self.id(), merge, from_seq, durable: 0, told: 0 })
    }
}

impl Tail {
    /// The next durable record, or `None` where there is none yet: ask again later.
    ///
    /// # Errors
    /// [`crate::Error::Damage`] if a record that is durable cannot be read.
    pub fn poll(&mut self) -> Result<Option<Record>> {
        loop {
            if self.merge.expected > self.durable {
                self.merge.decisions.forget_ahead()?;
                self.merge.inputs.forget_ahead()?;
                self.durable = mark::read(&self.folder, self.session)?.unwrap_or(0);
                if self.merge.expected > self.durable {
                    return Ok(None);
                }
            }
            match self.merge.next()? {
                Some((_, frame)) if frame.head.seq < self.from_seq => {}
                Some((stream, frame)) => {
                    self.told = self.told.max(frame.head.durable);
                    return Ok(Some(Record::new(stream, frame)));
                }
                None => return Ok(None),
            }
        }
    }

    /// The highest sequence that was durable when one of the records given so far was written, as it says.
    pub fn durable_when_written(&self) -> u64 {
        self.told
    }

    /// The session's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
