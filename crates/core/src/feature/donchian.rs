//! Donchian channel: the highest high and the lowest low of the last bars, the newest included, and halfway between.

use super::window::Highest;
use super::{Bar, COLD, Indicator, Outputs, Units};

#[derive(Clone, Debug)]
pub(super) struct Donchian {
    highs: Highest,
    /// Of negated lows.
    lows: Highest,
    period: u32,
    seen: u32,
    units: Units,
}

impl Donchian {
    pub(super) fn new(period: u32, units: Units) -> Self {
        Self { highs: Highest::new(period), lows: Highest::new(period), period, seen: 0, units }
    }
}

impl Indicator for Donchian {
    #[allow(clippy::cast_precision_loss)]
    fn update(&mut self, bar: &Bar) -> Outputs {
        let (high, low) = (self.highs.push(bar.high) as f64, -self.lows.push(-bar.low) as f64);
        self.seen = self.seen.saturating_add(1);
        if self.seen < self.period {
            return COLD;
        }
        [high, (high + low) / 2.0, low].map(|value| self.units.price(value))
    }

    fn warmup(&self) -> u32 {
        self.period
    }
}
