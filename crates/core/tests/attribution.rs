//! What a run says of its fills after the fact, against the run itself: the queue they came from, where the mid went,
//! and what made the PnL.

use kedge_core::attribution::{self, HORIZONS, MidReader};
use kedge_core::engine::{Context, Engine, EngineSettings, FillRow, Seat};
use kedge_core::event::{ColumnsBuf, Event, Kind, flag};
use kedge_core::feed::Feed;
use kedge_core::instrument::{Instrument, money};
use kedge_core::market::{Params, SeededMarket};
use kedge_core::matching::{Delay, FillModel, Latency, QueueModel, VenueSettings};
use kedge_core::random::Stream;
use kedge_core::simulation::{Pace, Simulation};
use kedge_core::strategy::{Fault, Strategy, Wake};
use kedge_core::types::{Nanos, OrderKind, Qty, SECOND, Side, Ticks, TimeInForce};

const VENUE: VenueSettings = VenueSettings {
    queue: QueueModel::RiskAverse,
    fills: FillModel::Partial,
    latency: Latency { feed: Some(Delay::Constant(3)), entry: Delay::Constant(1), response: Delay::Constant(3) },
};

fn instrument(id: &str, fee: &str) -> Instrument {
    let kind = if id.contains(':') { r#""linear_perpetual", "settle": "USDT""# } else { r#""spot""# };
    let text = format!(
        r#"{{"id": "{id}", "symbol": "X", "kind": {kind}, "tick_size": "0.01", "lot_size": "0.001",
        "quantity_step_in_data": "0.00001", "min_notional": "1", "maker_fee": "{fee}", "taker_fee": "{fee}"}}"#
    );
    Instrument::from_json(&text).unwrap()
}

fn packet(at: Nanos, rows: &[(Kind, Side, Ticks, Qty)]) -> Vec<Event> {
    let mut rows: Vec<Event> =
        rows.iter().map(|&(kind, side, price, qty)| Event::new(at, at, kind, side, price, qty)).collect();
    rows.last_mut().unwrap().flags |= flag::LAST;
    rows
}

/// Runs a strategy over rows; returns the simulation's fills after `check` looked at it.
fn run(
    instrument: &Instrument,
    venue: VenueSettings,
    rows: &[Event],
    sample_every: Nanos,
    strategy: Box<dyn Strategy>,
    check: impl FnOnce(&mut Simulation<'_>, &[kedge_core::event::Columns<'_>]),
) -> Vec<FillRow> {
    // Cut into blocks that nothing may depend on.
    let blocks: Vec<ColumnsBuf> = rows.chunks(10_007).map(ColumnsBuf::pack).collect();
    let views: Vec<_> = blocks.iter().map(ColumnsBuf::view).collect();
    let settings = EngineSettings { seed: 1, sample_every: Some(sample_every), keep_records: false };
    let mut simulation = Simulation::new(Engine::new(settings));
    simulation.add_instrument(instrument.clone(), venue, &views);
    simulation.engine().deposit("USDT", money("1000000").unwrap());
    simulation.engine().add_strategy(Seat::default(), strategy);
    let (start, end) = simulation.span().unwrap();
    simulation.start(start);
    simulation.run(end, Pace::Bulk);
    simulation.stop(end);
    assert!(simulation.engine().faults().is_empty());
    check(&mut simulation, &views);
    simulation.engine().blotter().fills.clone()
}

/// Bids 0.1 at 100.00 once, at the first timer.
struct OneBid;

impl Strategy for OneBid {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        match wake {
            Wake::Start => drop(ctx.every(10)),
            Wake::Timer(_) if ctx.now() == 15 => {
                ctx.submit(Side::Buy, OrderKind::Limit, TimeInForce::Gtc, 10_000, 10_000);
            }
            _ => {}
        }
        Ok(())
    }
}

fn one_bid(rows: &[Vec<Event>]) -> Vec<FillRow> {
    let level = |side, price, qty| (Kind::Level, side, price, qty);
    let (bid, ask) = (level(Side::Buy, 10_000, 50_000), level(Side::Sell, 10_004, 50_000));
    let deeper = level(Side::Sell, 10_009, 70_000);
    let book = packet(5, &[(Kind::Clear, Side::Buy, 0, 0), bid, ask, deeper]);
    let rows = [vec![book], rows.to_vec()].concat().concat();
    run(&instrument("X/USDT@venue", "0"), VENUE, &rows, SECOND, Box::new(OneBid), |simulation, _| {
        let orders = simulation.engine().orders().all().map(|order| order.queue_ahead);
        assert_eq!(orders.collect::<Vec<_>>(), [50_000]);
    })
}

