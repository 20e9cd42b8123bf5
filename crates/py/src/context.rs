//! `ctx`: what a Python strategy sees and may ask for.

use kedge_core::instrument::money_to_f64;
use kedge_core::order::Order;
use kedge_core::types::{OrderKind, Qty, Side, Ticks, TimeInForce};
use pyo3::prelude::*;
use pyo3::types::PyFloat;

use crate::amounts;
use crate::errors::kedge_error;
use crate::happenings::{PyOrder, PyQuote, Told};
use crate::views::{PyBook, PyIndicator, PyRandom};
use crate::window::Window;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyContext>()
}

/// One strategy's window on the engine. Valid within a callback only.
#[pyclass(name = "Context", module = "kedge._core")]
pub(crate) struct PyContext {
    pub(crate) window: Window,
    book: Py<PyBook>,
    random: Py<PyRandom>,
    /// The bar series made last, which indicators follow.
    series: Option<u16>,
}

impl PyContext {
    pub(crate) fn new(py: Python<'_>, window: Window) -> PyResult<Self> {
        let book = Py::new(py, PyBook { window: window.clone() })?;
        let random = Py::new(py, PyRandom { window: window.clone() })?;
        Ok(Self { window, book, random, series: None })
    }

    /// A price in ticks. That of a float, which is most of them, is found without a copy of the instrument.
    fn price(&self, price: &Bound<'_, PyAny>, side: Side) -> PyResult<Ticks> {
        if let Ok(float) = price.cast_exact::<PyFloat>().map(|float| float.value())
            && let Some(ticks) = self.window.look(|ctx| kedge_core::amounts::ticks(float, ctx.instrument(), side))?
        {
            return Ok(ticks);
        }
        amounts::price(price, &self.window.look(|ctx| ctx.instrument().clone())?, side)
    }

    /// A size above zero in quantity steps, likewise.
    fn positive_size(&self, size: &Bound<'_, PyAny>) -> PyResult<Qty> {
        if let Ok(float) = size.cast_exact::<PyFloat>().map(|float| float.value())
            && let Some(steps) = self.window.look(|ctx| kedge_core::amounts::steps(float, ctx.instrument()))?
            && steps > 0
        {
            return Ok(steps);
        }
        amounts::positive_size(size, &self.window.look(|ctx| ctx.instrument().clone())?)
    }

    fn order(&self, side: Side, size: &Bound<'_, PyAny>, price: Option<&Bound<'_, PyAny>>, tif: &str) -> PyResult<u64> {
        let qty = self.positive_size(size)?;
        let kind = if price.is_some() { OrderKind::Limit } else { OrderKind::Market };
        let ticks = price.map(|price| self.price(price, side)).transpose()?.unwrap_or(0);
        let time_in_force = match (kind, tif) {
            (OrderKind::Market, "gtc" | "ioc") | (OrderKind::Limit, "ioc") => TimeInForce::Ioc,
            (_, "fok") => TimeInForce::Fok,
            (OrderKind::Limit, "gtc") => TimeInForce::Gtc,
            (OrderKind::Limit, "post_only") => TimeInForce::PostOnly,
            _ => {
                return Err(kedge_error(
                    "StrategyError",
                    format!("tif must be \"gtc\", \"ioc\", \"fok\" or \"post_only\" (limit orders), was \"{tif}\""),
                    "a market order takes no \"post_only\"",
                ));
            }
        };
        self.window.look(|ctx| ctx.submit(side, kind, time_in_force, ticks, qty))
    }
}

#[pymethods]
impl PyContext {
    /// The engine's time, ns since the epoch, UTC.
    #[getter]
    fn now(&self) -> PyResult<i64> {
        self.window.look(|ctx| ctx.now())
    }

    /// Id of the instrument, for example `BTC/USDT@binance`.
    #[getter]
    fn instrument(&self) -> PyResult<String> {
        self.window.look(|ctx| ctx.instrument().id.clone())
    }

    /// One tick as a float.
    #[getter]
    fn tick(&self) -> PyResult<f64> {
        self.window.look(|ctx| ctx.instrument().tick_size.times(1.0))
    }

    /// One lot as a float, in base units.
    #[getter]
    fn lot(&self) -> PyResult<f64> {
        self.window.look(|ctx| ctx.instrument().lot_size.times(1.0))
    }

    /// The book as we see it now.
    #[getter]
    fn book(&self, py: Python<'_>) -> Py<PyBook> {
        self.book.clone_ref(py)
    }

    /// The strategy's own seeded randomness.
    #[getter]
    fn rng(&self, py: Python<'_>) -> Py<PyRandom> {
        self.random.clone_ref(py)
    }

    /// Price of the last trade; None before the first.
    #[getter]
    #[allow(clippy::cast_precision_loss)]
    fn last(&self) -> PyResult<Option<f64>> {
        self.window.look(|ctx| ctx.last_trade().map(|price| ctx.instrument().tick_size.times(price as f64)))
    }

    /// Held, in base units; negative when short.
    #[getter]
    fn position(&self) -> PyResult<f64> {
        self.window.look(|ctx| ctx.instrument().qty_to_f64(ctx.position()))
    }

