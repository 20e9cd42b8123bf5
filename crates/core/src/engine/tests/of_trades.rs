//! Data without a book: the last trade is the market.

use super::*;

const TRADES: [(Nanos, Ticks); 6] = [(10, 100), (20, 103), (30, 104), (40, 106), (50, 95), (60, 97)];

fn market() -> Vec<Vec<Event>> {
    TRADES.iter().map(|&(at, price)| trade(at, Side::Buy, price, 2)).collect()
}

/// Takes at the first trade, then rests at 105 and tries a quote that would take.
fn play(wake: &Wake, ctx: &mut Context<'_>, said: &mut Vec<String>) -> Result<(), Fault> {
    match wake {
        Wake::Trade(row) if row.price == 100 => drop(take(ctx, Side::Buy, 7)),
        Wake::Trade(row) if row.price == 103 => {
            limit(ctx, Side::Sell, 105, 7);
            ctx.submit(Side::Sell, OrderKind::Limit, TimeInForce::PostOnly, 102, 1);
        }
        Wake::Fill(order, fill) => said.push(format!("{} {:?} {}", ctx.now(), order.request.side, fill.price)),
        Wake::Order(order) if order.state.is_final() => said.push(format!("{} {}", ctx.now(), order.reason.name())),
        _ => {}
    }
    Ok(())
}

fn day(latency: Nanos) -> Day {
    let interest = Interest { trade: true, order: true, fill: true, ..DEAF };
    let late = |desk: &mut Desk| desk.places[0].1.latency = Latency::constant(latency, 0);
    desk(PERPETUAL, &market()).with(late).seat(0, interest, Limits::default(), play).day()
}

#[test]
fn who_takes_gets_the_last_price_and_who_rests_waits_for_a_trade() {
    assert_eq!(day(0).said, ["10 Buy 100", "20 would_take", "40 Sell 105"]);
}

#[test]
fn an_order_on_its_way_meets_the_trade_that_is_last_when_it_arrives() {
    assert_eq!(day(15).said, ["25 Buy 103", "35 would_take", "40 Sell 105"]);
}

#[test]
fn before_the_first_trade_nothing_can_be_sent() {
    fn early(wake: &Wake, ctx: &mut Context<'_>, _: &mut Vec<String>) -> Result<(), Fault> {
        if matches!(wake, Wake::Start) {
            take(ctx, Side::Buy, 1);
        }
        Ok(())
    }
    let day = desk(PERPETUAL, &market()).play(early).day();
    assert_eq!(day.tallies[0].refused[Refusal::BookNotInSync as usize], 1);
}

/// Says all it is told, and asks for something where the last price says so.
fn say_and_ask(wake: &Wake, ctx: &mut Context<'_>, said: &mut Vec<String>) -> Result<(), Fault> {
    match wake {
        Wake::Bar(series, bar) => said.push(format!("{} {series} {bar:?}", ctx.now())),
        Wake::Trade(row) => said.push(format!("{} trade {}", ctx.now(), row.price)),
        wake => said.push(format!("{} {} {}", ctx.now(), name(wake), ctx.position())),
    }
    let Some(price) = ctx.last_trade().filter(|_| !matches!(wake, Wake::Fill(..) | Wake::Order(_))) else {
        return Ok(());
    };
    match price % 7 {
        0 => drop(take(ctx, if ctx.position() > 0 { Side::Sell } else { Side::Buy }, 2)),
        1 => drop(limit(ctx, Side::Sell, price + 1, 1)),
        2 => ctx.cancel_all(),
        _ => {}
    }
    if price == 90 { Err(Fault("90".into())) } else { Ok(()) }
}

fn of_time(wake: &Wake, ctx: &mut Context<'_>, said: &mut Vec<String>) -> Result<(), Fault> {
    if *wake == Wake::Start {
        assert_eq!((ctx.bars(10), ctx.bars(15), ctx.every(6)), (0, 1, 0));
    }
    say_and_ask(wake, ctx, said)
}

fn of_any_clock(wake: &Wake, ctx: &mut Context<'_>, said: &mut Vec<String>) -> Result<(), Fault> {
    if *wake == Wake::Start {
        assert_eq!((ctx.bars(10), ctx.bars(Clock::Ticks(3))), (0, 1));
    }
    say_and_ask(wake, ctx, said)
}

/// Trades at random, several in a moment or none for a while, which closes bars without any: in bulk as by step.
#[test]
fn whatever_is_heard_of_trades_and_however_late_it_is_the_same_in_bulk() {
    let rest = [DEAF, Interest { fill: true, order: true, ..DEAF }];
    let hears = [rest[0], rest[1], Interest { trade: true, ..rest[0] }, Interest { trade: true, ..rest[1] }];
    let mut told = 0;
    for seed in 0..12 {
        let (mut random, mut at, mut price) = (Stream::new(seed, 0), 0, 100);
        let rows: Vec<Vec<Event>> = (0..60)
            .map(|_| {
                at += [0, 1, 5, 20][random.below(4) as usize];
                price += random.below(5) as i64 - 2;
                trade(at, [Side::Buy, Side::Sell][random.below(2) as usize], price, 1 + random.below(4) as Qty)
            })
            .collect();
        for (latency, hears) in [0, 1, 9].into_iter().flat_map(|latency| hears.map(|hears| (latency, hears))) {
            for play in [of_time as Play, of_any_clock] {
                let change = |desk: &mut Desk| {
                    desk.places[0].1.latency = Latency::constant(latency, latency);
                    desk.until = at + 40;
                };
                told += desk(PERPETUAL, &rows).with(change).seat(0, hears, Limits::default(), play).day().said.len();
            }
        }
    }
    assert!(told > 10_000, "{told}");
}

/// At 10 there are trades, a bar, a timer, and the answers to what is asked then; from 10 to 20 there is nothing.
#[test]
fn without_a_book_a_moment_has_the_same_order() {
    let rows = [(4, 101), (10, 103), (10, 102), (21, 105)].map(|(at, price)| trade(at, Side::Buy, price, 1));
    let play: Play = |wake, ctx, said| {
        match wake {
            Wake::Start => assert_eq!((ctx.bars(10), ctx.every(10)), (0, 0)),
            Wake::Bar(_, bar) => {
                said.push(format!("{} bar {}-{} {} {}", bar.end, bar.low, bar.high, bar.close, bar.trades));
                _ = take(ctx, Side::Buy, 1);
            }
            wake => said.push(format!("{} {} {}", ctx.now(), name(wake), ctx.position())),
        }
        Ok(())
    };
    let desk = desk(PERPETUAL, &rows).with(|desk| (desk.until, desk.places[0].1) = (30, PROMPT));
    let day = desk.seat(0, Interest { fill: true, ..DEAF }, Limits::default(), play).day();
    let expected = [
        "10 bar 101-103 102 3",
        "10 fill 1",
        "10 timer 1",
        "20 bar 102-102 102 0",
        "20 fill 2",
        "20 timer 2",
        "30 bar 105-105 105 1",
        "30 fill 3",
        "30 timer 3",
        "30 stop 3",
    ];
    assert_eq!(day.said, expected);
}
