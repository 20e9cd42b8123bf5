//! Seeded worlds, each run at every pace and twice: one trace, one blotter, and what must be true of every run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kedge_core::simulation::Pace;
use kedge_sim::check::{invariants, same};
use kedge_sim::coverage::Coverage;
use kedge_sim::world::{Way, World};

const SEEDS: u64 = 1_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number, was {text}")))
}

fn run(seed: u64, coverage: &mut Coverage) {
    let world = World::new(seed);
    let bulk = world.run(Way::Whole(Pace::Bulk));
    let story = invariants(&world, &bulk);
    let again = [
        ("in bulk again", Way::Whole(Pace::Bulk)),
        ("by step", Way::Whole(Pace::Step)),
        ("by step again", Way::Whole(Pace::Step)),
        ("in slices", Way::Slices(Pace::Bulk, seed)),
        ("in other slices", Way::Slices(Pace::Bulk, seed + 1)),
        ("with uncut recordings", Way::Uncut),
        ("in slices, each at a pace of its own", Way::Mixed(seed)),
    ];
    for (what, way) in again {
        same(&world, &bulk, &world.run(way), what);
    }
    coverage.count(&world, &bulk, &story);
}

/// `KEDGE_SIM_SEEDS` worlds (1,000 if it is not set), or the one of `KEDGE_SIM_SEED`.
#[test]
fn every_pace_gives_one_trace_in_every_world() {
    let seeds = match number("KEDGE_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KEDGE_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let (mut failures, mut coverage) = (Vec::new(), Coverage::default());
    for seed in seeds.clone() {
        if let Err(cause) = catch_unwind(AssertUnwindSafe(|| run(seed, &mut coverage))) {
            let text = cause.downcast_ref::<String>().map_or("see above", String::as_str);
            failures.push(format!("KEDGE_SIM_SEED={seed} cargo test -p kedge-sim\n  {text}"));
        }
    }
    let (shown, worlds) = (failures.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n"), seeds.count());
    assert!(failures.is_empty(), "{} of {worlds} worlds failed; each alone:\n{shown}", failures.len());
    let table = coverage.table();

    assert!(worlds < SEEDS as usize || coverage.missing().is_empty(), "never: {:?}\n{table}", coverage.missing());
}
