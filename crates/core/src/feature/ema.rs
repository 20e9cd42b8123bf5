//! Exponential moving average.

use super::{Bar, Indicator, Outputs, Units, one};

/// Where an average begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmaSeed {
    /// At the mean of the first `period` values, as TA-Lib does.
    Mean,
    /// At the first value, as NautilusTrader does.
    First,
}

/// `value += 2 / (period + 1) × (x − value)`; NaN until `period` values were seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ema {
    alpha: f64,
    period: u32,
    seed: EmaSeed,
    seen: u32,
    value: f64,
}

impl Ema {
    /// An average over `period` values, begun at their mean. Panics if `period` is 0.
    pub fn new(period: u32) -> Self {
        Self::seeded(period, EmaSeed::Mean)
    }

    /// The same, begun as `seed` says.
    pub fn seeded(period: u32, seed: EmaSeed) -> Self {
        assert!(period > 0, "`period` must be above 0");
        Self { alpha: 2.0 / (f64::from(period) + 1.0), period, seed, seen: 0, value: 0.0 }
    }

    /// Takes the next value; the average after it.
    #[inline]
    pub fn update(&mut self, x: f64) -> f64 {
        if self.seen >= self.period {
            self.value += self.alpha * (x - self.value);
            return self.value;
        }
        self.begin(x)
    }

    #[cold]
    fn begin(&mut self, x: f64) -> f64 {
        self.seen += 1;
        match self.seed {
            EmaSeed::First if self.seen == 1 => self.value = x,
            EmaSeed::First => self.value += self.alpha * (x - self.value),
            EmaSeed::Mean => {
                self.value += x;
                if self.seen == self.period {
                    self.value /= f64::from(self.period);
                }
            }
        }
        if self.seen == self.period { self.value } else { f64::NAN }
    }
}

/// An [`Ema`] of the closes.
#[derive(Clone, Debug)]
pub(super) struct EmaOfCloses {
    average: Ema,
    units: Units,
}

impl EmaOfCloses {
    pub(super) fn new(period: u32, seed: EmaSeed, units: Units) -> Self {
        Self { average: Ema::seeded(period, seed), units }
    }
}

impl Indicator for EmaOfCloses {
    #[inline]
    #[allow(clippy::cast_precision_loss)]
    fn update(&mut self, bar: &Bar) -> Outputs {
        one(self.units.price(self.average.update(bar.close as f64)))
    }

    fn warmup(&self) -> u32 {
        self.average.period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Period 3 (α = ½) over 10, 11, 12, 11, 13: the mean of the first three is 11, then 11, 12; begun at the first
    /// value it is 11.25, 11.125, 12.0625.
    #[test]
    fn an_average_by_hand_from_both_seeds() {
        for (seed, wanted) in [(EmaSeed::Mean, [11.0, 11.0, 12.0]), (EmaSeed::First, [11.25, 11.125, 12.0625])] {
            let mut ema = Ema::seeded(3, seed);
            let values: Vec<f64> = [10.0, 11.0, 12.0, 11.0, 13.0].iter().map(|&x| ema.update(x)).collect();
            assert!(values[0].is_nan() && values[1].is_nan(), "not warm before three values: {values:?}");
            assert_eq!(values[2..], wanted);
        }
    }
}
