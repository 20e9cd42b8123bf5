//! Which indicators there are, what they take and what they tell; an indicator asked for by name.

use super::adx::Adx;
use super::atr::Atr;
use super::bollinger::Bollinger;
use super::donchian::Donchian;
use super::ema::{EmaOfCloses, EmaSeed};
use super::keltner::Keltner;
use super::macd::Macd;
use super::obv::Obv;
use super::rsi::Rsi;
use super::sma::Sma;
use super::stochastic::Stochastic;
use super::vwap::Vwap;
use super::wma::Wma;
use super::{Indicator, Units};

/// Why bars or an indicator cannot be had: what is wrong, with value and bound, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureError {
    /// What, value, bound.
    pub what: String,
    /// What to do next.
    pub hint: String,
}

impl FeatureError {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// A parameter of an indicator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// What it is called.
    pub name: &'static str,
    /// What it is where nobody says; `None` where it must be said.
    pub default: Option<f64>,
    /// The least it may be.
    pub low: f64,
    /// The most it may be.
    pub high: f64,
    /// The words it may be; empty for numbers.
    pub words: &'static [&'static str],
}

/// The longest period.
const LONGEST: f64 = 100_000.0;

const fn period(name: &'static str, default: Option<f64>, low: f64) -> Parameter {
    Parameter { name, default, low, high: LONGEST, words: &[] }
}

const fn width(name: &'static str) -> Parameter {
    // A width alone may be a fraction.
    Parameter { name, default: Some(2.0), low: 0.0, high: 100.0, words: &[] }
}

/// An indicator as people ask for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// `ema`, `macd` …
    pub name: &'static str,
    /// In their order; at most three.
    pub parameters: &'static [Parameter],
    /// Names of what it tells; at most three.
    pub outputs: &'static [&'static str],
}

const VALUE: &[&str] = &["value"];
const BANDS: &[&str] = &["upper", "middle", "lower"];
const SEED: Parameter = Parameter { name: "seed", default: Some(0.0), low: 0.0, high: 1.0, words: &["mean", "first"] };

/// Every indicator, in the order of [`Spec`]'s kinds.
pub const DEFINITIONS: [Definition; 13] = [
    Definition { name: "ema", parameters: &[period("period", None, 1.0), SEED], outputs: VALUE },
    Definition { name: "sma", parameters: &[period("period", None, 1.0)], outputs: VALUE },
    Definition { name: "wma", parameters: &[period("period", None, 1.0)], outputs: VALUE },
    Definition { name: "rsi", parameters: &[period("period", Some(14.0), 2.0)], outputs: VALUE },
    Definition {
        name: "macd",
        parameters: &[
            period("fast", Some(12.0), 1.0),
            period("slow", Some(26.0), 2.0),
            period("signal", Some(9.0), 1.0),
        ],
        outputs: &["line", "signal", "histogram"],
    },
    Definition { name: "atr", parameters: &[period("period", Some(14.0), 1.0)], outputs: VALUE },
    Definition { name: "adx", parameters: &[period("period", Some(14.0), 2.0)], outputs: &["value", "plus", "minus"] },
    Definition {
        name: "bollinger",
        parameters: &[period("period", Some(20.0), 2.0), width("deviations")],
        outputs: BANDS,
    },
    Definition {
        name: "keltner",
        parameters: &[period("period", Some(20.0), 1.0), width("multiplier"), period("atr", Some(10.0), 1.0)],
        outputs: BANDS,
    },
    Definition { name: "donchian", parameters: &[period("period", Some(20.0), 1.0)], outputs: BANDS },
    Definition {
        name: "stochastic",
        parameters: &[
            period("period", Some(14.0), 1.0),
            period("smooth", Some(3.0), 1.0),
            period("signal", Some(3.0), 1.0),
        ],
        outputs: &["k", "d"],
    },
    Definition { name: "obv", parameters: &[], outputs: VALUE },
    Definition { name: "vwap", parameters: &[period("period", Some(0.0), 0.0)], outputs: VALUE },
];

/// A value given for a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given<'a> {
    /// A number.
    Number(f64),
    /// A word.
    Word(&'a str),
}

/// One indicator with its parameters, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    kind: usize,
    parameters: [f64; 3],
}

