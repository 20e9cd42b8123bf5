//! One stream of a session: its records in file order, over all its segments.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::folder::{decisions_path, inputs_path, inputs_segments};
use crate::format::{Head, PREAMBLE_LEN, Preamble, SessionId, Stream};
use crate::segment::{Frame, FrameReader, Opened, Step, open};

/// Bytes at the end of a file that hold no whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadEnd {
    pub(crate) file: PathBuf,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// Reads one stream. Each record is checked against its checksum and its place in the sequence.
#[derive(Debug)]
pub(crate) struct StreamReader {
    folder: PathBuf,
    stream: Stream,
    session: SessionId,
    /// The file being read.
    pub(crate) reader: FrameReader,
    /// Its number (0 for decisions) and its first sequence.
    pub(crate) segment: u32,
    pub(crate) first_seq: u64,
    /// Segments after it; not used when following a live session, whose segments are still to come.
    rest: VecDeque<u32>,
    /// Reads behind a live writer: a bad end may be a record on its way.
    follow: bool,
    head: Option<Frame>,
    last_seq: u64,
    /// The bad end of the newest file, once it is reached and found to be the end.
    pub(crate) bad_end: Option<BadEnd>,
    /// A newest segment that its writer did not live to begin.
    pub(crate) begun: Option<BadEnd>,
}

impl StreamReader {
    /// The decisions, and whose session they are.
    pub(crate) fn decisions(folder: &Path, follow: bool) -> Result<Self> {
        let path = decisions_path(folder);
        let (preamble, reader) = whole(&path)?;
        let me = Self::new(folder, &preamble, reader, VecDeque::new(), follow);
        me.check_preamble(&me.reader.path, &preamble, Stream::Decisions, 0)?;
        Ok(me)
    }

    /// The inputs, from the newest segment on that holds all from `from_seq` (0: from the oldest that is left).
    pub(crate) fn inputs(folder: &Path, session: SessionId, follow: bool, from_seq: u64) -> Result<Self> {
        let mut segments = VecDeque::from(inputs_segments(folder)?);
        let newest = segments.back().copied().ok_or_else(|| {
            Error::damage(&inputs_path(folder, 1), 0, "no inputs are left; the newest segment never ages out")
        })?;
        let mut begun = None;
        if segments.len() > 1
            && let Opened::Begun { len, .. } = open(&inputs_path(folder, newest))?
        {
            begun = Some(BadEnd { file: inputs_path(folder, newest), offset: 0, bytes: len });
            segments.pop_back();
        }
        let mut start = if from_seq == 0 { 0 } else { segments.len() - 1 };
        while start > 0 && whole(&inputs_path(folder, segments[start]))?.0.first_seq > from_seq {
            start -= 1;
        }
        let rest = segments.split_off(start + 1);
        let path = inputs_path(folder, segments[start]);
        let (preamble, reader) = whole(&path)?;
        let mut me = Self::new(folder, &preamble, reader, rest, follow);
        (me.session, me.begun) = (session, begun);
        me.check_preamble(&path, &preamble, Stream::Inputs, segments[start])?;
        Ok(me)
    }

