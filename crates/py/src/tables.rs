//! What a run leaves, as columns: NumPy arrays, and exact decimals as the 16 little-endian bytes Arrow's Decimal128
//! has.

use kedge_core::attribution::{self, Attribution, HORIZONS};
use kedge_core::engine::{Engine, FillRow};
use kedge_core::instrument::Instrument;
use kedge_core::order::Order;
use kedge_core::risk::Refusal;
use kedge_core::simulation::Simulation;
use kedge_core::types::{InstrumentIx, Liquidity, OrderKind, Qty, SECOND, Side, StrategyIx, Ticks};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::happenings::time_in_force_name;

/// Decimal places of prices and quantities in tables.
const PLACES: u32 = 12;

/// Everything a run folder is made from.
pub(crate) fn results<'py>(
    py: Python<'py>,
    simulation: &mut Simulation<'_>,
    instruments: &[Instrument],
    hindsight: &Attribution,
) -> PyResult<Bound<'py, PyDict>> {
    let strategies = hindsight.splits.len();
    let out = PyDict::new(py);
    let counts: Vec<(u64, u64, u64, u64)> = (0..instruments.len() as InstrumentIx)
        .map(|ix| {
            let ignored = simulation.engine().book(ix).ignored();
            let counts = simulation.engine().counts(ix);
            (counts.events, counts.gaps, counts.resyncs, ignored)
        })
        .collect();
    let engine = simulation.engine();
    out.set_item("trace_hash", engine.log().trace_hash())?;
    out.set_item("records", engine.log().records())?;
    out.set_item("counts", counts)?;
    out.set_item("imbalance", engine.imbalance())?;
    out.set_item("odd_reports", engine.blotter().odd_reports)?;
    out.set_item("clearing", crate::clearing::cleared(py, simulation)?)?;
    let engine = simulation.engine();
    let orders: Vec<&Order> = engine.orders().all().collect();
    out.set_item("orders", orders_table(py, &orders, instruments)?)?;
    let fills = fills_table(py, engine, instruments)?;
    add_markouts(&fills, engine, hindsight)?;
    out.set_item("fills", fills)?;
    out.set_item("splits", splits_table(py, engine, hindsight)?)?;
    out.set_item("samples", samples_table(py, simulation, instruments)?)?;
    let engine = simulation.engine();
    let tallies = (0..strategies as StrategyIx).map(|strategy| {
        let tally = engine.tally(strategy);
        let named = |counts: &[u64]| -> Vec<(&'static str, u64)> {
            Refusal::ALL.iter().zip(counts).filter(|(_, n)| **n > 0).map(|(refusal, n)| (refusal.name(), *n)).collect()
        };
        (named(&tally.refused), named(&tally.withheld))
    });
    out.set_item("tallies", tallies.collect::<Vec<_>>())?;
    let ledger = engine.ledger();
    let balances =
        ledger.currencies().iter().enumerate().map(|(ix, code)| (code.clone(), ledger.cash_of_all(ix as u16)));
    out.set_item("balances", balances.collect::<Vec<_>>())?;
    Ok(out)
}

/// Little-endian bytes of decimals.
fn decimals<'py>(py: Python<'py>, values: impl Iterator<Item = i128>) -> Bound<'py, PyBytes> {
    let bytes: Vec<u8> = values.flat_map(i128::to_le_bytes).collect();
    PyBytes::new(py, &bytes)
}

fn price(ticks: Ticks, instrument: &Instrument) -> i128 {
    let tick = instrument.tick_size;
    i128::from(ticks) * i128::from(tick.mantissa) * 10_i128.pow(PLACES - tick.decimals)
}

fn quantity(steps: Qty, instrument: &Instrument) -> i128 {
    let step = instrument.quantity_step_in_data;
    i128::from(steps) * i128::from(step.mantissa) * 10_i128.pow(PLACES - step.decimals)
}

fn names<T>(rows: &[T], name: impl Fn(&T) -> &'static str) -> Vec<&'static str> {
    rows.iter().map(name).collect()
}

fn side_name(side: Side) -> &'static str {
    if side == Side::Buy { "buy" } else { "sell" }
}

