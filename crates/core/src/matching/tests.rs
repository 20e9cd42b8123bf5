//! The venue in small stories. Each is played twice, in bulk and one event at a time, and must be told the same.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::event::{ColumnsBuf, flag};
use crate::order::{OrderRequest, Report, ReportKind};
use crate::types::{Liquidity, OrderKind, Side, TimeInForce};

mod exact;
mod orders;

const RISK_AVERSE: VenueSettings = settings(QueueModel::RiskAverse, FillModel::Partial);
const WHOLE: VenueSettings = settings(QueueModel::RiskAverse, FillModel::Whole);
const THROUGH: VenueSettings = settings(QueueModel::RiskAverse, FillModel::Through);
const POWER: VenueSettings = settings(QueueModel::Power(2.0), FillModel::Partial);

const fn settings(queue: QueueModel, fills: FillModel) -> VenueSettings {
    VenueSettings { queue, fills, latency: Latency::constant(0, 0) }
}

const GTC: TimeInForce = TimeInForce::Gtc;
const IOC: TimeInForce = TimeInForce::Ioc;
const FOK: TimeInForce = TimeInForce::Fok;
const POST: TimeInForce = TimeInForce::PostOnly;

/// A perpetual whose tick, step and lot are 1, but for what a test wants of the lot.
fn instrument(lot: u32) -> Instrument {
    let text = format!(
        r#"{{"id": "X/USDT:USDT@venue", "symbol": "X", "kind": "linear_perpetual", "tick_size": "1",
            "lot_size": "{lot}",
        "quantity_step_in_data": "1", "min_notional": "0", "maker_fee": "0", "taker_fee": "0", "settle": "USDT"}}"#
    );
    Instrument::from_json(&text).unwrap()
}

fn order(id: OrderId, side: Side, life: TimeInForce, price: Ticks, qty: Qty) -> SentOrder {
    let (kind, time_in_force) = (OrderKind::Limit, life);
    let terms = crate::order::Terms::PLAIN;
    SentOrder { id, request: OrderRequest { strategy: 0, instrument: 0, side, kind, time_in_force, price, qty, terms } }
}

fn buy(id: OrderId, price: Ticks, qty: Qty) -> SentOrder {
    order(id, Side::Buy, GTC, price, qty)
}

fn sell(id: OrderId, price: Ticks, qty: Qty) -> SentOrder {
    order(id, Side::Sell, GTC, price, qty)
}

fn market(id: OrderId, side: Side, life: TimeInForce, qty: Qty) -> SentOrder {
    let mut order = order(id, side, life, 0, qty);
    order.request.kind = OrderKind::Market;
    order
}

/// What happens, in the order of its times; at one time in the order written.
struct Story {
    settings: VenueSettings,
    lot: u32,
    rows: Vec<Event>,
    asked: Vec<(Nanos, Request)>,
}

fn story(settings: VenueSettings) -> Story {
    Story { settings, lot: 1, rows: Vec::new(), asked: Vec::new() }
}

impl Story {
    fn row(mut self, at: Nanos, kind: Kind, side: Side, price: Ticks, qty: Qty) -> Self {
        let mut event = Event::new(at, at, kind, side, price, qty);
        event.flags |= flag::LAST;
        self.rows.push(event);
        self
    }

    /// 99 × 5, 98 × 10, 97 × 20 against 101 × 5, 102 × 10, 103 × 20.
    fn book(self, at: Nanos) -> Self {
        self.snapshot(at, &[(99, 5), (98, 10), (97, 20)], &[(101, 5), (102, 10), (103, 20)])
    }

    fn snapshot(mut self, at: Nanos, bids: &[(Ticks, Qty)], asks: &[(Ticks, Qty)]) -> Self {
        let level = |side| move |&(price, qty): &(Ticks, Qty)| Event::new(at, at, Kind::Level, side, price, qty);
        let from = self.rows.len();
        self.rows.push(Event::new(at, at, Kind::Clear, Side::Buy, 0, 0));
        self.rows.extend(bids.iter().map(level(Side::Buy)));
        self.rows.extend(asks.iter().map(level(Side::Sell)));
        self.rows[from..].last_mut().unwrap().flags |= flag::LAST;
        self
    }

    fn level(self, at: Nanos, side: Side, price: Ticks, qty: Qty) -> Self {
        self.row(at, Kind::Delta, side, price, qty)
    }

    /// The side is the aggressor's.
    fn trade(self, at: Nanos, side: Side, price: Ticks, qty: Qty) -> Self {
        self.row(at, Kind::Trade, side, price, qty)
    }

    fn gap(self, at: Nanos) -> Self {
        self.row(at, Kind::Gap, Side::Buy, 0, 0)
    }

    fn ask(mut self, at: Nanos, request: Request) -> Self {
        self.asked.push((at, request));
        self
    }

    fn submit(self, at: Nanos, order: SentOrder) -> Self {
        self.ask(at, Request::Submit(order))
    }

    fn cancel(self, at: Nanos, order: OrderId) -> Self {
        self.ask(at, Request::Cancel(order))
    }

    fn amend(self, at: Nanos, order: OrderId, price: Ticks, qty: Qty) -> Self {
        self.ask(at, Request::Amend { order, price, qty })
    }

