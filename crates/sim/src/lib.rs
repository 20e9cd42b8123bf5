//! Seeded worlds: from a seed come instruments, recorded markets, venue settings and strategies, and the same engine
//! runs them at every pace. What must be true of every run is in [`check`].
//!
//! Test-only. A failure prints its seed; `KEDGE_SIM_SEED=<seed> cargo test -p kedge-sim` runs that world alone.

/// Strategies that do anything a strategy may, and some things it may not.
pub mod actor;
/// What must be true of every run.
pub mod check;
/// What happened in them.
pub mod coverage;
/// What a recorder would have written, made from a seed.
pub mod recording;
/// One seeded world, and its runs.
pub mod world;