fn orders_table<'py>(py: Python<'py>, orders: &[&Order], instruments: &[Instrument]) -> PyResult<Bound<'py, PyDict>> {
    let table = PyDict::new(py);
    let of = |order: &Order| &instruments[usize::from(order.request.instrument)];
    table.set_item("order_id", PyArray1::from_iter(py, orders.iter().map(|o| o.id)))?;
    table.set_item("strategy", PyArray1::from_iter(py, orders.iter().map(|o| o.request.strategy)))?;
    table.set_item("instrument", PyArray1::from_iter(py, orders.iter().map(|o| o.request.instrument)))?;
    table.set_item("side", names(orders, |o| side_name(o.request.side)))?;
    let kind = |o: &&Order| if o.request.kind == OrderKind::Limit { "limit" } else { "market" };
    table.set_item("kind", names(orders, kind))?;
    table.set_item("time_in_force", names(orders, |o| time_in_force_name(o.request.time_in_force)))?;
    table.set_item("price", decimals(py, orders.iter().map(|o| price(o.request.price, of(o)))))?;
    table.set_item("quantity", decimals(py, orders.iter().map(|o| quantity(o.request.qty, of(o)))))?;
    table.set_item("filled", decimals(py, orders.iter().map(|o| quantity(o.filled, of(o)))))?;
    table.set_item("state", names(orders, |o| o.state.name()))?;
    table.set_item("reason", names(orders, |o| o.reason.name()))?;
    table.set_item("created", PyArray1::from_iter(py, orders.iter().map(|o| o.created)))?;
    table.set_item("updated", PyArray1::from_iter(py, orders.iter().map(|o| o.updated)))?;
    Ok(table)
}

#[allow(clippy::cast_precision_loss)]
fn fills_table<'py>(py: Python<'py>, engine: &Engine, instruments: &[Instrument]) -> PyResult<Bound<'py, PyDict>> {
    let (table, fills, held) = (PyDict::new(py), &engine.blotter().fills, engine.positions_after_fills());
    let of = |fill: &FillRow| &instruments[usize::from(fill.instrument)];
    table.set_item("ts", PyArray1::from_iter(py, fills.iter().map(|f| f.ts_venue)))?;
    table.set_item("ts_recv", PyArray1::from_iter(py, fills.iter().map(|f| f.ts_recv)))?;
    table.set_item("strategy", PyArray1::from_iter(py, fills.iter().map(|f| f.strategy)))?;
    table.set_item("instrument", PyArray1::from_iter(py, fills.iter().map(|f| f.instrument)))?;
    table.set_item("order_id", PyArray1::from_iter(py, fills.iter().map(|f| f.order)))?;
    table.set_item("trade_id", PyArray1::from_iter(py, fills.iter().map(|f| f.fill.trade)))?;
    table.set_item("side", names(fills, |f| side_name(f.side)))?;
    table.set_item("price", decimals(py, fills.iter().map(|f| price(f.fill.price, of(f)))))?;
    table.set_item("quantity", decimals(py, fills.iter().map(|f| quantity(f.fill.qty, of(f)))))?;
    let liquidity = |f: &FillRow| if f.fill.liquidity == Liquidity::Maker { "maker" } else { "taker" };
    table.set_item("liquidity", names(fills, liquidity))?;
    table.set_item("fee", decimals(py, fills.iter().map(|f| f.fill.fee)))?;
    let after = || fills.iter().zip(&held);
    table.set_item("position", decimals(py, after().map(|(f, held)| quantity(held.qty, of(f)))))?;
    table.set_item("cost", decimals(py, held.iter().map(|held| held.cost)))?;
    table.set_item("realised", decimals(py, held.iter().map(|held| held.realised)))?;
    table.set_item("fees", decimals(py, held.iter().map(|held| held.fees)))?;
    table.set_item("unrealised", decimals(py, after().map(|(f, held)| held.unrealised(of(f), f.twice_mid))))?;
    let placed = |f: &FillRow| engine.orders().find(f.order).map(|order| order.queue_ahead).filter(|ahead| *ahead >= 0);
    let ahead = |f: &FillRow| placed(f).map_or(-1, |ahead| quantity(ahead, of(f)));
    table.set_item("queue_ahead", decimals(py, fills.iter().map(ahead)))?;
    let left = |f: &FillRow| if f.fill.queue_ahead < 0 { -1 } else { quantity(f.fill.queue_ahead, of(f)) };
    table.set_item("queue_ahead_at_fill", decimals(py, fills.iter().map(left)))?;
    table.set_item("toxic", PyArray1::from_iter(py, fills.iter().map(attribution::is_toxic)))?;
    let mid = |f: &FillRow| of(f).tick_size.times(f.twice_mid as f64 * 0.5);
    table.set_item("mid", PyArray1::from_iter(py, fills.iter().map(mid)))?;
    Ok(table)
}