    /// The venue after all of it, and what it said.
    fn play(&self, in_bulk: bool) -> (VenueModel, Vec<Report>) {
        let rows = ColumnsBuf::pack(&self.rows);
        let mut feed = Feed::venue(&[rows.view()]);
        let (mut venue, mut out) = (VenueModel::new(instrument(self.lot), self.settings.clone()), Reports::default());
        let asked = self.asked.iter().map(|asked| (asked.0, Some(asked.1)));
        for (at, request) in asked.chain([(Nanos::MAX, None)]) {
            if in_bulk {
                venue.advance(&mut feed, at - 1, false, &mut out);
            }
            while !in_bulk && venue.next_time(&mut feed).is_some_and(|time| time < at) {
                venue.step(&mut feed, &mut out);
            }
            request.into_iter().for_each(|request| venue.send(at, 0, request));
        }
        (venue, out.iter().copied().collect())
    }

    /// What the venue said, a line each: its time, the order, what.
    fn told(&self) -> Vec<String> {
        let (bulk, step) = (self.play(true), self.play(false));
        assert_eq!(bulk.1, step.1, "in bulk and by step");
        bulk.1.iter().map(|report| format!("{} #{} {}", report.ts_venue, report.order, text(report.kind))).collect()
    }

    /// Order, quantity ahead of it, and what is left of it, for every order that rests.
    fn resting(&self) -> Vec<(OrderId, Qty, Qty)> {
        let places =
            |venue: &VenueModel| venue.places().map(|(id, place, leaves)| (id, place.ahead(), leaves)).collect();
        let (bulk, step): (Vec<_>, Vec<_>) = (places(&self.play(true).0), places(&self.play(false).0));
        assert_eq!(bulk, step, "in bulk and by step");
        bulk
    }
}

fn text(kind: ReportKind) -> String {
    match kind {
        ReportKind::Accepted { queue_ahead: -1 } => "accepted".into(),
        ReportKind::Accepted { queue_ahead } => format!("accepted behind {queue_ahead}"),
        ReportKind::Rejected(reason) => format!("rejected {}", reason.name()),
        ReportKind::Filled(fill) => {
            let verb = if fill.liquidity == Liquidity::Maker { "made" } else { "took" };
            format!("{verb} {} at {}", fill.qty, fill.price)
        }
        ReportKind::Canceled => "canceled".into(),
        ReportKind::Expired(reason) => format!("expired {}", reason.name()),
        ReportKind::CancelRejected(reason) => format!("cancel refused {}", reason.name()),
        ReportKind::Amended { price, qty } => format!("amended to {qty} at {price}"),
        ReportKind::AmendRejected(reason) => format!("amend refused {}", reason.name()),
        ReportKind::Unknown => "unknown".into(),
        ReportKind::Triggered { queue_ahead: -1 } => "triggered".into(),
        ReportKind::Triggered { queue_ahead } => format!("triggered behind {queue_ahead}"),
        ReportKind::Account(event) => format!("{event:?}"),
    }
}

/// The told lines without time and order.
fn words(told: &[String]) -> Vec<&str> {
    told.iter().filter_map(|line| line.splitn(3, ' ').nth(2)).collect()
}

/// Kind, life, price, quantity of a buy on arrival, and what it is told. A sell at 200 − price is its mirror image.
#[test]
fn every_time_in_force_on_arrival() {
    let limit = |life, price, qty| (OrderKind::Limit, life, price, qty);
    let market = |life, qty| (OrderKind::Market, life, 0, qty);
    type Row = ((OrderKind, TimeInForce, Ticks, Qty), &'static [&'static str]);
    let rows: [Row; 20] = [
        (limit(GTC, 99, 4), &["accepted behind 5"]),
        (limit(GTC, 100, 4), &["accepted behind 0"]),
        (limit(GTC, 101, 5), &["accepted", "took 5 at 101"]),
        (limit(GTC, 102, 20), &["accepted", "took 5 at 101", "took 10 at 102"]),
        (limit(POST, 99, 4), &["accepted behind 5"]),
        (limit(POST, 100, 4), &["accepted behind 0"]),
        (limit(POST, 101, 4), &["expired would_take"]),
        (limit(POST, 150, 4), &["expired would_take"]),
        (limit(IOC, 100, 4), &["accepted", "expired not_filled"]),
        (limit(IOC, 101, 3), &["accepted", "took 3 at 101"]),
        (limit(IOC, 101, 8), &["accepted", "took 5 at 101", "expired not_filled"]),
        (limit(IOC, 102, 8), &["accepted", "took 5 at 101", "took 3 at 102"]),
        (limit(FOK, 100, 1), &["expired not_whole"]),
        (limit(FOK, 102, 15), &["accepted", "took 5 at 101", "took 10 at 102"]),
        (limit(FOK, 102, 16), &["expired not_whole"]),
        (market(IOC, 12), &["accepted", "took 5 at 101", "took 7 at 102"]),
        (market(IOC, 40), &["accepted", "took 5 at 101", "took 10 at 102", "took 20 at 103", "expired not_filled"]),
        (market(GTC, 36), &["accepted", "took 5 at 101", "took 10 at 102", "took 20 at 103", "expired not_filled"]),
        (market(FOK, 35), &["accepted", "took 5 at 101", "took 10 at 102", "took 20 at 103"]),
        (market(FOK, 36), &["expired not_whole"]),
    ];
    let turned = |word: &str| {
        let price = word.split_once(" at ").and_then(|(rest, price)| Some((rest, price.parse::<Ticks>().ok()?)));
        price.map_or(word.to_owned(), |(rest, price)| format!("{rest} at {}", 200 - price))
    };
    for ((kind, life, price, qty), expected) in rows {
        for settings in [RISK_AVERSE, WHOLE] {
            let mut bid = order(1, Side::Buy, life, price, qty);
            bid.request.kind = kind;
            let told = story(settings.clone()).book(0).submit(1, bid).told();
            assert_eq!(words(&told), expected, "buy {kind:?} {life:?} {qty} at {price}");
            let mut ask = order(1, Side::Sell, life, 200 - price, qty);
            ask.request.kind = kind;
            let told = story(settings.clone()).book(0).submit(1, ask).told();
            let expected: Vec<String> = expected.iter().map(|word| turned(word)).collect();
            assert_eq!(words(&told), expected, "sell {kind:?} {life:?} {qty} at {}", 200 - price);
        }
    }
}

