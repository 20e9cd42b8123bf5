//! The append-only log of a session: framing, checksums, group commit, tail and replay.
//!
//! A session is a folder with two streams under one sequence: *inputs* (aged out by rule, in segments) and
//! *decisions* (kept). The bytes are described in `docs/journal.md`. Payloads are opaque here.
#![forbid(unsafe_code)]

mod error;
mod folder;
mod format;
mod group;
mod mark;
mod merge;
mod recovery;
mod segment;
mod session;
mod storage;
mod stream;
mod tail;
mod writer;

/// Market columns as the payload of a [`kind::MARKET`] record.
pub mod market_block;

pub use error::{Error, Result};
pub use folder::{age_out, decisions_path, inputs_path};
pub use format::{FRAME_LEN_MAX, HEAD_LEN, PAYLOAD_LEN_MAX, PREAMBLE_LEN, SessionId, Stream, VERSION, kind};
pub use group::GroupCommitter;
pub use merge::{Cut, TornTail};
pub use recovery::Recovered;
pub use session::{Record, Records, Session};
pub use storage::{Disk, Storage};
pub use tail::Tail;
pub use writer::{Options, Writer};
