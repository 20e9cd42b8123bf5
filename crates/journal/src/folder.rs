//! The files of a session's folder: their names, the lock, and which inputs may go.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::segment::{self, Opened};

const LOCK_NAME: &str = "lock";
const LOCK_TRIES: u32 = 5;

/// Where a session keeps its decisions.
pub fn decisions_path(folder: &Path) -> PathBuf {
    folder.join("decisions.kj")
}

/// Where a session keeps segment `number` of its inputs.
pub fn inputs_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("inputs-{number:06}.kj"))
}

/// The numbers of the inputs segments that are there, rising.
pub(crate) fn inputs_segments(folder: &Path) -> Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let name = entry.map_err(Error::io("list", folder))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("inputs-")?.strip_suffix(".kj")?.parse().ok());
        // Only the one spelling of a number counts, or a stray copy would pass for a segment.
        if let Some(number) = number
            && inputs_path(folder, number).file_name() == Some(&name)
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    if let Some(pair) = numbers.windows(2).find(|pair| pair[0] + 1 != pair[1]) {
        let missing = inputs_path(folder, pair[0] + 1);
        return Err(Error::damage(&missing, 0, "the segment is missing; inputs may only go from the oldest on"));
    }
    Ok(numbers)
}

/// Deletes the oldest inputs segments whose records all lie before `before_seq`; never the newest one.
///
/// Gives the files deleted. Decisions stay. A session without all its inputs can be read, not replayed.
///
/// # Errors
/// [`Error::Damage`] if a segment or its beginning is not what it should be: then it and what follows stay.
pub fn age_out(folder: &Path, before_seq: u64) -> Result<Vec<PathBuf>> {
    let mut deleted = Vec::new();
    for pair in inputs_segments(folder)?.windows(2) {
        let next = inputs_path(folder, pair[1]);
        match segment::open(&next)? {
            Opened::Whole { preamble, .. } if preamble.first_seq <= before_seq => {}
            _ => break,
        }
        let oldest = inputs_path(folder, pair[0]);
        fs::remove_file(&oldest).map_err(Error::io("delete", &oldest))?;
        deleted.push(oldest);
    }
    if !deleted.is_empty() {
        sync_folder(folder)?;
    }
    Ok(deleted)
}

/// Waits until the folder's entries are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}

/// What is in the folder besides the lock.
pub(crate) fn first_other_entry(folder: &Path) -> Result<Option<String>> {
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let name = entry.map_err(Error::io("list", folder))?.file_name();
        if name != LOCK_NAME {
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// The right to write a session, held until dropped: an exclusive `flock`, so that it dies with its process.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Said, not only closed: a child process that was forked meanwhile may hold a copy of the descriptor.
        let _ = self.file.unlock();
    }
}

impl Lock {
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_NAME);
        let options = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(Error::io("open", &path))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file }),
                // A reader may hold it for the moment in which it asks whether there is a writer.
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
            }
        }
        Err(Error::Locked { folder: folder.to_owned() })
    }

    /// Whether some writer holds it now.
    pub(crate) fn is_held(folder: &Path) -> bool {
        let file = File::open(folder.join(LOCK_NAME));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}
