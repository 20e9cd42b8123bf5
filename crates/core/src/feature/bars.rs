//! Time bars from trades.

use crate::types::{Nanos, Qty, Ticks};

/// One bar: the trades that reached us in (`start`, `end`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Exclusive.
    pub start: Nanos,
    /// Inclusive: when the bar closed.
    pub end: Nanos,
    /// First price, in ticks.
    pub open: Ticks,
    /// Highest.
    pub high: Ticks,
    /// Lowest.
    pub low: Ticks,
    /// Last.
    pub close: Ticks,
    /// Traded, in steps.
    pub volume: Qty,
    /// Traded by aggressive buyers, in steps.
    pub buy_volume: Qty,
    /// How many trades.
    pub trades: u32,
}

/// Bars of one length, aligned to the epoch. A bar without trades repeats the last close; before the first trade there
/// are none.
#[derive(Clone, Debug)]
pub struct BarSeries {
    interval: Nanos,
    bar: Option<Bar>,
}

impl BarSeries {
    /// A series whose bars last `interval` ns. Panics if that is not above 0.
    pub fn new(interval: Nanos) -> Self {
        assert!(interval > 0, "`interval` must be above 0");
        Self { interval, bar: None }
    }

    /// Length of a bar.
    pub fn interval(&self) -> Nanos {
        self.interval
    }

    /// The first close after `now`.
    pub fn next_close(&self, now: Nanos) -> Nanos {
        (now.div_euclid(self.interval) + 1) * self.interval
    }

    /// A trade reached us at `now`.
    pub fn trade(&mut self, now: Nanos, price: Ticks, qty: Qty, by_buyer: bool) {
        let end = (now - 1).div_euclid(self.interval).saturating_add(1).saturating_mul(self.interval);
        let fresh = Bar {
            start: end - self.interval,
            end,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0,
            buy_volume: 0,
            trades: 0,
        };
        let bar = match &mut self.bar {
            // A bar that only carries the last close begins with this trade.
            Some(bar) if bar.trades > 0 => bar,
            other => other.insert(fresh),
        };
        bar.high = bar.high.max(price);
        bar.low = bar.low.min(price);
        bar.close = price;
        bar.volume = bar.volume.saturating_add(qty);
        bar.buy_volume = bar.buy_volume.saturating_add(if by_buyer { qty } else { 0 });
        bar.trades += 1;
    }

    /// Closes the bar that ends at `end`; `None` before the first trade.
    pub fn close(&mut self, end: Nanos) -> Option<Bar> {
        let bar = self.bar?;
        let flat = |start, end, price| Bar {
            start,
            end,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0,
            buy_volume: 0,
            trades: 0,
        };
        self.bar = Some(flat(end, end + self.interval, bar.close));
        Some(bar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_hold_what_reached_us_within_them() {
        let mut series = BarSeries::new(10);
        assert_eq!(series.close(10), None);
        for (now, price, qty, buyer) in [(11, 5, 1, true), (15, 9, 2, false), (20, 4, 3, true)] {
            series.trade(now, price, qty, buyer);
        }
        let bar = series.close(20).unwrap();
        assert_eq!((bar.start, bar.end, bar.open, bar.high, bar.low, bar.close), (10, 20, 5, 9, 4, 4));
        assert_eq!((bar.volume, bar.buy_volume, bar.trades), (6, 4, 3));
        let empty = series.close(30).unwrap();
        assert_eq!((empty.start, empty.end, empty.open, empty.close, empty.volume), (20, 30, 4, 4, 0));
        series.trade(31, 7, 1, true);
        assert_eq!(series.close(40).map(|bar| (bar.start, bar.open, bar.low)), Some((30, 7, 7)));
        assert_eq!((series.next_close(40), series.next_close(39)), (50, 40));
    }
}
