//! What an engine owes its account: exposure, shared balances, losses, faults, halts, books that balance.

use super::*;
use crate::matching::Request;

fn asked(engine: &mut Engine) -> Vec<Request> {
    engine.commands().map(|command| command.request).collect()
}

#[test]
fn what_is_amended_or_cancelled_keeps_its_exposure_until_the_venue_answers() {
    let slow = VenueSettings { latency: Latency::constant(20, 1), ..VENUE };
    let limits = Limits { position: Some(10), ..Limits::default() };
    let rows = [book(0), trade(55, Side::Sell, 98, 50)];
    let day = desk(PERPETUAL, &rows).with(|desk| desk.places[0].1 = slow).seat(0, DEAF, limits, |wake, ctx, _| {
        beat(ctx, wake, 1);
        match ctx.now() {
            10 => {
                limit(ctx, Side::Buy, 99, 2);
            }
            34 => ctx.amend(1, 98, 9),
            // Between the amendment's arrival at 54 and the cancel's at 56 somebody sells: 9 are bought.
            36 | 37 => ctx.cancel(1),
            // 9 + 2 > 10: at the venue, amended but not yet told, cancelled but not yet there.
            40 | 55 => {
                limit(ctx, Side::Buy, 97, 2);
            }
            _ => {}
        }
        Ok(())
    });
    let day = day.day();
    let expected = [
        "10 #1 buy 2 at 99",
        "34 #1 amend to 9 at 98",
        "36 #1 cancel",
        "40 position: buy 2 at 97",
        "55 position: buy 2 at 97",
    ];
    assert_eq!(day.asked(), expected);
    assert_eq!(day.held, [9]);
    assert_eq!(day.open[0].0, Exposure::default());
}

#[test]
fn a_pending_cancel_outlives_the_amendment_before_it() {
    let mut order = Order::new(
        1,
        OrderRequest {
            strategy: 0,
            instrument: 0,
            side: Side::Buy,
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::Gtc,
            price: 99,
            qty: 4,
            terms: crate::order::Terms::PLAIN,
        },
        0,
    );
    let hear = |order: &mut Order, kind| order.apply(&Report { order: 1, ts_venue: 1, ts_recv: 1, kind }).unwrap();
    order.pending = Pending::Amend(98, 9).with_cancel();
    assert_eq!((order.reserved(), order.is_cancellable()), (9, false));
    let (mut amended, mut refused, mut kept) = (order, order, order);
    hear(&mut amended, ReportKind::Amended { price: 98, qty: 9 });
    hear(&mut refused, ReportKind::AmendRejected(crate::order::Reason::WouldTake));
    hear(&mut kept, ReportKind::CancelRejected(crate::order::Reason::UnknownOrder));
    assert_eq!((amended.pending, amended.reserved()), (Pending::Cancel, 9));
    assert_eq!((refused.pending, refused.reserved()), (Pending::Cancel, 4));
    assert_eq!((kept.pending, kept.reserved()), (Pending::Amend(98, 9), 9));
}

/// The account holds 1,000 USDT and 5 X; both strategies trade X on spot.
#[test]
fn two_strategies_do_not_spend_the_same_money() {
    let slow = VenueSettings { latency: Latency::constant(5, 5), ..VENUE };
    let first: Play = |wake, ctx, _| {
        beat(ctx, wake, 10);
        match (wake, ctx.now()) {
            (Wake::Timer(_), 10) => {
                limit(ctx, Side::Buy, 90, 1);
                limit(ctx, Side::Sell, 110, 1);
            }
            (Wake::Timer(_), 30) => {
                ctx.amend(1, 90, 10);
                ctx.amend(2, 110, 4);
            }
            // Of 10 at 90 all but one might fill before 12 at 80 are known: 9 × 90 + 3 × 80 fits, 10 × 90 + 2 × 80 not.
            (Wake::Timer(_), 60) => ctx.amend(1, 80, 12),
            _ => {}
        }
        Ok(())
    };
    let second: Play = |wake, ctx, _| {
        beat(ctx, wake, 10);
        match (wake, ctx.now()) {
            // While the amendments travel and after them: 100 USDT and 1 X are free.
            (Wake::Timer(_), 30 | 50) => {
                limit(ctx, Side::Buy, 51, 2);
                limit(ctx, Side::Sell, 120, 2);
            }
            (Wake::Timer(_), 70) => {
                limit(ctx, Side::Buy, 50, 2);
                limit(ctx, Side::Sell, 120, 1);
                limit(ctx, Side::Sell, 120, 1);
            }
            _ => {}
        }
        Ok(())
    };
    let sweep = [trade(85, Side::Sell, 40, 90), trade(86, Side::Buy, 130, 90)];
    let mut desk = desk(SPOT, &[&[book(0)], &sweep[..]].concat());
    (desk.places[0].1, desk.deposits) = (slow, vec![("USDT", "1000"), ("X", "5")]);
    let day = desk.play(first).play(second).day();
    let expected = [
        "10 #1 buy 1 at 90",
        "10 #2 sell 1 at 110",
        "30 #1 amend to 10 at 90",
        "30 #2 amend to 4 at 110",
        "30 insufficient_balance: buy 2 at 51",
        "30 insufficient_balance: sell 2 at 120",
        "50 insufficient_balance: buy 2 at 51",
        "50 insufficient_balance: sell 2 at 120",
        "60 insufficient_balance: buy 12 at 80",
        "70 #7 buy 2 at 50",
        "70 #8 sell 1 at 120",
        "70 no_short: sell 1 at 120",
    ];
    assert_eq!(day.asked(), expected);
    assert_eq!((day.lowest(0), day.lowest(1)), (0, 0));
    assert_eq!(day.cash["USDT"], money("560").unwrap(), "900 and 100 paid, 4 × 110 and 120 received");
    assert_eq!(day.cash["X"], money("12").unwrap());
}

