//! What stands in for the book where the data has trades and no book.

use std::ops::Range;

use super::{Book, Sync, Touch, Watch};
use crate::event::{Columns, Kind, flag};
use crate::types::{Nanos, Side, Ticks};

impl Book {
    /// A stand-in for the book of a market whose data has none: the last trade's price is the best on both sides; no
    /// quantity is known.
    pub fn of_trades() -> Self {
        Self { is_of_trades: true, ..Self::default() }
    }

    /// Whether it is such a stand-in.
    #[inline]
    pub fn is_of_trades(&self) -> bool {
        self.is_of_trades
    }

    /// Somebody traded, which moves a stand-in and no other book.
    #[inline]
    pub fn trade(&mut self, price: Ticks, now: Nanos) {
        if self.is_of_trades {
            self.best = [price ^ Side::Buy.mirror(), price ^ Side::Sell.mirror()];
            (self.state, self.updated) = (Sync::InSync, now);
        }
    }

    /// [`Book::sweep`] of a stand-in: passes over trades, which its owner tells it of.
    pub(super) fn pass(
        &self,
        columns: &Columns<'_>,
        rows: Range<usize>,
        watch: Watch,
        mut pass: impl FnMut(&Touch) -> bool,
    ) -> usize {
        if watch == Watch::NONE {
            return rows.start + trades(&columns.flags[rows]);
        }
        let end = rows.end;
        let mut rows = rows;
        let mut is_callers = |row: &usize| {
            if Kind::of(columns.flags[*row]) != Kind::Trade {
                return true;
            }
            let event = columns.get(*row);
            let touch = Touch { is_trade: true, side: event.side(), price: event.price, previous: 0, qty: event.qty };
            watch.concerns(&event) && !pass(&touch)
        };
        rows.find(|row| is_callers(row)).unwrap_or(end)
    }
}

/// With how many trades these rows begin. Most often with all: whole lines of them are looked at together.
fn trades(codes: &[u8]) -> usize {
    const LINE: usize = 32;
    let is_trade = |code: &u8| code & flag::KIND == Kind::Trade as u8;
    let (lines, _) = codes.as_chunks::<LINE>();
    let is_whole = |line: &&[u8; LINE]| line.iter().fold(true, |whole, code| whole & is_trade(code));
    let passed = LINE * lines.iter().take_while(is_whole).count();
    passed + codes[passed..].iter().take_while(|code| is_trade(code)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Stop;
    use crate::event::{ColumnsBuf, Event};

    #[test]
    fn the_last_trade_is_the_market_and_a_real_book_takes_no_notice() {
        let (mut book, mut real) = (Book::of_trades(), Book::default());
        assert_eq!((book.state(), book.best(Side::Buy)), (Sync::Syncing, None));
        for (price, now) in [(100, 5), (90, 6)] {
            book.trade(price, now);
            real.trade(price, now);
            assert_eq!([Side::Buy, Side::Sell].map(|side| book.best(side)), [Some(price); 2]);
            assert_eq!((book.state(), book.updated(), book.qty(Side::Buy, price)), (Sync::InSync, now, 0));
        }
        assert_eq!((real.state(), real.best(Side::Buy)), (Sync::Syncing, None));
    }

    #[test]
    fn what_is_no_trade_is_found_wherever_it_is() {
        let sold = Kind::Trade as u8 | flag::SELL | flag::LAST;
        for rows in [0, 1, 31, 32, 33, 64, 100] {
            for at in 0..=rows {
                let mut codes = vec![sold; rows];
                codes.iter_mut().skip(at).step_by(3).for_each(|code| *code = Kind::Mark as u8 | flag::LAST);
                assert_eq!(trades(&codes), at, "of {rows}");
            }
        }
    }

    #[test]
    fn it_passes_over_trades_up_to_one_that_is_watched_for() {
        let trades = [(1, 10), (2, 7), (3, 12)];
        let rows: Vec<Event> =
            trades.iter().map(|&(at, price)| Event::new(at, at, Kind::Trade, Side::Sell, price, 1)).collect();
        let (columns, times) = (ColumnsBuf::pack(&rows), [1, 2, 3]);
        let mut book = Book::of_trades();
        book.trade(11, 0);
        let mut to = |until, watch| book.advance(&columns.view(), times.as_slice().into(), 0..3, until, watch);
        assert_eq!(to(2, Watch::NONE), Stop::Time(2));
        assert_eq!(to(9, Watch::NONE), Stop::Time(3));
        assert_eq!(to(9, Watch::NONE.with_trades()), Stop::Row(0));
        assert_eq!(book.best(Side::Sell), Some(11));
    }
}
