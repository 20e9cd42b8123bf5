//! What only a live session brings: fills of earlier orders, funding, strategies that are told to fail.

use super::*;
use crate::ledger::SETTLEMENT;
use crate::live::{Act, Input, Live};
use crate::order::Report;
use crate::recovery::Recovery;
use crate::types::MONEY_SCALE;

/// An engine over one perpetual with a strategy for each position held.
fn holding(positions: &[Qty]) -> Engine {
    let mut engine = Engine::new(EngineSettings { seed: 1, sample_every: None, keep_records: true });
    let instrument = engine.add_instrument(instrument(PERPETUAL, 0, "0"));
    for _ in positions {
        let seat = Seat { instrument, interest: DEAF, ..Seat::default() };
        let said = Rc::default();
        engine.add_strategy(seat, Box::new(Puppet { play: |_, _, _| Ok(()), said }));
    }
    book(1).iter().for_each(|row| engine.step_row(0, 1, row));
    engine.deposit("USDT", money("1000").unwrap());
    for (strategy, qty) in positions.iter().enumerate().filter(|(_, qty)| **qty != 0) {
        let (request, fill) = execution(strategy as StrategyIx, *qty);
        assert!(engine.book_earlier_fill(1 + strategy as u64, &request, &fill, 5));
    }
    engine
}

fn execution(strategy: StrategyIx, qty: Qty) -> (OrderRequest, Fill) {
    let side = if qty > 0 { Side::Buy } else { Side::Sell };
    let (kind, time_in_force, qty) = (OrderKind::Limit, TimeInForce::Gtc, qty.abs());
    let request = OrderRequest {
        strategy,
        instrument: 0,
        side,
        kind,
        time_in_force,
        price: 100,
        qty,
        terms: crate::order::Terms::PLAIN,
    };
    (request, Fill { trade: 1, price: 100, qty, liquidity: Liquidity::Maker, fee: 0, queue_ahead: -1, twice_mid: 0 })
}

/// What each owner was paid: the account, then the strategies.
fn received(engine: &Engine) -> Vec<Money> {
    let quote = engine.ledger().currencies().iter().position(|code| code == "USDT").unwrap() as CurrencyIx;
    let owners = 0..engine.ledger().balances().len() as u16;
    owners.map(|owner| -engine.ledger().balance(owner, Account::Funding, quote)).collect()
}

#[test]
fn funding_goes_to_who_stands_on_the_side_of_the_net_position() {
    let cent = SETTLEMENT;
    for (positions, amount, expected) in [
        (&[3, 1][..], -8 * cent, vec![0, -6 * cent, -2 * cent]),
        (&[1, 0, 1, 1], 10 * cent, vec![0, 4 * cent, 0, 3 * cent, 3 * cent]),
        (&[-2, 1, -2], -5 * cent, vec![0, -3 * cent, 0, -2 * cent]),
        (&[2, -2], 5 * cent, vec![5 * cent, 0, 0]),
        (&[0], 7, vec![7, 0]),
        // Finer than the venue settles: all that is over goes to the first.
        (&[1, 1], 2 * cent + 1, vec![0, cent + 1, cent]),
    ] {
        let mut engine = holding(positions);
        engine.book_funding(0, amount, 8, 9);
        assert_eq!(received(&engine), expected, "{positions:?}");
        assert_eq!(engine.imbalance(), 0);
        let paid: Money = (0..positions.len() as StrategyIx).map(|strategy| engine.pnl(strategy)).sum();
        assert_eq!(paid, expected[1..].iter().sum::<Money>(), "it is part of what a strategy made");
    }
}

#[test]
fn books_are_recovered_with_fills_of_earlier_orders_and_funding() {
    let mut engine = holding(&[3, -1]);
    engine.book_funding(0, -MONEY_SCALE, 8, 9);
    let bytes = drained(&mut engine);
    let mut recovery = Recovery::new(holding(&[0, 0]));
    recovery.checkpoint(&Checkpoint { deposits_follow: true, saved: vec![None], ..holding_nothing() }).unwrap();
    for record in split(&bytes).unwrap() {
        recovery.take(&decode(record).unwrap());
    }
    let (books, open) = recovery.finish();
    assert_eq!((books.deposits_follow, books.saved.len(), open.len()), (false, 1, 0));
    // A recovery knows no prices: what the day brought is as the checkpoint said, here nothing.
    assert_eq!(books.pnl, vec![HeldPnl { day_start: "0".into(), now: "0".into() }; 2]);
    assert_eq!(Checkpoint { saved: vec![], pnl: engine.checkpoint().pnl, ..books }, engine.checkpoint());
}

/// The books before anything happened.
fn holding_nothing() -> Checkpoint {
    let mut engine = Engine::new(EngineSettings { seed: 1, sample_every: None, keep_records: false });
    engine.add_instrument(instrument(PERPETUAL, 0, "0"));
    let nobody = || Box::new(Puppet { play: |_, _, _| Ok(()), said: Rc::default() });
    for _ in 0..2 {
        engine.add_strategy(Seat { instrument: 0, interest: DEAF, ..Seat::default() }, nobody());
    }
    engine.checkpoint()
}

