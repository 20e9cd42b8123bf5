//! What a callback is told: bars, trades, quotes, orders, fills. Frozen; prices and sizes are floats.
#![allow(clippy::cast_precision_loss)]

use kedge_core::event::Event;
use kedge_core::feature::Bar;
use kedge_core::instrument::{Instrument, money_to_f64};
use kedge_core::order::{Fill, Order};
use kedge_core::strategy::Quote;
use kedge_core::types::{Liquidity, NO_TIME, Nanos, OrderKind, Side, Ticks, TimeInForce};
use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyBar>()?;
    module.add_class::<PyTrade>()?;
    module.add_class::<PyQuote>()?;
    module.add_class::<PyOrder>()?;
    module.add_class::<PyFill>()
}

fn price(ticks: Ticks, instrument: &Instrument) -> f64 {
    instrument.tick_size.times(ticks as f64)
}

fn side_name(side: Side) -> &'static str {
    if side == Side::Buy { "buy" } else { "sell" }
}

pub(crate) fn time_in_force_name(time_in_force: TimeInForce) -> &'static str {
    ["gtc", "ioc", "fok", "post_only"][time_in_force as usize]
}

/// A closed bar: the trades that reached us in (start, end], ns since the epoch.
#[pyclass(name = "Bar", module = "kedge._core", frozen, get_all)]
pub(crate) struct PyBar {
    start: Nanos,
    end: Nanos,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    buy_volume: f64,
    trades: u32,
}

impl PyBar {
    pub(crate) fn new(bar: &Bar, instrument: &Instrument) -> Self {
        Self {
            start: bar.start,
            end: bar.end,
            open: price(bar.open, instrument),
            high: price(bar.high, instrument),
            low: price(bar.low, instrument),
            close: price(bar.close, instrument),
            volume: instrument.qty_to_f64(bar.volume),
            buy_volume: instrument.qty_to_f64(bar.buy_volume),
            trades: bar.trades,
        }
    }
}

/// Somebody's trade; `side` is the aggressor's, `time` the venue's (None where it does not tell).
#[pyclass(name = "Trade", module = "kedge._core", frozen, get_all)]
pub(crate) struct PyTrade {
    price: f64,
    size: f64,
    side: &'static str,
    time: Option<Nanos>,
}

impl PyTrade {
    pub(crate) fn new(event: &Event, instrument: &Instrument) -> Self {
        Self {
            price: price(event.price, instrument),
            size: instrument.qty_to_f64(event.qty),
            side: side_name(event.side()),
            time: (event.ts_event != NO_TIME).then_some(event.ts_event),
        }
    }
}

/// The venue's best prices and their sizes, as it quotes them apart from the book.
#[pyclass(name = "Quote", module = "kedge._core", frozen, get_all)]
pub(crate) struct PyQuote {
    bid: f64,
    bid_size: f64,
    ask: f64,
    ask_size: f64,
}

impl PyQuote {
    pub(crate) fn new(quote: &Quote, instrument: &Instrument) -> Self {
        Self {
            bid: price(quote.bid, instrument),
            bid_size: instrument.qty_to_f64(quote.bid_qty),
            ask: price(quote.ask, instrument),
            ask_size: instrument.qty_to_f64(quote.ask_qty),
        }
    }
}

/// One of the strategy's orders, as it was when this was made. `price` is None for a market order.
#[pyclass(name = "Order", module = "kedge._core", frozen, get_all)]
pub(crate) struct PyOrder {
    id: u64,
    side: &'static str,
    price: Option<f64>,
    size: f64,
    filled: f64,
    state: &'static str,
    tif: &'static str,
    reason: &'static str,
    created: Nanos,
}

impl PyOrder {
    pub(crate) fn new(order: &Order, instrument: &Instrument) -> Self {
        let request = &order.request;
        Self {
            id: order.id,
            side: side_name(request.side),
            price: (request.kind == OrderKind::Limit).then(|| price(request.price, instrument)),
            size: instrument.qty_to_f64(request.qty),
            filled: instrument.qty_to_f64(order.filled),
            state: order.state.name(),
            tif: time_in_force_name(request.time_in_force),
            reason: order.reason.name(),
            created: order.created,
        }
    }
}

/// An execution of one of the strategy's orders. `fee` is in base currency for a spot buy, else in quote currency.
#[pyclass(name = "Fill", module = "kedge._core", frozen, get_all)]
pub(crate) struct PyFill {
    order_id: u64,
    trade_id: u64,
    side: &'static str,
    price: f64,
    size: f64,
    liquidity: &'static str,
    fee: f64,
    order_state: &'static str,
}

impl PyFill {
    pub(crate) fn new(order: &Order, fill: &Fill, instrument: &Instrument) -> Self {
        Self {
            order_id: order.id,
            trade_id: fill.trade,
            side: side_name(order.request.side),
            price: price(fill.price, instrument),
            size: instrument.qty_to_f64(fill.qty),
            liquidity: if fill.liquidity == Liquidity::Maker { "maker" } else { "taker" },
            fee: money_to_f64(fill.fee),
            order_state: order.state.name(),
        }
    }
}