#[test]
fn what_an_order_does_not_take_rests_behind_nobody_and_is_then_a_maker() {
    let taken = story(RISK_AVERSE).book(0).submit(1, buy(1, 101, 8));
    assert_eq!(taken.told(), ["1 #1 accepted", "1 #1 took 5 at 101"]);
    assert_eq!(taken.resting(), [(1, 0, 3)]);
    let hit = taken.trade(2, Side::Sell, 101, 2).told();
    assert_eq!(hit[2..], ["2 #1 made 2 at 101"]);
}

/// 4 behind 5 at 99; then sells of this size at 99.
#[test]
fn a_trade_fills_what_went_past_the_queue() {
    for (traded, in_part, whole) in [(4, None, None), (5, None, None), (6, Some(1), Some(4)), (50, Some(4), Some(4))] {
        for (settings, made) in [(RISK_AVERSE, in_part), (WHOLE, whole)] {
            let told = story(settings.clone()).book(0).submit(1, buy(1, 99, 4)).trade(2, Side::Sell, 99, traded).told();
            let expected: Vec<String> = made.iter().map(|qty| format!("2 #1 made {qty} at 99")).collect();
            assert_eq!(told[1..], expected, "{traded} traded");
        }
    }
    // Buyers at 99 do not reach a bid, nor do sellers above it.
    let told = story(WHOLE).book(0).submit(1, buy(1, 99, 4)).trade(2, Side::Buy, 99, 50).trade(3, Side::Sell, 100, 50);
    assert_eq!(told.told().len(), 1);
}

#[test]
fn a_queue_is_worked_off_by_several_trades() {
    let part = story(RISK_AVERSE).book(0).submit(1, sell(1, 102, 6)).trade(2, Side::Buy, 102, 7);
    assert_eq!(part.resting(), [(1, 3, 6)]);
    let part = part.level(3, Side::Sell, 102, 3).trade(4, Side::Buy, 102, 5).trade(5, Side::Buy, 102, 1);
    assert_eq!(part.resting(), [(1, 0, 3)]);
    let told = part.trade(6, Side::Buy, 102, 9).told();
    assert_eq!(told[1..], ["4 #1 made 2 at 102", "5 #1 made 1 at 102", "6 #1 made 3 at 102"]);
}

/// 4 behind 10 at 99, then 20 join behind, then 10 leave: 10 ahead and 20 behind share it.
#[test]
fn who_leaves_a_queue_is_guessed_by_its_model() {
    let left = |settings| {
        let begun = story(settings).snapshot(0, &[(99, 10)], &[(101, 5)]).submit(1, buy(1, 99, 4));
        begun.level(2, Side::Buy, 99, 30).level(3, Side::Buy, 99, 20)
    };
    assert_eq!(left(RISK_AVERSE).resting(), [(1, 10, 4)], "those behind leave first");
    // 20² / (20² + 10²) = 0.8 of them from behind: 2 from ahead.
    assert_eq!(left(POWER).resting(), [(1, 8, 4)]);
    assert_eq!(left(POWER).trade(4, Side::Sell, 99, 9).told()[1..], ["4 #1 made 1 at 99"]);
    assert_eq!(left(RISK_AVERSE).trade(4, Side::Sell, 99, 9).told().len(), 1);
    assert_eq!(left(RISK_AVERSE).level(4, Side::Buy, 99, 6).resting(), [(1, 6, 4)], "no more ahead than there are");
    assert_eq!(left(POWER).level(4, Side::Buy, 99, 0).resting(), [(1, 0, 4)]);
    assert_eq!(left(POWER).level(4, Side::Buy, 98, 0).resting(), [(1, 8, 4)], "another price is another queue");
}

#[test]
fn what_was_traded_is_not_counted_again_when_the_level_shrinks() {
    let behind = story(POWER).snapshot(0, &[(99, 10)], &[(101, 5)]).submit(1, buy(1, 99, 4));
    let traded = behind.trade(2, Side::Sell, 99, 4).level(3, Side::Buy, 99, 6);
    assert_eq!(traded.resting(), [(1, 6, 4)]);
    // Only once: the next change is people leaving. All are ahead, so all who leave were.
    assert_eq!(traded.level(4, Side::Buy, 99, 4).resting(), [(1, 4, 4)]);
}

