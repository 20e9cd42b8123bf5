//! One journal file, frame by frame.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::format::{
    FRAME_LEN_MAX, HEAD_LEN, Head, PREAMBLE_LEN, Preamble, PreambleError, checksum_text, crc_of_head, frame_len,
    stored_crc,
};

/// Bytes read ahead.
const READ_AHEAD: usize = 128 << 10;
/// Bytes looked at in one go when searching behind a bad frame.
const WINDOW_LEN: usize = 1 << 20;
/// How far a sequence may lie behind a bad frame to be taken for one of ours: it keeps random bytes from costing time.
const SEQ_REACH: u64 = 1 << 32;
/// Bytes that the search behind a bad frame may checksum before it gives up and calls the frame damaged.
const SEARCH_BYTES_MAX: u64 = 1 << 30;

/// A recovery cut the file behind a reader that follows it.
const SHORTER: &str = "the file became shorter while it was read";

/// A file whose first bytes were looked at.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It begins as it should.
    Whole { preamble: Preamble, reader: FrameReader },
    /// No longer than a preamble and not a whole one: a writer was stopped while making it.
    Begun { len: u64, what: String },
}

/// Opens a file and reads its preamble.
pub(crate) fn open(path: &Path) -> Result<Opened> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut reader = FrameReader::new(path, file)?;
    let mut bytes = [0; PREAMBLE_LEN];
    if reader.len < PREAMBLE_LEN as u64 {
        let what = format!("the file ends inside its preamble of {PREAMBLE_LEN} bytes");
        return Ok(Opened::Begun { len: reader.len, what });
    }
    reader.file.read_exact(&mut bytes).map_err(Error::io("read", path))?;
    match Preamble::decode(&bytes) {
        Ok(preamble) => Ok(Opened::Whole { preamble, reader }),
        // No version is 0: the disk kept the magic and left zeros for the rest.
        Err(PreambleError::Version { found: 0, .. }) if reader.len == PREAMBLE_LEN as u64 => {
            Ok(Opened::Begun { len: reader.len, what: "the preamble ends in zeros".into() })
        }
        Err(PreambleError::Version { found, checksum_fits }) => {
            Err(Error::Version { file: path.to_owned(), found, checksum_fits })
        }
        Err(PreambleError::Damaged(what)) if reader.len == PREAMBLE_LEN as u64 => {
            Ok(Opened::Begun { len: reader.len, what })
        }
        Err(PreambleError::Damaged(what)) => Err(Error::damage(path, 0, what)),
    }
}

/// A record as it lies in a file.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) head: Head,
    pub(crate) payload: Vec<u8>,
    pub(crate) offset: u64,
}

/// What lies at the reader's place.
#[derive(Debug)]
pub(crate) enum Step {
    /// A frame whose checksum fits; the reader has gone past it.
    Frame(Frame),
    /// The end of the file. It may grow.
    End,
    /// No whole frame; the reader has not moved. Says what is wrong.
    Bad(String),
}

/// Reads frames from the end of the preamble on.
#[derive(Debug)]
pub(crate) struct FrameReader {
    pub(crate) path: PathBuf,
    file: BufReader<File>,
    /// Where the next frame begins.
    pub(crate) offset: u64,
    /// Length of the file when last asked.
    pub(crate) len: u64,
}

impl FrameReader {
    fn new(path: &Path, file: File) -> Result<Self> {
        let len = file.metadata().map_err(Error::io("ask for the length of", path))?.len();
        let file = BufReader::with_capacity(READ_AHEAD, file);
        Ok(Self { path: path.to_owned(), file, offset: PREAMBLE_LEN as u64, len })
    }

    /// Whether `bytes` more lie before the end of the file, as it is now.
    fn has(&mut self, bytes: u64) -> Result<bool> {
        if self.len.saturating_sub(self.offset) < bytes {
            let metadata = self.file.get_ref().metadata();
            self.len = metadata.map_err(Error::io("ask for the length of", &self.path))?.len();
        }
        Ok(self.len.saturating_sub(self.offset) >= bytes)
    }

