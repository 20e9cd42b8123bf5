//! Bars: what was traded between two moments.

use crate::types::{Nanos, Qty, Ticks};

/// One bar: the trades that reached us in (`start`, `end`].
///
/// Where a number of trades closes bars and not the clock, trades of one nanosecond may belong to two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Price × quantity of every trade, in ticks × steps.
    pub value: i128,
    /// How many trades.
    pub trades: u32,
}

impl Bar {
    /// Begins anew at one price, without trades.
    #[inline]
    pub(super) fn begin(&mut self, start: Nanos, end: Nanos, price: Ticks) {
        *self = Self { start, end, open: price, high: price, low: price, close: price, ..Self::default() };
    }

    /// Takes a trade in.
    #[inline]
    pub(super) fn take(&mut self, price: Ticks, qty: Qty, by_buyer: bool) {
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.close = price;
        self.volume = self.volume.saturating_add(qty);
        self.buy_volume = self.buy_volume.saturating_add(if by_buyer { qty } else { 0 });
        self.value = self.value.saturating_add(i128::from(price) * i128::from(qty));
        self.trades = self.trades.saturating_add(1);
    }
}
