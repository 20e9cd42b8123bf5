//! What a followed session says, as Python takes it: decimals as text.

use kedge_core::book::Sync;
use kedge_core::decimal::decimal_text;
use kedge_core::instrument::Instrument;
use kedge_core::ledger::{Posting, fee_in_base};
use kedge_core::onlooker::{Onlooker, Seen, Top};
use kedge_core::order::{Fill, Order, OrderRequest, OrderState, Pending, ReportKind};
use kedge_core::record::Decision;
use kedge_core::types::{
    InstrumentIx, Liquidity, MONEY_DECIMALS, Money, NO_TIME, Nanos, OrderId, OrderKind, Side, StrategyIx, Ticks,
};
use kedge_journal::kind;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::follower::Cause;
use crate::happenings::time_in_force_name;

// Made by the thousand at most, and read at once: the size of the largest costs nothing.
#[allow(clippy::large_enum_variant)]
/// What one record said.
pub(crate) enum Body {
    /// A book's state changed.
    Book { instrument: InstrumentIx, state: Sync },
    /// A command, report, posting, refusal or stop.
    Decision { decision: Decision, seen: Seen, cause: Cause, top: Option<Top> },
    /// An order's intent was durable by then, by the wall clock.
    Durable { order: OrderId, wall: Nanos },
    /// A record whose payload is JSON.
    Json { kind: u8, text: String },
}

/// What one record said, and where it stands.
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) ts: Nanos,
    pub(crate) body: Body,
}

/// Decimal text without zeros at its end.
fn trimmed(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

/// Money as text.
fn amount(money: Money) -> String {
    trimmed(&decimal_text(money, MONEY_DECIMALS))
}

fn qty_text(definition: &Instrument, steps: i64) -> String {
    trimmed(&definition.quantity_step_in_data.text(steps))
}

fn side_name(side: Side) -> &'static str {
    if side == Side::Buy { "buy" } else { "sell" }
}

fn state_name(state: Sync) -> &'static str {
    ["syncing", "in_sync", "gap"][state as usize]
}

/// An entry as a dict: `seq`, `ts`, `kind`, and what belongs to the kind.
pub(crate) fn entry_dict<'py>(py: Python<'py>, onlooker: &Onlooker, entry: &Entry) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("seq", entry.seq)?;
    out.set_item("ts", entry.ts)?;
    match &entry.body {
        Body::Book { instrument, state } => {
            out.set_item("kind", "book")?;
            out.set_item("instrument", instrument)?;
            out.set_item("state", state_name(*state))?;
        }
        Body::Durable { order, wall } => {
            out.set_item("kind", "durable")?;
            out.set_item("order", order)?;
            out.set_item("wall", wall)?;
        }
        Body::Json { kind, text } => {
            let name = match *kind {
                kind::CHECKPOINT => "checkpoint",
                kind::SETTING => "setting",
                kind::CLOSED => "closed",
                kind::STATUS => "status",
                kind::FAULT => "fault",
                _ => "reconciled",
            };
            out.set_item("kind", name)?;
            out.set_item("json", text)?;
        }
        Body::Decision { decision, seen, cause, top } => {
            decision_into(&out, onlooker, decision, seen)?;
            if let (Decision::Submit { request, .. }, Some(top)) = (decision, top) {
                let name = match cause.kind {
                    kind::MARKET => "market",
                    kind::REPORT => "report",
                    kind::SETTING => "setting",
                    _ => "timer",
                };
                out.set_item("cause", (name, cause.seq, cause.ts))?;
                out.set_item("book", top_dict(py, onlooker.instrument(request.instrument), top)?)?;
            }
        }
    }
    Ok(out)
}

fn top_dict<'py>(py: Python<'py>, definition: &Instrument, top: &Top) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    for (name, best) in [("bid", top.bid), ("ask", top.ask)] {
        out.set_item(name, best.map(|(price, _)| definition.tick_size.text(price)))?;
        out.set_item(format!("{name}_quantity"), best.map(|(_, qty)| qty_text(definition, qty)))?;
    }
    out.set_item("state", state_name(top.state))?;
    out.set_item("updated", (top.updated != NO_TIME).then_some(top.updated))?;
    Ok(out)
}

/// What a decision is called, the order it is about (0: none), and when it was made.
fn head_of(decision: &Decision) -> (&'static str, OrderId, Nanos) {
    match decision {
        Decision::Submit { ts, order, .. } => ("submit", *order, *ts),
        Decision::Cancel { ts, order } => ("cancel", *order, *ts),
        Decision::Amend { ts, order, .. } => ("amend", *order, *ts),
        Decision::Report(report) => ("report", report.order, report.ts_recv),
        Decision::Posting { ts, order, .. } => ("posting", *order, *ts),
        Decision::Refused { ts, .. } => ("refusal", 0, *ts),
        Decision::Stopped { ts, .. } => ("stopped", 0, *ts),
        Decision::EarlierFill { ts, order, .. } => ("earlier_fill", *order, *ts),
        Decision::Funding { ts, .. } => ("funding", 0, *ts),
    }
}

