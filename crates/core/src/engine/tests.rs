//! The engine with its strategies and venues, in small stories. Each is run in bulk and by step and must be the same.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::*;
use crate::event::{ColumnsBuf, Event, Kind, flag};
use crate::feature::{Clock, Given, IndicatorId, Spec};
use crate::instrument::{InstrumentKind, money};
use crate::ledger::Account;
use crate::matching::{FillModel, Latency, QueueModel, VenueSettings};
use crate::order::{Exposure, Fill, Order, OrderRequest, Pending};
use crate::record::{decode, split};
use crate::simulation::{Pace, Simulation};
use crate::types::{CurrencyIx, Liquidity, OrderId, OrderKind, Qty, Side, Ticks, TimeInForce};

mod account;
mod lanes;
mod legs;
mod of_trades;
mod orders;
mod session;
mod views;

const PERPETUAL: &str = "X/USDT:USDT@venue";
const SPOT: &str = "X/USDT@venue";
const VENUE: VenueSettings =
    VenueSettings { queue: QueueModel::RiskAverse, fills: FillModel::Partial, latency: Latency::constant(1, 1) };
const PROMPT: VenueSettings =
    VenueSettings { queue: QueueModel::RiskAverse, fills: FillModel::Partial, latency: Latency::constant(0, 0) };
const DEAF: Interest = Interest { book: false, trade: false, quote: false, funding: false, fill: false, order: false };

/// Tick, step and lot are 1: a price of 100 is 100 USDT for one X.
fn instrument(id: &str, min_notional: u32, fee: &str) -> Instrument {
    let kind = if id.contains(':') { r#""linear_perpetual", "settle": "USDT""# } else { r#""spot""# };
    let text = format!(
        r#"{{"id": "{id}", "symbol": "X", "kind": {kind}, "tick_size": "1", "lot_size": "1",
            "quantity_step_in_data": "1",
        "min_notional": "{min_notional}", "maker_fee": "{fee}", "taker_fee": "{fee}"}}"#
    );
    Instrument::from_json(&text).unwrap()
}

fn packet(at: Nanos, rows: &[(Kind, Side, Ticks, Qty)]) -> Vec<Event> {
    let mut rows: Vec<Event> =
        rows.iter().map(|&(kind, side, price, qty)| Event::new(at, at, kind, side, price, qty)).collect();
    rows.last_mut().unwrap().flags |= flag::LAST;
    rows
}

/// 99 × 5, 98 × 10 against 101 × 5, 102 × 10.
fn book(at: Nanos) -> Vec<Event> {
    let level = |side, price, qty| (Kind::Level, side, price, qty);
    let bids = [level(Side::Buy, 99, 5), level(Side::Buy, 98, 10)];
    let asks = [level(Side::Sell, 101, 5), level(Side::Sell, 102, 10)];
    packet(at, &[&[(Kind::Clear, Side::Buy, 0, 0)], &bids[..], &asks[..]].concat())
}

fn level(at: Nanos, side: Side, price: Ticks, qty: Qty) -> Vec<Event> {
    packet(at, &[(Kind::Delta, side, price, qty)])
}

fn trade(at: Nanos, side: Side, price: Ticks, qty: Qty) -> Vec<Event> {
    packet(at, &[(Kind::Trade, side, price, qty)])
}

fn gap(at: Nanos) -> Vec<Event> {
    packet(at, &[(Kind::Gap, Side::Buy, 0, 0)])
}

/// The records made since the last call.
fn drained(engine: &mut Engine) -> Vec<u8> {
    engine.log().drain()
}

/// What a strategy does when woken, and what it says aloud.
type Play = fn(&Wake, &mut Context<'_>, &mut Vec<String>) -> Result<(), Fault>;

struct Puppet {
    play: Play,
    said: Rc<RefCell<Vec<String>>>,
}

impl Strategy for Puppet {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        (self.play)(wake, ctx, &mut self.said.borrow_mut())
    }
}

