//! Following a session while it is written.

use std::fs;
use std::thread;

use kedge_journal::{Disk, Error, GroupCommitter, Options, Record, Session, Tail, Writer};

use crate::sample::{append, create, record, sample};

fn drain(tail: &mut Tail) -> Vec<Record> {
    std::iter::from_fn(|| tail.poll().unwrap()).collect()
}

fn records(seqs: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    seqs.map(record).collect()
}

#[test]
fn it_sees_what_is_durable_and_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 400, ..Options::default() };
    let mut writer = create(dir.path(), options);
    let mut tail = Session::open(dir.path()).unwrap().tail(0).unwrap();
    assert_eq!(drain(&mut tail), records(1..=1));
    let mut seen = 1;
    for last in [4, 5, 9, 30, 31, 80] {
        for seq in writer.durable() + 1..=last {
            append(&mut writer, seq).unwrap();
        }
        assert_eq!(drain(&mut tail), []);
        writer.commit().unwrap();
        assert_eq!(drain(&mut tail), records(seen + 1..=last));
        seen = last;
    }
}

#[test]
fn it_begins_anywhere_and_leaves_out_aged_inputs() {
    let sample = sample(60, &[6, 9, 15, 21, 26, 33, 41, 48, 50], 300);
    let session = Session::open(sample.path()).unwrap();
    for from in 0..=61 {
        let mut tail = session.tail(from).unwrap();
        assert_eq!(drain(&mut tail), records(from.max(1)..=60), "from {from}");
    }
    let (_dir, folder) = sample.copy();
    kedge_journal::age_out(&folder, 40).unwrap();
    let all = crate::sample::read_all(&folder).unwrap().0;
    let mut tail = Session::open(&folder).unwrap().tail(0).unwrap();
    assert_eq!(drain(&mut tail), all);
}

#[test]
fn it_goes_on_over_a_crash_and_never_shows_what_was_cut() {
    let sample = sample(26, &[5, 11, 17], u64::MAX);
    let (_dir, folder) = sample.copy();
    // The last commit reached the files, whole, but was never called durable.
    fs::write(folder.join("durable"), &sample.mark_before).unwrap();
    let mut tail = Session::open(&folder).unwrap().tail(0).unwrap();
    assert_eq!(drain(&mut tail), records(1..=17));
    // The crash takes its last byte, and other records come in its place.
    let decisions = folder.join("decisions.kj");
    let len = usize::try_from(fs::metadata(&decisions).unwrap().len()).unwrap();
    let last_decision = *sample.records_in(&decisions).last().unwrap();
    crate::sample::cut(&decisions, len - 1);
    let (mut writer, recovered) = Writer::reopen(&folder).unwrap();
    assert_eq!(recovered.last_seq, last_decision as u64);
    crate::sample::cut(&decisions, sample.places[last_decision].start);
    let ours = Record { payload: b"another one".to_vec(), ..record(recovered.last_seq + 1) };
    writer.append(ours.stream, ours.kind, ours.ts_engine, ours.ts_wall, &ours.payload).unwrap();
    writer.commit().unwrap();
    let mut expected = records(18..=recovered.last_seq);
    expected.push(ours);
    assert_eq!(drain(&mut tail), expected);
}

#[test]
fn a_durable_record_that_is_gone_is_damage() {
    let sample = sample(26, &[5, 11, 17], u64::MAX);
    let (_dir, folder) = sample.copy();
    let mut tail = Session::open(&folder).unwrap().tail(0).unwrap();
    let decisions = folder.join("decisions.kj");
    let len = usize::try_from(fs::metadata(&decisions).unwrap().len()).unwrap();
    crate::sample::cut(&decisions, len - 1);
    let error = loop {
        match tail.poll() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the mark promises more"),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, Error::Damage { file, .. } if *file == decisions), "{error}");
}

#[test]
fn it_keeps_up_with_a_writer_that_rotates() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let options = Options { segment_bytes: 2_000, ..Options::default() };
    let first = record(1);
    let writer = Writer::create_on(
        Box::new(Disk),
        options,
        folder,
        crate::sample::ID,
        crate::sample::HEADER,
        first.ts_engine,
        first.ts_wall,
    );
    let committer = GroupCommitter::spawn(writer.unwrap(), 32).unwrap();
    const LAST: u64 = 2_000;
    thread::scope(|scope| {
        scope.spawn(|| {
            for seq in 2..=LAST {
                let record = record(seq);
                let given =
                    committer.append(record.stream, record.kind, record.ts_engine, record.ts_wall, record.payload);
                assert_eq!(given.unwrap(), seq);
            }
        });
        let mut tail = Session::open(folder).unwrap().tail(0).unwrap();
        let mut next = 1;
        while next <= LAST {
            match tail.poll().unwrap() {
                Some(read) => {
                    assert_eq!(read, record(next));
                    // The mark on disk comes first, the committer's own figure right after it.
                    assert!(committer.wait_durable(next, std::time::Duration::from_secs(5)).unwrap());
                    next += 1;
                }
                None => thread::sleep(std::time::Duration::from_micros(200)),
            }
        }
    });
    assert!(folder.join("inputs-000005.kj").exists());
    assert_eq!(committer.close().unwrap(), LAST);
}
