//! Group commit from many threads.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use kedge_journal::{Disk, Error, GroupCommitter, Options, Storage, Stream, Writer, kind};

use crate::sample::{HEADER, ID, create, read_all, record, until};

const LONG: Duration = Duration::from_secs(30);

fn append(committer: &GroupCommitter, seq: u64) -> kedge_journal::Result<u64> {
    let record = record(seq);
    committer.append(record.stream, record.kind, record.ts_engine, record.ts_wall, record.payload)
}

/// A disk that stands still while told so, and fails when told so; counts its syncs.
#[derive(Clone, Default)]
struct Slow {
    gate: Arc<Mutex<()>>,
    is_broken: Arc<AtomicBool>,
    syncs: Arc<AtomicU64>,
}

impl Storage for Slow {
    fn create(&mut self, path: &Path) -> io::Result<File> {
        Disk.create(path)
    }

    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        Disk.write(file, bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        let _pass = self.gate.lock().unwrap();
        self.syncs.fetch_add(1, Ordering::Relaxed);
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(5));
        }
        Disk.sync(file)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        Disk.sync_folder(folder)
    }
}

fn slow(folder: &Path, capacity: usize) -> (Slow, GroupCommitter) {
    let slow = Slow::default();
    let writer = Writer::create_on(Box::new(slow.clone()), Options::default(), folder, ID, HEADER, 0, 0).unwrap();
    (slow, GroupCommitter::spawn(writer, capacity).unwrap())
}

#[test]
fn what_was_waited_for_survives_a_crash() {
    for last in [2, 3, 17, 40] {
        let dir = tempfile::tempdir().unwrap();
        let committer = GroupCommitter::spawn(create(dir.path(), Options::default()), 8).unwrap();
        for seq in 2..=last {
            assert_eq!(append(&committer, seq).unwrap(), seq);
        }
        assert!(committer.wait_durable(last, LONG).unwrap());
        assert!(committer.durable() >= last);
        let _ = append(&committer, last + 1).unwrap();
        drop(committer);
        let (_, recovered) = Writer::reopen(dir.path()).unwrap();
        assert!(recovered.last_seq >= last, "{recovered:?}");
        assert_eq!(recovered.torn, None);
        assert_eq!(read_all(dir.path()).unwrap().0[..usize::try_from(last).unwrap()].last(), Some(&record(last)));
    }
}

#[test]
fn records_of_many_threads_get_one_sequence_and_share_their_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, committer) = slow(dir.path(), 4);
    append(&committer, 2).unwrap();
    let write = |thread: u8| {
        let mut seqs = Vec::new();
        for i in 0..200_u8 {
            let stream = if i % 2 == 0 { Stream::Inputs } else { Stream::Decisions };
            let kind = if i % 2 == 0 { kind::REPORT } else { kind::COMMAND };
            let seq = committer.append(stream, kind, 0, 0, vec![thread, i]).unwrap();
            if i % 50 == 49 {
                assert!(committer.wait_durable(seq, LONG).unwrap());
            }
            seqs.push((seq, vec![thread, i]));
        }
        seqs
    };
    let mut given: Vec<(u64, Vec<u8>)> = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || write(thread))).collect();
        given.extend(threads.into_iter().flat_map(|thread| thread.join().unwrap()));
    });
    assert_eq!(committer.close().unwrap(), 802);
    given.sort();
    assert_eq!(given.iter().map(|(seq, _)| *seq).collect::<BTreeSet<_>>(), (3..=802).collect());
    let (read, _) = read_all(dir.path()).unwrap();
    let read: Vec<_> = read.into_iter().skip(2).map(|record| (record.seq, record.payload)).collect();
    assert_eq!(read, given);
    let syncs = disk.syncs.load(Ordering::Relaxed);
    assert!(syncs < 1_200, "{syncs} syncs for 801 records");
}

#[test]
fn records_queued_together_are_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, committer) = slow(folder.path(), 16);
    let queue = |seq| {
        let record = record(seq);
        committer.queue(record.stream, record.kind, record.ts_engine, record.ts_wall, record.payload).unwrap()
    };
    append(&committer, 2).unwrap();
    assert!(committer.wait_durable(2, LONG).unwrap());
    let before = disk.syncs.load(Ordering::Relaxed);
    let queued: Vec<u64> = (3..8).map(queue).collect();
    assert_eq!(queued, [3, 4, 5, 6, 7]);
    assert!(!committer.wait_durable(3, Duration::from_millis(50)).unwrap(), "nothing was to begin yet");
    assert_eq!(disk.syncs.load(Ordering::Relaxed), before);
    committer.begin();
    assert!(committer.wait_durable(7, LONG).unwrap());
    assert_eq!(committer.durable(), 7);
    let all = disk.syncs.load(Ordering::Relaxed) - before;
    assert!(all <= 3, "{all} syncs for one commit of both streams");
}

