//! Funding, interest and liquidation in small stories, each in bulk, by step and in slices: the same.

use super::*;
use crate::attribution::attribute;
use crate::engine::{Context, EngineSettings, Liquidation, Seat};
use crate::event::{ColumnsBuf, Event, Kind, flag};
use crate::feed::Feed;
use crate::instrument::money;
use crate::ledger::Account;
use crate::matching::{FillModel, Latency, QueueModel, VenueSettings};
use crate::order::OrderState;
use crate::random::Stream;
use crate::record::{Decision, decode, split};
use crate::risk::Limits;
use crate::simulation::{Pace, Simulation};
use crate::strategy::{Fault, Interest, Strategy, Wake};
use crate::types::{MILLISECOND, OrderKind, Side, TimeInForce};

mod random;

/// 08:00 UTC of some day, a funding time.
const EIGHT: Nanos = 20_000 * 24 * HOUR + 8 * HOUR;
const VENUE: VenueSettings = VenueSettings {
    queue: QueueModel::RiskAverse,
    fills: FillModel::Partial,
    latency: Latency::constant(MILLISECOND, 2 * MILLISECOND),
};
const LINEAR: &str = r#""id": "X/USDT:USDT@venue", "kind": "linear_perpetual""#;
const INVERSE: &str = r#""id": "X/USDT:X@venue", "kind": "inverse_perpetual", "contract_multiplier": "100""#;
const SPOT: &str = r#""id": "X/USDT@venue", "kind": "spot""#;
/// 1 % up to 1,000, then 2 %.
const TIERS: &str = r#""margin_tiers": [{"floor": "0", "maintenance": "0.01", "leverage": 20},
    {"floor": "1000", "maintenance": "0.02", "leverage": 10}]"#;

/// Tick, step and lot are 1: a price of 100 is 100 USDT for one X.
fn instrument(what: &str, more: &str) -> Instrument {
    let more = if more.is_empty() { String::new() } else { format!(", {more}") };
    Instrument::from_json(&format!(
        r#"{{{what}, "symbol": "X", "tick_size": "1", "lot_size": "1", "quantity_step_in_data": "1",
        "min_notional": "0", "maker_fee": "0", "taker_fee": "0", "funding_interval_hours": 8{more}}}"#
    ))
    .unwrap()
}

fn one(at: Nanos, kind: Kind, price: Ticks, qty: Qty) -> Event {
    let mut row = Event::new(at, at, kind, Side::Buy, price, qty);
    row.flags |= flag::LAST;
    row
}

/// A book of plenty, one tick each side of a price.
fn around(at: Nanos, price: Ticks) -> Vec<Event> {
    deep(at, price, 1_000)
}

fn deep(at: Nanos, price: Ticks, qty: Qty) -> Vec<Event> {
    let level = |side: Side, away: Ticks, qty| Event::new(at, at, Kind::Level, side, price - side.sign() * away, qty);
    let mut rows = vec![Event::new(at, at, Kind::Clear, Side::Buy, 0, 0)];
    for side in [Side::Buy, Side::Sell] {
        rows.extend([level(side, 1, qty), level(side, 2, 1_000)]);
    }
    rows.last_mut().unwrap().flags |= flag::LAST;
    rows
}

/// What a strategy does at its hundred-millisecond beat, by the time since 08:00 in milliseconds.
type Play = fn(&mut Context<'_>, i64);

struct Actor(Play);

impl Strategy for Actor {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        match wake {
            Wake::Start => drop(ctx.every(100 * MILLISECOND)),
            Wake::Timer(_) => (self.0)(ctx, (ctx.now() - EIGHT) / MILLISECOND),
            _ => {}
        }
        Ok(())
    }
}

fn take(ctx: &mut Context<'_>, side: Side, qty: Qty) {
    ctx.submit(side, OrderKind::Market, TimeInForce::Ioc, 0, qty);
}

struct Story {
    places: Vec<(Instrument, Vec<Event>)>,
    seats: Vec<(InstrumentIx, bool, Play)>,
    clears: ClearingSettings,
    deposit: (&'static str, &'static str),
    from: Nanos,
    until: Nanos,
}

#[derive(Debug, PartialEq)]
struct Outcome {
    decisions: Vec<Decision>,
    ledger: Ledger,
    liquidations: Vec<Liquidation>,
    expired: usize,
    unknown_rates: u64,
}

