//! What runs in a seat: a Python class, a compiled function, a rule, or a strategy that is built in.

use std::collections::BTreeMap;

use kedge_core::engine::Context;
use kedge_core::strategies::{self, BuiltIn};
use kedge_core::strategy::{Fault, Interest, Strategy, Wake};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::compiled::CompiledStrategy;
use crate::errors::kedge_error;
use crate::rules;
use crate::strategy::{PythonStrategy, Raised, keep};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(built_in_strategies, module)?)
}

/// The strategies that are built in: name, what each does, and its parameters.
#[pyfunction]
fn built_in_strategies(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let told = |built_in: &BuiltIn| {
        let out = PyDict::new(py);
        out.set_item("name", built_in.name)?;
        out.set_item("about", built_in.about)?;
        let parameters = built_in.parameters.iter().map(|p| (p.name, p.default, p.whole, p.low, p.high, p.unit));
        out.set_item("parameters", parameters.collect::<Vec<_>>())?;
        Ok(out)
    };
    strategies::BUILT_IN.iter().map(told).collect()
}

/// What a strategy object is woken for, and what is woken.
///
/// # Errors
/// Whatever reading the object raises; a `UsageError` if no such strategy is built in or a parameter does not fit.
pub(crate) fn seated(
    strategy: &Bound<'_, PyAny>,
    base: &Bound<'_, PyAny>,
    raised: Raised,
) -> PyResult<(Interest, Box<dyn Strategy>)> {
    if let Some(parts) = strategy.getattr_opt("__compiled__")? {
        let compiled = CompiledStrategy::new(strategy, &parts, raised)?;
        return Ok((compiled.interest(), Box::new(compiled)));
    }
    if let Some(parts) = strategy.getattr_opt("__built_in__")? {
        let (name, values): (String, Vec<f64>) = parts.extract()?;
        let refuse = |what: String| kedge_error("UsageError", what, "`kedge backtest --help` names those that are");
        let built_in = strategies::find(&name).ok_or_else(|| refuse(format!("no strategy `{name}` is built in")))?;
        let inner = built_in.make(&values).map_err(|what| refuse(format!("rust:{name}: {what}")))?;
        return Ok((built_in.interest, Box::new(Told { name: format!("rust:{name}"), inner, raised })));
    }
    if let Some(parts) = strategy.getattr_opt("__rule__")? {
        let (file, definition, parameters): (String, String, BTreeMap<String, f64>) = parts.extract()?;
        let rule = rules::rule(&definition, &parameters)?;
        return Ok((rule.interest(), Box::new(Told { name: file, inner: Box::new(rule), raised })));
    }
    let python = PythonStrategy::new(strategy, base, raised)?;
    Ok((python.interest(), Box::new(python)))
}

/// A strategy in Rust whose fault is told as an exception.
struct Told {
    name: String,
    inner: Box<dyn Strategy>,
    raised: Raised,
}

impl Strategy for Told {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        self.inner.wake(wake, ctx).map_err(|fault| {
            let message = format!("{}: {}", self.name, fault.0);
            keep(&self.raised, kedge_error("StrategyError", message, "correct its parameters"), ctx.now())
        })
    }
}
