//! What hangs on `ctx`: book, randomness.

use std::collections::BTreeMap;

use kedge_core::book::{Book, Sync};
use kedge_core::instrument::{Instrument, money_to_f64};
use kedge_core::types::{Money, Qty, Side, Ticks};
use pyo3::prelude::*;

use crate::errors::kedge_error;
use crate::window::Window;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyBook>()?;
    module.add_class::<PyPortfolio>()?;
    module.add_class::<PyRandom>()
}

/// The book as we see it. Prices are floats in quote currency, sizes in base units; NaN where a side is empty.
#[pyclass(name = "Book", module = "kedge._core", frozen)]
pub(crate) struct PyBook {
    pub(crate) window: Window,
}

/// Best price and quantity of both sides, in ticks and steps.
fn touch(book: &Book) -> Option<[(Ticks, Qty); 2]> {
    let best = |side| book.best(side).map(|price| (price, book.qty(side, price)));
    Some([best(Side::Buy)?, best(Side::Sell)?])
}

fn parse_side(side: &str) -> PyResult<Side> {
    match side {
        "bid" => Ok(Side::Buy),
        "ask" => Ok(Side::Sell),
        _ => Err(kedge_error("StrategyError", format!("side must be \"bid\" or \"ask\", was \"{side}\""), "")),
    }
}

#[allow(clippy::cast_precision_loss)]
impl PyBook {
    fn best(&self, side: Side) -> PyResult<f64> {
        self.window.look(|ctx| {
            let price = ctx.book().best(side).map(|price| ctx.instrument().tick_size.times(price as f64));
            price.unwrap_or(f64::NAN)
        })
    }

    fn best_size(&self, side: Side) -> PyResult<f64> {
        self.window.look(|ctx| {
            let best = ctx.book().best(side);
            best.map_or(f64::NAN, |price| ctx.instrument().qty_to_f64(ctx.book().qty(side, price)))
        })
    }

    /// A value of both bests, in ticks, as a price.
    fn of_touch(&self, f: impl FnOnce([(Ticks, Qty); 2]) -> f64) -> PyResult<f64> {
        self.window.look(|ctx| touch(ctx.book()).map_or(f64::NAN, |best| ctx.instrument().tick_size.times(f(best))))
    }

    fn ticks(&self, py: Python<'_>, side: Side) -> PyResult<Option<Py<PyAny>>> {
        let Some(ticks) = self.window.look(|ctx| ctx.book().best(side))? else { return Ok(None) };
        Ok(Some(py.import("kedge.strategies.strategy")?.getattr("Ticks")?.call1((ticks,))?.unbind()))
    }
}

#[pymethods]
#[allow(clippy::cast_precision_loss)]
impl PyBook {
    /// Best bid.
    #[getter]
    fn bid(&self) -> PyResult<f64> {
        self.best(Side::Buy)
    }

    /// Best ask.
    #[getter]
    fn ask(&self) -> PyResult<f64> {
        self.best(Side::Sell)
    }

    /// Quantity at the best bid.
    #[getter]
    fn bid_size(&self) -> PyResult<f64> {
        self.best_size(Side::Buy)
    }

    /// Quantity at the best ask.
    #[getter]
    fn ask_size(&self) -> PyResult<f64> {
        self.best_size(Side::Sell)
    }

    /// Best bid in ticks; None where there is none.
    #[getter]
    fn bid_ticks(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.ticks(py, Side::Buy)
    }

    /// Best ask in ticks; None where there is none.
    #[getter]
    fn ask_ticks(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.ticks(py, Side::Sell)
    }

    /// Halfway between the bests.
    #[getter]
    fn mid(&self) -> PyResult<f64> {
        self.of_touch(|[bid, ask]| (bid.0 + ask.0) as f64 * 0.5)
    }

    /// Between the bests, nearer to the side with less: (bid × ask size + ask × bid size) / (bid size + ask size).
    #[getter]
    fn microprice(&self) -> PyResult<f64> {
        self.window.look(|ctx| ctx.instrument().tick_size.times(ctx.microprice()))
    }

    /// Best ask less best bid.
    #[getter]
    fn spread(&self) -> PyResult<f64> {
        self.of_touch(|[bid, ask]| (ask.0 - bid.0) as f64)
    }

