//! What the venue charges for an execution: a rate of its notional, lower as more is traded.

use std::collections::VecDeque;

use crate::instrument::{Instrument, RATE_SCALE, at_rate};
use crate::ledger::{fee_in_base, round_to_settlement};
use crate::types::{Liquidity, Money, Nanos, Qty, SECOND, Side, Ticks};

/// Days whose volume counts.
const DAYS: usize = 30;
const DAY: Nanos = 86_400 * SECOND;

/// What one account pays on one instrument.
#[derive(Clone, Debug)]
pub(super) struct Fees {
    maker: i128,
    taker: i128,
    /// Where the rates depend on what was traded.
    volume: Option<Box<Volume>>,
}

/// What an account traded, by UTC day.
#[derive(Clone, Debug)]
struct Volume {
    day: i64,
    today: Money,
    /// The thirty days before, oldest first.
    before: VecDeque<Money>,
}

impl Fees {
    /// Of an account that traded what the instrument says in the thirty days before, the same on each of them.
    pub(super) fn new(instrument: &Instrument) -> Self {
        let traded = instrument.traded_before;
        let mut fees = Self { maker: instrument.maker_fee, taker: instrument.taker_fee, volume: None };
        if !instrument.fee_tiers.is_empty() {
            let before = VecDeque::from([traded / DAYS as Money; DAYS]);
            fees.volume = Some(Box::new(Volume { day: i64::MIN, today: 0, before }));
            fees.rates_by(instrument, traded);
        }
        fees
    }

    /// The fee of an execution; what is traded counts for later ones.
    pub(super) fn charge(
        &mut self,
        now: Nanos,
        instrument: &Instrument,
        side: Side,
        price: Ticks,
        qty: Qty,
        liquidity: Liquidity,
    ) -> Money {
        if self.volume.is_some() {
            self.count(now, instrument, instrument.notional(price, qty));
        }
        let rate = match liquidity {
            Liquidity::Maker => self.maker,
            Liquidity::Taker => self.taker,
        };
        at(rate, instrument, side, price, qty)
    }

    /// The fee of a liquidation: the venue's own for it, else a taker's.
    pub(super) fn of_liquidation(
        &mut self,
        now: Nanos,
        instrument: &Instrument,
        side: Side,
        price: Ticks,
        qty: Qty,
    ) -> Money {
        if instrument.liquidation_fee == 0 {
            return self.charge(now, instrument, side, price, qty, Liquidity::Taker);
        }
        at(instrument.liquidation_fee, instrument, side, price, qty)
    }

    /// Adds to what was traded. The tier is that of the last thirty whole days and changes at midnight UTC, as at
    /// Binance, <https://www.binance.com/en/fee/futureFee>.
    #[cold]
    fn count(&mut self, now: Nanos, instrument: &Instrument, notional: Money) {
        let Some(volume) = &mut self.volume else { return };
        let day = now.div_euclid(DAY);
        let passed = if volume.day == i64::MIN { 0 } else { day.saturating_sub(volume.day).max(0) };
        volume.day = volume.day.max(day);
        for _ in 0..passed.min(DAYS as i64 + 1) {
            volume.before.pop_front();
            volume.before.push_back(std::mem::take(&mut volume.today));
        }
        volume.today += notional;
        if passed > 0 {
            let traded = volume.before.iter().sum();
            self.rates_by(instrument, traded);
        }
    }

    fn rates_by(&mut self, instrument: &Instrument, traded: Money) {
        let reached = instrument.fee_tiers.iter().rfind(|tier| tier.volume <= traded);
        let base = (instrument.maker_fee, instrument.taker_fee);
        (self.maker, self.taker) = reached.map_or(base, |tier| (tier.maker, tier.taker));
    }
}

