//! A compiled strategy in the engine: a function of C's calling convention, called through its pointer with a record.
//!
//! `kedge.strategies.compiled` makes the function with numba; see docs/strategies.md for what a user writes.

use std::ffi::c_void;

use kedge_core::amounts;
use kedge_core::engine::Context;
use kedge_core::event::Event;
use kedge_core::feature::Bar;
use kedge_core::instrument::{Instrument, money_to_f64};
use kedge_core::random::Stream;
use kedge_core::strategy::{Fault, Interest, Strategy, Wake};
use kedge_core::types::{Nanos, OrderKind, Qty, Side, Ticks, TimeInForce};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::kedge_error;
use crate::record::{LEVELS, ORDERS, Record, WISHES};
use crate::strategy::{Raised, counted, keep};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(compiled_record, module)?)
}

/// Wake-ups by their code in the record's `event`.
const WAKES: [&str; 10] = ["start", "book", "trade", "quote", "bar", "funding", "timer", "fill", "order", "stop"];
/// Wishes by their code in the record's `wish_kinds`, from 1.
const WISH_KINDS: [&str; 7] = ["buy", "sell", "cancel", "cancel_all", "amend", "quote", "target"];

/// The record's layout, and the addresses of what draws random numbers: `uniform(key, index)`, `normal(key, index)`
/// and `below(key, index, bound)`.
#[pyfunction]
fn compiled_record(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("fields", Record::layout())?;
    out.set_item("size", size_of::<Record>())?;
    out.set_item("wakes", WAKES)?;
    out.set_item("wishes", WISH_KINDS)?;
    out.set_item("uniform", uniform as *const () as usize)?;
    out.set_item("normal", normal as *const () as usize)?;
    out.set_item("below", below as *const () as usize)?;
    Ok(out)
}

fn stream(key: u64, index: u64) -> Stream {
    Stream::resumed(key, index)
}

extern "C" fn uniform(key: u64, index: u64) -> f64 {
    stream(key, index).uniform()
}

extern "C" fn normal(key: u64, index: u64) -> f64 {
    stream(key, index).normal()
}

extern "C" fn below(key: u64, index: u64, bound: u64) -> u64 {
    stream(key, index).below(bound.max(1))
}

type Entry = unsafe extern "C" fn(*mut Record, *mut c_void, *mut c_void);

/// What of the record costs time, and is filled only where the function reads it.
#[derive(Clone, Copy, Debug)]
struct Reads {
    instrument: bool,
    /// Of a bar.
    range: bool,
    size: bool,
    position: bool,
    last: bool,
    in_sync: bool,
    touch: bool,
    microprice: bool,
    levels: bool,
    orders: bool,
    money: bool,
    random: bool,
}

impl Reads {
    /// Whether it looks at anything that [`standing`] writes down.
    fn standing(&self) -> bool {
        let often = self.position || self.last || self.in_sync || self.touch || self.money || self.orders;
        often || self.instrument || self.microprice || self.levels || self.random
    }
}

/// A compiled function with its record, state and parameters.
pub(crate) struct CompiledStrategy {
    name: String,
    entry: Entry,
    record: Box<Record>,
    /// Where the two arrays lie, which `_arrays` keeps alive.
    state: *mut c_void,
    params: *mut c_void,
    _arrays: [Py<PyArray1<u8>>; 2],
    reads: Reads,
    looks: bool,
    wants: [bool; WAKES.len()],
    every: Vec<Nanos>,
    bars: Vec<Nanos>,
    /// Keeps the function alive, and tells what it raised.
    owner: Py<PyAny>,
    raised: Raised,
}