#[test]
fn a_trade_through_a_price_fills_the_orders_it_passed() {
    for (settings, made) in [(RISK_AVERSE, 3), (WHOLE, 4)] {
        let told = story(settings.clone()).book(0).submit(1, buy(1, 99, 4)).trade(2, Side::Sell, 98, 3).told();
        assert_eq!(told[1..], [format!("2 #1 made {made} at 99")], "at the own price, whatever is ahead");
    }
    let sold = story(RISK_AVERSE).book(0).submit(1, sell(1, 102, 4)).trade(2, Side::Buy, 103, 30).told();
    assert_eq!(sold[1..], ["2 #1 made 4 at 102"]);
}

#[test]
fn an_opposite_level_that_reaches_a_price_fills_it() {
    for price in [99, 98] {
        for (settings, made) in [(RISK_AVERSE, 3), (WHOLE, 4)] {
            let told = story(settings.clone()).book(0).submit(1, buy(1, 99, 4)).level(2, Side::Sell, price, 3).told();
            assert_eq!(told[1..], [format!("2 #1 made {made} at 99")]);
        }
    }
    let near = story(RISK_AVERSE).book(0).submit(1, buy(1, 99, 4)).level(2, Side::Sell, 100, 3);
    assert_eq!(near.resting(), [(1, 5, 4)]);
    let gone = near.level(3, Side::Sell, 99, 0);
    assert_eq!(gone.resting(), [(1, 5, 4)], "a level that goes reaches nothing");
}

#[test]
fn own_orders_share_a_trade_best_price_first_then_first_come() {
    let three = |settings: VenueSettings| {
        let begun = story(settings.clone()).book(0).submit(1, buy(1, 99, 4)).submit(1, buy(2, 99, 4));
        begun.submit(1, buy(3, 100, 4))
    };
    // 4 to the better price, then 5 past those ahead, 4 of them to the first who came.
    let told = three(RISK_AVERSE).trade(2, Side::Sell, 99, 14).told();
    assert_eq!(told[3..], ["2 #3 made 4 at 100", "2 #1 made 4 at 99", "2 #2 made 1 at 99"]);
    let told = three(RISK_AVERSE).trade(2, Side::Sell, 99, 11).told();
    assert_eq!(told[3..], ["2 #3 made 4 at 100", "2 #1 made 2 at 99"]);
    assert_eq!(three(RISK_AVERSE).trade(2, Side::Sell, 99, 3).told()[3..], ["2 #3 made 3 at 100"]);
    // Whole or not at all: each by itself.
    let told = three(WHOLE).trade(2, Side::Sell, 99, 6).told();
    assert_eq!(told[3..], ["2 #3 made 4 at 100", "2 #1 made 4 at 99", "2 #2 made 4 at 99"]);
    // A level that passes both prices offers only what it has.
    let told = three(RISK_AVERSE).level(2, Side::Sell, 97, 7).told();
    assert_eq!(told[3..], ["2 #3 made 4 at 100", "2 #1 made 3 at 99"]);
}

#[test]
fn only_what_goes_through_the_price_fills_the_cautious() {
    let begun = || story(THROUGH).book(0).submit(1, buy(1, 99, 4)).submit(1, buy(2, 98, 4));
    assert_eq!(begun().trade(2, Side::Sell, 99, 50).told()[2..], [""; 0], "what trades at the price is all others'");
    assert_eq!(begun().level(2, Side::Sell, 99, 50).told()[2..], [""; 0]);
    assert_eq!(begun().trade(2, Side::Sell, 98, 3).told()[2..], ["2 #1 made 3 at 99"], "no more than was traded");
    assert_eq!(begun().level(2, Side::Sell, 97, 7).told()[2..], ["2 #1 made 4 at 99", "2 #2 made 3 at 98"]);
    let passed = begun().gap(2).snapshot(3, &[(97, 1)], &[(98, 9)]);
    assert_eq!(passed.told()[2..], ["3 #1 made 4 at 99"], "nor does a snapshot at the price");
}

#[test]
fn what_we_took_stays_taken_until_the_venue_says_otherwise() {
    let took = || story(RISK_AVERSE).book(0).submit(1, order(1, Side::Buy, IOC, 101, 3));
    let again = |id, at| move |story: Story| story.submit(at, order(id, Side::Buy, IOC, 101, 9));
    assert_eq!(again(2, 2)(took()).told()[2..], ["2 #2 accepted", "2 #2 took 2 at 101", "2 #2 expired not_filled"]);
    let gone = || again(2, 2)(took());
    assert_eq!(gone().submit(3, order(3, Side::Buy, FOK, 102, 11)).told()[5..], ["3 #3 expired not_whole"]);
    assert_eq!(gone().submit(3, order(3, Side::Buy, POST, 101, 1)).told()[5..], ["3 #3 accepted behind 0"]);
    assert_eq!(gone().submit(3, market(3, Side::Buy, IOC, 1)).told()[5..], ["3 #3 accepted", "3 #3 took 1 at 102"]);
    let other = again(3, 4)(gone().level(3, Side::Sell, 102, 7).level(3, Side::Buy, 99, 7));
    assert_eq!(other.told()[5..], ["4 #3 accepted", "4 #3 expired not_filled"], "another level tells nothing of it");
    let back = again(3, 4)(gone().level(3, Side::Sell, 101, 6));
    assert_eq!(back.told()[5..], ["4 #3 accepted", "4 #3 took 6 at 101", "4 #3 expired not_filled"]);
    let fresh = again(3, 4)(gone().book(3));
    assert_eq!(fresh.told()[5..], ["4 #3 accepted", "4 #3 took 5 at 101", "4 #3 expired not_filled"]);
}

