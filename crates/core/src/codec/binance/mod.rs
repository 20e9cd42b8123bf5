//! Binance spot and USD-M: WebSocket messages and REST depth snapshots to events.
//!
//! [`Decoder`] turns one message into rows, [`Sequence`] decides which depth rows may reach a book, and [`Recording`]
//! does both for recorded lines and corrects the recorder's clock. Protocol: binance-spot-api-docs
//! `web-socket-streams.md` and the USD-M "How to manage a local order book correctly".

mod clock;
mod decode;
mod fields;
mod json;
mod live;

mod recording;
mod scale;
mod sequence;

mod shape;

pub use decode::{Decoded, Decoder, MAX_MESSAGE_BYTES, Message};
pub use fields::MAX_LEVELS;
pub use live::{Heard, LiveFeed};
pub use recording::{FileSummary, LineError, Recording, detect};
pub use sequence::{Diff, Sequence, SequenceCounts, SyncState};

/// Which of Binance's markets a message comes from: they number their depth messages differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// `stream.binance.com`.
    Spot,
    /// `fstream.binance.com`.
    UsdM,
}

impl Market {
    /// `spot` or `usdm`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::UsdM => "usdm",
        }
    }

    /// The market of that [`Market::name`].
    pub fn of(name: &str) -> Option<Self> {
        [Self::Spot, Self::UsdM].into_iter().find(|market| market.name() == name)
    }
}
