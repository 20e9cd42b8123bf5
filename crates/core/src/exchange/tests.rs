//! One behaviour each, with the exchange's own books in view. Whole random sessions are in `tests/exchange.rs`.

use super::*;
use crate::event::Kind;
use crate::instrument::money;
use crate::types::{MILLISECOND, MONEY_SCALE, Side, Ticks};

const SPOT: &str = r#"{"id": "BTC/USDT@simulated", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
    "lot_size": "0.00001", "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001",
    "taker_fee": "0.001"}"#;
const PERPETUAL: &str = r#"{"id": "ETH/USDT:USDT@simulated", "symbol": "ETHUSDT", "kind": "linear_perpetual",
    "tick_size": "0.01", "lot_size": "0.001", "quantity_step_in_data": "0.001", "min_notional": "20",
    "maker_fee": "0.0002", "taker_fee": "0.0005", "settle": "USDT", "funding_interval_hours": 8}"#;
const MIDNIGHT: Nanos = 1_760_054_400 * SECOND;
const BTC: InstrumentIx = 0;
const ETH: InstrumentIx = 1;
/// 0.01 BTC, about 600 USDT.
const CENT: Qty = 1_000_000;

fn text(amount: &str) -> Money {
    money(amount).unwrap()
}

fn exchange_at(start: Nanos) -> Exchange {
    let listed = [(SPOT, 60_000.0), (PERPETUAL, 3_000.0)];
    let listed = listed.map(|(json, value)| (Instrument::from_json(json).unwrap(), value));
    let mut exchange = Exchange::new(7, listed.to_vec(), start).unwrap();
    for _ in 0..2 {
        let spot = [("USDT".to_owned(), text("5000")), ("BTC".to_owned(), text("0.5"))];
        exchange.open_account(&spot, &[("USDT".to_owned(), text("5000"))]).unwrap();
    }
    exchange.take_events();
    exchange
}

fn exchange() -> Exchange {
    let mut exchange = exchange_at(MIDNIGHT);
    exchange.advance(MIDNIGHT + SECOND);
    exchange
}

fn limit(side: Side, price: Ticks, qty: Qty) -> NewOrder {
    let (kind, tif, client_id) = (OrderType::Limit, Tif::Gtc, String::new());
    NewOrder { side, kind, tif, price: Some(price), qty, client_id, reduce_only: false }
}

fn market(side: Side, qty: Qty) -> NewOrder {
    NewOrder { kind: OrderType::Market, price: None, ..limit(side, 0, qty) }
}

fn maker(side: Side, price: Ticks, qty: Qty) -> NewOrder {
    NewOrder { kind: OrderType::LimitMaker, ..limit(side, price, qty) }
}

impl Exchange {
    fn best(&self, instrument: InstrumentIx, side: Side) -> Ticks {
        self.listings[usize::from(instrument)].book().best(side).unwrap().0
    }

    fn send(&mut self, account: AccountIx, instrument: InstrumentIx, asked: &NewOrder) -> Result<Order, Refusal> {
        self.submit(0, account, instrument, asked).cloned()
    }

    fn usdt(&self, account: AccountIx) -> Balance {
        self.spot(account)[self.currencies.iter().position(|code| code == "USDT").unwrap()]
    }

    fn btc(&self, account: AccountIx) -> Balance {
        self.spot(account)[0]
    }

    fn trades(&mut self) -> Vec<(Order, Trade)> {
        let trade = |event: AccountEvent| match event.told {
            Told::Execution { order, trade: Some(trade), .. } => Some((*order, trade)),
            _ => None,
        };
        self.take_events().into_iter().filter_map(trade).collect()
    }

    /// Ids in the queue of a price, oldest first.
    fn queue(&self, instrument: InstrumentIx, side: Side, price: Ticks) -> Vec<u64> {
        self.listings[usize::from(instrument)].book().queue(side, price).map(|order| order.id).collect()
    }

