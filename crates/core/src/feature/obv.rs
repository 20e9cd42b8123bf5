//! On-balance volume: the volume of bars that closed higher less that of bars that closed lower, the first bar's added.

use super::{Bar, Indicator, Outputs, Units, one};
use crate::types::{Qty, Ticks};

#[derive(Clone, Debug)]
pub(super) struct Obv {
    volume: Qty,
    last: Option<Ticks>,
    units: Units,
}

impl Obv {
    pub(super) fn new(units: Units) -> Self {
        Self { volume: 0, last: None, units }
    }
}

impl Indicator for Obv {
    #[allow(clippy::cast_precision_loss)]
    fn update(&mut self, bar: &Bar) -> Outputs {
        let direction = self.last.replace(bar.close).map_or(1, |last| bar.close.cmp(&last) as i64);
        self.volume = self.volume.saturating_add(direction * bar.volume);
        one(self.units.size(self.volume as f64))
    }

    fn warmup(&self) -> u32 {
        1
    }
}
