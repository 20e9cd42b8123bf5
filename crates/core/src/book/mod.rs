//! The L2 book: integer ticks in flat pages behind a directory, so that far levels cost no tree.
//!
//! Bids are mirrored (`!tick`), so that on both sides the best level is the smallest coordinate and a search for the
//! next one goes upward. A page holds [`PAGE`] levels; page 0 of a side is never written and stands for every page that
//! holds nothing.

mod advance;

pub use advance::{Stop, Watch};

use crate::event::{Event, Kind};
use crate::types::{NO_TIME, Nanos, Qty, Side, Ticks};

const PAGE_BITS: u32 = 10;
const PAGE: usize = 1 << PAGE_BITS;
const OFFSET: i64 = PAGE as i64 - 1;
/// Pages a side's directory may span: 2²⁰ × 1,024 ticks on either side of the first price seen.
const SPAN_MAX: i64 = 1 << 20;
/// Pages a side may hold: 256 MiB. A feed that scatters further is not a market.
const PAGES_MAX: usize = 1 << 15;
/// The coordinate of a side without levels.
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

/// One side: `cells[directory[page] * PAGE + offset]` is the quantity at a coordinate.
#[derive(Clone, Debug)]
struct Half {
    cells: Vec<Qty>,
    directory: Vec<u32>,
    /// Page number of `directory[0]`.
    first_page: i64,
    /// Smallest coordinate with a quantity, or [`NONE`].
    best: i64,
}

/// An L2 book with its sync state.
#[derive(Clone, Debug)]
pub struct Book {
    halves: [Half; 2],
    state: Sync,
    updated: Nanos,
    ignored: u64,
}

impl Half {
    fn new() -> Self {
        Self { cells: vec![0; PAGE], directory: Vec::new(), first_page: 0, best: NONE }
    }

    #[inline]
    fn get(&self, x: i64) -> Qty {
        match self.page_of(x) {
            Some(page) => self.cells[page * PAGE + (x & OFFSET) as usize],
            None => 0,
        }
    }

    #[inline]
    fn page_of(&self, x: i64) -> Option<usize> {
        let at = usize::try_from((x >> PAGE_BITS).checked_sub(self.first_page)?).ok()?;
        self.directory.get(at).map(|&page| page as usize)
    }

    /// Writes a level and keeps the best. Returns what stood there, or `None` where the price is beyond what a book
    /// holds.
    #[inline]
    fn set(&mut self, x: i64, qty: Qty) -> Option<Qty> {
        let page = match self.page_of(x) {
            Some(page) if page > 0 => page,
            _ if qty == 0 => return Some(0),
            _ => self.map(x >> PAGE_BITS)?,
        };
        let cell = &mut self.cells[page * PAGE + (x & OFFSET) as usize];
        let before = std::mem::replace(cell, qty);
        if x < self.best + i64::from(qty == 0 && self.best != NONE) {
            self.best = if qty > 0 { x } else { self.next(x) };
        }
        Some(before)
    }

    /// Gives a page its cells; `None` where the side is as large as it may be.
    #[cold]
    fn map(&mut self, page: i64) -> Option<usize> {
        if self.directory.is_empty() {
            self.first_page = page;
        }
        let end = self.first_page + self.directory.len() as i64;
        let (low, high) = (self.first_page.min(page), end.max(page.checked_add(1)?));
        if high.checked_sub(low)? > SPAN_MAX || self.cells.len() / PAGE >= PAGES_MAX {
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
        let fresh = self.cells.len() / PAGE;
        self.cells.resize(self.cells.len() + PAGE, 0);
        self.directory[(page - low) as usize] = fresh as u32;
        Some(fresh)
    }

    /// The first coordinate above `x` with a quantity.
    fn next(&self, x: i64) -> i64 {
        let Some(start) = x.checked_add(1) else { return NONE };
        let mut at = ((start >> PAGE_BITS) - self.first_page).max(0) as usize;
        let mut offset = if start >> PAGE_BITS < self.first_page { 0 } else { (start & OFFSET) as usize };
        while at < self.directory.len() {
            let page = self.directory[at] as usize;
            if page > 0 {
                let cells = &self.cells[page * PAGE..(page + 1) * PAGE];
                if let Some(found) = cells[offset..].iter().position(|&qty| qty != 0) {
                    return ((self.first_page + at as i64) << PAGE_BITS) + (offset + found) as i64;
                }
            }
            offset = 0;
            at += 1;
        }
        NONE
    }

    fn clear(&mut self) {
        self.cells.truncate(PAGE);
        self.directory.clear();
        self.best = NONE;
    }
}

impl Default for Book {
    fn default() -> Self {
        Self { halves: [Half::new(), Half::new()], state: Sync::Syncing, updated: NO_TIME, ignored: 0 }
    }
}

impl Book {
    /// Best price of a side in ticks; `None` if the side is empty.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Ticks> {
        let x = self.halves[side as usize].best;
        (x != NONE).then_some(x ^ side.mirror())
    }

    /// Quantity at a price in steps; 0 where there is no level.
    #[inline]
    pub fn qty(&self, side: Side, price: Ticks) -> Qty {
        self.halves[side as usize].get(price ^ side.mirror())
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (Ticks, Qty)> + '_ {
        let half = &self.halves[side as usize];
        let mut x = half.best;
        std::iter::from_fn(move || {
            (x != NONE).then(|| {
                let level = (x ^ side.mirror(), half.get(x));
                x = half.next(x);
                level
            })
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

    /// Levels left out because their price is beyond what a book holds (about 10⁹ ticks from the first).
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Applies one row at `now`. Rows that are not about the book (trades, quotes, funding, marks) change nothing.
    pub fn apply(&mut self, event: &Event, now: Nanos) {
        match event.kind() {
            Kind::Delta | Kind::Level => {
                let (side, qty) = (event.side(), event.qty);
                if self.halves[side as usize].set(event.price ^ side.mirror(), qty).is_none() {
                    self.ignored += 1;
                }
                if event.kind() == Kind::Level && event.is_last() {
                    self.state = Sync::InSync;
                }
            }
            Kind::Clear => {
                self.halves.iter_mut().for_each(Half::clear);
                self.state = if event.is_last() { Sync::InSync } else { Sync::Syncing };
            }
            Kind::Gap => self.state = Sync::Gap,
            Kind::Trade | Kind::Quote | Kind::Funding | Kind::Mark => return,
        }
        self.updated = now;
    }
}

#[cfg(test)]
mod tests;