    fn held(&self, account: AccountIx) -> Qty {
        self.accounts[account as usize].positions[usize::from(ETH)].qty
    }
}

#[test]
fn a_resting_order_locks_what_it_needs_until_it_is_cancelled() {
    let mut exchange = exchange();
    let (bid, ask) = (exchange.best(BTC, Side::Buy), exchange.best(BTC, Side::Sell));
    let price = bid - 10_000;
    let buy = exchange.send(0, BTC, &maker(Side::Buy, price, CENT)).unwrap();
    assert!(buy.on_book() && buy.status == Status::New && buy.tif == Tif::Gtc);
    let locked = Money::from(price) * MONEY_SCALE / 10_000;
    assert_eq!(exchange.usdt(0), Balance { free: text("5000") - locked, locked });
    let sell = exchange.send(0, BTC, &limit(Side::Sell, ask + 10_000, CENT)).unwrap();
    assert_eq!(exchange.btc(0), Balance { free: text("0.49"), locked: text("0.01") });
    assert_eq!(exchange.orders(0, None, true).iter().map(|order| order.id).collect::<Vec<_>>(), [buy.id, sell.id]);
    for id in [buy.id, sell.id] {
        assert_eq!(exchange.cancel(0, 0, BTC, Some(id), None).unwrap().status, Status::Canceled);
    }
    assert_eq!(exchange.usdt(0), Balance { free: text("5000"), locked: 0 });
    assert_eq!(exchange.btc(0), Balance { free: text("0.5"), locked: 0 });
    assert!(exchange.orders(0, None, true).is_empty());
    assert!(exchange.listings.iter().all(|listing| listing.resting.is_empty()));
    assert_eq!(exchange.orders(0, Some(BTC), false).len(), 2);
    assert!(exchange.orders(0, Some(ETH), false).is_empty());
}

#[test]
fn a_buy_at_a_better_price_than_its_limit_gets_the_difference_back_and_pays_its_fee_in_base() {
    let mut exchange = exchange();
    let price = exchange.best(BTC, Side::Sell) + 5_000;
    let order = exchange.send(0, BTC, &limit(Side::Buy, price, 3 * CENT)).unwrap();
    assert_eq!(order.status, Status::Filled);
    let trades = exchange.trades();
    assert!(trades.iter().all(|(_, trade)| trade.price < price && !trade.maker));
    let fees: Money = trades.iter().map(|(_, trade)| trade.fee).sum();
    // A thousandth of each trade, truncated to 10⁻⁸.
    let expected: Money =
        trades.iter().map(|(_, trade)| Money::from(trade.qty / 1_000) * MONEY_SCALE / 100_000_000).sum();
    assert_eq!(fees, expected);
    assert_eq!(exchange.btc(0), Balance { free: text("0.53") - fees, locked: 0 });
    assert_eq!(exchange.usdt(0), Balance { free: text("5000") - order.cum_quote, locked: 0 });
    exchange.send(0, BTC, &market(Side::Sell, CENT)).unwrap();
    let (last, _) = exchange.trades().pop().unwrap();
    // A seller's fee is of the quote currency.
    let fee = exchange.house()[1].fees;
    assert!(fee > last.cum_quote / 1_000 - 10 * SETTLEMENT && fee <= last.cum_quote / 1_000);
    assert_eq!(exchange.usdt(0).free, text("5000") - order.cum_quote + last.cum_quote - fee);
}

#[test]
fn nobody_spends_more_than_is_free() {
    let mut exchange = exchange();
    let insufficient = Err(filters::BALANCE);
    let bid = exchange.best(BTC, Side::Buy);
    assert_eq!(exchange.send(0, BTC, &market(Side::Buy, 9 * CENT)), insufficient);
    assert_eq!(exchange.send(0, BTC, &limit(Side::Buy, bid, 9 * CENT)), insufficient);
    assert_eq!(exchange.send(0, BTC, &market(Side::Sell, 51 * CENT)), insufficient);
    assert_eq!(exchange.send(0, BTC, &limit(Side::Sell, bid + 9_000, 51 * CENT)), insufficient);
    exchange.send(0, BTC, &maker(Side::Buy, bid - 5_000, 8 * CENT)).unwrap();
    assert_eq!(exchange.send(0, BTC, &market(Side::Buy, CENT)), insufficient, "what is locked is not free");
    assert_eq!(exchange.orders(0, None, false).len(), 1, "what is refused is no order");
}

