//! Relative strength index: 100 × gains / (gains + losses), both smoothed as Wilder does; 0 where there are neither.

use super::wilder::Wilder;
use super::{Bar, COLD, Indicator, Outputs, one};
use crate::types::Ticks;

#[derive(Clone, Debug)]
pub(super) struct Rsi {
    gains: Wilder,
    losses: Wilder,
    last: Option<Ticks>,
    period: u32,
}

impl Rsi {
    pub(super) fn new(period: u32) -> Self {
        Self { gains: Wilder::new(period), losses: Wilder::new(period), last: None, period }
    }
}

impl Indicator for Rsi {
    #[allow(clippy::cast_precision_loss)]
    fn update(&mut self, bar: &Bar) -> Outputs {
        let Some(last) = self.last.replace(bar.close) else { return COLD };
        let change = bar.close.saturating_sub(last) as f64;
        let (gains, losses) = (self.gains.push(change.max(0.0)), self.losses.push((-change).max(0.0)));
        if gains + losses == 0.0 { one(0.0) } else { one(100.0 * (gains / (gains + losses))) }
    }

    fn warmup(&self) -> u32 {
        self.period + 1
    }
}