/// Instruments with their rows, strategies, and what the account holds.
struct Desk {
    places: Vec<(Instrument, VenueSettings, Vec<Event>)>,
    seats: Vec<(Seat, Play)>,
    deposits: Vec<(&'static str, &'static str)>,
    start: Nanos,
    until: Nanos,
    sample_every: Option<Nanos>,
    halt_at: Option<Nanos>,
}

/// What a desk leaves behind.
#[derive(Debug, PartialEq)]
struct Day {
    said: Vec<String>,
    decisions: Vec<Decision>,
    tallies: Vec<Tally>,
    fills: Vec<FillRow>,
    held: Vec<Qty>,
    samples: Vec<Sample>,
    open: Vec<(Exposure, Exposure)>,
    cash: BTreeMap<String, Money>,
    faults: usize,
}

fn desk(id: &str, rows: &[Vec<Event>]) -> Desk {
    let place = (instrument(id, 0, "0"), VENUE, rows.concat());
    let deposits = vec![("USDT", "10000")];
    let (seats, places) = (Vec::new(), vec![place]);
    Desk { places, seats, deposits, start: 0, until: 100, sample_every: None, halt_at: None }
}

impl Desk {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn seat(mut self, instrument: InstrumentIx, interest: Interest, limits: Limits, play: Play) -> Self {
        self.seats.push((Seat { instrument, interest, limits, ..Seat::default() }, play));
        self
    }

    fn play(self, play: Play) -> Self {
        self.seat(0, Interest { order: true, fill: true, ..DEAF }, Limits::default(), play)
    }

    fn day(&self) -> Day {
        let (bulk, step) = (self.run(&[Pace::Bulk]), self.run(&[Pace::Step]));
        assert_eq!(bulk, step, "in bulk and by step");
        assert_eq!(bulk, self.run(&[Pace::Bulk; 9]), "in slices");
        bulk
    }

    fn run(&self, paces: &[Pace]) -> Day {
        let settings = EngineSettings { seed: 1, sample_every: self.sample_every, keep_records: true };
        let mut simulation = Simulation::new(Engine::new(settings));
        let columns: Vec<ColumnsBuf> = self.places.iter().map(|place| ColumnsBuf::pack(&place.2)).collect();
        for (place, columns) in self.places.iter().zip(&columns) {
            simulation.add_instrument(place.0.clone(), place.1.clone(), &[columns.view()]);
        }
        self.deposits.iter().for_each(|(currency, text)| simulation.engine().deposit(currency, money(text).unwrap()));
        let said = Rc::new(RefCell::new(Vec::new()));
        for (seat, play) in &self.seats {
            simulation.engine().add_strategy(*seat, Box::new(Puppet { play: *play, said: said.clone() }));
        }
        simulation.start(self.start);
        let mut ends: Vec<(Nanos, Pace)> = paces.iter().map(|pace| (0, *pace)).collect();
        let whole = self.until - self.start;
        ends.iter_mut()
            .enumerate()
            .for_each(|(at, end)| end.0 = self.start + whole * (at as i64 + 1) / paces.len() as i64);
        if let Some(at) = self.halt_at {
            ends.iter().filter(|end| end.0 < at).for_each(|end| simulation.run(end.0, end.1));
            simulation.run(at, paces[0]);
            simulation.engine().halt(at);
            ends.retain(|end| end.0 >= at);
        }
        ends.iter().for_each(|end| simulation.run(end.0, end.1));
        simulation.stop(self.until);
        let said = said.take();
        day(simulation.engine(), said, self.seats.len() as StrategyIx)
    }
}

