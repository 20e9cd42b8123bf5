//! The replay of the same columns again and again, each time later: time and memory of each repetition.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use kedge_core::engine::{Engine, EngineSettings, Seat};
use kedge_core::event::Columns;
use kedge_core::instrument::money;
use kedge_core::matching::{FillModel, Latency, VenueSettings};
use kedge_core::simulation::{Pace, Simulation};
use kedge_core::types::Nanos;

use crate::columns::Market;
use crate::w1::{LATENCY, Maker, Mode, Seen, Setup, WAKE};
use crate::{cpu_time, rss_mb};

/// Replays `blocks` repetitions, each after its own snapshot of the book, and tells what each took.
///
/// # Errors
/// If the strategy stopped, or the system does not tell the memory.
pub(crate) fn run(market: &Market, setup: Setup, blocks: u16) -> Result<serde_json::Value, String> {
    let (snapshot, rows) = (market.snapshot.view(), market.rows.view());
    let (Some(first), Some(last)) = (rows.ts_event.first(), rows.ts_event.last()) else {
        return Err("the data has no rows".into());
    };
    // A repetition's snapshot is later than all that the one before it sent.
    let period = last - first + WAKE;
    let repeated: Vec<Columns<'_>> =
        (0..i64::from(blocks)).flat_map(|block| [snapshot.later(block * period), rows.later(block * period)]).collect();
    let mut simulation =
        Simulation::new(Engine::new(EngineSettings { seed: 0, sample_every: None, keep_records: false }));
    let latency = Latency::constant(LATENCY, LATENCY);
    let settings = VenueSettings { queue: setup.queue, fills: FillModel::Whole, latency };
    let instrument = simulation.add_instrument(market.instrument.clone(), settings, &repeated);
    let seen: Rc<Cell<Seen>> = Rc::default();
    let maker = Maker::new(Mode::Replay, market, Nanos::MAX, Rc::clone(&seen));
    simulation.engine().add_strategy(Seat { instrument, ..Seat::default() }, Box::new(maker));
    simulation.engine().deposit("USDT", money("1000000").expect("a decimal"));
    simulation.start(*first);
    let (mut times, mut memory): (Vec<Duration>, Vec<f64>) = (Vec::new(), Vec::new());
    for block in 0..i64::from(blocks) {
        let before = cpu_time();
        simulation.run(first + (block + 1) * period - 1, Pace::Bulk);
        times.push(cpu_time() - before);
        memory.push(rss_mb()?);
    }
    if let Some((_, fault)) = simulation.engine().faults().first() {
        return Err(format!("the strategy stopped: {}", fault.0));
    }
    Ok(serde_json::json!({
        "engine": "kedge",
        "version": env!("CARGO_PKG_VERSION"),
        "events": market.events() * usize::from(blocks),
        "cpu_s": times.iter().sum::<Duration>().as_secs_f64(),
        "block_s": times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>(),
        "rss_mb": memory,
        "columns_mb": columns_mb(&rows),
        "wakes": seen.get().wakes,
        "requests": 0,
        "fills": 0,
        "position": 0,
        "pnl": 0,
    }))
}

/// What the columns of these rows take.
#[allow(clippy::cast_precision_loss)]
fn columns_mb(rows: &Columns<'_>) -> f64 {
    let bytes = size_of_val(rows.ts_event) + size_of_val(rows.ts_recv) + size_of_val(rows.price);
    (bytes + size_of_val(rows.qty) + size_of_val(rows.flags)) as f64 / 1e6
}
