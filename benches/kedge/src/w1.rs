//! W1's market making and the replay of any columns, on the engine: risk gate, ledger and trace hash on.

use std::cell::Cell;
use std::rc::Rc;

use kedge_core::engine::{Context, Engine, EngineSettings, Seat};
use kedge_core::instrument::{RATE_SCALE, money};
use kedge_core::matching::{FillModel, Latency, QueueModel, VenueSettings};
use kedge_core::order::Order;
use kedge_core::risk::Limits;
use kedge_core::simulation::{Pace, Simulation};
use kedge_core::strategy::{Fault, Interest, Strategy, Wake};
use kedge_core::types::{
    InstrumentIx, MILLISECOND, Money, Nanos, OrderId, OrderKind, Qty, SECOND, Side, StrategyIx, Ticks, TimeInForce,
};

use crate::columns::Market;
use crate::cross::Over;

pub(crate) const WAKE: Nanos = 100 * MILLISECOND;
pub(crate) const LATENCY: Nanos = MILLISECOND;
const ORDER_LOTS: Qty = 10;
const MAX_LOTS: Qty = 100;

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Wakes and looks.
    Replay,
    /// W1's market making.
    Quote {
        /// Whether an order already standing at the wanted price stays.
        keep: bool,
    },
    /// W2's or W3's averages that cross, which is no mode of W1.
    Cross(Over),
}

/// How it is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Setup {
    pub(crate) mode: Mode,
    pub(crate) queue: QueueModel,
    pub(crate) pace: Pace,
    /// How many strategies, each with an account of its own; 0: the one, on the shared account.
    pub(crate) strategies: u16,
    /// Whether one book may serve both views.
    pub(crate) shares: bool,
    /// How many times the data is replayed as one stream; 0: once, as it is.
    pub(crate) blocks: u16,
}

/// What a run gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) wakes: u64,
    pub(crate) requests: u64,
    pub(crate) fills: usize,
    /// In base units, for people.
    pub(crate) position: f64,
    pub(crate) fees: Money,
    pub(crate) pnl: Money,
    pub(crate) touch: (Ticks, Ticks),
    pub(crate) touch_sum: i64,
}

/// A simulation that is ready to go.
pub(crate) struct Prepared<'a> {
    simulation: Simulation<'a>,
    market: &'a Market,
    instrument: InstrumentIx,
    strategy: StrategyIx,
    seen: Rc<Cell<Seen>>,
    span: (Nanos, Nanos),
    pace: Pace,
}

/// What the strategy counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) wakes: u64,
    pub(crate) requests: u64,
    touch_sum: i64,
}

/// The engine, one venue with the data, one strategy.
pub(crate) fn prepare(market: &Market, setup: Setup) -> Prepared<'_> {
    let engine = Engine::new(EngineSettings { seed: 0, sample_every: None, keep_records: false });
    let latency = Latency::constant(LATENCY, LATENCY);
    let settings = VenueSettings { queue: setup.queue, fills: FillModel::Whole, latency };
    let mut simulation = Simulation::new(engine);
    let instrument = simulation.add_instrument(market.instrument.clone(), settings, &market.blocks());
    simulation.share_views(setup.shares);
    // The clock begins with the first event, not with the snapshot before it.
    let start = market.rows.ts_event.iter().copied().min().unwrap_or(0);
    let end = simulation.span().map_or(start, |span| span.1);
    let seen = Rc::new(Cell::new(Seen::default()));
    let maker = Maker::new(setup.mode, market, end, Rc::clone(&seen));
    let seat = Seat { instrument, interest: Interest::default(), limits: limits(maker.lot), ..Seat::default() };
    simulation.engine().deposit("USDT", money("1000000").expect("a decimal"));
    let strategy = simulation.engine().add_strategy(seat, Box::new(maker));
    Prepared { simulation, market, instrument, strategy, seen, span: (start, end), pace: setup.pace }
}

/// Bounds that W1 never meets: the gate looks at each of them for every order, and refuses none.
pub(crate) fn limits(lot: Qty) -> Limits {
    Limits {
        order_size: Some(ORDER_LOTS * lot),
        position: Some(2 * MAX_LOTS * lot),
        order_notional: money("10000").ok(),
        position_notional: money("100000").ok(),
        price_band: Some(RATE_SCALE / 100),
        orders_per_second: Some(100),
        stale_after: Some(60 * SECOND),
        daily_loss: None,
        leverage: RATE_SCALE,
        short: true,
    }
}

impl Prepared<'_> {
    /// The timed part.
    pub(crate) fn run(&mut self) {
        self.simulation.start(self.span.0);
        // What is under way when the data ends still arrives; the strategy is not woken for it.
        self.simulation.run(self.span.1 + 3 * LATENCY, self.pace);
    }

    /// What came of it; an error where the run was not what it should be.
    pub(crate) fn outcome(&mut self) -> Result<Outcome, String> {
        let engine = self.simulation.engine();
        if let Some((_, fault)) = engine.faults().first() {
            return Err(format!("the strategy stopped: {}", fault.0));
        }
        let refused: u64 = engine.tally(self.strategy).refused.iter().sum();
        if refused > 0 {
            return Err(format!("the risk gate must refuse nothing here, refused {refused} requests"));
        }
        if engine.ledger().imbalance() != 0 {
            return Err(format!("the ledger must sum to zero, was {}", engine.ledger().imbalance()));
        }
        let (book, seen) = (engine.book(self.instrument), self.seen.get());
        let position = *engine.ledger().position(self.strategy);
        Ok(Outcome {
            wakes: seen.wakes,
            requests: seen.requests,
            fills: engine.blotter().fills.len(),
            position: self.market.instrument.qty_to_f64(position.qty),
            fees: position.fees,
            pnl: engine.pnl(self.strategy),
            touch: (book.best(Side::Buy).unwrap_or(0), book.best(Side::Sell).unwrap_or(0)),
            touch_sum: seen.touch_sum,
        })
    }
}

