//! What is traded: its steps, its filters and its fees. Data may be finer than an order may be.

use serde::{Deserialize, Serialize};

use crate::decimal::{DecimalError, Step, digits};
use crate::margin::MarginTiers;
use crate::types::{MONEY_DECIMALS, MONEY_SCALE, Money, Qty, Ticks};

/// Fee rates are whole numbers of 10⁻⁹.
pub const RATE_SCALE: i128 = 1_000_000_000;

/// What a position in the instrument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstrumentKind {
    /// The base currency itself: bought with quote currency, never held short.
    Spot,
    /// A perpetual settled in its quote currency.
    LinearPerpetual,
    /// A perpetual settled in its base currency: quantity in contracts of so many units of quote currency.
    InversePerpetual,
}

impl InstrumentKind {
    /// Whether it is a perpetual of either kind.
    pub fn is_perpetual(self) -> bool {
        self != Self::Spot
    }
}

/// An instrument as its venue defines it. Decimals are text where they come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instrument {
    /// `BTC/USDT@binance`, `BTC/USDT:USDT@binance`.
    pub id: String,
    /// The venue's own name for it, `BTCUSDT`.
    pub symbol: String,
    /// Spot or perpetual.
    pub kind: InstrumentKind,
    /// The step of prices, in data and in orders.
    pub tick_size: Step,
    /// The step of an order's quantity.
    pub lot_size: Step,
    /// The step of quantities in data; `lot_size` is a multiple of it.
    pub quantity_step_in_data: Step,
    /// The least notional of an order, in quote currency.
    #[serde(with = "money_text")]
    pub min_notional: Money,
    /// Of notional; negative where the venue pays a rebate.
    #[serde(with = "rate_text")]
    pub maker_fee: i128,
    /// Of notional.
    #[serde(with = "rate_text")]
    pub taker_fee: i128,
    /// Base units in one contract; of an inverse perpetual, quote units.
    #[serde(default = "one_step")]
    pub contract_multiplier: Step,
    /// Settlement currency of a perpetual.
    #[serde(default)]
    pub settle: Option<String>,
    /// Hours between funding times of a perpetual.
    #[serde(default)]
    pub funding_interval_hours: Option<u32>,
    /// The least quantity of an order, in base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_quantity: Option<Step>,
    /// The largest quantity of an order, in base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_quantity: Option<Step>,
    /// A limit price may be so many times the market's, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_multiplier_up: Option<Step>,
    /// A limit price must be so many times the market's, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_multiplier_down: Option<Step>,
    /// Parts that an iceberg may be shown in, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iceberg_parts: Option<u32>,
    /// What the venue asks of positions, by their size; empty where it is not known.
    #[serde(default, skip_serializing_if = "MarginTiers::is_empty")]
    pub margin_tiers: MarginTiers,
    /// Fees by traded volume; empty where `maker_fee` and `taker_fee` hold at any volume.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fee_tiers: Vec<FeeTier>,
    /// What the account traded in the thirty days before, in quote currency: where its fees begin.
    #[serde(default, with = "money_text", skip_serializing_if = "is_zero")]
    pub traded_before: Money,
    /// Of the notional that a liquidation closes.
    #[serde(default, with = "rate_text", skip_serializing_if = "is_zero")]
    pub liquidation_fee: i128,
    #[serde(skip)]
    units: Units,
}

/// What the steps of a definition amount to: asked for with every order, so worked out once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Units {
    lot_steps: Qty,
    step_value: Money,
    base_step_value: Money,
}

/// Fees from a traded volume on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeTier {
    /// Traded in 30 days, in quote currency, at least.
    #[serde(with = "money_text")]
    pub volume: Money,
    /// Of notional; negative where the venue pays a rebate.
    #[serde(with = "rate_text")]
    pub maker: i128,
    /// Of notional.
    #[serde(with = "rate_text")]
    pub taker: i128,
}

/// Why an instrument's definition is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentError(pub String);

impl std::fmt::Display for InstrumentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Instrument {
    /// Reads one definition from JSON and checks it.
    ///
    /// # Errors
    /// Names the instrument, the field, its value and the rule.
    pub fn from_json(text: &str) -> Result<Self, InstrumentError> {
        let mut instrument: Self = serde_json::from_str(text).map_err(|e| InstrumentError(e.to_string()))?;
        instrument.units.lot_steps = instrument.steps_of_lot();
        instrument.check()?;
        instrument.units.step_value = instrument.value_of_step();
        instrument.units.base_step_value = instrument.base_value_of_step();
        Ok(instrument)
    }

