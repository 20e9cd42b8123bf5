//! How the venues of a run are modelled: the settings' JSON as the core's values.

use std::collections::BTreeMap;
use std::sync::Arc;

use kedge_core::instrument::Instrument;
use kedge_core::matching::{
    Delay, FillModel, Latency, Lognormal, Measured, Quantiles, QueueModel, SquareRoot, VenueSettings,
};
use kedge_core::types::Nanos;
use pyo3::prelude::*;
use serde_json::Value;

use crate::errors::kedge_error;

/// One model of every venue, but for the latencies of venues that have their own.
pub(crate) struct Venues {
    usual: VenueSettings,
    latencies: BTreeMap<String, Latency>,
    impact: Value,
}

fn invalid(key: &str, rule: &str) -> PyErr {
    kedge_error("UsageError", format!("backtest setting `{key}`: {rule}"), "")
}

impl Venues {
    pub(crate) fn parse(json: &Value) -> PyResult<Self> {
        let latency = latency(json, None)?;
        let own = json["venues"].as_object().into_iter().flatten();
        let own = own.map(|(name, table)| Ok((name.clone(), self::latency(table, Some(&latency))?)));
        let latencies = own.collect::<PyResult<_>>()?;
        Ok(Self {
            usual: VenueSettings { queue: queue(json)?, fills: fills(json)?, latency },
            latencies,
            impact: json["impact"].clone(),
        })
    }

    /// The square-root law of an instrument whose data has no book, if it has one: scale, volatility of a day, base
    /// units traded in a day.
    pub(crate) fn impact(&self, instrument: &Instrument) -> Option<SquareRoot> {
        let of = &self.impact[&instrument.id];
        let (scale, volatility, volume) = (of["scale"].as_f64()?, of["volatility"].as_f64()?, of["volume"].as_f64()?);
        Some(SquareRoot { scale, volatility, volume: volume / instrument.qty_to_f64(1) })
    }

    /// The model of the venue where an instrument trades.
    pub(crate) fn of(&self, instrument: &Instrument) -> VenueSettings {
        let venue = instrument.id.rsplit('@').next().unwrap_or_default();
        let latency = self.latencies.get(venue).unwrap_or(&self.usual.latency);
        VenueSettings { latency: latency.clone(), ..self.usual.clone() }
    }
}

fn queue(json: &Value) -> PyResult<QueueModel> {
    let power = || {
        let n = json["queue_power"].as_f64().filter(|n| n.is_finite() && *n > 0.0);
        n.ok_or_else(|| invalid("queue_power", "must be a finite number above 0"))
    };
    Ok(match json["queue"].as_str() {
        Some("risk_averse") => QueueModel::RiskAverse,
        Some("power") => QueueModel::Power(power()?),
        Some("power_of_level") => QueueModel::PowerOfLevel(power()?),
        Some("power_not_ahead") => QueueModel::PowerNotAhead(power()?),
        // In units of each instrument, once it is known.
        Some("log") => QueueModel::Log(1.0),
        Some("log_of_both") => QueueModel::LogOfBoth(1.0),
        _ => return Err(invalid("queue", "must name a queue model")),
    })
}

fn fills(json: &Value) -> PyResult<FillModel> {
    match (json["fills"].as_str(), json["partial_fills"].as_bool()) {
        (Some("whole"), _) | (None, Some(false)) => Ok(FillModel::Whole),
        (Some("partial"), _) | (None, Some(true)) => Ok(FillModel::Partial),
        (Some("through"), _) => Ok(FillModel::Through),
        _ => Err(invalid("fills", "must be \"whole\", \"partial\" or \"through\"")),
    }
}

/// The three legs; one that a venue's own table lacks is as `usual`.
fn latency(json: &Value, usual: Option<&Latency>) -> PyResult<Latency> {
    let leg = |key: &str, usual: Option<&Delay>| match (&json[key], usual) {
        (Value::Null, Some(usual)) => Ok(usual.clone()),
        (value, _) => delay(key, value),
    };
    let feed = match &json["feed_ns"] {
        Value::Null => usual.and_then(|usual| usual.feed.clone()),
        Value::String(word) if word == "recorded" => None,
        value => Some(delay("feed_ns", value)?),
    };
    Ok(Latency {
        feed,
        entry: leg("entry_ns", usual.map(|usual| &usual.entry))?,
        response: leg("response_ns", usual.map(|usual| &usual.response))?,
    })
}

/// Nanoseconds, or a table: `venue` for its default, `median_ns`, `sigma`, `spike_every`, `spike_ns`, or `points` of
/// (time, latency), or `quantiles`; each may be taken `times` over.
fn delay(key: &str, json: &Value) -> PyResult<Delay> {
    let whole = |value: &Value| value.as_i64().filter(|n| *n >= 0);
    if let Some(constant) = whole(json) {
        return Ok(Delay::Constant(constant));
    }
    let wrong = |rule: String| invalid(key, &rule);
    let times = json["times"].as_f64().unwrap_or(1.0);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    let taken = |delay: Nanos| (delay as f64 * times).round() as Nanos;
    let row = |value: &Value| whole(value).ok_or_else(|| wrong("must have whole numbers of ns".into()));
    if let Some(name) = json["venue"].as_str() {
        let model = Lognormal::of_venue(name).ok_or_else(|| wrong(format!("venue `{name}` has no default")))?;
        Ok(Delay::Lognormal(Lognormal { median: taken(model.median), spike: taken(model.spike), ..model }))
    } else if let Some(points) = json["points"].as_array() {
        let point = |at: &Value| Ok((at[0].as_i64().unwrap_or_default(), taken(row(&at[1])?)));
        let points = points.iter().map(point).collect::<PyResult<_>>()?;
        Ok(Delay::Measured(Arc::new(Measured::new(points).map_err(wrong)?)))
    } else if let Some(quantiles) = json["quantiles"].as_array() {
        let quantiles = quantiles.iter().map(|at| row(at).map(taken)).collect::<PyResult<_>>()?;
        Ok(Delay::Quantiles(Arc::new(Quantiles::new(quantiles).map_err(wrong)?)))
    } else if let (Some(median), Some(sigma)) = (whole(&json["median_ns"]), json["sigma"].as_f64()) {
        let (spike_every, spike) = (json["spike_every"].as_u64().unwrap_or(0), whole(&json["spike_ns"]).unwrap_or(0));
        Ok(Delay::Lognormal(Lognormal { median: taken(median), sigma, spike_every, spike: taken(spike) }))
    } else {
        Err(wrong("must be a whole number of ns, 0 or more, or a model".into()))
    }
}
