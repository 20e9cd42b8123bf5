//! Decimal text to whole steps and back, exactly: no float on the way.

use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A step size written as a decimal, for example a tick of `0.05`: `mantissa` × 10^−`decimals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Above zero, without trailing zeros where `decimals` is above zero.
    pub mantissa: i64,
    /// Decimal places, at most [`MAX_DECIMALS`].
    pub decimals: u32,
}

/// Decimal places that a step or a price may have.
pub const MAX_DECIMALS: u32 = 12;

/// Why a text is not a whole number of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// Not `[-]digits[.digits]`.
    Malformed,
    /// Beyond 64 bits in steps.
    Overflow,
    /// Between two steps.
    OffStep,
}

impl std::fmt::Display for DecimalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "is not a decimal number",
            Self::Overflow => "is too large",
            Self::OffStep => "lies between two steps",
        })
    }
}

impl Step {
    /// Reads a positive decimal such as `0.01`.
    ///
    /// # Errors
    /// If the text is no decimal, not above zero, or has more than [`MAX_DECIMALS`] places.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let (mut mantissa, mut decimals) = digits(text.as_bytes())?;
        while decimals > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            decimals -= 1;
        }
        if mantissa <= 0 || decimals > MAX_DECIMALS {
            return Err(DecimalError::Malformed);
        }
        Ok(Self { mantissa, decimals })
    }

    /// Whole steps in a decimal text.
    ///
    /// # Errors
    /// [`DecimalError::OffStep`] where the text lies between two steps.
    #[inline]
    pub fn count(self, text: &[u8]) -> Result<i64, DecimalError> {
        let (mut value, mut decimals) = digits(text)?;
        while decimals > self.decimals {
            if value % 10 != 0 {
                return Err(DecimalError::OffStep);
            }
            value /= 10;
            decimals -= 1;
        }
        let value = 10_i64
            .checked_pow(self.decimals - decimals)
            .and_then(|p| value.checked_mul(p))
            .ok_or(DecimalError::Overflow)?;
        if self.mantissa == 1 {
            return Ok(value);
        }
        if value % self.mantissa == 0 { Ok(value / self.mantissa) } else { Err(DecimalError::OffStep) }
    }

    /// `count` steps as decimal text with the step's places: `Step 0.01`, 6183763 → `61837.63`.
    pub fn text(self, count: i64) -> String {
        decimal_text(i128::from(count) * i128::from(self.mantissa), self.decimals)
    }

    /// So many steps as a float, for features and reports only. Whole steps give the float nearest to their decimal
    /// text: 6183763 steps of 0.01 are `61837.63`.
    #[inline]
    pub fn times(self, count: f64) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let mantissa = self.mantissa as f64;
        count * mantissa / POWERS[self.decimals as usize]
    }

    /// How many steps a float is, not rounded.
    #[inline]
    pub fn steps_in(self, value: f64) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let mantissa = self.mantissa as f64;
        value * POWERS[self.decimals as usize] / mantissa
    }
}

/// Powers of ten as floats, exactly.
const POWERS: [f64; 13] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/// `units` of 10^−`decimals` as decimal text, with all its places.
pub fn decimal_text(units: i128, decimals: u32) -> String {
    let scale = 10_u128.pow(decimals);
    let magnitude = units.unsigned_abs();
    let mut text = format!("{}{}", if units < 0 { "-" } else { "" }, magnitude / scale);
    if decimals > 0 {
        write!(text, ".{:0width$}", magnitude % scale, width = decimals as usize).expect("writing to a string");
    }
    text
}

/// The digits of a decimal text as an integer, and how many of them stood after the point (trailing zeros dropped).
///
/// # Errors
/// If the text is no decimal, or beyond 64 bits.
#[inline]
pub(crate) fn digits(text: &[u8]) -> Result<(i64, u32), DecimalError> {
    let (negative, body) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut value = 0_i64;
    let mut point = None;
    // Trailing zeros after the point carry nothing, but could overflow: they are cut first.
    let body = match body.iter().position(|&c| c == b'.') {
        Some(at) if at > 0 && at + 1 < body.len() => {
            point = Some(at);
            let zeros = body[at + 1..].iter().rev().take_while(|&&c| c == b'0').count();
            &body[..body.len() - zeros]
        }
        Some(_) => return Err(DecimalError::Malformed),
        None => body,
    };
    if body.is_empty() {
        return Err(DecimalError::Malformed);
    }
    for (at, &c) in body.iter().enumerate() {
        if Some(at) == point {
            continue;
        }
        if !c.is_ascii_digit() {
            return Err(DecimalError::Malformed);
        }
        value = value.checked_mul(10).and_then(|v| v.checked_add(i64::from(c - b'0'))).ok_or(DecimalError::Overflow)?;
    }
    let decimals = point.map_or(0, |at| body.len() - at - 1);
    let decimals = u32::try_from(decimals).map_err(|_| DecimalError::Overflow)?;
    Ok((if negative { -value } else { value }, decimals))
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text(1))
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|e| serde::de::Error::custom(format!("`{text}` {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_straight_to_steps() {
        let tick = Step::parse("0.01").unwrap();
        assert_eq!(tick.count(b"61837.63000000"), Ok(6_183_763));
        assert_eq!(tick.count(b"-0.02"), Ok(-2));
        assert_eq!(tick.count(b"61837.635"), Err(DecimalError::OffStep));
        assert_eq!(tick.text(6_183_763), "61837.63");
        assert_eq!(tick.text(-2), "-0.02");
        assert_eq!(tick.times(6_183_763.0), 61_837.63);
        assert_eq!(tick.steps_in(61_837.63), 6_183_763.0);
        let quarter = Step::parse("0.25").unwrap();
        assert_eq!(quarter.count(b"1.50"), Ok(6));
        assert_eq!(quarter.count(b"1.60"), Err(DecimalError::OffStep));
        assert_eq!(Step::parse("10").unwrap().count(b"120"), Ok(12));
        assert_eq!(Step::parse("1.000").unwrap(), Step { mantissa: 1, decimals: 0 });
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        let tick = Step::parse("0.00000001").unwrap();
        for text in ["", "-", ".", "1.", ".5", "1e5", "NaN", "inf", "+1", " 1", "1 ", "0x1", "1.2.3", "--1"] {
            assert_eq!(tick.count(text.as_bytes()), Err(DecimalError::Malformed), "{text:?}");
        }
        assert_eq!(tick.count(b"99999999999.99999999"), Err(DecimalError::Overflow));
        assert_eq!(tick.count(b"9999999999999999999999"), Err(DecimalError::Overflow));
        for text in ["0", "-1", "0.0000000000001"] {
            assert!(Step::parse(text).is_err(), "{text}");
        }
    }
}
