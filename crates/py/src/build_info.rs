//! What `kedge doctor` asks of the extension: which version it is, and whether it was built to be fast.
use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("__build__", if cfg!(debug_assertions) { "debug" } else { "release" })
}
