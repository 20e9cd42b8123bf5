//! Values computed from events, once, for live and offline alike: bars of any clock, and indicators over them.
//!
//! A bar is whole numbers: ticks and steps. Sums of them are exact, so an average over a window is the same after a
//! million bars as over those bars alone; what is smoothed forgets its own errors.

mod adx;
mod atr;
mod bars;
mod bollinger;
mod clock;
mod donchian;
mod ema;
mod imbalance;
mod keltner;
mod macd;
mod obv;
mod rsi;
mod series;
mod sma;
mod spec;
mod stochastic;
mod vwap;
mod wilder;
mod window;
mod wma;

pub use bars::Bar;
pub use clock::{Clock, duration};
pub use ema::{Ema, EmaSeed};
pub use imbalance::Imbalance;
pub use series::{IndicatorId, Reading, Series};
pub(crate) use spec::did_you_mean;
pub use spec::{DEFINITIONS, Definition, FeatureError, Given, Parameter, Spec};

use crate::decimal::Step;
use crate::instrument::Instrument;

/// What an indicator tells after a bar, in the order of its [`Definition::outputs`]; NaN until it is warm, and where it
/// has fewer.
pub type Outputs = [f64; 3];

/// Nothing to tell yet.
const COLD: Outputs = [f64::NAN; 3];

/// A single value.
#[inline]
fn one(value: f64) -> Outputs {
    [value, f64::NAN, f64::NAN]
}

/// An indicator: takes bars one by one.
pub trait Indicator {
    /// Takes the next bar; the outputs after it.
    fn update(&mut self, bar: &Bar) -> Outputs;

    /// Bars it takes until its outputs are numbers.
    fn warmup(&self) -> u32;
}

/// What ticks and steps are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    tick: Step,
    step: Step,
}

impl Units {
    /// Of an instrument.
    pub fn of(instrument: &Instrument) -> Self {
        Self { tick: instrument.tick_size, step: instrument.quantity_step_in_data }
    }

    #[inline]
    fn price(&self, ticks: f64) -> f64 {
        self.tick.times(ticks)
    }

    fn size(&self, steps: f64) -> f64 {
        self.step.times(steps)
    }
}

#[cfg(test)]
mod tests;
