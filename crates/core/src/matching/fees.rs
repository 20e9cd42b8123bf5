//! What the venue charges for an execution.

use crate::instrument::{Instrument, RATE_SCALE};
use crate::ledger::{fee_in_base, round_to_settlement};
use crate::types::{Liquidity, Money, Qty, Side, Ticks};

/// The fee, in base currency for a spot buy, else in quote currency; negative for a rebate. Rounded to what settles:
/// 10⁻⁸, and for a base fee whole quantity steps, so that a position stays countable.
pub(super) fn fee(instrument: &Instrument, side: Side, price: Ticks, qty: Qty, liquidity: Liquidity) -> Money {
    let rate = match liquidity {
        Liquidity::Maker => instrument.maker_fee,
        Liquidity::Taker => instrument.taker_fee,
    };
    if fee_in_base(instrument, side) {
        let exact = i128::from(qty) * rate;
        let half = exact.signum() * RATE_SCALE / 2;
        return (exact + half) / RATE_SCALE * instrument.base_step_value();
    }
    // Notional first divided, then multiplied: 10¹⁵ of notional stays within 128 bits.
    let notional = instrument.notional(price, qty);
    round_to_settlement(notional / RATE_SCALE * rate + notional % RATE_SCALE * rate / RATE_SCALE)
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
        let of = |side, qty, liquidity| fee(&spot, side, 6_183_763, qty, liquidity);
        assert_eq!(of(Side::Buy, 1_000_000, Liquidity::Taker), money("0.00001").unwrap());
        // 0.00033 × 0.00075 = 2.475e-7, to 10⁻⁸: 2.5e-7
        assert_eq!(of(Side::Buy, 33_000, Liquidity::Maker), money("0.00000025").unwrap());
        // 61,837.63 × 0.00033 × 0.001 = 0.0204064179
        assert_eq!(of(Side::Sell, 33_000, Liquidity::Taker), money("0.02040642").unwrap());
    }
}