impl Story {
    fn of(what: &str, more: &str, rows: &[Vec<Event>], play: Play) -> Self {
        let clears = ClearingSettings { leverage: 10, ..ClearingSettings::default() };
        Self {
            places: vec![(instrument(what, more), rows.concat())],
            seats: vec![(0, false, play)],
            clears,
            deposit: ("USDT", "102"),
            from: EIGHT - 5 * SECOND,
            until: EIGHT + 5 * SECOND,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn run(&self, pace: Pace, slices: i64) -> Outcome {
        let engine = Engine::new(EngineSettings { seed: 5, sample_every: None, keep_records: true });
        let mut simulation = Simulation::new(engine);
        let columns: Vec<ColumnsBuf> = self.places.iter().map(|place| ColumnsBuf::pack(&place.1)).collect();
        for (place, columns) in self.places.iter().zip(&columns) {
            simulation.add_instrument(place.0.clone(), VENUE, &[columns.view()]);
        }
        for (instrument, own_account, play) in &self.seats {
            let limits = Limits { leverage: 100_000_000_000, ..Limits::default() };
            let interest = Interest::default();
            let seat = Seat { instrument: *instrument, interest, limits, own_account: *own_account, seed: None };
            let strategy = simulation.engine().add_strategy(seat, Box::new(Actor(*play)));
            let account = simulation.engine().account_of(strategy);
            if *own_account || strategy == 0 {
                simulation.engine().deposit_to(account, self.deposit.0, money(self.deposit.1).unwrap());
            }
        }
        simulation.clear(self.clears.clone());
        simulation.start(self.from);
        for slice in 1..=slices {
            simulation.run(self.from + (self.until - self.from) / slices * slice, pace);
        }
        // What is on its way has arrived: from here on nothing may differ between the venue's books and ours.
        let cleared = simulation.clearing().unwrap();
        let (theirs, unknown_rates) = (cleared.ledger().clone(), cleared.unknown_rates());
        let engine = simulation.engine();
        let ours = engine.ledger();
        assert_eq!(theirs.balances(), ours.balances(), "the venue's books and ours");
        for strategy in 0..self.seats.len() as StrategyIx {
            assert_eq!(theirs.position(strategy), ours.position(strategy));
        }
        assert_eq!((engine.imbalance(), theirs.imbalance()), (0, 0));
        let fills = engine.blotter().fills.iter().zip(engine.positions_after_fills()).enumerate();
        let last: BTreeMap<_, _> = fills.map(|(at, (row, after))| (row.strategy, (at, after))).collect();
        for (strategy, (at, after)) in last {
            let later = engine.blotter().interest.iter().filter(|paid| paid.strategy == strategy && paid.fills > at);
            let mut after = after;
            later.for_each(|paid| after.pay(engine.instrument(engine.instrument_of(strategy)), paid.price, paid.qty));
            assert_eq!(after, *engine.ledger().position(strategy), "what fills and interest left");
        }
        let mut feeds: Vec<Feed<'_>> =
            columns.iter().map(|rows| Feed::ours(&[rows.view()], None, Stream::new(0, 0))).collect();
        let parts = attribute(engine, &mut feeds, self.seats.len(), self.until).splits;
        for (strategy, split) in parts.iter().enumerate() {
            assert_eq!(split.pnl(), engine.pnl(strategy as StrategyIx), "the parts are the whole: {split:?}");
        }
        let records = engine.log().drain();
        let expired = engine.orders().ended().filter(|order| order.state == OrderState::Expired).count();
        Outcome {
            decisions: split(&records).unwrap().into_iter().map(|record| decode(record).unwrap()).collect(),
            ledger: engine.ledger().clone(),
            liquidations: engine.blotter().liquidations.clone(),
            expired,
            unknown_rates,
        }
    }

    fn told(&self) -> Outcome {
        let bulk = self.run(Pace::Bulk, 1);
        assert_eq!(bulk, self.run(Pace::Step, 1), "in bulk and by step");
        assert_eq!(bulk, self.run(Pace::Bulk, 7), "in slices");
        bulk
    }
}

impl Outcome {
    /// (Milliseconds after 08:00 at the venue, amount) of each funding payment.
    fn payments(&self) -> Vec<(i64, Money)> {
        let event = |decision: &Decision| match decision {
            Decision::Report(Report {
                ts_venue,
                kind: ReportKind::Account(AccountEvent::Funding { amount, .. }),
                ..
            }) => Some(((ts_venue - EIGHT) / MILLISECOND, *amount)),
            _ => None,
        };
        self.decisions.iter().filter_map(event).collect()
    }

    fn cash(&self) -> Money {
        self.ledger.cash(0, self.ledger.currencies().iter().position(|code| code == "USDT").unwrap() as CurrencyIx)
    }
}

fn usdt(text: &str) -> Money {
    money(text).unwrap()
}

/// Mark prices of 105, and the rate of 08:00 told just then: 0.01 %.
fn funded() -> Vec<Vec<Event>> {
    let rate = |at, rate| vec![one(at, Kind::Funding, 0, rate)];
    let mark = |at, price| vec![one(at, Kind::Mark, price, 0)];
    vec![
        around(EIGHT - 5 * SECOND, 100),
        rate(EIGHT - 4 * SECOND, 300_000),
        mark(EIGHT - 2 * SECOND, 103),
        mark(EIGHT, 105),
        rate(EIGHT, 100_000),
        mark(EIGHT + SECOND, 107),
        around(EIGHT + 4 * SECOND, 100),
    ]
}

const LONG: Play = |ctx, ms| {
    if ms == -1_000 {
        take(ctx, Side::Buy, 2);
    }
};

/// Binance: funding = nominal value of the position × rate, nominal value = mark price × size, at 00:00, 08:00, 16:00
/// UTC, <https://www.binance.com/en/support/faq/360033525031>.
#[test]
fn funding_is_paid_at_its_time_by_the_mark_price_and_the_rate_in_force() {
    let story = |play: Play| Story::of(LINEAR, "", &funded(), play).with(|s| s.clears.funding = vec![Funding::Rows]);
    // 2 × 105 × 0.01 %
    let paid = story(LONG).told();
    assert_eq!(paid.payments(), [(0, usdt("-0.021"))]);
    assert_eq!(paid.ledger.balance(1, Account::Funding, paid.ledger.currencies().len() as u16 - 1), usdt("0.021"));
    let received = story(|ctx, ms| {
        if ms == -1_000 {
            take(ctx, Side::Sell, 2)
        }
    });
    assert_eq!(received.told().payments(), [(0, usdt("0.021"))]);
    // Closed before, or opened after: nothing. What reaches the venue in that very moment pays.
    let closed = story(|ctx, ms| match ms {
        -1_000 => take(ctx, Side::Buy, 2),
        -200 => take(ctx, Side::Sell, 2),
        0 => take(ctx, Side::Buy, 2),
        _ => {}
    });
    assert_eq!(closed.told().payments(), []);
}

#[test]
fn a_series_pays_at_its_own_times_and_rows_only_where_a_rate_was_told() {
    let series = vec![(EIGHT - 5 * SECOND, 900_000), (EIGHT - 500 * MILLISECOND, -200_000), (EIGHT + 1, 100_000)];
    let story = Story::of(LINEAR, "", &funded(), LONG).with(|s| s.clears.funding = vec![Funding::Series(series)]);
    // The first is not after the beginning; the others count at the next whole second: 2 × 105 × 0.02 % and
    // 2 × 107 × 0.01 %.
    assert_eq!(story.told().payments(), [(0, usdt("0.042")), (1_000, usdt("-0.0214"))]);
    let silent: Vec<Vec<Event>> = funded().into_iter().filter(|rows| rows[0].kind() != Kind::Funding).collect();
    let unknown = Story::of(LINEAR, "", &silent, LONG).with(|s| s.clears.funding = vec![Funding::Rows]).told();
    assert_eq!((unknown.payments(), unknown.unknown_rates), (vec![], 1));
    let none = Story::of(LINEAR, "", &funded(), LONG).told();
    assert_eq!((none.payments(), none.unknown_rates), (vec![], 0));
}

#[test]
fn funding_of_an_inverse_perpetual_is_in_base_by_its_worth_at_the_mark_price() {
    let story = Story::of(INVERSE, "", &funded(), LONG).with(|s| {
        s.clears.funding = vec![Funding::Rows];
        s.deposit = ("X", "10");
    });
    // 2 × 100 USDT at 105 are 1.90476190… X, of which 0.01 %.
    assert_eq!(story.told().payments(), [(0, usdt("-0.00019048"))]);
}

#[test]
fn who_shares_an_account_shares_its_funding_and_who_does_not_does_not() {
    let hedge: Play = |ctx, ms| {
        if ms == -1_000 {
            take(ctx, Side::Sell, 1)
        }
    };
    let story = |own| {
        Story::of(LINEAR, "", &funded(), LONG).with(|s| {
            s.clears.funding = vec![Funding::Rows];
            s.seats.push((0, own, hedge));
        })
    };
    // Together one long; apart two long and one short.
    assert_eq!(story(false).told().payments(), [(0, usdt("-0.0105"))]);
    assert_eq!(story(true).told().payments(), [(0, usdt("-0.021")), (0, usdt("0.0105"))]);
}

/// The price falls to `low` two seconds after 08:00 and stays.
fn falling(low: Ticks) -> Vec<Vec<Event>> {
    vec![around(EIGHT - 5 * SECOND, 100), around(EIGHT + 1_500 * MILLISECOND, low), around(EIGHT + 4 * SECOND, low)]
}

const TEN: Play = |ctx, ms| match ms {
    -1_000 => take(ctx, Side::Buy, 10),
    -500 => drop(ctx.submit(Side::Sell, OrderKind::Limit, TimeInForce::PostOnly, 120, 3)),
    _ => {}
};

/// 10 bought at 101 with 102: 1 % of up to 1,000 must be kept. 102 + 10 × (p − 101) < 0.1 p below 91.72.
#[test]
fn a_position_is_closed_in_the_book_once_its_account_has_less_than_it_must_keep() {
    let fee = r#", "liquidation_fee": "0.005""#;
    let story = |low| {
        Story::of(LINEAR, &format!("{TIERS}{fee}"), &falling(low), TEN).with(|s| s.clears.margin = MarginMode::Cross)
    };
    let kept = story(92).told();
    assert_eq!((kept.liquidations.len(), kept.ledger.position(0).qty, kept.cash()), (0, 10, usdt("102")));
    let closed = story(91).told();
    let [liquidation] = closed.liquidations[..] else { panic!("{:?}", closed.liquidations) };
    // At the whole second after the fall, heard two milliseconds later, at the bid: 0.5 % of 900.
    assert_eq!(liquidation.ts, EIGHT + 2_002 * MILLISECOND);
    assert_eq!((liquidation.side, liquidation.fill.price, liquidation.fill.qty), (Side::Sell, 90, 10));
    assert_eq!(liquidation.fill.fee, usdt("4.5"));
    assert_eq!((closed.ledger.position(0).qty, closed.expired), (0, 1), "its order is taken out too");
    assert_eq!(closed.cash(), usdt("102") - usdt("110") - usdt("4.5"), "what is lost is all there");
    let none = story(91).with(|s| s.clears.margin = MarginMode::None).told();
    assert_eq!((none.liquidations.len(), none.ledger.position(0).qty), (0, 10));
}

/// 20 bought at 101 with 300: 2,020 are in the second tier, which keeps 2 % less 10.
#[test]
fn a_liquidation_by_tier_closes_what_brings_it_into_the_next_lower_one() {
    let play: Play = |ctx, ms| {
        if ms == -1_000 {
            take(ctx, Side::Buy, 20)
        }
    };
    let story = Story::of(LINEAR, TIERS, &falling(87), play).with(|s| {
        (s.clears.margin, s.clears.close, s.deposit) = (MarginMode::Cross, Close::Tier, ("USDT", "300"));
    });
    // At 87: 300 − 280 = 20 < 1,740 × 2 % − 10 = 24.8. Down to 11 × 87 = 957: 20 less 9 sold a tick lower ≥ 9.57.
    let told = story.told();
    let closed: Vec<(Ticks, Qty)> = told.liquidations.iter().map(|l| (l.fill.price, l.fill.qty)).collect();
    assert_eq!((closed, told.ledger.position(0).qty), (vec![(86, 9)], 11));
    let whole = story.with(|s| s.clears.close = Close::Whole).told();
    assert_eq!((whole.liquidations[0].fill.qty, whole.ledger.position(0).qty), (20, 0));
}

#[test]
fn an_isolated_position_stands_on_its_own_margin_and_no_more() {
    let story = |margin| {
        Story::of(LINEAR, TIERS, &falling(91), TEN).with(|s| {
            (s.clears.margin, s.deposit) = (margin, ("USDT", "1000"));
        })
    };
    assert_eq!(story(MarginMode::Cross).told().liquidations.len(), 0);
    // 1,010 / 10 = 101 set aside; at 91 it has lost 100, and must keep 9.1.
    let told = story(MarginMode::Isolated).told();
    assert_eq!((told.liquidations.len(), told.cash()), (1, usdt("890")));
    let little = story(MarginMode::Isolated).with(|s| s.clears.leverage = 5);
    assert_eq!(little.told().liquidations.len(), 0);
}

/// Long 3,000 contracts of 100 from 101 with 100 X: worth 297,029… X then.
#[test]
fn an_inverse_position_is_liquidated_by_its_equity_in_base() {
    let play: Play = |ctx, ms| {
        if ms == -1_000 {
            take(ctx, Side::Buy, 10)
        }
    };
    let story = |low| {
        Story::of(INVERSE, TIERS, &falling(low), play).with(|s| {
            (s.clears.margin, s.deposit) = (MarginMode::Cross, ("X", "1"));
        })
    };
    // 1 + 1,000 (1/101 − 1/p) < 1 % × 1,000/p: p < 1,010 / (1 + 9.90099) = 92.65
    assert_eq!(story(93).told().liquidations.len(), 0);
    let told = story(92).told();
    assert_eq!((told.liquidations.len(), told.ledger.position(0).qty), (1, 0));
    // 1,000 × (1/101 − 1/91) at the bid.
    assert_eq!(told.ledger.cash(0, 0), usdt("1") + usdt("-1.08802089"));
}

#[test]
fn what_the_book_cannot_take_is_tried_again() {
    let thin = |at, price| {
        let mut rows = deep(at, price, 4);
        rows.retain(|row| row.qty != 1_000);
        rows.last_mut().unwrap().flags |= flag::LAST;
        rows
    };
    let rows = [
        around(EIGHT - 5 * SECOND, 100),
        thin(EIGHT + 1_500 * MILLISECOND, 91),
        thin(EIGHT + 3_500 * MILLISECOND, 80),
        vec![one(EIGHT + 4_800 * MILLISECOND, Kind::Gap, 0, 0)],
    ];
    let told = Story::of(LINEAR, TIERS, &rows, TEN).with(|s| s.clears.margin = MarginMode::Cross).told();
    let closed: Vec<(Ticks, Qty)> = told.liquidations.iter().map(|l| (l.fill.price, l.fill.qty)).collect();
    assert_eq!((closed, told.ledger.position(0).qty), (vec![(90, 4), (79, 4)], 2));
    assert!(told.cash() < 0, "no insurance fund makes it good");
}

/// Binance: an hour's interest when something is borrowed and one more at each whole hour: 13:55 to 14:30 are two.
#[test]
fn a_short_on_spot_owes_an_hour_when_it_borrows_and_one_at_each_whole_hour() {
    let play: Play = |ctx, ms| match ms {
        -1_000 => take(ctx, Side::Sell, 1_000),
        1_000 => take(ctx, Side::Buy, 900),
        _ => {}
    };
    let hourly = |rate| {
        Story::of(SPOT, "", &[around(EIGHT - 5 * SECOND, 100), around(EIGHT + 4 * SECOND, 100)], play).with(|s| {
            s.clears.borrow = vec![Some(rate)];
            (s.deposit, s.until) = (("USDT", "100000"), EIGHT + 3 * SECOND);
        })
    };
    // 0.15 % twice on 1,000 are 3 whole steps of 1.
    let told = hourly(1_500_000).told();
    assert_eq!((told.ledger.position(0).qty, told.ledger.cash(0, 0)), (-103, usdt("-103")));
    assert_eq!(told.ledger.position(0).fees, usdt("300"));
    // Less than a step is kept for later.
    assert_eq!(hourly(400_000).told().ledger.position(0).qty, -100);
    // Without a lender there is no short.
    let refused = hourly(0).with(|s| s.clears.borrow = vec![None]).told();
    assert_eq!(refused.ledger.position(0).qty, 900, "only the purchase");
}

#[test]
fn a_short_on_spot_is_bought_back_when_assets_are_less_than_a_tenth_above_debts() {
    let play: Play = |ctx, ms| {
        if ms == -1_000 {
            take(ctx, Side::Sell, 10)
        }
    };
    let story = |high| {
        Story::of(SPOT, "", &falling(high), play).with(|s| {
            s.clears.borrow = vec![Some(0)];
            (s.clears.margin, s.deposit) = (MarginMode::Cross, ("USDT", "400"));
        })
    };
    // 400 + 990 against 10 p × 1.1: 126.36.
    assert_eq!(story(126).told().liquidations.len(), 0);
    let told = story(127).told();
    assert_eq!((told.liquidations.len(), told.ledger.position(0).qty, told.cash()), (1, 0, usdt("110")));
}

#[test]
#[should_panic(expected = "X/USDT:USDT@venue has no margin tiers")]
fn margin_without_tiers_is_refused() {
    Story::of(LINEAR, "", &falling(91), TEN).with(|s| s.clears.margin = MarginMode::Cross).told();
}
