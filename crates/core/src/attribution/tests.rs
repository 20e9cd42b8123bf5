use proptest::prelude::*;

use super::*;
use crate::instrument::{Instrument, InstrumentKind};
use crate::ledger::{Currencies, Ledger, fee_in_base};
use crate::order::Fill;
use crate::types::{Liquidity, Side};

const SPOT: &str = r#"{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
    "lot_size": "0.00001",
    "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001", "taker_fee": "0.001"}"#;
/// Its step value is one unit of money, so that half units are met.
const FINEST: &str = r#"{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.00000001",
    "lot_size": "0.00000001",
    "quantity_step_in_data": "0.00000001", "min_notional": "0", "maker_fee": "0", "taker_fee": "0"}"#;
const PERPETUAL: &str = r#"{"id": "BTC/USDT:USDT@binance", "symbol": "BTCUSDT", "kind": "linear_perpetual",
    "tick_size": "0.1", "lot_size": "0.001", "quantity_step_in_data": "0.001", "min_notional": "5",
    "maker_fee": "0.0002", "taker_fee": "0.0005", "settle": "USDT", "funding_interval_hours": 8}"#;
const INVERSE: &str = r#"{"id": "BTC/USD:BTC@binance", "symbol": "BTCUSD_PERP", "kind": "inverse_perpetual",
    "tick_size": "0.1", "lot_size": "1", "quantity_step_in_data": "1", "contract_multiplier": "100",
    "min_notional": "0", "maker_fee": "0.0002", "taker_fee": "0.0005", "settle": "BTC"}"#;

/// One fill of a history: side, price, quantity, fee in units of what it is taken in, and both mids doubled.
type Step = (bool, Ticks, Qty, i64, Ticks, Ticks);

fn step() -> impl Strategy<Value = Step> {
    let (price, twice) = (1_i64..2_000, 1_i64..4_000);
    (any::<bool>(), price, 1_i64..5_000, -40_i64..200, twice.clone(), twice)
}

/// The ledger's PnL of a history at the last mid, and the split of the same.
fn both(
    instrument: &Instrument,
    steps: &[Step],
    interest: &[(Ticks, Qty)],
    end: Ticks,
    funding: i64,
) -> (Money, Split) {
    let mut ledger = Ledger::default();
    let currencies = Currencies { base: ledger.currency("BTC"), quote: ledger.currency("USDT") };
    ledger.add_strategy(false);
    let mut trades = Vec::new();
    let interest = if instrument.kind == InstrumentKind::Spot { interest } else { &[] };
    for &(price, qty) in interest {
        ledger.interest(0, instrument, currencies, price, qty);
    }
    for (number, &(buys, price, qty, fee, twice_mid, twice_later)) in steps.iter().enumerate() {
        let side = if buys { Side::Buy } else { Side::Sell };
        // A base fee is whole quantity steps, and no more than was bought; others are as fine as money is.
        let fee = if fee_in_base(instrument, side) {
            Money::from(fee.clamp(-qty, qty)) * instrument.base_step_value()
        } else {
            Money::from(fee) * 12_345
        };
        let fill = Fill {
            trade: number as u64 + 1,
            price,
            qty,
            liquidity: Liquidity::Maker,
            fee,
            queue_ahead: -1,
            twice_mid: 0,
        };
        ledger.fill(0, instrument, currencies, side, &fill);
        trades.push(Trade { side, price, qty, fee, twice_mid, twice_later });
    }
    ledger.funding(1, currencies.quote, Money::from(funding));
    let received = -ledger.balance(1, Account::Funding, currencies.quote);
    let pnl = ledger.position(0).pnl(instrument, end) + received;
    (pnl, Split::of(instrument, trades.into_iter(), interest.iter().copied(), end, received))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Spot with fees in base and rebates, perpetuals that turn from long to short, linear and inverse, and an
    /// instrument so fine that half ticks are half units of money.
    #[test]
    fn the_parts_add_up_to_the_ledgers_pnl(
        definition in prop::sample::select(vec![SPOT, FINEST, PERPETUAL, INVERSE]),
        steps in prop::collection::vec(step(), 0..24), end in 1_i64..4_000, funding in -9_999_i64..9_999,
        interest in prop::collection::vec((1_i64..2_000, 1_i64..50), 0..4)
    ) {
        let instrument = Instrument::from_json(definition).unwrap();
        let (pnl, split) = both(&instrument, &steps, &interest, end, funding);
        prop_assert_eq!(split.pnl(), pnl);
    }

    /// Against its own definition: with no horizon there is no adverse selection, and inventory is what each move of
    /// the mid made of the position held through it.
    #[test]
    fn without_a_horizon_inventory_is_position_times_move(
        steps in prop::collection::vec(step(), 1..24), end in 1_i64..4_000
    ) {
        let instrument = Instrument::from_json(PERPETUAL).unwrap();
        let steps: Vec<Step> = steps.into_iter().map(|(b, p, q, f, mid, _)| (b, p, q, f, mid, mid)).collect();
        let (_, split) = both(&instrument, &steps, &[], end, 0);
        let (mut held, mut moves, mut mid) = (0, 0, 0);
        for (buys, _, qty, _, at, _) in steps.iter().copied().chain([(true, 0, 0, 0, end, end)]) {
            moves += instrument.notional(at - mid, held);
            held += if buys { qty } else { -qty };
            mid = at;
        }
        prop_assert_eq!((split.adverse_selection, split.inventory), (0, moves / 2));
    }
}

/// By hand: bought 0.01 at 100.00 under a mid of 100.05, which fell to 99.95 in the horizon and stood at 100.25 at the
/// end; 0.00001 of it went as the fee.
#[test]
fn a_fill_worked_by_hand() {
    let instrument = Instrument::from_json(SPOT).unwrap();
    let unit = |text: &str| crate::instrument::money(text).unwrap();
    let (fee, twice_mid, twice_later) = (1_000, 20_010, 19_990);
    let steps = [(true, 10_000, 1_000_000, fee, twice_mid, twice_later)];
    let (pnl, split) = both(&instrument, &steps, &[], 20_050, 0);
    assert_eq!(split.spread, unit("0.0004995"));
    assert_eq!(split.adverse_selection, -unit("0.000999"));
    assert_eq!(split.inventory, unit("0.002997"));
    assert_eq!(split.fees, -unit("0.001"));
    assert_eq!(pnl, unit("0.0014975"));
}
