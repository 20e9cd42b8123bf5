//! Worked examples of Binance's own documents, and what must hold for any table.

use proptest::prelude::*;

use super::*;
use crate::decimal::decimal_text;
use crate::instrument::money;
use crate::types::{MONEY_DECIMALS, Qty};

/// BTCUSDT's first tiers of 2021-03-18,
/// <https://www.binance.com/en/support/announcement/86cf9aa472574b8cb2e05bb751c2a9a6>.
const BTCUSDT: &[(&str, &str, u32)] = &[
    ("0", "0.004", 125),
    ("50000", "0.005", 100),
    ("250000", "0.01", 50),
    ("1000000", "0.025", 20),
    ("10000000", "0.05", 10),
    ("20000000", "0.1", 5),
];
/// BTCUSD's of that time, in BTC.
const BTCUSD: &[(&str, &str, u32)] = &[
    ("0", "0.004", 125),
    ("5", "0.005", 100),
    ("10", "0.01", 50),
    ("20", "0.025", 20),
    ("50", "0.05", 10),
    ("100", "0.1", 5),
    ("200", "0.125", 4),
    ("400", "0.15", 3),
];

fn tiers(rows: &[(&str, &str, u32)]) -> MarginTiers {
    let rows: Vec<String> = rows
        .iter()
        .map(|(floor, rate, leverage)| {
            format!(r#"{{"floor": "{floor}", "maintenance": "{rate}", "leverage": {leverage}}}"#)
        })
        .collect();
    let tiers: MarginTiers = serde_json::from_str(&format!("[{}]", rows.join(", "))).unwrap();
    tiers.check().unwrap();
    tiers
}

fn linear(step: &str) -> Instrument {
    Instrument::from_json(&format!(
        r#"{{"id": "BTC/USDT:USDT@binance", "symbol": "BTCUSDT", "kind": "linear_perpetual", "tick_size": "0.01",
        "lot_size": "{step}", "quantity_step_in_data": "{step}", "min_notional": "5", "maker_fee": "0.0002",
        "taker_fee": "0.0005", "settle": "USDT"}}"#
    ))
    .unwrap()
}

fn inverse() -> Instrument {
    Instrument::from_json(
        r#"{"id": "BTC/USD:BTC@binance", "symbol": "BTCUSD_PERP", "kind": "inverse_perpetual", "tick_size": "0.1",
        "lot_size": "1", "quantity_step_in_data": "1", "contract_multiplier": "100", "min_notional": "0",
        "maker_fee": "0.0001", "taker_fee": "0.0005", "settle": "BTC"}"#,
    )
    .unwrap()
}

fn held(instrument: &Instrument, qty: Qty, entry: Ticks) -> Position {
    let cost = instrument.settled(entry, qty) * i128::from(instrument.direction());
    Position { qty, cost, ..Position::default() }
}

#[test]
fn amounts_follow_from_the_brackets_as_binance_publishes_them() {
    let amounts = |tiers: MarginTiers| -> Vec<String> {
        tiers.all().iter().map(|tier| decimal_text(tier.amount, MONEY_DECIMALS)).map(short).collect()
    };
    assert_eq!(amounts(tiers(BTCUSDT)), ["0", "50", "1300", "16300", "266300", "1266300"]);
    // "If the BTCUSD contract position is 300 BTC, the Maintenance Amount would be 11.605 BTC."
    assert_eq!(amounts(tiers(BTCUSD))[6], "11.605");
}

