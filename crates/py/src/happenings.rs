//! What a callback is told: bars, trades, quotes, orders, fills. Frozen; prices and sizes are floats.
#![allow(clippy::cast_precision_loss)]

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use kedge_core::event::Event;
use kedge_core::feature::Bar;
use kedge_core::instrument::{Instrument, money_to_f64};
use kedge_core::order::{Fill, Order};
use kedge_core::strategy::Quote;
use kedge_core::types::{Liquidity, NO_TIME, Nanos, OrderKind, Side, Ticks, TimeInForce};
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{PyClass, intern};

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

/// A float that can be written again while nobody but the engine has its object.
struct Number(AtomicU64);

impl Number {
    fn new(value: f64) -> Self {
        Self(AtomicU64::new(value.to_bits()))
    }

    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

/// What is told often: an object of this kind is used for one wake-up after the other, so long as no strategy keeps it.
pub(crate) trait Told:
    PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync + Into<PyClassInitializer<Self>>
{
    /// What it is made from.
    type From;

    /// A new one.
    fn new(from: &Self::From, instrument: &Instrument) -> Self;

    /// Becomes what a new one would be.
    fn renew(&self, from: &Self::From, instrument: &Instrument);
}

/// The object in `kept`, telling of `from`: the same one again where nobody else has it, so that nobody can see that it
/// is the same, else a new one.
pub(crate) fn tell<'a, T: Told>(
    py: Python<'_>,
    kept: &'a mut Option<Py<T>>,
    from: &T::From,
    instrument: &Instrument,
) -> PyResult<&'a Py<T>> {
    // SAFETY: the pointer is that of an object we hold, under the interpreter's lock.
    let is_ours_alone = |object: &Py<T>| unsafe { pyo3::ffi::Py_REFCNT(object.as_ptr()) } == 1;
    match kept {
        Some(object) if is_ours_alone(object) => object.get().renew(from, instrument),
        _ => *kept = Some(Py::new(py, T::new(from, instrument))?),
    }
    Ok(kept.as_ref().expect("it was put there"))
}

/// A closed bar: the trades that reached us in (start, end], ns since the epoch.
#[pyclass(name = "Bar", module = "kedge._core", frozen)]
pub(crate) struct PyBar {
    span: [AtomicI64; 2],
    /// Open, high, low, close.
    prices: [Number; 4],
    /// All, and of aggressive buyers.
    volumes: [Number; 2],
    trades: AtomicU32,
}

impl Told for PyBar {
    type From = Bar;

    fn new(bar: &Bar, instrument: &Instrument) -> Self {
        Self {
            span: [bar.start, bar.end].map(AtomicI64::new),
            prices: [bar.open, bar.high, bar.low, bar.close].map(|ticks| Number::new(price(ticks, instrument))),
            volumes: [bar.volume, bar.buy_volume].map(|qty| Number::new(instrument.qty_to_f64(qty))),
            trades: AtomicU32::new(bar.trades),
        }
    }

    fn renew(&self, bar: &Bar, instrument: &Instrument) {
        self.span[0].store(bar.start, Ordering::Relaxed);
        self.span[1].store(bar.end, Ordering::Relaxed);
        for (number, ticks) in self.prices.iter().zip([bar.open, bar.high, bar.low, bar.close]) {
            number.set(price(ticks, instrument));
        }
        self.volumes[0].set(instrument.qty_to_f64(bar.volume));
        self.volumes[1].set(instrument.qty_to_f64(bar.buy_volume));
        self.trades.store(bar.trades, Ordering::Relaxed);
    }
}

#[pymethods]
impl PyBar {
    #[getter]
    fn start(&self) -> Nanos {
        self.span[0].load(Ordering::Relaxed)
    }

    #[getter]
    fn end(&self) -> Nanos {
        self.span[1].load(Ordering::Relaxed)
    }

    #[getter]
    fn open(&self) -> f64 {
        self.prices[0].get()
    }

    #[getter]
    fn high(&self) -> f64 {
        self.prices[1].get()
    }

    #[getter]
    fn low(&self) -> f64 {
        self.prices[2].get()
    }

    #[getter]
    fn close(&self) -> f64 {
        self.prices[3].get()
    }