fn day(engine: &mut Engine, said: Vec<String>, strategies: StrategyIx) -> Day {
    assert_eq!(engine.imbalance(), 0);
    (0..strategies).for_each(|strategy| explained(engine, strategy));
    let records = engine.log().drain();
    let all = 0..strategies;
    let ledger = engine.ledger();
    let cash = ledger.currencies().iter().enumerate().map(|(at, code)| (code.clone(), ledger.cash(0, at as u16)));
    Day {
        said,
        decisions: split(&records).unwrap().into_iter().map(|record| decode(record).unwrap()).collect(),
        tallies: all.clone().map(|strategy| engine.tally(strategy)).collect(),
        fills: engine.blotter().fills.clone(),
        held: all.clone().map(|strategy| ledger.position(strategy).qty).collect(),
        samples: engine.blotter().samples.clone(),
        open: all.map(|s| (engine.orders().exposure(s), engine.orders().exposure_recounted(s))).collect(),
        cash: cash.collect(),
        faults: engine.faults().len(),
    }
}

/// Cash and rounding of a strategy's own postings, with what it holds, are its PnL to the last unit.
fn explained(engine: &Engine, strategy: StrategyIx) {
    let view = engine.state.view_of(strategy);
    let (position, twice_mid) = (engine.ledger().position(strategy), view.twice_mid());
    let own = |account| engine.ledger().balance(strategy + 1, account, view.currencies.quote);
    let held = match view.instrument.kind {
        InstrumentKind::Spot => position.value(&view.instrument, twice_mid),
        InstrumentKind::LinearPerpetual | InstrumentKind::InversePerpetual => {
            position.unrealised(&view.instrument, twice_mid)
        }
    };
    assert_eq!(own(Account::Cash) + own(Account::Rounding) + held, engine.pnl(strategy), "strategy {strategy}");
}

impl Day {
    /// Commands and refusals, a line each: when, what.
    fn asked(&self) -> Vec<String> {
        let line = |request: &OrderRequest| {
            let side = if request.side == Side::Buy { "buy" } else { "sell" };
            match request.kind {
                OrderKind::Limit => format!("{side} {} at {}", request.qty, request.price),
                OrderKind::Market => format!("{side} {} at market", request.qty),
            }
        };
        let lines = self.decisions.iter().filter_map(|decision| match decision {
            Decision::Submit { ts, order, request } => Some(format!("{ts} #{order} {}", line(request))),
            Decision::Cancel { ts, order } => Some(format!("{ts} #{order} cancel")),
            Decision::Amend { ts, order, price, qty } => Some(format!("{ts} #{order} amend to {qty} at {price}")),
            Decision::Refused { ts, request, refusal } => Some(format!("{ts} {}: {}", refusal.name(), line(request))),
            Decision::Stopped { ts, strategy } => Some(format!("{ts} strategy {strategy} stopped")),
            Decision::Report(_)
            | Decision::Posting { .. }
            | Decision::EarlierFill { .. }
            | Decision::Funding { .. } => None,
        });
        lines.collect()
    }

    /// The lowest that cash of a currency ever was.
    fn lowest(&self, currency: CurrencyIx) -> Money {
        let (mut cash, mut lowest) = (0, 0);
        for decision in &self.decisions {
            let Decision::Posting { transaction, .. } = decision else { continue };
            let lines = transaction.lines().iter().filter(|l| l.account == Account::Cash && l.currency == currency);
            cash += lines.map(|line| line.amount).sum::<Money>();
            lowest = lowest.min(cash);
        }
        lowest
    }
}

fn name(wake: &Wake) -> &'static str {
    match wake {
        Wake::Start => "start",
        Wake::Book => "book",
        Wake::Trade(_) => "trade",
        Wake::Quote(_) => "quote",
        Wake::Bar(..) => "bar",
        Wake::Funding(_) => "funding",
        Wake::Timer(_) => "timer",
        Wake::Fill(..) => "fill",
        Wake::Order(_) => "order",
        Wake::Stop => "stop",
    }
}

fn limit(ctx: &mut Context<'_>, side: Side, price: Ticks, qty: Qty) -> OrderId {
    ctx.submit(side, OrderKind::Limit, TimeInForce::Gtc, price, qty)
}