#[test]
fn what_must_not_take_does_not() {
    let mut exchange = exchange();
    let ask = exchange.best(BTC, Side::Sell);
    assert_eq!(exchange.send(0, BTC, &maker(Side::Buy, ask, CENT)), Err(filters::WOULD_TAKE));
    assert!(exchange.orders(0, None, false).is_empty());
    let bid = exchange.best(ETH, Side::Buy);
    let gtx = |price| NewOrder { tif: Tif::Gtx, ..limit(Side::Sell, price, 100) };
    let order = exchange.send(0, ETH, &gtx(bid)).unwrap();
    assert_eq!((order.status, order.filled, order.on_book()), (Status::Expired, 0, false));
    assert!(exchange.send(0, ETH, &gtx(bid + 1)).unwrap().on_book());
}

#[test]
fn ioc_takes_what_there_is_and_fok_all_or_nothing() {
    let mut exchange = exchange();
    let listing = &exchange.listings[0];
    let (ask, offered) = listing.book().best(Side::Sell).unwrap();
    let offered = offered / listing.lot * listing.lot;
    exchange.accounts[0].spot[1].free += text("10000000");
    let order = |tif| NewOrder { tif, ..limit(Side::Buy, ask, offered + CENT) };
    let killed = exchange.send(0, BTC, &order(Tif::Fok)).unwrap();
    assert_eq!((killed.status, killed.filled), (Status::Expired, 0));
    let partly = exchange.send(0, BTC, &order(Tif::Ioc)).unwrap();
    assert_eq!((partly.status, partly.filled), (Status::Expired, offered));
    assert_eq!(exchange.usdt(0).locked, 0);
    let next = exchange.best(BTC, Side::Sell) + 100_000;
    let whole = exchange.send(0, BTC, &NewOrder { tif: Tif::Fok, ..limit(Side::Buy, next, CENT) }).unwrap();
    assert_eq!(whole.status, Status::Filled);
    let rests = exchange.send(0, BTC, &limit(Side::Buy, exchange.best(BTC, Side::Sell), 500 * CENT)).unwrap();
    assert!(rests.on_book() && rests.status == Status::PartiallyFilled);
}

#[test]
fn an_order_trades_up_to_one_of_its_own_account_and_no_further() {
    let mut exchange = exchange();
    // The spread is a tick: its own bid first becomes the best by taking all others of the price.
    let bid = exchange.best(BTC, Side::Buy);
    let own = exchange.send(0, BTC, &maker(Side::Buy, bid, CENT)).unwrap();
    let ahead = exchange.listings[0].book().quantity_at(Side::Buy, bid) - CENT;
    exchange.accounts[0].spot[0].free += text("1000");
    let sell = NewOrder { qty: ahead + 2 * CENT, ..limit(Side::Sell, bid, CENT) };
    let taken = exchange.send(0, BTC, &sell).unwrap();
    assert_eq!((taken.status, taken.filled), (Status::Expired, ahead));
    assert_eq!(exchange.queue(BTC, Side::Buy, bid), [own.book]);
    assert_eq!(exchange.btc(0).locked, 0);
    let fok = exchange.send(0, BTC, &NewOrder { tif: Tif::Fok, qty: CENT, ..sell.clone() }).unwrap();
    assert_eq!((fok.status, fok.filled), (Status::Expired, 0));
    // Another account may trade with it: one trade, two accounts, one taker.
    exchange.take_events();
    let sold = exchange.send(1, BTC, &NewOrder { qty: CENT, ..sell }).unwrap();
    assert_eq!(sold.status, Status::Filled);
    let trades = exchange.trades();
    let [(taker, took), (maker, made)] = &trades[..] else { panic!("{trades:?}") };
    assert_eq!((taker.account, maker.account, took.id), (1, 0, made.id));
    assert_eq!((took.maker, made.maker, maker.status), (false, true, Status::Filled));
    assert!(exchange.listings[0].resting.is_empty());
    assert_eq!(exchange.usdt(0).locked, 0);
}

