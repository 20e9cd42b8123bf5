//! Keltner channel: an EMA of the closes, and a multiple of the average true range about it.

use super::atr::TrueRange;
use super::ema::Ema;
use super::{Bar, Indicator, Outputs, Units};

#[derive(Clone, Debug)]
pub(super) struct Keltner {
    average: Ema,
    range: TrueRange,
    multiplier: f64,
    warmup: u32,
    units: Units,
}

impl Keltner {
    pub(super) fn new(period: u32, multiplier: f64, atr: u32, units: Units) -> Self {
        let warmup = period.max(atr + 1);
        Self { average: Ema::new(period), range: TrueRange::new(atr), multiplier, warmup, units }
    }
}

impl Indicator for Keltner {
    #[allow(clippy::cast_precision_loss)]
    fn update(&mut self, bar: &Bar) -> Outputs {
        let (middle, width) = (self.average.update(bar.close as f64), self.multiplier * self.range.push(bar));
        // The middle waits for the width.
        let middle = if width.is_nan() { f64::NAN } else { middle };
        [middle + width, middle, middle - width].map(|value| self.units.price(value))
    }

    fn warmup(&self) -> u32 {
        self.warmup
    }
}
