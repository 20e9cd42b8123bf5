//! Indicators as a Python strategy asks for them and reads them.

use kedge_core::engine::Context;
use kedge_core::feature::{Clock, FeatureError, Given, IndicatorId, Reading, Spec};
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::kedge_error;
use crate::window::Window;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyIndicator>()?;
    module.add_class::<PyMacd>()?;
    module.add_class::<PyAdx>()?;
    module.add_class::<PyBands>()?;
    module.add_class::<PyStochastic>()
}

pub(crate) fn refused(error: FeatureError) -> PyErr {
    kedge_error("StrategyError", error.what, error.hint)
}

/// A parameter's name and what was given for it, if anything was.
pub(crate) type Argument<'a, 'py> = (&'static str, Option<&'a Bound<'py, PyAny>>);

/// Asks the core for an indicator over the bars of a series, or of another clock.
///
/// # Errors
/// A `StrategyError` where there are no bars to follow, or naming the parameter, its value and its bounds.
pub(crate) fn ask(
    window: &Window,
    series: Option<u16>,
    name: &'static str,
    arguments: &[Argument<'_, '_>],
    on: Option<&str>,
) -> PyResult<Handle> {
    let mut given = Vec::new();
    for (parameter, value) in arguments {
        let Some(value) = value else { continue };
        let told = if let Ok(number) = value.extract::<f64>() {
            Given::Number(number)
        } else if let Ok(word) = value.cast::<PyString>() {
            Given::Word(word.to_str()?)
        } else {
            let message = format!("{name}: {parameter} must be a number, was {value}");
            return Err(kedge_error("StrategyError", message, "pass an int"));
        };
        given.push((Some(*parameter), told));
    }
    let spec = Spec::new(name, &given).map_err(refused)?;
    let id = window.look(|ctx| {
        let series = match on {
            Some(clock) => Some(ctx.series(Clock::parse(clock, ctx.instrument())?)),
            None => series,
        };
        Ok(series.map(|series| ctx.indicator(series, spec)))
    })?;
    let Some(id) = id.map_err(refused)? else {
        let hint = "call ctx.bars(\"1s\") before it, or say on=\"trades\"";
        return Err(kedge_error("StrategyError", format!("ctx.{name} needs bars"), hint));
    };
    Ok(Handle { window: window.clone(), id })
}

/// Where an indicator is read.
#[derive(Clone)]
pub(crate) struct Handle {
    window: Window,
    id: IndicatorId,
}

impl Handle {
    fn read<R>(&self, f: impl FnOnce(&Reading) -> R) -> PyResult<R> {
        self.window.look(|ctx: &mut Context<'_>| f(ctx.reading(self.id)))
    }

    /// One of its outputs.
    pub(crate) fn output(&self, at: usize) -> PyIndicator {
        PyIndicator { handle: self.clone(), at }
    }

    pub(crate) fn macd(&self, py: Python<'_>) -> PyResult<PyMacd> {
        let [line, signal, histogram] = self.outputs(py)?;
        Ok(PyMacd { handle: self.clone(), line, signal, histogram })
    }

    pub(crate) fn adx(&self, py: Python<'_>) -> PyResult<PyAdx> {
        let [value, plus, minus] = self.outputs(py)?;
        Ok(PyAdx { handle: self.clone(), value, plus, minus })
    }

    pub(crate) fn bands(&self, py: Python<'_>) -> PyResult<PyBands> {
        let [upper, middle, lower] = self.outputs(py)?;
        Ok(PyBands { handle: self.clone(), upper, middle, lower })
    }

    pub(crate) fn stochastic(&self, py: Python<'_>) -> PyResult<PyStochastic> {
        let [k, d, _] = self.outputs(py)?;
        Ok(PyStochastic { handle: self.clone(), k, d })
    }

    fn outputs(&self, py: Python<'_>) -> PyResult<[Py<PyIndicator>; 3]> {
        Ok([Py::new(py, self.output(0))?, Py::new(py, self.output(1))?, Py::new(py, self.output(2))?])
    }
}

/// A value of an indicator of the core: reads like a float, and is one in comparisons and arithmetic.
#[pyclass(name = "Indicator", module = "kedge._core", frozen)]
pub(crate) struct PyIndicator {
    handle: Handle,
    at: usize,
}

impl PyIndicator {
    fn read(&self) -> PyResult<f64> {
        self.handle.read(|reading| reading.now()[self.at])
    }

    fn read_previous(&self) -> PyResult<f64> {
        self.handle.read(|reading| reading.previous()[self.at])
    }

    /// Values before and now of this and of another, or of a number twice.
    fn both(&self, other: &Bound<'_, PyAny>) -> PyResult<[f64; 4]> {
        let (before, now) = match other.cast::<PyIndicator>() {
            Ok(other) => (other.get().read_previous()?, other.get().read()?),
            Err(_) => (number(other)?, number(other)?),
        };
        Ok([self.read_previous()?, before, self.read()?, now])
    }
}

fn number(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    match value.cast::<PyIndicator>() {
        Ok(indicator) => indicator.get().read(),
        Err(_) => value.extract().map_err(|_| PyTypeError::new_err(format!("expected a number, was {value}"))),
    }
}

#[pymethods]
impl PyIndicator {
    /// The value after the last bar; NaN until it is warm.
    #[getter]
    fn value(&self) -> PyResult<f64> {
        self.read()
    }

    /// The value after the bar before that.
    #[getter]
    fn previous(&self) -> PyResult<f64> {
        self.read_previous()
    }

    /// Whether it has seen as many bars as it needs.
    #[getter]
    fn warm(&self) -> PyResult<bool> {
        self.handle.read(Reading::is_warm)
    }

    /// The same as `warm`.
    #[getter]
    fn ready(&self) -> PyResult<bool> {
        self.warm()
    }

    /// How many bars it needs.
    #[getter]
    fn warmup(&self) -> PyResult<u32> {
        self.handle.read(Reading::warmup)
    }

    /// Whether it was at or below another (or a number) after the bar before, and is above it now.
    fn crossed_above(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.both(other).map(|[before, other_before, now, other_now]| before <= other_before && now > other_now)
    }

    /// Whether it was at or above another (or a number) after the bar before, and is below it now.
    fn crossed_below(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.both(other).map(|[before, other_before, now, other_now]| before >= other_before && now < other_now)
    }

    fn __float__(&self) -> PyResult<f64> {
        self.read()
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<bool> {
        let (left, right) = (self.read()?, number(other)?);
        Ok(match op {
            CompareOp::Lt => left < right,
            CompareOp::Le => left <= right,
            CompareOp::Eq => left == right,
            CompareOp::Ne => left != right,
            CompareOp::Gt => left > right,
            CompareOp::Ge => left >= right,
        })
    }

    fn __add__(&self, other: &Bound<'_, PyAny>) -> PyResult<f64> {
        Ok(self.read()? + number(other)?)
    }

    fn __radd__(&self, other: &Bound<'_, PyAny>) -> PyResult<f64> {
        Ok(number(other)? + self.read()?)
    }

    fn __sub__(&self, other: &Bound<'_, PyAny>) -> PyResult<f64> {
        Ok(self.read()? - number(other)?)
    }

    fn __rsub__(&self, other: &Bound<'_, PyAny>) -> PyResult<f64> {
        Ok(number(other)? - self.read()?)
    }

    fn __mul__(&self, other: &Bound<'_, PyAny>) -> PyResult<f64> {
        Ok(self.read()? * number(other)?)
    }

    fn __rmul__(&self, other: &Bound<'_, PyAny>) -> PyResult<f64> {
        Ok(number(other)? * self.read()?)
    }

    fn __truediv__(&self, other: &Bound<'_, PyAny>) -> PyResult<f64> {
        Ok(self.read()? / number(other)?)
    }

    fn __rtruediv__(&self, other: &Bound<'_, PyAny>) -> PyResult<f64> {
        Ok(number(other)? / self.read()?)
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(self.read()?.to_string())
    }
}

macro_rules! several {
    ($(#[$doc:meta])* $type:ident, $name:literal, $($output:ident),+) => {
        $(#[$doc])*
        #[pyclass(name = $name, module = "kedge._core", frozen)]
        pub(crate) struct $type {
            handle: Handle,
            $(#[pyo3(get)] $output: Py<PyIndicator>,)+
        }

        #[pymethods]
        impl $type {
            /// Whether it has seen as many bars as it needs.
            #[getter]
            fn warm(&self) -> PyResult<bool> {
                self.handle.read(Reading::is_warm)
            }

            /// How many bars it needs.
            #[getter]
            fn warmup(&self) -> PyResult<u32> {
                self.handle.read(Reading::warmup)
            }
        }
    };
}

several!(
    /// What `ctx.macd` gives.
    PyMacd, "Macd", line, signal, histogram
);
several!(
    /// What `ctx.adx` gives.
    PyAdx, "Adx", value, plus, minus
);
several!(
    /// What `ctx.bollinger`, `ctx.keltner` and `ctx.donchian` give.
    PyBands, "Bands", upper, middle, lower
);
several!(
    /// What `ctx.stochastic` gives.
    PyStochastic, "Stochastic", k, d
);
