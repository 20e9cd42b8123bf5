//! `ctx`: what a Python strategy sees and may ask for.

use kedge_core::instrument::money_to_f64;
use kedge_core::order::Order;
use kedge_core::types::{OrderKind, Qty, Side, Ticks, TimeInForce};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat};

use crate::amounts;
use crate::errors::kedge_error;
use crate::features::PyFeatures;
use crate::happenings::PyOrder;
use crate::terms::{self, Asked};
use crate::views::{PyBook, PyPortfolio, PyRandom};
use crate::window::Window;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyContext>()
}

/// One strategy's window on the engine. Valid within a callback only.
#[pyclass(name = "Context", module = "kedge._core", extends = PyFeatures)]
pub(crate) struct PyContext {
    pub(crate) window: Window,
    book: Py<PyBook>,
    random: Py<PyRandom>,
}

impl PyContext {
    pub(crate) fn new(py: Python<'_>, window: Window) -> PyResult<PyClassInitializer<Self>> {
        let book = Py::new(py, PyBook { window: window.clone() })?;
        let random = Py::new(py, PyRandom { window: window.clone() })?;
        let features = PyFeatures::new(window.clone());
        Ok(PyClassInitializer::from(features).add_subclass(Self { window, book, random }))
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

    fn order(
        &self,
        side: Side,
        size: &Bound<'_, PyAny>,
        price: Option<&Bound<'_, PyAny>>,
        tif: &str,
        given: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<u64> {
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
        let Some(given) = given else {
            return self.window.look(|ctx| ctx.submit(side, kind, time_in_force, ticks, qty));
        };
        let (instrument, now, only_plain) =
            self.window.look(|ctx| (ctx.instrument().clone(), ctx.now(), ctx.only_plain_orders()))?;
        let asked = Asked { instrument: &instrument, side, kind, qty, now };
        let terms = terms::read(&asked, time_in_force, given)?;
        if only_plain {
            return Err(terms::unsupported(given));
        }
        self.window.look(|ctx| ctx.submit_with(side, kind, time_in_force, ticks, qty, terms))
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

    /// Ids of all the strategy's instruments.
    #[getter]
    fn instruments(&self) -> PyResult<Vec<String>> {
        self.window.look(|ctx| (0..ctx.instruments()).map(|at| ctx.on(at).instrument().id.clone()).collect())
    }

    /// The same for another of the strategy's instruments: its book, position, orders, bars.
    fn on(&self, py: Python<'_>, instrument: &str) -> PyResult<Py<Self>> {
        let ids = self.instruments()?;
        let at = ids.iter().position(|id| id == instrument).ok_or_else(|| {
            let message = format!("the strategy does not trade `{instrument}`");
            kedge_error("StrategyError", message, format!("it trades {}", ids.join(", ")))
        })?;
        Py::new(py, Self::new(py, self.window.on(at))?)
    }

    /// The strategy's whole account.
    #[getter]
    fn portfolio(&self) -> PyPortfolio {
        PyPortfolio { window: self.window.clone() }
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

    /// Held, in base units; negative when short.
    #[getter]
    fn position(&self) -> PyResult<f64> {
        self.window.look(|ctx| ctx.instrument().qty_to_f64(ctx.position()))
    }

    /// What the position cost on average, in quote currency; None without one.
    #[getter]
    fn average_price(&self) -> PyResult<Option<f64>> {
        self.window.look(|ctx| ctx.average_price().map(|ticks| ctx.instrument().tick_size.times(ticks)))
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

    /// Buys `size` base units: at market, or at `price` or better. Returns the order's id.
    #[pyo3(
        signature = (size, price=None, *, tif="gtc", **terms),
        text_signature = "(self, size, price=None, *, tif='gtc', stop=None, take_profit=None, trailing=None, \
                          activate=None, trigger_by='last', display=None, reduce_only=False, until=None, group=None, \
                          self_trade=None)"
    )]
    fn buy(
        &self,
        size: &Bound<'_, PyAny>,
        price: Option<&Bound<'_, PyAny>>,
        tif: &str,
        terms: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<u64> {
        self.order(Side::Buy, size, price, tif, terms)
    }

    /// Sells `size` base units: at market, or at `price` or better. Returns the order's id.
    #[pyo3(
        signature = (size, price=None, *, tif="gtc", **terms),
        text_signature = "(self, size, price=None, *, tif='gtc', stop=None, take_profit=None, trailing=None, \
                          activate=None, trigger_by='last', display=None, reduce_only=False, until=None, group=None, \
                          self_trade=None)"
    )]
    fn sell(
        &self,
        size: &Bound<'_, PyAny>,
        price: Option<&Bound<'_, PyAny>>,
        tif: &str,
        terms: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<u64> {
        self.order(Side::Sell, size, price, tif, terms)
    }

    /// A limit order and a stop of which one happens. Returns their ids, the limit order's first.
    #[pyo3(
        signature = (side, size, *, price, stop, stop_price=None, tif="gtc", **terms),
        text_signature = "(self, side, size, *, price, stop, stop_price=None, tif='gtc', trigger_by='last', \
                          reduce_only=False, until=None)"
    )]
    #[allow(clippy::too_many_arguments)]
    fn oco(
        &self,
        py: Python<'_>,
        side: &str,
        size: &Bound<'_, PyAny>,
        price: &Bound<'_, PyAny>,
        stop: &Bound<'_, PyAny>,
        stop_price: Option<&Bound<'_, PyAny>>,
        tif: &str,
        terms: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<(u64, u64)> {
        let side = terms::side(side)?;
        terms::check_apart(side, self.price(price, side)?, self.price(stop, side)?, price, stop)?;
        let (profit, loss) = terms::pair(py, self.window.look(|ctx| ctx.next_group())?, stop, terms)?;
        let first = self.order(side, size, Some(price), tif, Some(&profit))?;
        Ok((first, self.order(side, size, stop_price, "gtc", Some(&loss))?))
    }

    /// A number for `group=`: of the orders that have it, one may happen.
    fn group(&self) -> PyResult<u16> {
        self.window.look(|ctx| ctx.next_group())
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
