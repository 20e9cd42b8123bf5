//! One book for the venue and for us: nobody may tell it from two.

use super::lanes::{market, restless};
use super::*;
use crate::feed::Feed;
use crate::matching::Delay;

/// Everything a run leaves: its trace, fills, orders, values over time, and the book as we see it.
type Left = (String, Vec<FillRow>, Vec<Order>, Vec<Sample>, Counts, [Vec<(Ticks, Qty)>; 2], Nanos);

struct Setup {
    feed: Nanos,
    response: Nanos,
    interest: Interest,
    seats: u64,
}

/// What is left of a run in slices, and whether one book served both views.
fn play(rows: &ColumnsBuf, setup: &Setup, pace: Pace, may_share: bool) -> (Left, bool) {
    let settings = EngineSettings { seed: 1, sample_every: Some(7), keep_records: false };
    let mut simulation = Simulation::new(Engine::new(settings));
    let latency = Latency { feed: Some(Delay::Constant(setup.feed)), ..Latency::constant(2, setup.response) };
    let venue = VenueSettings { latency, ..VENUE };
    let instrument = simulation.add_instrument(instrument(PERPETUAL, 0, "0.0013"), venue, &[rows.view()]);
    simulation.share_views(may_share);
    for seed in 0..setup.seats {
        let limits = Limits { stale_after: Some(3), ..Limits::default() };
        let seat = Seat { instrument, interest: setup.interest, limits, own_account: true, seed: Some(seed) };
        let puppet = Puppet { play: restless, said: Rc::default() };
        let strategy = simulation.engine().add_strategy(seat, Box::new(puppet));
        simulation.engine().deposit_to(strategy + 1, "USDT", money("10000").unwrap());
    }
    simulation.start(0);
    let shares = simulation.shares_views();
    for until in [100, 101, 350, 700] {
        simulation.run(until, pace);
    }
    assert_eq!(simulation.shares_views(), shares && pace == Pace::Bulk);
    let engine = simulation.engine();
    let (hash, blotter, book) = (Engine::log(engine).trace_hash(), engine.blotter().clone(), engine.book(instrument));
    let levels = [Side::Buy, Side::Sell].map(|side| book.levels(side).collect());
    let orders = engine.orders().all().copied().collect();
    let left = (hash, blotter.fills, orders, blotter.samples, engine.counts(instrument), levels, book.updated());
    (left, shares)
}

#[test]
fn one_book_is_as_good_as_two() {
    let (heard, mut fills) = (Interest { order: true, fill: true, ..DEAF }, 0);
    for seed in 0..24 {
        let rows = ColumnsBuf::pack(&market(seed));
        let feed = (seed % 4) as Nanos;
        let interest = if seed % 3 == 0 { DEAF } else { heard };
        let setup = Setup { feed, response: feed + (seed % 5) as Nanos, interest, seats: 1 + seed % 3 };
        let (one, shares) = play(&rows, &setup, Pace::Bulk, true);
        assert!(shares, "seed {seed}");
        assert_eq!(play(&rows, &setup, Pace::Bulk, false), (one.clone(), false), "seed {seed}");
        assert_eq!(play(&rows, &setup, Pace::Step, true).0, one, "seed {seed}, by step");
        fills += one.1.len();
    }
    assert!(fills > 500, "the markets must be lively, were {fills} fills");
}

#[test]
fn a_book_is_shared_only_where_that_can_be() {
    let rows = ColumnsBuf::pack(&market(1));
    let shares = |feed, response, interest| {
        let setup = Setup { feed, response, interest, seats: 1 };
        let (left, shares) = play(&rows, &setup, Pace::Bulk, true);
        assert_eq!(play(&rows, &setup, Pace::Bulk, false).0, left);
        shares
    };
    assert!(shares(3, 3, DEAF));
    assert!(!shares(3, 2, DEAF), "a fill told before the rows that made it");
    let mut late = market(2);
    late[5].ts_recv += 1;
    let lag = |rows: &[Event], delay: Option<Nanos>| {
        let (held, delay) = (ColumnsBuf::pack(rows), delay.map(Delay::Constant));
        let random = crate::random::Stream::new(0, 0);
        Feed::lag(&Feed::venue(&[held.view()]), &Feed::ours(&[held.view()], delay.as_ref(), random))
    };
    assert_eq!((lag(&late, None), lag(&late, Some(4))), (None, Some(4)));
    let mut quoted = market(3);
    quoted.push(Event::new(700, 700, Kind::Quote, Side::Buy, 1, 1));
    assert_eq!(lag(&quoted, Some(4)), None);
}
