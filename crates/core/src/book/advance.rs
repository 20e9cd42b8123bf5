//! Many rows into a book at once: the loop that decides how fast everything else can be.

use std::ops::Range;

use super::{Book, OFFSET, PAGE, PAGE_BITS};
use crate::event::{Clock, Columns, Event, Kind, flag, side_of};
use crate::types::{Nanos, Qty, Side, Ticks};

/// Which rows the caller wants to handle itself.
///
/// A delta or a trade stops the advance if its mirrored price (`tick ^ side.mirror()`) is at or below the limit of its
/// kind and side, a delta also if it is within the levels of its side; [`Watch::NONE`] lets all of them pass. Rows of
/// every other kind always stop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Indexed by `kind * 2 + side`, with kind 0 for deltas and 1 for trades.
    limits: [i64; 4],
    /// First and last mirrored price of each side, the first above the last where there is none.
    levels: [(i64, i64); 2],
}

impl Watch {
    /// Nothing is of interest.
    pub const NONE: Self = Self { limits: [i64::MIN; 4], levels: [(i64::MAX, i64::MIN); 2] };

    /// Also every trade.
    #[must_use]
    pub fn with_trades(mut self) -> Self {
        self.limits[2] = i64::MAX;
        self.limits[3] = i64::MAX;
        self
    }

    /// Also every delta.
    #[must_use]
    pub fn with_deltas(mut self) -> Self {
        self.limits[0] = i64::MAX;
        self.limits[1] = i64::MAX;
        self
    }

    /// Also deltas of a side at this price, and between it and those looked for already.
    #[must_use]
    pub fn with_level(mut self, side: Side, price: Ticks) -> Self {
        let (levels, price) = (&mut self.levels[side as usize], price ^ side.mirror());
        *levels = (levels.0.min(price), levels.1.max(price));
        self
    }

    /// What can touch resting orders: given the best and the worst own price of each side (if any rests there), the
    /// deltas between the own prices of their side or through an own price of the other, and the trades that reach an
    /// own price.
    #[must_use]
    pub fn orders(bids: Option<(Ticks, Ticks)>, asks: Option<(Ticks, Ticks)>) -> Self {
        let mut watch = Self::NONE;
        if let Some((best, worst)) = bids {
            watch.levels[0] = (!best, !worst);
            (watch.limits[1], watch.limits[3]) = (best, best);
        }
        if let Some((best, worst)) = asks {
            watch.levels[1] = (best, worst);
            (watch.limits[0], watch.limits[2]) = (!best, !best);
        }
        watch
    }
}

impl Watch {
    /// What is of interest to either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (ours, theirs) = (self.levels, other.levels);
        Self {
            limits: std::array::from_fn(|i| self.limits[i].max(other.limits[i])),
            levels: std::array::from_fn(|i| (ours[i].0.min(theirs[i].0), ours[i].1.max(theirs[i].1))),
        }
    }

    /// Whether a delta or a trade would stop the advance.
    #[inline]
    pub fn concerns(&self, event: &Event) -> bool {
        self.holds(event.kind() == Kind::Trade, event.side(), event.price)
    }

    #[inline]
    fn holds(&self, is_trade: bool, side: Side, price: Ticks) -> bool {
        let (price, levels) = (price ^ side.mirror(), self.levels[side as usize]);
        price <= self.limits[usize::from(is_trade) * 2 + side as usize]
            || !is_trade && levels.0 <= price && price <= levels.1
    }

    fn has_levels(&self) -> bool {
        self.levels.iter().any(|levels| levels.0 <= levels.1)
    }

    /// Where a row of a code is by itself in levels that are looked for: their first, and how many follow it. Prices
    /// are counted from `shift`.
    #[inline]
    fn ranges(&self, shift: i64) -> [(i64, u64); CODES] {
        let mut ranges = [(i64::MAX, 0); CODES];
        for (side, at) in [(Side::Buy, 0), (Side::Sell, usize::from(flag::SELL))] {
            let (first, last) = self.levels[side as usize];
            if first <= last {
                ranges[at] = (first.wrapping_add(side.sign() * shift), first.abs_diff(last));
            }
        }
        ranges
    }
}

/// Why an advance ended, and the first row not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Every row asked for is applied, up to the time asked for.
    Time(usize),
    /// This row is the caller's: it is in time, and not applied.
    Row(usize),
}

/// The bits of a flags byte that tell delta or trade and the side: what the tables of [`Loop`] are indexed by.
const CODE: u8 = Kind::Trade as u8 | flag::SELL;
const CODES: usize = CODE as usize + 1;

/// What the loop looks up by a row's code instead of deciding: what mirrors bids, where a side's cells begin on a page,
/// and a mask that sends trades to page 0.
const TABLES: ([i64; CODES], [usize; CODES], [usize; CODES]) = {
    let (mut mirror, mut side, mut page) = ([0; CODES], [0; CODES], [0; CODES]);
    mirror[0] = -1;
    mirror[1] = -1;
    side[flag::SELL as usize] = PAGE;
    page[0] = usize::MAX;
    page[flag::SELL as usize] = usize::MAX;
    (mirror, side, page)
};

/// A row that the watch held back, before it is applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Touch {
    /// A trade, or else a delta.
    pub(crate) is_trade: bool,
    /// Of the book, or the aggressor's.
    pub(crate) side: Side,
    /// In ticks.
    pub(crate) price: Ticks,
    /// What the level holds; 0 for a trade.
    pub(crate) previous: Qty,
    /// What it will hold; what was traded.
    pub(crate) qty: Qty,
}

