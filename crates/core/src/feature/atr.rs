//! Average true range, smoothed as Wilder does.

use super::wilder::Wilder;
use super::{Bar, Indicator, Outputs, Units, one};
use crate::types::Ticks;

/// The true range of each bar but the first, averaged, in ticks.
#[derive(Clone, Debug)]
pub(super) struct TrueRange {
    average: Wilder,
    last_close: Option<Ticks>,
}

impl TrueRange {
    pub(super) fn new(period: u32) -> Self {
        Self { average: Wilder::new(period), last_close: None }
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn push(&mut self, bar: &Bar) -> f64 {
        self.last_close.replace(bar.close).map_or(f64::NAN, |last| self.average.push(true_range(bar, last) as f64))
    }
}

/// From the lowest to the highest of the bar and the close before it.
pub(super) fn true_range(bar: &Bar, last_close: Ticks) -> Ticks {
    bar.high.max(last_close).saturating_sub(bar.low.min(last_close))
}

#[derive(Clone, Debug)]
pub(super) struct Atr {
    range: TrueRange,
    period: u32,
    units: Units,
}

impl Atr {
    pub(super) fn new(period: u32, units: Units) -> Self {
        Self { range: TrueRange::new(period), period, units }
    }
}

impl Indicator for Atr {
    fn update(&mut self, bar: &Bar) -> Outputs {
        one(self.units.price(self.range.push(bar)))
    }

    fn warmup(&self) -> u32 {
        self.period + 1
    }
}