    /// Made so far after fees, in quote currency, at the middle of the book.
    #[getter]
    fn pnl(&self) -> PyResult<f64> {
        self.window.look(|ctx| money_to_f64(ctx.pnl()))
    }

    /// Cash of the account in quote currency.
    #[getter]
    fn cash(&self) -> PyResult<f64> {
        self.window.look(|ctx| money_to_f64(ctx.cash()))
    }

    /// The strategy's open orders, oldest first.
    #[getter]
    fn orders(&self) -> PyResult<Vec<PyOrder>> {
        self.window.look(|ctx| {
            let orders: Vec<Order> = ctx.orders().copied().collect();
            orders.iter().map(|order| PyOrder::new(order, ctx.instrument())).collect()
        })
    }

    /// The venue's best prices as quoted apart from the book; zeros before the first quote.
    #[getter]
    fn quoted(&self) -> PyResult<PyQuote> {
        self.window.look(|ctx| PyQuote::new(&ctx.quoted(), ctx.instrument()))
    }

    /// Calls `on_timer` every `interval` ("100ms", "1s") from now on; returns the timer's number.
    fn every(&self, interval: &Bound<'_, PyAny>) -> PyResult<u16> {
        let interval = amounts::duration(interval)?;
        self.window.look(|ctx| ctx.every(interval))
    }

    /// Calls `on_bar` at the close of every bar of this length.
    fn bars(&mut self, interval: &Bound<'_, PyAny>) -> PyResult<()> {
        let interval = amounts::duration(interval)?;
        self.series = Some(self.window.look(|ctx| ctx.bars(interval))?);
        Ok(())
    }

    /// An exponential moving average of the closes of the bars asked for last.
    fn ema(&self, period: &Bound<'_, PyAny>) -> PyResult<PyIndicator> {
        let Some(series) = self.series else {
            return Err(kedge_error("StrategyError", "ctx.ema needs bars", "call ctx.bars(\"1s\") before it"));
        };
        let period = period.extract::<u32>().ok().filter(|period| *period > 0).ok_or_else(|| {
            kedge_error("StrategyError", format!("period must be a whole number above 0, was {period}"), "pass an int")
        })?;
        let id = self.window.look(|ctx| ctx.ema(series, period))?;
        Ok(PyIndicator { window: self.window.clone(), id })
    }

    /// Buys `size` base units: at market, or at `price` or better. Returns the order's id.
    #[pyo3(signature = (size, price=None, *, tif="gtc"))]
    fn buy(&self, size: &Bound<'_, PyAny>, price: Option<&Bound<'_, PyAny>>, tif: &str) -> PyResult<u64> {
        self.order(Side::Buy, size, price, tif)
    }

    /// Sells `size` base units: at market, or at `price` or better. Returns the order's id.
    #[pyo3(signature = (size, price=None, *, tif="gtc"))]
    fn sell(&self, size: &Bound<'_, PyAny>, price: Option<&Bound<'_, PyAny>>, tif: &str) -> PyResult<u64> {
        self.order(Side::Sell, size, price, tif)
    }

    /// Asks for the end of an order; nothing comes of one that has ended.
    fn cancel(&self, order: u64) -> PyResult<()> {
        self.window.look(|ctx| ctx.cancel(order))
    }

    /// Asks for the end of all open orders of the strategy.
    fn cancel_all(&self) -> PyResult<()> {
        self.window.look(|ctx| ctx.cancel_all())
    }

    /// Asks for a new price and whole size of an order.
    #[pyo3(signature = (order, price=None, size=None))]
    fn amend(&self, order: u64, price: Option<&Bound<'_, PyAny>>, size: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let Some(open) = self.window.look(|ctx| ctx.order(order).copied())? else { return Ok(()) };
        let ticks = price.map(|price| self.price(price, open.request.side)).transpose()?;
        let qty = size.map(|size| self.positive_size(size)).transpose()?;
        let (ticks, qty) = (ticks.unwrap_or(open.request.price), qty.unwrap_or(open.request.qty));
        self.window.look(|ctx| ctx.amend(order, ticks, qty))
    }

    /// Keeps a two-sided post-only quote of `size`; None, or a price made from an empty book (NaN), takes a side away.
    fn quote(
        &self,
        bid: Option<&Bound<'_, PyAny>>,
        ask: Option<&Bound<'_, PyAny>>,
        size: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let qty = self.positive_size(size)?;
        let empty =
            self.window.look(|ctx| [Side::Buy, Side::Sell].iter().any(|side| ctx.book().best(*side).is_none()))?;
        let side_price = |price: Option<&Bound<'_, PyAny>>, side| {
            let given = price.filter(|price| !(empty && price.extract::<f64>().is_ok_and(f64::is_nan)));
            given.map(|price| self.price(price, side)).transpose()
        };
        let (bid, ask) = (side_price(bid, Side::Buy)?, side_price(ask, Side::Sell)?);
        self.window.look(|ctx| ctx.quote(bid, ask, qty))
    }

    /// Brings the position to `size` base units (negative: short) by market orders.
    fn target(&self, size: &Bound<'_, PyAny>) -> PyResult<()> {
        let instrument = self.window.look(|ctx| ctx.instrument().clone())?;
        let qty = amounts::size(size, &instrument)?;
        self.window.look(|ctx| ctx.target(qty))
    }
}
