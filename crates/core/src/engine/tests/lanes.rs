//! Strategies with accounts of their own: what one does is the same alone as among others.

use super::*;
use crate::order::{SelfTrade, Terms, Trigger};
use crate::random::Stream;
use crate::types::AccountIx;

/// Places, amends, takes and cancels at random, by its own randomness.
pub(super) fn restless(wake: &Wake, ctx: &mut Context<'_>, _: &mut Vec<String>) -> Result<(), Fault> {
    beat(ctx, wake, 3);
    let (side, price) = (Side::Buy, 90 + ctx.random().below(20) as Ticks);
    let (side, qty) = (if ctx.random().below(2) == 0 { side } else { side.opposite() }, ctx.random().below(9) as Qty);
    match ctx.random().below(12) {
        0..4 => drop(limit(ctx, side, price, qty)),
        4 => drop(take(ctx, side, qty)),
        8..12 => special(ctx, side, price, qty),
        5 => ctx.cancel_all(),
        6 => ctx.quote(Some(price), Some(price + 2), qty),
        _ => {
            let ids: Vec<_> = ctx.orders().map(|order| order.id).collect();
            ids.into_iter().for_each(|id| ctx.amend(id, price, qty));
        }
    }
    Ok(())
}

/// An order with further terms, or two in a group.
fn special(ctx: &mut Context<'_>, side: Side, price: Ticks, qty: Qty) {
    let (now, group) = (ctx.now(), ctx.next_group());
    let mut any = |bound: u64| ctx.random().below(bound) as i64;
    let mut terms = || Terms {
        level: 90 + any(20),
        trigger: Trigger::ALL[any(4) as usize],
        expires: any(2) * (now + any(40)),
        reduce_only: any(3) == 0,
        self_trade: SelfTrade::ALL[any(4) as usize],
        display: any(2) * any(4),
        trail: 50 + any(200) as u16,
        group: if any(2) == 0 { group } else { 0 },
        ..Terms::PLAIN
    };
    let fit = |terms: Terms| match terms.trigger {
        Trigger::None => Terms { level: 0, trail: 0, ..terms },
        Trigger::Trailing => terms,
        _ => Terms { trail: 0, ..terms },
    };
    let (first, second) = (fit(terms()), fit(terms()));
    let (life, market) = (TimeInForce::Gtc, Terms { display: 0, ..second });
    ctx.submit_with(side, OrderKind::Limit, life, price, qty, first);
    ctx.submit_with(side.opposite(), OrderKind::Market, TimeInForce::Ioc, 0, qty, market);
}

pub(super) fn market(seed: u64) -> Vec<Event> {
    let mut random = Stream::new(seed, 1);
    let mut any = |bound: u64| random.below(bound) as i64;
    let mut rows = vec![book(0)];
    rows.extend((1..600).map(|at| any_row(at, &mut any)));
    rows.concat()
}

/// A trade or a level near the touch.
pub(super) fn any_row(at: Nanos, any: &mut impl FnMut(u64) -> i64) -> Vec<Event> {
    let (side, price) = (if any(2) == 0 { Side::Buy } else { Side::Sell }, any(6));
    match any(3) {
        0 => trade(at, side, 97 + price, 1 + any(20)),
        _ if side == Side::Buy => level(at, side, 99 - price, any(20)),
        _ => level(at, side, 101 + price, any(20)),
    }
}

/// (Venue's time, ours, side, price, quantity, trade, position after it) of each fill, and the cash at the end.
type Fate = (Vec<(Nanos, Nanos, Side, Ticks, Qty, u64, Qty)>, Money);

/// What becomes of the strategy with the last of these seeds.
fn fate(rows: &ColumnsBuf, seeds: &[u64], pace: Pace) -> Fate {
    let mut simulation =
        Simulation::new(Engine::new(EngineSettings { seed: 1, sample_every: None, keep_records: true }));
    let slow = VenueSettings { latency: Latency::constant(2, 1), ..VENUE };
    let instrument = simulation.add_instrument(instrument(PERPETUAL, 0, "0.0013"), slow, &[rows.view()]);
    let interest = Interest { order: true, fill: true, ..DEAF };
    for seed in seeds {
        let seat = Seat { instrument, interest, own_account: true, seed: Some(*seed), ..Seat::default() };
        let puppet = Puppet { play: restless, said: Rc::default() };
        let strategy = simulation.engine().add_strategy(seat, Box::new(puppet));
        simulation.engine().deposit_to(strategy + 1, "USDT", money("10000").unwrap());
    }
    simulation.start(0);
    simulation.run(620, pace);
    let engine = simulation.engine();
    assert_eq!(engine.imbalance(), 0);
    let last = seeds.len() as AccountIx;
    let fills = engine.blotter().fills.iter().zip(engine.positions_after_fills());
    let told = fills.filter(|(row, _)| row.strategy + 1 == last).map(|(row, after)| {
        let (side, fill) = (row.side, row.fill);
        (row.ts_venue, row.ts_recv, side, fill.price, fill.qty, fill.trade, after.qty)
    });
    (told.collect(), engine.ledger().cash(last, 0) + engine.ledger().balance(last, Account::Rounding, 0))
}

#[test]
fn one_strategy_alone_trades_the_same_among_others() {
    let mut fills = 0;
    for seed in 0..20 {
        let rows = ColumnsBuf::pack(&market(seed));
        let alone = fate(&rows, &[seed], Pace::Bulk);
        let others: Vec<u64> = (100..112).chain([seed]).collect();
        assert_eq!(fate(&rows, &others, Pace::Bulk), alone, "seed {seed}");
        assert_eq!(fate(&rows, &others, Pace::Step), alone, "seed {seed}, by step");
        fills += alone.0.len();
    }
    assert!(fills > 500, "the markets must be lively, were {fills} fills");
}
