//! Stochastic oscillator: where the close lies between the lowest low and the highest high of the last bars, in percent
//! (0 where they are one), smoothed by a mean (%K), and the mean of that (%D). Smoothing of 1 is the fast stochastic.

use super::window::{Highest, Mean};
use super::{Bar, COLD, Indicator, Outputs};

#[derive(Clone, Debug)]
pub(super) struct Stochastic {
    highs: Highest,
    /// Of negated lows.
    lows: Highest,
    k: Mean,
    d: Mean,
    period: u32,
    seen: u32,
    warmup: u32,
}

impl Stochastic {
    pub(super) fn new(period: u32, smooth: u32, signal: u32) -> Self {
        let (highs, lows) = (Highest::new(period), Highest::new(period));
        let warmup = period + smooth + signal - 2;
        Self { highs, lows, k: Mean::new(smooth), d: Mean::new(signal), period, seen: 0, warmup }
    }
}

impl Indicator for Stochastic {
    #[allow(clippy::cast_precision_loss)]
    fn update(&mut self, bar: &Bar) -> Outputs {
        let (high, low) = (self.highs.push(bar.high), -self.lows.push(-bar.low));
        self.seen = self.seen.saturating_add(1);
        if self.seen < self.period {
            return COLD;
        }
        let (above, range) = (bar.close.saturating_sub(low) as f64, high.saturating_sub(low) as f64);
        let k = self.k.push(if range == 0.0 { 0.0 } else { 100.0 * above / range });
        let d = if k.is_nan() { k } else { self.d.push(k) };
        [if d.is_nan() { d } else { k }, d, f64::NAN]
    }

    fn warmup(&self) -> u32 {
        self.warmup
    }
}