impl Spec {
    /// The indicator of a name, with parameters in their order or by name.
    ///
    /// # Errors
    /// An unknown name, parameter or word, one given twice or not at all, and a value outside its bounds.
    pub fn new(name: &str, given: &[(Option<&str>, Given<'_>)]) -> Result<Self, FeatureError> {
        let Some(kind) = DEFINITIONS.iter().position(|definition| definition.name == name) else {
            let names = DEFINITIONS.iter().map(|definition| definition.name);
            return Err(FeatureError::new(format!("there is no indicator `{name}`"), did_you_mean(name, names)));
        };
        let definition = &DEFINITIONS[kind];
        let mut values: [Option<f64>; 3] = [None; 3];
        for (at, (named, value)) in given.iter().enumerate() {
            let at = match named {
                None => at,
                Some(named) => definition.parameter(named)?,
            };
            let Some(parameter) = definition.parameters.get(at) else {
                let most = definition.parameters.len();
                let what = format!("{name} takes at most {most} parameters, got {}", given.len());
                return Err(FeatureError::new(what, definition.usage()));
            };
            if values[at].replace(parameter.checked(name, *value)?).is_some() {
                let what = format!("{name}: {} is given twice", parameter.name);
                return Err(FeatureError::new(what, definition.usage()));
            }
        }
        let mut parameters = [0.0; 3];
        for (at, parameter) in definition.parameters.iter().enumerate() {
            parameters[at] = values[at]
                .or(parameter.default)
                .ok_or_else(|| FeatureError::new(format!("{name} needs its {}", parameter.name), definition.usage()))?;
        }
        if name == "macd" && parameters[0] >= parameters[1] {
            let what = format!("macd: fast must be below slow, were {} and {}", parameters[0], parameters[1]);
            return Err(FeatureError::new(what, definition.usage()));
        }
        Ok(Self { kind, parameters })
    }

    /// What it is.
    pub fn definition(&self) -> &'static Definition {
        &DEFINITIONS[self.kind]
    }

    /// Where among the outputs one of this name is.
    ///
    /// # Errors
    /// If there is none.
    pub fn output(&self, name: &str) -> Result<usize, FeatureError> {
        let Definition { name: of, outputs, .. } = self.definition();
        outputs.iter().position(|output| *output == name).ok_or_else(|| {
            FeatureError::new(format!("{of} has no output `{name}`"), did_you_mean(name, outputs.iter().copied()))
        })
    }

    /// The indicator, without any bar yet.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn build(&self, units: Units) -> Box<dyn Indicator> {
        let [first, second, third] = self.parameters;
        let [a, b, c] = self.parameters.map(|value| value as u32);
        match self.definition().name {
            "ema" => Box::new(EmaOfCloses::new(a, [EmaSeed::Mean, EmaSeed::First][b as usize], units)),
            "sma" => Box::new(Sma::new(a, units)),
            "wma" => Box::new(Wma::new(a, units)),
            "rsi" => Box::new(Rsi::new(a)),
            "macd" => Box::new(Macd::new(a, b, c, units)),
            "atr" => Box::new(Atr::new(a, units)),
            "adx" => Box::new(Adx::new(a, units)),
            "bollinger" => Box::new(Bollinger::new(a, second, units)),
            "keltner" => Box::new(Keltner::new(a, second, c, units)),
            "donchian" => Box::new(Donchian::new(a, units)),
            "stochastic" => Box::new(Stochastic::new(a, b, c)),
            "obv" => Box::new(Obv::new(units)),
            _ => Box::new(Vwap::new(first.max(third) as u32, units)),
        }
    }
}

impl Definition {
    fn parameter(&self, name: &str) -> Result<usize, FeatureError> {
        self.parameters.iter().position(|parameter| parameter.name == name).ok_or_else(|| {
            let known = self.parameters.iter().map(|parameter| parameter.name);
            FeatureError::new(format!("{} has no parameter `{name}`", self.name), did_you_mean(name, known))
        })
    }

    /// `macd(fast=12, slow=26, signal=9)`
    fn usage(&self) -> String {
        let one = |parameter: &Parameter| match (parameter.default, parameter.words) {
            (None, _) => parameter.name.to_owned(),
            (Some(value), []) => format!("{}={value}", parameter.name),
            (Some(_), words) => format!("{}=\"{}\"", parameter.name, words[0]),
        };
        let parameters: Vec<String> = self.parameters.iter().map(one).collect();
        format!("it is {}({})", self.name, parameters.join(", "))
    }
}

