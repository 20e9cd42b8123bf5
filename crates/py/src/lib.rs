//! Python's door to the engine.
use pyo3::prelude::*;

mod build_info;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    build_info::register(module)
}
