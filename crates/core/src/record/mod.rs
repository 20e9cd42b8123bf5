//! What was decided, as bytes: commands, reports, postings, refusals. The trace hash runs over them, the journal keeps
//! them, and a replay is compared with them.

mod codec;
mod text;

use xxhash_rust::xxh3::Xxh3;

pub use codec::{decode, encode};
pub use text::describe;

use crate::ledger::Transaction;
use crate::order::{Fill, OrderRequest, Report};
use crate::risk::Refusal;
use crate::types::{InstrumentIx, Money, Nanos, OrderId, Qty, StrategyIx, Ticks};

/// One thing decided or booked. Times are the engine's.
// Made on the stack and written as bytes at once: the size of the largest costs nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// An approved order was sent.
    Submit {
        /// When.
        ts: Nanos,
        /// Its id.
        order: OrderId,
        /// What was asked for.
        request: OrderRequest,
    },
    /// A cancel was sent.
    Cancel {
        /// When.
        ts: Nanos,
        /// Which.
        order: OrderId,
    },
    /// An approved amendment was sent.
    Amend {
        /// When.
        ts: Nanos,
        /// Which.
        order: OrderId,
        /// In ticks.
        price: Ticks,
        /// In steps.
        qty: Qty,
    },
    /// A report was taken in.
    Report(Report),
    /// A transaction was posted.
    Posting {
        /// When.
        ts: Nanos,
        /// For which order; 0 for a deposit or funding.
        order: OrderId,
        /// Its lines.
        transaction: Transaction,
    },
    /// An execution of an order that an earlier session sent was taken in.
    EarlierFill {
        /// When.
        ts: Nanos,
        /// Which.
        order: OrderId,
        /// Whose it was: strategy, instrument and side count.
        request: OrderRequest,
        /// What was executed.
        fill: Fill,
    },
    /// A funding payment was taken in.
    Funding {
        /// When.
        ts: Nanos,
        /// On which instrument.
        instrument: InstrumentIx,
        /// The venue's time.
        ts_venue: Nanos,
        /// In quote currency; negative: paid.
        amount: Money,
    },
    /// The risk gate refused a request.
    Refused {
        /// When.
        ts: Nanos,
        /// What was asked.
        request: OrderRequest,
        /// Why not.
        refusal: Refusal,
    },
    /// A strategy was stopped.
    Stopped {
        /// When.
        ts: Nanos,
        /// Which.
        strategy: StrategyIx,
    },
}

/// Records as they are made: hashed, and kept as bytes where somebody wants them.
#[derive(Clone)]
pub struct Log {
    hash: Xxh3,
    /// Records not yet drained: each a u16 length, then as many bytes. Little-endian throughout.
    bytes: Vec<u8>,
    hashed: usize,
    keep: bool,
    records: u64,
}

const CHUNK: usize = 1 << 16;

impl Log {
    /// A log that keeps its bytes for [`Log::drain`], or only hashes them.
    pub fn new(keep: bool) -> Self {
        Self { hash: Xxh3::new(), bytes: Vec::with_capacity(2 * CHUNK), hashed: 0, keep, records: 0 }
    }

    /// Records made.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// XXH3-128 over all records so far, as 32 hexadecimal digits. It shows equality; it is no defence against forgery.
    pub fn trace_hash(&mut self) -> String {
        self.hash_up();
        format!("{:032x}", self.hash.digest128())
    }

    /// Hands over the records made since the last call; empty for a log that does not keep them.
    pub fn drain(&mut self) -> Vec<u8> {
        self.hash_up();
        self.hashed = 0;
        std::mem::take(&mut self.bytes)
    }

    fn hash_up(&mut self) {
        self.hash.update(&self.bytes[self.hashed..]);
        self.hashed = self.bytes.len();
        if !self.keep {
            self.bytes.clear();
            self.hashed = 0;
        }
    }

    /// Adds one record.
    pub fn add(&mut self, decision: &Decision) {
        self.write(|out| codec::encode(decision, out));
    }

    /// Adds [`Decision::Report`].
    pub fn report(&mut self, report: &Report) {
        self.write(|out| codec::encode_report(report, out));
    }

    /// Adds [`Decision::Posting`].
    pub fn posting(&mut self, ts: Nanos, order: OrderId, transaction: &Transaction) {
        self.write(|out| codec::encode_posting(ts, order, transaction, out));
    }

    #[inline]
    fn write(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        encode(&mut self.bytes);
        let length = (self.bytes.len() - start - 2) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_le_bytes());
        self.records += 1;
        if self.bytes.len() - self.hashed >= CHUNK {
            self.hash_up();
        }
    }
}

/// Splits drained bytes into records.
///
/// # Errors
/// The offset at which a record is cut short.
pub fn split(bytes: &[u8]) -> Result<Vec<&[u8]>, usize> {
    let (mut records, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let head: [u8; 2] = bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).ok_or(at)?;
        let end = at + 2 + usize::from(u16::from_le_bytes(head));
        records.push(bytes.get(at + 2..end).ok_or(at)?);
        at = end;
    }
    Ok(records)
}
