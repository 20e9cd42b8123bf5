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
