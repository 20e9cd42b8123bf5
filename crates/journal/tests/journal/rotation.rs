//! Inputs in segments, and the oldest of them gone.

use std::fs;
use std::path::Path;

use kedge_journal::{Error, Options, Stream, Writer, age_out, inputs_path, kind};

use crate::sample::{Sample, append, create, read_all, record, sample};

fn segments(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("inputs-")).collect();
    names.sort();
    names
}

fn rotated() -> Sample {
    let sample = sample(60, &[6, 9, 15, 21, 26, 33, 41, 48, 50], 300);
    assert!(segments(&sample.path()).len() >= 5, "{:?}", segments(&sample.path()));
    sample
}

fn first_seq(folder: &Path, number: u32) -> u64 {
    let bytes = fs::read(inputs_path(folder, number)).unwrap();
    u64::from_le_bytes(bytes[32..40].try_into().unwrap())
}

#[test]
fn segments_are_read_as_one_and_written_on_after_a_reopening() {
    let sample = rotated();
    assert_eq!(read_all(&sample.path()).unwrap(), (sample.records.clone(), None));
    let before = segments(&sample.path()).len();
    let options = Options { segment_bytes: 300, ..Options::default() };
    let (mut writer, _) = Writer::reopen_on(Box::new(kedge_journal::Disk), options, sample.path()).unwrap();
    for seq in 61..=90 {
        append(&mut writer, seq).unwrap();
        writer.commit().unwrap();
    }
    drop(writer);
    assert!(segments(&sample.path()).len() > before);
    assert_eq!(read_all(&sample.path()).unwrap().0, (1..=90).map(record).collect::<Vec<_>>());
}

#[test]
fn inputs_age_out_as_whole_leading_segments_only() {
    let sample = rotated();
    let newest = u32::try_from(segments(&sample.path()).len()).unwrap();
    for before_seq in 0..70 {
        let (_dir, folder) = sample.copy();
        let deleted = age_out(&folder, before_seq).unwrap();
        // A segment goes if the one behind it begins at or before the bound.
        let gone = (1..newest).take_while(|&number| first_seq(&sample.path(), number + 1) <= before_seq).count();
        assert_eq!(deleted.len(), gone, "before {before_seq}");
        let kept_from = first_seq(&folder, u32::try_from(gone).unwrap() + 1);
        let kept = |i: &usize| sample.records[*i].stream == Stream::Decisions || sample.records[*i].seq >= kept_from;
        let left: Vec<_> = (0..60).filter(kept).map(|i| sample.records[i].clone()).collect();
        assert_eq!(read_all(&folder).unwrap(), (left, None), "before {before_seq}");
    }
}

#[test]
fn an_aged_session_goes_on_with_the_next_sequence() {
    // The last group holds decisions only in front of a bare new segment: sequences may not be given twice.
    let sample = rotated();
    let (_dir, folder) = sample.copy();
    assert!(!age_out(&folder, u64::MAX).unwrap().is_empty());
    assert_eq!(segments(&folder).len(), 1);
    let (mut writer, recovered) = Writer::reopen(&folder).unwrap();
    assert_eq!((recovered.last_seq, recovered.torn), (60, None));
    append(&mut writer, 61).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(read_all(&folder).unwrap().0.last(), Some(&record(61)));
}

#[test]
fn a_segment_missing_elsewhere_is_damage() {
    let sample = rotated();
    let count = u32::try_from(segments(&sample.path()).len()).unwrap();
    for number in 2..=count {
        let (_dir, folder) = sample.copy();
        fs::remove_file(inputs_path(&folder, number)).unwrap();
        let error = read_all(&folder).unwrap_err();
        let Error::Damage { file, what, .. } = &error else { panic!("segment {number}: {error}") };
        assert!(what.contains("missing"), "segment {number}: {error}");
        let is_named = *file == inputs_path(&folder, number);
        assert!(is_named || number == count, "segment {number}: {error}");
    }
    let (_dir, folder) = sample.copy();
    for number in 1..=count {
        fs::remove_file(inputs_path(&folder, number)).unwrap();
    }
    let error = read_all(&folder).unwrap_err();
    assert!(error.to_string().contains("no inputs are left"), "{error}");
}

