//! Decimal text to an instrument's ticks and quantity steps, with the rules that market data must keep.

use crate::codec::DecodeError;
use crate::decimal::{DecimalError, Step, digits};
use crate::types::{Qty, Ticks};

/// Decimal places of a number that is rounded: enough for every mark price.
const MAX_PLACES: u32 = 18;

/// The steps of one instrument's data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) tick: Step,
    pub(super) quantity_step: Step,
}

impl Scale {
    /// A price in ticks: above zero, on a tick.
    #[inline]
    pub(super) fn price(&self, field: impl Fn() -> String, text: &str) -> Result<Ticks, DecodeError> {
        match self.tick.count(text.as_bytes()) {
            Ok(price) if price > 0 => Ok(price),
            other => Err(self.refused_price(field(), text, other)),
        }
    }

    #[cold]
    fn refused_price(&self, field: String, text: &str, outcome: Result<Ticks, DecimalError>) -> DecodeError {
        match outcome {
            Ok(_) => DecodeError::new(field, text, "be above 0"),
            Err(DecimalError::OffStep) => {
                DecodeError::new(field, text, format!("be a whole number of ticks of {}", self.tick.text(1)))
            }
            Err(error) => not_decimal(field, text, error),
        }
    }

    /// A quantity in steps, not negative. Between two steps it is the lower one, but never nothing, and is counted.
    #[inline]
    pub(super) fn qty(&self, field: impl Fn() -> String, text: &str, off_step: &mut u64) -> Result<Qty, DecodeError> {
        match self.quantity_step.count(text.as_bytes()) {
            Ok(qty) if qty >= 0 => Ok(qty),
            other => self.odd_qty(field(), text, other, off_step),
        }
    }

    #[cold]
    fn odd_qty(
        &self,
        field: String,
        text: &str,
        outcome: Result<Qty, DecimalError>,
        off_step: &mut u64,
    ) -> Result<Qty, DecodeError> {
        match outcome {
            Err(DecimalError::OffStep) if !text.starts_with('-') => {
                let whole = in_steps(text, self.quantity_step).and_then(|(value, step)| narrow(value / step));
                let whole = whole.map_err(|error| not_decimal(field, text, error))?;
                *off_step += 1;
                Ok(whole.max(1))
            }
            Ok(_) | Err(DecimalError::OffStep) => Err(DecodeError::new(field, text, "be at least 0")),
            Err(error) => Err(not_decimal(field, text, error)),
        }
    }

    /// The tick nearest to a computed price, which need not be on one; the upper of two as near.
    pub(super) fn nearest(&self, field: &str, text: &str) -> Result<Ticks, DecodeError> {
        let ticks = in_steps(text, self.tick)
            .and_then(|(value, tick)| narrow((2 * value + tick).div_euclid(2 * tick)))
            .map_err(|error| not_decimal(field.into(), text, error))?;
        if ticks > 0 { Ok(ticks) } else { Err(DecodeError::new(field, text, "be at least one tick")) }
    }
}

/// A text and a step as whole numbers of the same unit.
fn in_steps(text: &str, step: Step) -> Result<(i128, i128), DecimalError> {
    let (value, places) = digits(text.as_bytes())?;
    if places > MAX_PLACES {
        return Err(DecimalError::Overflow);
    }
    Ok((i128::from(value) * 10_i128.pow(step.decimals), i128::from(step.mantissa) * 10_i128.pow(places)))
}

fn narrow(count: i128) -> Result<i64, DecimalError> {
    i64::try_from(count).map_err(|_| DecimalError::Overflow)
}

/// The error of a text that is no decimal, or too long a one.
pub(super) fn not_decimal(field: String, text: &str, error: DecimalError) -> DecodeError {
    let rule = match error {
        DecimalError::Overflow => "fit 64 bits in steps",
        _ => "be a decimal number",
    };
    DecodeError::new(field, text, rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(tick: &str, quantity_step: &str) -> Scale {
        Scale { tick: Step::parse(tick).unwrap(), quantity_step: Step::parse(quantity_step).unwrap() }
    }

    #[test]
    fn prices_are_whole_ticks_above_zero() {
        let scale = scale("0.05", "0.001");
        let price = |text: &str| scale.price(|| "p".into(), text);
        assert_eq!(price("1.250"), Ok(25));
        for (text, rule) in [
            ("1.26", "be a whole number of ticks of 0.05"),
            ("0.00", "be above 0"),
            ("-1.25", "be above 0"),
            ("1e3", "be a decimal number"),
            ("99999999999999999999", "fit 64 bits in steps"),
        ] {
            assert_eq!(price(text), Err(DecodeError::new("p", text, rule)), "{text}");
        }
    }

    #[test]
    fn a_quantity_between_two_steps_is_the_lower_and_counted() {
        let scale = scale("0.1", "0.002");
        let mut off_step = 0;
        let mut qty = |text: &str| scale.qty(|| "q".into(), text, &mut off_step);
        assert_eq!(qty("0.004"), Ok(2));
        assert_eq!(qty("0.000"), Ok(0));
        assert_eq!(qty("0.0059"), Ok(2));
        assert_eq!(qty("0.005"), Ok(2));
        assert_eq!(qty("0.0001"), Ok(1), "a level is not lost");
        assert_eq!(qty("-0.002").unwrap_err().rule, "be at least 0");
        assert_eq!(qty("-0.0001").unwrap_err().rule, "be at least 0");
        assert_eq!(qty("0.0000000000000000001").unwrap_err().rule, "fit 64 bits in steps");
        assert_eq!(off_step, 3);
    }

    #[test]
    fn a_mark_price_goes_to_the_nearest_tick() {
        let scale = scale("0.05", "1");
        for (text, ticks) in [("11794.15000000", 235_883), ("0.07499999", 1), ("0.075", 2), ("0.0251", 1)] {
            assert_eq!(scale.nearest("p", text), Ok(ticks), "{text}");
        }
        assert_eq!(scale.nearest("p", "0.02").unwrap_err().rule, "be at least one tick");
        assert_eq!(scale.nearest("p", "-3").unwrap_err().rule, "be at least one tick");
    }
}