/// Two days: 5 bought at 101 lose 20 by the fall to 97, more than the 10 allowed in one.
#[test]
fn a_days_loss_stops_what_adds_until_midnight() {
    let fallen = |at| {
        let level = |side, price| (Kind::Level, side, price, 9);
        packet(at, &[(Kind::Clear, Side::Buy, 0, 0), level(Side::Buy, 96), level(Side::Sell, 98)])
    };
    let rows = [book(DAY - 50), fallen(DAY - 25)];
    let limits = Limits { daily_loss: money("10").ok(), ..Limits::default() };
    let desk = desk(PERPETUAL, &rows).with(|desk| (desk.start, desk.until) = (DAY - 50, DAY + 15));
    let day = desk.seat(0, DEAF, limits, |wake, ctx, _| {
        beat(ctx, wake, 10);
        match (wake, ctx.now() - DAY) {
            (Wake::Timer(_), -40) => {
                take(ctx, Side::Buy, 5);
            }
            (Wake::Timer(_), -20) => {
                take(ctx, Side::Buy, 1);
                take(ctx, Side::Sell, 1);
                take(ctx, Side::Sell, 6);
            }
            (Wake::Timer(_), -10) => {
                limit(ctx, Side::Buy, 90, 1);
            }
            (Wake::Timer(_), 0) => {
                limit(ctx, Side::Buy, 91, 1);
            }
            _ => {}
        }
        Ok(())
    });
    let asked: Vec<String> = day.day().asked().iter().map(|line| line.replace(&DAY.to_string(), "midnight")).collect();
    let told: Vec<&str> = asked.iter().filter_map(|line| line.split_once(' ')).map(|line| line.1).collect();
    let expected = [
        "#1 buy 5 at market",
        "daily_loss: buy 1 at market",
        "#3 sell 1 at market",
        "daily_loss: sell 6 at market",
        "daily_loss: buy 1 at 90",
        "#6 buy 1 at 91",
    ];
    assert_eq!(told, expected);
    assert!(asked[5].starts_with("midnight"));
}

#[test]
fn samples_are_taken_at_the_start_after_all_else_at_their_time_and_at_the_end() {
    let day = desk(PERPETUAL, &[book(0), level(20, Side::Buy, 100, 3)]).with(|desk| {
        (desk.until, desk.sample_every) = (25, Some(10));
    });
    let day = day.play(|wake, ctx, _| {
        beat(ctx, wake, 8);
        if ctx.now() == 8 {
            take(ctx, Side::Buy, 2);
        }
        Ok(())
    });
    let samples: Vec<_> = day.day().samples.iter().map(|s| (s.ts, s.position, s.twice_mid, s.pnl)).collect();
    let lost = money("1").unwrap();
    // Bought at 101 against a middle of 100, then of 100.5.
    assert_eq!(samples, [(0, 0, 0, 0), (10, 2, 200, -2 * lost), (20, 2, 201, -lost), (25, 2, 201, -lost)]);
}

/// An engine on its own: strategies of a perpetual, its book in sync.
fn alone(plays: &[(Interest, Play)]) -> (Engine, Rc<RefCell<Vec<String>>>) {
    let mut engine = Engine::new(EngineSettings { seed: 1, sample_every: None, keep_records: true });
    engine.add_instrument(instrument(PERPETUAL, 0, "0"));
    engine.deposit("USDT", money("10000").unwrap());
    let said = Rc::new(RefCell::new(Vec::new()));
    for (interest, play) in plays {
        let seat = Seat { instrument: 0, interest: *interest, ..Seat::default() };
        engine.add_strategy(seat, Box::new(Puppet { play: *play, said: said.clone() }));
    }
    engine.start(0);
    book(1).iter().for_each(|row| engine.step_row(0, 1, row));
    (engine, said)
}