impl CompiledStrategy {
    /// The compiled strategy that `parts` (what its `__compiled__` gives) describes.
    ///
    /// # Errors
    /// Whatever reading the parts raises.
    pub(crate) fn new(owner: &Bound<'_, PyAny>, parts: &Bound<'_, PyAny>, raised: Raised) -> PyResult<Self> {
        let address: usize = parts.get_item("entry")?.extract()?;
        if address == 0 {
            return Err(kedge_error("StrategyError", "a compiled strategy has no function", ""));
        }
        // SAFETY: the address is that of a numba `cfunc` of this signature, which `kedge.strategies.compiled` made and
        // `owner` keeps alive. Whoever puts another number there has left Python's safety as with `ctypes`.
        let entry = unsafe { std::mem::transmute::<usize, Entry>(address) };
        let (subscribed, read): (Vec<String>, Vec<String>) =
            (parts.get_item("subscribe")?.extract()?, parts.get_item("reads")?.extract()?);
        let reads = |names: &[&str]| names.iter().any(|name| read.iter().any(|read| read == name));
        let (state, params): (Bound<'_, PyArray1<u8>>, Bound<'_, PyArray1<u8>>) =
            (parts.get_item("state")?.extract()?, parts.get_item("params")?.extract()?);
        let reads = Reads {
            instrument: reads(&["instrument"]),
            range: reads(&["open", "high", "low"]),
            size: reads(&["size", "buy_size"]),
            position: reads(&["position"]),
            last: reads(&["last"]),
            in_sync: reads(&["in_sync"]),
            touch: reads(&["bid", "ask", "bid_size", "ask_size"]),
            microprice: reads(&["microprice"]),
            levels: reads(&["bid_prices", "bid_sizes", "ask_prices", "ask_sizes"]),
            orders: reads(&[
                "open_orders",
                "orders_left_out",
                "order_ids",
                "order_sides",
                "order_prices",
                "order_sizes",
                "order_filled",
                "order_states",
                "order_pending",
            ]),
            money: reads(&["pnl", "cash"]),
            random: reads(&["random", "normal", "integer", "random_index", "random_key"]),
        };
        Ok(Self {
            name: parts.get_item("name")?.extract()?,
            entry,
            record: Record::new(),
            state: state.data().cast(),
            params: params.data().cast(),
            _arrays: [state.unbind(), params.unbind()],
            looks: reads.standing(),
            reads,
            wants: WAKES.map(|name| subscribed.iter().any(|subscribed| subscribed == name)),
            every: parts.get_item("every")?.extract()?,
            bars: parts.get_item("bars")?.extract()?,
            owner: owner.clone().unbind(),
            raised,
        })
    }

    /// What it is woken for.
    pub(crate) fn interest(&self) -> Interest {
        let [_, book, trade, quote, _, funding, _, fill, order, _] = self.wants;
        Interest { book, trade, quote, funding, fill, order }
    }

    fn begin(&mut self, ctx: &mut Context<'_>) {
        self.every.iter().for_each(|&interval| _ = ctx.every(interval));
        self.bars.iter().for_each(|&interval| _ = ctx.bars(interval));
        let (tick, lot) = (ctx.instrument().tick_size, ctx.instrument().lot_size);
        (self.record.tick, self.record.lot) = (tick.times(1.0), lot.times(1.0));
        (self.record.event, self.record.random_key) = (0, ctx.random().key());
    }

    /// Calls the function; whether it came to its end.
    fn call(&mut self) -> bool {
        (self.record.done, self.record.wishes) = (0, 0);
        // SAFETY: the function takes the record whose layout it was compiled for, and the memory of two arrays that
        // this strategy holds, of the sizes it was compiled for. It keeps none of them, and nobody else looks at them
        // while it runs: whoever runs the engine holds the interpreter's lock.
        counted(|| unsafe { (self.entry)(&raw mut *self.record, self.state, self.params) });
        self.record.done != 0
    }

    #[cold]
    fn what_it_raised(&self) -> PyErr {
        Python::attach(|py| {
            self.owner.bind(py).call_method0("__raised__").map_or_else(|error| error, PyErr::from_value)
        })
    }

    #[cold]
    fn wrong(&self, message: &str) -> PyErr {
        kedge_error("StrategyError", format!("{}: {message}", self.name), "correct what it asks for")
    }
}

impl Strategy for CompiledStrategy {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        match wake {
            Wake::Trade(trade) => traded(&mut self.record, trade, self.reads, ctx.instrument()),
            Wake::Bar(series, bar) => closed(&mut self.record, *series, bar, self.reads, ctx.instrument()),
            Wake::Start => self.begin(ctx),
            wake => happened(&mut self.record, wake, ctx.instrument()),
        }
        if !self.wants[self.record.event as usize] {
            return Ok(());
        }
        (self.record.now, self.record.next_order) = (ctx.now(), ctx.next_order());
        if self.looks {
            standing(&mut self.record, self.reads, ctx);
        }
        if !self.call() {
            return Err(keep(&self.raised, self.what_it_raised(), ctx.now()));
        }
        if self.reads.random {
            ctx.random().go_to(self.record.random_index);
        }
        if self.record.wishes == 0 {
            return Ok(());
        }
        (0..self.record.wishes as usize)
            .try_for_each(|at| wish(&self.record, at, ctx))
            .map_err(|rule| keep(&self.raised, self.wrong(&rule), ctx.now()))
    }
}

