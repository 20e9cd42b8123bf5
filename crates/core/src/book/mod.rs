//! The L2 book: integer ticks in flat pages behind one directory, so that far levels cost no tree.
//!
//! A page holds [`PAGE`] prices of both sides, bids first. Page 0 stands for every page that holds nothing: it may be
//! written to, and is never read. While rows are applied a best may lie where nothing is left; it is found again when
//! they are. So hardly a row decides a branch that a processor could guess wrong.

mod advance;
mod l3;
mod orders;
mod stand_in;

pub(crate) use advance::Touch;
pub use advance::{Stop, Watch};
pub use l3::OrderChange;

use crate::event::{Event, Kind};
use crate::types::{NO_TIME, Nanos, Qty, Side, Ticks};
use orders::L3Orders;

const PAGE_BITS: u32 = 10;
const PAGE: usize = 1 << PAGE_BITS;
const OFFSET: i64 = PAGE as i64 - 1;
/// Cells of a page: its bids, then its asks.
const CELLS: usize = 2 * PAGE;
/// Pages the directory may span: 2²⁰ × 1,024 ticks on either side of the first price seen.
const SPAN_MAX: i64 = 1 << 20;
/// Pages a book may hold: 256 MiB. A feed that scatters further is not a market.
const PAGES_MAX: usize = 1 << 14;
/// The best of a side without levels.
const NONE: i64 = i64::MAX;

/// Whether the book may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Sync {
    /// No snapshot yet, or one is being read.
    Syncing = 0,
    /// As the venue's.
    InSync = 1,
    /// The sequence broke; a snapshot will mend it.
    Gap = 2,
}

/// Quantities: `cells[directory[page] + side * PAGE + offset]`.
#[derive(Clone, Debug)]
struct Pages {
    cells: Vec<Qty>,
    /// Where each page's cells begin; 0 for one that holds nothing.
    directory: Vec<u32>,
    /// Page number of `directory[0]`.
    first_page: i64,
}

/// An L2 book with its sync state.
#[derive(Clone, Debug)]
pub struct Book {
    pages: Pages,
    /// Best of each side, bids mirrored (`!price`) so that on both the smaller is the better; or [`NONE`].
    best: [i64; 2],
    state: Sync,
    updated: Nanos,
    ignored: u64,
    is_of_trades: bool,
    /// Where the data tells single orders.
    orders: Option<Box<L3Orders>>,
}

impl Pages {
    fn new() -> Self {
        Self { cells: vec![0; CELLS], directory: Vec::new(), first_page: 0 }
    }

    /// Where the cell of a price is; `None` where its page holds nothing.
    #[inline]
    fn cell(&self, side: usize, price: Ticks) -> Option<usize> {
        let at = (price >> PAGE_BITS).wrapping_sub(self.first_page) as usize;
        let page = self.directory.get(at).map_or(0, |&page| page as usize);
        (page > 0).then_some(page + side * PAGE + (price & OFFSET) as usize)
    }

    #[inline]
    fn get(&self, side: usize, price: Ticks) -> Qty {
        self.cell(side, price).map_or(0, |cell| self.cells[cell])
    }

    /// Gives a page its cells and says where they begin; `None` where the book is as large as it may be.
    #[cold]
    fn map(&mut self, page: i64) -> Option<usize> {
        if self.directory.is_empty() {
            self.first_page = page;
        }
        let end = self.first_page + self.directory.len() as i64;
        let (low, high) = (self.first_page.min(page), end.max(page.checked_add(1)?));
        if high.checked_sub(low)? > SPAN_MAX || self.cells.len() / CELLS >= PAGES_MAX {
            return None;
        }
        // A few pages more than asked for at the side that grew: prices wander.
        let (low, high) =
            (if low < self.first_page { low - 16 } else { low }, if high > end { high + 16 } else { high });
        let mut directory = vec![0; (high - low) as usize];
        let at = (self.first_page - low) as usize;
        directory[at..at + self.directory.len()].copy_from_slice(&self.directory);
        self.directory = directory;
        self.first_page = low;
        let fresh = self.cells.len();
        self.cells.resize(self.cells.len() + CELLS, 0);
        self.directory[(page - low) as usize] = fresh as u32;
        Some(fresh)
    }

    /// The cells of one side on the page at `at` in the directory; `None` for a page that holds nothing.
    fn side(&self, at: usize, side: usize) -> Option<&[Qty]> {
        let page = self.directory[at] as usize;
        (page > 0).then(|| &self.cells[page + side * PAGE..][..PAGE])
    }