#[test]
fn takers_take_whole_lots() {
    let mut dusty = story(RISK_AVERSE).snapshot(0, &[(99, 5)], &[(101, 9), (102, 25), (103, 30)]);
    dusty.lot = 10;
    let told = dusty.submit(1, market(1, Side::Buy, IOC, 40)).submit(1, order(2, Side::Buy, POST, 101, 10)).told();
    assert_eq!(told[..3], ["1 #1 accepted", "1 #1 took 20 at 102", "1 #1 took 20 at 103"]);
    assert_eq!(told[3..], ["1 #2 accepted behind 0"], "less than a lot is nothing to take");
}

#[test]
fn a_maker_is_reached_to_the_nearest_lot() {
    for (traded, made) in [(14, None), (15, Some(10)), (26, Some(20))] {
        let mut lots = story(RISK_AVERSE).snapshot(0, &[(99, 10)], &[(101, 10)]);
        lots.lot = 10;
        let told = lots.submit(1, buy(1, 99, 20)).trade(2, Side::Sell, 99, traded).told();
        let expected: Vec<String> = made.iter().map(|qty| format!("2 #1 made {qty} at 99")).collect();
        assert_eq!(told[1..], expected, "{traded} traded");
    }
}

#[test]
fn a_cancel_may_come_too_late() {
    let slow = VenueSettings { latency: Latency::constant(5, 0), ..RISK_AVERSE };
    let begun = || story(slow.clone()).book(0).submit(1, buy(1, 99, 4));
    assert_eq!(begun().cancel(2, 1).told()[1..], ["7 #1 canceled"]);
    let raced = begun().cancel(8, 1).trade(12, Side::Sell, 99, 9);
    assert_eq!(raced.told()[1..], ["12 #1 made 4 at 99", "13 #1 cancel refused unknown_order"]);
    let part = begun().cancel(8, 1).trade(12, Side::Sell, 99, 6).trade(14, Side::Sell, 99, 50);
    assert_eq!(part.told()[1..], ["12 #1 made 1 at 99", "13 #1 canceled"]);
    // At one time the feed comes first: what the market did by then is done.
    let tied = begun().cancel(8, 1).trade(13, Side::Sell, 99, 9);
    assert_eq!(tied.told()[1..], ["13 #1 made 4 at 99", "13 #1 cancel refused unknown_order"]);
    let tied = begun().trade(6, Side::Sell, 99, 50);
    assert_eq!(tied.told(), ["6 #1 accepted behind 5"], "nor does it trade with what came before it");
    assert_eq!(begun().cancel(2, 9).told()[1..], ["7 #9 cancel refused unknown_order"]);
    assert_eq!(begun().cancel(2, 1).cancel(3, 1).told()[2..], ["8 #1 cancel refused unknown_order"]);
}

#[test]
fn an_amendment_keeps_or_loses_the_place() {
    // 6 behind 5 at 99; 20 join behind it.
    let begun = || story(RISK_AVERSE).book(0).submit(1, buy(1, 99, 6)).level(2, Side::Buy, 99, 25);
    let less = begun().amend(3, 1, 99, 2);
    assert_eq!((less.told()[1].as_str(), less.resting()), ("3 #1 amended to 2 at 99", vec![(1, 5, 2)]));
    assert_eq!(begun().amend(3, 1, 99, 6).resting(), [(1, 5, 6)]);
    assert_eq!(begun().amend(3, 1, 99, 7).resting(), [(1, 25, 7)], "more stands behind");
    assert_eq!(begun().amend(3, 1, 98, 6).resting(), [(1, 10, 6)]);
    assert_eq!(begun().amend(3, 1, 98, 6).amend(4, 1, 99, 6).resting(), [(1, 25, 6)], "and does not come back");
    // The whole quantity, with what is filled already.
    let part = || begun().trade(3, Side::Sell, 99, 7);
    assert_eq!(part().amend(4, 1, 99, 5).resting(), [(1, 0, 3)]);
    assert_eq!(part().amend(4, 1, 98, 5).resting(), [(1, 10, 3)]);
    assert_eq!(part().amend(4, 1, 99, 2).told()[2..], ["4 #1 amend refused below_filled"]);
    assert_eq!(part().amend(4, 1, 99, 2).resting(), [(1, 0, 4)], "it stays as it was");
    let later = part().amend(4, 1, 98, 9).trade(5, Side::Sell, 97, 50).told();
    assert_eq!(later[2..], ["4 #1 amended to 9 at 98", "5 #1 made 7 at 98"]);
}

#[test]
fn an_amendment_may_take_or_be_refused() {
    let begun = |life| story(RISK_AVERSE).book(0).submit(1, order(1, Side::Buy, life, 99, 6));
    let taken = begun(GTC).amend(2, 1, 101, 8);
    assert_eq!(taken.told()[1..], ["2 #1 amended to 8 at 101", "2 #1 took 5 at 101"]);
    assert_eq!(taken.resting(), [(1, 0, 3)]);
    let whole = begun(GTC).amend(2, 1, 102, 6);
    assert_eq!(whole.told()[1..], ["2 #1 amended to 6 at 102", "2 #1 took 5 at 101", "2 #1 took 1 at 102"]);
    assert_eq!(whole.resting(), []);
    let kept = begun(POST).amend(2, 1, 101, 6);
    assert_eq!(kept.told()[1..], ["2 #1 amend refused would_take"]);
    assert_eq!(kept.resting(), [(1, 5, 6)]);
    assert_eq!(begun(GTC).amend(2, 7, 99, 1).told()[1..], ["2 #7 amend refused unknown_order"]);
    assert_eq!(begun(GTC).gap(2).amend(3, 1, 98, 6).told()[1..], ["3 #1 amend refused book_not_in_sync"]);
}

