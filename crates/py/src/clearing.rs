//! How a venue clears, from the settings of a run, and what it did.

use kedge_core::clearing::{ClearingSettings, Close, Funding, MarginMode};
use kedge_core::instrument::rate;
use kedge_core::simulation::Simulation;
use kedge_core::types::{Money, Nanos, Side};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;

use crate::backtest::invalid;

/// The rules of a run's `clearing`, if it has any.
///
/// # Errors
/// A `UsageError` naming the key and the rule.
pub(crate) fn parse(json: &Value) -> PyResult<Option<ClearingSettings>> {
    if json.is_null() {
        return Ok(None);
    }
    let text = |key: &str| json[key].as_str().unwrap_or_default();
    let list = |key: &str| json[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let margin = match text("margin") {
        "none" => MarginMode::None,
        "cross" => MarginMode::Cross,
        "isolated" => MarginMode::Isolated,
        _ => return Err(invalid("clearing.margin", "must be \"none\", \"cross\" or \"isolated\"")),
    };
    let close = match text("liquidation") {
        "whole" => Close::Whole,
        "tier" => Close::Tier,
        _ => return Err(invalid("clearing.liquidation", "must be \"whole\" or \"tier\"")),
    };
    let leverage = json["leverage"].as_u64().and_then(|leverage| u32::try_from(leverage).ok());
    Ok(Some(ClearingSettings {
        margin,
        close,
        leverage: leverage.ok_or_else(|| invalid("clearing.leverage", "must be a whole number"))?,
        funding: list("funding").iter().map(funding).collect::<PyResult<_>>()?,
        borrow: list("borrow").iter().map(borrow).collect::<PyResult<_>>()?,
    }))
}

fn funding(json: &Value) -> PyResult<Funding> {
    let wrong = || invalid("clearing.funding", "must be null, \"rows\" or [time, rate] pairs");
    match json {
        Value::Null => Ok(Funding::None),
        Value::String(text) if text == "rows" => Ok(Funding::Rows),
        Value::Array(rows) => {
            let pair = |row: &Value| Some((row[0].as_i64()?, row[1].as_i64()?));
            rows.iter().map(pair).collect::<Option<Vec<_>>>().map(Funding::Series).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

fn borrow(json: &Value) -> PyResult<Option<i128>> {
    let wrong = || invalid("clearing.borrow", "must be null or a rate as text");
    let hourly = |text: &str| rate(text).map_err(|_| wrong());
    if json.is_null() { Ok(None) } else { hourly(json.as_str().ok_or_else(wrong)?).map(Some) }
}

/// A liquidation: (time, account, instrument, side, price in ticks, steps, fee).
type Row = (Nanos, u16, u16, &'static str, i64, i64, Money);

/// What was cleared: liquidations, and funding times without a known rate.
pub(crate) fn cleared<'py>(py: Python<'py>, simulation: &mut Simulation<'_>) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let unknown = simulation.clearing().map_or(0, kedge_core::clearing::Clearing::unknown_rates);
    out.set_item("unknown_rates", unknown)?;
    let rows = simulation.engine().blotter().liquidations.iter().map(|told| -> Row {
        let side = if told.side == Side::Buy { "buy" } else { "sell" };
        let fill = told.fill;
        (told.ts, told.account, told.instrument, side, fill.price, fill.qty, fill.fee)
    });
    out.set_item("liquidations", rows.collect::<Vec<_>>())?;
    Ok(out)
}
