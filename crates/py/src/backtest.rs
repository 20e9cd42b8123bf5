//! One backtest in one call: columns and strategies in, tables out.

use std::rc::Rc;

use kedge_core::attribution;
use kedge_core::clearing::{ClearingSettings, MarginMode};
use kedge_core::decimal::Step;
use kedge_core::engine::{Engine, EngineSettings, Seat};
use kedge_core::event::Columns;
use kedge_core::instrument::{Instrument, RATE_SCALE, money};
use kedge_core::risk::Limits;
use kedge_core::simulation::{Pace, Simulation};
use kedge_core::types::{InstrumentIx, Money, Nanos, StrategyIx};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde_json::Value;

use crate::columns::HeldColumns;
use crate::errors::kedge_error;
use crate::kinds;
use crate::strategy::Raised;
use crate::tables;
use crate::venue_settings::Venues;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(run_backtest, module)?)
}

/// Parts a run is cut into, so that progress shows, records flow out and Ctrl-C is heard.
const SLICES: i64 = 200;

/// Index of the instrument, limits and seat as JSON, the strategy's object, its base class.
type SeatGiven<'py> = (InstrumentIx, String, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// Runs a backtest.
///
/// `settings` is JSON (see `kedge.backtest.run`), `streams` a list of (instrument definition as JSON, blocks), and
/// `strategies` a list of (index of the instrument, limits and seat as JSON, strategy object, base class); without an
/// object it is one more instrument of the strategy before it.
/// `on_slice(time, records)` is called between slices of the run with the records made since. With `alone` a strategy
/// that raises is stopped and the others go on.
#[pyfunction]
#[pyo3(signature = (settings, streams, strategies, step, on_slice=None, alone=false))]
fn run_backtest<'py>(
    py: Python<'py>,
    settings: &str,
    streams: Vec<(String, Vec<Bound<'py, PyAny>>)>,
    strategies: Vec<SeatGiven<'py>>,
    step: bool,
    on_slice: Option<Bound<'py, PyAny>>,
    alone: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let settings = Settings::parse(settings)?;
    let instruments: Vec<Instrument> = streams.iter().map(|stream| instrument(&stream.0)).collect::<PyResult<_>>()?;
    let held: Vec<Vec<HeldColumns<'py>>> =
        streams.iter().map(|stream| stream.1.iter().map(HeldColumns::hold).collect()).collect::<PyResult<_>>()?;
    let blocks: Vec<Vec<Columns<'_>>> =
        held.iter().map(|stream| stream.iter().map(HeldColumns::columns).collect()).collect::<PyResult<_>>()?;

    let mut simulation = Simulation::new(Engine::new(settings.engine));
    for (instrument, blocks) in instruments.iter().zip(&blocks) {
        let ix = simulation.add_instrument(instrument.clone(), settings.venues.of(instrument), blocks);
        simulation.set_impact(ix, settings.venues.impact(instrument));
    }
    for (currency, amount) in &settings.deposits {
        simulation.engine().deposit(currency, *amount);
    }
    let mut run = Run { py, on_slice, alone, strategies: 0, raised: Vec::new(), stopped: Vec::new() };
    run.seat(&mut simulation, &settings, &instruments, &strategies)?;
    if let Some(clearing) = &settings.clearing {
        clears(clearing, &instruments)?;
        simulation.clear(clearing.clone());
    }
    if alone {
        simulation.go_on_at_faults();
    }
    let mut feeds = simulation.views();
    run.whole(&mut simulation, if step { Pace::Step } else { Pace::Bulk })?;
    let end = simulation.span().map_or(0, |span| span.1);
    let hindsight = attribution::attribute(simulation.engine(), &mut feeds, strategies.len(), end);
    let tables = tables::results(py, &mut simulation, &instruments, &hindsight)?;
    tables.set_item("stopped", run.stopped)?;
    Ok(tables)
}