#[test]
fn on_a_broken_book_nothing_new_is_taken() {
    let begun = || story(RISK_AVERSE).book(0).submit(1, buy(1, 99, 4)).submit(1, buy(2, 98, 4)).gap(2);
    assert_eq!(story(RISK_AVERSE).submit(1, buy(1, 99, 4)).told(), ["1 #1 rejected book_not_in_sync"], "nor before it");
    let told = begun().submit(3, buy(3, 99, 1)).submit(3, market(4, Side::Sell, IOC, 1)).cancel(3, 2).told();
    let expected = ["3 #3 rejected book_not_in_sync", "3 #4 rejected book_not_in_sync", "3 #2 canceled"];
    assert_eq!(told[2..], expected, "but what rests can be taken back");
    assert_eq!(begun().trade(3, Side::Sell, 99, 7).told()[2..], ["3 #1 made 2 at 99"], "trades are still told");
    assert_eq!(begun().book(3).submit(4, buy(3, 99, 1)).told()[2..], ["4 #3 accepted behind 5"]);
}

#[test]
fn a_snapshot_fills_what_the_market_passed_and_shortens_queues() {
    let begun = || story(RISK_AVERSE).book(0).submit(1, buy(1, 99, 4)).submit(1, buy(2, 98, 4)).gap(2);
    let passed = begun().snapshot(3, &[(97, 10), (98, 3)], &[(99, 9)]);
    assert_eq!(passed.told()[2..], ["3 #1 made 4 at 99"]);
    assert_eq!(passed.resting(), [(2, 3, 4)]);
    assert_eq!(begun().snapshot(3, &[(99, 50), (98, 50)], &[(101, 9)]).resting(), [(1, 5, 4), (2, 10, 4)]);
    assert_eq!(begun().snapshot(3, &[(97, 1)], &[(101, 9)]).resting(), [(1, 0, 4), (2, 0, 4)]);
}

#[test]
fn messages_take_their_time_and_keep_their_order() {
    let slow = VenueSettings { latency: Latency::constant(3, 4), ..RISK_AVERSE };
    let played = story(slow).book(0).submit(1, buy(1, 99, 2)).submit(2, market(2, Side::Sell, IOC, 7)).cancel(2, 1);
    let told = played.trade(3, Side::Sell, 99, 50);
    let expected =
        ["4 #1 accepted behind 5", "5 #2 accepted", "5 #2 took 5 at 99", "5 #2 took 2 at 98", "5 #1 canceled"];
    assert_eq!(told.told(), expected);
    assert_eq!(told.play(true).1.iter().map(|report| report.ts_recv).collect::<Vec<_>>(), [8, 9, 9, 9, 9]);
    let mut wire = Wire::new(Delay::Constant(10), Stream::new(0, 0));
    assert_eq!([5, 3, 4, 6].map(|sent| wire.arrival(sent)), [15, 15, 15, 16], "nothing overtakes");
}

#[test]
fn a_drawn_time_is_its_accounts_own_and_nothing_overtakes() {
    let model = Lognormal { spike_every: 4, ..Lognormal::between(10, 1_000) };
    let drawn = Latency { feed: None, entry: Delay::Lognormal(model), response: Delay::Lognormal(model) };
    let settings = VenueSettings { latency: drawn, ..RISK_AVERSE };
    let arrivals = |accounts: &[AccountIx]| {
        let mut venue = VenueModel::new(instrument(1), settings.clone());
        venue.set_streams((0..3).map(|account| Stream::new(5, account)).collect());
        for at in 0..200 {
            accounts.iter().for_each(|&account| venue.send(10 * at, account, Request::Cancel(at as u64)));
        }
        let of = |account: AccountIx| {
            let lane = venue.lane_of[usize::from(account)];
            venue.requests.iter().filter(|r| r.1 == lane).map(|r| (r.0, r.2)).collect::<Vec<_>>()
        };
        accounts.iter().map(|&account| of(account)).collect::<Vec<_>>()
    };
    let (alone, among) = (arrivals(&[1]), arrivals(&[2, 1, 0]));
    assert_eq!(alone[0], among[1], "who else asks changes nothing");
    assert_ne!(among[0], among[1]);
    let order = |request: &(Nanos, Request)| if let Request::Cancel(id) = request.1 { id } else { u64::MAX };
    assert!(alone[0].windows(2).all(|pair| order(&pair[0]) < order(&pair[1])), "nothing overtakes");
    let first = &alone[0][0];
    assert!(alone[0].iter().any(|request| request.0 - 10 * order(request) as i64 != first.0), "they do differ");
}

