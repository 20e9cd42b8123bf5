//! Python's door to the engine: conversions, errors, and nothing that decides.

mod amounts;
mod backtest;
mod columns;
mod context;
mod errors;
mod happenings;
mod strategy;
mod tables;
mod views;
mod window;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(backtest::run_backtest, module)?)?;
    module.add_function(wrap_pyfunction!(strategy::callback_count, module)?)?;
    module.add_class::<context::PyContext>()?;
    module.add_class::<views::PyBook>()?;
    module.add_class::<views::PyIndicator>()?;
    module.add_class::<views::PyRandom>()?;
    module.add_class::<happenings::PyBar>()?;
    module.add_class::<happenings::PyTrade>()?;
    module.add_class::<happenings::PyQuote>()?;
    module.add_class::<happenings::PyOrder>()?;
    module.add_class::<happenings::PyFill>()?;
    Ok(())
}