#[test]
fn refusals_speak_binances_codes() {
    let mut exchange = exchange();
    let (bid, eth) = (exchange.best(BTC, Side::Buy), exchange.best(ETH, Side::Buy));
    let low = limit(Side::Buy, bid - 100, CENT);
    let eth_low = limit(Side::Buy, eth - 100, 100);
    let cases = [
        (BTC, NewOrder { price: None, ..low.clone() }, -1102),
        (BTC, NewOrder { price: Some(0), ..low.clone() }, -1013),
        (BTC, NewOrder { price: Some(bid / 6), ..low.clone() }, -1013),
        (BTC, NewOrder { price: Some(bid * 6), ..low.clone() }, -1013),
        (BTC, NewOrder { qty: CENT + 1, ..low.clone() }, -1013),
        (BTC, NewOrder { qty: 0, ..low.clone() }, -1013),
        (BTC, NewOrder { qty: -CENT, ..low.clone() }, -1013),
        (BTC, NewOrder { qty: 8_000, ..low.clone() }, -1013),
        (BTC, market(Side::Sell, 8_000), -1013),
        (BTC, NewOrder { tif: Tif::Gtx, ..low.clone() }, -1115),
        (BTC, NewOrder { reduce_only: true, ..low.clone() }, -1106),
        (ETH, maker(Side::Buy, eth - 100, 100), -1116),
        (ETH, NewOrder { qty: 6, ..eth_low.clone() }, -1013),
        (ETH, NewOrder { reduce_only: true, ..eth_low.clone() }, -2022),
        (ETH, NewOrder { qty: 40_000, ..eth_low.clone() }, -2019),
    ];
    for (instrument, asked, code) in cases {
        assert_eq!(exchange.send(0, instrument, &asked).unwrap_err().code, code, "{asked:?}");
    }
    assert_eq!(exchange.cancel(0, 0, BTC, Some(1), None).unwrap_err().code, -2011);
    assert_eq!(exchange.amend(0, 0, ETH, None, Some("x"), eth, 100).unwrap_err().code, -2013);
    assert_eq!(exchange.take_events(), []);
    for (instrument, asked, code) in [(BTC, low, -2010), (ETH, eth_low, -4116)] {
        let asked = NewOrder { client_id: "k1".into(), ..asked };
        let first = exchange.send(0, instrument, &asked).unwrap();
        assert_eq!(exchange.send(0, instrument, &asked).unwrap_err().code, code);
        assert!(exchange.send(1, instrument, &asked).is_ok(), "another account's name");
        assert!(exchange.order(1, instrument, Some(first.id), None).is_none(), "another account's order");
        assert!(exchange.cancel(0, 1, instrument, Some(first.id), None).is_err());
        exchange.cancel(0, 0, instrument, None, Some("k1")).unwrap();
        let second = exchange.send(0, instrument, &asked).unwrap();
        assert!(second.id > first.id, "unique among open orders only");
        assert_eq!(exchange.order(0, instrument, None, Some("k1")).unwrap().id, second.id);
        assert_eq!(exchange.order(0, instrument, Some(first.id), None).unwrap().status, Status::Canceled);
    }
}

#[test]
fn an_account_has_at_most_two_hundred_open_orders_in_an_instrument() {
    let mut exchange = exchange();
    let low = limit(Side::Buy, exchange.best(BTC, Side::Buy) - 1_000, 10_000);
    for _ in 0..200 {
        exchange.send(0, BTC, &low).unwrap();
    }
    assert_eq!(exchange.send(0, BTC, &low), Err(filters::TOO_MANY));
    assert!(exchange.send(1, BTC, &low).is_ok());
}