fn report(order: OrderId, at: Nanos, kind: ReportKind) -> Report {
    Report { order, ts_venue: at, ts_recv: at, kind }
}

fn fill(trade: u64, qty: Qty) -> ReportKind {
    ReportKind::Filled(Fill {
        trade,
        price: 99,
        qty,
        liquidity: Liquidity::Maker,
        fee: 0,
        queue_ahead: -1,
        twice_mid: 0,
    })
}

const TAKEN: ReportKind = ReportKind::Accepted { queue_ahead: 0 };
const HEARS: Interest = Interest { book: true, trade: true, fill: true, order: true, ..DEAF };
const BIDS: Play = |wake, ctx, said| {
    said.push(format!("{} {} at {}", ctx.strategy, name(wake), ctx.now()));
    if *wake == Wake::Book && ctx.now() == 1 {
        limit(ctx, Side::Buy, 99, 4);
    }
    Ok(())
};

#[test]
fn a_strategy_that_breaks_down_is_stopped_alone() {
    let breaks: Play = |wake, ctx, said| {
        BIDS(wake, ctx, said)?;
        if matches!(wake, Wake::Trade(_)) {
            limit(ctx, Side::Buy, 98, 1);
            return Err(Fault("no more".into()));
        }
        Ok(())
    };
    let (mut engine, said) = alone(&[(HEARS, breaks), (HEARS, BIDS)]);
    assert_eq!(engine.commands().count(), 2);
    engine.report(&report(1, 2, TAKEN));
    trade(3, Side::Buy, 101, 1).iter().for_each(|row| engine.step_row(0, 3, row));
    assert_eq!(asked(&mut engine), [Request::Cancel(1)], "what it asked for last is dropped");
    assert_eq!(engine.faults(), [(0, Fault("no more".into()))]);
    // What is told of its order still counts, but not to it.
    engine.report(&report(1, 4, fill(1, 4)));
    level(5, Side::Buy, 98, 1).iter().for_each(|row| engine.step_row(0, 5, row));
    assert_eq!(engine.ledger().position(0).qty, 4);
    let expected = ["0 order at 2", "0 trade at 3", "1 trade at 3", "1 book at 5"];
    assert_eq!(said.borrow()[4..], expected);
    assert_eq!(day(&mut engine, Vec::new(), 2).asked()[2..], ["3 strategy 0 stopped", "3 #1 cancel"]);
}

#[test]
fn a_run_ends_at_the_same_point_where_a_strategy_breaks_down() {
    let breaks: Play = |wake, ctx, said| {
        beat(ctx, wake, 10);
        said.push(format!("{} {}", ctx.now(), name(wake)));
        if ctx.now() == 20 { Err(Fault("no more".into())) } else { Ok(()) }
    };
    let place: Play = |wake, ctx, said| {
        beat(ctx, wake, 10);
        said.push(format!("{} {} other", ctx.now(), name(wake)));
        limit(ctx, Side::Buy, 99, 1);
        Ok(())
    };
    let day = desk(PERPETUAL, &[book(0)]).play(place).play(breaks).play(place).day();
    assert_eq!(day.faults, 1);
    assert!(!day.said.iter().any(|line| line.starts_with("30")), "{:?}", day.said);
}

#[test]
fn a_halt_cancels_everything_and_lets_nothing_pass() {
    let (mut engine, _) = alone(&[(HEARS, BIDS), (HEARS, BIDS)]);
    engine.commands().for_each(drop);
    engine.report(&report(1, 2, TAKEN));
    engine.halt(3);
    assert_eq!(asked(&mut engine), [Request::Cancel(1), Request::Cancel(2)]);
    level(1, Side::Buy, 98, 1).iter().for_each(|row| engine.step_row(0, 1, row));
    assert_eq!(engine.now(), 3);
    engine.state.intents.push((1, context::Intent::Target(5)));
    engine.state.carry_out();
    assert_eq!((engine.commands().count(), engine.tally(1).refused[Refusal::Halted as usize]), (0, 1));
}

