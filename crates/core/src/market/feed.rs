//! What a subscriber sees: trades and quotes at once, depth in packets, a snapshot first.

use super::order_book::{Changes, LevelChange, OrderBook};
use crate::event::{Event, Kind, flag};
use crate::types::{Nanos, Qty, Side, Ticks};

/// Turns changes of the book into rows, as Binance's trade, bookTicker and depth streams would.
pub(super) struct Feed {
    /// Rows not handed out yet.
    pub(super) rows: Vec<Event>,
    /// Nanoseconds between depth packets; 0 sends one after each message to the book.
    pub(super) depth_every: Nanos,
    /// Level changes since the last depth packet.
    pending: Vec<LevelChange>,
    /// Trades shown.
    pub(super) trades: u64,
    quoted: [(Ticks, Qty); 2],
    live: bool,
}

impl Feed {
    pub(super) fn new(depth_every: Nanos) -> Self {
        Self { rows: Vec::new(), depth_every, pending: Vec::new(), trades: 0, quoted: [(0, 0); 2], live: false }
    }

    /// Starts showing: the whole book and the best prices. Before this nothing is shown.
    pub(super) fn open(&mut self, now: Nanos, book: &OrderBook) {
        self.live = true;
        self.row(now, Kind::Clear, Side::Buy, 0, 0);
        for side in [Side::Buy, Side::Sell] {
            for (price, qty) in book.levels(side) {
                self.row(now, Kind::Level, side, price, qty);
            }
        }
        self.end_packet();
        self.quote(now, book);
    }

    /// Shows one message's effect.
    #[inline]
    pub(super) fn show(&mut self, now: Nanos, book: &OrderBook, changes: &Changes) {
        if !self.live || changes.levels.is_empty() {
            return;
        }
        for fill in &changes.fills {
            self.trades += 1;
            self.row(now, Kind::Trade, fill.side, fill.price, fill.qty);
            self.end_packet();
        }
        self.pending.extend_from_slice(&changes.levels);
        if self.depth_every == 0 {
            self.depth(now);
        }
        self.quote(now, book);
    }

    /// One packet of the levels changed since the last, as they are now: on each side from the best away.
    pub(super) fn depth(&mut self, now: Nanos) {
        let mut pending = std::mem::take(&mut self.pending);
        // The sort is stable, so that the newest change of a level is the last of its run.
        pending.sort_by_key(|change| (change.side, -change.price * change.side.sign()));
        for (at, change) in pending.iter().enumerate() {
            let next = pending.get(at + 1);
            if next.is_none_or(|next| (next.side, next.price) != (change.side, change.price)) {
                self.row(now, Kind::Delta, change.side, change.price, change.qty);
            }
        }
        if !pending.is_empty() {
            self.end_packet();
        }
        pending.clear();
        self.pending = pending;
    }

    /// The best prices, if they or their quantities changed. A side without orders is quoted as 0 at 0.
    fn quote(&mut self, now: Nanos, book: &OrderBook) {
        let best = [Side::Buy, Side::Sell].map(|side| book.best(side).unwrap_or((0, 0)));
        if best == self.quoted {
            return;
        }
        self.quoted = best;
        self.row(now, Kind::Quote, Side::Buy, best[0].0, best[0].1);
        self.row(now, Kind::Quote, Side::Sell, best[1].0, best[1].1);
        self.end_packet();
    }

    /// A packet of one row that is not about the book.
    pub(super) fn single(&mut self, now: Nanos, kind: Kind, price: Ticks, qty: Qty) {
        self.row(now, kind, Side::Buy, price, qty);
        self.end_packet();
    }

    fn row(&mut self, now: Nanos, kind: Kind, side: Side, price: Ticks, qty: Qty) {
        self.rows.push(Event::new(now, now, kind, side, price, qty));
    }

    fn end_packet(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            row.flags |= flag::LAST;
        }
    }
}