#[test]
fn trades_are_numbered_in_the_order_they_are_told() {
    let played = story(RISK_AVERSE).book(0).submit(1, buy(1, 102, 15)).submit(2, buy(2, 99, 9));
    let (_, reports) = played.trade(3, Side::Sell, 98, 4).play(true);
    let numbers: Vec<u64> = reports
        .iter()
        .filter_map(|report| if let ReportKind::Filled(fill) = report.kind { Some(fill.trade) } else { None })
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn an_advance_that_waits_for_reports_goes_no_further_than_the_first_one() {
    let slow = VenueSettings { latency: Latency::constant(0, 4), ..RISK_AVERSE };
    let told = story(slow.clone()).book(0).trade(10, Side::Sell, 99, 9).trade(13, Side::Sell, 98, 9).trade(
        20,
        Side::Sell,
        98,
        9,
    );
    let rows = ColumnsBuf::pack(&told.rows);
    let mut feed = Feed::venue(&[rows.view()]);
    let (mut venue, mut out) = (VenueModel::new(instrument(1), slow.clone()), Reports::default());
    venue.send(1, 0, Request::Submit(buy(1, 99, 30)));
    assert_eq!(venue.advance(&mut feed, 100, true, &mut out), 5, "the order is told of at 5");
    assert_eq!(venue.advance(&mut feed, 100, true, &mut out), 14, "the trade at 10 reaches us at 14");
    assert_eq!(out.iter().map(|report| report.ts_recv).collect::<Vec<_>>(), [5, 14, 17]);
    assert_eq!(feed.next_time(), Some(20), "all that the venue saw by then is done");
    assert_eq!(venue.advance(&mut feed, 100, true, &mut out), 24);
    assert_eq!(venue.advance(&mut feed, 100, true, &mut out), 100);
}

/// Something that happens some time after what happened before.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Level(Side, Ticks, Qty),
    Trade(Side, Ticks, Qty),
    Submit(Side, bool, TimeInForce, Ticks, Qty),
    Cancel(OrderId),
    Amend(OrderId, Ticks, Qty),
    Gap,
    Snapshot,
}

fn any_happening() -> impl Strategy<Value = (Nanos, Happening)> {
    let side = || prop::bool::ANY.prop_map(|sell| if sell { Side::Sell } else { Side::Buy });
    let life = prop_oneof![3 => Just(GTC), 1 => Just(IOC), 1 => Just(FOK), 2 => Just(POST)];
    let (price, qty) = (|| 95_i64..106, || 1_i64..30);
    let happening = prop_oneof![
        8 => (side(), price(), prop_oneof![1 => Just(0), 3 => qty()]).prop_map(|(s, p, q)| Happening::Level(s, p, q)),
        6 => (side(), price(), qty()).prop_map(|(s, p, q)| Happening::Trade(s, p, q)),
        6 => (side(), prop::bool::weighted(0.1), life, price(), qty())
            .prop_map(|(s, m, l, p, q)| Happening::Submit(s, m, l, p, q)),
        2 => (1_u64..30).prop_map(Happening::Cancel),
        3 => (1_u64..30, price(), qty()).prop_map(|(id, p, q)| Happening::Amend(id, p, q)),
        1 => Just(Happening::Gap),
        2 => Just(Happening::Snapshot),
    ];
    (prop_oneof![Just(0), 1_i64..4], happening)
}

fn any_story() -> impl Strategy<Value = Story> {
    let queue = prop_oneof![Just(QueueModel::RiskAverse), Just(QueueModel::Power(2.0)), Just(QueueModel::Power(0.7))];
    let fills = prop_oneof![Just(FillModel::Whole), Just(FillModel::Partial), Just(FillModel::Through)];
    let settings = (queue, fills, 0_i64..4, 0_i64..4).prop_map(|(queue, fills, entry, response)| VenueSettings {
        queue,
        fills,
        latency: Latency::constant(entry, response),
    });
    (settings, prop::collection::vec(any_happening(), 1..120)).prop_map(|(settings, happenings)| {
        let (mut told, mut at, mut id) = (story(settings).book(0), 0, 0);
        for (pause, happening) in happenings {
            at += pause;
            told = match happening {
                Happening::Level(side, price, qty) => told.level(at, side, price, qty),
                Happening::Trade(side, price, qty) => told.trade(at, side, price, qty),
                Happening::Submit(side, is_market, life, price, qty) => {
                    id += 1;
                    let limit = order(id, side, life, price, qty);
                    told.submit(at, if is_market { market(id, side, life, qty) } else { limit })
                }
                Happening::Cancel(id) => told.cancel(at, id),
                Happening::Amend(id, price, qty) => told.amend(at, id, price, qty),
                Happening::Gap => told.gap(at),
                Happening::Snapshot => told.book(at),
            };
        }
        told
    })
}

impl std::fmt::Debug for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:?}", self.settings)?;
        self.rows.iter().try_for_each(|row| {
            writeln!(f, "{} {:?} {:?} {} at {}", row.ts_event, row.kind(), row.side(), row.qty, row.price)
        })?;
        self.asked.iter().try_for_each(|(at, request)| writeln!(f, "{at} {request:?}"))
    }
}

/// What an order may still do, by the venue's reports alone: whole quantity, filled, ended.
type Lives = BTreeMap<OrderId, (Qty, Qty, bool)>;

