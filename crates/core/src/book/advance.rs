//! Many rows into a book at once: the loop that decides how fast everything else can be.

use std::ops::Range;

use super::{Book, NONE, OFFSET, PAGE, PAGE_BITS};
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
        let n = rows.end;
        let (times, price, qty, flags) = (&times[..n], &columns.price[..n], &columns.qty[..n], &columns.flags[..n]);
        let (base, scale) = (columns.price_base, columns.qty_scale);
        let mirror = [Side::Buy.mirror(), Side::Sell.mirror()];
        let mut last = None;
        let mut i = rows.start;
        let stop = loop {
            if i >= n || times[i] > until {
                break Stop::Time(i);
            }
            let code = flags[i];
            if code & (flag::KIND | flag::WIDE) > Kind::Trade as u8 {
                break Stop::Row(i);
            }
            let side = usize::from(code >> 4 & 1);
            let x = (base + i64::from(price[i])) ^ mirror[side];
            if x <= watch.limits[usize::from(code & 1) * 2 + side] {
                break Stop::Row(i);
            }
            if code & 1 == 0 {
                self.set_fast(side, x, scale * i64::from(qty[i]));
                last = Some(i);
            }
            i += 1;
        };
        if let Some(row) = last {
            self.updated = times[row];
        }
        stop
    }

    #[inline]
    fn set_fast(&mut self, side: usize, x: i64, qty: i64) {
        let half = &mut self.halves[side];
        let at = (x >> PAGE_BITS).wrapping_sub(half.first_page) as usize;
        let page = half.directory.get(at).map_or(0, |&page| page as usize);
        if page == 0 {
            if half.set(x, qty).is_none() {
                self.ignored += 1;
            }
            return;
        }
        half.cells[page * PAGE + (x & OFFSET) as usize] = qty;
        if x < half.best + i64::from(qty == 0 && half.best != NONE) {
            half.best = if qty > 0 { x } else { half.next(x) };
        }
    }
}