fn take(ctx: &mut Context<'_>, side: Side, qty: Qty) -> OrderId {
    ctx.submit(side, OrderKind::Market, TimeInForce::Ioc, 0, qty)
}

fn beat(ctx: &mut Context<'_>, wake: &Wake, every: Nanos) {
    if *wake == Wake::Start {
        ctx.every(every);
    }
}

#[test]
fn at_one_moment_rows_come_first_then_reports_then_timers() {
    let rows = |at| [book(0), level(at, Side::Buy, 98, 7), trade(at, Side::Buy, 101, 1)];
    let all = Interest { book: true, trade: true, quote: true, funding: true, fill: true, order: true };
    let first = |wake: &Wake, ctx: &mut Context<'_>, said: &mut Vec<String>| {
        said.push(format!("{} first {}", ctx.now(), name(wake)));
        beat(ctx, wake, 10);
        if *wake == Wake::Start {
            ctx.bars(10);
        }
        // Reports of this order come back at 10.
        if ctx.now() == 8 && *wake == Wake::Book {
            take(ctx, Side::Buy, 1);
        }
        Ok(())
    };
    let second = |wake: &Wake, ctx: &mut Context<'_>, said: &mut Vec<String>| {
        said.push(format!("{} second {}", ctx.now(), name(wake)));
        beat(ctx, wake, 10);
        Ok(())
    };
    let mut desk = desk(PERPETUAL, &rows(10)).with(|desk| desk.until = 12);
    desk.places[0].2.splice(5..5, level(8, Side::Buy, 98, 8));
    desk.places.push((instrument(SPOT, 0, "0"), VENUE, rows(10).concat()));
    let day = desk.seat(0, all, Limits::default(), first).seat(1, all, Limits::default(), second).day();
    let at_ten: Vec<&str> = day.said.iter().filter_map(|line| line.strip_prefix("10 ")).collect();
    let expected = [
        "first book",
        "first trade",
        "second book",
        "second trade",
        "first order",
        "first fill",
        "first bar",
        "first timer",
        "second timer",
    ];
    assert_eq!(at_ten, expected);
}

#[test]
fn a_message_wakes_once_and_a_trade_each_time() {
    let trades = packet(5, &[(Kind::Trade, Side::Buy, 101, 1), (Kind::Trade, Side::Buy, 102, 1)]);
    let levels = packet(5, &[(Kind::Delta, Side::Buy, 99, 1), (Kind::Delta, Side::Buy, 98, 1)]);
    let rest = [
        packet(6, &[(Kind::Quote, Side::Buy, 99, 1), (Kind::Quote, Side::Sell, 101, 2)]),
        packet(7, &[(Kind::Funding, Side::Buy, 0, 100), (Kind::Mark, Side::Buy, 100, 0)]),
        packet(8, &[(Kind::Mark, Side::Buy, 0, 0), (Kind::Funding, Side::Buy, 0, 200)]),
        gap(9),
    ];
    let all = Interest { book: true, trade: true, quote: true, funding: true, ..DEAF };
    let play: Play = |wake, ctx, said| {
        let what = match wake {
            Wake::Trade(event) => format!("trade {}", event.price),
            Wake::Quote(quote) => format!("quote {} {}", quote.bid, quote.ask),
            Wake::Funding(rate) => format!("funding {rate}"),
            wake => name(wake).to_owned(),
        };
        said.push(format!("{} {what} {}", ctx.now(), ctx.book().qty(Side::Buy, 98)));
        Ok(())
    };
    let rows = [&[book(0), levels, trades], &rest[..]].concat();
    let day = desk(PERPETUAL, &rows).seat(0, all, Limits::default(), play).day();
    let expected = [
        "0 start 0",
        "0 book 10",
        "5 book 1",
        "5 trade 101 1",
        "5 trade 102 1",
        "6 quote 99 101 1",
        "8 funding 200 1",
        "9 book 1",
        "100 stop 1",
    ];
    assert_eq!(day.said, expected);
}