/// A fee, in base currency for a spot buy, else in the currency the instrument settles in; negative for a rebate.
/// Rounded to what settles: 10⁻⁸, and for a base fee whole quantity steps, so that a position stays countable.
fn at(rate: i128, instrument: &Instrument, side: Side, price: Ticks, qty: Qty) -> Money {
    if fee_in_base(instrument, side) {
        let exact = i128::from(qty) * rate;
        let half = exact.signum() * RATE_SCALE / 2;
        return (exact + half) / RATE_SCALE * instrument.base_step_value();
    }
    round_to_settlement(at_rate(instrument.settled(price, qty), rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::money;

    #[test]
    fn fees_are_in_the_currency_received_and_settle() {
        let spot = Instrument::from_json(
            r#"{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
            "lot_size": "0.00001",
            "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.00075", "taker_fee": "0.001"}"#,
        )
        .unwrap();
        let of = |side, qty, liquidity| Fees::new(&spot).charge(0, &spot, side, 6_183_763, qty, liquidity);
        assert_eq!(of(Side::Buy, 1_000_000, Liquidity::Taker), money("0.00001").unwrap());
        // 0.00033 × 0.00075 = 2.475e-7, to 10⁻⁸: 2.5e-7
        assert_eq!(of(Side::Buy, 33_000, Liquidity::Maker), money("0.00000025").unwrap());
        // 61,837.63 × 0.00033 × 0.001 = 0.0204064179
        assert_eq!(of(Side::Sell, 33_000, Liquidity::Taker), money("0.02040642").unwrap());
    }

    fn perpetual(more: &str) -> Instrument {
        Instrument::from_json(&format!(
            r#"{{"id": "BTC/USDT:USDT@binance", "symbol": "BTCUSDT", "kind": "linear_perpetual", "tick_size": "0.1",
            "lot_size": "0.001", "quantity_step_in_data": "0.001", "min_notional": "5", "maker_fee": "0.0002",
            "taker_fee": "0.0005", "settle": "USDT", "fee_tiers": [{more}]}}"#
        ))
        .unwrap()
    }

    #[test]
    fn a_rebate_is_paid_to_us_and_an_inverse_fee_is_in_base() {
        let maker = perpetual(r#"{"volume": "0", "maker": "-0.00005", "taker": "0.0004"}"#);
        // 0.1 at 60,000.0: 6,000 of notional.
        let fee = |liquidity| Fees::new(&maker).charge(0, &maker, Side::Buy, 600_000, 100, liquidity);
        assert_eq!([fee(Liquidity::Maker), fee(Liquidity::Taker)], [money("-0.3").unwrap(), money("2.4").unwrap()]);
        let coin = Instrument::from_json(
            r#"{"id": "BTC/USD:BTC@binance", "symbol": "BTCUSD_PERP", "kind": "inverse_perpetual", "tick_size": "0.1",
            "lot_size": "1", "quantity_step_in_data": "1", "contract_multiplier": "100", "min_notional": "0",
            "maker_fee": "0.0001", "taker_fee": "0.0005"}"#,
        )
        .unwrap();
        // 10 contracts of 100 USD at 25,000 are 0.04 BTC.
        let fee = Fees::new(&coin).charge(0, &coin, Side::Buy, 250_000, 10, Liquidity::Taker);
        assert_eq!(fee, money("0.00002").unwrap());
    }

    #[test]
    fn a_tier_is_reached_by_whole_days_and_lost_thirty_days_later() {
        let tiered = perpetual(
            r#"{"volume": "0", "maker": "0.0002", "taker": "0.0005"},
            {"volume": "6000", "maker": "0.00016", "taker": "0.0004"},
            {"volume": "12000", "maker": "0.00014", "taker": "0.00035"}"#,
        );
        // Each trade is 6,000 of notional.
        let rate = |fees: &mut Fees, day: i64| {
            let fee = fees.charge(day * DAY + 5, &tiered, Side::Sell, 600_000, 100, Liquidity::Taker);
            fee * 1_000_000 / money("6000").unwrap()
        };
        let mut fees = Fees::new(&tiered);
        let rates = [20_000, 20_000, 20_001, 20_002, 20_030, 20_060, 20_061].map(|day| rate(&mut fees, day));
        // Two on the first day count from the next; one more the day after; on the 30th after they still count all.
        assert_eq!(rates, [500, 500, 350, 350, 350, 400, 400]);
        // What was traded before counts, and fades a thirtieth a day.
        let mut tiered = tiered;
        tiered.traded_before = money("12000").unwrap();
        let mut fees = Fees::new(&tiered);
        let mut little = |day: i64| {
            let fee = fees.charge(day * DAY, &tiered, Side::Buy, 600_000, 1, Liquidity::Maker);
            fee * 1_000_000 / money("60").unwrap()
        };
        assert_eq!([0, 1, 15, 16].map(&mut little), [140, 160, 160, 200]);
    }
}
