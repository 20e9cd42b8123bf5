//! What `ctx` has of prices, timers, bars and indicators.

use pyo3::prelude::*;

use crate::amounts;
use crate::clocks::Clocks;
use crate::happenings::{PyQuote, Told};
use crate::indicators::{self, Argument, Handle, PyAdx, PyBands, PyIndicator, PyMacd, PyStochastic};
use crate::window::Window;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyFeatures>()
}

/// Prices, timers, bars and indicators of one strategy: what `Context` is made from. Valid within a callback only.
#[pyclass(name = "Features", module = "kedge._core", subclass)]
pub(crate) struct PyFeatures {
    window: Window,
    /// The bar series made last, which indicators follow.
    series: Option<u16>,
}

impl PyFeatures {
    pub(crate) fn new(window: Window) -> Self {
        Self { window, series: None }
    }

    fn ask(&self, name: &'static str, given: &[Argument<'_, '_>], on: Option<&str>) -> PyResult<Handle> {
        indicators::ask(&self.window, self.series, name, given, on)
    }
}

#[pymethods]
impl PyFeatures {
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

    /// Price of the last trade; None before the first.
    #[getter]
    #[allow(clippy::cast_precision_loss)]
    fn last(&self) -> PyResult<Option<f64>> {
        self.window.look(|ctx| ctx.last_trade().map(|price| ctx.instrument().tick_size.times(price as f64)))
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

    /// Calls `on_bar` at the close of every bar of one clock; returns the number of the series.
    #[pyo3(signature = (interval=None, *, ticks=None, volume=None, dollar=None, imbalance=None, span=20))]
    fn bars(
        &mut self,
        interval: Option<&Bound<'_, PyAny>>,
        ticks: Option<&Bound<'_, PyAny>>,
        volume: Option<&Bound<'_, PyAny>>,
        dollar: Option<&Bound<'_, PyAny>>,
        imbalance: Option<&Bound<'_, PyAny>>,
        span: i64,
    ) -> PyResult<u16> {
        let clock = Clocks { interval, ticks, volume, dollar, imbalance, span }.one(&self.window)?;
        let series = self.window.look(|ctx| ctx.bars(clock))?;
        self.series = Some(series);
        Ok(series)
    }

    /// An exponential moving average of the closes, begun at the mean of the first or (`seed="first"`) at the first.
    #[pyo3(signature = (period, *, seed=None, on=None), text_signature = "($self, period, *, seed=\"mean\", on=None)")]
    fn ema(
        &self,
        period: &Bound<'_, PyAny>,
        seed: Option<&Bound<'_, PyAny>>,
        on: Option<&str>,
    ) -> PyResult<PyIndicator> {
        Ok(self.ask("ema", &[("period", Some(period)), ("seed", seed)], on)?.output(0))
    }

    /// A simple moving average of the closes.
    #[pyo3(signature = (period, *, on=None))]
    fn sma(&self, period: &Bound<'_, PyAny>, on: Option<&str>) -> PyResult<PyIndicator> {
        Ok(self.ask("sma", &[("period", Some(period))], on)?.output(0))
    }

    /// A moving average of the closes, the newest weighing most.
    #[pyo3(signature = (period, *, on=None))]
    fn wma(&self, period: &Bound<'_, PyAny>, on: Option<&str>) -> PyResult<PyIndicator> {
        Ok(self.ask("wma", &[("period", Some(period))], on)?.output(0))
    }

    /// The relative strength index, from 0 to 100.
    #[pyo3(signature = (period=None, *, on=None), text_signature = "($self, period=14, *, on=None)")]
    fn rsi(&self, period: Option<&Bound<'_, PyAny>>, on: Option<&str>) -> PyResult<PyIndicator> {
        Ok(self.ask("rsi", &[("period", period)], on)?.output(0))
    }

    /// Two averages' difference, its own average and the difference of both.
    #[pyo3(
        signature = (fast=None, slow=None, signal=None, *, on=None),
        text_signature = "($self, fast=12, slow=26, signal=9, *, on=None)"
    )]
    fn macd(
        &self,
        py: Python<'_>,
        fast: Option<&Bound<'_, PyAny>>,
        slow: Option<&Bound<'_, PyAny>>,
        signal: Option<&Bound<'_, PyAny>>,
        on: Option<&str>,
    ) -> PyResult<PyMacd> {
        self.ask("macd", &[("fast", fast), ("slow", slow), ("signal", signal)], on)?.macd(py)
    }

    /// The average true range.
    #[pyo3(signature = (period=None, *, on=None), text_signature = "($self, period=14, *, on=None)")]
    fn atr(&self, period: Option<&Bound<'_, PyAny>>, on: Option<&str>) -> PyResult<PyIndicator> {
        Ok(self.ask("atr", &[("period", period)], on)?.output(0))
    }

    /// The average directional index and its two directional indicators.
    #[pyo3(signature = (period=None, *, on=None), text_signature = "($self, period=14, *, on=None)")]
    fn adx(&self, py: Python<'_>, period: Option<&Bound<'_, PyAny>>, on: Option<&str>) -> PyResult<PyAdx> {
        self.ask("adx", &[("period", period)], on)?.adx(py)
    }

    /// So many standard deviations about the mean of the closes.
    #[pyo3(
        signature = (period=None, deviations=None, *, on=None),
        text_signature = "($self, period=20, deviations=2.0, *, on=None)"
    )]
    fn bollinger(
        &self,
        py: Python<'_>,
        period: Option<&Bound<'_, PyAny>>,
        deviations: Option<&Bound<'_, PyAny>>,
        on: Option<&str>,
    ) -> PyResult<PyBands> {
        self.ask("bollinger", &[("period", period), ("deviations", deviations)], on)?.bands(py)
    }

    /// A multiple of the average true range about an average of the closes.
    #[pyo3(
        signature = (period=None, multiplier=None, atr=None, *, on=None),
        text_signature = "($self, period=20, multiplier=2.0, atr=10, *, on=None)"
    )]
    fn keltner(
        &self,
        py: Python<'_>,
        period: Option<&Bound<'_, PyAny>>,
        multiplier: Option<&Bound<'_, PyAny>>,
        atr: Option<&Bound<'_, PyAny>>,
        on: Option<&str>,
    ) -> PyResult<PyBands> {
        self.ask("keltner", &[("period", period), ("multiplier", multiplier), ("atr", atr)], on)?.bands(py)
    }

    /// The highest high and the lowest low, and halfway between.
    #[pyo3(signature = (period=None, *, on=None), text_signature = "($self, period=20, *, on=None)")]
    fn donchian(&self, py: Python<'_>, period: Option<&Bound<'_, PyAny>>, on: Option<&str>) -> PyResult<PyBands> {
        self.ask("donchian", &[("period", period)], on)?.bands(py)
    }

    /// Where the close lies between low and high, in per cent, smoothed (`k`), and that smoothed again (`d`).
    #[pyo3(
        signature = (period=None, smooth=None, signal=None, *, on=None),
        text_signature = "($self, period=14, smooth=3, signal=3, *, on=None)"
    )]
    fn stochastic(
        &self,
        py: Python<'_>,
        period: Option<&Bound<'_, PyAny>>,
        smooth: Option<&Bound<'_, PyAny>>,
        signal: Option<&Bound<'_, PyAny>>,
        on: Option<&str>,
    ) -> PyResult<PyStochastic> {
        self.ask("stochastic", &[("period", period), ("smooth", smooth), ("signal", signal)], on)?.stochastic(py)
    }

    /// On-balance volume.
    #[pyo3(signature = (*, on=None))]
    fn obv(&self, on: Option<&str>) -> PyResult<PyIndicator> {
        Ok(self.ask("obv", &[], on)?.output(0))
    }

    /// The volume-weighted average price since midnight UTC, or of the last `period` bars.
    #[pyo3(signature = (period=None, *, on=None), text_signature = "($self, period=0, *, on=None)")]
    fn vwap(&self, period: Option<&Bound<'_, PyAny>>, on: Option<&str>) -> PyResult<PyIndicator> {
        Ok(self.ask("vwap", &[("period", period)], on)?.output(0))
    }
}
