//! The further terms of an order as a strategy writes them: `ctx.buy(0.1, stop=61_500, reduce_only=True)`.

use kedge_core::instrument::Instrument;
use kedge_core::ledger::Position;
use kedge_core::order::{BASIS_POINTS, SelfTrade, Terms, Trigger, TriggerBy};
use kedge_core::types::{Nanos, OrderKind, Side, Ticks, TimeInForce};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString};

use crate::amounts;
use crate::errors::kedge_error;

/// Every term that has a name, in the order of the documentation.
const NAMES: [&str; 12] = [
    "tif",
    "stop",
    "take_profit",
    "trailing",
    "activate",
    "trigger_by",
    "display",
    "reduce_only",
    "until",
    "group",
    "self_trade",
    "price",
];

fn refuse(message: String, hint: &str) -> PyErr {
    kedge_error("StrategyError", message, hint)
}

/// An order as far as it is known when its terms are read.
pub(crate) struct Asked<'a> {
    pub(crate) instrument: &'a Instrument,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    pub(crate) qty: i64,
    pub(crate) now: Nanos,
}

/// Whether the order's kind, time in force and terms go together, and what they are.
///
/// # Errors
/// A `StrategyError` naming the term, its value, its bound and what to do next.
pub(crate) fn read(asked: &Asked<'_>, tif: TimeInForce, given: &Bound<'_, PyDict>) -> PyResult<Terms> {
    check_names(given)?;
    let mut terms = Terms::PLAIN;
    read_trigger(asked, given, &mut terms)?;
    if let Some(value) = given.get_item("display")?.filter(|value| !value.is_none()) {
        terms.display = display(asked, tif, &value)?;
    }
    if let Some(value) = given.get_item("until")?.filter(|value| !value.is_none()) {
        terms.expires = until(asked, tif, &terms, &value)?;
    }
    if let Some(value) = given.get_item("reduce_only")? {
        terms.reduce_only =
            value.extract().map_err(|_| refuse(format!("reduce_only must be True or False, was {value}"), ""))?;
    }
    if terms.reduce_only && !Position::may_be_short(asked.instrument) {
        let hint = "leave it out: on spot nothing can be sold that is not held";
        return Err(refuse(format!("reduce_only is for perpetuals, {} is spot", asked.instrument.id), hint));
    }
    if let Some(value) = given.get_item("group")?.filter(|value| !value.is_none()) {
        let group = value.extract::<u16>().ok().filter(|group| *group > 0);
        let wrong = || refuse(format!("group must be a number that ctx.group() gave, was {value}"), "call ctx.group()");
        terms.group = group.ok_or_else(wrong)?;
    }
    if let Some(value) = given.get_item("self_trade")?.filter(|value| !value.is_none()) {
        let modes = ["expire_taker", "expire_maker", "expire_both"];
        terms.self_trade = SelfTrade::ALL[1 + one_of("self_trade", &value, &modes)?];
    }
    Ok(terms)
}

/// The error for terms that what takes the orders does not know.
pub(crate) fn unsupported(given: &Bound<'_, PyDict>) -> PyErr {
    let named: Vec<String> = given.keys().iter().map(|name| format!("`{name}`")).collect();
    refuse(
        format!(
            "live, the venue's client sends limit and market orders with tif gtc, ioc, fok or post_only, and no {}",
            named.join(", ")
        ),
        "watch on_trade and send the order when its price comes, or run the strategy as a backtest",
    )
}

/// Refuses a name that is none of an order's, with the nearest that is.
fn check_names(given: &Bound<'_, PyDict>) -> PyResult<()> {
    for name in given.keys() {
        let name: String = name.extract()?;
        if !NAMES.contains(&name.as_str()) {
            let nearest = nearest(given.py(), &name)?;
            let hint = nearest.map_or_else(
                || format!("an order takes {}", NAMES.join(", ")),
                |nearest| format!("did you mean `{nearest}`?"),
            );
            return Err(refuse(format!("an order has no `{name}`"), &hint));
        }
    }
    Ok(())
}

