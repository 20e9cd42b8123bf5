//! Bollinger bands: the mean of the last closes, and so many of their standard deviations (as a population) about it.

use super::window::Window;
use super::{Bar, COLD, Indicator, Outputs, Units};

#[derive(Clone, Debug)]
pub(super) struct Bollinger {
    closes: Window,
    deviations: f64,
    period: u32,
    units: Units,
}

impl Bollinger {
    pub(super) fn new(period: u32, deviations: f64, units: Units) -> Self {
        Self { closes: Window::new(period), deviations, period, units }
    }
}

impl Indicator for Bollinger {
    fn update(&mut self, bar: &Bar) -> Outputs {
        if !self.closes.push(bar.close) {
            return COLD;
        }
        let (middle, width) = (self.closes.mean(), self.deviations * self.closes.deviation());
        [middle + width, middle, middle - width].map(|value| self.units.price(value))
    }

    fn warmup(&self) -> u32 {
        self.period
    }
}