    #[getter]
    fn volume(&self) -> f64 {
        self.volumes[0].get()
    }

    #[getter]
    fn buy_volume(&self) -> f64 {
        self.volumes[1].get()
    }

    #[getter]
    fn trades(&self) -> u32 {
        self.trades.load(Ordering::Relaxed)
    }
}

/// Somebody's trade; `side` is the aggressor's, `time` the venue's (None where it does not tell).
#[pyclass(name = "Trade", module = "kedge._core", frozen)]
pub(crate) struct PyTrade {
    price: Number,
    size: Number,
    by_seller: AtomicBool,
    time: AtomicI64,
}

impl Told for PyTrade {
    type From = Event;

    fn new(event: &Event, instrument: &Instrument) -> Self {
        Self {
            price: Number::new(price(event.price, instrument)),
            size: Number::new(instrument.qty_to_f64(event.qty)),
            by_seller: AtomicBool::new(event.side() == Side::Sell),
            time: AtomicI64::new(event.ts_event),
        }
    }

    fn renew(&self, event: &Event, instrument: &Instrument) {
        self.price.set(price(event.price, instrument));
        self.size.set(instrument.qty_to_f64(event.qty));
        self.by_seller.store(event.side() == Side::Sell, Ordering::Relaxed);
        self.time.store(event.ts_event, Ordering::Relaxed);
    }
}

#[pymethods]
impl PyTrade {
    #[getter]
    fn price(&self) -> f64 {
        self.price.get()
    }

    #[getter]
    fn size(&self) -> f64 {
        self.size.get()
    }

    #[getter]
    fn side<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        let name = if self.by_seller.load(Ordering::Relaxed) { intern!(py, "sell") } else { intern!(py, "buy") };
        name.clone()
    }

    #[getter]
    fn time(&self) -> Option<Nanos> {
        Some(self.time.load(Ordering::Relaxed)).filter(|time| *time != NO_TIME)
    }
}

/// The venue's best prices and their sizes, as it quotes them apart from the book.
#[pyclass(name = "Quote", module = "kedge._core", frozen)]
pub(crate) struct PyQuote {
    bid: Number,
    bid_size: Number,
    ask: Number,
    ask_size: Number,
}

impl Told for PyQuote {
    type From = Quote;

    fn new(quote: &Quote, instrument: &Instrument) -> Self {
        Self {
            bid: Number::new(price(quote.bid, instrument)),
            bid_size: Number::new(instrument.qty_to_f64(quote.bid_qty)),
            ask: Number::new(price(quote.ask, instrument)),
            ask_size: Number::new(instrument.qty_to_f64(quote.ask_qty)),
        }
    }

    fn renew(&self, quote: &Quote, instrument: &Instrument) {
        self.bid.set(price(quote.bid, instrument));
        self.bid_size.set(instrument.qty_to_f64(quote.bid_qty));
        self.ask.set(price(quote.ask, instrument));
        self.ask_size.set(instrument.qty_to_f64(quote.ask_qty));
    }
}

#[pymethods]
impl PyQuote {
    #[getter]
    fn bid(&self) -> f64 {
        self.bid.get()
    }

    #[getter]
    fn bid_size(&self) -> f64 {
        self.bid_size.get()
    }

    #[getter]
    fn ask(&self) -> f64 {
        self.ask.get()
    }

    #[getter]
    fn ask_size(&self) -> f64 {
        self.ask_size.get()
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
    trigger: Option<&'static str>,
    trigger_price: Option<f64>,
    triggered: bool,
    display: Option<f64>,
    reduce_only: bool,
    until: Option<Nanos>,
    group: Option<u16>,
}

impl PyOrder {
    pub(crate) fn new(order: &Order, instrument: &Instrument) -> Self {
        let (request, terms) = (&order.request, &order.request.terms);
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
            trigger: [None, Some("stop"), Some("take_profit"), Some("trailing")][terms.trigger as usize],
            trigger_price: (terms.level > 0).then(|| price(terms.level, instrument)),
            triggered: order.triggered,
            display: (terms.display > 0).then(|| instrument.qty_to_f64(terms.display)),
            reduce_only: terms.reduce_only,
            until: (terms.expires > 0).then_some(terms.expires),
            group: (terms.group > 0).then_some(terms.group),
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
