//! Weighted moving average: the last closes with weights 1, 2, … from the oldest to the newest.

use super::window::Window;
use super::{Bar, COLD, Indicator, Outputs, Units, one};

#[derive(Clone, Debug)]
pub(super) struct Wma {
    closes: Window,
    period: u32,
    units: Units,
}

impl Wma {
    pub(super) fn new(period: u32, units: Units) -> Self {
        Self { closes: Window::new(period), period, units }
    }
}

impl Indicator for Wma {
    fn update(&mut self, bar: &Bar) -> Outputs {
        if self.closes.push(bar.close) { one(self.units.price(self.closes.weighted_mean())) } else { COLD }
    }

    fn warmup(&self) -> u32 {
        self.period
    }
}
