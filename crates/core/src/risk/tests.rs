use super::*;
use crate::event::{Event, Kind, flag};
use crate::instrument::money;
use crate::order::{Order, SentOrder, Terms, Trigger};
use crate::types::TimeInForce;

const SPOT: &str = r#"{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
    "lot_size": "0.00001",
    "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001", "taker_fee": "0.001"}"#;

/// 60,000.00 × 1 / 60,000.10 × 1.
fn book() -> Book {
    let mut book = Book::default();
    for (kind, side, price, last) in [
        (Kind::Clear, Side::Buy, 0, 0),
        (Kind::Level, Side::Buy, 6_000_000, 0),
        (Kind::Level, Side::Sell, 6_000_010, flag::LAST),
    ] {
        let mut event = Event::new(0, 0, kind, side, price, 100_000_000);
        event.flags |= last;
        book.apply(&event, 0);
    }
    book
}

fn buy(price: Ticks, qty: Qty) -> OrderRequest {
    let (kind, time_in_force) = (OrderKind::Limit, TimeInForce::Gtc);
    OrderRequest { strategy: 0, instrument: 0, side: Side::Buy, kind, time_in_force, price, qty, terms: Terms::PLAIN }
}

/// Of which no order may be as large as those here.
fn small() -> Instrument {
    let most = SPOT.replace("\"min_notional\"", "\"max_quantity\": \"0.009\", \"min_notional\"");
    Instrument::from_json(&most).unwrap()
}