#[test]
fn a_smaller_size_keeps_the_place_in_the_queue_and_nothing_else_does() {
    let mut exchange = exchange();
    let price = exchange.best(ETH, Side::Buy) - 50;
    let first = exchange.send(0, ETH, &limit(Side::Buy, price, 100)).unwrap();
    let second = exchange.send(1, ETH, &limit(Side::Buy, price, 100)).unwrap();
    let amended = |exchange: &mut Exchange, price, qty| {
        let order = exchange.amend(0, 0, ETH, Some(first.id), None, price, qty).unwrap().clone();
        let queue = exchange.queue(ETH, Side::Buy, price);
        let at = |book| queue.iter().position(|&id| id == book);
        assert_eq!((order.price, order.qty, order.status), (price, qty, Status::New));
        (at(order.book).unwrap(), at(second.book))
    };
    let (mine, other) = amended(&mut exchange, price, 60);
    assert!(mine < other.unwrap());
    assert_eq!(exchange.listings[1].book().order(first.book).unwrap().qty, 60);
    let (mine, other) = amended(&mut exchange, price, 70);
    assert!(mine > other.unwrap());
    amended(&mut exchange, price - 1, 70);
    let (mine, other) = amended(&mut exchange, price, 70);
    assert!(mine > other.unwrap());
    assert_eq!(exchange.amend(0, 0, ETH, Some(first.id), None, price, 70), Err(filters::SAME));
    assert_eq!(exchange.amend(0, 0, ETH, Some(first.id), None, price, 0), Err(filters::LOT));
    assert_eq!(exchange.amend(0, 0, ETH, Some(first.id), None, price, 40_000), Err(filters::MARGIN));
    assert_eq!(exchange.order(0, ETH, Some(first.id), None).unwrap().qty, 70);
}

#[test]
fn an_amended_order_may_take_and_a_post_only_one_is_cancelled_instead() {
    let mut exchange = exchange();
    let (bid, ask) = (exchange.best(ETH, Side::Buy), exchange.best(ETH, Side::Sell));
    let plain = exchange.send(0, ETH, &limit(Side::Buy, bid - 50, 100)).unwrap();
    let taken = exchange.amend(0, 0, ETH, Some(plain.id), None, ask + 100, 100).unwrap();
    assert_eq!(taken.status, Status::Filled);
    assert_eq!(exchange.held(0), 100);
    let gtx = NewOrder { tif: Tif::Gtx, ..limit(Side::Buy, bid - 50, 100) };
    let gtx = exchange.send(0, ETH, &gtx).unwrap();
    let gone = exchange.amend(0, 0, ETH, Some(gtx.id), None, exchange.best(ETH, Side::Sell), 100).unwrap();
    assert_eq!((gone.status, gone.filled), (Status::Canceled, 0));
    // On spot only a smaller quantity at the same price, and its lock with it.
    let bid = exchange.best(BTC, Side::Buy);
    let spot = exchange.send(0, BTC, &limit(Side::Buy, bid - 50, 2 * CENT)).unwrap();
    assert_eq!(exchange.amend(0, 0, BTC, Some(spot.id), None, bid - 51, CENT), Err(filters::AMEND_SPOT));
    exchange.amend(0, 0, BTC, Some(spot.id), None, bid - 50, CENT).unwrap();
    assert_eq!(exchange.usdt(0).locked, Money::from(bid - 50) * MONEY_SCALE / 10_000);
}

