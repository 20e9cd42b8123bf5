//! Many rows into a book at once: the loop that decides how fast everything else can be.

use std::ops::Range;

use super::{Book, OFFSET, PAGE, PAGE_BITS};
use crate::event::{Columns, Event, Kind, flag};
use crate::types::{Nanos, Side, Ticks};

/// Which rows the caller wants to handle itself.
///
/// A delta or a trade stops the advance if its mirrored price (`tick ^ side.mirror()`) is at or below the limit of its
/// kind and side; [`Watch::NONE`] lets all of them pass. Rows of every other kind always stop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Indexed by `kind * 2 + side`, with kind 0 for deltas and 1 for trades.
    limits: [i64; 4],
}

impl Watch {
    /// Nothing is of interest.
    pub const NONE: Self = Self { limits: [i64::MIN; 4] };

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

    /// Also deltas of a side at this price or nearer the touch.
    #[must_use]
    pub fn with_level(mut self, side: Side, price: Ticks) -> Self {
        let limit = &mut self.limits[side as usize];
        *limit = (*limit).max(price ^ side.mirror());
        self
    }

    /// What can touch resting orders: given the best and the worst own price of each side (if any rests there), the
    /// deltas at or better than the worst own price of their side or through an own price of the other, and the trades
    /// that reach an own price.
    #[must_use]
    pub fn orders(bids: Option<(Ticks, Ticks)>, asks: Option<(Ticks, Ticks)>) -> Self {
        let mut limits = [i64::MIN; 4];
        if let Some((best, worst)) = bids {
            limits[0] = limits[0].max(!worst);
            limits[1] = limits[1].max(best);
            limits[3] = best;
        }
        if let Some((best, worst)) = asks {
            limits[1] = limits[1].max(worst);
            limits[0] = limits[0].max(!best);
            limits[2] = !best;
        }
        Self { limits }
    }
}

impl Watch {
    /// What is of interest to either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { limits: std::array::from_fn(|i| self.limits[i].max(other.limits[i])) }
    }

    /// Whether a delta or a trade would stop the advance.
    #[inline]
    pub fn concerns(&self, event: &Event) -> bool {
        let side = event.side();
        event.price ^ side.mirror() <= self.limits[usize::from(event.kind() == Kind::Trade) * 2 + side as usize]
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

impl Book {
    /// Applies these rows of `columns` while `times[row] <= until` and `watch` lets them pass.
    ///
    /// `times` is the clock this view lives by (venue time or arrival), not falling. Panics if the rows are not there.
    pub fn advance(
        &mut self,
        columns: &Columns<'_>,
        times: &[Nanos],
        rows: Range<usize>,
        until: Nanos,
        watch: Watch,
    ) -> Stop {
        let end = rows_until(times, &rows, until);
        let next = self.rows(columns, rows.start..end, &watch.limits);
        self.find_bests();
        let book = |code: &u8| code & flag::KIND == Kind::Delta as u8;
        if let Some(last) = columns.flags[rows.start..next].iter().rposition(book) {
            self.updated = times[rows.start + last];
        }
        if next < end { Stop::Row(next) } else { Stop::Time(next) }
    }

    /// Applies deltas up to the first row that is not for it to apply, or `rows.end`. Bests may be gone afterwards.
    fn rows(&mut self, columns: &Columns<'_>, rows: Range<usize>, limits: &[i64; 4]) -> usize {
        let mut at = rows.start;
        while at < rows.end {
            at = self.plain_rows(columns, at..rows.end, limits);
            if at == rows.end {
                break;
            }
            // The caller's row, a new best, or a page to be mapped.
            let code = columns.flags[at];
            let (side, price) = (usize::from(code >> 4 & 1), columns.price_base + i64::from(columns.price[at]));
            if code & (flag::KIND | flag::WIDE) > Kind::Trade as u8
                || price ^ (side as i64 - 1) <= limits[usize::from(code & 1) * 2 + side]
            {
                break;
            }
            if code & flag::KIND == Kind::Delta as u8 {
                self.set(side, price, columns.qty_scale * i64::from(columns.qty[at]));
            }
            at += 1;
        }
        at
    }

    /// The loop over rows that change no best and whose pages are there. Trades write to page 0, so that they need no
    /// branch: one row in seven is one, in no order.
    #[inline]
    fn plain_rows(&mut self, columns: &Columns<'_>, rows: Range<usize>, limits: &[i64; 4]) -> usize {
        let scale = columns.qty_scale;
        let shift = self.pages.first_page << PAGE_BITS;
        let base = columns.price_base - shift;
        let (mirror, sides, pages) = &TABLES;
        // At or below it a row is news: the caller's, or a new best.
        let mut limit = [0; CODES];
        limit[0] = limits[0].max(self.best[0] - 1).saturating_add(shift);
        limit[1] = limits[2].saturating_add(shift);
        limit[usize::from(flag::SELL)] = limits[1].max(self.best[1] - 1).saturating_sub(shift);
        limit[usize::from(flag::SELL) + 1] = limits[3].saturating_sub(shift);
        let (cells, directory) = (self.pages.cells.as_mut_slice(), self.pages.directory.as_slice());
        let all = columns.flags[rows.clone()].iter().zip(&columns.price[rows.clone()]).zip(&columns.qty[rows.clone()]);
        let mut applied = rows.start;
        for ((&code, &price), &qty) in all {
            let price = base + i64::from(price);
            let at = usize::from(code & CODE);
            let Some(&page) = directory.get(price as usize >> PAGE_BITS) else { break };
            if code & (flag::KIND | flag::WIDE) > Kind::Trade as u8 || price ^ mirror[at] <= limit[at] || page == 0 {
                break;
            }
            let cell = (page as usize & pages[at]) + sides[at] + (price & OFFSET) as usize;
            let Some(cell) = cells.get_mut(cell) else { break };
            *cell = scale * i64::from(qty);
            applied += 1;
        }
        applied
    }
}

/// The first of `rows` later than `until`, or their end. Found ahead, one look a cache line, in order: so the rows
/// themselves need no look at the time, and the times still come from memory before they are asked for.
fn rows_until(times: &[Nanos], rows: &Range<usize>, until: Nanos) -> usize {
    const LINE: usize = 8;
    let times = &times[rows.clone()];
    let (lines, _) = times.as_chunks::<LINE>();
    let at = LINE * lines.iter().position(|line| line[LINE - 1] > until).unwrap_or(lines.len());
    let rest = &times[at..times.len().min(at + LINE)];
    rows.start + at + rest.iter().map(|&time| usize::from(time <= until)).sum::<usize>()
}