    /// The best with a quantity at or behind this one, mirrored as it is; [`NONE`] where there is none.
    #[inline(never)]
    fn find(&self, side: usize, best: i64) -> i64 {
        let from = best ^ (side as i64 - 1);
        let (start, offset) = ((from >> PAGE_BITS).saturating_sub(self.first_page), (from & OFFSET) as usize);
        let pages = self.directory.len() as i64;
        let mut offset = (0..pages).contains(&start).then_some(offset);
        let best = |at: usize, offset: usize| {
            let price = ((self.first_page + at as i64) << PAGE_BITS) + offset as i64;
            price ^ (side as i64 - 1)
        };
        if side == Side::Buy as usize {
            for at in (0..(start + 1).clamp(0, pages) as usize).rev() {
                let end = offset.take().map_or(PAGE, |offset| offset + 1);
                let found = self.side(at, side).and_then(|cells| cells[..end].iter().rposition(|&qty| qty != 0));
                if let Some(found) = found {
                    return best(at, found);
                }
            }
        } else {
            for at in start.clamp(0, pages) as usize..pages as usize {
                let begin = offset.take().unwrap_or(0);
                let found = self.side(at, side).and_then(|cells| cells[begin..].iter().position(|&qty| qty != 0));
                if let Some(found) = found {
                    return best(at, begin + found);
                }
            }
        }
        NONE
    }

    fn clear(&mut self) {
        self.cells.truncate(CELLS);
        self.directory.clear();
    }
}

impl Default for Book {
    fn default() -> Self {
        let (best, state) = ([NONE; 2], Sync::Syncing);
        Self { pages: Pages::new(), best, state, updated: NO_TIME, ignored: 0, is_of_trades: false, orders: None }
    }
}

impl Book {
    /// Best price of a side in ticks; `None` if the side is empty.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Ticks> {
        let best = self.best[side as usize];
        (best != NONE).then_some(best ^ side.mirror())
    }

    /// Quantity at a price in steps; 0 where there is no level.
    #[inline]
    pub fn qty(&self, side: Side, price: Ticks) -> Qty {
        self.pages.get(side as usize, price)
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (Ticks, Qty)> + '_ {
        // The level after one is looked for when it is asked for.
        let (mut best, mut behind) = (self.best[side as usize], false);
        std::iter::from_fn(move || {
            if behind {
                best = best.checked_add(1).map_or(NONE, |next| self.pages.find(side as usize, next));
            }
            behind = best != NONE;
            let price = best ^ side.mirror();
            behind.then(|| (price, self.qty(side, price)))
        })
    }

    /// Whether the book may be believed.
    #[inline]
    pub fn state(&self) -> Sync {
        self.state
    }

    /// When the last book row was applied, [`NO_TIME`] before the first. The clock is the one it was advanced by.
    #[inline]
    pub fn updated(&self) -> Nanos {
        self.updated
    }

    /// Moves the time of the last book row, for a reader whose clock is another.
    pub(crate) fn delay(&mut self, by: Nanos) {
        if self.updated != NO_TIME {
            self.updated += by;
        }
    }

    /// Levels left out because their price is beyond what a book holds (about 10⁹ ticks from the first).
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Applies one row at `now`. Rows that are not about the book (trades, quotes, funding, marks) change nothing.
    pub fn apply(&mut self, event: &Event, now: Nanos) {
        match event.kind() {
            Kind::Delta | Kind::Level => {
                self.set(event.side() as usize, event.price, event.qty);
                self.find_bests();
                if event.kind() == Kind::Level && event.is_last() {
                    self.state = Sync::InSync;
                }
            }
            Kind::Clear => {
                self.pages.clear();
                if let Some(orders) = &mut self.orders {
                    orders.clear();
                }
                self.best = [NONE; 2];
                self.state = if event.is_last() { Sync::InSync } else { Sync::Syncing };
            }
            Kind::Gap => self.state = Sync::Gap,
            Kind::Add | Kind::Change | Kind::Remove => _ = self.apply_order(event, now),
            Kind::Trade | Kind::Quote | Kind::Funding | Kind::Mark => return,
        }
        self.updated = now;
    }

    /// Writes a level. A best of its side that is gone is found by [`Book::find_bests`].
    fn set(&mut self, side: usize, price: Ticks, qty: Qty) {
        let cell = match self.pages.cell(side, price) {
            Some(cell) => cell,
            None if qty == 0 => return,
            None => match self.pages.map(price >> PAGE_BITS) {
                Some(page) => page + side * PAGE + (price & OFFSET) as usize,
                None => return self.ignored += 1,
            },
        };
        self.pages.cells[cell] = qty;
        let best = price ^ (side as i64 - 1);
        if qty != 0 && best < self.best[side] {
            self.best[side] = best;
        }
    }

    /// Goes on from bests that are gone to those that stand.
    #[inline]
    fn find_bests(&mut self) {
        for side in 0..2 {
            let best = self.best[side];
            if self.pages.get(side, best ^ (side as i64 - 1)) == 0 && best != NONE {
                self.best[side] = self.pages.find(side, best);
            }
        }
    }
}

#[cfg(test)]
mod tests;