#[test]
fn an_order_fills_only_when_all_that_was_ahead_of_it_is_gone() {
    let mut exchange = exchange();
    let price = exchange.best(BTC, Side::Sell);
    let order = exchange.send(0, BTC, &maker(Side::Sell, price, 40 * CENT)).unwrap();
    let ahead = exchange.queue(BTC, Side::Sell, price);
    assert_eq!(ahead.last(), Some(&order.book));
    assert!(ahead.len() > 1);
    let filled = (0..6_000).any(|_| {
        exchange.advance(exchange.now + 100 * MILLISECOND);
        exchange.order(0, BTC, Some(order.id), None).unwrap().filled > 0
    });
    assert!(filled, "the price came back within 10 minutes");
    let rests = |id: &&u64| exchange.listings[0].book().order(**id).is_some();
    assert_eq!(ahead[..ahead.len() - 1].iter().filter(rests).count(), 0);
    assert!(exchange.trades().iter().all(|(_, trade)| trade.maker && trade.price == price));
}

#[test]
fn time_never_goes_back() {
    let mut exchange = exchange();
    exchange.advance(MIDNIGHT + 3 * SECOND);
    let low = limit(Side::Buy, exchange.best(BTC, Side::Buy) - 1_000, CENT);
    assert_eq!(exchange.submit(MIDNIGHT, 0, BTC, &low).unwrap().created, MIDNIGHT + 3 * SECOND);
    let later = MIDNIGHT + 4 * SECOND;
    assert_eq!(exchange.submit(later, 0, BTC, &low).unwrap().created, later);
    assert_eq!(exchange.advance(MIDNIGHT).iter().flatten().filter(|row| row.ts_event > later).count(), 0);
    assert_eq!(exchange.now(), later);
}

#[test]
fn the_depth_is_what_the_rows_told() {
    let mut exchange = exchange_at(MIDNIGHT);
    assert_eq!(exchange.depth(BTC, 5).0, 0);
    let mut deltas = 0;
    for packet in 1..30 {
        let at = MIDNIGHT + packet * 100 * MILLISECOND;
        let rows = &exchange.advance(at + 1)[0];
        deltas += rows.iter().filter(|row| row.kind() == Kind::Delta).count() as u64;
        let (update_id, [bids, asks]) = exchange.depth(BTC, 10_000);
        assert_eq!(update_id, deltas);
        // Right after a packet that is the book itself.
        let book = exchange.listings[0].book();
        assert!(book.levels(Side::Buy).eq(bids) && book.levels(Side::Sell).eq(asks));
        if packet % 5 == 0 {
            let taken = exchange.send(0, BTC, &market(Side::Sell, CENT)).unwrap();
            assert_eq!(exchange.depth(BTC, 10_000).0, deltas, "told with the next packet");
            assert_eq!(taken.status, Status::Filled);
        }
    }
    assert_eq!(exchange.depth(BTC, 3).1[0].len(), 3);
}

#[test]
fn positions_bind_margin_and_leverage_says_how_much() {
    let mut exchange = exchange();
    let mark = |exchange: &Exchange| Money::from(exchange.mark(ETH).mark) * MONEY_SCALE / 100;
    exchange.send(0, ETH, &market(Side::Buy, 2_000)).unwrap();
    let margin = exchange.margin(0);
    let notional = 2 * mark(&exchange);
    assert_eq!((margin.initial, margin.maintenance), (notional / 20, notional * 4 / 1_000));
    assert_eq!(margin.available(), (margin.wallet + margin.unrealised - margin.initial) / SETTLEMENT * SETTLEMENT);
    assert_eq!(margin.wallet, text("5000") - exchange.house()[1].fees);
    exchange.set_leverage(0, ETH, 50).unwrap();
    assert_eq!(exchange.margin(0).initial, notional / 50);
    assert_eq!(exchange.positions(0)[0].leverage, 50);
    exchange.set_leverage(0, ETH, 2).unwrap();
    assert_eq!(exchange.set_leverage(0, ETH, 1), Err(filters::MARGIN), "6,000 with a wallet of 5,000");
    assert_eq!(exchange.set_leverage(0, ETH, 126), Err(filters::LEVERAGE));
    assert_eq!(exchange.set_leverage(0, BTC, 5), Err(filters::LEVERAGE));
    // At leverage 2 there are 2,000 left: 1 ETH more is possible, 2 are not; closing always is.
    assert_eq!(exchange.send(0, ETH, &market(Side::Buy, 2_000)), Err(filters::MARGIN));
    let ask = exchange.best(ETH, Side::Sell);
    exchange.send(0, ETH, &limit(Side::Buy, ask - 500, 1_000)).unwrap();
    assert_eq!(exchange.send(0, ETH, &limit(Side::Buy, ask - 500, 1_000)), Err(filters::MARGIN));
    let closed = exchange.send(0, ETH, &market(Side::Sell, 2_000)).unwrap();
    assert_eq!((closed.status, exchange.held(0)), (Status::Filled, 0));
    // What closing made is in the wallet, to the unit.
    let position = &exchange.accounts[0].positions[1];
    assert_eq!(exchange.margin(0).wallet, text("5000") + position.realised - position.fees);
}