    pub(crate) fn next(&mut self) -> Result<Step> {
        if !self.has(1)? {
            return Ok(Step::End);
        }
        if !self.has(HEAD_LEN as u64)? {
            return Ok(Step::Bad(format!("the file ends inside a record's head of {HEAD_LEN} bytes")));
        }
        let mut head = [0; HEAD_LEN];
        if !self.read(&mut head)? {
            return self.bad(SHORTER.into());
        }
        let len = frame_len(&head);
        if len > FRAME_LEN_MAX as u64 {
            return self.bad(format!("a record must have at most {FRAME_LEN_MAX} bytes, was {len}"));
        }
        // The length is not checked yet, but memory for it is bounded by what the file has.
        if !self.has(len)? {
            let left = self.len - self.offset;
            return self.bad(format!("the file ends inside a record of {len} bytes, after {left}"));
        }
        let mut payload = vec![0; usize::try_from(len).expect("within 64 MiB") - HEAD_LEN];
        if !self.read(&mut payload)? {
            return self.bad(SHORTER.into());
        }
        let mut hasher = crc_of_head(&head);
        hasher.update(&payload);
        let (stored, computed) = (stored_crc(&head), hasher.finalize());
        if stored != computed {
            return self.bad(checksum_text("record", stored, computed));
        }
        let frame = Frame { head: Head::decode(&head), payload, offset: self.offset };
        self.offset += len;
        Ok(Step::Frame(frame))
    }

    /// Fills `bytes`; false if the file does not have them any more.
    fn read(&mut self, bytes: &mut [u8]) -> Result<bool> {
        match self.file.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(Error::io("read", &self.path)(error)),
        }
    }

    fn bad(&mut self, what: String) -> Result<Step> {
        self.go_to(self.offset)?;
        Ok(Step::Bad(what))
    }

    /// Goes to a frame's beginning and forgets what was read ahead and how long the file was: behind the durable mark
    /// it may be cut and written anew.
    pub(crate) fn go_to(&mut self, offset: u64) -> Result<()> {
        self.offset = offset;
        self.len = self.file.get_ref().metadata().map_err(Error::io("ask for the length of", &self.path))?.len();
        self.file.seek(SeekFrom::Start(offset)).map_err(Error::io("seek", &self.path))?;
        Ok(())
    }

    /// Looks for a whole frame anywhere behind the bad one at the reader's place, with a sequence above `after`.
    ///
    /// Gives its offset and sequence. Lengths are not followed: the bad frame's own may be what is wrong.
    pub(crate) fn valid_frame_behind(&self, after: u64) -> Result<Option<(u64, u64)>> {
        let file = self.file.get_ref();
        let mut search = Search { file, len: self.len, after, bytes_left: SEARCH_BYTES_MAX };
        let mut window = vec![0; WINDOW_LEN];
        let mut start = self.offset + 1;
        loop {
            let read = read_at(file, &mut window, start).map_err(Error::io("read", &self.path))?;
            if read < HEAD_LEN {
                return Ok(None);
            }
            for (at, head) in window[..read].windows(HEAD_LEN).enumerate() {
                let head = head.try_into().expect("a head's length");
                let offset = start + at as u64;
                if let Some(seq) = search.frame_at(head, offset).map_err(Error::io("read", &self.path))? {
                    return Ok(Some((offset, seq)));
                }
            }
            start += (read - HEAD_LEN + 1) as u64;
        }
    }
}

/// The search behind a bad frame.
struct Search<'a> {
    file: &'a File,
    len: u64,
    after: u64,
    bytes_left: u64,
}

impl Search<'_> {
    /// The sequence of the frame at `offset`, if one is there. Where the search has cost too much, a frame that only
    /// might be one counts: the doubt is resolved towards damage.
    fn frame_at(&mut self, head: &[u8; HEAD_LEN], offset: u64) -> io::Result<Option<u64>> {
        let len = frame_len(head);
        let Head { seq, durable, kind, .. } = Head::decode(head);
        let is_ours = seq > self.after && seq - self.after < SEQ_REACH && durable < seq && kind != 0;
        if !is_ours || len > FRAME_LEN_MAX as u64 || len > self.len.saturating_sub(offset) {
            return Ok(None);
        }
        if self.bytes_left < len {
            return Ok(Some(seq));
        }
        self.bytes_left -= len;
        let mut hasher = crc_of_head(head);
        let mut payload = vec![0; usize::try_from(len).expect("within 64 MiB") - HEAD_LEN];
        let read = read_at(self.file, &mut payload, offset + HEAD_LEN as u64)?;
        hasher.update(&payload[..read]);
        Ok((hasher.finalize() == stored_crc(head)).then_some(seq))
    }
}

/// Fills `bytes` from `offset` as far as the file goes.
pub(crate) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
