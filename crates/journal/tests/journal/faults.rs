//! SQLite's loop: the storage fails at operation n = 1, 2, 3 … until the run completes, once and for good.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kedge_journal::{Disk, Error, Options, Result, Storage, Writer};

use crate::sample::{HEADER, ID, append, goes_on, read_all, record, scratch};

const LAST: u64 = 40;
const OPTIONS: Options = Options { segment_bytes: 400, pending_bytes: 1 << 20 };

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// EIO, nothing done.
    Refused,
    /// Half of the bytes are written, then ENOSPC.
    Full,
    /// Done, but told as failed: a failed fdatasync whose bytes reached the disk after all.
    DoneButFailed,
    /// No error, only fewer bytes than asked for.
    Short,
}

/// The disk, with one fault.
struct Faulty {
    disk: Disk,
    fault: Fault,
    fail_at: u64,
    is_persistent: bool,
    operations: Arc<AtomicU64>,
}

impl Faulty {
    fn is_due(&self) -> bool {
        let now = self.operations.fetch_add(1, Ordering::Relaxed) + 1;
        now == self.fail_at || (self.is_persistent && now > self.fail_at)
    }

    fn other<T>(&mut self, act: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        match (self.is_due(), self.fault) {
            (false, _) | (true, Fault::Short) => act(&mut self.disk),
            (true, Fault::Refused) => Err(io::Error::from_raw_os_error(5)),
            (true, Fault::Full) => Err(io::Error::from_raw_os_error(28)),
            (true, Fault::DoneButFailed) => act(&mut self.disk).and(Err(io::Error::from_raw_os_error(5))),
        }
    }
}

impl Storage for Faulty {
    fn create(&mut self, path: &Path) -> io::Result<File> {
        self.other(|disk| disk.create(path))
    }

    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let half = &bytes[..bytes.len().div_ceil(2)];
        match (self.is_due(), self.fault) {
            (false, _) => self.disk.write(file, bytes, offset),
            (true, Fault::Refused) => Err(io::Error::from_raw_os_error(5)),
            (true, Fault::Full) => self.disk.write(file, half, offset).and(Err(io::Error::from_raw_os_error(28))),
            (true, Fault::DoneButFailed) => {
                self.disk.write(file, bytes, offset).and(Err(io::Error::from_raw_os_error(5)))
            }
            (true, Fault::Short) => self.disk.write(file, half, offset),
        }
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        // Only counted: what a crash does to bytes that were not synced is shown in `power`.
        let _ = file;
        self.other(|_| Ok(()))
    }

    fn sync_folder(&mut self, _folder: &Path) -> io::Result<()> {
        self.other(|_| Ok(()))
    }
}

/// Writes the whole sample; gives the last durable sequence and the error that ended it.
fn run(storage: Faulty, folder: &Path) -> (u64, Option<Error>) {
    let operations = Arc::clone(&storage.operations);
    let first = record(1);
    let created = Writer::create_on(Box::new(storage), OPTIONS, folder, ID, HEADER, first.ts_engine, first.ts_wall);
    let mut writer = match created {
        Ok(writer) => writer,
        Err(error) => return (0, Some(error)),
    };
    for seq in 2..=LAST {
        append(&mut writer, seq).unwrap();
        if seq % 3 != 0 && seq != LAST {
            continue;
        }
        let durable = writer.durable();
        if let Err(error) = writer.commit() {
            assert_eq!(writer.durable(), durable);
            is_poisoned(&mut writer, &error, &operations);
            return (durable, Some(error));
        }
        assert_eq!(writer.durable(), seq);
    }
    (writer.durable(), None)
}

/// Every later call gives the first error, and nothing is tried again.
fn is_poisoned(writer: &mut Writer, first: &Error, operations: &AtomicU64) {
    let before = operations.load(Ordering::Relaxed);
    for _ in 0..2 {
        let same = |result: Result<u64>| assert_eq!(result.unwrap_err().to_string(), first.to_string());
        same(append(writer, LAST));
        same(writer.commit());
    }
    assert_eq!(operations.load(Ordering::Relaxed), before);
}

