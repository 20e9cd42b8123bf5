//! Every byte of a session flipped, and worse.

use std::fs;

use kedge_journal::{Error, PREAMBLE_LEN, Writer};
use proptest::prelude::*;

use crate::sample::{read_all, sample};

#[test]
fn every_flipped_byte_is_refused_with_its_place_or_torn_in_the_last_frame() {
    let sample = sample(48, &[6, 9, 15, 21, 26, 30, 36, 43], 600);
    let (_dir, folder) = sample.copy();
    let (mut refused, mut torn_tails) = (0, 0);
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| name != "lock");
    assert!(names.len() >= 5, "decisions, the mark and several segments: {names:?}");
    for name in names {
        let file = folder.join(&name);
        let good = fs::read(&file).unwrap();
        let last_frame = sample.records_in(&file).last().map_or(good.len(), |&i| sample.places[i].start);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= if at % 3 == 0 { 0xff } else { 1 << (at % 8) };
            fs::write(&file, &bad).unwrap();
            match read_all(&folder) {
                Ok((read, Some(torn))) => {
                    assert!(at >= last_frame, "byte {at} of {name:?} is not in the last frame: {torn}");
                    assert_eq!(read, sample.records[..read.len()], "byte {at} of {name:?}");
                    assert!(torn.cuts.iter().any(|cut| cut.file == file && cut.offset == last_frame as u64), "{torn}");
                    assert_eq!(torn.durable_lost, 48 - read.len() as u64);
                    assert!(matches!(Writer::reopen(&folder), Err(Error::Damage { .. })), "a durable record is gone");
                    torn_tails += 1;
                }
                Ok((read, None)) => panic!("byte {at} of {name:?} was accepted: {} records", read.len()),
                Err(Error::Damage { file: told, offset, .. }) => {
                    assert_eq!(told, file, "byte {at}");
                    let frame = sample.records_in(&file).into_iter().rfind(|&i| sample.places[i].start <= at);
                    let start = frame.map_or(0, |i| sample.places[i].start);
                    let start = if at < PREAMBLE_LEN { 0 } else { start };
                    assert_eq!(offset, start as u64, "byte {at} of {name:?}");
                    refused += 1;
                }
                Err(Error::Version { file: told, checksum_fits, .. }) => {
                    assert!(told == file && (8..10).contains(&at) && !checksum_fits, "byte {at} of {name:?}");
                    refused += 1;
                }
                Err(other) => panic!("byte {at} of {name:?}: {other}"),
            }
        }
        fs::write(&file, &good).unwrap();
    }
    assert_eq!(read_all(&folder).unwrap().0, sample.records);
    assert!(refused > 2_000 && torn_tails > 40, "{refused} refused, {torn_tails} torn");
}

/// One thing done to a file.
#[derive(Clone, Debug)]
enum Damage {
    Overwrite(Vec<u8>),
    Insert(Vec<u8>),
    Delete(usize),
    Repeat(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..60).prop_map(Damage::Overwrite),
        prop::collection::vec(any::<u8>(), 1..60).prop_map(Damage::Insert),
        (1_usize..400).prop_map(Damage::Delete),
        (1_usize..400).prop_map(Damage::Repeat),
    ]
}

fn apply(bytes: &mut Vec<u8>, at: usize, damage: &Damage) {
    let at = at % bytes.len().max(1);
    let until = |len: usize| bytes.len().min(at + len);
    match damage {
        Damage::Overwrite(new) => {
            let end = until(new.len());
            bytes.splice(at..end, new.iter().copied());
        }
        Damage::Insert(new) => drop(bytes.splice(at..at, new.iter().copied())),
        Damage::Delete(len) => drop(bytes.drain(at..until(*len))),
        Damage::Repeat(len) => {
            let copied = bytes[at..until(*len)].to_vec();
            bytes.splice(at..at, copied);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_done_to_the_files_what_is_read_is_a_prefix(
        done in prop::collection::vec((0_usize..8, any::<usize>(), damage()), 1..4),
    ) {
        let sample = sample(30, &[6, 9, 15, 21, 26], 500);
        let mut names: Vec<_> = fs::read_dir(sample.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.retain(|path| !path.ends_with("lock"));
        names.sort();
        for (file, at, damage) in &done {
            let file = &names[file % names.len()];
            let mut bytes = fs::read(file).unwrap();
            apply(&mut bytes, *at, damage);
            fs::write(file, bytes).unwrap();
        }
        match read_all(&sample.path()) {
            Ok((read, _)) => prop_assert_eq!(&read[..], &sample.records[..read.len()]),
            Err(Error::Damage { .. } | Error::Version { .. }) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
