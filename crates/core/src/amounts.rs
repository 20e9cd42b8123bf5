//! A strategy's floats as whole ticks and steps: one rule for strategies of every kind.
//!
//! A float within a thousandth of a step of that step is it; else a price snaps away from the touch, a size down to
//! whole lots.

use crate::instrument::Instrument;
use crate::types::{Qty, Side, Ticks};

/// How near a float must be to a step to be that step, in steps.
const NEAR: f64 = 1e-3;

/// The price of an order of `side`; `None` where it is not finite or too large.
pub fn ticks(price: f64, instrument: &Instrument, side: Side) -> Option<Ticks> {
    let ticks = instrument.tick_size.steps_in(price);
    let away = if side == Side::Buy { ticks.floor() } else { ticks.ceil() };
    snap(ticks, away)
}

/// A size in quantity steps, its sign kept; `None` where it is not finite or too large.
pub fn steps(size: f64, instrument: &Instrument) -> Option<Qty> {
    let lots = instrument.lot_size.steps_in(size);
    snap(lots, lots.trunc())?.checked_mul(instrument.lot_steps())
}

/// A size of at least one lot, in quantity steps.
///
/// # Errors
/// Names the value and the lot.
pub fn positive_steps(size: f64, instrument: &Instrument) -> Result<Qty, String> {
    let steps = steps(size, instrument).filter(|steps| *steps > 0);
    steps.ok_or_else(|| format!("size must be at least one lot ({}), was {size}", instrument.lot_size.text(1)))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn snap(steps: f64, otherwise: f64) -> Option<i64> {
    let nearest = steps.round();
    let snapped = if (steps - nearest).abs() <= NEAR { nearest } else { otherwise };
    (snapped.abs() < i64::MAX as f64).then_some(snapped as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument() -> Instrument {
        let text = r#"{"id": "X/Y@venue", "symbol": "XY", "kind": "spot", "tick_size": "0.1", "lot_size": "0.01",
            "quantity_step_in_data": "0.001", "min_notional": "0", "maker_fee": "0", "taker_fee": "0"}"#;
        Instrument::from_json(text).unwrap()
    }

    #[test]
    fn a_float_snaps_away_from_the_touch_and_down_to_lots() {
        let x = instrument();
        let priced = |price| [Side::Buy, Side::Sell].map(|side| ticks(price, &x, side));
        assert_eq!(priced(10.05), [Some(100), Some(101)]);
        assert_eq!(priced(10.000_05), [Some(100), Some(100)], "within a thousandth");
        assert_eq!(priced(10.000_2), [Some(100), Some(101)]);
        assert_eq!(priced(f64::NAN), [None, None]);
        assert_eq!(priced(1e300), [None, None]);
        let sizes = [0.019_999_99, 0.019, -0.019, 0.0, 0.009].map(|size| steps(size, &x));
        assert_eq!(sizes, [Some(20), Some(10), Some(-10), Some(0), Some(0)]);
        assert_eq!(steps(f64::INFINITY, &x), None);
        assert_eq!(positive_steps(0.01, &x), Ok(10));
        assert_eq!(positive_steps(-1.0, &x), Err("size must be at least one lot (0.01), was -1".into()));
    }
}