#[test]
fn reduce_only_never_opens() {
    let mut exchange = exchange();
    exchange.send(0, ETH, &market(Side::Buy, 1_000)).unwrap();
    let ask = exchange.best(ETH, Side::Sell);
    let reduce = |price, qty| NewOrder { reduce_only: true, ..limit(Side::Sell, price, qty) };
    assert_eq!(
        exchange.send(0, ETH, &NewOrder { side: Side::Buy, ..reduce(ask - 500, 100) }),
        Err(filters::REDUCE_ONLY)
    );
    assert_eq!(exchange.send(0, ETH, &reduce(ask + 500, 1_001)), Err(filters::REDUCE_ONLY));
    let bound = exchange.margin(0).initial;
    let first = exchange.send(0, ETH, &reduce(ask + 500, 600)).unwrap();
    let second = exchange.send(0, ETH, &reduce(ask + 500, 400)).unwrap();
    assert_eq!(exchange.margin(0).initial, bound, "they need no margin");
    assert_eq!(exchange.send(0, ETH, &reduce(ask + 500, 1)), Err(filters::REDUCE_ONLY));
    assert_eq!(exchange.amend(0, 0, ETH, Some(second.id), None, ask + 500, 401), Err(filters::REDUCE_ONLY));
    // As the position shrinks the newest goes first; small ones need no least notional.
    exchange.send(0, ETH, &market(Side::Sell, 300)).unwrap();
    let open: Vec<OrderId> = exchange.orders(0, None, true).iter().map(|order| order.id).collect();
    assert_eq!(open, [first.id]);
    assert_eq!(exchange.order(0, ETH, Some(second.id), None).unwrap().status, Status::Expired);
    assert!(exchange.send(0, ETH, &reduce(ask + 500, 1)).is_ok());
    exchange.send(0, ETH, &market(Side::Sell, 700)).unwrap();
    assert!(exchange.orders(0, None, true).is_empty());
    assert!(exchange.listings[1].resting.is_empty());
}

#[test]
fn funding_is_paid_by_longs_to_shorts_every_eight_hours() {
    let mut exchange = exchange_at(MIDNIGHT - 2 * SECOND);
    exchange.advance(MIDNIGHT - SECOND);
    exchange.send(0, ETH, &market(Side::Buy, 1_000)).unwrap();
    exchange.send(1, ETH, &market(Side::Sell, 500)).unwrap();
    assert_eq!(exchange.open_interest(ETH), 1_000);
    exchange.take_events();
    let wallets = [0, 1].map(|account| exchange.margin(account).wallet);
    assert_eq!(exchange.mark(ETH).next_funding, MIDNIGHT);
    let rows = exchange.advance(MIDNIGHT + SECOND).swap_remove(1);
    let [row] = rows.iter().filter(|row| row.kind() == Kind::Funding).collect::<Vec<_>>()[..] else { panic!() };
    let mark = rows.iter().find(|row| (row.kind(), row.ts_event) == (Kind::Mark, MIDNIGHT)).unwrap().price;
    let events = exchange.take_events();
    for (account, qty) in [(0, 1_000), (1, -500)] {
        let exact = Money::from(mark) * Money::from(qty) * 100_000_000_000 * Money::from(row.qty) / 1_000_000_000;
        let paid = crate::ledger::round_to_settlement(exact);
        assert_ne!(paid, 0);
        assert_eq!(exchange.margin(account).wallet, wallets[account as usize] - paid);
        let told = Told::Funding { instrument: ETH, rate: row.qty, mark, amount: -paid };
        assert!(events.contains(&AccountEvent { ts: MIDNIGHT, account, told }));
    }
    assert_eq!(exchange.mark(ETH).next_funding, MIDNIGHT + 8 * 3_600 * SECOND);
    exchange.advance(MIDNIGHT + 5 * SECOND);
    assert!(exchange.take_events().is_empty(), "once");
}

