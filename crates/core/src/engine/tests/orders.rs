//! Order types by fill models by account modes, one body; and what the gate makes of orders with further terms.

use super::*;
use crate::matching::FillModel;
use crate::order::{SelfTrade, Terms, Trigger, TriggerBy};

const GTC: TimeInForce = TimeInForce::Gtc;
const IOC: TimeInForce = TimeInForce::Ioc;
const PLAIN: Terms = Terms::PLAIN;

/// What is asked for at 10, when 100 is the last price: the book is 99 × 5, 98 × 10 against 101 × 5, 102 × 10.
type Ask = fn(&mut Context<'_>);

fn stop(level: Ticks) -> Terms {
    Terms { level, trigger: Trigger::Stop, ..PLAIN }
}

fn take_profit(level: Ticks) -> Terms {
    Terms { level, trigger: Trigger::TakeProfit, ..PLAIN }
}

fn at_limit(ctx: &mut Context<'_>, side: Side, life: TimeInForce, price: Ticks, qty: Qty, terms: Terms) -> OrderId {
    ctx.submit_with(side, OrderKind::Limit, life, price, qty, terms)
}

fn at_market(ctx: &mut Context<'_>, side: Side, qty: Qty, terms: Terms) -> OrderId {
    ctx.submit_with(side, OrderKind::Market, IOC, 0, qty, terms)
}

/// Says what it is told.
fn say(wake: &Wake, ctx: &Context<'_>, said: &mut Vec<String>) {
    let now = ctx.now();
    match wake {
        Wake::Fill(order, fill) => {
            let verb = if fill.liquidity == Liquidity::Maker { "made" } else { "took" };
            said.push(format!("{now} #{} {verb} {} at {}", order.id, fill.qty, fill.price));
        }
        Wake::Order(order) => {
            let what = if order.triggered && !order.state.is_final() { "triggered" } else { order.state.name() };
            let reason = if order.reason.name().is_empty() { "" } else { &format!(" {}", order.reason.name()) };
            said.push(format!("{now} #{} {what}{reason}", order.id));
        }
        _ => {}
    }
}

/// An order type: its name, what is asked, what is told with fills in part, and where it differs with whole fills only.
struct Row(&'static str, Ask, &'static [&'static str], Option<&'static [&'static str]>);

/// After the orders: 99 is sold into with 7, 98 with 12, 102 is bought with 13, 104 with 3.
const ROWS: [Row; 19] = [
    Row(
        "limit",
        |ctx| _ = at_limit(ctx, Side::Buy, GTC, 99, 4, PLAIN),
        &["12 #1 accepted", "21 #1 made 2 at 99", "31 #1 made 2 at 99"],
        Some(&["12 #1 accepted", "21 #1 made 4 at 99"]),
    ),
    Row("market", |ctx| _ = at_market(ctx, Side::Buy, 7, PLAIN), MARKET, None),
    Row(
        "immediate or cancel",
        |ctx| _ = at_limit(ctx, Side::Buy, IOC, 101, 7, PLAIN),
        &["12 #1 accepted", "12 #1 took 5 at 101", "12 #1 expired not_filled"],
        None,
    ),
    Row(
        "fill or kill",
        |ctx| _ = at_limit(ctx, Side::Buy, TimeInForce::Fok, 101, 7, PLAIN),
        &["12 #1 expired not_whole"],
        None,
    ),
    Row(
        "post-only",
        |ctx| _ = at_limit(ctx, Side::Buy, TimeInForce::PostOnly, 101, 7, PLAIN),
        &["12 #1 expired would_take"],
        None,
    ),
    Row("stop", |ctx| _ = at_market(ctx, Side::Sell, 4, stop(98)), STOPPED, None),
    Row("stop-limit", |ctx| _ = at_limit(ctx, Side::Sell, GTC, 98, 4, stop(98)), STOPPED, None),
    Row(
        "stop-limit that rests",
        |ctx| _ = at_limit(ctx, Side::Sell, GTC, 103, 4, stop(98)),
        &["12 #1 accepted", "31 #1 triggered", "51 #1 made 3 at 103"],
        Some(&["12 #1 accepted", "31 #1 triggered", "51 #1 made 4 at 103"]),
    ),
    Row(
        "take-profit",
        |ctx| _ = at_market(ctx, Side::Sell, 4, take_profit(102)),
        &["12 #1 accepted", "41 #1 triggered", "41 #1 took 4 at 99"],
        None,
    ),
    Row(
        "take-profit at a limit",
        |ctx| _ = at_limit(ctx, Side::Sell, GTC, 104, 3, take_profit(102)),
        &["12 #1 accepted", "41 #1 triggered", "51 #1 made 3 at 104"],
        None,
    ),
    Row(
        "trailing stop",
        // 2 % below the 100 traded before it arrived.
        |ctx| _ = at_market(ctx, Side::Sell, 4, Terms { trigger: Trigger::Trailing, trail: 200, ..PLAIN }),
        STOPPED,
        None,
    ),
    Row(
        "would trigger",
        |ctx| _ = at_market(ctx, Side::Sell, 4, stop(100)),
        &["12 #1 rejected would_trigger_immediately"],
        None,
    ),
    Row(
        "good till a date",
        |ctx| _ = at_limit(ctx, Side::Buy, GTC, 99, 4, Terms { expires: 25, ..PLAIN }),
        &["12 #1 accepted", "21 #1 made 2 at 99", "26 #1 expired time_over"],
        Some(&["12 #1 accepted", "21 #1 made 4 at 99"]),
    ),
    Row(
        "iceberg",
        |ctx| _ = at_limit(ctx, Side::Buy, GTC, 99, 6, Terms { display: 2, ..PLAIN }),
        &["12 #1 accepted", "21 #1 made 2 at 99", "31 #1 made 2 at 99", "31 #1 made 2 at 99"],
        None,
    ),
    Row(
        "one cancels the other, by its profit",
        |ctx| bracket(ctx, 102, 97),
        &[
            "12 #1 accepted",
            "12 #2 accepted",
            "41 #1 made 3 at 102",
            "41 #2 expired group_ended",
            "51 #1 made 1 at 102",
        ],
        Some(&["12 #1 accepted", "12 #2 accepted", "41 #1 made 4 at 102", "41 #2 expired group_ended"]),
    ),
    Row(
        "one cancels the other, by its stop",
        |ctx| bracket(ctx, 105, 98),
        &["12 #1 accepted", "12 #2 accepted", "31 #2 triggered", "31 #1 expired group_ended", "31 #2 took 4 at 99"],
        None,
    ),
    Row(
        "apart from oneself",
        |ctx| {
            at_limit(ctx, Side::Sell, GTC, 101, 2, PLAIN);
            at_market(ctx, Side::Buy, 7, Terms { self_trade: SelfTrade::ExpireTaker, ..PLAIN });
        },
        &["12 #1 accepted", "12 #2 accepted", "12 #2 took 5 at 101", "12 #2 expired self_trade", "41 #1 made 2 at 101"],
        None,
    ),
    Row(
        "apart from oneself, the maker gone",
        |ctx| {
            at_limit(ctx, Side::Sell, GTC, 101, 2, PLAIN);
            at_market(ctx, Side::Buy, 7, Terms { self_trade: SelfTrade::ExpireMaker, ..PLAIN });
        },
        &["12 #1 accepted", "12 #2 accepted", "12 #2 took 5 at 101", "12 #1 expired self_trade", "12 #2 took 2 at 102"],
        None,
    ),
    Row(
        "by mark price, of which there is none",
        |ctx| _ = at_market(ctx, Side::Sell, 4, Terms { by: TriggerBy::Mark, ..stop(98) }),
        &["12 #1 rejected no_mark_price"],
        None,
    ),
];

const MARKET: &[&str] = &["12 #1 accepted", "12 #1 took 5 at 101", "12 #1 took 2 at 102"];
const STOPPED: &[&str] = &["12 #1 accepted", "31 #1 triggered", "31 #1 took 4 at 99"];

/// 4 to sell at a profit, and at whatever is there below.
fn bracket(ctx: &mut Context<'_>, profit: Ticks, loss: Ticks) {
    let group = ctx.next_group();
    at_limit(ctx, Side::Sell, GTC, profit, 4, Terms { group, ..PLAIN });
    at_market(ctx, Side::Sell, 4, Terms { group, ..stop(loss) });
}

/// A strategy that asks once and says what it is told.
struct Asks {
    ask: Ask,
    said: Rc<RefCell<Vec<String>>>,
}

impl Strategy for Asks {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        if let Wake::Trade(event) = wake
            && event.price == 100
        {
            (self.ask)(ctx);
        }
        say(wake, ctx, &mut self.said.borrow_mut());
        Ok(())
    }
}

/// What one order type is told under a fill model and an account mode.
fn told(id: &str, venue: VenueSettings, own_account: bool, ask: Ask, rows: &[Vec<Event>], pace: Pace) -> Vec<String> {
    let settings = EngineSettings { seed: 1, sample_every: None, keep_records: true };
    let mut simulation = Simulation::new(Engine::new(settings));
    let columns = ColumnsBuf::pack(&rows.concat());
    let instrument = simulation.add_instrument(instrument(id, 0, "0"), venue, &[columns.view()]);
    let interest = Interest { trade: true, order: true, fill: true, ..DEAF };
    let said = Rc::new(RefCell::new(Vec::new()));
    let seat = Seat { instrument, interest, own_account, ..Seat::default() };
    let strategy = simulation.engine().add_strategy(seat, Box::new(Asks { ask, said: said.clone() }));
    let account = if own_account { strategy + 1 } else { 0 };
    for (currency, amount) in [("USDT", "10000"), ("X", "4")] {
        simulation.engine().deposit_to(account, currency, money(amount).unwrap());
    }
    simulation.start(0);
    simulation.run(100, pace);
    let engine = simulation.engine();
    assert_eq!(engine.imbalance(), 0);
    assert_eq!(engine.orders().exposure(strategy), engine.orders().exposure_recounted(strategy));
    said.take()
}

fn market_rows() -> Vec<Vec<Event>> {
    vec![
        book(0),
        trade(10, Side::Buy, 100, 1),
        trade(20, Side::Sell, 99, 7),
        trade(30, Side::Sell, 98, 12),
        trade(40, Side::Buy, 102, 13),
        trade(50, Side::Buy, 104, 3),
    ]
}

#[test]
fn order_types_by_fill_models_by_account_modes() {
    let whole = VenueSettings { fills: FillModel::Whole, ..VENUE };
    for Row(name, ask, in_part, in_whole) in ROWS {
        for (fills, venue, expected) in
            [("part", VENUE, in_part), ("whole", whole.clone(), in_whole.unwrap_or(in_part))]
        {
            for (id, own_account) in [(SPOT, false), (SPOT, true), (PERPETUAL, false), (PERPETUAL, true)] {
                for pace in [Pace::Bulk, Pace::Step] {
                    let told = told(id, venue.clone(), own_account, ask, &market_rows(), pace);
                    assert_eq!(told, expected, "{name}: {fills} fills on {id}, own account {own_account}, {pace:?}");
                }
            }
        }
    }
}

/// On a perpetual alone: there is no position on spot that could be too small.
#[test]
fn reduce_only_by_fill_models_and_accounts() {
    let ask: Ask = |ctx| {
        at_market(ctx, Side::Buy, 2, PLAIN);
        at_limit(ctx, Side::Sell, GTC, 102, 2, PLAIN);
        at_market(ctx, Side::Sell, 9, Terms { reduce_only: true, ..stop(98) });
    };
    for fills in [FillModel::Partial, FillModel::Whole] {
        for own_account in [false, true] {
            let venue = VenueSettings { fills, ..VENUE };
            let told = told(PERPETUAL, venue, own_account, ask, &market_rows(), Pace::Bulk);
            let expected = [
                "12 #1 accepted",
                "12 #1 took 2 at 101",
                "12 #2 accepted",
                "12 #3 accepted",
                "31 #3 triggered",
                "31 #3 took 2 at 99",
                "31 #3 expired reduce_only",
            ];
            assert_eq!(told[..7], expected, "{fills:?}, {own_account}");
        }
    }
}

/// What the gate refused, by name.
fn refused(engine: &Engine) -> Vec<(&'static str, u64)> {
    let counts = engine.tally(0).refused;
    Refusal::ALL.iter().map(|why| (why.name(), counts[*why as usize])).filter(|row| row.1 > 0).collect()
}

/// An engine whose only strategy asked for this once the book was there and 100 had been traded.
fn asked(id: &str, ask: Ask, change: fn(&mut Engine)) -> (Vec<String>, Vec<(&'static str, u64)>, [Qty; 2]) {
    let settings = EngineSettings { seed: 1, sample_every: None, keep_records: true };
    let mut simulation = Simulation::new(Engine::new(settings));
    let columns = ColumnsBuf::pack(&market_rows()[..2].concat());
    let instrument = simulation.add_instrument(instrument(id, 0, "0"), VENUE, &[columns.view()]);
    let interest = Interest { trade: true, order: true, fill: true, ..DEAF };
    let said = Rc::new(RefCell::new(Vec::new()));
    let seat = Seat { instrument, interest, ..Seat::default() };
    simulation.engine().add_strategy(seat, Box::new(Asks { ask, said: said.clone() }));
    for (currency, amount) in [("USDT", "1000"), ("X", "4")] {
        simulation.engine().deposit(currency, money(amount).unwrap());
    }
    change(simulation.engine());
    simulation.start(0);
    simulation.run(15, Pace::Bulk);
    let engine = simulation.engine();
    assert_eq!(engine.orders().exposure(0), engine.orders().exposure_recounted(0));
    (said.take(), refused(engine), engine.orders().exposure(0).open)
}

#[test]
fn a_group_passes_whole_or_not_at_all_and_reserves_once() {
    let (said, refused, open) = asked(SPOT, |ctx| bracket(ctx, 102, 98), |_| {});
    assert_eq!(said, ["12 #1 accepted", "12 #2 accepted"]);
    assert_eq!((refused, open), (vec![], [0, 4]), "of the 4 held each member may sell 4");
    // The stop has no level: neither goes.
    let (said, refused, _) = asked(SPOT, |ctx| bracket(ctx, 102, 0), |_| {});
    assert_eq!((said.len(), refused), (0, vec![("bad_trigger", 1), ("group", 1)]));
    // What a group reserves is not there for others, and one of its members may be amended within it.
    let beside: Ask = |ctx| {
        bracket(ctx, 102, 98);
        at_limit(ctx, Side::Sell, GTC, 103, 1, PLAIN);
    };
    let (_, refused, _) = asked(SPOT, beside, |_| {});
    assert_eq!(refused, [("no_short", 1)]);
    let rate: fn(&mut Engine) = |engine| {
        let limits = Limits { orders_per_second: Some(1), ..Limits::default() };
        engine.state.slots[0].gate = Gate::new(limits);
    };
    let (said, refused, _) = asked(SPOT, |ctx| bracket(ctx, 102, 98), rate);
    assert_eq!((said.len(), refused), (0, vec![("order_rate", 1), ("group", 1)]));
}

#[test]
fn what_waits_reserves_its_worst_case() {
    // 1,000 USDT: 9 at 101 would fit, but not at the 112 where the stop waits.
    let ask: Ask = |ctx| _ = at_market(ctx, Side::Buy, 9, stop(112));
    assert_eq!(asked(SPOT, ask, |_| {}).1, [("insufficient_balance", 1)]);
    let both: Ask = |ctx| {
        at_market(ctx, Side::Buy, 5, stop(112));
        at_limit(ctx, Side::Buy, GTC, 98, 5, PLAIN);
    };
    assert_eq!(asked(SPOT, both, |_| {}).1, [("insufficient_balance", 1)], "5 × 112 and 5 × 98 are more than 1,000");
    let reduces: Ask = |ctx| _ = at_market(ctx, Side::Sell, 9, Terms { reduce_only: true, ..stop(98) });
    assert_eq!(asked(PERPETUAL, reduces, |_| {}).2, [0, 0], "what only reduces adds to nothing");
    assert_eq!(asked(SPOT, reduces, |_| {}).1, [("reduce_only", 1)], "spot has no positions");
}

#[test]
fn a_target_does_not_count_on_what_waits() {
    let ask: Ask = |ctx| {
        at_market(ctx, Side::Buy, 3, stop(105));
        ctx.target(2);
    };
    let (said, _, open) = asked(PERPETUAL, ask, |_| {});
    assert_eq!(said, ["12 #1 accepted", "12 #2 accepted", "12 #2 took 2 at 101"]);
    assert_eq!(open, [3, 0], "the stop still counts as what may come");
}

#[test]
fn a_client_of_plain_orders_is_sent_no_others() {
    let ask: Ask = |ctx| {
        assert!(ctx.only_plain_orders());
        at_market(ctx, Side::Sell, 1, stop(98));
        at_limit(ctx, Side::Buy, GTC, 98, 1, PLAIN);
    };
    let (said, refused, _) = asked(SPOT, ask, Engine::only_plain_orders);
    assert_eq!((said, refused), (vec!["12 #2 accepted".to_owned()], vec![("unsupported", 1)]));
}