impl Parameter {
    fn is_whole(&self) -> bool {
        self.high >= LONGEST
    }

    fn checked(&self, of: &str, given: Given<'_>) -> Result<f64, FeatureError> {
        let Self { name, low, high, .. } = self;
        match given {
            Given::Word(word) if !self.words.is_empty() => {
                #[allow(clippy::cast_precision_loss)]
                let at = self.words.iter().position(|known| *known == word).map(|at| at as f64);
                at.ok_or_else(|| {
                    let known = self.words.iter().copied();
                    FeatureError::new(format!("{of}: {name} cannot be \"{word}\""), did_you_mean(word, known))
                })
            }
            Given::Number(value) if self.words.is_empty() => {
                if (*low..=*high).contains(&value) && (!self.is_whole() || value.fract() == 0.0) {
                    return Ok(value);
                }
                let kind = if self.is_whole() { "a whole number" } else { "a number" };
                let what = format!("{of}: {name} must be {kind} from {low} to {high}, was {value}");
                Err(FeatureError::new(what, "it counts bars"))
            }
            Given::Word(word) => {
                let what = format!("{of}: {name} must be a number from {low} to {high}, was \"{word}\"");
                Err(FeatureError::new(what, "give a number"))
            }
            Given::Number(value) => {
                let what = format!("{of}: {name} must be one of {}, was {value}", self.words.join(", "));
                Err(FeatureError::new(what, "give the word"))
            }
        }
    }
}

/// The nearest of the names, and all of them.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let near = known.iter().map(|candidate| (distance(name, candidate), *candidate)).min();
    let list = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
    match near {
        Some((distance, near)) if distance <= near.len() / 2 => format!("did you mean `{near}`? There is: {list}"),
        _ => format!("there is: {list}"),
    }
}

/// Letters to change, add or drop between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let changed = corner + usize::from(letter != *other);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, given: &[(Option<&str>, Given<'_>)]) -> String {
        let error = Spec::new(name, given).unwrap_err();
        format!("{} | {}", error.what, error.hint)
    }

    #[test]
    fn what_is_asked_for_wrongly_is_named_with_its_bounds_and_the_nearest_name() {
        let number = |value| (None, Given::Number(value));
        assert!(
            refused("emma", &[]).starts_with("there is no indicator `emma` | did you mean `ema`? There is: ema, sma")
        );
        assert!(refused("zzzzzzzz", &[]).contains("| there is: ema"));
        assert_eq!(refused("ema", &[]), "ema needs its period | it is ema(period, seed=\"mean\")");
        for value in [0.0, -3.0, 1.5, f64::NAN, 1e9] {
            let message = refused("ema", &[number(value)]);
            assert!(
                message.starts_with(&format!("ema: period must be a whole number from 1 to 100000, was {value}")),
                "{message}"
            );
        }
        assert!(refused("rsi", &[number(1.0)]).contains("from 2 to"));
        assert!(refused("rsi", &[number(14.0), number(3.0)]).starts_with("rsi takes at most 1 parameters, got 2"));
        assert!(refused("macd", &[number(26.0), number(12.0)]).contains("fast must be below slow, were 26 and 12"));
        let named = [(Some("perriod"), Given::Number(3.0))];
        assert!(refused("sma", &named).contains("no parameter `perriod` | did you mean `period`?"));
        assert!(refused("sma", &[number(3.0), (Some("period"), Given::Number(3.0))]).contains("given twice"));
        assert!(refused("ema", &[number(3.0), (Some("seed"), Given::Word("frist"))]).contains("did you mean `first`?"));
        let bands = Spec::new("bollinger", &[number(20.0), number(2.5)]).unwrap();
        assert_eq!(bands.output("lower"), Ok(2));
        assert!(bands.output("lowr").unwrap_err().hint.contains("did you mean `lower`?"));
    }

    #[test]
    fn the_letters_between_two_words() {
        for (a, b, wanted) in
            [("ema", "ema", 0), ("emma", "ema", 1), ("ema", "emma", 1), ("rsi", "sri", 2), ("", "obv", 3)]
        {
            assert_eq!(distance(a, b), wanted, "{a} {b}");
        }
    }
}