#[test]
fn what_is_asked_takes_effect_when_the_wake_up_ends() {
    let day = desk(PERPETUAL, &[book(0)]).with(|desk| desk.until = 30).play(|wake, ctx, said| {
        beat(ctx, wake, 10);
        if ctx.now() == 10 {
            let id = limit(ctx, Side::Buy, 99, 2);
            ctx.cancel(id);
            said.push(format!("open {}, known {}", ctx.orders().count(), ctx.order(id).is_some()));
        } else {
            let states: Vec<_> = ctx.orders().map(|order| (order.state.name(), order.pending)).collect();
            said.push(format!("{} {} {states:?}", ctx.now(), name(wake)));
        }
        Ok(())
    });
    let day = day.day();
    let expected = [
        "0 start []",
        "open 0, known false",
        r#"12 order [("accepted", Cancel)]"#,
        "12 order []",
        "20 timer []",
        "30 timer []",
        "30 stop []",
    ];
    assert_eq!(day.said, expected);
    assert_eq!(day.asked(), ["10 #1 buy 2 at 99", "10 #1 cancel"]);
}

#[test]
fn bars_and_averages_hold_what_reached_us_by_their_close() {
    let trades = [trade(5, Side::Buy, 101, 1), trade(10, Side::Sell, 98, 2), trade(11, Side::Buy, 105, 4)];
    let rows = [&[book(0)], &trades[..]].concat();
    let play: Play = |wake, ctx, said| {
        match wake {
            Wake::Start => {
                let series = ctx.bars(10);
                assert_eq!(ctx.bars(10), series, "one series a length");
                let spec = Spec::new("ema", &[(None, Given::Number(1.0))]).unwrap();
                assert_eq!(ctx.indicator(series, spec), IndicatorId { instrument: 0, series: 0, index: 0 });
            }
            Wake::Bar(_, bar) => {
                let [mean, ..] = ctx.reading(IndicatorId { instrument: 0, series: 0, index: 0 }).now();
                said.push(format!("{} {}-{} {} {} {mean}", ctx.now(), bar.low, bar.high, bar.volume, bar.trades));
            }
            _ => {}
        }
        Ok(())
    };
    let day = desk(PERPETUAL, &rows).with(|desk| desk.until = 30).play(play).play(play).day();
    let expected = ["10 98-101 3 2 98", "20 105-105 4 1 105", "30 105-105 0 0 105"];
    assert_eq!(day.said, expected.map(|line| [line, line]).concat());
}

/// Trades at 5, 10, 10 and 11: the second bar closes with the second trade of its moment, after that trade was told.
#[test]
fn bars_that_trades_close_are_told_after_the_trade_and_before_timers() {
    let trades = [(5, 101, 1), (10, 98, 2), (10, 99, 1), (11, 105, 4)];
    let rows = [&[book(0)], &trades.map(|(at, price, qty)| trade(at, Side::Buy, price, qty))[..]].concat();
    let play: Play = |wake, ctx, said| {
        match wake {
            Wake::Start => {
                let (pairs, volume) = (ctx.bars(Clock::Ticks(2)), ctx.bars(Clock::Volume(3)));
                assert_eq!((pairs, volume, ctx.bars(Clock::Volume(3)), ctx.every(10)), (0, 1, 1, 0));
            }
            Wake::Trade(trade) => said.push(format!("{} trade {}", ctx.now(), trade.price)),
            Wake::Bar(series, bar) => said.push(format!("{} {series}: {} {}", ctx.now(), bar.close, bar.volume)),
            Wake::Timer(_) => said.push(format!("{} timer", ctx.now())),
            _ => {}
        }
        Ok(())
    };
    let hears = Interest { trade: true, ..DEAF };
    let day = desk(PERPETUAL, &rows).with(|desk| desk.until = 12).seat(0, hears, Limits::default(), play);
    let expected = [
        "5 trade 101",
        "10 trade 98",
        "10 0: 98 3",
        "10 1: 98 3",
        "10 trade 99",
        "10 timer",
        "11 trade 105",
        "11 0: 105 5",
        "11 1: 105 5",
    ];
    assert_eq!(day.day().said, expected);
}