fn decision_into(out: &Bound<'_, PyDict>, onlooker: &Onlooker, decision: &Decision, seen: &Seen) -> PyResult<()> {
    let (name, id, at) = head_of(decision);
    out.set_item("kind", name)?;
    out.set_item("id", id)?;
    out.set_item("at", at)?;
    let order = seen.order.as_ref().map(|order| order_dict(out.py(), onlooker, order, seen.ahead));
    out.set_item("order", order.transpose()?)?;
    match decision {
        Decision::Submit { .. } | Decision::Cancel { .. } => {}
        Decision::Amend { price, qty, .. } => {
            if let Some(order) = &seen.order {
                let definition = onlooker.instrument(order.request.instrument);
                out.set_item("price", definition.tick_size.text(*price))?;
                out.set_item("quantity", qty_text(definition, *qty))?;
            }
        }
        Decision::Report(report) => {
            out.set_item("venue", (report.ts_venue != NO_TIME).then_some(report.ts_venue))?;
            out.set_item("fits", seen.fits)?;
            report_into(out, onlooker, seen, &report.kind)?;
        }
        Decision::Posting { transaction, .. } => {
            let codes = onlooker.ledger().currencies();
            let line = |line: &Posting| {
                let code = codes.get(usize::from(line.currency)).map_or("?", String::as_str).to_owned();
                (line.owner, line.account.name(), code, amount(line.amount))
            };
            out.set_item("lines", transaction.lines().iter().map(line).collect::<Vec<_>>())?;
        }
        Decision::Refused { request, refusal, .. } => {
            out.set_item("reason", refusal.name())?;
            request_into(out, onlooker, request)?;
        }
        Decision::Stopped { strategy, .. } => out.set_item("strategy", strategy)?,
        Decision::EarlierFill { request, fill, .. } => fill_into(out, onlooker, request, fill, seen.realised)?,
        Decision::Funding { instrument, ts_venue, amount: paid, .. } => {
            out.set_item("instrument", instrument)?;
            out.set_item("venue", ts_venue)?;
            out.set_item("amount", amount(*paid))?;
            let (_, quote) = onlooker.instrument(*instrument).base_quote().unwrap_or_default();
            out.set_item("currency", quote)?;
        }
    }
    Ok(())
}

fn report_into(out: &Bound<'_, PyDict>, onlooker: &Onlooker, seen: &Seen, what: &ReportKind) -> PyResult<()> {
    let name = match what {
        ReportKind::Accepted { .. } => "accepted",
        ReportKind::Rejected(_) => "rejected",
        ReportKind::Filled(_) => "filled",
        ReportKind::Canceled => "canceled",
        ReportKind::Expired(_) => "expired",
        ReportKind::CancelRejected(_) => "cancel_refused",
        ReportKind::Amended { .. } => "amended",
        ReportKind::AmendRejected(_) => "amend_refused",
        ReportKind::Unknown => "unknown",
        ReportKind::Triggered { .. } => "triggered",
        ReportKind::Account(_) => "account",
    };
    out.set_item("what", name)?;
    let reason = match what {
        ReportKind::Rejected(reason)
        | ReportKind::Expired(reason)
        | ReportKind::CancelRejected(reason)
        | ReportKind::AmendRejected(reason) => reason.name(),
        _ => "",
    };
    out.set_item("reason", reason)?;
    let Some(order) = &seen.order else { return Ok(()) };
    let definition = onlooker.instrument(order.request.instrument);
    match what {
        ReportKind::Filled(fill) => fill_into(out, onlooker, &order.request, fill, seen.realised)?,
        ReportKind::Amended { price, qty } => {
            out.set_item("price", definition.tick_size.text(*price))?;
            out.set_item("quantity", qty_text(definition, *qty))?;
        }
        _ => {}
    }
    Ok(())
}

fn fill_into(
    out: &Bound<'_, PyDict>,
    onlooker: &Onlooker,
    request: &OrderRequest,
    fill: &Fill,
    realised: Money,
) -> PyResult<()> {
    let definition = onlooker.instrument(request.instrument);
    out.set_item("trade", fill.trade)?;
    out.set_item("price", definition.tick_size.text(fill.price))?;
    out.set_item("quantity", qty_text(definition, fill.qty))?;
    out.set_item("liquidity", if fill.liquidity == Liquidity::Maker { "maker" } else { "taker" })?;
    out.set_item("fee", amount(fill.fee))?;
    let (base, quote) = definition.base_quote().unwrap_or_default();
    out.set_item("fee_currency", if fee_in_base(definition, request.side) { base } else { quote })?;
    out.set_item("realised", amount(realised))
}

