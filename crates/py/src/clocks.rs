//! The clocks of bars as Python gives them.

use kedge_core::feature::{Clock, FeatureError};
use kedge_core::instrument::Instrument;
use pyo3::prelude::*;

use crate::amounts;
use crate::errors::kedge_error;
use crate::indicators::refused;
use crate::window::Window;

/// What `ctx.bars` takes, of which one must be given; `span` goes with an imbalance.
pub(crate) struct Clocks<'a, 'py> {
    pub(crate) interval: Option<&'a Bound<'py, PyAny>>,
    pub(crate) ticks: Option<&'a Bound<'py, PyAny>>,
    pub(crate) volume: Option<&'a Bound<'py, PyAny>>,
    pub(crate) dollar: Option<&'a Bound<'py, PyAny>>,
    pub(crate) imbalance: Option<&'a Bound<'py, PyAny>>,
    pub(crate) span: i64,
}

impl Clocks<'_, '_> {
    /// The one that is given.
    ///
    /// # Errors
    /// A `StrategyError` naming the value and its rule, or that there is not one.
    pub(crate) fn one(&self, window: &Window) -> PyResult<Clock> {
        let whole = |name: &str, value: &Bound<'_, PyAny>| {
            let message = format!("{name} must be a whole number, was {value}");
            value.extract::<i64>().map_err(|_| kedge_error("StrategyError", message, "pass an int"))
        };
        let of_instrument = |name: &str, value, clock: fn(&str, &Instrument) -> Result<Clock, FeatureError>| {
            let text = amounts::decimal_text(name, value)?;
            window.look(|ctx| clock(&text, ctx.instrument()))?.map_err(refused)
        };
        match (self.interval, self.ticks, self.volume, self.dollar, self.imbalance) {
            (Some(interval), None, None, None, None) => amounts::duration(interval).map(Clock::Time),
            (None, Some(ticks), None, None, None) => Clock::ticks(whole("ticks", ticks)?).map_err(refused),
            (None, None, Some(volume), None, None) => of_instrument("volume", volume, Clock::volume),
            (None, None, None, Some(dollar), None) => of_instrument("dollar", dollar, Clock::dollar),
            (None, None, None, None, Some(bounds)) => {
                let (low, high) = match bounds.extract::<(i64, i64)>() {
                    Ok(bounds) => bounds,
                    Err(_) => [whole("imbalance", bounds)?; 2].into(),
                };
                Clock::imbalance(low, high, self.span).map_err(refused)
            }
            _ => Err(kedge_error(
                "StrategyError",
                "ctx.bars needs one clock: an interval, ticks, volume, dollar or imbalance",
                "as in ctx.bars(\"1m\") or ctx.bars(ticks=100)",
            )),
        }
    }
}
