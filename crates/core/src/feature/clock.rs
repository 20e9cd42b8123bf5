//! What closes a bar.

use super::Imbalance;
use super::spec::FeatureError;
use crate::decimal::DecimalError;
use crate::instrument::{Instrument, money};
use crate::types::{Nanos, Qty};

/// What closes a bar. Only [`Clock::Time`] needs no trade for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// So many nanoseconds, aligned to the epoch. Without trades a bar repeats the last close.
    Time(Nanos),
    /// So many trades; of 1, each trade is a bar.
    Ticks(u32),
    /// The trade with which the bar's volume reaches so many steps. A trade is not split: it belongs whole to the bar
    /// that it closes, and the next bar begins at nothing.
    Volume(Qty),
    /// The same of price × quantity, in ticks × steps.
    Dollar(i128),
    /// The trade with which buyers or sellers are so many ahead.
    Imbalance(Imbalance),
}

impl From<Nanos> for Clock {
    fn from(interval: Nanos) -> Self {
        Self::Time(interval)
    }
}

fn refuse(what: String, hint: &str) -> FeatureError {
    FeatureError::new(what, hint)
}

impl Clock {
    /// Every so many trades.
    ///
    /// # Errors
    /// If it is not above 0.
    pub fn ticks(count: i64) -> Result<Self, FeatureError> {
        let ticks = u32::try_from(count).ok().filter(|count| *count > 0).map(Self::Ticks);
        let what = || format!("ticks must be a whole number from 1 to {}, was {count}", u32::MAX);
        ticks.ok_or_else(|| refuse(what(), "ticks=100 closes a bar at every hundredth trade"))
    }

    /// At a traded volume, decimal text in base units.
    ///
    /// # Errors
    /// If it is no such number, or not above 0.
    pub fn volume(text: &str, instrument: &Instrument) -> Result<Self, FeatureError> {
        let step = instrument.quantity_step_in_data;
        let least = step.text(1);
        match step.count(text.as_bytes()) {
            Ok(steps) if steps > 0 => Ok(Self::Volume(steps)),
            Err(DecimalError::OffStep) => {
                Err(refuse(format!("volume must be a multiple of {least}, was {text}"), "the step of the data's sizes"))
            }
            _ => Err(refuse(format!("volume must be at least {least}, was {text}"), "it is in base units")),
        }
    }

    /// At a traded value, decimal text in quote currency.
    ///
    /// # Errors
    /// If it is no such number, or not above 0.
    pub fn dollar(text: &str, instrument: &Instrument) -> Result<Self, FeatureError> {
        let wrong = || refuse(format!("dollar must be a number above 0, was {text}"), "it is in quote currency");
        let value = money(text).ok().filter(|value| *value > 0).ok_or_else(wrong)?;
        let unit = instrument.step_value();
        // Rounded up: the value has been reached when so many whole units were traded.
        Ok(Self::Dollar((value - 1) / unit + 1))
    }

    /// At an imbalance from `low` to `high` trades, expected from `span` bars; fixed where both are the same.
    ///
    /// # Errors
    /// If they are not numbers of trades, or the wrong way round.
    pub fn imbalance(low: i64, high: i64, span: i64) -> Result<Self, FeatureError> {
        let count = |name: &str, value: i64| {
            let whole = u32::try_from(value).ok().filter(|count| *count > 0);
            let what = || format!("imbalance: {name} must be a whole number above 0, was {value}");
            whole.ok_or_else(|| refuse(what(), "it counts trades; span counts bars"))
        };
        if low > high {
            return Err(refuse(
                format!("imbalance: the lower bound must not be above the upper, were {low} and {high}"),
                "imbalance=(10, 500)",
            ));
        }
        let (low, high, span) = (count("the lower bound", low)?, count("the upper bound", high)?, count("span", span)?);
        Ok(Self::Imbalance(Imbalance { low, high, span }))
    }

    /// The clock of a text: `1m`, `trades`, `100 ticks`, `5 volume`, `1000000 dollar`, `50 imbalance`.
    ///
    /// # Errors
    /// What the clock's own function refuses, and any other text.
    pub fn parse(text: &str, instrument: &Instrument) -> Result<Self, FeatureError> {
        let unknown = || {
            refuse(
                format!(
                    "a clock must be \"1m\", \"trades\" or so many ticks, volume, dollar or imbalance, was \"{text}\""
                ),
                "as in \"100 ticks\", \"5 volume\", \"1000000 dollar\", \"50 imbalance\"",
            )
        };
        if text == "trades" {
            return Ok(Self::Ticks(1));
        }
        let Some((amount, unit)) = text.split_once(' ') else { return duration(text).map(Self::Time) };
        let whole = || amount.parse::<i64>().map_err(|_| unknown());
        match unit {
            "ticks" => Self::ticks(whole()?),
            "volume" => Self::volume(amount, instrument),
            "dollar" => Self::dollar(amount, instrument),
            "imbalance" => Self::imbalance(whole()?, whole()?, 1),
            _ => Err(unknown()),
        }
    }
}

/// Nanoseconds of a text such as `100ms`.
///
/// # Errors
/// If it is no whole number above 0 with a unit.
pub fn duration(text: &str) -> Result<Nanos, FeatureError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: Option<Nanos> = match &text[digits..] {
        "us" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        _ => None,
    };
    let count = text[..digits].parse::<Nanos>().ok();
    let nanos = unit.zip(count).and_then(|(unit, count)| count.checked_mul(unit)).filter(|nanos| *nanos > 0);
    nanos.ok_or_else(|| {
        refuse(
            format!("a duration must be a whole number above 0 with a unit, such as \"100ms\" or \"1s\", was {text}"),
            "units are us, ms, s, m, h",
        )
    })
}
