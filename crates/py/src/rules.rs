//! Rules from Python: checked when they are read, made when they take their seat.

use std::collections::BTreeMap;

use kedge_core::rule::{Definition, RuleError, RuleStrategy};
use pyo3::prelude::*;

use crate::errors::kedge_error;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(check_rule, module)?)
}

/// Raises a `StrategyError` where a rule (JSON of its keys) means nothing with these values of its parameters.
#[pyfunction]
fn check_rule(definition: &str, parameters: BTreeMap<String, f64>) -> PyResult<()> {
    rule(definition, &parameters).map(|_| ())
}

/// The rule of a definition.
///
/// # Errors
/// A `StrategyError` naming the key, the column and what was expected.
pub(crate) fn rule(definition: &str, parameters: &BTreeMap<String, f64>) -> PyResult<RuleStrategy> {
    let refused = |error: RuleError| kedge_error("StrategyError", error.what, error.hint);
    let definition: Definition = serde_json::from_str(definition)
        .map_err(|error| kedge_error("StrategyError", format!("the rule cannot be read: {error}"), ""))?;
    RuleStrategy::new(definition, parameters).map_err(refused)
}
