use proptest::prelude::*;

use super::*;
use crate::instrument::money;
use crate::types::{Liquidity, Qty};

const SPOT: &str = r#"{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
    "lot_size": "0.00001",
    "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001", "taker_fee": "0.001"}"#;
const PERPETUAL: &str = r#"{"id": "BTC/USDT:USDT@binance", "symbol": "BTCUSDT", "kind": "linear_perpetual",
    "tick_size": "0.1",
    "lot_size": "0.001", "quantity_step_in_data": "0.001", "min_notional": "100", "maker_fee": "0.0002",
    "taker_fee": "0.0005", "settle": "USDT"}"#;

fn books(definition: &str) -> (Ledger, Instrument, Currencies) {
    let mut ledger = Ledger::default();
    let currencies = Currencies { base: ledger.currency("BTC"), quote: ledger.currency("USDT") };
    ledger.add_strategy(false);
    ledger.deposit(0, currencies.quote, money("10000").unwrap());
    (ledger, Instrument::from_json(definition).unwrap(), currencies)
}

fn fill(price: i64, qty: Qty, fee: &str) -> Fill {
    Fill { trade: 1, price, qty, liquidity: Liquidity::Maker, fee: money(fee).unwrap(), queue_ahead: -1, twice_mid: 0 }
}

/// Buy 0.01 BTC at 60,000 paying 0.00001 BTC, sell 0.00999 at 60,100 paying 0.600399 USDT.
#[test]
fn a_round_trip_on_spot() {
    let (mut ledger, spot, c) = books(SPOT);
    ledger.fill(0, &spot, c, Side::Buy, &fill(6_000_000, 1_000_000, "0.00001"));
    assert_eq!(ledger.cash(0, c.quote), money("9400").unwrap());
    assert_eq!(ledger.cash(0, c.base), money("0.00999").unwrap());
    let held = ledger.position(0);
    assert_eq!((held.qty, held.cost, held.fees), (999_000, money("599.4").unwrap(), money("0.6").unwrap()));
    assert_eq!(held.average_price(&spot), Some(6_000_000.0));
    // Marked at its own price, exactly the fee is lost.
    assert_eq!(held.pnl(&spot, 12_000_000), money("-0.6").unwrap());

    ledger.fill(0, &spot, c, Side::Sell, &fill(6_010_000, 999_000, "0.600399"));
    let flat = ledger.position(0);
    assert_eq!((flat.qty, flat.cost), (0, 0));
    assert_eq!(flat.realised, money("0.999").unwrap());
    assert_eq!(flat.fees, money("1.200399").unwrap());
    // 9,400 + 600.399 − 0.600399
    assert_eq!(ledger.cash(0, c.quote), money("9999.798601").unwrap());
    assert_eq!(ledger.cash(0, c.quote) - money("10000").unwrap(), flat.pnl(&spot, 1));
    assert_eq!(ledger.balance(1, Account::Fees, c.base), money("0.00001").unwrap());
    assert_eq!(ledger.imbalance(), 0);
}

/// Long 0.003 at 60,000.0 and 0.001 at 60,000.4, sell 0.006 at 60,010.0: 0.004 closed, short 0.002.
#[test]
fn a_perpetual_turned_round() {
    let (mut ledger, perpetual, c) = books(PERPETUAL);
    ledger.fill(0, &perpetual, c, Side::Buy, &fill(600_000, 3, "0.036"));
    ledger.fill(0, &perpetual, c, Side::Buy, &fill(600_004, 1, "0.01200008"));
    assert_eq!(ledger.cash(0, c.quote), money("9999.95199992").unwrap());
    ledger.fill(0, &perpetual, c, Side::Sell, &fill(600_100, 6, "0.180030"));
    let short = ledger.position(0);
    // 0.003 × 10.0 + 0.001 × 9.6
    assert_eq!(short.realised, money("0.0396").unwrap());
    assert_eq!((short.qty, short.cost), (-2, money("-120.02").unwrap()));
    assert_eq!(short.unrealised(&perpetual, 2 * 600_000), money("0.02").unwrap());
    assert_eq!(ledger.cash(0, c.quote), money("9999.81156992").unwrap());
    assert_eq!(ledger.cash(0, c.base), 0);
    assert_eq!(ledger.imbalance(), 0);
}