    /// (bid size − ask size) / (bid size + ask size) at the bests, from −1 to 1.
    #[getter]
    fn imbalance(&self) -> PyResult<f64> {
        self.window.look(|ctx| {
            touch(ctx.book()).map_or(f64::NAN, |[bid, ask]| (bid.1 - ask.1) as f64 / (bid.1 as f64 + ask.1 as f64))
        })
    }

    /// One tick.
    #[getter]
    fn tick(&self) -> PyResult<f64> {
        self.window.look(|ctx| ctx.instrument().tick_size.times(1.0))
    }

    /// Whether the book is the venue's: no order is let through while it is not.
    #[getter]
    fn in_sync(&self) -> PyResult<bool> {
        self.window.look(|ctx| ctx.book().state() == Sync::InSync)
    }

    /// The best `depth` levels of a side ("bid" or "ask") as (price, size), best first.
    #[pyo3(signature = (side, depth=10))]
    fn levels(&self, side: &str, depth: usize) -> PyResult<Vec<(f64, f64)>> {
        let side = parse_side(side)?;
        self.window.look(|ctx| {
            let instrument = ctx.instrument();
            let level =
                |(price, qty): (Ticks, Qty)| (instrument.tick_size.times(price as f64), instrument.qty_to_f64(qty));
            ctx.book().levels(side).take(depth).map(level).collect()
        })
    }
}

/// The strategy's account: every instrument, and other strategies' positions where it is shared. Money is in the
/// currency of the instrument's prices.
#[pyclass(name = "Portfolio", module = "kedge._core", frozen)]
pub(crate) struct PyPortfolio {
    pub(crate) window: Window,
}

#[pymethods]
impl PyPortfolio {
    /// What it is worth at the middle of the books.
    #[getter]
    fn equity(&self) -> PyResult<f64> {
        self.window.look(|ctx| money_to_f64(ctx.equity()))
    }

    /// Cash by currency.
    #[getter]
    fn cash(&self) -> PyResult<BTreeMap<String, f64>> {
        let told = |(code, amount): &(&str, Money)| ((*code).to_owned(), money_to_f64(*amount));
        self.window.look(|ctx| ctx.balances().iter().map(told).collect())
    }

    /// What is held by instrument, in base units.
    #[getter]
    fn positions(&self) -> PyResult<BTreeMap<String, f64>> {
        let told = |(instrument, qty): &(&Instrument, Qty)| (instrument.id.clone(), instrument.qty_to_f64(*qty));
        self.window.look(|ctx| ctx.holdings().iter().map(told).collect())
    }

    /// Notional of all positions together.
    #[getter]
    fn exposure(&self) -> PyResult<f64> {
        self.window.look(|ctx| money_to_f64(ctx.exposure().0))
    }

    /// Notional of the long positions less that of the short ones.
    #[getter]
    fn net_exposure(&self) -> PyResult<f64> {
        self.window.look(|ctx| money_to_f64(ctx.exposure().1))
    }
}

/// Seeded randomness of one strategy: the same in every run, and untouched by what other strategies draw.
#[pyclass(name = "Random", module = "kedge._core", frozen)]
pub(crate) struct PyRandom {
    pub(crate) window: Window,
}

#[pymethods]
impl PyRandom {
    /// Uniform in [0, 1).
    fn random(&self) -> PyResult<f64> {
        self.window.look(|ctx| ctx.random().uniform())
    }

    /// Normal with this mean and standard deviation.
    #[pyo3(signature = (mean=0.0, deviation=1.0))]
    fn normal(&self, mean: f64, deviation: f64) -> PyResult<f64> {
        self.window.look(|ctx| mean + deviation * ctx.random().normal())
    }

    /// Uniform whole number in low..high, `high` left out.
    fn integer(&self, low: i64, high: i64) -> PyResult<i64> {
        let Some(span) = high.checked_sub(low).and_then(|span| u64::try_from(span).ok()).filter(|span| *span > 0)
        else {
            let message = format!("high must be above low, were {high} and {low}");
            return Err(kedge_error("StrategyError", message, "high itself is never drawn"));
        };
        self.window.look(|ctx| low.wrapping_add_unsigned(ctx.random().below(span)))
    }
}