#[test]
fn a_strategy_told_to_fail_fails_there_and_its_order_ids_are_given_again() {
    let decisions = |raises: bool| {
        let mut engine = Engine::new(EngineSettings { seed: 1, sample_every: None, keep_records: true });
        engine.add_instrument(instrument(PERPETUAL, 0, "0"));
        let raising: Play = |wake, ctx, _| {
            limit(ctx, Side::Buy, 98, 1);
            if *wake == Wake::Book && ctx.now() == 3 { Err(Fault("too slow".into())) } else { Ok(()) }
        };
        let calm: Play = |_, ctx, _| {
            limit(ctx, Side::Buy, 98, 1);
            Ok(())
        };
        for play in [if raises { raising } else { calm }, calm] {
            let seat = Seat { instrument: 0, interest: Interest { book: true, ..DEAF }, ..Seat::default() };
            engine.add_strategy(seat, Box::new(Puppet { play, said: Rc::default() }));
        }
        engine.deposit("USDT", money("100000").unwrap());
        if !raises {
            engine.fail_at(0, 3);
        }
        let mut live = Live::new(engine, Vec::new());
        live.take(1, &Input::Time);
        for at in 2..6 {
            live.take(at, &Input::Rows(0, &book(at)));
        }
        live.take(6, &Input::Act(Act::Start(0)));
        live.take(7, &Input::Rows(0, &book(7)));
        assert_eq!((live.engine().faults().len(), live.engine().wakes(0)), (1, 4));
        let orders: Vec<OrderId> = live.engine().orders().open(1).map(|order| order.id).collect();
        assert_eq!(orders, [4, 5, 6, 7, 9], "no id is lost");
        drained(live.engine())
    };
    assert_eq!(decisions(true), decisions(false));
}

#[test]
fn the_first_time_begins_and_no_input_is_taken_before_the_last() {
    let mut live = Live::new(holding(&[0]), Vec::new());
    live.take(1, &Input::Rows(0, &book(1)));
    assert_eq!(live.engine().wakes(0), 0, "nobody is woken before the beginning");
    assert!(!live.is_due(i64::MAX));
    live.take(50, &Input::Time);
    assert!(!live.is_due(60) && live.engine().wakes(0) == 1);
    let kind = ReportKind::Unknown;
    live.take(40, &Input::Report(Report { order: 9, ts_venue: 39, ts_recv: 40, kind }));
    assert_eq!((live.now(), live.engine().now()), (50, 50));
}

#[test]
fn bars_and_timers_that_are_late_come_once() {
    let play: Play = |wake, ctx, said| {
        match wake {
            Wake::Start => assert_eq!((ctx.bars(10), ctx.every(10)), (0, 0)),
            Wake::Bar(_, bar) => said.push(format!("{} bar from {}", ctx.now(), bar.start)),
            wake => said.push(format!("{} {}", ctx.now(), name(wake))),
        }
        Ok(())
    };
    let mut engine = Engine::new(EngineSettings { seed: 1, sample_every: None, keep_records: false });
    let (instrument, said) = (engine.add_instrument(instrument(PERPETUAL, 0, "0")), Rc::default());
    let seat = Seat { instrument, interest: DEAF, ..Seat::default() };
    engine.add_strategy(seat, Box::new(Puppet { play, said: Rc::clone(&said) }));
    let mut live = Live::new(engine, Vec::new());
    live.take(1, &Input::Time);
    live.take(5, &Input::Rows(0, &trade(5, Side::Buy, 101, 1)));
    [45, 52, 60].into_iter().for_each(|now| live.take(now, &Input::Time));
    let expected = ["10 bar from 0", "11 timer", "50 bar from 10", "51 timer", "60 bar from 50"];
    assert_eq!(*said.borrow(), expected);
}

#[test]
fn a_fill_that_is_told_after_the_end_is_booked_once() {
    let mut engine = Engine::new(EngineSettings { seed: 1, sample_every: None, keep_records: false });
    engine.add_instrument(instrument(PERPETUAL, 0, "0"));
    let once: Play = |wake, ctx, said| {
        match wake {
            Wake::Book if said.len() == 1 => drop(limit(ctx, Side::Buy, 98, 4)),
            _ => {}
        }
        said.push(String::new());
        Ok(())
    };
    let seat = Seat { instrument: 0, interest: Interest { book: true, fill: true, ..DEAF }, ..Seat::default() };
    engine.add_strategy(seat, Box::new(Puppet { play: once, said: Rc::default() }));
    engine.deposit("USDT", money("1000").unwrap());
    let mut live = Live::new(engine, Vec::new());
    live.take(1, &Input::Time);
    live.take(2, &Input::Rows(0, &book(2)));
    let hear = |live: &mut Live, kind| {
        live.take(3, &Input::Report(Report { order: 1, ts_venue: 3, ts_recv: 3, kind }));
        let engine = live.engine();
        (engine.ledger().position(0).qty, engine.orders().ended().count(), engine.wakes(0))
    };
    let filled = |trade| {
        ReportKind::Filled(Fill {
            trade,
            price: 98,
            qty: 2,
            liquidity: Liquidity::Maker,
            fee: 0,
            queue_ahead: -1,
            twice_mid: 0,
        })
    };
    assert_eq!(hear(&mut live, ReportKind::Canceled), (0, 1, 2));
    assert_eq!(hear(&mut live, filled(5)), (2, 1, 3), "it overtook the news of the end");
    assert_eq!(hear(&mut live, filled(5)), (2, 1, 3), "told twice it counts once");
    assert_eq!(hear(&mut live, filled(6)), (4, 1, 4));
    assert_eq!(hear(&mut live, filled(7)), (4, 1, 4), "there is no room for more");
    assert_eq!(live.engine().orders().exposure(0), Exposure::default());
}

