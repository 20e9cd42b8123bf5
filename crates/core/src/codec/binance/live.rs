//! One instrument's messages as they arrive: decoded, and their sequence kept.

use super::{Decoder, Market, Message, Sequence, SequenceCounts, SyncState};
use crate::codec::DecodeError;
use crate::event::Event;
use crate::instrument::Instrument;
use crate::types::Nanos;

/// What a message was, and what the venue said of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whether it was a depth message or a snapshot.
    pub about_book: bool,
    /// When the venue sent it, where it tells.
    pub sent: Option<Nanos>,
    /// Whether a REST snapshot is needed to go on: the book is not in sync.
    pub needs_snapshot: bool,
}

/// Decodes the messages of one instrument, from its streams and from REST depth snapshots.
#[derive(Clone, Debug)]
pub struct LiveFeed {
    decoder: Decoder,
    sequence: Sequence,
}

impl LiveFeed {
    /// A feed whose book waits for its first snapshot.
    ///
    /// # Errors
    /// If the instrument's kind is not traded on that market.
    pub fn new(market: Market, instrument: &Instrument) -> Result<Self, DecodeError> {
        Ok(Self { decoder: Decoder::new(market, instrument)?, sequence: Sequence::new(market) })
    }

    /// Takes one message; the rows that may reach a book, a strategy or a bar are added to `rows`.
    ///
    /// # Errors
    /// Names the field, its value and the rule; nothing was added and the sequence is as it was.
    pub fn message(&mut self, frame: &[u8], now: Nanos, rows: &mut Vec<Event>) -> Result<Heard, DecodeError> {
        let start = rows.len();
        let decoded = self.decoder.decode(frame, now, rows)?;
        match decoded.message {
            Message::Depth(diff) => self.sequence.diff(diff, now, rows, start),
            Message::Snapshot { last } => self.sequence.snapshot(last, now, rows, start),
            Message::Trade | Message::Quote | Message::Mark | Message::Ignored => {}
        }
        Ok(Heard {
            about_book: matches!(decoded.message, Message::Depth(_) | Message::Snapshot { .. }),
            sent: decoded.sent,
            needs_snapshot: self.sequence.state() != SyncState::InSync,
        })
    }

    /// The connection was lost: whatever follows needs a new snapshot.
    pub fn reset(&mut self) {
        self.sequence.restart();
    }

    /// Gaps, resyncs and what was dropped so far.
    pub fn counts(&self) -> SequenceCounts {
        self.sequence.counts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;

    const SPOT: &str = r#"{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
        "lot_size": "0.00001", "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001",
        "taker_fee": "0.001"}"#;

    #[test]
    fn a_book_comes_into_sync_and_out_of_it() {
        let mut feed = LiveFeed::new(Market::Spot, &Instrument::from_json(SPOT).unwrap()).unwrap();
        let mut rows = Vec::new();
        let mut hear = |text: &str, now| {
            rows.clear();
            let heard = feed.message(text.as_bytes(), now, &mut rows).unwrap();
            (heard.needs_snapshot, rows.iter().map(Event::kind).collect::<Vec<_>>())
        };
        let depth = |first: u64, last: u64| {
            format!(
                concat!(
                    r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1000,"s":"BTCUSDT","#,
                    r#""U":{first},"u":{last},"b":[["1.00","2.0"]],"a":[]}}}}"#
                ),
                first = first,
                last = last
            )
        };
        assert_eq!(hear(&depth(5, 6), 1), (true, vec![]));
        let snapshot = r#"{"lastUpdateId":4,"bids":[["0.99","1.0"]],"asks":[["1.01","1.0"]]}"#;
        assert_eq!(hear(snapshot, 2), (false, vec![Kind::Clear, Kind::Level, Kind::Level, Kind::Delta]));
        assert_eq!(hear(&depth(7, 7), 3), (false, vec![Kind::Delta]));
        assert_eq!(hear(&depth(9, 9), 4), (true, vec![Kind::Gap]));
        assert_eq!(feed.counts().gaps, 1);
    }
}