#[test]
fn the_last_trade_is_known_without_bars() {
    let rows = [book(0), trade(5, Side::Buy, 101, 1), trade(6, Side::Sell, 98, 1), level(7, Side::Buy, 98, 3)];
    let day = desk(PERPETUAL, &rows).with(|desk| desk.until = 12).play(|wake, ctx, said| {
        beat(ctx, wake, 4);
        said.push(format!("{} {:?}", ctx.now(), ctx.last_trade()));
        Ok(())
    });
    assert_eq!(day.day().said, ["0 None", "4 None", "8 Some(98)", "12 Some(98)", "12 Some(98)"]);
}

#[test]
fn a_quote_is_kept_moved_renewed_and_taken_away() {
    let rows = [book(0), trade(35, Side::Sell, 98, 50), level(45, Side::Buy, 99, 8), level(45, Side::Sell, 100, 3)];
    let day = desk(PERPETUAL, &rows).with(|desk| desk.until = 75).play(|wake, ctx, _| {
        beat(ctx, wake, 10);
        match (wake, ctx.now()) {
            (Wake::Timer(_), 10 | 20) => ctx.quote(Some(99), Some(102), 2),
            (Wake::Timer(_), 30 | 40) => ctx.quote(Some(99), Some(103), 2),
            // 100 is the best ask now: a bid there would take.
            (Wake::Timer(_), 50) => ctx.quote(Some(100), Some(103), 3),
            (Wake::Timer(_), 60) => ctx.quote(None, Some(103), 3),
            _ => {}
        }
        Ok(())
    });
    let expected = [
        "10 #1 buy 2 at 99",
        "10 #2 sell 2 at 102",
        "30 #2 cancel",
        "30 #3 sell 2 at 103",
        // The bid at 99 was filled at 35; at 50 the one at 99 is where the best bid is.
        "40 #4 buy 2 at 99",
        "60 #4 cancel",
    ];
    assert_eq!(day.day().asked(), expected);
}

#[test]
fn a_quote_that_may_not_stand_is_withheld_and_counted_once() {
    let rows = [book(0), gap(25), book(45)];
    let limits = Limits { order_size: Some(5), ..Limits::default() };
    let day = desk(SPOT, &rows).with(|desk| desk.until = 95).seat(0, DEAF, limits, |wake, ctx, _| {
        beat(ctx, wake, 10);
        match (wake, ctx.now()) {
            (Wake::Timer(_), ..30) => ctx.quote(Some(99), Some(102), 5),
            (Wake::Timer(_), 30..60) => ctx.quote(Some(98), Some(102), 5),
            (Wake::Timer(_), 60..80) => ctx.quote(Some(97), Some(102), 6),
            (Wake::Timer(_), _) => ctx.quote(Some(97), Some(102), 5),
            _ => {}
        }
        Ok(())
    });
    let day = day.day();
    let expected = ["10 #1 buy 5 at 99", "30 #1 cancel", "50 #4 buy 5 at 98", "60 #4 cancel", "80 #7 buy 5 at 97"];
    assert_eq!(day.asked(), expected);
    let withheld = day.tallies[0].withheld;
    assert_eq!(withheld[Refusal::NoShort as usize], 1, "there is never anything to sell");
    assert_eq!(withheld[Refusal::BookNotInSync as usize], 1, "at 30, and still at 40");
    assert_eq!(withheld[Refusal::OrderSize as usize], 1, "at 60, and still at 70");
    assert_eq!(withheld.iter().sum::<u64>(), 3);
    assert_eq!(day.tallies[0].refused, [0; Refusal::ALL.len()]);
}