fn nearest(py: Python<'_>, name: &str) -> PyResult<Option<String>> {
    let close = py.import("difflib")?.call_method1("get_close_matches", (name, NAMES.to_vec(), 1, 0.5))?;
    Ok(close.extract::<Vec<String>>()?.into_iter().next())
}

fn one_of(name: &str, value: &Bound<'_, PyAny>, words: &[&str]) -> PyResult<usize> {
    let text = value.cast::<PyString>().ok().and_then(|text| text.extract::<String>().ok());
    let at = text.and_then(|text| words.iter().position(|word| *word == text));
    at.ok_or_else(|| {
        let listed: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        refuse(format!("{name} must be {}, was {}", listed.join(" or "), shown(value)), "")
    })
}

fn shown(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| "something else".to_owned(), |text| text.to_string())
}

fn read_trigger(asked: &Asked<'_>, given: &Bound<'_, PyDict>, terms: &mut Terms) -> PyResult<()> {
    let triggers = [("stop", Trigger::Stop), ("take_profit", Trigger::TakeProfit), ("trailing", Trigger::Trailing)];
    for (name, trigger) in triggers {
        let Some(value) = given.get_item(name)?.filter(|value| !value.is_none()) else { continue };
        if terms.is_conditional() {
            let hint = "send two orders; ctx.oco sends two of which one happens";
            return Err(refuse(
                "an order waits for one of stop, take_profit and trailing, had two of them".into(),
                hint,
            ));
        }
        terms.trigger = trigger;
        if trigger == Trigger::Trailing {
            terms.trail = rate(&value)?;
        } else {
            terms.level = level(name, &value, asked)?;
        }
    }
    for (name, only) in [("activate", Some(Trigger::Trailing)), ("trigger_by", None)] {
        let Some(value) = given.get_item(name)?.filter(|value| !value.is_none()) else { continue };
        if only.map_or(!terms.is_conditional(), |only| terms.trigger != only) {
            let of = if only.is_some() { "trailing" } else { "stop, take_profit or trailing" };
            return Err(refuse(format!("{name} belongs to {of}, which the order has not"), "give both or neither"));
        }
        if name == "activate" {
            terms.level = level(name, &value, asked)?;
        } else {
            terms.by = TriggerBy::ALL[one_of(name, &value, &["last", "mark"])?];
        }
    }
    Ok(())
}

/// A price above zero in ticks, named in its errors.
fn level(name: &str, value: &Bound<'_, PyAny>, asked: &Asked<'_>) -> PyResult<Ticks> {
    let ticks = amounts::named_price(name, value, asked.instrument, asked.side)?;
    if ticks > 0 {
        return Ok(ticks);
    }
    Err(refuse(format!("{name} must be above 0, was {value}"), "give the price that pulls the trigger"))
}

/// `"0.5%"` or `"50bp"` in basis points.
fn rate(value: &Bound<'_, PyAny>) -> PyResult<u16> {
    let text = value.cast::<PyString>().ok().and_then(|text| text.extract::<String>().ok());
    let points = text.as_deref().and_then(|text| {
        if let Some(points) = text.strip_suffix("bp") {
            return points.parse::<u16>().ok();
        }
        let (whole, part) = text.strip_suffix('%').map(|text| text.split_once('.').unwrap_or((text, "")))?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = !whole.is_empty() && part.len() <= 2 && digits(whole) && digits(part);
        fits.then(|| format!("{whole}{part:0<2}").parse::<u16>().ok()).flatten()
    });
    points.filter(|points| (1..BASIS_POINTS).contains(&i64::from(*points))).ok_or_else(|| {
        refuse(
            format!("trailing must be \"0.01%\" to \"99.99%\", in whole basis points, was {}", shown(value)),
            "write how far the price must come back, such as \"0.5%\" or \"50bp\"",
        )
    })
}

