//! What a strategy holds and what it cost: average cost, exact to the last unit.

use crate::instrument::{Instrument, InstrumentKind};
use crate::ledger::fee_in_base;
use crate::order::Fill;
use crate::types::{Money, Qty, Side, Ticks};

/// A strategy's position in its instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Held, in quantity steps; negative when short. A spot buyer's fee is taken from it.
    pub qty: Qty,
    /// What is held cost: notional of the opening trades, negative when short. That of an inverse perpetual is of base
    /// currency and has the other sign: who is long owes the contracts' worth in base, which shrinks as the price
    /// rises.
    pub cost: Money,
    /// Made by closing, before fees, in the currency that the instrument settles in (quote, but of inverse perpetuals).
    pub realised: Money,
    /// Paid, in that currency; a spot fee in base currency is valued at its trade's price.
    pub fees: Money,
    /// Traded, in that currency.
    pub turnover: Money,
}

impl Position {
    /// Takes a trade in; returns what it realised.
    pub(crate) fn trade(&mut self, instrument: &Instrument, side: Side, fill: &Fill) -> Money {
        let signed = fill.qty * side.sign();
        let notional = instrument.settled(fill.price, fill.qty);
        let closing = if self.qty.signum() * signed.signum() < 0 { fill.qty.min(self.qty.abs()) } else { 0 };
        let released = share(self.cost, closing, self.qty.abs());
        let direction = instrument.direction();
        let worth = instrument.settled(fill.price, closing);
        let realised = worth * i128::from(self.qty.signum() * direction) - released;
        self.cost += (notional - worth) * i128::from(side.sign() * direction) - released;
        self.qty += signed;
        self.realised += realised;
        self.turnover += notional;
        if fee_in_base(instrument, side) {
            // The fee is base currency given away at the trade's price.
            self.pay(
                instrument,
                fill.price,
                Qty::try_from(fill.fee / instrument.base_step_value()).unwrap_or(Qty::MAX),
            );
        } else {
            self.fees += fill.fee;
        }
        realised
    }

    /// Gives away base currency, at what it is worth at a price.
    pub(crate) fn pay(&mut self, instrument: &Instrument, price: Ticks, qty: Qty) {
        let value = instrument.notional(price, qty);
        self.qty -= qty;
        self.cost -= value;
        self.fees += value;
        if self.qty == 0 {
            // Given away to the last step: what it had made or lost is made or lost.
            self.realised -= std::mem::take(&mut self.cost);
        }
    }

    /// Made on paper at a price, in quote currency. `twice_mark` is bid + ask in ticks, or twice a last price.
    pub fn unrealised(&self, instrument: &Instrument, twice_mark: Ticks) -> Money {
        self.value(instrument, twice_mark) - self.cost
    }

    /// What is held is worth, against its cost: its signed notional, of an inverse perpetual with the other sign.
    pub fn value(&self, instrument: &Instrument, twice_mark: Ticks) -> Money {
        instrument.settled_at_half(twice_mark, self.qty) * i128::from(instrument.direction())
    }

    /// Made so far at a price, after fees, in quote currency.
    pub fn pnl(&self, instrument: &Instrument, twice_mark: Ticks) -> Money {
        self.realised + self.unrealised(instrument, twice_mark) - self.fees
    }

    /// Average price of what is held in ticks, for reports; `None` when flat.
    pub fn average_price(&self, instrument: &Instrument) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)]
        let (cost, steps) = (self.cost as f64, self.qty as f64 * instrument.step_value() as f64);
        if self.qty == 0 {
            return None;
        }
        let inverse = |price: f64| instrument.tick_size.steps_in(-price);
        Some(if instrument.direction() > 0 { cost / steps } else { inverse(steps / cost) })
    }

    /// Whether positions of this kind may be negative.
    pub fn may_be_short(instrument: &Instrument) -> bool {
        instrument.kind != InstrumentKind::Spot
    }
}

/// `cost × part / whole`, rounded toward zero, without overflow; all of it when `part` is `whole`.
pub(crate) fn share(cost: Money, part: Qty, whole: Qty) -> Money {
    if part == 0 {
        return 0;
    }
    let (part, whole) = (i128::from(part), i128::from(whole));
    cost / whole * part + cost % whole * part / whole
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_part_of_a_cost_is_its_share_to_the_unit() {
        assert_eq!(
            [share(10, 1, 3), share(11, 2, 3), share(-11, 2, 3), share(7, 7, 7), share(7, 0, 5)],
            [3, 7, -7, 7, 0]
        );
        // Without overflow where cost × part would be beyond 128 bits.
        assert_eq!(
            share(i128::MAX / 2, i64::MAX - 1, i64::MAX) / 1_000_000,
            (i128::MAX / 2 - i128::MAX / 2 / i128::from(i64::MAX)) / 1_000_000
        );
    }
}