#[test]
fn a_halt_between_two_moments_leaves_at_once() {
    let day = desk(PERPETUAL, &[book(0)]).with(|desk| desk.halt_at = Some(33)).play(|wake, ctx, said| {
        beat(ctx, wake, 10);
        said.push(format!("{} {}", ctx.now(), ctx.orders().count()));
        if ctx.now() % 20 == 0 {
            limit(ctx, Side::Buy, 98, 1);
        }
        Ok(())
    });
    let day = day.day();
    let expected = ["20 #2 buy 1 at 98", "33 #2 cancel", "40 halted: buy 1 at 98", "60 halted: buy 1 at 98"];
    assert_eq!(day.asked()[1..5], expected, "{:?}", day.asked());
    assert!(day.said.contains(&"35 0".to_owned()), "cancelled at 34, told at 35: {:?}", day.said);
}

#[test]
fn a_report_told_twice_late_or_of_nothing_known_changes_nothing() {
    let (mut engine, _) = alone(&[(HEARS, BIDS)]);
    for (at, kind) in [(2, TAKEN), (3, fill(7, 1)), (4, fill(7, 1)), (5, fill(8, 9)), (6, ReportKind::Unknown)] {
        engine.report(&report(1, at, kind));
    }
    engine.report(&report(9, 7, fill(9, 1)));
    assert_eq!(
        (engine.ledger().position(0).qty, engine.blotter().odd_reports, engine.blotter().fills.len()),
        (1, 3, 1)
    );
    assert_eq!(engine.orders().exposure(0).open, [3, 0], "what nobody knows stays reserved");
    engine.report(&report(1, 8, ReportKind::Canceled));
    assert_eq!((engine.orders().exposure(0).open, engine.orders().ended().count()), ([0, 0], 1));
    assert_eq!(day(&mut engine, Vec::new(), 1).open.len(), 1);
}

/// Markets and strategies drawn from seeds: `day` holds the books to the last unit.
#[test]
fn random_days_balance() {
    let play: Play = |wake, ctx, _| {
        beat(ctx, wake, 3);
        let (side, price) = (Side::Buy, 90 + ctx.random().below(20) as Ticks);
        let (side, qty) =
            (if ctx.random().below(2) == 0 { side } else { side.opposite() }, ctx.random().below(9) as Qty);
        match ctx.random().below(8) {
            0..3 => drop(limit(ctx, side, price, qty)),
            3 => drop(take(ctx, side, qty)),
            4 => ctx.target(qty * side.sign()),
            5 => ctx.cancel_all(),
            6 => ctx.quote(Some(price), Some(price + 2), qty),
            _ => ctx
                .orders()
                .map(|order| order.id)
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|id| ctx.amend(id, price, qty)),
        }
        Ok(())
    };
    let mut fills = 0;
    for seed in 0..40 {
        let mut random = Stream::new(seed, 1);
        let mut any = |bound: u64| random.below(bound) as i64;
        let mut rows = vec![book(0)];
        for at in 1..300 {
            let (side, price) = (if any(2) == 0 { Side::Buy } else { Side::Sell }, any(6));
            rows.push(match any(3) {
                0 => trade(at, side, 97 + price, 1 + any(20)),
                _ if side == Side::Buy => level(at, side, 99 - price, any(20)),
                _ => level(at, side, 101 + price, any(20)),
            });
        }
        let id = if seed % 2 == 0 { SPOT } else { PERPETUAL };
        let desk = desk(id, &rows).with(|desk| {
            (desk.until, desk.sample_every) = (310, Some(50));
            desk.places[0].0 = instrument(id, 0, "0.0013");
            desk.deposits.push(("X", "3"));
        });
        let day = desk.play(play).play(play).day();
        assert!(day.open.iter().all(|(running, recounted)| running == recounted));
        fills += day.fills.len();
    }
    assert!(fills > 3_000, "{fills}");
}

#[test]
fn the_average_price_of_an_inverse_position_is_what_its_contracts_cost() {
    let inverse = Instrument::from_json(
        r#"{"id": "X/USDT:X@venue", "symbol": "X", "kind": "inverse_perpetual", "tick_size": "1", "lot_size": "1",
        "quantity_step_in_data": "1", "min_notional": "0", "maker_fee": "0", "taker_fee": "0",
        "contract_multiplier": "100"}"#,
    );
    let rows = [book(0), book(90)];
    let day = desk(PERPETUAL, &rows)
        .with(|desk| {
            desk.places[0].0 = inverse.unwrap();
            desk.deposits.push(("X", "100000"));
        })
        .play(|wake, ctx, said| {
            beat(ctx, wake, 10);
            match ctx.now() {
                10 => drop(take(ctx, Side::Sell, 3)),
                50 => said.push(format!("{} {:?}", ctx.position(), ctx.average_price().map(f64::round))),
                _ => {}
            }
            Ok(())
        })
        .day();
    assert_eq!(day.said, ["-3 Some(99.0)"]);
}
