//! Prices, sizes and durations as people write them, to ticks, steps and nanoseconds.
//!
//! A float within 10⁻³ tick of a tick is that tick, else it snaps away from the touch (a size: down). A `Decimal` or an
//! `int` means exactly what it says: between two ticks it is an error. `kedge.Ticks` counts ticks.

use kedge_core::amounts;
use kedge_core::decimal::Step;
use kedge_core::feature;
use kedge_core::instrument::Instrument;
use kedge_core::types::{Nanos, Qty, Side, Ticks};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyString};

use crate::errors::kedge_error;

fn refuse(message: String, hint: &str) -> PyErr {
    kedge_error("StrategyError", message, hint)
}

/// A price for an order of `side`, in ticks.
///
/// # Errors
/// A `StrategyError` naming the value and the tick.
pub(crate) fn price(value: &Bound<'_, PyAny>, instrument: &Instrument, side: Side) -> PyResult<Ticks> {
    named_price("price", value, instrument, side)
}

/// The same for a price of another name.
///
/// # Errors
/// A `StrategyError` naming it, its value and the tick.
pub(crate) fn named_price(
    name: &str,
    value: &Bound<'_, PyAny>,
    instrument: &Instrument,
    side: Side,
) -> PyResult<Ticks> {
    let tick = instrument.tick_size;
    if is_ticks(value)? {
        return value.extract();
    }
    if value.is_instance_of::<PyFloat>() {
        return amounts::ticks(value.extract()?, instrument, side).ok_or_else(|| {
            refuse(format!("{name} must be a finite number, was {value}"), "check the arithmetic that made it")
        });
    }
    exact(value, tick).ok_or_else(|| {
        let step = tick.text(1);
        refuse(
            format!("{name} must be a multiple of the tick {step}, was {value}"),
            "round it to the tick, or pass a float, which snaps away from the touch",
        )
    })
}

/// A size in quantity steps, rounded down to whole lots; its sign is kept.
///
/// # Errors
/// A `StrategyError` naming the value and the lot.
pub(crate) fn size(value: &Bound<'_, PyAny>, instrument: &Instrument) -> PyResult<Qty> {
    named_size("size", value, instrument)
}

/// The same for a size of another name.
///
/// # Errors
/// A `StrategyError` naming it, its value and the lot.
pub(crate) fn named_size(name: &str, value: &Bound<'_, PyAny>, instrument: &Instrument) -> PyResult<Qty> {
    let lot = instrument.lot_steps();
    if value.is_instance_of::<PyFloat>() {
        return amounts::steps(value.extract()?, instrument).ok_or_else(|| {
            refuse(format!("{name} must be a finite number, was {value}"), "check the arithmetic that made it")
        });
    }
    let steps = exact(value, instrument.quantity_step_in_data).filter(|steps| steps % lot == 0);
    steps.ok_or_else(|| {
        let step = instrument.lot_size.text(1);
        refuse(
            format!("{name} must be a multiple of the lot {step}, was {value}"),
            "round it to the lot, or pass a float, which is rounded down",
        )
    })
}

/// A size above zero.
///
/// # Errors
/// A `StrategyError` naming the value.
pub(crate) fn positive_size(value: &Bound<'_, PyAny>, instrument: &Instrument) -> PyResult<Qty> {
    let steps = size(value, instrument)?;
    if steps > 0 {
        return Ok(steps);
    }
    let lot = instrument.lot_size.text(1);
    Err(refuse(
        format!("size must be at least one lot ({lot}), was {value}"),
        "to sell, call ctx.sell with a positive size",
    ))
}

/// Whole steps in an `int` or `Decimal`; `None` for anything else, and between two steps.
fn exact(value: &Bound<'_, PyAny>, step: Step) -> Option<i64> {
    let text = if value.is_instance_of::<PyInt>() {
        value.str().ok()?.to_string()
    } else {
        // `format(value, "f")`: a Decimal's digits without an exponent.
        let is_decimal = value.get_type().name().is_ok_and(|name| name == "Decimal");
        is_decimal
            .then(|| value.call_method1("__format__", ("f",)).and_then(|text| text.extract::<String>()).ok())??
    };
    step.count(text.as_bytes()).ok()
}

fn is_ticks(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value.is_instance_of::<PyInt>() && value.get_type().name()? == "Ticks")
}

/// A duration in nanoseconds, from text such as `100ms`.
///
/// # Errors
/// A `StrategyError` naming the value.
pub(crate) fn duration(value: &Bound<'_, PyAny>) -> PyResult<Nanos> {
    let wrong = || {
        refuse(
            format!("a duration must be a whole number above 0 with a unit, such as \"100ms\" or \"1s\", was {value}"),
            "units are us, ms, s, m, h",
        )
    };
    let text: String = value.cast::<PyString>().map_err(|_| wrong())?.extract()?;
    feature::duration(&text).map_err(|error| refuse(error.what, &error.hint))
}

/// A number above zero as decimal text, however it is written in Python.
///
/// # Errors
/// A `StrategyError` if it is no number.
pub(crate) fn decimal_text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let wrong =
        |_| refuse(format!("{name} must be a number above 0, was {value}"), "pass a float, an int or a Decimal");
    let decimal = value.py().import("decimal")?.getattr("Decimal")?;
    let exact = decimal.call1((value.str()?,)).map_err(wrong)?;
    exact.call_method1("__format__", ("f",))?.extract()
}
