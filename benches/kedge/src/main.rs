//! Kedge's side of the benches: runs one workload once and prints one JSON line, as each rival's script does.
//!
//! `kedge-bench DATA --mode replay|mm|mm_keep|cross_trades|cross_bars` with, where they make sense, `--queue
//! power|log|risk`, `--pace bulk|step`, `--views one|two`, `--strategies N` and `--blocks N`; `DATA` names columns
//! under `benches/data`. Timed is the run only; reading the columns and laying out both sides' feeds come before it.
//! With `--views one` one book serves the venue and us where that is the same; with `--strategies N` so many of them
//! run, each with an account of its own, in steps of 100 ms; with `--blocks N` the data is replayed so many times.
#![forbid(unsafe_code)]

mod columns;
mod cross;
mod many;
mod stream;
mod w1;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kedge_core::instrument::money_to_f64;
use kedge_core::matching::QueueModel;
use kedge_core::simulation::Pace;
use rustix::time::{ClockId, clock_gettime};

use columns::Market;
use cross::Over;
use w1::{Mode, Outcome, Setup};

const USAGE: &str = "kedge-bench DATA --mode replay|mm|mm_keep|cross_trades|cross_bars [--queue power|log|risk] \
    [--pace bulk|step] [--views one|two] [--strategies N] [--blocks N]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(line) => ExitCode::from(u8::from(writeln!(std::io::stdout(), "{line}").is_err())),
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "kedge-bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: impl Iterator<Item = String>) -> Result<String, String> {
    let (data, setup) = parse(arguments)?;
    if let Mode::Cross(over) = setup.mode {
        let market = Market::read_without_snapshot(&data)?;
        let mut prepared = cross::prepare(&market, over, setup.pace);
        let (wall, cpu) = timed(|| prepared.run());
        return Ok(json(market.events(), wall, cpu, &prepared.outcome()?).to_string());
    }
    let market = Market::read(&data)?;
    if setup.blocks > 0 {
        return stream::run(&market, setup, setup.blocks).map(|line| line.to_string());
    }
    if setup.strategies > 0 {
        return many::run(&market, setup, setup.strategies).map(|line| line.to_string());
    }
    let mut prepared = w1::prepare(&market, setup);
    let (wall, cpu) = timed(|| prepared.run());
    Ok(json(market.events(), wall, cpu, &prepared.outcome()?).to_string())
}

/// How long it takes, by the clock and in CPU time.
fn timed(work: impl FnOnce()) -> (Duration, Duration) {
    let (wall, cpu) = (Instant::now(), cpu_time());
    work();
    (wall.elapsed(), cpu_time() - cpu)
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<(String, Setup), String> {
    let data = arguments.next().ok_or(USAGE)?;
    let mut setup = Setup {
        mode: Mode::Replay,
        queue: QueueModel::Power(2.0),
        pace: Pace::Bulk,
        strategies: 0,
        shares: false,
        blocks: 0,
    };
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{option}` needs a value. {USAGE}"))?;
        match (option.as_str(), value.as_str()) {
            ("--mode", "replay") => setup.mode = Mode::Replay,
            ("--mode", "mm") => setup.mode = Mode::Quote { keep: false },
            ("--mode", "mm_keep") => setup.mode = Mode::Quote { keep: true },
            ("--mode", "cross_trades") => setup.mode = Mode::Cross(Over::Trades),
            ("--mode", "cross_bars") => setup.mode = Mode::Cross(Over::Bars),
            ("--strategies", count) => setup.strategies = number("--strategies", count)?,
            ("--blocks", count) => setup.blocks = number("--blocks", count)?,
            ("--queue", "power") => setup.queue = QueueModel::Power(2.0),
            ("--queue", "log") => setup.queue = QueueModel::Log(1.0),
            ("--queue", "risk") => setup.queue = QueueModel::RiskAverse,
            ("--pace", "bulk") => setup.pace = Pace::Bulk,
            ("--views", "one") => setup.shares = true,
            ("--views", "two") => setup.shares = false,
            ("--pace", "step") => setup.pace = Pace::Step,
            _ => return Err(format!("`{option} {value}` is not known. {USAGE}")),
        }
    }
    Ok((data, setup))
}

fn number(option: &str, text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| format!("`{option} {text}` is no number above 0. {USAGE}"))
}

/// CPU time of this process so far, all threads.
pub(crate) fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Memory of this process in MB, as the system counts it.
pub(crate) fn rss_mb() -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|e| format!("/proc/self/status: {e}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the system tells no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().map_err(|e| format!("VmRSS {line}: {e}"))?;
    Ok(kib * 1024.0 / 1e6)
}

fn json(events: usize, wall: Duration, cpu: Duration, outcome: &Outcome) -> serde_json::Value {
    serde_json::json!({
        "engine": "kedge",
        "version": env!("CARGO_PKG_VERSION"),
        "events": events,
        "cpu_s": cpu.as_secs_f64(),
        "wall_s": wall.as_secs_f64(),
        "wakes": outcome.wakes,
        "requests": outcome.requests,
        "fills": outcome.fills,
        "position": outcome.position,
        "fees": money_to_f64(outcome.fees),
        "pnl": money_to_f64(outcome.pnl),
        "best_bid_tick": outcome.touch.0,
        "best_ask_tick": outcome.touch.1,
        "touch_sum": outcome.touch_sum,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(String, Setup), String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let (data, setup) = parsed("w1 --mode mm_keep --queue risk --pace step").unwrap();
        assert_eq!((data.as_str(), setup.mode), ("w1", Mode::Quote { keep: true }));
        assert_eq!((setup.queue, setup.pace), (QueueModel::RiskAverse, Pace::Step));
        for (line, named) in [("", "DATA"), ("w1 --mode", "--mode"), ("w1 --queue fifo", "--queue fifo")] {
            assert!(parsed(line).unwrap_err().contains(named), "{line}");
        }
    }
}
