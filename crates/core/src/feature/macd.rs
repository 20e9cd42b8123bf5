//! Moving average convergence/divergence: the quick EMA less the slow one, its own EMA, and the difference.
//!
//! As in TA-Lib the quick average is begun at the mean of the closes that end where the slow one begins, and nothing is
//! told until the signal is warm.

use super::ema::Ema;
use super::{Bar, COLD, Indicator, Outputs, Units};

#[derive(Clone, Debug)]
pub(super) struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Closes that the quick average leaves out.
    skipped: u32,
    warmup: u32,
    units: Units,
}

impl Macd {
    /// `fast` must be below `slow`.
    pub(super) fn new(fast: u32, slow: u32, signal: u32, units: Units) -> Self {
        Self {
            fast: Ema::new(fast),
            slow: Ema::new(slow),
            signal: Ema::new(signal),
            skipped: slow - fast,
            warmup: slow + signal - 1,
            units,
        }
    }
}

impl Indicator for Macd {
    #[allow(clippy::cast_precision_loss)]
    fn update(&mut self, bar: &Bar) -> Outputs {
        let close = bar.close as f64;
        let slow = self.slow.update(close);
        if self.skipped > 0 {
            self.skipped -= 1;
            return COLD;
        }
        let line = self.fast.update(close) - slow;
        if line.is_nan() {
            return COLD;
        }
        let signal = self.signal.update(line);
        if signal.is_nan() {
            return COLD;
        }
        [line, signal, line - signal].map(|value| self.units.price(value))
    }

    fn warmup(&self) -> u32 {
        self.warmup
    }
}