fn live(lives: &mut Lives, report: &Report) {
    let (whole, filled, ended) = lives.get_mut(&report.order).expect("only what was sent is reported");
    let refused = matches!(report.kind, ReportKind::CancelRejected(_) | ReportKind::AmendRejected(_));
    assert!(!*ended || refused, "{report:?} after the end");
    match report.kind {
        ReportKind::Filled(fill) => *filled += fill.qty,
        ReportKind::Amended { qty, .. } => *whole = qty,
        _ => {}
    }
    assert!(filled <= whole, "{report:?}: filled {filled} of {whole}");
    let done = matches!(report.kind, ReportKind::Canceled | ReportKind::Expired(_) | ReportKind::Rejected(_));
    *ended = *ended || done || filled == whole;
}

/// What must be true after each row and each request.
fn stands(venue: &VenueModel, lives: &Lives, before: &BTreeMap<OrderId, Qty>, new: &[Report]) {
    let mut resting = 0;
    for (id, place, leaves) in venue.places() {
        let (side, order) = venue.lanes[0].resting.find(id).expect("a resting order is found");
        let (whole, filled, ended) = lives[&id];
        assert!(
            !ended && leaves > 0 && filled + leaves == whole,
            "order {id}: {leaves} left of {whole}, {filled} filled"
        );
        let price = order.x ^ side.mirror();
        assert!(place.ahead() >= 0);
        if venue.listing.book.state() == Sync::InSync {
            assert!(place.ahead() <= venue.listing.book.qty(side, price), "order {id} stands behind its level");
        }
        let moved = new.iter().any(|report| report.order == id && matches!(report.kind, ReportKind::Amended { .. }));
        assert!(moved || before.get(&id).is_none_or(|&ahead| place.ahead() <= ahead), "order {id} fell back");
        resting += 1;
    }
    let alive = lives.values().filter(|life| !life.2).count();
    assert!(alive >= resting, "what ended still rests");
}

fn check_by_step(story: &Story) -> Vec<Report> {
    let rows = ColumnsBuf::pack(&story.rows);
    let mut feed = Feed::venue(&[rows.view()]);
    let (mut venue, mut out) = (VenueModel::new(instrument(1), story.settings.clone()), Reports::default());
    let mut lives = Lives::new();
    let asked = story.asked.iter().map(|asked| (asked.0, Some(asked.1)));
    for (at, request) in asked.chain([(Nanos::MAX, None)]) {
        while let Some(time) = venue.next_time(&mut feed).filter(|&time| time < at) {
            let row = feed.current().map(|(block, at)| (block.times().at(at.row), block.columns().get(at.row)));
            let row = row.filter(|row| row.0 == time).map(|row| row.1);
            let ahead = venue.places().map(|(id, place, _)| (id, place.ahead())).collect();
            let known = out.iter().count();
            venue.step(&mut feed, &mut out);
            let new: Vec<Report> = out.iter().skip(known).copied().collect();
            new.iter().for_each(|report| live(&mut lives, report));
            stands(&venue, &lives, &ahead, &new);
            if let Some(row) = row.filter(|row| matches!(row.kind(), Kind::Trade | Kind::Delta)) {
                let made: Qty =
                    new.iter().map(|r| if let ReportKind::Filled(fill) = r.kind { fill.qty } else { 0 }).sum();
                assert!(story.settings.fills == FillModel::Whole || made <= row.qty, "made {made} of {row:?}");
            }
        }
        if let Some(Request::Submit(order)) = request {
            lives.insert(order.id, (order.request.qty, 0, false));
        }
        if let Some(Request::Cancel(id) | Request::Amend { order: id, .. }) = request {
            lives.entry(id).or_insert((0, 0, true));
        }
        request.into_iter().for_each(|request| venue.send(at, 0, request));
    }
    out.iter().copied().collect()
}

/// Advances in chunks of these lengths, each waiting for reports or not.
fn in_chunks(story: &Story, chunks: &[(Nanos, bool)]) -> Vec<Report> {
    let rows = ColumnsBuf::pack(&story.rows);
    let (first, second) = (story.rows.len() / 3, story.rows.len() / 2);
    let halves = [&story.rows[..first], &story.rows[first..second], &story.rows[second..]].map(ColumnsBuf::pack);
    let views: Vec<_> = halves.iter().map(|half| half.view()).collect();
    let mut feed = if chunks.len().is_multiple_of(2) { Feed::venue(&[rows.view()]) } else { Feed::venue(&views) };
    let (mut venue, mut out) = (VenueModel::new(instrument(1), story.settings.clone()), Reports::default());
    let mut chunks = chunks.iter().cycle();
    let mut now = 0;
    let asked = story.asked.iter().map(|asked| (asked.0, Some(asked.1)));
    for (at, request) in asked.chain([(1_000, None)]) {
        while now < at - 1 {
            let &(length, waits) = chunks.next().expect("a cycle does not end");
            let reached = venue.advance(&mut feed, (now + length).min(at - 1), waits, &mut out);
            assert!(reached <= (now + length).min(at - 1));
            now = now.max(reached);
        }
        request.into_iter().for_each(|request| venue.send(at, 0, request));
    }
    out.iter().copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whatever_happens_a_venue_keeps_its_word(
        story in any_story(), chunks in prop::collection::vec((1_i64..9, prop::bool::ANY), 1..9)
    ) {
        let told = check_by_step(&story);
        prop_assert_eq!(&told, &story.play(false).1);
        prop_assert_eq!(&told, &story.play(true).1, "in bulk");
        prop_assert_eq!(&told, &in_chunks(&story, &chunks), "in chunks");
    }
}
