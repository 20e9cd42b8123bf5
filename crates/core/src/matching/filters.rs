//! The venue's filters, as far as an instrument's definition gives them: checked when an order arrives, and named where
//! one is refused.
//!
//! Binance's `LOT_SIZE`, `PRICE_FILTER`, `NOTIONAL`, `PERCENT_PRICE(_BY_SIDE)` and `ICEBERG_PARTS`
//! (<https://developers.binance.com/docs/binance-spot-api-docs/filters>). The band of prices is around the mark price
//! of a perpetual, where it is told, and else around the last price, in place of Binance's average of five minutes.

use crate::decimal::Step;
use crate::instrument::{Instrument, InstrumentKind};
use crate::order::{OrderRequest, Reason};
use crate::types::{OrderKind, Qty, Side, Ticks};

/// The filters of one instrument.
#[derive(Clone, Debug)]
pub(super) struct Filters {
    lot: Qty,
    least: Qty,
    most: Qty,
    /// Multipliers of the reference price: the highest and the lowest.
    band: Option<(Step, Step)>,
    /// Both bounds hold for both sides; else the highest for a buy, the lowest for a sell.
    band_both_ways: bool,
    parts: Qty,
    /// Whether the definition gives more than lot and notional, which the risk gate holds as well.
    pub(super) is_set: bool,
}

/// Parts of an iceberg where the definition does not tell, as on Binance's spot market.
const PARTS: u32 = 100;

impl Filters {
    pub(super) fn new(instrument: &Instrument) -> Self {
        let band = instrument.price_multiplier_up.zip(instrument.price_multiplier_down);
        let (least, most) = (instrument.least_quantity(), instrument.most_quantity());
        Self {
            lot: instrument.lot_steps(),
            least: least.unwrap_or(1),
            most: most.unwrap_or(Qty::MAX),
            band,
            band_both_ways: instrument.kind == InstrumentKind::Spot,
            parts: Qty::from(instrument.iceberg_parts.unwrap_or(PARTS)),
            is_set: band.is_some() || least.is_some() || most.is_some(),
        }
    }

    /// Whether an order's price is held against a reference.
    pub(super) fn needs_price(&self) -> bool {
        self.band.is_some()
    }

    /// The filter that an order breaks; `reference` is the price that the band is around, if one was told.
    pub(super) fn check(&self, instrument: &Instrument, request: &OrderRequest, reference: Option<Ticks>) -> Reason {
        if request.qty < self.least || request.qty > self.most || request.qty % self.lot != 0 {
            return Reason::LotSize;
        }
        let limit = (request.kind == OrderKind::Limit).then_some(request.price);
        if limit.is_some_and(|price| price <= 0) {
            return Reason::PriceFilter;
        }
        let value = limit.or(reference).map(|price| instrument.notional(price, request.qty));
        // Binance lets a reduce-only order be as small as what it closes.
        if !request.terms.reduce_only && value.is_some_and(|value| value < instrument.min_notional) {
            return Reason::Notional;
        }
        if limit.zip(reference).is_some_and(|(price, reference)| self.is_far(request.side, price, reference)) {
            return Reason::PercentPrice;
        }
        let display = request.terms.display;
        if display > 0 && (display % self.lot != 0 || request.qty.div_euclid(display) >= self.parts) {
            return Reason::IcebergParts;
        }
        Reason::None
    }

    fn is_far(&self, side: Side, price: Ticks, reference: Ticks) -> bool {
        let Some((up, down)) = self.band else { return false };
        let times = |step: Step| i128::from(reference) * i128::from(step.mantissa);
        let scaled = |step: Step| i128::from(price) * 10_i128.pow(step.decimals);
        let too_high = scaled(up) > times(up) && (self.band_both_ways || side == Side::Buy);
        let too_low = scaled(down) < times(down) && (self.band_both_ways || side == Side::Sell);
        too_high || too_low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Terms;
    use crate::types::TimeInForce;

    fn instrument(kind: &str) -> Instrument {
        let text = format!(
            r#"{{"id": "X/USDT@venue", "symbol": "X", "kind": "{kind}", "tick_size": "0.1", "lot_size": "0.01",
            "quantity_step_in_data": "0.001", "min_notional": "5", "maker_fee": "0", "taker_fee": "0",
            "min_quantity": "0.02", "max_quantity": "90", "price_multiplier_up": "1.1",
            "price_multiplier_down": "0.9", "iceberg_parts": 10}}"#
        );
        Instrument::from_json(&text).unwrap()
    }

    /// What is changed of a buy of 1 at 100 while the market is at 100, and the filter it breaks.
    #[test]
    fn every_filter_has_its_name() {
        type Change = fn(&mut OrderRequest);
        let rows: [(Reason, Reason, Change); 13] = [
            (Reason::None, Reason::None, |_| {}),
            (Reason::LotSize, Reason::LotSize, |r| r.qty = 1_005),
            (Reason::LotSize, Reason::LotSize, |r| r.qty = 10),
            (Reason::LotSize, Reason::LotSize, |r| r.qty = 90_010),
            (Reason::PriceFilter, Reason::PriceFilter, |r| r.price = 0),
            (Reason::Notional, Reason::Notional, |r| r.qty = 40),
            (Reason::None, Reason::None, |r| (r.qty, r.terms.reduce_only) = (40, true)),
            (Reason::PercentPrice, Reason::PercentPrice, |r| r.price = 1_101),
            (Reason::None, Reason::None, |r| r.price = 1_100),
            (Reason::PercentPrice, Reason::None, |r| r.price = 899),
            (Reason::PercentPrice, Reason::PercentPrice, |r| (r.side, r.price) = (Side::Sell, 899)),
            (Reason::IcebergParts, Reason::IcebergParts, |r| r.terms.display = 100),
            (Reason::None, Reason::None, |r| r.terms.display = 110),
        ];
        for (at, (spot, perpetual, change)) in rows.into_iter().enumerate() {
            let (kind, time_in_force, terms) = (OrderKind::Limit, TimeInForce::Gtc, Terms::PLAIN);
            let (strategy, instrument_ix, side) = (0, 0, Side::Buy);
            let (price, qty) = (1_000, 1_000);
            let mut request =
                OrderRequest { strategy, instrument: instrument_ix, side, kind, time_in_force, price, qty, terms };
            change(&mut request);
            for (name, reason) in [("spot", spot), ("linear_perpetual", perpetual)] {
                let instrument = instrument(name);
                let filters = Filters::new(&instrument);
                assert_eq!(filters.check(&instrument, &request, Some(1_000)), reason, "row {at}, {name}");
            }
        }
    }
}