fn sign(side: Side) -> i64 {
    side.sign()
}

/// Writes down a trade, as far as the function looks.
#[inline]
#[allow(clippy::cast_precision_loss)]
fn traded(record: &mut Record, trade: &Event, reads: Reads, instrument: &Instrument) {
    (record.event, record.time, record.side) = (2, trade.ts_event, sign(trade.side()));
    record.price = instrument.tick_size.times(trade.price as f64);
    if reads.size {
        record.size = instrument.qty_to_f64(trade.qty);
    }
}

/// Writes down a bar, as far as the function looks.
#[inline]
#[allow(clippy::cast_precision_loss)]
fn closed(record: &mut Record, series: u16, bar: &Bar, reads: Reads, instrument: &Instrument) {
    let price = |ticks: Ticks| instrument.tick_size.times(ticks as f64);
    (record.event, record.number) = (4, i64::from(series));
    (record.price, record.trades, record.time) = (price(bar.close), i64::from(bar.trades), bar.end);
    if reads.range {
        (record.open, record.high, record.low) = (price(bar.open), price(bar.high), price(bar.low));
    }
    if reads.size {
        record.size = instrument.qty_to_f64(bar.volume);
        record.buy_size = instrument.qty_to_f64(bar.buy_volume);
    }
}

/// Writes down what else happened, which does not come as often.
#[inline(never)]
#[allow(clippy::cast_precision_loss)]
fn happened(record: &mut Record, wake: &Wake, instrument: &Instrument) {
    let price = |ticks: Ticks| instrument.tick_size.times(ticks as f64);
    let size = |qty: Qty| instrument.qty_to_f64(qty);
    match wake {
        Wake::Start | Wake::Trade(_) | Wake::Bar(..) => {}
        Wake::Book => record.event = 1,
        Wake::Quote(quote) => {
            record.event = 3;
            (record.quoted_bid, record.quoted_bid_size) = (price(quote.bid), size(quote.bid_qty));
            (record.quoted_ask, record.quoted_ask_size) = (price(quote.ask), size(quote.ask_qty));
        }
        Wake::Funding(rate) => (record.event, record.rate) = (5, *rate as f64 / 1e9),
        Wake::Timer(timer) => (record.event, record.number) = (6, i64::from(*timer)),
        Wake::Fill(order, fill) => {
            (record.event, record.order, record.order_state) = (7, order.id, order.state as i64);
            (record.price, record.size, record.side) = (price(fill.price), size(fill.qty), sign(order.request.side));
            (record.maker, record.fee) = (1 - fill.liquidity as i64, money_to_f64(fill.fee));
        }
        Wake::Order(order) => {
            (record.event, record.order, record.order_state) = (8, order.id, order.state as i64);
            let limit = order.request.kind == OrderKind::Limit;
            record.price = if limit { price(order.request.price) } else { f64::NAN };
            (record.size, record.side) = (size(order.request.qty), sign(order.request.side));
        }
        Wake::Stop => record.event = 9,
    }
}

