//! Python's door to the engine: conversions, errors, and nothing that decides.

mod amounts;
mod backtest;
mod build_info;
mod clearing;
mod clocks;
mod columns;
mod commands;
mod compiled;
mod context;
mod decision;
mod errors;
mod exchange;
mod follower;
mod follower_rows;
mod guarded;
mod happenings;
mod indicators;
mod inputs;
mod journal;
mod kinds;
mod live;
mod live_values;
mod market;
mod record;
mod recording;
mod recovery;
mod replay;
mod rules;
mod seated;
mod session;
mod strategy;
mod tables;
mod terms;
mod venue_settings;
mod views;
mod window;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    build_info::register(module)?;
    backtest::register(module)?;
    strategy::register(module)?;
    compiled::register(module)?;
    kinds::register(module)?;
    context::register(module)?;
    views::register(module)?;
    indicators::register(module)?;
    rules::register(module)?;
    happenings::register(module)?;
    recording::register(module)?;
    market::register(module)?;
    exchange::register(module)?;
    journal::register(module)?;
    live::register(module)?;
    replay::register(module)?;
    recovery::register(module)?;
    follower::register(module)?;
    decision::register(module)
}