#[test]
fn an_account_below_its_maintenance_margin_is_closed_at_market() {
    let mut exchange = exchange();
    exchange.set_leverage(0, ETH, 100).unwrap();
    exchange.send(0, ETH, &market(Side::Buy, 2_000)).unwrap();
    let resting = exchange.send(0, ETH, &limit(Side::Sell, exchange.best(ETH, Side::Sell) + 900, 100)).unwrap();
    let margin = exchange.margin(0);
    // Leave just less than the maintenance margin, and once more than is needed.
    let spare = margin.wallet + margin.unrealised - margin.maintenance;
    let view = exchange.positions(0)[0];
    let falls = exchange.mark(ETH).mark - view.liquidation;
    assert!((Money::from(falls) * 2 * MONEY_SCALE / 100 - spare).abs() < spare / 100, "{view:?} {spare}");
    exchange.accounts[0].wallet -= spare - text("20");
    exchange.house[1].market += spare - text("20");
    exchange.advance(exchange.now() + 2 * SECOND);
    assert_eq!(exchange.held(0), 2_000);
    // A loss on paper counts as well.
    exchange.accounts[0].positions[1].cost += text("60");
    exchange.take_events();
    exchange.advance(exchange.now() + 2 * SECOND);
    assert_eq!(exchange.held(0), 0);
    assert_eq!(exchange.order(0, ETH, Some(resting.id), None).unwrap().status, Status::Canceled);
    assert_eq!(exchange.margin(0).wallet, 0, "the house makes good what is missing");
    assert!(exchange.house()[1].insurance < 0);
    let trades = exchange.trades();
    assert!(!trades.is_empty() && trades.iter().all(|(order, _)| order.liquidation && order.reduce_only));
    let total: Money = exchange.house()[1].total()
        + [0, 1].map(|at| exchange.usdt(at).free + exchange.margin(at).wallet).iter().sum::<Money>();
    assert_eq!(total, 0);
    assert_eq!(exchange.send(0, ETH, &market(Side::Buy, 100)), Err(filters::MARGIN));
}

#[test]
fn the_oldest_closed_orders_are_forgotten_and_open_ones_never() {
    let mut orders = Orders::default();
    let mut exchange = exchange();
    let low = limit(Side::Buy, exchange.best(BTC, Side::Buy) - 1_000, CENT);
    let open = exchange.send(0, BTC, &low).unwrap();
    let closed = Order { status: Status::Canceled, ..open.clone() };
    for id in 1..=200_010 {
        let which = if id == 5 { &open } else { &closed };
        let client_id = Arc::from(format!("c{}", id % 100_000));
        orders.add(Order { id, client_id, ..which.clone() });
    }
    assert_eq!(orders.next_id(), 200_011);
    assert!(orders.find(4).is_none() && orders.find(5).is_some() && orders.find(6).is_some());
    orders.get_mut(5).status = Status::Filled;
    orders.add(Order { id: 200_011, ..closed });
    assert!(orders.find(11).is_none() && orders.find(12).is_some());
    assert_eq!(orders.by_client_id(0, BTC, "c11").unwrap().id, 100_011);
    assert!(orders.by_client_id(0, BTC, "c5").is_some_and(|order| order.id == 200_005));
}
