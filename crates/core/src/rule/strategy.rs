//! A rule as a strategy: what it is made of, and what it does at each bar.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::expression::{self, Op, Sight, Stack, When};
use super::grammar::{self, Wanted};
use crate::amounts;
use crate::engine::Context;
use crate::feature::{Bar, Clock, IndicatorId};
use crate::strategy::{Fault, Interest, Strategy, Wake};
use crate::types::Qty;

/// A rule as it is written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The clock of its bars, as in `1m`.
    pub bars: String,
    /// Base units to hold, as a number or the name of a parameter.
    pub size: String,
    /// When to go long.
    #[serde(default)]
    pub enter: Option<String>,
    /// When to leave a long position.
    #[serde(default)]
    pub exit: Option<String>,
    /// When to go short.
    #[serde(default)]
    pub enter_short: Option<String>,
    /// When to leave a short position.
    #[serde(default)]
    pub exit_short: Option<String>,
    /// How far the price may go against the position: `1%`, or an amount in quote currency.
    #[serde(default)]
    pub stop: Option<String>,
    /// How far the price has to go for it.
    #[serde(default)]
    pub target: Option<String>,
}

/// What is wrong with a rule: the key, the column where there is one, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// Where and what.
    pub what: String,
    /// What to do next.
    pub hint: String,
}

impl RuleError {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// A distance from what a position cost.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Distance {
    /// Of the price.
    Share(f64),
    /// In quote currency.
    Amount(f64),
}

/// When to be where. A condition that is not given never holds.
#[derive(Clone, Debug, Default)]
struct Conditions {
    enter: Vec<Op>,
    exit: Vec<Op>,
    enter_short: Vec<Op>,
    exit_short: Vec<Op>,
}

/// A rule in its seat.
pub struct RuleStrategy {
    definition: Definition,
    size: f64,
    conditions: Conditions,
    wanted: Vec<Wanted>,
    stop: Option<Distance>,
    target: Option<Distance>,
    /// Of `wanted`, in its order.
    indicators: Vec<IndicatorId>,
    qty: Qty,
    /// The last bar and the one before it, which change places.
    bars: [Bar; 2],
    last: usize,
    warm: bool,
    stack: Stack,
}

impl RuleStrategy {
    /// Reads a rule with the values of its parameters.
    ///
    /// # Errors
    /// Names the key, the column and what was expected there, or the value and its bound.
    pub fn new(definition: Definition, parameters: &BTreeMap<String, f64>) -> Result<Self, RuleError> {
        if let Some(name) = parameters.keys().find(|name| grammar::is_reserved(name)) {
            let what = format!("params: `{name}` is a word of the conditions");
            return Err(RuleError::new(what, "give the parameter another name"));
        }
        let mut wanted = Vec::new();
        let mut condition = |key: &str, text: &Option<String>| {
            let Some(text) = text else { return Ok(Vec::new()) };
            grammar::condition(text, parameters, &mut wanted)
                .map_err(|wrong| RuleError::new(format!("{key}, column {}: {}", wrong.column, wrong.what), wrong.hint))
        };
        let conditions = Conditions {
            enter: condition("enter", &definition.enter)?,
            exit: condition("exit", &definition.exit)?,
            enter_short: condition("enter_short", &definition.enter_short)?,
            exit_short: condition("exit_short", &definition.exit_short)?,
        };
        let distance =
            |key, text: &Option<String>| text.as_ref().map(|text| distance(key, text, parameters)).transpose();
        let (stop, target) = (distance("stop", &definition.stop)?, distance("target", &definition.target)?);
        let size = number(&definition.size, parameters).filter(|size| *size > 0.0).ok_or_else(|| {
            let what = format!("size must be a number above 0 or a parameter, was {}", definition.size);
            RuleError::new(what, "it is in base units")
        })?;
        let rule = Self {
            definition,
            size,
            conditions,
            wanted,
            stop,
            target,
            indicators: Vec::new(),
            qty: 0,
            bars: [Bar::default(); 2],
            last: 0,
            warm: false,
            stack: Stack::default(),
        };
        rule.check()?;
        Ok(rule)
    }

    /// A rule that can enter must be able to leave.
    fn check(&self) -> Result<(), RuleError> {
        let Conditions { enter, exit, enter_short, exit_short } = &self.conditions;
        if enter.is_empty() && enter_short.is_empty() {
            return Err(RuleError::new("the rule never enters", "say when with enter or enter_short"));
        }
        let watched = self.stop.is_some() || self.target.is_some();
        let sides = [
            ("enter", enter, "exit", exit, enter_short),
            ("enter_short", enter_short, "exit_short", exit_short, enter),
        ];
        for (entry, entries, way_out, exits, opposite) in sides {
            if !entries.is_empty() && exits.is_empty() && opposite.is_empty() && !watched {
                let hint = format!("say when with {way_out}, stop, target or an entry on the other side");
                return Err(RuleError::new(format!("the rule never leaves what {entry} opened"), hint));
            }
        }
        Ok(())
    }

    /// What it is woken for, beside its bars.
    pub fn interest(&self) -> Interest {
        Interest { trade: self.stop.is_some() || self.target.is_some(), ..Interest::default() }
    }

