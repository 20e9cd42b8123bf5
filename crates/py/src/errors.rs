//! One Rust error, one Python class of `kedge.model.errors`.

use pyo3::prelude::*;

/// The error of this class with what happened and what to do next.
pub(crate) fn kedge_error(class: &str, message: impl Into<String>, hint: impl Into<String>) -> PyErr {
    let (message, hint) = (message.into(), hint.into());
    Python::attach(|py| {
        let raised = py
            .import("kedge.model.errors")
            .and_then(|errors| errors.getattr(class))
            .and_then(|class| class.call1((message, hint)));
        raised.map_or_else(|error| error, PyErr::from_value)
    })
}
