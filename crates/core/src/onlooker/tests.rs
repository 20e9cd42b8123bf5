use super::*;
use crate::event::flag;
use crate::instrument::money;
use crate::order::{OrderRequest, OrderState, Report};
use crate::types::{Liquidity, OrderKind, TimeInForce};

const SPOT: &str = r#"{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
    "lot_size": "0.00001", "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001",
    "taker_fee": "0.001"}"#;

fn onlooker() -> Onlooker {
    Onlooker::new(vec![Instrument::from_json(SPOT).unwrap()], 1)
}

fn row(kind: Kind, side: Side, price: Ticks, qty: Qty) -> Event {
    Event::new(NO_TIME, 1_500_000_000, kind, side, price, qty)
}

fn buy(id: OrderId, price: Ticks) -> Decision {
    let request = OrderRequest {
        strategy: 0,
        instrument: 0,
        side: Side::Buy,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        price,
        qty: 1_000,
        terms: crate::order::Terms::PLAIN,
    };
    Decision::Submit { ts: 1, order: id, request }
}

fn report(order: OrderId, kind: ReportKind) -> Decision {
    Decision::Report(Report { order, ts_venue: 1, ts_recv: 2, kind })
}

fn filled(order: OrderId, trade: u64, qty: Qty) -> Decision {
    let fill = Fill { trade, price: 100, qty, liquidity: Liquidity::Maker, fee: 0, queue_ahead: -1, twice_mid: 0 };
    report(order, ReportKind::Filled(fill))
}

#[test]
fn the_queue_ahead_only_shrinks_by_trades_and_by_what_leaves_the_level() {
    let mut onlooker = onlooker();
    onlooker.row(0, &row(Kind::Delta, Side::Buy, 100, 500), 1);
    onlooker.take(&buy(7, 100));
    assert_eq!(onlooker.queue_ahead(7), None);
    onlooker.take(&report(7, ReportKind::Accepted { queue_ahead: -1 }));
    assert_eq!(onlooker.queue_ahead(7), Some(500));
    onlooker.row(0, &row(Kind::Trade, Side::Sell, 100, 200), 2);
    // A buyer meets the asks, and other levels are others' business.
    onlooker.row(0, &row(Kind::Trade, Side::Buy, 100, 50), 2);
    onlooker.row(0, &row(Kind::Delta, Side::Buy, 99, 1), 2);
    assert_eq!(onlooker.queue_ahead(7), Some(300));
    onlooker.row(0, &row(Kind::Delta, Side::Buy, 100, 2_000), 3);
    assert_eq!(onlooker.queue_ahead(7), Some(300));
    onlooker.row(0, &row(Kind::Delta, Side::Buy, 100, 120), 3);
    assert_eq!(onlooker.queue_ahead(7), Some(120));
    onlooker.take(&report(7, ReportKind::Amended { price: 99, qty: 1_000 }));
    assert_eq!(onlooker.queue_ahead(7), Some(1));
    onlooker.take(&report(7, ReportKind::Canceled));
    assert_eq!(onlooker.queue_ahead(7), None);
}

#[test]
fn orders_fills_and_cash_follow_the_records() {
    let mut onlooker = onlooker();
    onlooker.ledger.deposit(0, 1, money("100").unwrap());
    onlooker.take(&buy(7, 100));
    assert_eq!(onlooker.take(&Decision::Cancel { ts: 2, order: 7 }).order.unwrap().pending, Pending::Cancel);
    let seen = onlooker.take(&filled(7, 1, 400));
    assert_eq!((seen.fits, seen.order.unwrap().state), (true, OrderState::PartiallyFilled));
    assert!(!onlooker.take(&filled(7, 1, 400)).fits);
    assert_eq!((onlooker.ledger().position(0).qty, onlooker.open_orders().count()), (400, 1));
    onlooker.take(&report(7, ReportKind::Canceled));
    assert_eq!(onlooker.open_orders().count(), 0);
    // 400 × 10⁻⁸ at 1.00
    assert_eq!(onlooker.ledger().cash(0, 1), money("99.999996").unwrap());
    assert_eq!(
        onlooker.take(&report(9, ReportKind::Canceled)),
        Seen { order: None, fits: false, realised: 0, ahead: None }
    );
}

#[test]
fn orders_that_ended_are_forgotten_in_time() {
    let mut onlooker = onlooker();
    for id in 1..=ENDED_MAX as OrderId + 3 {
        onlooker.take(&buy(id, 100));
        onlooker.take(&report(id, ReportKind::Canceled));
    }
    assert_eq!((onlooker.orders.len(), onlooker.orders.contains_key(&3)), (ENDED_MAX, false));
}

#[test]
fn trades_become_seconds_and_the_book_tells_its_state() {
    let mut onlooker = onlooker();
    for (price, qty) in [(100, 1), (103, 2), (99, 4)] {
        onlooker.row(0, &row(Kind::Trade, Side::Buy, price, qty), 1);
    }
    let bar = SecondBar { instrument: 0, second: 1, open: 100, high: 103, low: 99, close: 99, volume: 7 };
    assert_eq!(onlooker.drain_seconds(), [bar]);
    assert_eq!(onlooker.drain_seconds(), []);
    // A trade told late does not change a bar that may have been taken out.
    let late = Event { ts_recv: 2_500_000_000, ..row(Kind::Trade, Side::Buy, 98, 1) };
    for event in [late, row(Kind::Trade, Side::Buy, 97, 1), late] {
        onlooker.row(0, &event, 1);
    }
    assert_eq!(onlooker.drain_seconds().iter().map(|bar| bar.second).collect::<Vec<_>>(), [2, 1, 2]);
    let mut level = row(Kind::Level, Side::Buy, 100, 5);
    level.flags |= flag::LAST;
    assert_eq!(onlooker.row(0, &row(Kind::Clear, Side::Buy, 0, 0), 1), None);
    assert_eq!(onlooker.row(0, &level, 1), Some(Sync::InSync));
    assert_eq!(onlooker.row(0, &row(Kind::Gap, Side::Buy, 0, 0), 2), Some(Sync::Gap));
    assert_eq!(onlooker.face(0).top().bid, Some((100, 5)));
    assert_eq!(onlooker.row(9, &level, 1), None);
}