fn fails_at_each_operation(fault: Fault, is_persistent: bool) -> u64 {
    for fail_at in 1.. {
        let dir = scratch();
        let folder = dir.path().join("session");
        let operations = Arc::new(AtomicU64::new(0));
        let storage = Faulty { disk: Disk, fault, fail_at, is_persistent, operations: Arc::clone(&operations) };
        let (durable, error) = run(storage, &folder);
        let context = format!("{fault:?} at {fail_at}, persistent {is_persistent}: {error:?}");
        match &error {
            None => {
                assert_eq!(durable, LAST, "{context}");
                assert_eq!(read_all(&folder).unwrap().0.len() as u64, LAST, "{context}");
            }
            Some(Error::Io { .. }) if durable == 0 => {
                let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
                assert_eq!(left, ["lock"], "{context}");
            }
            Some(Error::Io { .. }) => {
                let (read, torn) = read_all(&folder).unwrap_or_else(|error| panic!("{context}: {error}"));
                let kept = read.len() as u64;
                assert!(kept >= durable, "{context}: {kept} kept, {durable} durable");
                assert!(torn.is_none_or(|torn| torn.durable_lost == 0), "{context}");
                assert_eq!(read, (1..=kept).map(record).collect::<Vec<_>>(), "{context}");
                goes_on(&folder, kept);
            }
            Some(other) => panic!("{context}: {other}"),
        }
        if operations.load(Ordering::Relaxed) < fail_at {
            return fail_at - 1;
        }
    }
    unreachable!()
}

#[test]
fn the_storage_refuses_at_each_operation() {
    for is_persistent in [false, true] {
        let operations = fails_at_each_operation(Fault::Refused, is_persistent);
        assert!(operations > 60, "{operations}");
    }
}

#[test]
fn the_disk_is_full_at_each_operation() {
    for is_persistent in [false, true] {
        fails_at_each_operation(Fault::Full, is_persistent);
    }
}

#[test]
fn an_operation_that_was_done_is_told_as_failed() {
    for is_persistent in [false, true] {
        fails_at_each_operation(Fault::DoneButFailed, is_persistent);
    }
}

#[test]
fn short_writes_are_no_failure() {
    for is_persistent in [false, true] {
        fails_at_each_operation(Fault::Short, is_persistent);
    }
}

#[test]
fn what_lies_behind_the_mark_is_written_again_before_it_is_called_durable() {
    /// Counts the bytes written to journal files.
    struct Counting(Arc<AtomicU64>);
    impl Storage for Counting {
        fn create(&mut self, path: &Path) -> io::Result<File> {
            Disk.create(path)
        }
        fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
            self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Disk.write(file, bytes, offset)
        }
        fn sync(&mut self, file: &File) -> io::Result<()> {
            Disk.sync(file)
        }
        fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
            Disk.sync_folder(folder)
        }
    }
    let sample = crate::sample::sample(26, &[5, 11, 17], 300);
    let mark_len = sample.mark_before.len() as u64;
    let group: usize = (17..26).map(|i| sample.places[i].end - sample.places[i].start).sum();
    for (is_mark_old, expected) in [(true, group as u64 + mark_len), (false, mark_len)] {
        let (_dir, folder) = sample.copy();
        if is_mark_old {
            fs::write(folder.join("durable"), &sample.mark_before).unwrap();
        }
        let written = Arc::new(AtomicU64::new(0));
        let storage = Box::new(Counting(Arc::clone(&written)));
        drop(Writer::reopen_on(storage, OPTIONS, &folder).unwrap());
        assert_eq!(written.load(Ordering::Relaxed), expected, "mark old: {is_mark_old}");
        assert_eq!(read_all(&folder).unwrap().0, sample.records);
    }
}
