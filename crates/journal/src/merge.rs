//! Both streams in the order of their one sequence, and the judgement on what is missing.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::format::{SessionId, Stream};
use crate::segment::Frame;
use crate::stream::{BadEnd, StreamReader};

/// Bytes that a recovery takes from the end of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which file.
    pub file: PathBuf,
    /// From which byte on; 0: the whole file goes, its preamble was never finished.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// What a crash left behind the last record that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The last sequence that counts.
    pub after_seq: u64,
    /// Records begun behind it: whole inputs whose decisions did not reach the disk, and one for each torn file end.
    pub records: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// How many sequences behind `after_seq` the durable mark had promised. Above 0, this is a loss, not a crash.
    pub durable_lost: u64,
    /// Where the bytes lie.
    pub cuts: Vec<Cut>,
}

impl fmt::Display for TornTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "torn tail after sequence {}: {} bytes, {} records", self.after_seq, self.bytes, self.records)?;
        for cut in &self.cuts {
            write!(f, "; {} from byte {}", cut.file.display(), cut.offset)?;
        }
        if self.durable_lost > 0 {
            write!(f, "; {} of the sequences behind it had been durable", self.durable_lost)?;
        }
        Ok(())
    }
}

/// Inputs behind the last record that counts.
#[derive(Default)]
struct Orphans {
    records: u64,
    offset: Option<u64>,
}

/// Reads both streams as one.
#[derive(Debug)]
pub(crate) struct Merge {
    pub(crate) decisions: StreamReader,
    pub(crate) inputs: StreamReader,
    /// The sequence that must come next.
    pub(crate) expected: u64,
    /// Inputs below this may have aged out.
    aged_below: u64,
    follow: bool,
    pub(crate) torn: Option<TornTail>,
}

impl Merge {
    /// `follow`: behind a live writer, never beyond what is durable. `from_seq`: nothing before it is needed (0: all).
    pub(crate) fn open(folder: &Path, session: SessionId, follow: bool, from_seq: u64) -> Result<Self> {
        // The decisions first: their preamble tells a wrong version or session before anything is read.
        let decisions = StreamReader::decisions(folder, follow)?;
        let inputs = StreamReader::inputs(folder, session, follow, from_seq)?;
        let aged_below = if inputs.segment > 1 { inputs.first_seq } else { 0 };
        Ok(Self { decisions, inputs, expected: 1, aged_below, follow, torn: None })
    }

    /// The next record. None: the journal ends here, torn or not.
    ///
    /// When following, the expected sequence must be durable, so that a missing one is damage.
    pub(crate) fn next(&mut self) -> Result<Option<(Stream, Frame)>> {
        self.decisions.fill()?;
        self.inputs.fill()?;
        let decision = self.decisions.head().map(|frame| frame.head.seq);
        let input = self.inputs.head().map(|frame| frame.head.seq);
        let Some(seq) = decision.into_iter().chain(input).min() else {
            return self.end();
        };
        if decision == input || seq < self.expected {
            let at = self.inputs.head().map_or(self.inputs.reader.offset, |frame| frame.offset);
            return Err(Error::damage(&self.inputs.reader.path, at, format!("sequence {seq} is there twice")));
        }
        if seq > self.expected && seq > self.aged_below {
            return self.missing();
        }
        self.expected = seq + 1;
        let (stream, reader) = if decision == Some(seq) {
            (Stream::Decisions, &mut self.decisions)
        } else {
            (Stream::Inputs, &mut self.inputs)
        };
        Ok(reader.take().map(|frame| (stream, frame)))
    }

    /// Both streams end at a record that was expected.
    fn end(&mut self) -> Result<Option<(Stream, Frame)>> {
        self.expected = self.expected.max(self.aged_below);
        if self.follow || self.inputs.first_seq > self.expected {
            return Err(self.lost(&self.inputs.reader.path, 0));
        }
        self.torn = self.torn_tail(&Orphans::default());
        Ok(None)
    }

    /// The expected record is not there, a later one is: damage, unless a crash can have left it so.
    fn missing(&mut self) -> Result<Option<(Stream, Frame)>> {
        self.expected = self.expected.max(self.aged_below);
        let missing = self.expected;
        if let Some(decision) = self.decisions.head() {
            let what = format!(
                "sequence {missing} is missing: {} goes on with {} at byte {}",
                self.decisions.reader.path.display(),
                decision.head.seq,
                decision.offset
            );
            // Decisions are written only after the inputs before them are durable.
            let at = self.inputs.head().map_or(self.inputs.reader.offset, |frame| frame.offset);
            return Err(Error::damage(&self.inputs.reader.path, at, what));
        }
        let mut orphans = Orphans { records: 0, offset: self.inputs.head().map(|frame| frame.offset) };
        while let Some(frame) = self.inputs.take() {
            if self.follow || frame.head.durable >= missing {
                return Err(self.lost(&self.inputs.reader.path, frame.offset));
            }
            orphans.records += 1;
            self.inputs.fill()?;
        }
        if self.inputs.first_seq > missing {
            return Err(self.lost(&self.inputs.reader.path, 0));
        }
        self.torn = self.torn_tail(&orphans);
        Ok(None)
    }

    /// The expected record had been durable, as the bytes at `offset` of `witness` say, and is gone.
    fn lost(&self, witness: &Path, offset: u64) -> Error {
        let what = format!(
            "the file ends before sequence {}, which had been durable ({} says so at byte {offset}) and is no input",
            self.expected,
            witness.display(),
        );
        Error::damage(&self.decisions.reader.path, self.decisions.reader.offset, what)
    }

    fn torn_tail(&self, orphans: &Orphans) -> Option<TornTail> {
        let mut cuts = Vec::new();
        let cut = |end: &BadEnd| Cut { file: end.file.clone(), offset: end.offset, bytes: end.bytes };
        cuts.extend(self.decisions.bad_end.as_ref().map(cut));
        let inputs = &self.inputs;
        if let Some(offset) = orphans.offset {
            cuts.push(Cut { file: inputs.reader.path.clone(), offset, bytes: inputs.reader.len - offset });
        } else {
            cuts.extend(inputs.bad_end.as_ref().map(cut));
        }
        cuts.extend(inputs.begun.as_ref().map(cut));
        if cuts.is_empty() {
            return None;
        }
        let ends = [&self.decisions.bad_end, &inputs.bad_end];
        Some(TornTail {
            after_seq: self.expected - 1,
            records: orphans.records + ends.iter().filter(|end| end.is_some()).count() as u64,
            bytes: cuts.iter().map(|cut| cut.bytes).sum(),
            durable_lost: 0,
            cuts,
        })
    }
}