fn display(asked: &Asked<'_>, tif: TimeInForce, value: &Bound<'_, PyAny>) -> PyResult<i64> {
    let shown = amounts::named_size("display", value, asked.instrument)?;
    let instrument = asked.instrument;
    if !(1..=asked.qty).contains(&shown) {
        let (least, most) = (instrument.lot_size.text(1), instrument.quantity_step_in_data.text(asked.qty));
        let hint = "show a part of the order, or leave display out to show all of it";
        return Err(refuse(format!("display must be {least} to the size, {most}, was {value}"), hint));
    }
    if !rests(asked.kind, tif) {
        let hint = "give a price, with tif \"gtc\" or \"post_only\"";
        return Err(refuse("display belongs to an order that rests, and this one does not".into(), hint));
    }
    Ok(shown)
}

fn rests(kind: OrderKind, tif: TimeInForce) -> bool {
    kind == OrderKind::Limit && matches!(tif, TimeInForce::Gtc | TimeInForce::PostOnly)
}

/// A moment in ns since the epoch, or how long from now.
fn until(asked: &Asked<'_>, tif: TimeInForce, terms: &Terms, value: &Bound<'_, PyAny>) -> PyResult<Nanos> {
    let at = if value.is_instance_of::<PyInt>() {
        value.extract().map_err(|_| refuse(format!("until must be ns since the epoch, was {value}"), ""))?
    } else if value.is_instance_of::<PyString>() {
        asked.now.saturating_add(amounts::duration(value)?)
    } else {
        let hint = "add to ctx.now, or write how long, such as until=\"30s\"";
        return Err(refuse(format!("until must be ns since the epoch or how long, was {}", shown(value)), hint));
    };
    if at <= asked.now {
        let hint = "add to ctx.now, or write how long, such as until=\"30s\"";
        return Err(refuse(format!("until must be after now ({}), was {at}", asked.now), hint));
    }
    if !rests(asked.kind, tif) && !terms.is_conditional() {
        let hint = "give a price, with tif \"gtc\" or \"post_only\"";
        return Err(refuse("until belongs to an order that rests or waits, and this one does neither".into(), hint));
    }
    Ok(at)
}

/// `"buy"` or `"sell"`.
///
/// # Errors
/// A `StrategyError` naming the value.
pub(crate) fn side(text: &str) -> PyResult<Side> {
    match text {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(refuse(
            format!("side must be \"buy\" or \"sell\", was \"{text}\""),
            "the side that closes the position",
        )),
    }
}

/// Whether the limit order's price lies on the better side of the stop.
///
/// # Errors
/// A `StrategyError` naming both prices.
pub(crate) fn check_apart(
    side: Side,
    price: Ticks,
    stop: Ticks,
    price_given: &Bound<'_, PyAny>,
    stop_given: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if (price - stop) * side.sign() < 0 {
        return Ok(());
    }
    let (word, order) = if side == Side::Sell { ("above", "a sell") } else { ("below", "a buy") };
    Err(refuse(
        format!("price must be {word} stop for {order}, were {price_given} and {stop_given}"),
        "the limit order takes the profit, the stop bounds the loss",
    ))
}

/// The terms of both orders of a pair in one group: the limit order's, the stop's.
///
/// # Errors
/// A `StrategyError` for a term that one of two orders cannot have.
pub(crate) fn pair<'py>(
    py: Python<'py>,
    group: u16,
    stop: &Bound<'py, PyAny>,
    given: Option<&Bound<'py, PyDict>>,
) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
    let loss = given.map_or_else(|| Ok(PyDict::new(py)), |given| given.copy())?;
    check_names(&loss)?;
    for name in loss.keys() {
        let name: String = name.extract()?;
        if !["trigger_by", "reduce_only", "until"].contains(&name.as_str()) {
            let hint = "send both with ctx.buy or ctx.sell and one group=ctx.group()";
            return Err(refuse(format!("ctx.oco takes no `{name}`"), hint));
        }
    }
    let profit = loss.copy()?;
    if profit.contains("trigger_by")? {
        profit.del_item("trigger_by")?;
    }
    profit.set_item("group", group)?;
    loss.set_item("group", group)?;
    loss.set_item("stop", stop)?;
    Ok((profit, loss))
}
