//! Simple moving average: the mean of the last closes.

use super::window::Window;
use super::{Bar, COLD, Indicator, Outputs, Units, one};

#[derive(Clone, Debug)]
pub(super) struct Sma {
    closes: Window,
    period: u32,
    units: Units,
}

impl Sma {
    pub(super) fn new(period: u32, units: Units) -> Self {
        Self { closes: Window::new(period), period, units }
    }
}

impl Indicator for Sma {
    fn update(&mut self, bar: &Bar) -> Outputs {
        if self.closes.push(bar.close) { one(self.units.price(self.closes.mean())) } else { COLD }
    }

    fn warmup(&self) -> u32 {
        self.period
    }
}
