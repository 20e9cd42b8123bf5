//! The durable mark: a small file that says up to which sequence a crash can take nothing any more.
//!
//! It is written after each commit and not synced: after a power cut it may be older than the truth, never newer.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::format::{SessionId, checksum_text};
use crate::storage::{Storage, write_all};

const MAGIC: [u8; 8] = *b"KEDGEDUR";
const MARK_LEN: usize = 36;
const READ_TRIES: u32 = 4;

/// Where a session keeps its mark.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("durable")
}

/// The mark's file, held open by the writer.
#[derive(Debug)]
pub(crate) struct Mark {
    path: PathBuf,
    file: File,
    session: SessionId,
}

impl Mark {
    pub(crate) fn open(folder: &Path, session: SessionId) -> Result<Self> {
        let path = path(folder);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        Ok(Self { file: file.map_err(Error::io("open", &path))?, path, session })
    }

    pub(crate) fn write(&self, storage: &mut dyn Storage, seq: u64) -> Result<()> {
        let mut bytes = [0; MARK_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..24].copy_from_slice(&self.session);
        bytes[24..32].copy_from_slice(&seq.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        write_all(storage, &self.file, &bytes, 0).map_err(Error::io("write", &self.path))
    }
}

/// The mark as it stands, or `None` where a session has none (a copy may leave it out).
pub(crate) fn read(folder: &Path, session: SessionId) -> Result<Option<u64>> {
    let path = path(folder);
    let mut tries = 0;
    loop {
        let mut bytes = Vec::with_capacity(MARK_LEN);
        match File::open(&path).and_then(|file| file.take(MARK_LEN as u64 + 1).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        }
        match decode(&bytes, session) {
            Ok(seq) => return Ok(Some(seq)),
            // A reader can meet the writer in the middle of it.
            Err(_) if tries < READ_TRIES => std::thread::sleep(Duration::from_millis(1)),
            Err(what) => return Err(Error::damage(&path, 0, what)),
        }
        tries += 1;
    }
}

fn decode(bytes: &[u8], session: SessionId) -> std::result::Result<u64, String> {
    let bytes: &[u8; MARK_LEN] =
        bytes.try_into().map_err(|_| format!("the durable mark must have {MARK_LEN} bytes, was {}", bytes.len()))?;
    let stored = u32::from_le_bytes(bytes[32..].try_into().expect("four bytes"));
    let computed = crc32fast::hash(&bytes[..32]);
    if stored != computed {
        return Err(checksum_text("durable mark", stored, computed));
    }
    if bytes[..8] != MAGIC || bytes[8..24] != session {
        return Err("the durable mark is another session's".into());
    }
    Ok(u64::from_le_bytes(bytes[24..32].try_into().expect("eight bytes")))
}