    fn check(&self) -> Result<(), InstrumentError> {
        let fail = |text: String| Err(InstrumentError(format!("instrument `{}`: {text}", self.id)));
        if self.base_quote().is_none() {
            return fail("`id` must have the form BASE/QUOTE[:SETTLE]@venue".into());
        }
        if self.lot_steps() == 0 {
            return fail(format!(
                "`lot_size` must be a multiple of `quantity_step_in_data`, were {} and {}",
                self.lot_size.text(1),
                self.quantity_step_in_data.text(1)
            ));
        }
        if self.value_decimals() > MONEY_DECIMALS {
            return fail(format!(
                "tick, quantity step and multiplier must have at most {MONEY_DECIMALS} decimals together"
            ));
        }
        if self.min_notional < 0 {
            return fail("`min_notional` must be ≥ 0".into());
        }
        let settle = self.currencies().map(|held| held[2]);
        if let (Some(given), Some(held)) = (self.settle.as_deref(), settle.filter(|_| self.kind.is_perpetual()))
            && given != held
        {
            return fail(format!("`settle` of this kind must be {held}, was {given}"));
        }
        if !self.fee_tiers.is_sorted_by(|a, b| a.volume < b.volume) || self.fee_tiers.iter().any(|t| t.volume < 0) {
            return fail("`fee_tiers` must rise in `volume`, from 0 on".into());
        }
        if let Err(what) = self.margin_tiers.check() {
            return fail(format!("`margin_tiers`: {what}"));
        }
        if !(0..RATE_SCALE).contains(&self.liquidation_fee) {
            return fail("`liquidation_fee` must be 0 or more and below 1".into());
        }
        self.check_filters().map_err(|text| InstrumentError(format!("instrument `{}`: {text}", self.id)))
    }

    fn check_filters(&self) -> Result<(), String> {
        let (least, most) = (self.least_quantity(), self.most_quantity());
        if least.is_some_and(|least| least <= 0) || most.is_some_and(|most| most < least.unwrap_or(1)) {
            return Err("`min_quantity` and `max_quantity` must be whole quantity steps, the least first".into());
        }
        let one = |step: Step| 10_i128.pow(step.decimals).cmp(&i128::from(step.mantissa));
        let (up, down) = (self.price_multiplier_up, self.price_multiplier_down);
        if up.is_some() != down.is_some()
            || up.is_some_and(|up| one(up).is_gt())
            || down.is_some_and(|d| one(d).is_lt())
        {
            return Err("`price_multiplier_up` must be ≥ 1 and `price_multiplier_down` ≤ 1, both or none".into());
        }
        if self.iceberg_parts == Some(0) {
            return Err("`iceberg_parts` must be ≥ 1".into());
        }
        Ok(())
    }

    /// The least quantity of an order in steps; 0 where it is no whole number of them.
    pub fn least_quantity(&self) -> Option<Qty> {
        self.min_quantity.map(|quantity| self.steps_of(quantity))
    }

    /// The largest quantity of an order in steps; 0 where it is no whole number of them.
    pub fn most_quantity(&self) -> Option<Qty> {
        self.max_quantity.map(|quantity| self.steps_of(quantity))
    }

    fn steps_of(&self, quantity: Step) -> Qty {
        let step = self.quantity_step_in_data;
        let places = quantity.decimals.max(step.decimals);
        let at = |step: Step| i128::from(step.mantissa) * 10_i128.pow(places - step.decimals);
        let (whole, step) = (at(quantity), at(step));
        if whole % step == 0 { Qty::try_from(whole / step).unwrap_or(0) } else { 0 }
    }

    /// Base and quote currency, from the id.
    pub fn base_quote(&self) -> Option<(&str, &str)> {
        let (pair, venue) = self.id.split_once('@')?;
        let (base, rest) = pair.split_once('/')?;
        let quote = rest.split(':').next()?;
        (!base.is_empty() && !quote.is_empty() && !venue.is_empty()).then_some((base, quote))
    }