#[test]
fn what_is_finer_than_the_venue_settles_is_kept() {
    let (mut ledger, _, c) = books(PERPETUAL);
    let fine =
        Instrument::from_json(&PERPETUAL.replace("\"tick_size\": \"0.1\"", "\"tick_size\": \"0.0000001\"")).unwrap();
    ledger.fill(0, &fine, c, Side::Buy, &fill(1_000, 3, "0"));
    ledger.fill(0, &fine, c, Side::Sell, &fill(1_007, 3, "0"));
    // 7e-7 × 0.003 = 2.1e-9: below the 1e-8 that moves.
    assert_eq!(ledger.cash(0, c.quote), money("10000").unwrap());
    assert_eq!(ledger.balance(1, Account::Rounding, c.quote), 21_000_000);
    assert_eq!(ledger.imbalance(), 0);
    assert_eq!(round_to_settlement(-SETTLEMENT / 2), -SETTLEMENT);
    assert_eq!(round_to_settlement(SETTLEMENT / 2 - 1), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Whatever is traded: postings cancel, cash and position agree, and PnL is the change of equity to the last unit.
    #[test]
    fn random_histories_sum_to_zero(
        spot in prop::bool::ANY,
        trades in prop::collection::vec((prop::bool::ANY, 1_i64..200_000_000, 1_i64..3_000, 0_i64..1_000), 1..30),
        mark in 1_i64..400_000_000,
    ) {
        let (mut ledger, instrument, c) = books(if spot { SPOT } else { PERPETUAL });
        let (mut held, mut fees_in_base) = (0, 0);
        for &(buy, price, qty, fee) in &trades {
            let side = if buy { Side::Buy } else { Side::Sell };
            let in_base = fee_in_base(&instrument, side);
            // Fees are whole settlement steps; a base fee is below what was bought.
            let fee = i128::from(if in_base { fee.min(qty) } else { fee }) * SETTLEMENT;
            let fill = Fill { trade: 1, price, qty, liquidity: Liquidity::Taker, fee, queue_ahead: -1, twice_mid: 0 };
            let lines = ledger.fill(0, &instrument, c, side, &fill);
            for currency in [c.base, c.quote] {
                let of = lines.lines().iter().filter(|line| line.currency == currency);
                prop_assert_eq!(of.map(|line| line.amount).sum::<Money>(), 0);
            }
            held += qty * side.sign();
            fees_in_base += if in_base { fee / instrument.base_step_value() } else { 0 };
        }
        let position = ledger.position(0);
        prop_assert_eq!(ledger.imbalance(), 0);
        prop_assert_eq!(i128::from(position.qty), i128::from(held) - fees_in_base);
        let rounding = ledger.balance(1, Account::Rounding, c.quote);
        let gained = ledger.cash(0, c.quote) - money("10000").unwrap() + rounding;
        let mark = 2 * mark;
        let paper = if spot { position.value(&instrument, mark) } else { position.unrealised(&instrument, mark) };
        prop_assert_eq!(gained + paper, position.pnl(&instrument, mark));
        if spot {
            prop_assert_eq!(ledger.cash(0, c.base), i128::from(position.qty) * instrument.base_step_value());
        }
    }
}

/// 100 USD a contract, tick 0.1.
const COIN: &str = r#"{"id": "BTC/USD:BTC@binance", "symbol": "BTCUSD_PERP", "kind": "inverse_perpetual",
    "tick_size": "0.1", "lot_size": "1", "quantity_step_in_data": "1", "contract_multiplier": "100",
    "min_notional": "0", "maker_fee": "0.0001", "taker_fee": "0.0005", "settle": "BTC"}"#;