#[test]
fn decisions_cut_before_a_segment_began_are_damage() {
    // The new segment's first sequence says what had been durable, even with nothing in it.
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("session");
    let mut writer = create(&folder, Options { segment_bytes: 100, ..Options::default() });
    for seq in 2..=8 {
        append(&mut writer, seq).unwrap();
    }
    writer.commit().unwrap();
    append(&mut writer, 9).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let bare = inputs_path(&folder, 2);
    crate::sample::cut(&bare, 44);
    let (read, torn) = read_all(&folder).unwrap();
    assert_eq!((read.len(), torn), (8, None));
    let decisions = folder.join("decisions.kj");
    let len = usize::try_from(fs::metadata(&decisions).unwrap().len()).unwrap();
    crate::sample::cut(&decisions, len - 1);
    let error = read_all(&folder).unwrap_err();
    assert!(error.to_string().contains("had been durable"), "{error}");
}

#[test]
fn a_segment_that_was_only_begun_is_cut() {
    let sample = rotated();
    let next = u32::try_from(segments(&sample.path()).len()).unwrap() + 1;
    let preamble = fs::read(inputs_path(&sample.path(), 2)).unwrap()[..44].to_vec();
    for len in [0, 1, 43] {
        let (_dir, folder) = sample.copy();
        let begun = inputs_path(&folder, next);
        fs::write(&begun, &preamble[..len]).unwrap();
        let (read, torn) = read_all(&folder).unwrap();
        let torn = torn.unwrap();
        assert_eq!((read.len(), torn.records, torn.bytes), (60, 0, len as u64));
        let (_writer, recovered) = Writer::reopen(&folder).unwrap();
        assert_eq!(recovered.torn.unwrap().cuts[0].file, begun);
        assert!(!begun.exists());
    }
}

#[test]
fn a_segment_whose_preamble_is_half_written_is_cut_if_nothing_follows_it() {
    let sample = rotated();
    let next = u32::try_from(segments(&sample.path()).len()).unwrap() + 1;
    let preamble = fs::read(inputs_path(&sample.path(), 2)).unwrap()[..44].to_vec();
    for written in 0..44 {
        let (_dir, folder) = sample.copy();
        let mut bytes = preamble[..written].to_vec();
        bytes.resize(44, 0);
        fs::write(inputs_path(&folder, next), &bytes).unwrap();
        let (read, torn) = read_all(&folder).unwrap();
        assert_eq!((read.len(), torn.unwrap().bytes), (60, 44));
        bytes.push(1);
        fs::write(inputs_path(&folder, next), &bytes).unwrap();
        assert!(read_all(&folder).is_err(), "{written} bytes and something behind them");
    }
}

#[test]
fn inputs_damaged_before_a_later_segment_are_refused_with_no_decision_behind_them() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("session");
    let mut writer = create(&folder, Options { segment_bytes: 200, ..Options::default() });
    append(&mut writer, 2).unwrap();
    for group in 0..4_u8 {
        for i in 0..4 {
            writer.append(Stream::Inputs, kind::REPORT, 0, 0, &[group, i, 7]).unwrap();
        }
        writer.commit().unwrap();
    }
    drop(writer);
    assert_eq!(segments(&folder).len(), 4);
    for number in 1..4 {
        let file = inputs_path(&folder, number);
        let good = fs::read(&file).unwrap();
        for at in 44..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&file, bad).unwrap();
            let frame = 44 + (at - 44) / 44 * 44;
            let told = read_all(&folder).unwrap_err();
            let is_told =
                matches!(&told, Error::Damage { file: f, offset, .. } if *f == file && *offset == frame as u64);
            assert!(is_told, "byte {at} of segment {number}: {told}");
            if at % 9 == 0 {
                // Cut there, nothing bad is left to see: what follows tells.
                fs::write(&file, &good[..at]).unwrap();
                assert!(matches!(read_all(&folder), Err(Error::Damage { .. })), "segment {number} cut at {at}");
            }
        }
        fs::write(&file, &good[..good.len() - 44]).unwrap();
        let error = read_all(&folder).unwrap_err();
        assert!(error.to_string().contains("is no input"), "{error}");
        fs::write(&file, good).unwrap();
    }
    assert_eq!(read_all(&folder).unwrap().0.len(), 18);
}