    /// Base, quote, and the currency that profits, losses and fees of positions are in.
    pub fn currencies(&self) -> Option<[&str; 3]> {
        let (base, quote) = self.base_quote()?;
        Some([base, quote, if self.kind == InstrumentKind::InversePerpetual { base } else { quote }])
    }

    /// Quantity steps in one lot.
    #[inline]
    pub fn lot_steps(&self) -> Qty {
        self.units.lot_steps
    }

    /// The same, worked out; 0 where the lot is not a multiple of the step.
    fn steps_of_lot(&self) -> Qty {
        let places = self.lot_size.decimals.max(self.quantity_step_in_data.decimals);
        let at = |step: Step| i128::from(step.mantissa) * 10_i128.pow(places - step.decimals);
        let (lot, step) = (at(self.lot_size), at(self.quantity_step_in_data));
        if lot % step == 0 { Qty::try_from(lot / step).unwrap_or(0) } else { 0 }
    }

    /// [`Money`] in one tick times one quantity step; of an inverse perpetual, in one quantity step at any price.
    #[inline]
    pub fn step_value(&self) -> Money {
        self.units.step_value
    }

    fn value_of_step(&self) -> Money {
        let mantissa = self.value_steps().map(|step| i128::from(step.mantissa)).product::<i128>();
        mantissa * 10_i128.pow(MONEY_DECIMALS - self.value_decimals())
    }

    /// What multiplies to the value of a step.
    fn value_steps(&self) -> impl Iterator<Item = Step> {
        let priced = (self.kind != InstrumentKind::InversePerpetual).then_some(self.tick_size);
        priced.into_iter().chain([self.quantity_step_in_data, self.contract_multiplier])
    }

    /// [`Money`]-scaled base units in one quantity step.
    #[inline]
    pub fn base_step_value(&self) -> Money {
        self.units.base_step_value
    }

    fn base_value_of_step(&self) -> Money {
        let step = self.quantity_step_in_data;
        i128::from(step.mantissa) * 10_i128.pow(MONEY_DECIMALS - step.decimals)
    }

    fn value_decimals(&self) -> u32 {
        self.value_steps().map(|step| step.decimals).sum()
    }

    /// Notional of a quantity at a price in quote currency, exact. That of an inverse perpetual has no price in it.
    #[inline]
    pub fn notional(&self, price: Ticks, qty: Qty) -> Money {
        if self.kind == InstrumentKind::InversePerpetual {
            return i128::from(qty) * self.step_value();
        }
        i128::from(price) * i128::from(qty) * self.step_value()
    }

    /// Notional in the currency that profits are in: of an inverse perpetual quantity / price in base currency, towards
    /// 0 to the last unit; otherwise [`Instrument::notional`]. 0 at no price.
    #[inline]
    pub fn settled(&self, price: Ticks, qty: Qty) -> Money {
        if self.kind == InstrumentKind::InversePerpetual { self.inverse(price, qty) } else { self.notional(price, qty) }
    }

    /// The same at half a price, which the middle of a book may have.
    #[inline]
    pub fn settled_at_half(&self, twice_price: Ticks, qty: Qty) -> Money {
        if self.kind == InstrumentKind::InversePerpetual {
            return self.inverse(twice_price, 2 * qty);
        }
        self.notional(twice_price, qty) / 2
    }

    /// What a position is worth changes with its settled value, or against it: +1, or −1 for inverse perpetuals.
    #[inline]
    pub fn direction(&self) -> i64 {
        if self.kind == InstrumentKind::InversePerpetual { -1 } else { 1 }
    }

    #[cold]
    fn inverse(&self, price: Ticks, qty: Qty) -> Money {
        // Quote units over (ticks × tick size), each as mantissa and decimals; 10¹⁶ of it in one unit of base.
        let tick = i128::from(price) * i128::from(self.tick_size.mantissa);
        if tick == 0 {
            return 0;
        }
        times_over(i128::from(qty) * self.step_value(), 10_i128.pow(self.tick_size.decimals), tick)
    }

