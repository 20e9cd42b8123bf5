//! A strategy of several instruments: one mind, and a position, orders and limits on each.

use super::lanes::any_row;
use super::*;
use crate::random::Stream;

/// Asks for something on any of its instruments, by its own randomness, whatever woke it.
fn everywhere(wake: &Wake, ctx: &mut Context<'_>, said: &mut Vec<String>) -> Result<(), Fault> {
    let here = ctx.which();
    said.push(format!("{} {} on {here} holding {:?}", ctx.now(), name(wake), held(ctx)));
    if *wake == Wake::Start {
        ctx.every(7);
    }
    let (which, price) = (ctx.random().below(3) as usize, 95 + ctx.random().below(10) as Ticks);
    let (side, qty) =
        (if ctx.random().below(2) == 0 { Side::Buy } else { Side::Sell }, 1 + ctx.random().below(5) as Qty);
    let choice = ctx.random().below(9);
    // An order of any instrument can be named through any other.
    let any: Option<OrderId> = (0..3).find_map(|at| ctx.on(at).orders().next().map(|order| order.id));
    match (choice, any) {
        (0..3, _) => drop(limit(&mut ctx.on(which), side, price, qty)),
        (3, _) => drop(take(&mut ctx.on(which), side, qty)),
        (4, Some(order)) => ctx.cancel(order),
        (5, Some(order)) => ctx.on(which).amend(order, price, qty),
        (6, _) => ctx.on(which).cancel_all(),
        (7, _) => ctx.on(which).quote(Some(price), Some(price + 2), qty),
        _ => ctx.on(which).target(qty - 2),
    }
    Ok(())
}

fn held(ctx: &mut Context<'_>) -> Vec<(Qty, Option<Ticks>)> {
    (0..ctx.instruments())
        .map(|at| {
            let one = ctx.on(at);
            (one.position(), one.book().best(Side::Buy))
        })
        .collect()
}

fn market(seed: u64) -> Vec<Event> {
    let mut random = Stream::new(seed, 1);
    let mut any = |bound: u64| random.below(bound) as i64;
    let (mut rows, mut at) = (vec![book(0)], 0);
    for _ in 0..150 {
        at += any(4);
        rows.push(any_row(at, &mut any));
    }
    rows.concat()
}

const IDS: [&str; 3] = ["X/USDT:USDT@venue", "Y/USDT:USDT@venue", "Z/USDT:USDT@venue"];

/// What a run of one strategy over three instruments says and decides.
fn run(seed: u64, venue: VenueSettings, interest: Interest, play: Play, pace: Pace) -> (Day, Vec<Qty>) {
    let mut simulation =
        Simulation::new(Engine::new(EngineSettings { seed, sample_every: Some(50), keep_records: true }));
    let columns: Vec<ColumnsBuf> = (0..3).map(|at| ColumnsBuf::pack(&market(3 * seed + at))).collect();
    for (id, columns) in IDS.iter().zip(&columns) {
        simulation.add_instrument(instrument(id, 0, "0.001"), venue.clone(), &[columns.view()]);
    }
    let said = Rc::new(RefCell::new(Vec::new()));
    let engine = simulation.engine();
    let seat = Seat { interest, ..Seat::default() };
    engine.add_strategy(seat, Box::new(Puppet { play, said: said.clone() }));
    [1, 2].iter().for_each(|instrument| _ = engine.add_leg(Seat { instrument: *instrument, ..Seat::default() }));
    engine.deposit("USDT", money("100000").unwrap());
    simulation.start(0);
    simulation.run(400, pace);
    simulation.stop(400);
    let said = said.take();
    let positions = (0..3).map(|leg| simulation.engine().ledger().position(leg).qty).collect();
    (day(simulation.engine(), said, 3), positions)
}

#[test]
fn several_instruments_are_the_same_in_bulk_and_by_step() {
    let all = Interest { book: true, trade: true, fill: true, order: true, ..DEAF };
    let few = Interest { fill: true, ..DEAF };
    let latency = |entry, response| VenueSettings { latency: Latency::constant(entry, response), ..VENUE };
    let mut filled = [0; 3];
    for seed in 0..8 {
        for (interest, venue) in [(all, latency(2, 1)), (few, latency(0, 3)), (few, latency(5, 0)), (few, PROMPT)] {
            let bulk = run(seed, venue.clone(), interest, everywhere, Pace::Bulk);
            assert_eq!(bulk, run(seed, venue, interest, everywhere, Pace::Step), "seed {seed}");
            bulk.0.fills.iter().for_each(|row| filled[usize::from(row.instrument)] += 1);
        }
    }
    assert!(filled.iter().all(|fills| *fills > 50), "{filled:?}");
}

