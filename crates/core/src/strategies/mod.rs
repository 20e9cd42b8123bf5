//! Strategies built in: the examples' strategies in Rust, each found by name and made from checked numbers.

mod ema_cross;
mod quoting;

use crate::strategy::{Interest, Strategy};

/// A parameter of a built-in strategy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it is where nobody says.
    pub default: f64,
    /// Whether it must be a whole number.
    pub whole: bool,
    /// The least it may be.
    pub low: f64,
    /// The most it may be.
    pub high: f64,
    /// Its unit, for people.
    pub unit: &'static str,
}

/// A strategy that is built in.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// Its name, as in `rust:quoting`.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Its parameters, in the order in which [`BuiltIn::make`] takes their values.
    pub parameters: &'static [Parameter],
    /// What it is woken for, beside its timers and bars.
    pub interest: Interest,
    make: fn(&[f64]) -> Box<dyn Strategy>,
}

impl BuiltIn {
    /// Makes one from its parameters' values.
    ///
    /// # Errors
    /// Names the parameter, its value and its bounds, or how many values there must be.
    pub fn make(&self, values: &[f64]) -> Result<Box<dyn Strategy>, String> {
        if values.len() != self.parameters.len() {
            return Err(format!("`{}` takes {} parameters, got {}", self.name, self.parameters.len(), values.len()));
        }
        for (parameter, value) in self.parameters.iter().zip(values) {
            let Parameter { name, low, high, .. } = parameter;
            if !(*low..=*high).contains(value) || parameter.whole && value.trunc() != *value {
                let whole = if parameter.whole { "a whole number " } else { "" };
                return Err(format!("parameter `{name}` must be {whole}from {low} to {high}, was {value}"));
            }
        }
        Ok((self.make)(values))
    }
}

/// Every one of them.
pub const BUILT_IN: [BuiltIn; 3] = [quoting::QUOTING, ema_cross::EMA_CROSS, ema_cross::TICK_CROSS];

/// The one of this name.
pub fn find(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|built_in| built_in.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_and_takes_its_defaults_and_nothing_beyond_its_bounds() {
        for built_in in &BUILT_IN {
            let found = find(built_in.name).expect("it is in the list");
            let values: Vec<f64> = found.parameters.iter().map(|parameter| parameter.default).collect();
            assert!(found.make(&values).is_ok(), "{}", found.name);
            assert!(found.make(&values[1..]).is_err(), "{}: one too few", found.name);
            for (at, parameter) in found.parameters.iter().enumerate() {
                let fraction = if parameter.whole { parameter.default + 0.5 } else { f64::INFINITY };
                for wrong in [parameter.low - 1.0, parameter.high + 1.0, f64::NAN, fraction] {
                    let mut values = values.clone();
                    values[at] = wrong;
                    let refused = found.make(&values).err().unwrap_or_else(|| panic!("{wrong} was taken"));
                    assert!(refused.contains(parameter.name), "{refused}");
                }
            }
        }
        assert!(find("nothing").is_none());
    }
}