/// Woken every 100 ms.
pub(crate) struct Maker {
    mode: Mode,
    /// Quantity steps in a lot.
    lot: Qty,
    /// From here on there is no data, and nothing to do.
    end: Nanos,
    seen: Rc<Cell<Seen>>,
    /// Room for the open orders of one wake-up: which, where, and whether they can be cancelled.
    open: Vec<(OrderId, Side, Ticks, bool)>,
}

impl Strategy for Maker {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        match wake {
            Wake::Start => _ = ctx.every(WAKE),
            Wake::Timer(_) if ctx.now() < self.end => {
                let mut seen = self.seen.get();
                seen.wakes += 1;
                if let (Some(bid), Some(ask)) = (ctx.book().best(Side::Buy), ctx.book().best(Side::Sell)) {
                    match self.mode {
                        Mode::Replay => seen.touch_sum += bid + ask,
                        Mode::Cross(_) => {}
                        Mode::Quote { keep } => seen.requests += self.quote(bid, ask, keep, ctx),
                    }
                }
                self.seen.set(seen);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Maker {
    /// One that stops quoting at `end`.
    pub(crate) fn new(mode: Mode, market: &Market, end: Nanos, seen: Rc<Cell<Seen>>) -> Self {
        Self { mode, lot: market.instrument.lot_steps(), end, seen, open: Vec::new() }
    }

    /// Cancels what can be cancelled and quotes anew; returns the requests made.
    fn quote(&mut self, best_bid: Ticks, best_ask: Ticks, keep: bool, ctx: &mut Context<'_>) -> u64 {
        let mut wanted = quotes(best_bid, best_ask, ctx.position() / self.lot);
        let mut requests = 0;
        self.open.clear();
        let open = |order: &Order| (order.id, order.request.side, order.request.price, order.is_cancellable());
        self.open.extend(ctx.orders().map(open));
        for &(id, side, price, is_cancellable) in &self.open {
            let wanted = &mut wanted[side as usize];
            if keep && *wanted == Some(price) {
                *wanted = None;
            } else if is_cancellable {
                ctx.cancel(id);
                requests += 1;
            }
        }
        for (side, price) in [Side::Buy, Side::Sell].into_iter().zip(wanted) {
            if let Some(price) = price {
                ctx.submit(side, OrderKind::Limit, TimeInForce::PostOnly, price, ORDER_LOTS * self.lot);
                requests += 1;
            }
        }
        requests
    }
}

/// Where to bid and ask, per [`Side`]; `None` where the position is at its bound.
///
/// The rule in ticks: centre = mid − ½ · position / order size; bid = min(⌊centre − ½⌋, best bid), ask =
/// max(⌈centre + ½⌉, best ask). In twentieths of a tick, all of it is whole.
fn quotes(best_bid: Ticks, best_ask: Ticks, position_lots: Qty) -> [Option<Ticks>; 2] {
    let scale = 2 * ORDER_LOTS;
    let centre = ORDER_LOTS * (best_bid + best_ask) - position_lots;
    let bid = (centre - ORDER_LOTS).div_euclid(scale).min(best_bid);
    let ask = (-(-centre - ORDER_LOTS).div_euclid(scale)).max(best_ask);
    [(position_lots < MAX_LOTS).then_some(bid), (position_lots > -MAX_LOTS).then_some(ask)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule as the rival's script has it, in floats, on a position summed up trade by trade.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    fn in_floats(best_bid: Ticks, best_ask: Ticks, position: f64) -> [Option<Ticks>; 2] {
        let (order, most) = (10.0 * 0.001, 100.0 * 0.001 - 1e-9);
        let (bid, ask) = (best_bid as f64, best_ask as f64);
        let centre = 0.5 * (bid + ask) - 0.5 * (position / order);
        let (bid, ask) = ((centre - 0.5).floor().min(bid), (centre + 0.5).ceil().max(ask));
        [(position < most).then_some(bid as Ticks), (position > -most).then_some(ask as Ticks)]
    }

    #[test]
    fn whole_numbers_give_the_quotes_of_the_float_rule() {
        for direction in [1, -1] {
            let (mut lots, mut position) = (0, 0.0);
            for _ in 0..12 {
                for best_bid in 599_990..600_010 {
                    for spread in 1..8 {
                        let best_ask = best_bid + spread;
                        let expected = in_floats(best_bid, best_ask, position);
                        assert_eq!(quotes(best_bid, best_ask, lots), expected, "{best_bid} {best_ask} {lots}");
                    }
                }
                lots += direction * ORDER_LOTS;
                position += direction as f64 * 0.01;
            }
        }
        // Between order sizes, as partial fills would leave it.
        for lots in -105..=105 {
            assert_eq!(quotes(600_000, 600_003, lots), in_floats(600_000, 600_003, lots as f64 * 0.001), "{lots}");
        }
    }
}
