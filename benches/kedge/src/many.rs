//! Many market makers of W1 on one market, each with an account of its own: what 100 ms of all of them take.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use kedge_core::engine::{Engine, EngineSettings, Seat};
use kedge_core::instrument::{money, money_to_f64};
use kedge_core::matching::{FillModel, Latency, VenueSettings};
use kedge_core::simulation::{Pace, Simulation};
use kedge_core::strategy::Interest;
use kedge_core::types::StrategyIx;

use crate::columns::Market;
use crate::w1::{LATENCY, Maker, Seen, Setup, WAKE, limits};
use crate::{cpu_time, rss_mb};

/// Runs `strategies` of them to the end, 100 ms at a time, and tells what each such step took.
///
/// # Errors
/// If a strategy stopped, was refused something, or did otherwise than the first.
pub(crate) fn run(market: &Market, setup: Setup, strategies: u16) -> Result<serde_json::Value, String> {
    let mut simulation =
        Simulation::new(Engine::new(EngineSettings { seed: 0, sample_every: None, keep_records: false }));
    let latency = Latency::constant(LATENCY, LATENCY);
    let settings = VenueSettings { queue: setup.queue, fills: FillModel::Whole, latency };
    let blocks = [market.snapshot.view(), market.rows.view()];
    let instrument = simulation.add_instrument(market.instrument.clone(), settings, &blocks);
    let start = market.rows.ts_event.iter().copied().min().unwrap_or(0);
    let end = simulation.span().map_or(start, |span| span.1);
    let seen: Vec<Rc<Cell<Seen>>> = (0..strategies).map(|_| Rc::default()).collect();
    for (own, seed) in seen.iter().zip(0..) {
        let limits = limits(market.instrument.lot_steps());
        let seat = Seat { instrument, interest: Interest::default(), limits, own_account: true, seed: Some(seed) };
        let maker = Maker::new(setup.mode, market, end, Rc::clone(own));
        let strategy = simulation.engine().add_strategy(seat, Box::new(maker));
        simulation.engine().deposit_to(strategy + 1, "USDT", money("1000000").expect("a decimal"));
    }
    let begun = cpu_time();
    simulation.start(start);
    let mut steps: Vec<Duration> = Vec::new();
    let mut now = start;
    while now < end + 3 * LATENCY {
        now += WAKE;
        let before = cpu_time();
        simulation.run(now, Pace::Bulk);
        steps.push(cpu_time() - before);
    }
    let cpu = cpu_time() - begun;
    check(simulation.engine(), &seen, strategies)?;
    steps.sort_unstable();
    let at = |hundredths: usize| steps[(steps.len() * hundredths).div_ceil(100) - 1].as_secs_f64() * 1e6;
    let engine = simulation.engine();
    let position = *engine.ledger().position(0);
    Ok(serde_json::json!({
        "engine": "kedge",
        "version": env!("CARGO_PKG_VERSION"),
        "events": market.events(),
        "cpu_s": cpu.as_secs_f64(),
        "strategies": strategies,
        "steps": steps.len(),
        "step_us_p50": at(50),
        "step_us_p99": at(99),
        "step_us_max": at(100),
        "rss_mb": rss_mb()?,
        "requests": seen.iter().map(|own| own.get().requests).sum::<u64>(),
        "fills": engine.blotter().fills.len(),
        "position": market.instrument.qty_to_f64(position.qty),
        "pnl": money_to_f64(engine.pnl(0)),
    }))
}

/// All of them must have done the same, as alone.
fn check(engine: &Engine, seen: &[Rc<Cell<Seen>>], strategies: u16) -> Result<(), String> {
    if let Some((strategy, fault)) = engine.faults().first() {
        return Err(format!("strategy {strategy} stopped: {}", fault.0));
    }
    if engine.ledger().imbalance() != 0 {
        return Err(format!("the ledger must sum to zero, was {}", engine.ledger().imbalance()));
    }
    let of = |strategy: StrategyIx| (*engine.ledger().position(strategy), seen[usize::from(strategy)].get().requests);
    for strategy in 0..strategies {
        if engine.tally(strategy).refused.iter().any(|count| *count > 0) {
            return Err(format!("the risk gate must refuse nothing here, refused strategy {strategy}"));
        }
        if of(strategy) != of(0) {
            return Err(format!("strategy {strategy} must do what the first did, {:?}, did {:?}", of(0), of(strategy)));
        }
    }
    Ok(())
}
