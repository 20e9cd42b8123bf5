//! The end of a session cut at every byte.

use std::fs;
use std::path::Path;

use kedge_journal::{Cut, Error, PREAMBLE_LEN, Stream, TornTail, decisions_path, inputs_path};

use crate::sample::{Sample, cut, goes_on, read_all, record, sample};

/// What must come of it, by the rules of `docs/journal.md` and not by the code.
enum Verdict {
    Kept(u64, Option<TornTail>),
    Damaged(usize),
}

/// `ends`: how many bytes are left of the decisions and of the (single) inputs segment.
fn verdict(sample: &Sample, folder: &Path, decisions: usize, inputs: usize) -> Verdict {
    let is_whole = |i: &usize| match sample.records[*i].stream {
        Stream::Decisions => sample.places[*i].end <= decisions,
        Stream::Inputs => sample.places[*i].end <= inputs,
    };
    let all = 0..sample.records.len();
    let kept = all.clone().take_while(is_whole).count();
    let orphans: Vec<usize> = all.clone().skip(kept).filter(is_whole).collect();
    let missing = kept as u64 + 1;
    let last_end = |stream: Stream| {
        let whole = all.clone().filter(|i| sample.records[*i].stream == stream && is_whole(i));
        whole.map(|i| sample.places[i].end).max().unwrap_or(PREAMBLE_LEN)
    };
    if orphans.iter().any(|&i| sample.records[i].stream == Stream::Decisions) {
        return Verdict::Damaged(last_end(Stream::Inputs));
    }
    if orphans.iter().any(|&i| sample.places[i].durable >= missing) {
        return Verdict::Damaged(last_end(Stream::Decisions));
    }
    let mut torn = TornTail { after_seq: kept as u64, records: 0, bytes: 0, durable_lost: 0, cuts: Vec::new() };
    let mut add = |file, from: usize, to: usize, records: u64| {
        if from < to {
            torn.records += records;
            torn.bytes += (to - from) as u64;
            torn.cuts.push(Cut { file, offset: from as u64, bytes: (to - from) as u64 });
        }
    };
    add(decisions_path(folder), last_end(Stream::Decisions), decisions, 1);
    let from = orphans.first().map_or(last_end(Stream::Inputs), |&i| sample.places[i].start);
    let partial = u64::from(last_end(Stream::Inputs) < inputs);
    add(inputs_path(folder, 1), from, inputs, orphans.len() as u64 + partial);
    torn.durable_lost = sample.records.len() as u64 - kept as u64;
    let is_torn = !torn.cuts.is_empty();
    Verdict::Kept(kept as u64, is_torn.then_some(torn))
}

fn cut_and_compare(sample: &Sample, decisions: usize, inputs: usize) -> bool {
    let (_dir, folder) = sample.copy();
    cut(&decisions_path(&folder), decisions);
    cut(&inputs_path(&folder, 1), inputs);
    let context = format!("decisions cut at {decisions}, inputs at {inputs}");
    match (verdict(sample, &folder, decisions, inputs), read_all(&folder)) {
        (Verdict::Kept(kept, torn), Ok((read, told))) => {
            assert_eq!(read, (1..=kept).map(record).collect::<Vec<_>>(), "{context}");
            assert_eq!(told, torn, "{context}");
            torn.is_some()
        }
        (Verdict::Damaged(offset), Err(Error::Damage { offset: told, .. })) => {
            assert_eq!(told, offset as u64, "{context}");
            false
        }
        (_, other) => panic!("{context}: {other:?}"),
    }
}

#[test]
fn either_stream_cut_at_every_byte_gives_the_prefix_or_is_refused() {
    // The last group holds inputs and decisions in turn, so that each can lack the other.
    let sample = sample(30, &[5, 11, 17, 21], u64::MAX);
    let length = |file: &Path| usize::try_from(fs::metadata(file).unwrap().len()).unwrap();
    let (decisions, inputs) = (length(&decisions_path(&sample.path())), length(&inputs_path(&sample.path(), 1)));
    let header_end = sample.places[0].end;
    let torn = (header_end..=decisions).filter(|&at| cut_and_compare(&sample, at, inputs)).count();
    assert!(torn > 200, "{torn} of the cuts are torn tails");
    let torn = (PREAMBLE_LEN..=inputs).filter(|&at| cut_and_compare(&sample, decisions, at)).count();
    assert!(torn > 0, "{torn} of the cuts are torn tails");
    for at in 0..header_end {
        let (_dir, folder) = sample.copy();
        cut(&decisions_path(&folder), at);
        let error = read_all(&folder).unwrap_err();
        assert!(matches!(error, Error::Damage { .. }), "cut inside the header, at {at}: {error}");
    }
}

#[test]
fn a_crash_at_every_byte_of_the_last_commit_is_recovered_and_goes_on() {
    let sample = sample(26, &[5, 11, 17], u64::MAX);
    let first_of_group = |stream: Stream| {
        let i = (17..26).find(|&i| sample.records[i].stream == stream).unwrap();
        sample.places[i].start
    };
    let (decisions_path, inputs_path) = (decisions_path(&sample.path()), inputs_path(&sample.path(), 1));
    let (decisions, inputs) = (fs::read(&decisions_path).unwrap(), fs::read(&inputs_path).unwrap());
    let (decisions_from, inputs_from) = (first_of_group(Stream::Decisions), first_of_group(Stream::Inputs));
    // As the bytes reach the files: the inputs of the group, then its decisions.
    let total = (inputs.len() - inputs_from) + (decisions.len() - decisions_from);
    for written in 0..=total {
        let inputs_len = (inputs_from + written).min(inputs.len());
        let decisions_len = decisions_from + (written - (inputs_len - inputs_from));
        let (_dir, folder) = sample.copy();
        cut(&folder.join("decisions.kj"), decisions_len);
        cut(&folder.join("inputs-000001.kj"), inputs_len);
        fs::write(folder.join("durable"), &sample.mark_before).unwrap();
        let (read, torn) = read_all(&folder).unwrap();
        let kept = read.len() as u64;
        assert!(kept >= 17, "{written} bytes written: durable records are there, {kept}");
        assert!(torn.as_ref().is_none_or(|torn| torn.durable_lost == 0), "{torn:?}");
        assert_eq!(read, (1..=kept).map(record).collect::<Vec<_>>());
        if written % 5 == 0 || written == total {
            goes_on(&folder, kept);
        }
    }
}

#[test]
fn zeros_and_rubbish_behind_the_end_are_a_torn_tail() {
    let sample = sample(20, &[5, 11], u64::MAX);
    let noise: Vec<u8> = (0_u32..300_000).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, behind) in [("zeros", vec![0; 5_000]), ("rubbish", noise)] {
        for file in ["decisions.kj", "inputs-000001.kj"] {
            let (_dir, folder) = sample.copy();
            let mut bytes = fs::read(folder.join(file)).unwrap();
            let offset = bytes.len() as u64;
            bytes.extend_from_slice(&behind);
            fs::write(folder.join(file), bytes).unwrap();
            let (read, torn) = read_all(&folder).unwrap();
            let torn = torn.unwrap();
            assert_eq!(read, sample.records, "{name} in {file}");
            let cut = Cut { file: folder.join(file), offset, bytes: behind.len() as u64 };
            assert_eq!((torn.after_seq, torn.records, &torn.cuts[..]), (20, 1, &[cut][..]), "{name} in {file}");
            assert!(torn.to_string().contains(file), "{torn}");
            goes_on(&folder, 20);
        }
    }
}