fn request_into(out: &Bound<'_, PyDict>, onlooker: &Onlooker, request: &OrderRequest) -> PyResult<()> {
    let definition = onlooker.instrument(request.instrument);
    let is_limit = request.kind == OrderKind::Limit;
    out.set_item("strategy", request.strategy)?;
    out.set_item("instrument", request.instrument)?;
    out.set_item("side", side_name(request.side))?;
    out.set_item("type", if is_limit { "limit" } else { "market" })?;
    out.set_item("tif", time_in_force_name(request.time_in_force))?;
    out.set_item("price", is_limit.then(|| definition.tick_size.text(request.price)))?;
    out.set_item("quantity", qty_text(definition, request.qty))
}

/// An order as it stands. Between its intent and the venue's answer it counts as submitted.
fn order_dict<'py>(
    py: Python<'py>,
    onlooker: &Onlooker,
    order: &Order,
    ahead: Option<i64>,
) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let definition = onlooker.instrument(order.request.instrument);
    request_into(&out, onlooker, &order.request)?;
    out.set_item("id", order.id)?;
    out.set_item("filled", qty_text(definition, order.filled))?;
    let state = if order.state == OrderState::Intent { OrderState::Submitted } else { order.state };
    out.set_item("state", state.name())?;
    let pending = match order.pending {
        Pending::None => "",
        Pending::Cancel | Pending::CancelAmended(..) => "cancel",
        Pending::Amend(..) => "amend",
    };
    out.set_item("pending", pending)?;
    out.set_item("reason", order.reason.name())?;
    out.set_item("open", !order.state.is_final())?;
    out.set_item("created", order.created)?;
    out.set_item("updated", order.updated)?;
    out.set_item("queue_ahead", ahead.map(|steps| qty_text(definition, steps)))?;
    Ok(out)
}

type Level = (String, String, String, Option<String>);

/// An instrument's book with our own quantity in each level, and what lies ahead of the first of it.
pub(crate) fn levels<'py>(
    py: Python<'py>,
    onlooker: &Onlooker,
    instrument: InstrumentIx,
    depth: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let (face, definition) = (onlooker.face(instrument), onlooker.instrument(instrument));
    let text = |price: Ticks| definition.tick_size.text(price);
    let qty = |steps| qty_text(definition, steps);
    let own: Vec<&Order> = onlooker.open_orders().filter(|order| order.request.instrument == instrument).collect();
    let side = |side: Side| -> Vec<Level> {
        let level = |(price, steps): (Ticks, i64)| {
            let ours = || own.iter().filter(|order| (order.request.side, order.request.price) == (side, price));
            let ahead = ours().filter_map(|order| onlooker.queue_ahead(order.id)).min();
            (text(price), qty(steps), qty(ours().map(|order| order.leaves()).sum()), ahead.map(qty))
        };
        face.book.levels(side).take(depth).map(level).collect()
    };
    let out = PyDict::new(py);
    out.set_item("state", state_name(face.book.state()))?;
    out.set_item("updated", (face.book.updated() != NO_TIME).then(|| face.book.updated()))?;
    out.set_item("bid", face.book.best(Side::Buy).map(text))?;
    out.set_item("ask", face.book.best(Side::Sell).map(text))?;
    out.set_item("last", face.last.map(text))?;
    out.set_item("mark", face.mark.map(text))?;
    out.set_item("bids", side(Side::Buy))?;
    out.set_item("asks", side(Side::Sell))?;
    Ok(out)
}

type Held = (String, Option<String>, Option<String>, Option<String>, String, String);

/// A strategy's position: quantity, average, mark, unrealised, realised, fees.
pub(crate) fn position_row(onlooker: &Onlooker, strategy: StrategyIx, instrument: InstrumentIx) -> Held {
    let (definition, position) = (onlooker.instrument(instrument), onlooker.ledger().position(strategy));
    let tick = definition.tick_size;
    // The middle of a book may lie between two ticks, an average anywhere: a digit and two more than the tick has.
    let average = position.average_price(definition).map(|ticks| {
        let places = tick.decimals as usize + 2;
        trimmed(&format!("{:.places$}", tick.times(ticks)))
    });
    let twice = onlooker.face(instrument).twice_mark();
    let half = |twice: Ticks| {
        let tenths = i128::from(twice) * i128::from(tick.mantissa) * 5;
        trimmed(&decimal_text(tenths, tick.decimals + 1))
    };
    let unrealised = twice.map(|twice| amount(position.unrealised(definition, twice)));
    (
        qty_text(definition, position.qty),
        average,
        twice.map(half),
        unrealised,
        amount(position.realised),
        amount(position.fees),
    )
}