/// What was bought on the first instrument is sold on the second at once.
fn hedge(wake: &Wake, ctx: &mut Context<'_>, said: &mut Vec<String>) -> Result<(), Fault> {
    match wake {
        Wake::Start => _ = ctx.every(20),
        Wake::Timer(_) => _ = take(ctx, Side::Buy, 1),
        Wake::Fill(order, fill) if order.request.instrument == 0 => {
            said.push(format!("{} bought {}", ctx.now(), fill.qty));
            take(&mut ctx.on(1), Side::Sell, fill.qty);
        }
        Wake::Fill(_, fill) => said.push(format!("{} sold {} on {}", ctx.now(), fill.qty, ctx.which())),
        _ => {}
    }
    Ok(())
}

#[test]
fn what_is_filled_on_one_instrument_is_hedged_on_another_in_time() {
    for pace in [Pace::Bulk, Pace::Step] {
        let fills = Interest { fill: true, ..DEAF };
        let (day, positions) = run(4, VENUE, fills, hedge, pace);
        assert_eq!(day.said[..4], ["22 bought 1", "24 sold 1 on 1", "42 bought 1", "44 sold 1 on 1"]);
        assert_eq!((positions[0], positions[2]), (-positions[1], 0));
        assert!(positions[0] > 10, "{positions:?}");
    }
}

/// Bids on all three, then cannot go on.
fn trips(wake: &Wake, ctx: &mut Context<'_>, _: &mut Vec<String>) -> Result<(), Fault> {
    match wake {
        Wake::Start => _ = ctx.every(20),
        Wake::Timer(_) => (0..3).for_each(|at| _ = limit(&mut ctx.on(at), Side::Buy, 50, 1)),
        Wake::Trade(_) if ctx.which() == 2 && ctx.orders().count() > 0 => return Err(Fault("no more".into())),
        _ => {}
    }
    Ok(())
}

#[test]
fn one_that_cannot_go_on_is_stopped_on_all_its_instruments() {
    let trades = Interest { trade: true, ..DEAF };
    let (day, _) = run(1, VENUE, trades, trips, Pace::Bulk);
    let asked = day.asked();
    assert_eq!((day.faults, asked.iter().filter(|line| line.ends_with("cancel")).count()), (1, 3), "{asked:?}");
    assert_eq!(asked.iter().filter(|line| line.ends_with("strategy 0 stopped")).count(), 1, "{asked:?}");
}

/// Buys on both: what the first speaks for, the second has no more.
fn both(wake: &Wake, ctx: &mut Context<'_>, _: &mut Vec<String>) -> Result<(), Fault> {
    if let Wake::Timer(_) = wake {
        (0..2).for_each(|at| _ = limit(&mut ctx.on(at), Side::Buy, 90, 1));
    } else if *wake == Wake::Start {
        ctx.every(20);
    }
    Ok(())
}

#[test]
fn instruments_of_a_strategy_share_its_own_account() {
    let mut simulation =
        Simulation::new(Engine::new(EngineSettings { seed: 1, sample_every: None, keep_records: true }));
    let columns = [1, 2].map(|seed| ColumnsBuf::pack(&market(seed)));
    for (id, columns) in ["X/USDT@venue", "Y/USDT@venue"].iter().zip(&columns) {
        simulation.add_instrument(instrument(id, 0, "0"), VENUE, &[columns.view()]);
    }
    let engine = simulation.engine();
    let other = engine.add_strategy(Seat { own_account: true, ..Seat::default() }, Box::new(Leg));
    let seat = Seat { own_account: true, ..Seat::default() };
    let lead = engine.add_strategy(seat, Box::new(Puppet { play: both, said: Rc::default() }));
    let leg = engine.add_leg(Seat { instrument: 1, ..Seat::default() });
    assert_eq!((engine.account_of(lead), engine.account_of(leg)), (lead + 1, lead + 1));
    engine.deposit_to(lead + 1, "USDT", money("100").unwrap());
    engine.deposit_to(other + 1, "USDT", money("100000").unwrap());
    simulation.start(0);
    simulation.run(25, Pace::Bulk);
    let engine = simulation.engine();
    let refused = |leg| engine.tally(leg).refused[Refusal::InsufficientBalance as usize];
    assert_eq!([refused(lead), refused(leg)], [0, 1]);
}
