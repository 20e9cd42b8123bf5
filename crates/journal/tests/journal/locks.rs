//! One writer, and what it refuses.

use std::fs;

use kedge_journal::{Error, Options, PAYLOAD_LEN_MAX, Session, Stream, Writer, kind};

use crate::sample::{HEADER, ID, append, create, read_all, record};

#[test]
fn a_second_writer_is_refused_while_the_first_lives() {
    let dir = tempfile::tempdir().unwrap();
    let writer = create(dir.path(), Options::default());
    assert!(matches!(Writer::reopen(dir.path()), Err(Error::Locked { .. })));
    assert!(matches!(Writer::create(dir.path(), ID, HEADER, 0, 0), Err(Error::Usage(_))));
    drop(writer);
    let (again, recovered) = Writer::reopen(dir.path()).unwrap();
    assert_eq!((recovered.last_seq, recovered.torn), (1, None));
    assert!(matches!(Writer::reopen(dir.path()), Err(Error::Locked { .. })));
    drop(again);
}

#[test]
fn a_session_begins_in_an_empty_folder_only() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let error = Writer::create(dir.path(), ID, HEADER, 0, 0).unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was put beside it");
    let new = dir.path().join("a/b/session");
    drop(Writer::create(&new, ID, HEADER, 5, 6).unwrap());
    let session = Session::open(&new).unwrap();
    assert_eq!((session.id(), session.header().ts_engine, session.header().ts_wall), (ID, 5, 6));
    assert_eq!(session.header().payload, HEADER);
}

#[test]
fn records_that_may_not_come_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = create(dir.path(), Options::default());
    let refused = |writer: &mut Writer, stream, kind, payload: &[u8]| {
        assert!(matches!(writer.append(stream, kind, 0, 0, payload), Err(Error::Usage(_))), "kind {kind}");
    };
    refused(&mut writer, Stream::Inputs, kind::MARKET, b"before the checkpoint");
    append(&mut writer, 2).unwrap();
    refused(&mut writer, Stream::Decisions, kind::HEADER, b"twice");
    refused(&mut writer, Stream::Decisions, 0, b"");
    refused(&mut writer, Stream::Inputs, kind::CLOSED, b"");
    refused(&mut writer, Stream::Inputs, kind::CHECKPOINT, b"");
    refused(&mut writer, Stream::Inputs, kind::MARKET, &vec![0; PAYLOAD_LEN_MAX + 1]);
    append(&mut writer, 3).unwrap();
    assert_eq!(writer.append(Stream::Decisions, kind::CLOSED, 0, 0, b"").unwrap(), 4);
    refused(&mut writer, Stream::Decisions, kind::COMMAND, b"after the end");
    assert_eq!(writer.commit().unwrap(), 4);
    drop(writer);
    assert!(matches!(Writer::reopen(dir.path()), Err(Error::Usage(_))), "a closed session stays closed");
    assert_eq!(read_all(dir.path()).unwrap().0.len(), 4);
}

#[test]
fn the_longest_record_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = create(dir.path(), Options::default());
    append(&mut writer, 2).unwrap();
    let longest = vec![0xa5; PAYLOAD_LEN_MAX];
    writer.append(Stream::Inputs, kind::MARKET, 1, 2, &longest).unwrap();
    // Beyond the pending bytes an append commits by itself.
    assert_eq!(writer.durable(), 3);
    drop(writer);
    let (read, torn) = read_all(dir.path()).unwrap();
    assert_eq!((read.len(), torn), (3, None));
    assert!(read[2].payload == longest);
}

#[test]
fn a_live_session_is_read_up_to_its_durable_mark() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = create(dir.path(), Options::default());
    for seq in 2..=9 {
        append(&mut writer, seq).unwrap();
    }
    writer.commit().unwrap();
    append(&mut writer, 10).unwrap();
    let session = Session::open(dir.path()).unwrap();
    assert!(session.is_live());
    // The commit under way has put its inputs on the disk, its decisions not yet.
    writer.commit().unwrap();
    let read: Vec<_> = session.records().unwrap().map(Result::unwrap).collect();
    assert_eq!(read, (1..=9).map(record).collect::<Vec<_>>());
    drop(writer);
    assert!(!Session::open(dir.path()).unwrap().is_live());
    assert_eq!(read_all(dir.path()).unwrap().0.len(), 10);
}