#[test]
fn a_quote_on_spot_offers_no_more_than_is_free() {
    let mut desk = desk(SPOT, &[book(0)]);
    desk.deposits.push(("X", "7"));
    let day = desk.with(|desk| desk.until = 45).play(|wake, ctx, _| {
        beat(ctx, wake, 10);
        match (wake, ctx.now()) {
            (Wake::Timer(_), 10) => {
                limit(ctx, Side::Sell, 105, 3);
            }
            (Wake::Timer(_), 20) => ctx.quote(None, Some(103), 6),
            (Wake::Timer(_), 30) => ctx.quote(None, Some(102), 6),
            _ => {}
        }
        Ok(())
    });
    let day = day.day();
    // At 30 the base is still spoken for by the order that is being cancelled.
    assert_eq!(day.asked(), ["10 #1 sell 3 at 105", "20 #2 sell 4 at 103", "30 #2 cancel"]);
    assert_eq!(day.tallies[0].withheld[Refusal::NoShort as usize], 1);
}

#[test]
fn a_target_asks_once_for_what_is_missing() {
    let slow = VenueSettings { latency: Latency::constant(8, 8), ..VENUE };
    let day =
        desk(PERPETUAL, &[book(0)]).with(|desk| (desk.until, desk.places[0].1) = (95, slow)).play(|wake, ctx, said| {
            beat(ctx, wake, 10);
            match (wake, ctx.now()) {
                (Wake::Timer(_), ..40) => ctx.target(4),
                (Wake::Timer(_), 40) => ctx.target(-2),
                (Wake::Timer(_), 60) => ctx.target(-2),
                (Wake::Timer(_), 70) => ctx.target(0),
                (Wake::Stop, _) => said.push(ctx.position().to_string()),
                _ => {}
            }
            Ok(())
        });
    let day = day.day();
    assert_eq!(day.asked(), ["10 #1 buy 4 at market", "40 #2 sell 6 at market", "70 #3 buy 2 at market"]);
    assert_eq!(day.said, ["0"]);
}

#[test]
fn a_target_on_spot_is_never_short_and_leaves_dust() {
    let mut desk = desk(SPOT, &[book(0)]);
    desk.places[0].0 = instrument(SPOT, 150, "0");
    let day = desk.with(|desk| desk.until = 95).play(|wake, ctx, _| {
        beat(ctx, wake, 10);
        match (wake, ctx.now()) {
            (Wake::Timer(_), 10) => ctx.target(-5),
            (Wake::Timer(_), 20) => ctx.target(1),
            (Wake::Timer(_), 30) => ctx.target(3),
            (Wake::Timer(_), 40) => ctx.target(4),
            (Wake::Timer(_), 50) => ctx.target(-1),
            (Wake::Timer(_), 60) => ctx.target(0),
            _ => {}
        }
        Ok(())
    });
    let expected = [
        "10 no_short: sell 5 at market",
        "30 #2 buy 3 at market",
        "50 no_short: sell 1 at market",
        "60 #4 sell 3 at market",
    ];
    assert_eq!(day.day().asked(), expected);
}