/// One row a reason: what is changed from a request that passes, and which refusal that must give.
#[test]
fn every_refusal_has_its_cause() {
    type Change = fn(&mut OrderRequest, &mut Standing<'_>, &mut Limits);
    let rows: [(Refusal, Change); 21] = [
        (Refusal::Halted, |_, s, _| s.halted = true),
        (Refusal::BookNotInSync, |_, s, _| s.book = Box::leak(Box::default())),
        (Refusal::StaleBook, |_, s, l| (s.now, l.stale_after) = (5 * SECOND + 1, Some(5 * SECOND))),
        (Refusal::BadQuantity, |r, _, _| r.qty = -1_000_000),
        (Refusal::OffLot, |r, _, _| r.qty += 1),
        (Refusal::BadPrice, |r, _, _| r.price = 0),
        (Refusal::BelowMinNotional, |r, _, _| r.qty = 8_000),
        (Refusal::OrderSize, |_, _, l| l.order_size = Some(999_999)),
        (Refusal::OrderNotional, |_, _, l| l.order_notional = money("599.99").ok()),
        (Refusal::Position, |_, s, l| (s.exposure.open[0], l.position) = (1, Some(1_000_000))),
        (Refusal::PositionNotional, |_, s, l| (s.position, l.position_notional) = (1_000_000, money("1199.99").ok())),
        (Refusal::PriceBand, |r, _, l| (r.price, l.price_band) = (6_006_011, Some(RATE_SCALE / 1_000))),
        (Refusal::OrderRate, |_, s, l| (s.now, l.orders_per_second) = (1, Some(1))),
        (Refusal::NoShort, |r, s, _| (r.side, s.base_available) = (Side::Sell, 0)),
        (Refusal::InsufficientBalance, |_, s, _| s.quote_available = money("599").unwrap()),
        (Refusal::DailyLoss, |_, s, l| (s.day_pnl, l.daily_loss) = (money("-200").unwrap(), money("200").ok())),
        (Refusal::BadTrigger, |r, _, _| r.terms.trigger = Trigger::Stop),
        (Refusal::BadDisplay, |r, _, _| r.terms.display = 500),
        (Refusal::TimeOver, |r, s, _| (r.terms.expires, s.now) = (9, 9)),
        (Refusal::ReduceOnly, |r, _, _| r.terms.reduce_only = true),
        (Refusal::QuantityFilter, |_, s, _| s.instrument = Box::leak(Box::new(small()))),
    ];
    let (instrument, book) = (Instrument::from_json(SPOT).unwrap(), book());
    for (refusal, change) in rows {
        let (mut request, mut limits) = (buy(6_000_000, 1_000_000), Limits::default());
        let mut standing = Standing {
            now: 0,
            halted: false,
            instrument: &instrument,
            book: &book,
            position: 0,
            exposure: Exposure::default(),
            quote_available: money("10000").unwrap(),
            notional_elsewhere: 0,
            base_available: 1_000_000,
            lent: None,
            day_pnl: 0,
        };
        assert!(Gate::new(limits).submit(SentOrder { id: 1, request }, &standing).is_ok());
        change(&mut request, &mut standing, &mut limits);
        let mut gate = Gate::new(limits);
        if refusal == Refusal::OrderRate {
            gate.count(standing.now);
        }
        assert_eq!(gate.submit(SentOrder { id: 1, request }, &standing), Err(refusal));
        let amended = gate.amend(&Order::new(1, request, 0), request.price, request.qty, &standing);
        assert_eq!(amended, Err(refusal), "an amendment too");
    }
    let named: std::collections::BTreeSet<_> = rows.iter().map(|row| row.0.name()).collect();
    // That a group was refused, and that the client sends only plain orders, is told of in the engine's tests.
    assert_eq!(named.len() + 2, Refusal::ALL.len(), "each reason once");
    assert!(Refusal::ALL.iter().enumerate().all(|(code, refusal)| *refusal as usize == code));
}

#[test]
fn what_reduces_passes_where_what_adds_does_not() {
    let perpetual = SPOT.replace("\"spot\"", "\"linear_perpetual\"");
    let (instrument, book) = (Instrument::from_json(&perpetual).unwrap(), book());
    let limits = Limits {
        position: Some(500_000),
        position_notional: money("300").ok(),
        daily_loss: money("10").ok(),
        ..Limits::default()
    };
    let standing = Standing {
        now: 0,
        halted: false,
        instrument: &instrument,
        book: &book,
        position: -1_000_000,
        exposure: Exposure::default(),
        quote_available: 0,
        notional_elsewhere: 0,
        base_available: 0,
        lent: None,
        day_pnl: money("-11").unwrap(),
    };
    let gate = Gate::new(limits);
    assert_eq!(gate.check(&buy(6_000_000, 1_000_000), &standing), Ok(()), "closing a short");
    assert_eq!(gate.check(&buy(6_000_000, 2_000_000), &standing), Err(Refusal::Position), "turning it round");
    let sell = OrderRequest { side: Side::Sell, ..buy(6_000_010, 1_000_000) };
    assert_eq!(gate.check(&sell, &standing), Err(Refusal::Position));
}

#[test]
fn what_may_not_be_short_sells_only_what_it_holds_and_has_not_offered() {
    let perpetual = SPOT.replace("\"spot\"", "\"linear_perpetual\"");
    let book = book();
    for definition in [SPOT, &perpetual] {
        let instrument = Instrument::from_json(definition).unwrap();
        let standing = Standing {
            now: 0,
            halted: false,
            instrument: &instrument,
            book: &book,
            position: 1_500_500,
            exposure: Exposure { open: [0, 500_000] },
            quote_available: money("10000").unwrap(),
            notional_elsewhere: 0,
            base_available: 100_000_000,
            lent: None,
            day_pnl: 0,
        };
        let limits = Limits { short: false, ..Limits::default() };
        let sell = |qty| OrderRequest { side: Side::Sell, ..buy(6_000_010, qty) };
        let gate = Gate::new(limits);
        assert_eq!(gate.check(&sell(1_000_000), &standing), Ok(()));
        assert_eq!(gate.check(&sell(1_001_000), &standing), Err(Refusal::NoShort));
        assert_eq!(gate.check(&buy(6_000_000, 1_001_000), &standing), Ok(()));
        assert_eq!(standing.sellable(&limits), Some(1_000_000), "in whole lots");
        assert_eq!(Standing { position: -5, ..standing }.sellable(&limits), Some(0));
        let of_account = Standing { base_available: 5_000, ..standing };
        assert_eq!(of_account.sellable(&limits) == Some(5_000), definition == SPOT);
    }
}

#[test]
fn the_rate_is_counted_over_any_second() {
    let (instrument, book) = (Instrument::from_json(SPOT).unwrap(), book());
    let gate = |most| Gate::new(Limits { orders_per_second: Some(most), ..Limits::default() });
    let passes = |gate: &mut Gate, now| {
        let standing = Standing {
            now,
            halted: false,
            instrument: &instrument,
            book: &book,
            position: 0,
            exposure: Exposure::default(),
            quote_available: money("10000").unwrap(),
            notional_elsewhere: 0,
            base_available: 0,
            lent: None,
            day_pnl: 0,
        };
        let passes = gate.submit(SentOrder { id: 1, request: buy(6_000_000, 1_000_000) }, &standing).is_ok();
        if passes {
            gate.count(now);
        }
        passes
    };
    let tenth = SECOND / 10;
    let mut three = gate(3);
    let sent: Vec<bool> = [0, 1, 2, 3, 9, 10, 11, 12, 13].iter().map(|&t| passes(&mut three, t * tenth)).collect();
    assert_eq!(sent, [true, true, true, false, false, true, true, true, false]);
    assert!(!passes(&mut gate(0), 0), "none at all");
}

#[test]
fn a_bound_may_be_reached() {
    let (instrument, book) = (Instrument::from_json(SPOT).unwrap(), book());
    let limits = Limits {
        order_size: Some(1_000_000),
        position: Some(1_000_000),
        order_notional: money("600").ok(),
        position_notional: money("600").ok(),
        stale_after: Some(5 * SECOND),
        ..Limits::default()
    };
    let standing = Standing {
        now: 5 * SECOND,
        halted: false,
        instrument: &instrument,
        book: &book,
        position: 0,
        exposure: Exposure::default(),
        quote_available: money("600").unwrap(),
        notional_elsewhere: 0,
        base_available: 0,
        lent: None,
        day_pnl: 0,
    };
    assert_eq!(Gate::new(limits).check(&buy(6_000_000, 1_000_000), &standing), Ok(()));
}

/// 600 of equity: ten times that within the first tier, three times in the second; what is elsewhere counts.
#[test]
fn the_venues_tier_bounds_leverage_and_a_short_on_spot_stands_on_margin() {
    let tiers = r#""margin_tiers": [{"floor": "0", "maintenance": "0.01", "leverage": 10},
        {"floor": "3000", "maintenance": "0.02", "leverage": 3}], "kind": "linear_perpetual""#;
    let (tiered, book) = (Instrument::from_json(&SPOT.replace("\"kind\": \"spot\"", tiers)).unwrap(), book());
    let standing = Standing {
        now: 0,
        halted: false,
        instrument: &tiered,
        book: &book,
        position: 0,
        exposure: Exposure::default(),
        quote_available: money("600").unwrap(),
        notional_elsewhere: 0,
        base_available: 0,
        lent: None,
        day_pnl: 0,
    };
    let gate = Gate::new(Limits { leverage: 20 * RATE_SCALE, ..Limits::default() });
    let (short, enough) = (Err(Refusal::InsufficientBalance), Ok(()));
    assert_eq!(gate.check(&buy(6_000_000, 5_000_000), &standing), enough, "3,000 in the first tier");
    assert_eq!(gate.check(&buy(6_000_000, 5_001_000), &standing), short, "beyond it 1,800 is all");
    let beside = Standing { notional_elsewhere: money("3000.01").unwrap(), ..standing };
    assert_eq!(gate.check(&buy(6_000_000, 5_000_000), &beside), short);
    // Spot: what is sold beyond what is held is borrowed behind the same margin, two times here.
    let spot = Instrument::from_json(SPOT).unwrap();
    let gate = Gate::new(Limits { leverage: 2 * RATE_SCALE, ..Limits::default() });
    let sell = |qty| OrderRequest { side: Side::Sell, ..buy(6_000_000, qty) };
    let lent = Standing { instrument: &spot, lent: Some((money("600").unwrap(), 0)), ..standing };
    assert_eq!(gate.check(&sell(2_000_000), &lent), enough);
    assert_eq!(gate.check(&sell(2_001_000), &lent), short);
    assert_eq!(gate.check(&sell(1_000_000), &Standing { lent: None, ..lent }), Err(Refusal::NoShort));
    let held = Standing { position: 1_000_000, base_available: 1_000_000, ..lent };
    assert_eq!(gate.check(&sell(3_000_000), &held), enough, "a third of it is delivered");
    assert_eq!(held.sellable(&gate.limits), None);
}
