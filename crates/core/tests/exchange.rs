//! Random sessions of several accounts, checked against books kept from what the exchange told.

use std::collections::BTreeMap;

use kedge_core::event::{Event, Kind};
use kedge_core::exchange::{
    AccountEvent, AccountIx, Cause, Exchange, Exec, NewOrder, Order, OrderType, Status, Tif, Told, Trade, Wallet,
};
use kedge_core::instrument::{Instrument, InstrumentKind, money};
use kedge_core::ledger::{Currencies, Ledger};
use kedge_core::market::LAST_OWN_TAG;
use kedge_core::order::Fill;
use kedge_core::types::{InstrumentIx, Liquidity, MILLISECOND, Money, Nanos, OrderId, Qty, SECOND, Side, Ticks};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const ACCOUNTS: AccountIx = 3;
const INSTRUMENTS: InstrumentIx = 3;
/// Eight seconds before a funding time.
const START: Nanos = (1_760_054_400 - 8) * SECOND;

fn instruments() -> Vec<(Instrument, f64)> {
    let of = |id: &str, symbol: &str, rest: &str, value: f64| {
        let json = format!(r#"{{"id": "{id}", "symbol": "{symbol}", {rest}}}"#);
        (Instrument::from_json(&json).unwrap(), value)
    };
    let spot = r#""kind": "spot", "tick_size": "0.01", "lot_size": "0.00001", "quantity_step_in_data": "0.00000001",
        "min_notional": "5", "maker_fee": "0.001", "taker_fee": "0.001""#;
    // An odd rebate, so that rounding is seen.
    let perpetual = r#""kind": "linear_perpetual", "tick_size": "0.01", "lot_size": "0.001",
        "quantity_step_in_data": "0.001", "min_notional": "20", "maker_fee": "-0.000033333", "taker_fee": "0.0005",
        "settle": "USDT", "funding_interval_hours": 8"#;
    // A fee that at leverage 125 costs more than the margin above maintenance: who takes is liquidated.
    let coarse = r#""kind": "linear_perpetual", "tick_size": "0.1", "lot_size": "0.001",
        "quantity_step_in_data": "0.001", "min_notional": "100", "maker_fee": "0.0002", "taker_fee": "0.004",
        "settle": "USDT", "funding_interval_hours": 8"#;
    vec![
        of("BTC/USDT@simulated", "BTCUSDT", spot, 60_000.0),
        of("ETH/USDT:USDT@simulated", "ETHUSDT", perpetual, 3_000.0),
        of("BTC/USDT:USDT@simulated", "BTCUSDT", coarse, 60_000.0),
    ]
}

fn open(seed: u64) -> Exchange {
    let mut exchange = Exchange::new(seed, instruments(), START).unwrap();
    let deposits = |amounts: &[(&str, &str)]| -> Vec<(String, Money)> {
        amounts.iter().map(|(code, amount)| ((*code).to_owned(), money(amount).unwrap())).collect()
    };
    for (usdt, btc, wallet) in [("5000", "0.2", "5000"), ("200000", "3", "200000"), ("60", "0.001", "90")] {
        exchange.open_account(&deposits(&[("USDT", usdt), ("BTC", btc)]), &deposits(&[("USDT", wallet)])).unwrap();
    }
    exchange.set_leverage(2, 2, 125).unwrap();
    exchange
}

#[derive(Clone, Debug)]
struct Step {
    wait: Nanos,
    account: AccountIx,
    instrument: InstrumentIx,
    act: Act,
}

#[derive(Clone, Debug)]
enum Act {
    Wait,
    Submit { side: Side, kind: OrderType, tif: Tif, away: Ticks, size: u32, reduce_only: bool, name: u8 },
    Cancel { which: usize },
    Amend { which: usize, away: Ticks, size: u32 },
    Leverage { to: u32 },
}

fn act() -> impl Strategy<Value = Act> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let kind = prop_oneof![5 => Just(OrderType::Limit), 2 => Just(OrderType::Market), 1 => Just(OrderType::LimitMaker)];
    let tif = prop_oneof![4 => Just(Tif::Gtc), 1 => Just(Tif::Ioc), 1 => Just(Tif::Fok), 1 => Just(Tif::Gtx)];
    let submit = (side, kind, tif, -40_i64..20, 1_u32..400, prop::bool::weighted(0.2), 0_u8..20).prop_map(
        |(side, kind, tif, away, size, reduce_only, name)| Act::Submit {
            side,
            kind,
            tif,
            away,
            size,
            reduce_only,
            name,
        },
    );
    prop_oneof![
        2 => Just(Act::Wait),
        10 => submit,
        2 => (0_usize..50).prop_map(|which| Act::Cancel { which }),
        3 => (0_usize..50, -20_i64..10, 1_u32..400).prop_map(|(which, away, size)| Act::Amend { which, away, size }),
        1 => prop_oneof![Just(1), Just(20), Just(125)].prop_map(|to| Act::Leverage { to }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (prop_oneof![Just(0), 0..300 * MILLISECOND, 0..2 * SECOND], 0..ACCOUNTS, 0..INSTRUMENTS, act())
        .prop_map(|(wait, account, instrument, act)| Step { wait, account, instrument, act })
}

/// Takes one step; returns what it was answered.
fn take(exchange: &mut Exchange, step: &Step) -> String {
    let Step { wait, account, instrument, ref act } = *step;
    let now = exchange.now() + wait;
    let listed = &instruments()[usize::from(instrument)].0;
    // The book as it was told: near enough for a price.
    let (_, [bids, asks]) = exchange.depth(instrument, 1);
    let best = |side: Side| match side {
        Side::Buy => bids.first().map_or(6_000_000, |level| level.0),
        Side::Sell => asks.first().map_or(6_000_000, |level| level.0),
    };
    // The rich one sweeps whole levels, its own orders among them.
    let times = if account == 1 { 30 } else { 1 } * if instrument == 0 { 25 } else { 1 };
    let size = |size: u32| Qty::from(size) * listed.lot_steps() * times;
    let open: Vec<OrderId> = exchange.orders(account, Some(instrument), true).iter().map(|order| order.id).collect();
    let picked = |which: usize| (!open.is_empty()).then(|| open[which % open.len()]);
    match *act {
        Act::Wait => String::new(),
        Act::Submit { side, kind, tif, away, size: lots, reduce_only, name } => {
            let (kind, tif) = match (instrument, kind, tif) {
                (0, kind, Tif::Gtx) => (kind, Tif::Gtc),
                (1.., OrderType::LimitMaker, _) => (OrderType::Limit, Tif::Gtx),
                _ => (kind, tif),
            };
            let reduce_only = reduce_only && instrument > 0;
            let price = (kind != OrderType::Market).then(|| best(side) + away * side.sign());
            let client_id = format!("c{name}");
            let asked = NewOrder { side, kind, tif, price, qty: size(lots), client_id, reduce_only };
            format!("{:?}", exchange.submit(now, account, instrument, &asked))
        }
        Act::Cancel { which } => format!("{:?}", exchange.cancel(now, account, instrument, picked(which), None)),
        Act::Amend { which, away, size: lots } => {
            let Some(id) = picked(which) else { return String::new() };
            let order = exchange.order(account, instrument, Some(id), None).unwrap();
            let price = if away < -10 { order.price } else { best(order.side) + away * order.side.sign() };
            format!("{:?}", exchange.amend(now, account, instrument, Some(id), None, price, size(lots)))
        }
        Act::Leverage { to } => format!("{:?}", exchange.set_leverage(account, instrument, to)),
    }
}

/// What an observer makes of the events: one ledger of spot and one of futures an account, as the trader keeps them.
struct Books {
    spot: Vec<Ledger>,
    futures: Vec<Ledger>,
    /// Funding received and shortfalls made good.
    given: Vec<Money>,
    orders: BTreeMap<OrderId, (Qty, Money)>,
    prints: Vec<Vec<Event>>,
    trades: Vec<u64>,
}

const USDT: &str = "USDT";

/// The rate times base (a spot buy) or notional, in 10⁻⁸, truncated.
fn fee(instrument: &Instrument, side: Side, trade: &Trade) -> Money {
    let spot_buy = instrument.kind == InstrumentKind::Spot && side == Side::Buy;
    let base = Money::from(trade.qty) * instrument.base_step_value();
    let of = if spot_buy { base } else { instrument.notional(trade.price, trade.qty) };
    let rate = if trade.maker { instrument.maker_fee } else { instrument.taker_fee };
    of * rate / 100_000_000_000_000_000 * 100_000_000
}

impl Books {
    fn new() -> Self {
        let ledger = || {
            let mut ledger = Ledger::default();
            ["BTC", USDT, "ETH"].iter().for_each(|code| {
                ledger.currency(code);
            });
            (0..INSTRUMENTS).for_each(|_| _ = ledger.add_strategy(false));
            ledger
        };
        let ledgers = || (0..ACCOUNTS).map(|_| ledger()).collect();
        let many = usize::from(INSTRUMENTS);
        Self {
            spot: ledgers(),
            futures: ledgers(),
            given: vec![0; ACCOUNTS as usize],
            orders: BTreeMap::new(),
            prints: vec![Vec::new(); many],
            trades: vec![0; many],
        }
    }

    fn execution(&mut self, ts: Nanos, order: &Order, exec: Exec, trade: Option<&Trade>) {
        let seen = self.orders.entry(order.id).or_default();
        assert_eq!(exec == Exec::Trade, trade.is_some());
        if let Some(trade) = trade {
            let (instrument, _) = &instruments()[usize::from(order.instrument)];
            seen.0 += trade.qty;
            seen.1 += instrument.notional(trade.price, trade.qty);
            // It was a print of the market, at that time, price and size.
            let print = &self.prints[usize::from(order.instrument)][trade.id as usize - 1];
            assert_eq!((print.ts_event, print.price, print.qty), (ts, trade.price, trade.qty));
            assert_eq!(trade.maker, print.side() != order.side);
            assert_eq!(trade.fee, fee(instrument, order.side, trade));
            assert!(order.kind == OrderType::Market || (trade.price - order.price) * order.side.sign() <= 0);
            let last = &mut self.trades[usize::from(order.instrument)];
            assert!(trade.id >= *last, "trade ids rise");
            *last = trade.id;
            let liquidity = if trade.maker { Liquidity::Maker } else { Liquidity::Taker };
            let (queue_ahead, twice_mid) = (-1, 0);
            let &Trade { id, price, qty, fee, .. } = trade;
            let fill = Fill { trade: id, price, qty, liquidity, fee, queue_ahead, twice_mid };
            let base = if order.instrument == 1 { 2 } else { 0 };
            let ledgers = if instrument.kind == InstrumentKind::Spot { &mut self.spot } else { &mut self.futures };
            let currencies = Currencies { base, quote: 1 };
            ledgers[order.account as usize].fill(order.instrument, instrument, currencies, order.side, &fill);
        }
        assert_eq!((order.filled, order.cum_quote), *seen);
        assert!(order.filled <= order.qty && order.qty > 0);
        assert_eq!(order.status == Status::Filled, order.filled == order.qty);
    }

    fn take(&mut self, event: &AccountEvent) {
        let at = event.account as usize;
        match &event.told {
            Told::Execution { order, exec, trade } => self.execution(event.ts, order, *exec, trade.as_ref()),
            Told::Balances { wallet: Wallet::Spot, cause: Cause::Deposit, amounts } => {
                for amount in amounts {
                    self.spot[at].deposit(0, amount.currency, amount.held);
                }
            }
            Told::Balances { wallet: Wallet::Futures, cause: Cause::Deposit, amounts } => {
                self.futures[at].deposit(0, 1, amounts[0].held);
            }
            Told::Balances { wallet: Wallet::Futures, cause: Cause::Liquidation, amounts } if amounts[0].held == 0 => {
                // The house made good what was missing.
                self.given[at] = -self.futures[at].cash(0, 1);
            }
            Told::Funding { amount, .. } => self.given[at] += amount,
            Told::Balances { .. } | Told::Position { .. } => {}
        }
    }
}

/// Open orders are what stands in the book of their account, and the book is sound where they stand.
fn check_book(exchange: &Exchange, instrument: InstrumentIx) {
    let book = exchange.book(instrument);
    let [bid, ask] = [Side::Buy, Side::Sell].map(|side| book.best(side).map(|best| best.0));
    assert!(bid.zip(ask).is_none_or(|(bid, ask)| bid < ask));
    let mut open: BTreeMap<(u32, u8, Ticks), Qty> = BTreeMap::new();
    for account in 0..ACCOUNTS {
        for order in exchange.orders(account, Some(instrument), true) {
            *open.entry((LAST_OWN_TAG + 1 + account, order.side as u8, order.price)).or_default() += order.left();
        }
    }
    let mut found = BTreeMap::new();
    for side in [Side::Buy, Side::Sell] {
        for (price, total) in book.levels(side) {
            let queue: Vec<_> = book.queue(side, price).collect();
            assert_eq!(queue.iter().map(|order| order.qty).sum::<Qty>(), total);
            for order in queue.iter().filter(|order| order.owner > LAST_OWN_TAG) {
                *found.entry((order.owner, side as u8, price)).or_default() += order.qty;
            }
        }
    }
    assert_eq!(found, open);
}

fn check(exchange: &Exchange, books: &Books) {
    (0..INSTRUMENTS).for_each(|instrument| check_book(exchange, instrument));
    for account in 0..ACCOUNTS {
        let at = account as usize;
        let mut locks = vec![0; exchange.currencies().len()];
        for order in exchange.orders(account, None, true) {
            let (instrument, _) = &instruments()[usize::from(order.instrument)];
            assert!(order.status.is_open() && order.on_book() && order.left() > 0, "{order:?}");
            match (instrument.kind, order.side) {
                (InstrumentKind::Spot, Side::Buy) => locks[1] += instrument.notional(order.price, order.left()),
                (InstrumentKind::Spot, Side::Sell) => {
                    locks[0] += Money::from(order.left()) * instrument.base_step_value();
                }
                _ => {}
            }
        }
        for (currency, balance) in exchange.spot(account).iter().enumerate() {
            assert!(balance.free >= 0 && balance.locked >= 0, "account {account} has {balance:?}");
            assert_eq!(balance.locked, locks[currency]);
            assert_eq!(balance.free + balance.locked, books.spot[at].cash(0, currency as u16));
        }
        let margin = exchange.margin(account);
        assert_eq!(margin.wallet, books.futures[at].cash(0, 1) + books.given[at]);
        let mut unrealised = 0;
        for view in exchange.positions(account) {
            let (instrument, _) = &instruments()[usize::from(view.instrument)];
            let position = books.futures[at].position(view.instrument);
            assert_eq!(view.qty, position.qty);
            assert_eq!(view.unrealised, position.unrealised(instrument, 2 * view.mark));
            unrealised += view.unrealised;
        }
        assert_eq!(margin.unrealised, unrealised);
        let reducing = exchange.orders(account, None, true).into_iter().filter(|order| order.reduce_only);
        for order in reducing {
            let held = books.futures[at].position(order.instrument).qty;
            assert!(order.side.sign() == -held.signum() && order.left() <= held.abs(), "{order:?} of {held}");
        }
    }
    for (currency, house) in exchange.house().iter().enumerate() {
        let held = |account| {
            let balance = exchange.spot(account)[currency];
            let wallet = if currency == 1 { exchange.margin(account).wallet } else { 0 };
            balance.free + balance.locked + wallet
        };
        assert_eq!((0..ACCOUNTS).map(held).sum::<Money>() + house.total(), 0, "money is conserved");
        assert!(house.insurance <= 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_accounts_do_the_books_agree(seed in 0_u64..1_000, steps in prop::collection::vec(step(), 1..80)) {
        let (mut exchange, mut books) = (open(seed), Books::new());
        for step in &steps {
            let until = exchange.now() + if matches!(step.act, Act::Wait) { step.wait } else { 0 };
            take(&mut exchange, step);
            for (prints, rows) in books.prints.iter_mut().zip(exchange.advance(until)) {
                prints.extend(rows.into_iter().filter(|row| row.kind() == Kind::Trade));
            }
            let mut last = Nanos::MIN;
            for event in exchange.take_events() {
                prop_assert!(event.ts >= last && event.ts <= exchange.now());
                last = event.ts;
                books.take(&event);
            }
            check(&exchange, &books);
        }
    }

    #[test]
    fn the_same_calls_get_the_same_answers_however_time_is_cut(
        seed in 0_u64..1_000,
        steps in prop::collection::vec(step(), 1..40),
        cuts in prop::collection::vec(0..400 * MILLISECOND, 8),
    ) {
        let (mut whole, mut cut) = (open(seed), open(seed));
        let mut rows = [vec![Vec::new(); 3], vec![Vec::new(); 3]];
        let mut keep = |which: usize, more: Vec<Vec<Event>>| {
            rows[which].iter_mut().zip(more).for_each(|(rows, mut more)| rows.append(&mut more));
        };
        for step in &steps {
            let until = cut.now() + step.wait;
            keep(0, whole.advance(until));
            for pause in &cuts {
                let at = (cut.now() + pause).min(until);
                keep(1, cut.advance(at));
            }
            keep(1, cut.advance(until));
            let at_once = Step { wait: 0, ..step.clone() };
            prop_assert_eq!(take(&mut whole, &at_once), take(&mut cut, &at_once));
            prop_assert_eq!(whole.take_events(), cut.take_events());
        }
        keep(0, whole.advance(0));
        keep(1, cut.advance(0));
        prop_assert_eq!(&rows[0], &rows[1]);
    }
}

#[test]
fn the_sessions_reach_what_can_happen() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::<String, u32>::new();
    for seed in 0..30 {
        let mut exchange = open(seed);
        for step in prop::collection::vec(step(), 60..80).new_tree(&mut runner).unwrap().current() {
            take(&mut exchange, &step);
            exchange.advance(exchange.now() + step.wait);
        }
        for AccountEvent { told, .. } in exchange.take_events() {
            let what = match told {
                Told::Execution { order, exec: Exec::Trade, trade } => {
                    let role = if trade.is_some_and(|trade| trade.maker) { "maker" } else { "taker" };
                    format!("{role} {}{}", order.instrument, if order.liquidation { " liquidation" } else { "" })
                }
                Told::Execution { order, exec, .. } => format!("{exec:?} {}", order.reason),
                Told::Funding { .. } => "funding".to_owned(),
                Told::Balances { wallet, cause, .. } => format!("{wallet:?} {cause:?}"),
                Told::Position { .. } => "position".to_owned(),
            };
            *seen.entry(what).or_default() += 1;
        }
    }
    for what in [
        "taker 0",
        "taker 1",
        "taker 2",
        "maker 0",
        "maker 1",
        "maker 2",
        "taker 2 liquidation",
        "Futures Liquidation",
        "funding",
        "Amendment ",
        "Canceled ",
        "Canceled post-only order would take",
        "Expired could not be filled whole",
        "Expired no position left to reduce",
        "Expired not filled on arrival",
        "Expired post-only order would take",
        "Expired would meet an order of its own account",
    ] {
        assert!(seen.contains_key(what), "{what} in {seen:#?}");
    }
}