    /// The same for numbers that nobody has checked; `None` where it is beyond what sums of several can hold.
    pub fn countable_notional(&self, price: Ticks, qty: Qty) -> Option<Money> {
        let (steps, value) = (i128::from(price) * i128::from(qty), self.step_value());
        let bits = |value: i128| 128 - value.unsigned_abs().leading_zeros();
        (bits(steps) + bits(value) <= 120).then(|| steps * value)
    }

    /// Base units in one quantity step as a float, for features and reports.
    pub fn qty_to_f64(&self, qty: Qty) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let qty = qty as f64;
        self.quantity_step_in_data.times(qty)
    }
}

/// `amount × by / over` towards 0, without overflow where the result has none.
pub(crate) fn times_over(amount: Money, by: i128, over: i128) -> Money {
    let (whole, left) = (amount / over, amount % over);
    whole * by + left * by / over
}

/// A rate (in 10⁻⁹) of an amount, towards 0 to the last unit.
pub fn at_rate(amount: Money, rate: i128) -> Money {
    // First divided, then multiplied: 10¹⁵ of an amount stays within 128 bits.
    amount / RATE_SCALE * rate + amount % RATE_SCALE * rate / RATE_SCALE
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(value: &i128) -> bool {
    *value == 0
}

fn one_step() -> Step {
    Step { mantissa: 1, decimals: 0 }
}

fn scaled(text: &str, decimals: u32) -> Result<i128, DecimalError> {
    let (value, places) = digits(text.as_bytes())?;
    let power = decimals.checked_sub(places).ok_or(DecimalError::OffStep)?;
    Ok(i128::from(value) * 10_i128.pow(power))
}

/// Decimal text as [`Money`], exactly.
///
/// # Errors
/// If the text is no decimal or finer than its scale.
pub fn money(text: &str) -> Result<Money, DecimalError> {
    scaled(text, MONEY_DECIMALS)
}

/// Decimal text as a rate in 10⁻⁹, exactly.
///
/// # Errors
/// If the text is no decimal or finer than its scale.
pub fn rate(text: &str) -> Result<i128, DecimalError> {
    scaled(text, 9)
}

/// [`Money`] as a float, for reports only.
pub fn money_to_f64(money: Money) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let (whole, part) = ((money / MONEY_SCALE) as f64, (money % MONEY_SCALE) as f64);
    whole + part / 1e16
}

macro_rules! decimal_as_text {
    ($module:ident, $decimals:expr) => {
        pub(crate) mod $module {
            use serde::{Deserialize, Deserializer, Serializer};

            pub(crate) fn serialize<S: Serializer>(value: &i128, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&crate::decimal::decimal_text(*value, $decimals))
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
                let text = String::deserialize(deserializer)?;
                super::scaled(&text, $decimals).map_err(|e| serde::de::Error::custom(format!("`{text}` {e}")))
            }
        }
    };
}
decimal_as_text!(money_text, super::MONEY_DECIMALS);
decimal_as_text!(rate_text, 9);

#[cfg(test)]
mod tests {
    use super::*;

    const SPOT: &str = r#"{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
        "lot_size": "0.00001",
        "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001", "taker_fee": "0.001"}"#;

    #[test]
    fn a_definition_gives_exact_values() {
        let spot = Instrument::from_json(SPOT).unwrap();
        assert_eq!(spot.lot_steps(), 1_000);
        assert_eq!(spot.base_quote(), Some(("BTC", "USDT")));
        assert_eq!(spot.maker_fee, 1_000_000);
        // 0.01 BTC at 61,837.63
        assert_eq!(spot.notional(6_183_763, 1_000_000), money("618.3763").unwrap());
        assert_eq!(Instrument::from_json(&serde_json::to_string(&spot).unwrap()).unwrap(), spot);
    }

    #[test]
    fn a_wrong_definition_is_refused_with_its_field() {
        for (from, to, word) in [
            ("\"0.00001\"", "\"0.000000001\"", "lot_size"),
            ("BTC/USDT@binance", "BTCUSDT", "BASE/QUOTE"),
            ("\"5\"", "\"-5\"", "min_notional"),
            ("\"0.01\"", "\"0\"", "not a decimal"),
            ("\"symbol\"", "\"simbol\"", "simbol"),
        ] {
            let error = Instrument::from_json(&SPOT.replacen(from, to, 1)).unwrap_err();
            assert!(error.0.contains(word), "{error}");
        }
    }
}