#[test]
fn a_refused_request_is_recorded_and_sends_nothing() {
    let limits = Limits { position: Some(10), ..Limits::default() };
    let day =
        desk(PERPETUAL, &[gap(5), book(15)]).with(|desk| desk.until = 60).seat(0, DEAF, limits, |wake, ctx, said| {
            beat(ctx, wake, 10);
            match (wake, ctx.now()) {
                (Wake::Timer(_), 10) => {
                    limit(ctx, Side::Buy, 99, 6);
                }
                (Wake::Timer(_), 20) => {
                    limit(ctx, Side::Buy, 99, 6);
                    limit(ctx, Side::Buy, 98, 6);
                    limit(ctx, Side::Buy, -1, 1);
                    limit(ctx, Side::Buy, i64::MAX, 1);
                    take(ctx, Side::Sell, i64::MAX);
                }
                (Wake::Timer(_), 30) => ctx.amend(2, 99, 11),
                (Wake::Timer(_), 40) => ctx.cancel_all(),
                (Wake::Timer(_), 50) => {
                    said.push(format!("{}", ctx.orders().count()));
                    limit(ctx, Side::Buy, 98, 6);
                }
                _ => {}
            }
            Ok(())
        });
    let day = day.day();
    let expected = [
        "10 book_not_in_sync: buy 6 at 99",
        "20 #2 buy 6 at 99",
        "20 position: buy 6 at 98",
        "20 bad_price: buy 1 at -1",
        "20 bad_price: buy 1 at 9223372036854775807",
        "20 bad_quantity: sell 9223372036854775807 at market",
        "30 position: buy 11 at 99",
        "40 #2 cancel",
        "50 #7 buy 6 at 98",
    ];
    assert_eq!(day.asked(), expected);
    let refused = |refusal: Refusal| day.tallies[0].refused[refusal as usize];
    assert_eq!([Refusal::BookNotInSync, Refusal::Position, Refusal::BadPrice].map(refused), [1, 2, 2]);
    assert_eq!(day.said, ["0"]);
    assert_eq!(day.open[0].0.open, [6, 0]);
}

#[test]
fn what_is_asked_of_anothers_order_is_nothing() {
    let place: Play = |wake, ctx, _| {
        beat(ctx, wake, 10);
        if ctx.now() == 10 {
            limit(ctx, Side::Buy, 99, 1);
        }
        Ok(())
    };
    let meddle: Play = |wake, ctx, _| {
        beat(ctx, wake, 20);
        if ctx.now() == 20 {
            assert!(ctx.order(1).is_none());
            ctx.cancel(1);
            ctx.amend(1, 98, 1);
            ctx.cancel_all();
        }
        Ok(())
    };
    assert_eq!(desk(PERPETUAL, &[book(0)]).play(place).play(meddle).day().asked(), ["10 #1 buy 1 at 99"]);
}

#[test]
fn an_answer_without_latency_comes_before_the_moment_goes_on() {
    let all = Interest { book: true, trade: true, fill: true, order: true, ..DEAF };
    let rows = [book(0), level(10, Side::Buy, 98, 7), trade(10, Side::Buy, 101, 1), level(20, Side::Buy, 98, 6)];
    let desk = desk(PERPETUAL, &rows).with(|desk| (desk.until, desk.places[0].1) = (20, PROMPT));
    let day = desk.seat(0, all, Limits::default(), |wake, ctx, said| {
        beat(ctx, wake, 10);
        if ctx.now() > 0 {
            said.push(format!("{} {} {}", ctx.now(), name(wake), ctx.position()));
        }
        if *wake == Wake::Book && ctx.now() > 0 {
            take(ctx, Side::Buy, 1);
        }
        Ok(())
    });
    let expected = [
        "10 book 0",
        "10 trade 0",
        "10 order 0",
        "10 fill 1",
        "10 timer 1",
        "20 book 1",
        "20 order 1",
        "20 fill 2",
        "20 timer 2",
        "20 stop 2",
    ];
    assert_eq!(day.day().said, expected);
}

#[test]
fn time_never_runs_back_even_if_the_run_begins_late() {
    let all = Interest { book: true, ..DEAF };
    let day = desk(PERPETUAL, &[book(0), level(10, Side::Buy, 98, 7), level(60, Side::Buy, 98, 8)]);
    let day = day.with(|desk| desk.start = 50).seat(0, all, Limits::default(), |wake, ctx, said| {
        said.push(format!("{} {}", ctx.now(), name(wake)));
        Ok(())
    });
    assert_eq!(day.day().said, ["50 start", "50 book", "50 book", "60 book", "100 stop"]);
}