/// Writes down how things stand, as far as the function looks.
#[inline(never)]
#[allow(clippy::cast_precision_loss)]
fn standing(record: &mut Record, reads: Reads, ctx: &mut Context<'_>) {
    if reads.instrument {
        record.instrument = ctx.which() as i64;
    }
    if reads.random {
        record.random_index = ctx.random().index();
    }
    let (instrument, book) = (ctx.instrument(), ctx.book());
    let price = |ticks: Ticks| instrument.tick_size.times(ticks as f64);
    let size = |qty: Qty| instrument.qty_to_f64(qty);
    if reads.position {
        record.position = size(ctx.position());
    }
    if reads.last {
        record.last = ctx.last_trade().map_or(f64::NAN, price);
    }
    if reads.in_sync {
        record.in_sync = i64::from(book.state() == kedge_core::book::Sync::InSync);
    }
    if reads.touch {
        let best = |side| book.best(side).map_or((f64::NAN, f64::NAN), |at| (price(at), size(book.qty(side, at))));
        (record.bid, record.bid_size) = best(Side::Buy);
        (record.ask, record.ask_size) = best(Side::Sell);
    }
    if reads.microprice {
        record.microprice = instrument.tick_size.times(ctx.microprice());
    }
    if reads.levels {
        let Record { bid_prices, bid_sizes, ask_prices, ask_sizes, .. } = record;
        for (side, prices, sizes) in [(Side::Buy, bid_prices, bid_sizes), (Side::Sell, ask_prices, ask_sizes)] {
            let mut levels = book.levels(side);
            for at in 0..LEVELS {
                let level = levels.next();
                (prices[at], sizes[at]) = level.map_or((f64::NAN, f64::NAN), |(at, qty)| (price(at), size(qty)));
            }
        }
    }
    if reads.money {
        (record.pnl, record.cash) = (money_to_f64(ctx.pnl()), money_to_f64(ctx.cash()));
    }
    if reads.orders {
        (record.open_orders, record.orders_left_out) = (0, 0);
        for (at, order) in ctx.orders().enumerate() {
            if at >= ORDERS {
                record.orders_left_out += 1;
                continue;
            }
            let limit = order.request.kind == OrderKind::Limit;
            record.open_orders = at as i64 + 1;
            record.order_ids[at] = order.id;
            record.order_sides[at] = sign(order.request.side);
            record.order_prices[at] = if limit { price(order.request.price) } else { f64::NAN };
            (record.order_sizes[at], record.order_filled[at]) = (size(order.request.qty), size(order.filled));
            record.order_states[at] = order.state as i64;
            record.order_pending[at] = i64::from(order.pending != kedge_core::order::Pending::None);
        }
    }
}

/// Asks for what the function wished for.
///
/// # Errors
/// The rule that the wish breaks.
fn wish(record: &Record, at: usize, ctx: &mut Context<'_>) -> Result<(), String> {
    if at >= WISHES {
        return Err(format!("at most {WISHES} wishes in one wake-up, made {}", record.wishes));
    }
    let (price, size) = (record.wish_prices[at], record.wish_sizes[at]);
    match record.wish_kinds[at] {
        kind @ (1 | 2) => {
            let side = if kind == 1 { Side::Buy } else { Side::Sell };
            let qty = amounts::positive_steps(size, ctx.instrument())?;
            let (kind, ticks) = match price {
                price if price.is_nan() => (OrderKind::Market, 0),
                price => (OrderKind::Limit, ticks_of(price, ctx.instrument(), side)?),
            };
            let time_in_force = time_in_force(kind, record.wish_tifs[at])?;
            ctx.submit(side, kind, time_in_force, ticks, qty);
        }
        3 => ctx.cancel(record.wish_orders[at]),
        4 => ctx.cancel_all(),
        5 => {
            let Some(open) = ctx.order(record.wish_orders[at]).map(|order| order.request) else { return Ok(()) };
            let given = |value: f64| (!value.is_nan()).then_some(value);
            let ticks = given(price).map(|price| ticks_of(price, ctx.instrument(), open.side)).transpose()?;
            let qty = given(size).map(|size| amounts::positive_steps(size, ctx.instrument())).transpose()?;
            ctx.amend(record.wish_orders[at], ticks.unwrap_or(open.price), qty.unwrap_or(open.qty));
        }
        6 => {
            let qty = amounts::positive_steps(size, ctx.instrument())?;
            let side = |price: f64, side| {
                (!price.is_nan()).then_some(price).map(|price| ticks_of(price, ctx.instrument(), side)).transpose()
            };
            let (bid, ask) = (side(price, Side::Buy)?, side(record.wish_asks[at], Side::Sell)?);
            ctx.quote(bid, ask, qty);
        }
        7 => {
            let qty = amounts::steps(size, ctx.instrument());
            ctx.target(qty.ok_or_else(|| format!("size must be a finite number, was {size}"))?);
        }
        other => return Err(format!("there is no wish {other}")),
    }
    Ok(())
}

fn ticks_of(price: f64, instrument: &Instrument, side: Side) -> Result<Ticks, String> {
    amounts::ticks(price, instrument, side).ok_or_else(|| format!("price must be a finite number, was {price}"))
}

fn time_in_force(kind: OrderKind, code: i64) -> Result<TimeInForce, String> {
    Ok(match (kind, code) {
        (OrderKind::Market, 0 | 1) | (OrderKind::Limit, 1) => TimeInForce::Ioc,
        (_, 2) => TimeInForce::Fok,
        (OrderKind::Limit, 0) => TimeInForce::Gtc,
        (OrderKind::Limit, 3) => TimeInForce::PostOnly,
        _ => return Err(format!("tif must be GTC, IOC, FOK or (limit orders) POST_ONLY, was {code}")),
    })
}