/// 5 held, bought at 100, as an earlier session's books say: it began its day with +2 and its last price was 97.
fn left_behind(day: i64) -> Checkpoint {
    let mut engine = holding(&[5]);
    engine.start(day * DAY + 10);
    engine.state.slots[0].day_start = 2;
    falls_to(&mut engine, 97, day * DAY + 20);
    engine.checkpoint()
}

/// A book around a price.
fn falls_to(engine: &mut Engine, price: Ticks, at: Nanos) {
    let level = |side: Side| (Kind::Level, side, price - side.sign(), 9);
    packet(at, &[(Kind::Clear, Side::Buy, 0, 0), level(Side::Buy), level(Side::Sell)])
        .iter()
        .for_each(|row| engine.step_row(0, at, row));
}

/// A session that begins with books; it has seen no price yet.
fn begun(books: &Checkpoint, at: Nanos) -> Engine {
    let mut engine = Engine::new(EngineSettings { seed: 1, sample_every: None, keep_records: true });
    engine.add_instrument(instrument(PERPETUAL, 0, "0"));
    let buys: Play = |wake, ctx, _| {
        if *wake == Wake::Book {
            take(ctx, Side::Buy, 1);
        }
        Ok(())
    };
    let limits = Limits { daily_loss: money("10").ok(), ..Limits::default() };
    let seat = Seat { instrument: 0, interest: Interest { book: true, ..DEAF }, limits, ..Seat::default() };
    engine.add_strategy(seat, Box::new(Puppet { play: buys, said: Rc::default() }));
    engine.restore(books).unwrap();
    engine.start(at);
    engine
}

#[test]
fn what_the_day_brought_outlives_a_restart() {
    let (day, lost) = (19_000, 15 * MONEY_SCALE);
    let books = left_behind(day);
    assert_eq!((books.day, books.pnl[0].now.as_str()), (day, (-lost).to_string().as_str()));
    // The same day: what was lost before counts, and the gate knows it.
    let mut same = begun(&books, day * DAY + 30);
    assert_eq!(same.pnl(0), 0, "before any price a position is worth its cost");
    falls_to(&mut same, 97, day * DAY + 40);
    assert_eq!((same.pnl(0), same.day_pnl(0)), (-lost, -lost - 2));
    assert_eq!(same.tally(0).refused[Refusal::DailyLoss as usize], 1);
    assert_eq!(same.checkpoint().pnl[0].day_start, "2");
    // Midnight comes while it runs.
    same.step_timer();
    let held = HeldPnl { day_start: (-lost).to_string(), now: (-lost).to_string() };
    assert_eq!((same.checkpoint().day, same.checkpoint().pnl), (day + 1, vec![held]));
    // Another day: it begins with what the books last said.
    let mut next = begun(&books, (day + 1) * DAY + 30);
    falls_to(&mut next, 97, (day + 1) * DAY + 40);
    assert_eq!((next.pnl(0), next.day_pnl(0)), (-lost, 0));
    assert_eq!(next.tally(0).refused, [0; Refusal::ALL.len()]);
    assert_eq!(next.checkpoint().day, day + 1);
}

#[test]
fn the_day_is_carried_over_sessions_that_saw_no_price_and_from_older_books() {
    let (day, lost) = (19_000, 15 * MONEY_SCALE);
    let books = left_behind(day);
    // Neither a session without prices nor a recovery without them changes what the position was last worth.
    let mut recovery = Recovery::new(begun(&left_behind(day), day * DAY + 30));
    recovery.checkpoint(&begun(&books, day * DAY + 30).checkpoint()).unwrap();
    let carried = recovery.finish().0;
    assert_eq!((carried.day, &carried.pnl), (day, &books.pnl));
    let mut next = begun(&carried, (day + 1) * DAY + 30);
    falls_to(&mut next, 96, (day + 1) * DAY + 40);
    assert_eq!(next.day_pnl(0), -5 * MONEY_SCALE);
    // Books from before these were kept: the day begins with them, at cost.
    let mut text = serde_json::to_value(&books).unwrap();
    let fields = text.as_object_mut().unwrap();
    assert!(fields.remove("day").is_some() && fields.remove("pnl").is_some());
    let mut older = begun(&serde_json::from_value(text).unwrap(), day * DAY + 30);
    falls_to(&mut older, 97, day * DAY + 40);
    assert_eq!(older.day_pnl(0), -lost);
}