#[test]
fn a_full_queue_begins_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (_, committer) = slow(folder.path(), 4);
    for seq in 2..40 {
        let record = record(seq);
        committer.queue(record.stream, record.kind, record.ts_engine, record.ts_wall, record.payload).unwrap();
    }
    assert_eq!(committer.close().unwrap(), 39);
}

#[test]
fn the_waker_tells_of_a_commit_and_a_wait_can_time_out() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, committer) = slow(dir.path(), 100);
    let mut waker = File::from(committer.waker().try_clone_to_owned().unwrap());
    let mut counter = [0; 8];
    assert_eq!(waker.read(&mut counter).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let gate = disk.gate.lock().unwrap();
    append(&committer, 2).unwrap();
    assert!(!committer.wait_durable(2, Duration::from_millis(20)).unwrap());
    assert_eq!(committer.durable(), 1);
    drop(gate);
    assert!(committer.wait_durable(2, Duration::MAX).unwrap());
    until("the waker", || waker.read(&mut counter).is_ok());
    assert_eq!(u64::from_ne_bytes(counter), 1);
    assert_eq!(waker.read(&mut counter).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_full_queue_holds_its_callers_back() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, committer) = slow(dir.path(), 2);
    let gate = disk.gate.lock().unwrap();
    let done = AtomicU64::new(1);
    thread::scope(|scope| {
        let (committer, done) = (&committer, &done);
        scope.spawn(move || {
            for seq in 2..=20 {
                append(committer, seq).unwrap();
                done.store(seq, Ordering::Relaxed);
            }
        });
        thread::sleep(Duration::from_millis(50));
        // One group stands at the gate, two records wait behind it, and one caller.
        assert!(done.load(Ordering::Relaxed) < 8, "{done:?}");
        drop(gate);
    });
    assert_eq!(committer.close().unwrap(), 20);
    assert_eq!(read_all(dir.path()).unwrap().0.len(), 20);
}

#[test]
fn a_failed_sync_ends_it_for_everyone() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, committer) = slow(dir.path(), 2);
    for seq in 2..=9 {
        append(&committer, seq).unwrap();
    }
    assert!(committer.wait_durable(9, LONG).unwrap());
    disk.is_broken.store(true, Ordering::Relaxed);
    let mut waker = File::from(committer.waker().try_clone_to_owned().unwrap());
    while waker.read(&mut [0; 8]).is_ok() {}
    append(&committer, 10).unwrap();
    let first = committer.wait_durable(10, LONG).unwrap_err();
    assert!(matches!(&first, Error::Io { action: "fdatasync", .. }), "{first}");
    until("the waker", || waker.read(&mut [0; 8]).is_ok());
    let syncs = disk.syncs.load(Ordering::Relaxed);
    disk.is_broken.store(false, Ordering::Relaxed);
    assert_eq!(append(&committer, 11).unwrap_err().to_string(), first.to_string());
    assert!(committer.wait_durable(9, LONG).unwrap(), "what was durable is so");
    assert_eq!(committer.wait_durable(10, LONG).unwrap_err().to_string(), first.to_string());
    assert_eq!(committer.close().unwrap_err().to_string(), first.to_string());
    assert_eq!(disk.syncs.load(Ordering::Relaxed), syncs, "never tried again");
}

#[test]
fn a_record_that_may_not_come_takes_no_sequence() {
    let dir = tempfile::tempdir().unwrap();
    let committer = GroupCommitter::spawn(create(dir.path(), Options::default()), 4).unwrap();
    assert!(matches!(committer.append(Stream::Inputs, kind::MARKET, 0, 0, vec![]), Err(Error::Usage(_))));
    for seq in 2..=7 {
        assert_eq!(append(&committer, seq).unwrap(), seq);
        assert!(matches!(committer.append(Stream::Decisions, 0, 0, 0, vec![]), Err(Error::Usage(_))));
    }
    assert_eq!(committer.close().unwrap(), 7);
}