/// Binance: PnL = quantity × contract × side × (1 / entry − 1 / exit), in base currency,
/// <https://www.binance.com/en/support/faq/360039304272>; postings in it alone.
#[test]
fn an_inverse_perpetual_makes_base_currency_by_the_reciprocals_of_its_prices() {
    let coin = Instrument::from_json(COIN).unwrap();
    let mut ledger = Ledger::default();
    let currencies = Currencies { base: ledger.currency("BTC"), quote: ledger.currency("USD") };
    ledger.add_strategy(false);
    let mut trade = |side, price, qty| {
        let fill = Fill { trade: 1, price, qty, liquidity: Liquidity::Taker, fee: 0, queue_ahead: -1, twice_mid: 0 };
        ledger.fill(0, &coin, currencies, side, &fill)
    };
    // 200 contracts long from 10,000 to 12,500: 20,000 × (1/10,000 − 1/12,500) = 0.4 BTC, half of it at a time.
    trade(Side::Buy, 100_000, 200);
    let half = trade(Side::Sell, 125_000, 100);
    assert_eq!(
        half.lines()[0],
        Posting { owner: 1, account: Account::Cash, currency: 0, amount: money("0.2").unwrap() }
    );
    // The other half and 300 short: of the whole trade only what closes is realised.
    trade(Side::Sell, 125_000, 400);
    let held = *ledger.position(0);
    assert_eq!((held.qty, held.realised, held.cost), (-300, money("0.4").unwrap(), money("2.4").unwrap()));
    assert_eq!(held.average_price(&coin), Some(125_000.0));
    // Short: the 30,000 USD are worth 3 BTC at 10,000, 0.6 more than at 12,500; at 12,500.05 a little less.
    assert_eq!(held.unrealised(&coin, 200_000), money("0.6").unwrap());
    assert_eq!(held.unrealised(&coin, 250_001), money("2.3999904000383998").unwrap() - held.cost);
    assert_eq!(ledger.cash_of_all(0), money("0.4").unwrap());
    assert_eq!((ledger.cash_of_all(1), ledger.imbalance()), (0, 0));
}

#[test]
fn what_an_inverse_trade_makes_finer_than_settles_is_posted_as_rounding() {
    let coin = Instrument::from_json(COIN).unwrap();
    let mut ledger = Ledger::default();
    let currencies = Currencies { base: ledger.currency("BTC"), quote: ledger.currency("USD") };
    ledger.add_strategy(false);
    for (side, price) in [(Side::Buy, 300_000), (Side::Sell, 310_000), (Side::Sell, 310_000), (Side::Buy, 290_007)] {
        let fill = Fill { trade: 1, price, qty: 7, liquidity: Liquidity::Maker, fee: 0, queue_ahead: -1, twice_mid: 0 };
        ledger.fill(0, &coin, currencies, side, &fill);
        assert_eq!(ledger.imbalance(), 0);
    }
    let held = ledger.position(0);
    let booked = ledger.balance(1, Account::Cash, 0) + ledger.balance(1, Account::Rounding, 0);
    assert_eq!((held.qty, held.cost, booked), (0, 0, held.realised));
    assert!(ledger.balance(1, Account::Cash, 0) % SETTLEMENT == 0 && ledger.balance(1, Account::Rounding, 0) != 0);
}

/// Binance: 1,000 borrowed at 0.001 % an hour for two hours cost 0.02,
/// <https://www.binance.com/en/support/faq/360030157812>.
#[test]
fn interest_is_added_to_what_a_short_owes() {
    let (mut ledger, spot, c) = books(SPOT);
    // 1,000 sold short at 20.00, and bought back with the interest.
    ledger.fill(0, &spot, c, Side::Sell, &fill(2_000, 1_000 * 100_000_000, "0"));
    let interest = 2 * 1_000_000;
    let posted = ledger.interest(0, &spot, c, 2_000, interest);
    assert_eq!(
        posted.lines()[1],
        Posting { amount: money("0.02").unwrap(), account: Account::Funding, ..posted.lines()[1] }
    );
    let held = *ledger.position(0);
    assert_eq!((held.qty, held.fees), (-100_002_000_000, money("0.4").unwrap()));
    assert_eq!((held.pnl(&spot, 4_000), ledger.imbalance()), (money("-0.4").unwrap(), 0));
    ledger.fill(0, &spot, c, Side::Buy, &fill(2_000, 1_000 * 100_000_000 + interest, "0"));
    assert_eq!((ledger.position(0).qty, ledger.cash(0, c.base)), (0, 0));
    assert_eq!(ledger.cash(0, c.quote), money("9999.6").unwrap());
}