    fn new(folder: &Path, preamble: &Preamble, reader: FrameReader, rest: VecDeque<u32>, follow: bool) -> Self {
        Self {
            folder: folder.to_owned(),
            stream: preamble.stream,
            session: preamble.session,
            reader,
            segment: preamble.segment,
            first_seq: preamble.first_seq,
            rest,
            follow,
            head: None,
            last_seq: 0,
            bad_end: None,
            begun: None,
        }
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    /// Reads the next record, if there is one, so that [`Self::head`] shows it.
    pub(crate) fn fill(&mut self) -> Result<()> {
        while self.head.is_none() && self.bad_end.is_none() {
            // Asked before reading: what is written in between must not be stepped over.
            let next = self.next_segment();
            match (self.reader.next()?, next) {
                (Step::Frame(frame), _) => {
                    self.check_head(&frame.head, frame.offset)?;
                    self.head = Some(frame);
                }
                (Step::End, Some(next)) => {
                    if !self.go_on(next)? {
                        return Ok(());
                    }
                }
                (Step::End, None) => return Ok(()),
                (Step::Bad(what), Some(_)) => {
                    let what = format!("{what}; a later segment follows");
                    return Err(Error::damage(&self.reader.path, self.reader.offset, what));
                }
                (Step::Bad(_), None) if self.follow => return Ok(()),
                (Step::Bad(what), None) => self.bad_end = Some(self.judge_end(&what)?),
            }
        }
        Ok(())
    }

    /// The next record, after [`Self::fill`]. None: the stream ends here.
    pub(crate) fn head(&self) -> Option<&Frame> {
        self.head.as_ref()
    }

    /// Takes the record that [`Self::head`] shows.
    pub(crate) fn take(&mut self) -> Option<Frame> {
        let frame = self.head.take()?;
        self.last_seq = frame.head.seq;
        Some(frame)
    }

    /// Forgets what was read ahead: beyond the durable mark a crash may take it, and other bytes may come there.
    pub(crate) fn forget_ahead(&mut self) -> Result<()> {
        let offset = self.head.take().map_or(self.reader.offset, |frame| frame.offset);
        self.reader.go_to(offset)
    }

    fn next_segment(&self) -> Option<u32> {
        if self.stream == Stream::Decisions {
            None
        } else if self.follow {
            let next = self.segment + 1;
            inputs_path(&self.folder, next).exists().then_some(next)
        } else {
            self.rest.front().copied()
        }
    }

    /// Goes on to the next segment; false if its writer has not come far enough yet.
    fn go_on(&mut self, next: u32) -> Result<bool> {
        let path = inputs_path(&self.folder, next);
        let (preamble, reader) = match open(&path)? {
            Opened::Whole { preamble, reader } => (preamble, reader),
            Opened::Begun { .. } if self.follow => return Ok(false),
            Opened::Begun { len, what } => return Err(not_whole(&path, len, what)),
        };
        self.check_preamble(&path, &preamble, Stream::Inputs, next)?;
        if preamble.first_seq <= self.last_seq {
            let what = format!("first sequence must be above {}, was {}", self.last_seq, preamble.first_seq);
            return Err(Error::damage(&path, 0, what));
        }
        self.rest.pop_front();
        self.reader = reader;
        self.segment = next;
        self.first_seq = preamble.first_seq;
        Ok(true)
    }

    fn check_preamble(&self, path: &Path, preamble: &Preamble, stream: Stream, segment: u32) -> Result<()> {
        let what = if preamble.stream != stream || preamble.segment != segment {
            format!(
                "preamble must name {stream:?} segment {segment}, was {:?} segment {}",
                preamble.stream, preamble.segment
            )
        } else if preamble.session != self.session {
            "the file belongs to another session".into()
        } else {
            return Ok(());
        };
        Err(Error::damage(path, 0, what))
    }

    fn check_head(&self, head: &Head, offset: u64) -> Result<()> {
        let low = self.last_seq.saturating_add(1).max(self.first_seq);
        let what = if head.seq < low {
            format!("sequence must be at least {low}, was {}", head.seq)
        } else if head.durable >= head.seq {
            format!("durable sequence must be below the record's own {}, was {}", head.seq, head.durable)
        } else if head.kind == 0 {
            "kind must not be 0".into()
        } else {
            return Ok(());
        };
        Err(Error::damage(&self.reader.path, offset, what))
    }

    /// A bad frame in the newest file: damage if anything valid follows it, else the end.
    fn judge_end(&self, what: &str) -> Result<BadEnd> {
        let FrameReader { path, offset, len, .. } = &self.reader;
        match self.reader.valid_frame_behind(self.last_seq)? {
            Some((behind, seq)) => {
                let what = format!("{what}; a valid record with sequence {seq} follows at byte {behind}");
                Err(Error::damage(path, *offset, what))
            }
            None => Ok(BadEnd { file: path.clone(), offset: *offset, bytes: len - offset }),
        }
    }
}

fn whole(path: &Path) -> Result<(Preamble, FrameReader)> {
    match open(path)? {
        Opened::Whole { preamble, reader } => Ok((preamble, reader)),
        Opened::Begun { len, what } => Err(not_whole(path, len, what)),
    }
}

fn not_whole(path: &Path, len: u64, what: String) -> Error {
    // A short file is damaged where it ends, a wrong preamble from its beginning on.
    Error::damage(path, if len < PREAMBLE_LEN as u64 { len } else { 0 }, what)
}
