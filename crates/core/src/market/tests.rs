//! Each kind of participant alone: do its draws follow the parameters' words?

use super::cancelling::Patience;
use super::feed::Feed;
use super::floor::{Floor, Participant, Scale, tag};
use super::ladder::Ladders;
use super::noise::Noise;
use super::params::{HazardParams, LadderParams, NoiseParams, Params, TakerParams};
use super::perpetual::rate;
use super::presets::SPOT;
use super::takers::Takers;
use super::value::MeanReverting;
use super::*;
use crate::event::Kind;
use crate::random::Stream;
use crate::types::SECOND;

const INSTRUMENT: &str = r#"{"id": "BTC/USDT@simulated", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
    "lot_size": "0.00001", "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001",
    "taker_fee": "0.001"}"#;

fn instrument() -> Instrument {
    Instrument::from_json(INSTRUMENT).unwrap()
}

fn floor() -> Floor {
    Floor::new(Feed::new(0), Scale::new(&instrument(), 60_000.0), 6_000_000.0, 0.7)
}

/// Lets one participant act until `seconds` have passed.
fn alone(participant: &mut dyn Participant, floor: &mut Floor, seconds: i64) {
    while participant.due() < seconds * SECOND {
        floor.now = participant.due();
        participant.act(floor);
    }
}

#[test]
fn a_mean_reverting_process_has_its_deviation_and_memory() {
    let mut stream = Stream::new(1, 0);
    let mut process = MeanReverting::new(2.0, 1.0, 0.1, &mut stream);
    let path: Vec<f64> = (0..200_000).map(|_| process.step(&mut stream)).collect();
    let mean_product =
        |lag: usize| path.iter().zip(&path[lag..]).map(|(a, b)| a * b).sum::<f64>() / (path.len() - lag) as f64;
    assert!((mean_product(0).sqrt() - 2.0).abs() < 0.05);
    assert!((mean_product(10) / mean_product(0) - (-1.0_f64).exp()).abs() < 0.03);
}

#[test]
fn takers_arrive_at_the_rate_and_on_the_side_their_excitation_says() {
    let params = TakerParams { base_per_s: 2.0, excited: [0.3, 0.2, 0.1], same_side: 0.8, ..SPOT.takers };
    let (mut takers, mut floor) = (Takers::new(3, params, 0), floor());
    floor.rest(tag::FAR, Side::Buy, 5_999_999, 1 << 50);
    floor.rest(tag::FAR, Side::Sell, 6_000_001, 1 << 50);
    floor.feed.open(0, &floor.book);
    alone(&mut takers, &mut floor, 20_000);
    let sides: Vec<Side> =
        floor.feed.rows.iter().filter(|row| row.kind() == Kind::Trade).map(|row| row.side()).collect();
    // A branching process: base / (1 − mean offspring).
    let per_s = sides.len() as f64 / 20_000.0;
    assert!((per_s - 2.0 / 0.4).abs() < 0.2, "{per_s}");
    let same = sides.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / sides.len() as f64;
    assert!(same > 0.57, "runs of one side: {same}");
    assert!((sides.iter().filter(|&&side| side == Side::Buy).count() as f64 / sides.len() as f64 - 0.5).abs() < 0.05);
}

#[test]
fn orders_are_cancelled_at_the_hazard_of_their_distance() {
    let params = HazardParams { at_touch: 0.5, behind: 2.0, decay_bp: 1.0, exponent: 1.0, least: 0.0 };
    let mut floor = floor();
    floor.rest(tag::LADDER, Side::Buy, 5_999_000, 1);
    let mut patience = Patience::new(5, tag::NEAR, params, 0.0, 0);
    // 4 bp behind the touch: 2 / (1 + 4) = 0.4 a second.
    let orders: Vec<_> = (0..20_000).map(|_| floor.rest(tag::NEAR, Side::Buy, 5_996_600, 1)).collect();
    orders.iter().for_each(|&order| patience.keep(order));
    while patience.due() < SECOND {
        floor.now = patience.due();
        patience.act(&mut floor);
    }
    let left = orders.iter().filter(|&&order| floor.book.order(order).is_some()).count() as f64 / 20_000.0;
    assert!((left - (-0.4_f64).exp()).abs() < 0.02, "{left}");
}

#[test]
fn noise_starts_in_the_state_it_stays_in() {
    let hazard = HazardParams { least: 0.1, ..SPOT.far.hazard };
    let params = NoiseParams { orders_per_s: 100.0, fleeting_share: 0.2, hazard, ..SPOT.far };
    let mut floor = floor();
    let mut noise = Noise::new(9, tag::FAR, params, &mut floor);
    let count = |floor: &Floor| {
        [Side::Buy, Side::Sell].map(|side| floor.book.levels(side).filter(|&(price, _)| price > 1).count() as f64)
    };
    // All at the least hazard: 100 × 0.8 / 0.1 orders, but for prices shared.
    let before = count(&floor);
    alone(&mut noise, &mut floor, 100);
    let after = count(&floor);
    for side in 0..2 {
        assert!(before[side] > 250.0 && (after[side] / before[side] - 1.0).abs() < 0.2, "{before:?} {after:?}");
    }
}

#[test]
fn a_ladder_stands_at_its_distances_and_widens_with_volatility() {
    let params = LadderParams { makers: 3, levels: 10, first_bp: 1.0, last_bp: 11.0, error_bp: 0.0, ..SPOT.ladder };
    let mut floor = floor();
    let mut ladders = Ladders::new(2, params, &mut floor);
    let distances = |floor: &Floor, side: Side| -> Vec<f64> {
        floor.book.levels(side).map(|(price, _)| (price as f64 - 6_000_000.0).abs() / 600.0).collect()
    };
    for side in [Side::Buy, Side::Sell] {
        let at = distances(&floor, side);
        assert_eq!(at.len(), 30);
        assert!(at[0] >= 1.0 && at[29] <= 11.01, "{at:?}");
    }
    let calm: f64 = distances(&floor, Side::Sell).iter().sum();
    floor.volatility = 3.0;
    alone(&mut ladders, &mut floor, 600);
    let wide: f64 = distances(&floor, Side::Sell).iter().sum();
    assert!((wide / calm - (1.0 + 2.0 * params.widen)).abs() < 0.02, "{calm} {wide}");
}

#[test]
fn the_funding_rate_is_the_mean_premium_with_the_interest_clamped() {
    let params = SPOT.premium;
    for (premium, expected) in
        [(0, 100_000), (100_000, 100_000), (300_000, 100_000), (1_000_000, 500_000), (-1_000_000, -500_000)]
    {
        assert_eq!(rate(&params, premium), expected, "premium {premium}");
    }
}

#[test]
fn another_kinds_parameters_change_nobody_elses_draws() {
    let value_after = |params: Params| {
        let mut market = SeededMarket::new(11, &instrument(), params, 0, 0);
        market.advance(5 * SECOND, &mut Vec::new());
        (market.value.index(), market.floor.volatility)
    };
    let mut busier = SPOT;
    (busier.far.orders_per_s, busier.touch.joins_per_s, busier.informed.looks_per_s) = (40.0, 90.0, 50.0);
    assert_eq!(value_after(SPOT), value_after(busier));
}
