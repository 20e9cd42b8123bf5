//! Sessions changed by somebody who puts the checksums right.

use std::fs;
use std::path::Path;

use kedge_journal::{Error, Session};

use crate::sample::{Sample, read_all, sample};

/// Puts the checksum of the frame at `start..end` right, as `docs/journal.md` says.
fn reseal(bytes: &mut [u8], start: usize, end: usize) {
    let crc = crc32fast::hash(&bytes[start + 4..end]);
    bytes[start..start + 4].copy_from_slice(&crc.to_le_bytes());
}

fn change(sample: &Sample, folder: &Path, record: usize, change: impl Fn(&mut [u8])) {
    let place = &sample.places[record];
    let file = folder.join(place.file.file_name().unwrap());
    let mut bytes = fs::read(&file).unwrap();
    change(&mut bytes[place.start..place.end]);
    reseal(&mut bytes, place.start, place.end);
    fs::write(file, bytes).unwrap();
}

fn damage(folder: &Path) -> (String, u64, String) {
    match read_all(folder) {
        Err(Error::Damage { file, offset, what }) => {
            (file.file_name().unwrap().to_string_lossy().into_owned(), offset, what)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_changed_payload_with_its_checksum_put_right_is_read_as_it_is() {
    let sample = sample(20, &[5, 11], u64::MAX);
    for record in [0, 4, 12, 19] {
        let (_dir, folder) = sample.copy();
        change(&sample, &folder, record, |frame| *frame.last_mut().unwrap() ^= 0x40);
        let (read, torn) = read_all(&folder).unwrap();
        let mut expected = sample.records.clone();
        *expected[record].payload.last_mut().unwrap() ^= 0x40;
        assert_eq!((read, torn), (expected, None));
    }
}

#[test]
fn a_sequence_that_does_not_fit_is_damage_whatever_the_checksum() {
    let sample = sample(20, &[5, 11], u64::MAX);
    for (seq, to, what) in [(12_u64, 7_u64, "at least"), (12, 40, "missing"), (20, 16, "at least"), (17, 16, "twice")] {
        let (_dir, folder) = sample.copy();
        let record = usize::try_from(seq - 1).unwrap();
        change(&sample, &folder, record, |frame| {
            frame[8..16].copy_from_slice(&to.to_le_bytes());
            frame[16..24].copy_from_slice(&1_u64.to_le_bytes());
        });
        let (file, _, told) = damage(&folder);
        assert!(told.contains(what), "{seq} became {to}: {file}: {told}");
    }
    let (_dir, folder) = sample.copy();
    change(&sample, &folder, 11, |frame| frame[16..24].copy_from_slice(&12_u64.to_le_bytes()));
    assert!(damage(&folder).2.contains("durable sequence must be below"));
    let (_dir, folder) = sample.copy();
    change(&sample, &folder, 11, |frame| frame[40] = 0);
    assert_eq!(damage(&folder), ("decisions.kj".into(), sample.places[11].start as u64, "kind must not be 0".into()));
}

#[test]
fn a_record_taken_out_whole_is_missed() {
    let sample = sample(20, &[5, 11], u64::MAX);
    // All but the last group's end, where it is a torn tail.
    for record in 1..15 {
        let (_dir, folder) = sample.copy();
        let place = &sample.places[record];
        let file = folder.join(place.file.file_name().unwrap());
        let mut bytes = fs::read(&file).unwrap();
        bytes.drain(place.start..place.end);
        fs::write(&file, bytes).unwrap();
        let (_, _, what) = damage(&folder);
        let missing = format!("sequence {} is missing", record + 1);
        assert!(what.contains(&missing), "record {}: {what}", record + 1);
    }
}

#[test]
fn a_file_of_another_session_or_place_is_refused() {
    let sample = sample(30, &[6, 9, 15, 21, 26], 300);
    let (_dir, folder) = sample.copy();
    let file = folder.join("inputs-000002.kj");
    let good = fs::read(&file).unwrap();
    for (at, what) in [(10, "preamble must name"), (12, "preamble must name"), (16, "another session"), (32, "above")] {
        let mut bytes = good.clone();
        bytes[at] = if at == 32 { 3 } else { bytes[at] ^ 1 };
        let crc = crc32fast::hash(&bytes[..40]);
        bytes[40..44].copy_from_slice(&crc.to_le_bytes());
        fs::write(&file, bytes).unwrap();
        let (name, _, told) = damage(&folder);
        assert!(name.starts_with("inputs-00000") && told.contains(what), "byte {at}: {name}: {told}");
    }
    fs::write(&file, good).unwrap();
    fs::copy(folder.join("inputs-000002.kj"), folder.join("inputs-000003.kj")).unwrap();
    assert!(damage(&folder).2.contains("preamble must name Inputs segment 3"));
}

#[test]
fn another_version_is_refused_by_name() {
    let sample = sample(30, &[6, 9, 15, 21, 26], 300);
    for name in ["decisions.kj", "inputs-000001.kj", "inputs-000002.kj"] {
        for is_sealed in [true, false] {
            let (_dir, folder) = sample.copy();
            let file = folder.join(name);
            let mut bytes = fs::read(&file).unwrap();
            bytes[8..10].copy_from_slice(&258_u16.to_le_bytes());
            if is_sealed {
                let crc = crc32fast::hash(&bytes[..40]);
                bytes[40..44].copy_from_slice(&crc.to_le_bytes());
            }
            fs::write(&file, bytes).unwrap();
            let error = read_all(&folder).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, Error::Version { found: 258, checksum_fits, .. } if checksum_fits == is_sealed));
            assert!(text.contains(name) && text.contains("was 258") && text.contains("readable: 1"), "{text}");
            assert_eq!(text.contains("checksum"), !is_sealed, "{text}");
        }
    }
}

#[test]
fn what_is_no_session_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Session::open(dir.path()), Err(Error::NoSession { .. })));
    assert!(matches!(Session::open(dir.path().join("nothing")), Err(Error::NoSession { .. })));
    fs::write(dir.path().join("decisions.kj"), [b'x'; 200]).unwrap();
    let error = Session::open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("no journal file"), "{error}");
}
