//! Volume-weighted average price, from every trade and not from closes: of the day so far (UTC), or of the last bars.

use std::collections::VecDeque;

use super::{Bar, COLD, Indicator, Outputs, Units, one};
use crate::types::{Nanos, Qty, SECOND};

const DAY: Nanos = 86_400 * SECOND;

/// NaN while nothing was traded.
#[derive(Clone, Debug)]
pub(super) struct Vwap {
    /// (value, volume) of the last bars, where it is of bars.
    bars: VecDeque<(i128, Qty)>,
    /// 0: of the day.
    period: usize,
    day: Nanos,
    value: i128,
    volume: i128,
    units: Units,
}

impl Vwap {
    pub(super) fn new(period: u32, units: Units) -> Self {
        Self { bars: VecDeque::new(), period: period as usize, day: Nanos::MIN, value: 0, volume: 0, units }
    }
}

impl Indicator for Vwap {
    #[allow(clippy::cast_precision_loss)]
    fn update(&mut self, bar: &Bar) -> Outputs {
        // A bar that ends at midnight is the last of its day.
        let day = (bar.end - 1).div_euclid(DAY);
        if self.period > 0 {
            self.bars.push_back((bar.value, bar.volume));
            if self.bars.len() > self.period
                && let Some((value, volume)) = self.bars.pop_front()
            {
                (self.value, self.volume) = (self.value.wrapping_sub(value), self.volume - i128::from(volume));
            }
        } else if day != self.day {
            (self.day, self.value, self.volume) = (day, 0, 0);
        }
        self.value = self.value.wrapping_add(bar.value);
        self.volume += i128::from(bar.volume);
        if self.volume == 0 || self.bars.len() < self.period {
            return COLD;
        }
        one(self.units.price(self.value as f64 / self.volume as f64))
    }

    fn warmup(&self) -> u32 {
        self.period.max(1) as u32
    }
}