fn short(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[test]
fn maintenance_is_notional_times_rate_less_the_amount() {
    let btc = |text: &str| money(text).unwrap();
    // COIN-M: 100 contracts at 25,000 are 0.4 BTC and must keep 0.0016 BTC; 300 BTC must keep 12.5 % less 11.605.
    let contract = inverse();
    assert_eq!(contract.settled(250_000, 100), btc("0.4"));
    assert_eq!(tiers(BTCUSD).maintenance(btc("0.4")), btc("0.0016"));
    assert_eq!(tiers(BTCUSD).maintenance(btc("300")), btc("25.895"));
    // A bracket holds its upper end: 250,000 is still in the second.
    let usdt = tiers(BTCUSDT);
    assert_eq!(usdt.maintenance(btc("250000")), btc("1200"));
    assert_eq!((usdt.of(btc("250000")).leverage, usdt.of(btc("250000.01")).leverage), (100, 50));
    assert_eq!((usdt.maintenance(0), usdt.of(0).leverage), (0, 125));
}

/// The two positions of Binance's example, each with what the other must keep and made on paper.
#[test]
fn liquidation_prices_are_those_of_binances_example() {
    let wallet = money("1535443.01").unwrap();
    for (step, qty, entry, rate, amount, others, unrealised, expected) in [
        ("0.001", 3_683_979, 145_684, "0.1", "135365", "71200.81144", "-56354.57", 115_326),
        ("0.001", 109_488, 3_248_198, "0.025", "16300", "356512.508", "-448192.89", 2_631_689),
    ] {
        let tiers: MarginTiers = serde_json::from_str(&format!(
            r#"[{{"floor": "0", "maintenance": "{rate}", "leverage": 5, "amount": "{amount}"}}]"#
        ))
        .unwrap();
        let instrument = linear(step);
        let free = wallet - money(others).unwrap() + money(unrealised).unwrap();
        let found = liquidation_price(&instrument, &tiers, &held(&instrument, qty, entry), free);
        assert_eq!(found, Some(expected));
    }
}

#[test]
fn where_the_price_found_is_in_another_tier_that_tier_counts() {
    let (instrument, tiers) = (linear("0.001"), tiers(BTCUSDT));
    // 10 BTC bought at 110,000: 1.1 M, in the fourth tier; with 300,000 it is liquidated below 0.9 M, in the third.
    let position = held(&instrument, 10_000, 11_000_000);
    let price = liquidation_price(&instrument, &tiers, &position, money("300000").unwrap()).unwrap();
    // 300,000 + 10 p − 1,100,000 = 0.01 × 10 p − 1,300
    assert_eq!(price, 8_067_677);
    // Sold short 4 at 60,000 with 100,000: 340,000 − 4 p = 0.01 × 4 p − 1,300
    let position = held(&instrument, -4_000, 6_000_000);
    assert_eq!(liquidation_price(&instrument, &tiers, &position, money("100000").unwrap()), Some(8_448_020));
    // Paid in full, a long position is never liquidated; a flat one has no price.
    let full = held(&instrument, 1_000, 6_000_000);
    assert_eq!(liquidation_price(&instrument, &tiers, &full, money("60000").unwrap()), None);
    assert_eq!(liquidation_price(&instrument, &tiers, &Position::default(), 0), None);
}

#[test]
fn an_inverse_position_is_liquidated_by_what_it_is_worth_in_base() {
    let (instrument, tiers) = (inverse(), tiers(BTCUSD));
    // 1,000 contracts of 100 USD long from 50,000 with 0.2 BTC: p = 100,000 × 1.004 / (0.2 + 2)
    let position = held(&instrument, 1_000, 500_000);
    let price = liquidation_price(&instrument, &tiers, &position, money("0.2").unwrap()).unwrap();
    assert_eq!(price, 456_364);
    // Short: p = 100,000 × (0.004 − 1) / (0.2 − 2)
    let short = held(&instrument, -1_000, 500_000);
    assert_eq!(liquidation_price(&instrument, &tiers, &short, money("0.2").unwrap()), Some(553_333));
    // A short of one contract value per coin held is hedged: no price liquidates it.
    assert_eq!(liquidation_price(&instrument, &tiers, &short, money("2").unwrap()), None);
}

#[test]
fn a_table_that_does_not_cover_every_size_is_refused() {
    let refused = |text: &str| -> String {
        let tiers: Result<MarginTiers, _> = serde_json::from_str(text);
        tiers.map_err(|error| error.to_string()).and_then(|tiers| tiers.check()).unwrap_err()
    };
    let row = |floor: &str, rate: &str, leverage: u32| {
        format!(r#"{{"floor": "{floor}", "maintenance": "{rate}", "leverage": {leverage}}}"#)
    };
    let list = |rows: &[String]| format!("[{}]", rows.join(", "));
    for (text, word) in [
        (list(&[row("1", "0.004", 20)]), "tier 1: floors must rise from 0, was 1."),
        (list(&[row("0", "0.004", 20), row("0", "0.005", 10)]), "tier 2: floors"),
        (list(&[row("0", "1", 20)]), "tier 1: maintenance"),
        (list(&[row("0", "0.01", 20), row("5", "0.005", 10)]), "tier 2: maintenance"),
        (list(&[row("0", "0.01", 0)]), "tier 1: leverage"),
        (list(&[row("0", "0.01", 10), row("5", "0.02", 20)]), "tier 2: leverage"),
        (list(&[row("x", "0.01", 10)]), "`x` is no amount"),
    ] {
        assert!(refused(&text).contains(word), "{}", refused(&text));
    }
}

proptest! {
    /// At the price found an account has what it must keep, to what one tick makes; one tick further it has less.
    #[test]
    fn the_price_found_is_where_equity_meets_maintenance(
        inverted: bool, long: bool, size in 1_i64..200_000, entry in 100_000_i64..9_000_000, share in 1_i64..80
    ) {
        let (instrument, tiers) = if inverted { (inverse(), tiers(BTCUSD)) } else { (linear("0.001"), tiers(BTCUSDT)) };
        let position = held(&instrument, if long { size } else { -size }, entry);
        let free = position.cost.abs() * i128::from(share) / 100;
        let margin = |price: Ticks| {
            let equity = free + position.unrealised(&instrument, 2 * price);
            equity - tiers.maintenance(instrument.settled(price, size))
        };
        let away = if long { -1 } else { 1 };
        match liquidation_price(&instrument, &tiers, &position, free) {
            Some(price) => {
                prop_assert!(margin(price + away) < 0 && margin(price - away) > 0, "{} at {price}", margin(price));
            }
            // An inverse short loses less and less: with much behind it, never all.
            None => prop_assert!(inverted && !long && margin(1 << 40) > 0 || long && margin(1) > 0),
        }
    }
}