impl Book {
    /// Applies these rows of `columns` while their time is `until` at the latest and `watch` lets them pass.
    ///
    /// `times` is the clock this view lives by (venue time or arrival), not falling. Panics if the rows are not there.
    pub fn advance(
        &mut self,
        columns: &Columns<'_>,
        times: Clock<'_>,
        rows: Range<usize>,
        until: Nanos,
        watch: Watch,
    ) -> Stop {
        let end = times.until(rows.clone(), until);
        let next = self.sweep(columns, times, rows.start..end, watch, |_| false);
        if next < end { Stop::Row(next) } else { Stop::Time(next) }
    }

    /// Applies rows, whatever their times, up to the first that is no delta or trade or that `watch` holds back and
    /// `pass` does not let pass. Returns that row, not applied, or the end.
    pub(crate) fn sweep(
        &mut self,
        columns: &Columns<'_>,
        times: Clock<'_>,
        rows: Range<usize>,
        watch: Watch,
        mut pass: impl FnMut(&Touch) -> bool,
    ) -> usize {
        if self.is_of_trades {
            return self.pass(columns, rows, watch, pass);
        }
        let mut next = rows.start;
        while next < rows.end {
            let rows = next..rows.end;
            let (at, to_map) = if watch.has_levels() {
                self.sweep_mapped::<true>(columns, rows, &watch, &mut pass)
            } else {
                self.sweep_mapped::<false>(columns, rows, &watch, &mut pass)
            };
            next = at;
            let Some((side, price, qty)) = to_map else { break };
            self.set(side, price, qty);
            next += 1;
        }
        self.find_bests();
        let book = |code: &u8| code & flag::KIND == Kind::Delta as u8;
        if let Some(last) = columns.flags[rows.start..next].iter().rposition(book) {
            self.updated = times.at(rows.start + last);
        }
        next
    }

    /// The loop. Ends also at a delta whose page is not there, which it returns: all it still needs is to be set.
    ///
    /// Trades write to page 0, so that they need no branch: one row in seven is one, in no order. Bests may be gone
    /// afterwards.
    // Apart, so that the loop has the registers for itself.
    #[inline(never)]
    fn sweep_mapped<const LEVELS: bool>(
        &mut self,
        columns: &Columns<'_>,
        rows: Range<usize>,
        watch: &Watch,
        pass: &mut impl FnMut(&Touch) -> bool,
    ) -> (usize, Option<(usize, Ticks, Qty)>) {
        let scale = columns.qty_scale;
        let shift = self.pages.first_page << PAGE_BITS;
        let base = columns.price_base - shift;
        let (mirror, sides, pages) = &TABLES;
        let (limits, ranges) = (&watch.limits, watch.ranges(shift));
        let mut news = news(limits, self.best, shift);
        let (cells, directory) = (self.pages.cells.as_mut_slice(), self.pages.directory.as_slice());
        let (flags, prices) = (&columns.flags[..rows.end], &columns.price[..rows.end]);
        let qtys = &columns.qty[..rows.end];
        let mut row = rows.start;
        while row < rows.end {
            let (code, price) = (flags[row], base + i64::from(prices[row]));
            let at = usize::from(code & CODE);
            let page = directory.get(price as usize >> PAGE_BITS).map_or(0, |&page| page as usize);
            let best = price ^ mirror[at];
            let (first, follow) = ranges[at];
            let is_held = LEVELS && best.wrapping_sub(first) as u64 <= follow;
            if code & (flag::KIND | flag::WIDE) > Kind::Trade as u8 || best <= news[at] || is_held || page == 0 {
                if code & (flag::KIND | flag::WIDE) > Kind::Trade as u8 {
                    break;
                }
                let (is_trade, side) = (code & 1 != 0, side_of(code));
                let qty = scale * i64::from(qtys[row]);
                let cell = page + sides[at] + (price & OFFSET) as usize;
                let price = price + shift;
                if watch.holds(is_trade, side, price) {
                    let previous = if is_trade || page == 0 { 0 } else { cells[cell] };
                    if !pass(&Touch { is_trade, side, price, previous, qty }) {
                        break;
                    }
                }
                if !is_trade && page > 0 {
                    cells[cell] = qty;
                    let best = price ^ side.mirror();
                    if qty != 0 && best < self.best[side as usize] {
                        self.best[side as usize] = best;
                        let limit = limits[side as usize].max(best - 1);
                        news[at] = limit.saturating_add(side.sign() * shift);
                    }
                } else if !is_trade && qty != 0 {
                    return (row, Some((side as usize, price, qty)));
                }
                row += 1;
                continue;
            }
            let cell = (page & pages[at]) + sides[at] + (price & OFFSET) as usize;
            let Some(cell) = cells.get_mut(cell) else { break };
            *cell = scale * i64::from(qtys[row]);
            row += 1;
        }
        (row, None)
    }
}

/// At or below it a row of a code is news: the caller's, or a new best. Prices are counted from `shift`.
#[inline]
fn news(limits: &[i64; 4], best: [i64; 2], shift: i64) -> [i64; CODES] {
    let mut news = [0; CODES];
    news[0] = limits[0].max(best[0] - 1).saturating_add(shift);
    news[1] = limits[2].saturating_add(shift);
    news[usize::from(flag::SELL)] = limits[1].max(best[1] - 1).saturating_sub(shift);
    news[usize::from(flag::SELL) + 1] = limits[3].saturating_sub(shift);
    news
}
