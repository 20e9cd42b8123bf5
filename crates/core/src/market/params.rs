//! Every number of the seeded market, with its unit.
//!
//! Distances are basis points of the value and sizes are notionals in quote currency, so that one set serves
//! instruments of any tick, lot and price.

use serde::{Deserialize, Serialize};

use super::presets::{LINEAR_PERPETUAL, SPOT};
use crate::instrument::{Instrument, InstrumentKind};

/// The value that the market moves around.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueParams {
    /// Quote units per base unit at the start.
    pub start: f64,
    /// Seconds between two steps of the value.
    pub step_s: f64,
    /// Basis points per √second, where the log-volatility is at its mean.
    pub volatility_bp: f64,
    /// Standard deviation of the fast part of the log-volatility.
    pub fast_sd: f64,
    /// Seconds in which the fast part forgets 1 − 1/e.
    pub fast_s: f64,
    /// Standard deviation of the slow part of the log-volatility.
    pub slow_sd: f64,
    /// Seconds in which the slow part forgets 1 − 1/e.
    pub slow_s: f64,
    /// Jumps per second, at mean volatility.
    pub jumps_per_s: f64,
    /// Mean size of a jump, basis points (exponential, either sign).
    pub jump_bp: f64,
}

/// Order sizes: a share at the least size an order may have, the others lognormal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeParams {
    /// Share of orders of the least size, in 0..=1.
    pub least_share: f64,
    /// Median notional of the others, quote units.
    pub median: f64,
    /// Standard deviation of the logarithm of the notional.
    pub log_sd: f64,
    /// Largest notional, quote units.
    pub largest: f64,
}

/// How long orders wait: a hazard of cancellation that falls with the distance from the touch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HazardParams {
    /// Cancellations per order and second at the touch.
    pub at_touch: f64,
    /// The same just behind the touch; at `d` basis points it is `behind / (1 + d / decay_bp)^exponent`.
    pub behind: f64,
    /// Basis points over which the hazard falls.
    pub decay_bp: f64,
    /// Power of the fall.
    pub exponent: f64,
    /// The hazard never falls below this, per order and second.
    pub least: f64,
}

/// Orders withdrawn because the value has moved through their price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PressureParams {
    /// Basis points of mispricing that count as a pressure of 1.
    pub unit_bp: f64,
    /// Seconds between looks at the best prices.
    pub watch_s: f64,
    /// Orders withdrawn at a look, mean, under a pressure of 1.
    pub withdrawn: f64,
    /// Power of the pressure by which they grow.
    pub exponent: f64,
}

/// Makers who quote ladders around their own estimate of the value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LadderParams {
    /// How many of them.
    pub makers: u32,
    /// Levels a side each.
    pub levels: u32,
    /// Distance of the first level, basis points.
    pub first_bp: f64,
    /// Distance of the last level, basis points; the others lie evenly between.
    pub last_bp: f64,
    /// How often a level is renewed, by its distance: the hazard of [`HazardParams`].
    pub renewal: HazardParams,
    /// Notional of a level of the smallest maker, quote units. Each maker has one size.
    pub smallest: f64,
    /// Notional of a level of the largest maker, quote units; the others lie evenly between in the logarithm.
    pub largest: f64,
    /// Standard deviation of a maker's error about the value, basis points.
    pub error_bp: f64,
    /// Seconds in which a maker's error forgets 1 − 1/e.
    pub error_s: f64,
    /// Distances are multiplied by `1 + widen * (volatility / mean volatility − 1)`, at least by ½.
    pub widen: f64,
}

/// Makers who compete for the touch: they join the best price and close a spread that has opened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TouchParams {
    /// Orders joining the best prices, both sides, per second.
    pub joins_per_s: f64,
    /// Share of them that lie just behind the touch instead, in 0..=1.
    pub behind_share: f64,
    /// Mean distance of those, basis points.
    pub behind_bp: f64,
    /// Notional of an order.
    pub size: SizeParams,
    /// Seconds (mean) from a spread above one tick to an order that narrows it.
    pub reaction_s: f64,
    /// Share of those orders that close the spread to one tick at once, in 0..=1.
    pub close_share: f64,
    /// How long orders at the touch are kept.
    pub hazard: HazardParams,
}

/// Takers: market orders whose arrival excites more of the same side (a two-sided Hawkes process).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TakerParams {
    /// Orders of both sides per second that nothing excited, at mean volatility.
    pub base_per_s: f64,
    /// The base is multiplied by `(volatility / mean volatility)^activity`.
    pub activity: f64,
    /// Mean number of orders that one order excites, by kernel.
    pub excited: [f64; 3],
    /// Mean delay of those, seconds, by kernel.
    pub delay_s: [f64; 3],
    /// Share of excited orders on the same side, in 0..=1.
    pub same_side: f64,
    /// Notional of an order.
    pub size: SizeParams,
    /// Share of orders that take no more than the best price offers, in 0..=1.
    pub within_touch: f64,
}

/// Informed traders: they take what is mispriced against the value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InformedParams {
    /// Looks at the market per second.
    pub looks_per_s: f64,
    /// The least mispricing of the best price that they act on, basis points. They then take up to the value.
    pub edge_bp: f64,
    /// Notional of an order.
    pub size: SizeParams,
}

/// Limit orders without a view: the density of their distance `d` falls as `1 / (1 + d / scale_bp)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseParams {
    /// Orders per second, both sides.
    pub orders_per_s: f64,
    /// Nearest distance, basis points.
    pub from_bp: f64,
    /// Farthest distance, basis points.
    pub to_bp: f64,
    /// Basis points over which their density falls.
    pub scale_bp: f64,
    /// Share of prices on a round number (of a tenth of the distance), in 0..=1.
    pub round_share: f64,
    /// Share of orders that are soon withdrawn whatever happens, in 0..=1.
    pub fleeting_share: f64,
    /// Mean seconds that such an order stays.
    pub fleeting_s: f64,
    /// Notional of an order.
    pub size: SizeParams,
    /// How long the others are kept.
    pub hazard: HazardParams,
}

/// The perpetual's own price process and its funding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PremiumParams {
    /// Standard deviation of the perpetual's premium over the index, basis points.
    pub sd_bp: f64,
    /// Seconds in which the premium forgets 1 − 1/e.
    pub memory_s: f64,
    /// Interest in each funding interval, 10⁻⁹ of notional.
    pub interest: i64,
    /// The rate is the mean premium plus `interest − premium` clamped to this, 10⁻⁹.
    pub clamp: i64,
}

/// All parameters of a seeded market.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Seconds simulated before the start, unseen, so that the market starts in its usual state.
    pub warm_up_s: f64,
    /// What the participants do about a best price that the value has moved through.
    pub pressure: PressureParams,
    /// The value.
    pub value: ValueParams,
    /// Makers of ladders.
    pub ladder: LadderParams,
    /// Makers at the touch.
    pub touch: TouchParams,
    /// Takers.
    pub takers: TakerParams,
    /// Informed traders.
    pub informed: InformedParams,
    /// Noise within reach of the touch.
    pub near: NoiseParams,
    /// Noise far from it.
    pub far: NoiseParams,
    /// Premium and funding; read for a perpetual only.
    pub premium: PremiumParams,
}

impl Params {
    /// The calibrated set for an instrument's kind, around 60,000 quote units unless `value.start` is changed.
    pub fn of(instrument: &Instrument) -> Self {
        match instrument.kind {
            InstrumentKind::Spot => SPOT,
            InstrumentKind::LinearPerpetual | InstrumentKind::InversePerpetual => LINEAR_PERPETUAL,
        }
    }
}