/// A run and what comes of it besides the engine's tables.
struct Run<'py> {
    py: Python<'py>,
    on_slice: Option<Bound<'py, PyAny>>,
    alone: bool,
    /// How many there are; one of several instruments has several seats.
    strategies: usize,
    /// What each seat's strategy raised.
    raised: Vec<Raised>,
    /// Strategies that were stopped, and what each raised.
    stopped: Vec<(StrategyIx, Py<PyAny>)>,
}

impl<'py> Run<'py> {
    /// Seats the strategies, those with an account of their own with its capital.
    fn seat(
        &mut self,
        simulation: &mut Simulation<'_>,
        settings: &Settings,
        instruments: &[Instrument],
        strategies: &[SeatGiven<'py>],
    ) -> PyResult<()> {
        for (at, limits, strategy, base) in strategies {
            let instrument =
                instruments.get(usize::from(*at)).ok_or_else(|| invalid("strategies", "no such instrument"))?;
            self.raised.push(Raised::default());
            if strategy.is_none() {
                let limits = parse_limits(limits, instrument)?;
                simulation.engine().add_leg(Seat { instrument: *at, limits, ..Seat::default() });
                continue;
            }
            self.strategies += 1;
            let (interest, strategy) = kinds::seated(strategy, base, Rc::clone(&self.raised[self.raised.len() - 1]))?;
            let (own_account, seed) = parse_seat(limits)?;
            let seat = Seat { instrument: *at, interest, limits: parse_limits(limits, instrument)?, own_account, seed };
            let engine = simulation.engine();
            let strategy = engine.add_strategy(seat, strategy);
            for (currency, amount) in settings.deposits.iter().filter(|_| own_account) {
                engine.deposit_to(strategy + 1, currency, *amount);
            }
        }
        Ok(())
    }

    fn whole(&mut self, simulation: &mut Simulation<'_>, pace: Pace) -> PyResult<()> {
        let Some((start, end)) = simulation.span() else {
            return Err(kedge_error("DataError", "the data has no events", "check the files given to --data"));
        };
        simulation.start(start);
        self.between(simulation, start)?;
        for slice in 1..=SLICES {
            let until = start + ((end - start) as i128 * i128::from(slice) / i128::from(SLICES)) as i64;
            simulation.run(until, pace);
            self.between(simulation, until)?;
        }
        simulation.stop(end);
        self.between(simulation, end)
    }

    fn between(&mut self, simulation: &mut Simulation<'_>, now: Nanos) -> PyResult<()> {
        self.hear(simulation)?;
        self.py.check_signals()?;
        let Some(on_slice) = &self.on_slice else { return Ok(()) };
        let records = simulation.engine().log().drain();
        on_slice.call1((now, PyBytes::new(self.py, &records))).map(|_| ())
    }

    /// Takes what strategies raised since the last call.
    ///
    /// # Errors
    /// It, unless each stops alone; what is no `Exception`, such as an interrupt or a callback that did not end, in any
    /// case; and the last one's when none is left.
    fn hear(&mut self, simulation: &mut Simulation<'_>) -> PyResult<()> {
        let faults: Vec<StrategyIx> =
            simulation.engine().faults()[self.stopped.len()..].iter().map(|fault| fault.0).collect();
        for strategy in faults {
            let error = self.raised[usize::from(strategy)].borrow_mut().take();
            let Some(error) = error else { continue };
            // Whose it is, for whoever tells it.
            error.value(self.py).setattr("kedge_seat", strategy)?;
            let is_last = self.stopped.len() + 1 == self.strategies;
            if !self.alone || is_last || !error.is_instance_of::<PyException>(self.py) {
                return Err(error);
            }
            self.stopped.push((strategy, error.into_value(self.py).into_any()));
        }
        Ok(())
    }
}

/// What a run is set up with.
pub(crate) struct Settings {
    pub(crate) engine: EngineSettings,
    venues: Venues,
    pub(crate) deposits: Vec<(String, Money)>,
    clearing: Option<ClearingSettings>,
}

pub(crate) fn invalid(key: &str, rule: &str) -> PyErr {
    kedge_error("UsageError", format!("backtest setting `{key}`: {rule}"), "")
}

impl Settings {
    pub(crate) fn parse(text: &str) -> PyResult<Self> {
        let json: Value = serde_json::from_str(text).map_err(|error| invalid("settings", &error.to_string()))?;
        let int = |key: &str| json[key].as_i64().filter(|n| *n >= 0);
        let need = |key: &str| int(key).ok_or_else(|| invalid(key, "must be a whole number, 0 or more"));
        let mut deposits = Vec::new();
        for (currency, amount) in json["balances"].as_object().into_iter().flatten() {
            let amount = amount.as_str().and_then(|amount| money(amount).ok());
            deposits.push((currency.clone(), amount.ok_or_else(|| invalid("balances", "amounts are decimal text"))?));
        }
        Ok(Self {
            engine: EngineSettings {
                seed: json["seed"].as_u64().ok_or_else(|| invalid("seed", "must be a whole number, 0 or more"))?,
                sample_every: Some(need("sample_ns")?).filter(|every| *every > 0),
                keep_records: json["keep_records"].as_bool().unwrap_or(false),
            },
            venues: Venues::parse(&json)?,
            deposits,
            clearing: crate::clearing::parse(&json["clearing"])?,
        })
    }
}

/// Refuses margin where an instrument's tiers are not known.
fn clears(settings: &ClearingSettings, instruments: &[Instrument]) -> PyResult<()> {
    let lacks = |instrument: &&Instrument| instrument.kind.is_perpetual() && instrument.margin_tiers.is_empty();
    match instruments.iter().find(lacks) {
        Some(instrument) if settings.margin != MarginMode::None => Err(kedge_error(
            "UsageError",
            format!("{} has no margin tiers: liquidation cannot be simulated", instrument.id),
            "give `margin_tiers` in its definition, or leave liquidation out with margin = \"none\"",
        )),
        _ => Ok(()),
    }
}

/// The definition as a checked instrument.
///
/// # Errors
/// A `UsageError` naming the instrument, field and rule.
pub(crate) fn instrument(definition: &str) -> PyResult<Instrument> {
    Instrument::from_json(definition)
        .map_err(|error| kedge_error("UsageError", error.0, "correct the instruments' definition file"))
}

/// Whether a seat has an account of its own, and its seed.
fn parse_seat(text: &str) -> PyResult<(bool, Option<u64>)> {
    let json: Value = serde_json::from_str(text).map_err(|error| invalid("limits", &error.to_string()))?;
    Ok((json["own_account"].as_bool().unwrap_or(false), json["seed"].as_u64()))
}

pub(crate) fn parse_limits(text: &str, instrument: &Instrument) -> PyResult<Limits> {
    let json: Value = serde_json::from_str(text).map_err(|error| invalid("limits", &error.to_string()))?;
    let text_of = |key: &str| json[key].as_str();
    let wrong = |key: &str| invalid(key, "must be a decimal number");
    let size = |key: &str| {
        let steps = |text: &str| instrument.quantity_step_in_data.count(text.as_bytes()).map_err(|_| wrong(key));
        text_of(key).map(steps).transpose()
    };
    let cash = |key: &str| text_of(key).map(|text| money(text).map_err(|_| wrong(key))).transpose();
    let rate = |key: &str| {
        let rate = |text: &str| Step { mantissa: 1, decimals: 9 }.count(text.as_bytes()).map_err(|_| wrong(key));
        text_of(key).map(rate).transpose()
    };
    let orders_per_second = json["orders_per_second"].as_u64().map(u32::try_from).transpose();
    Ok(Limits {
        order_size: size("order_size")?,
        position: size("position")?,
        order_notional: cash("order_notional")?,
        position_notional: cash("position_notional")?,
        price_band: rate("price_band")?.map(i128::from),
        orders_per_second: orders_per_second.map_err(|_| wrong("orders_per_second"))?,
        stale_after: json["stale_after_ns"].as_i64(),
        daily_loss: cash("daily_loss")?,
        leverage: rate("leverage")?.map_or(RATE_SCALE, i128::from),
        short: match &json["short"] {
            Value::Null => true,
            short => short.as_bool().ok_or_else(|| invalid("short", "must be true or false"))?,
        },
    })
}