/// After each horizon `markout_<seconds>s`, in money, and `mid_<seconds>s`, NaN where it is not known.
#[allow(clippy::cast_precision_loss)]
fn add_markouts(table: &Bound<'_, PyDict>, engine: &Engine, hindsight: &Attribution) -> PyResult<()> {
    let (py, fills) = (table.py(), &engine.blotter().fills);
    for (at, horizon) in HORIZONS.iter().enumerate() {
        let rows = || fills.iter().zip(hindsight.later.iter().map(|mids| mids[at]));
        let made = rows().map(|(fill, mid)| mid.map_or(0, |mid| attribution::markout(engine, fill, mid)));
        let tick = |fill: &FillRow| engine.instrument(fill.instrument).tick_size;
        let mids = rows().map(|(fill, mid)| mid.map_or(f64::NAN, |mid| tick(fill).times(mid as f64 * 0.5)));
        let seconds = horizon / SECOND;
        table.set_item(format!("markout_{seconds}s"), decimals(py, made))?;
        table.set_item(format!("mid_{seconds}s"), PyArray1::from_iter(py, mids))?;
    }
    Ok(())
}

/// The parts of each strategy's PnL and what they leave unexplained, which must be 0.
fn splits_table<'py>(py: Python<'py>, engine: &Engine, hindsight: &Attribution) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let row = |(strategy, split): (usize, &attribution::Split)| {
        let row = PyDict::new(py);
        row.set_item("spread", split.spread)?;
        row.set_item("adverse_selection", split.adverse_selection)?;
        row.set_item("inventory", split.inventory)?;
        row.set_item("fees", split.fees)?;
        row.set_item("funding", split.funding)?;
        row.set_item("unexplained", engine.pnl(strategy as StrategyIx) - split.pnl())?;
        Ok(row)
    };
    hindsight.splits.iter().enumerate().map(row).collect()
}

#[allow(clippy::cast_precision_loss)]
fn samples_table<'py>(
    py: Python<'py>,
    simulation: &mut Simulation<'_>,
    instruments: &[Instrument],
) -> PyResult<Bound<'py, PyDict>> {
    let table = PyDict::new(py);
    let engine = simulation.engine();
    let samples = &engine.blotter().samples;
    let of = |strategy: StrategyIx| &instruments[usize::from(engine.instrument_of(strategy))];
    table.set_item("ts", PyArray1::from_iter(py, samples.iter().map(|s| s.ts)))?;
    table.set_item("strategy", PyArray1::from_iter(py, samples.iter().map(|s| s.strategy)))?;
    table.set_item("pnl", decimals(py, samples.iter().map(|s| s.pnl)))?;
    table.set_item("position", decimals(py, samples.iter().map(|s| quantity(s.position, of(s.strategy)))))?;
    let value = |s: &kedge_core::engine::Sample| of(s.strategy).notional(s.twice_mid, s.position) / 2;
    table.set_item("value", decimals(py, samples.iter().map(value)))?;
    let mid = |s: &kedge_core::engine::Sample| of(s.strategy).tick_size.times(s.twice_mid as f64 * 0.5);
    table.set_item("price", PyArray1::from_iter(py, samples.iter().map(mid)))?;
    Ok(table)
}
