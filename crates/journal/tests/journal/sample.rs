//! Small sessions to break, and where each record of them lies.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use kedge_journal::{
    Disk, HEAD_LEN, Options, PREAMBLE_LEN, Record, Result, Session, SessionId, Stream, TornTail, Writer,
    decisions_path, inputs_path, kind,
};
use tempfile::TempDir;

pub(crate) const ID: SessionId = *b"sample session 1";
pub(crate) const HEADER: &[u8] = br#"{"build":"test"}"#;

/// Where a record lies.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The durable sequence when it was appended.
    pub(crate) durable: u64,
}

/// A session on disk, with what was written and where.
pub(crate) struct Sample {
    pub(crate) dir: TempDir,
    pub(crate) records: Vec<Record>,
    pub(crate) places: Vec<Place>,
    /// The durable mark's bytes before the last commit.
    pub(crate) mark_before: Vec<u8>,
}

impl Sample {
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("session")
    }

    /// Another copy of the same folder.
    pub(crate) fn copy(&self) -> (TempDir, PathBuf) {
        let to = scratch();
        let folder = to.path().join("session");
        fs::create_dir(&folder).unwrap();
        for entry in fs::read_dir(self.path()).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
        }
        (to, folder)
    }

    /// Numbers of the records that lie in a file.
    pub(crate) fn records_in(&self, file: &Path) -> Vec<usize> {
        (0..self.records.len()).filter(|&i| self.places[i].file.file_name() == file.file_name()).collect()
    }
}

/// A folder in memory where the system has one: thousands of sessions are made, and what a sync does is not asked here.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// The n-th record of every sample: streams, kinds, lengths and bytes vary.
pub(crate) fn record(seq: u64) -> Record {
    let (stream, kind) = match (seq, seq % 4) {
        (1, _) => (Stream::Decisions, kind::HEADER),
        (2, _) => (Stream::Decisions, kind::CHECKPOINT),
        (_, 0) => (Stream::Decisions, kind::COMMAND),
        (_, 3) => (Stream::Decisions, kind::POSTING),
        _ => (Stream::Inputs, kind::MARKET),
    };
    let ts = 1_723_075_200_000_000_000 + i64::try_from(seq).unwrap() * 1_000;
    let payload = match seq {
        1 => HEADER.to_vec(),
        _ => (0..(seq * 37) % 61).map(|i| u8::try_from((seq * 7 + i * i) % 256).unwrap()).collect(),
    };
    Record { seq, stream, kind, ts_engine: ts, ts_wall: ts + 77, payload }
}

pub(crate) fn create(folder: &Path, options: Options) -> Writer {
    let first = record(1);
    Writer::create_on(Box::new(Disk), options, folder, ID, HEADER, first.ts_engine, first.ts_wall).unwrap()
}

pub(crate) fn append(writer: &mut Writer, seq: u64) -> Result<u64> {
    let Record { stream, kind, ts_engine, ts_wall, payload, .. } = record(seq);
    writer.append(stream, kind, ts_engine, ts_wall, &payload)
}

/// Writes records 2 to `last`, committed after each sequence in `commits` and at the end.
pub(crate) fn sample(last: u64, commits: &[u64], segment_bytes: u64) -> Sample {
    let dir = scratch();
    let folder = dir.path().join("session");
    let mut writer = create(&folder, Options { segment_bytes, ..Options::default() });
    let mut mark_before = Vec::new();
    for seq in 2..=last {
        assert_eq!(append(&mut writer, seq).unwrap(), seq);
        if commits.contains(&seq) || seq == last {
            mark_before = fs::read(folder.join("durable")).unwrap();
            assert_eq!(writer.commit().unwrap(), seq);
        }
    }
    drop(writer);
    let records: Vec<Record> = (1..=last).map(record).collect();
    let places = places(&folder, &records, commits, segment_bytes);
    Sample { dir, records, places, mark_before }
}

/// Where the records must lie, from the rules alone.
fn places(folder: &Path, records: &[Record], commits: &[u64], segment_bytes: u64) -> Vec<Place> {
    let (mut inputs, mut decisions, mut segment) = (PREAMBLE_LEN, PREAMBLE_LEN, 1);
    let (mut durable, mut places) = (0, Vec::new());
    for record in records {
        let len = HEAD_LEN + record.payload.len();
        let is_first_input = !places[usize::try_from(durable).unwrap()..]
            .iter()
            .any(|place: &Place| place.file != decisions_path(folder));
        let (file, end) = match record.stream {
            Stream::Decisions => (decisions_path(folder), &mut decisions),
            Stream::Inputs => {
                if is_first_input && inputs as u64 >= segment_bytes && inputs > PREAMBLE_LEN {
                    (segment, inputs) = (segment + 1, PREAMBLE_LEN);
                }
                (inputs_path(folder, segment), &mut inputs)
            }
        };
        places.push(Place { file, start: *end, end: *end + len, durable });
        *end += len;
        if record.seq == 1 || commits.contains(&record.seq) {
            durable = record.seq;
        }
    }
    for place in &places {
        assert!(fs::metadata(&place.file).unwrap().len() as usize >= place.end, "{place:?}");
    }
    places
}

/// All records, and what was torn.
pub(crate) fn read_all(folder: &Path) -> Result<(Vec<Record>, Option<TornTail>)> {
    let session = Session::open(folder)?;
    let mut records = session.records()?;
    let read: Vec<Record> = records.by_ref().collect::<Result<_>>()?;
    assert_eq!(records.last_seq(), read.last().map_or(0, |record| record.seq));
    Ok((read, records.torn().cloned()))
}

/// Opens what a crash left, goes on writing, and reads all of it again.
pub(crate) fn goes_on(folder: &Path, kept: u64) {
    let (mut writer, recovered) = Writer::reopen(folder).unwrap();
    assert_eq!(recovered.last_seq, kept);
    assert_eq!(writer.durable(), kept);
    for seq in kept + 1..kept + 7 {
        assert_eq!(append(&mut writer, seq).unwrap(), seq);
    }
    writer.commit().unwrap();
    drop(writer);
    let (read, torn) = read_all(folder).unwrap();
    assert_eq!(torn, None);
    assert_eq!(read, (1..kept + 7).map(record).collect::<Vec<_>>());
}

/// Asks until the answer is yes, for ten seconds.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < end, "{what}: not within 10 s");
        thread::sleep(Duration::from_micros(100));
    }
}

/// Cuts a file to `len` bytes.
pub(crate) fn cut(file: &Path, len: usize) {
    fs::OpenOptions::new().write(true).open(file).unwrap().set_len(len as u64).unwrap();
}
