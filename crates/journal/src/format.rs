//! The bytes: a file's preamble and a record's frame, all little-endian.

/// The version of the format that this build writes, and the only one it reads.
pub const VERSION: u16 = 1;
/// Bytes of a file before its first frame.
pub const PREAMBLE_LEN: usize = 44;
/// Bytes of a frame before its payload.
pub const HEAD_LEN: usize = 41;
/// The longest frame, head and payload together: 64 MiB.
pub const FRAME_LEN_MAX: usize = 64 << 20;
/// The longest payload.
pub const PAYLOAD_LEN_MAX: usize = FRAME_LEN_MAX - HEAD_LEN;

/// First bytes of every journal file.
pub(crate) const MAGIC: [u8; 8] = *b"KEDGEJNL";
/// Where a preamble holds its version.
pub(crate) const VERSION_AT: u64 = 8;

/// 16 bytes that name a session; every file of it carries them.
pub type SessionId = [u8; 16];

/// Which of the two streams a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stream {
    /// What came from outside: market data, venue reports, timers. Aged out by rule, in whole segments.
    Inputs = 0,
    /// What the engine made of it: commands, postings, refusals. Kept.
    Decisions = 1,
}

impl Stream {
    /// The stream of a code, if it is one.
    pub fn of(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Inputs),
            1 => Some(Self::Decisions),
            _ => None,
        }
    }
}

/// What a record's payload is. 0 is never written.
pub mod kind {
    /// The first record of a session: build, settings, sources, instruments, seed, account, as JSON.
    pub const HEADER: u8 = 1;
    /// Orders and ledger, whole; the second record of a session, then every few minutes.
    pub const CHECKPOINT: u8 = 2;
    /// A block of market columns, see [`crate::market_block`].
    pub const MARKET: u8 = 3;
    /// A venue's report, as an input.
    pub const REPORT: u8 = 4;
    /// A command to the venue.
    pub const COMMAND: u8 = 5;
    /// A posting of the ledger.
    pub const POSTING: u8 = 6;
    /// The risk gate said no.
    pub const REFUSAL: u8 = 7;
    /// A strategy was stopped here.
    pub const STOPPED: u8 = 8;
    /// A setting was changed.
    pub const SETTING: u8 = 9;
    /// The clean end: nothing follows.
    pub const CLOSED: u8 = 10;
    /// A batch of decision records.
    pub const DECISION: u8 = 11;
    /// Timers were fired up to a time.
    pub const TIMER: u8 = 12;
    /// How things stand, as JSON.
    pub const STATUS: u8 = 13;
    /// Our books held against the venue's, as JSON.
    pub const RECONCILED: u8 = 14;
    /// An execution of an order of an earlier session.
    pub const EARLIER_FILL: u8 = 15;
    /// A funding payment.
    pub const FUNDING: u8 = 16;
    /// A strategy raised while the input before was taken, as JSON.
    pub const FAULT: u8 = 17;
    /// Every kind with its name, in the order of the codes.
    pub const ALL: [(&str, u8); 17] = [
        ("HEADER", HEADER),
        ("CHECKPOINT", CHECKPOINT),
        ("MARKET", MARKET),
        ("REPORT", REPORT),
        ("COMMAND", COMMAND),
        ("POSTING", POSTING),
        ("REFUSAL", REFUSAL),
        ("STOPPED", STOPPED),
        ("SETTING", SETTING),
        ("CLOSED", CLOSED),
        ("DECISION", DECISION),
        ("TIMER", TIMER),
        ("STATUS", STATUS),
        ("RECONCILED", RECONCILED),
        ("EARLIER_FILL", EARLIER_FILL),
        ("FUNDING", FUNDING),
        ("FAULT", FAULT),
    ];
}

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preamble {
    pub(crate) stream: Stream,
    /// Number of the inputs segment, from 1; 0 for decisions.
    pub(crate) segment: u32,
    pub(crate) session: SessionId,
    /// No frame of the file has a lower sequence, and every lower one was durable when the file was made.
    pub(crate) first_seq: u64,
}

/// Why the first bytes of a file are no preamble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PreambleError {
    /// Another version wrote it, or the version field is damaged: then the checksum is wrong too.
    Version { found: u16, checksum_fits: bool },
    /// Says what does not fit.
    Damaged(String),
}

