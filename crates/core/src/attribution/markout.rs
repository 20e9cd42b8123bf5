//! The middle of the book at moments named after the fact.

use crate::book::{Book, Stop, Sync, Watch};
use crate::feed::Feed;
use crate::types::{Nanos, Side, Ticks};

/// Our view of one instrument's book, advanced once more to the moments asked for.
///
/// A moment sees every row that reached us by then and none after it: the same book a timer of the engine would have
/// found. Times must not fall from call to call, so that one pass over the rows answers all of them; the feed may be
/// given window by window.
#[derive(Clone, Debug, Default)]
pub struct MidReader {
    book: Book,
}

impl MidReader {
    /// Bid + ask in ticks at `at`; `None` where a side is empty or the book is not in sync.
    pub fn twice_mid(&mut self, feed: &mut Feed<'_>, at: Nanos) -> Option<Ticks> {
        self.advance(feed, at);
        if self.book.state() != Sync::InSync {
            return None;
        }
        Some(self.book.best(Side::Buy)? + self.book.best(Side::Sell)?)
    }

    fn advance(&mut self, feed: &mut Feed<'_>, until: Nanos) {
        while let Some((block, at)) = feed.current() {
            let (columns, times) = (block.columns(), block.times());
            match self.book.advance(&columns, times, at.row..columns.len(), until, Watch::NONE) {
                Stop::Time(next) => {
                    let done = next < columns.len();
                    feed.seek(next);
                    if done {
                        return;
                    }
                }
                Stop::Row(next) => {
                    let (event, now) = (columns.get(next), times.at(next));
                    feed.seek(next + 1);
                    self.book.apply(&event, now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ColumnsBuf, Event, Kind, flag};
    use crate::random::Stream;
    use proptest::prelude::*;

    fn level(at: Nanos, kind: Kind, side: Side, price: Ticks, qty: i64, last: bool) -> Event {
        let mut event = Event::new(at, at, kind, side, price, qty);
        event.flags |= if last { flag::LAST } else { 0 };
        event
    }

    fn snapshot(at: Nanos, bid: Ticks, ask: Ticks) -> [Event; 3] {
        [
            level(at, Kind::Clear, Side::Buy, 0, 0, false),
            level(at, Kind::Level, Side::Buy, bid, 5, false),
            level(at, Kind::Level, Side::Sell, ask, 5, true),
        ]
    }

    /// The row at a moment belongs to it, the one after it does not: a markout that saw one event further would look
    /// ahead.
    #[test]
    fn a_moment_sees_its_own_row_and_no_later_one() {
        let mut rows = snapshot(10, 100, 104).to_vec();
        rows.push(level(20, Kind::Delta, Side::Buy, 102, 1, true));
        rows.push(level(21, Kind::Delta, Side::Sell, 103, 1, true));
        let rows = ColumnsBuf::pack(&rows);
        let (mut feed, mut reader) = (Feed::ours(&[rows.view()], None, Stream::new(0, 0)), MidReader::default());
        let found = [9, 10, 19, 20, 20, 21, 99].map(|at| reader.twice_mid(&mut feed, at));
        assert_eq!(found, [None, Some(204), Some(204), Some(206), Some(206), Some(205), Some(205)]);
    }

    #[test]
    fn a_book_that_is_not_in_sync_or_has_one_side_has_no_mid() {
        let mut rows = snapshot(10, 100, 104).to_vec();
        rows.push(level(20, Kind::Gap, Side::Buy, 0, 0, true));
        rows.extend(snapshot(30, 90, 92));
        rows.push(level(40, Kind::Delta, Side::Sell, 92, 0, true));
        let rows = ColumnsBuf::pack(&rows);
        let (mut feed, mut reader) = (Feed::ours(&[rows.view()], None, Stream::new(0, 0)), MidReader::default());
        assert_eq!([15, 25, 35, 45].map(|at| reader.twice_mid(&mut feed, at)), [Some(204), None, Some(182), None]);
    }

    proptest! {
        /// Against a book that is made anew for every moment; rows in one block or in many.
        #[test]
        fn one_pass_finds_what_a_book_made_anew_does(
            changes in prop::collection::vec((0_i64..4, any::<bool>(), 0_i64..8, 0_i64..3), 1..80),
            moments in prop::collection::vec(0_i64..200, 1..20), cut in 1_usize..40
        ) {
            let mut at = 10;
            let mut rows = snapshot(at, 100, 104).to_vec();
            for (wait, sell, offset, qty) in changes {
                at += wait;
                let (side, price) = if sell { (Side::Sell, 104 + offset) } else { (Side::Buy, 100 - offset) };
                rows.push(level(at, Kind::Delta, side, price, qty, true));
            }
            let blocks: Vec<ColumnsBuf> = rows.chunks(cut).map(ColumnsBuf::pack).collect();
            let views: Vec<_> = blocks.iter().map(ColumnsBuf::view).collect();
            let (mut feed, mut reader) = (Feed::ours(&views, None, Stream::new(0, 0)), MidReader::default());
            let mut moments = moments;
            moments.sort_unstable();
            for moment in moments {
                let mut book = Book::default();
                rows.iter().filter(|row| row.ts_recv <= moment).for_each(|row| book.apply(row, row.ts_recv));
                let best = (book.best(Side::Buy), book.best(Side::Sell));
                let expected = if let (Some(bid), Some(ask), Sync::InSync) = (best.0, best.1, book.state()) {
                    Some(bid + ask)
                } else {
                    None
                };
                prop_assert_eq!(reader.twice_mid(&mut feed, moment), expected);
            }
        }
    }
}