/// 0.5 stand ahead; 0.2 of them leave and 0.2 are traded, so that 0.1 are ahead of the trade that fills.
#[test]
fn the_queue_at_the_fill_is_what_was_ahead_of_the_trade_that_filled() {
    let fills = one_bid(&[
        packet(30, &[(Kind::Delta, Side::Buy, 10_000, 30_000)]),
        packet(40, &[(Kind::Trade, Side::Sell, 10_000, 20_000)]),
        packet(50, &[(Kind::Trade, Side::Sell, 10_000, 15_000)]),
        packet(60, &[(Kind::Trade, Side::Sell, 10_000, 15_000)]),
        packet(90, &[(Kind::Delta, Side::Buy, 10_000, 0)]),
    ]);
    let told: Vec<_> = fills.iter().map(|f| (f.fill.qty, f.fill.queue_ahead)).collect();
    assert_eq!(told, [(5_000, 10_000), (5_000, 0)]);
    assert!(fills.iter().all(|f| f.fill.twice_mid == 20_004));
}

/// An offer that reaches the bid fills it from wherever it stood; the mid is that of before the offer.
#[test]
fn an_offer_through_the_price_fills_from_the_depth_of_the_queue() {
    let fills = one_bid(&[
        packet(30, &[(Kind::Delta, Side::Sell, 10_000, 90_000)]),
        packet(40, &[(Kind::Delta, Side::Buy, 10_000, 0)]),
    ]);
    let told: Vec<_> = fills.iter().map(|f| (f.fill.qty, f.fill.queue_ahead, f.fill.twice_mid)).collect();
    assert_eq!(told, [(10_000, 50_000, 20_004)]);
    assert!(!attribution::is_toxic(&fills[0]), "5 orders of its size were ahead");
    let mut deep = fills[0];
    deep.fill.queue_ahead = 100_000;
    assert!(!attribution::is_toxic(&deep), "ten are not above ten");
    deep.fill.queue_ahead += 1;
    assert!(attribution::is_toxic(&deep));
}

/// Quotes both sides of the mid, a little away, every 200 ms, and takes now and then.
struct Quoting;

impl Strategy for Quoting {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        match wake {
            Wake::Start => drop(ctx.every(200_000_000)),
            Wake::Timer(_) => {
                let best = (ctx.book().best(Side::Buy), ctx.book().best(Side::Sell));
                if let (Some(bid), Some(ask)) = best {
                    ctx.quote(Some(bid), Some(ask), 2_000);
                }
                if ctx.now() / 200_000_000 % 50 == 0 {
                    ctx.target(if ctx.position() > 0 { 0 } else { 5_000 });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Samples of the engine are its own view of the mid at their times: the second look finds the same ones, before and
/// after a fill as well, and the parts add up to the PnL that the engine says.
#[test]
fn the_second_look_finds_what_the_engine_saw() {
    for (id, fee) in [("X/USDT@venue", "0.001"), ("X/USDT:USDT@venue", "-0.0001")] {
        let instrument = instrument(id, fee);
        let mut market = SeededMarket::new(5, &instrument, Params::of(&instrument), 0, 100_000_000);
        let mut rows = Vec::new();
        market.advance(300 * SECOND, &mut rows);
        // Reports so late that the mid they count from is another than that of the venue's moment.
        let (feed, response) = (Some(Delay::Constant(7_000_000)), Delay::Constant(230_000_000));
        let venue = VenueSettings { latency: Latency { feed, response, ..VENUE.latency }, ..VENUE };
        let fills = run(&instrument, venue.clone(), &rows, SECOND / 7, Box::new(Quoting), |simulation, views| {
            let end = simulation.span().unwrap().1;
            let engine = simulation.engine();
            let mut reader = (MidReader::default(), Feed::ours(views, venue.latency.feed.as_ref(), Stream::new(0, 0)));
            for sample in &engine.blotter().samples {
                let found = reader.0.twice_mid(&mut reader.1, sample.ts).unwrap_or(0);
                assert_eq!(found, sample.twice_mid, "at {}", sample.ts);
            }
            let hindsight = attribution::attribute(
                engine,
                &mut [Feed::ours(views, venue.latency.feed.as_ref(), Stream::new(0, 0))],
                1,
                end,
            );
            assert_eq!(hindsight.splits[0].pnl(), engine.pnl(0));
            assert_ne!(hindsight.splits[0].adverse_selection, 0);
            for (fill, later) in engine.blotter().fills.iter().zip(&hindsight.later).step_by(59) {
                for (horizon, mid) in HORIZONS.iter().zip(later) {
                    assert_eq!(mid.is_none(), fill.ts_recv + horizon > end);
                    let Some(mid) = *mid else { continue };
                    let mut reader =
                        (MidReader::default(), Feed::ours(views, venue.latency.feed.as_ref(), Stream::new(0, 0)));
                    assert_eq!(reader.0.twice_mid(&mut reader.1, fill.ts_recv + horizon), Some(mid));
                }
            }
        });
        assert!(fills.len() > 50, "{id}: {} fills", fills.len());
        assert!(fills.iter().any(|fill| fill.fill.queue_ahead > 0) && fills.iter().any(|f| f.fill.queue_ahead == -1));
    }
}