    fn start(&mut self, ctx: &mut Context<'_>) -> Result<(), Fault> {
        let fault = |what: String| Fault(what);
        let clock = |text: &str, ctx: &Context<'_>| {
            Clock::parse(text, ctx.instrument()).map_err(|error| fault(format!("{}: {}", error.what, error.hint)))
        };
        let (bars, instrument) = (clock(&self.definition.bars, ctx)?, ctx.instrument());
        self.qty = amounts::steps(self.size, instrument).filter(|qty| *qty > 0).ok_or_else(|| {
            fault(format!(
                "size must be at least one lot ({}), was {}",
                instrument.lot_size.text(1),
                self.definition.size
            ))
        })?;
        let series = ctx.bars(bars);
        for Wanted { spec, on } in &self.wanted {
            let series = match on {
                Some(text) => {
                    let clock = clock(text, ctx)?;
                    ctx.series(clock)
                }
                None => series,
            };
            self.indicators.push(ctx.indicator(series, *spec));
        }
        Ok(())
    }

    /// 1 long, −1 short, 0 neither: what is left over after a fee in base currency is no position.
    fn held(&self, ctx: &Context<'_>) -> i64 {
        let position = ctx.position();
        if position.abs().saturating_mul(2) >= self.qty { position.signum() } else { 0 }
    }

    fn on_bar(&mut self, bar: &Bar, ctx: &mut Context<'_>) {
        self.last = 1 - self.last;
        self.bars[self.last] = *bar;
        if !self.warm {
            self.warm = self.indicators.iter().all(|id| ctx.reading(*id).is_warm());
        }
        if !self.warm {
            return;
        }
        let held = self.held(ctx);
        let wanted = self.wanted_side(held, ctx);
        if wanted != held {
            ctx.target(wanted * self.qty);
        }
    }

    fn wanted_side(&mut self, held: i64, ctx: &Context<'_>) -> i64 {
        let sight = Sight {
            bars: [&self.bars[self.last], &self.bars[1 - self.last]],
            tick: ctx.instrument().tick_size,
            step: ctx.instrument().quantity_step_in_data,
            indicator: |which: usize, output: usize, when| {
                let reading = ctx.reading(self.indicators[which]);
                if when == When::Now { reading.output(output) } else { reading.previous()[output] }
            },
        };
        let stack = &mut self.stack;
        let mut holds = |ops: &[Op]| !ops.is_empty() && expression::value(ops, &sight, stack) > 0.0;
        let Conditions { enter, exit, enter_short, exit_short } = &self.conditions;
        // Where both sides call, neither is heard.
        match held {
            0 => match (holds(enter), holds(enter_short)) {
                (true, false) => 1,
                (false, true) => -1,
                _ => 0,
            },
            1 if holds(enter_short) && !holds(enter) => -1,
            1 => i64::from(!holds(exit)),
            _ if holds(enter) && !holds(enter_short) => 1,
            _ => -i64::from(!holds(exit_short)),
        }
    }

    /// Whether a price is as far from what the position cost as a distance, against it (−1) or for it (1).
    #[allow(clippy::cast_precision_loss)]
    fn reached(&self, ctx: &Context<'_>, price: f64, held: i64, distance: Option<Distance>, way: f64) -> bool {
        let Some((distance, cost)) = distance.zip(ctx.average_price()) else { return false };
        let cost = ctx.instrument().tick_size.times(cost);
        let far = match distance {
            Distance::Share(share) => share * cost,
            Distance::Amount(amount) => amount,
        };
        way * held as f64 * (price - cost) >= far
    }

    #[allow(clippy::cast_precision_loss)]
    fn on_trade(&self, price: i64, ctx: &mut Context<'_>) {
        let (held, price) = (self.held(ctx), ctx.instrument().tick_size.times(price as f64));
        let over = held != 0
            && (self.reached(ctx, price, held, self.stop, -1.0) || self.reached(ctx, price, held, self.target, 1.0));
        if over {
            ctx.target(0);
        }
    }
}

impl Strategy for RuleStrategy {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        match wake {
            Wake::Start => return self.start(ctx),
            Wake::Bar(_, bar) => self.on_bar(bar, ctx),
            Wake::Trade(trade) => self.on_trade(trade.price, ctx),
            _ => {}
        }
        Ok(())
    }
}

/// A number, or the value of the parameter of that name.
fn number(text: &str, parameters: &BTreeMap<String, f64>) -> Option<f64> {
    let text = text.trim();
    parameters.get(text).copied().or_else(|| text.parse().ok()).filter(|number| number.is_finite())
}

fn distance(key: &str, text: &str, parameters: &BTreeMap<String, f64>) -> Result<Distance, RuleError> {
    let share = text.trim().strip_suffix('%');
    let far = number(share.unwrap_or(text), parameters).filter(|far| *far > 0.0).ok_or_else(|| {
        let what = format!("{key} must be above 0, in per cent (1%) or in quote currency (250), was {text}");
        RuleError::new(what, "it is counted from what the position cost")
    })?;
    Ok(if share.is_some() { Distance::Share(far / 100.0) } else { Distance::Amount(far) })
}