impl Preamble {
    pub(crate) fn encode(&self) -> [u8; PREAMBLE_LEN] {
        let mut bytes = [0; PREAMBLE_LEN];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10] = self.stream as u8;
        bytes[12..16].copy_from_slice(&self.segment.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.session);
        bytes[32..40].copy_from_slice(&self.first_seq.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..40]);
        bytes[40..44].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; PREAMBLE_LEN]) -> Result<Self, PreambleError> {
        if bytes[0..8] != MAGIC {
            return Err(PreambleError::Damaged("does not begin with `KEDGEJNL`: no journal file".into()));
        }
        let (stored, computed) = (u32_at(bytes, 40), crc32fast::hash(&bytes[..40]));
        let found = u16::from_le_bytes([bytes[8], bytes[9]]);
        if found != VERSION {
            // Another version may keep its checksum elsewhere, so the version speaks first.
            return Err(PreambleError::Version { found, checksum_fits: stored == computed });
        }
        if stored != computed {
            return Err(PreambleError::Damaged(checksum_text("preamble", stored, computed)));
        }
        let stream = Stream::of(bytes[10])
            .ok_or_else(|| PreambleError::Damaged(format!("preamble: stream must be 0 or 1, was {}", bytes[10])))?;
        let mut session = [0; 16];
        session.copy_from_slice(&bytes[16..32]);
        Ok(Self { stream, segment: u32_at(bytes, 12), session, first_seq: u64_at(bytes, 32) })
    }
}

/// A frame without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    /// The durable sequence when this was written: what tells a lost record from one that never was.
    pub(crate) durable: u64,
    pub(crate) ts_engine: i64,
    pub(crate) ts_wall: i64,
    pub(crate) kind: u8,
}

impl Head {
    /// Appends the whole frame to `out`. The payload must not be above [`PAYLOAD_LEN_MAX`].
    pub(crate) fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(HEAD_LEN + payload.len());
        out.extend_from_slice(&[0; 4]);
        let length = u32::try_from(payload.len()).expect("a payload within its bound");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.durable.to_le_bytes());
        out.extend_from_slice(&self.ts_engine.to_le_bytes());
        out.extend_from_slice(&self.ts_wall.to_le_bytes());
        out.push(self.kind);
        out.extend_from_slice(payload);
        let crc = crc32fast::hash(&out[start + 4..]);
        out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
    }

    /// The fields of a head, whether they make sense or not.
    pub(crate) fn decode(bytes: &[u8; HEAD_LEN]) -> Self {
        Self {
            seq: u64_at(bytes, 8),
            durable: u64_at(bytes, 16),
            ts_engine: i64_at(bytes, 24),
            ts_wall: i64_at(bytes, 32),
            kind: bytes[40],
        }
    }
}

/// Length of the frame whose head this is, with its head: not to be trusted before the checksum fits.
pub(crate) fn frame_len(head: &[u8; HEAD_LEN]) -> u64 {
    HEAD_LEN as u64 + u64::from(u32_at(head, 4))
}

/// The checksum that a frame carries.
pub(crate) fn stored_crc(head: &[u8; HEAD_LEN]) -> u32 {
    u32_at(head, 0)
}

/// A checksum over a frame, to be fed with its payload.
pub(crate) fn crc_of_head(head: &[u8; HEAD_LEN]) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head[4..]);
    hasher
}

/// How a wrong checksum is told.
pub(crate) fn checksum_text(what: &str, stored: u32, computed: u32) -> String {
    format!("{what}: checksum must be {computed:08x}, was {stored:08x}")
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_zlib() {
        // zlib.crc32(b"123456789") in Python.
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
        let head = Head { seq: 7, durable: 5, ts_engine: -1, ts_wall: 2, kind: kind::COMMAND };
        let mut frame = Vec::new();
        head.encode(b"buy", &mut frame);
        assert_eq!(frame.len(), HEAD_LEN + 3);
        assert_eq!(frame[..4], crc32fast::hash(&frame[4..]).to_le_bytes());
        assert_eq!(Head::decode(frame[..HEAD_LEN].try_into().unwrap()), head);
        assert_eq!(frame_len(frame[..HEAD_LEN].try_into().unwrap()), 44);
    }

    #[test]
    fn a_preamble_comes_back_and_every_flipped_bit_of_it_is_seen() {
        let preamble = Preamble { stream: Stream::Inputs, segment: 3, session: *b"0123456789abcdef", first_seq: 900 };
        let bytes = preamble.encode();
        assert_eq!(Preamble::decode(&bytes), Ok(preamble));
        for bit in 0..PREAMBLE_LEN * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Preamble::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn the_kinds_are_listed_once_each_and_none_is_zero() {
        let codes: Vec<u8> = kind::ALL.iter().map(|(_, code)| *code).collect();
        assert_eq!(codes, (1..=17).collect::<Vec<u8>>());
    }
}
