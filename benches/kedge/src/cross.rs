//! W2 and W3: two averages that cross, over trades or over bars of one minute: risk gate, ledger and trace hash on.

use kedge_core::decimal::Step;
use kedge_core::engine::{Context, Engine, EngineSettings, Seat};
use kedge_core::instrument::{RATE_SCALE, money};
use kedge_core::matching::{FillModel, Latency, QueueModel, VenueSettings};
use kedge_core::risk::Limits;
use kedge_core::simulation::{Pace, Simulation};
use kedge_core::strategy::{Fault, Interest, Strategy, Wake};
use kedge_core::types::{OrderKind, Qty, SECOND, Side, StrategyIx, Ticks, TimeInForce};

use crate::columns::Market;
use crate::w1::Outcome;

const ORDER_LOTS: Qty = 10;
const MINUTE: i64 = 60 * SECOND;

/// What the averages follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// W2: every trade, 2,000 and 10,000 of them.
    Trades,
    /// W3: the closes of bars, 50 and 200 of them.
    Bars,
}

/// A simulation that is ready to go.
pub(crate) struct Prepared<'a> {
    simulation: Simulation<'a>,
    market: &'a Market,
    strategy: StrategyIx,
    pace: Pace,
}

/// The engine, one venue that answers at once, one strategy.
pub(crate) fn prepare(market: &Market, over: Over, pace: Pace) -> Prepared<'_> {
    let engine = Engine::new(EngineSettings { seed: 0, sample_every: None, keep_records: false });
    let latency = Latency::constant(0, 0);
    let settings = VenueSettings { queue: QueueModel::RiskAverse, fills: FillModel::Whole, latency };
    let mut simulation = Simulation::new(engine);
    let instrument = simulation.add_instrument(market.instrument.clone(), settings, &[market.rows.view()]);
    simulation.engine().deposit("USDT", money("1000000").expect("a decimal"));
    let lot = market.instrument.lot_steps();
    let interest = Interest { trade: over == Over::Trades, ..Interest::default() };
    let seat = Seat { instrument, interest, limits: limits(lot), ..Seat::default() };
    let strategy = simulation.engine().add_strategy(seat, Box::new(Cross::new(over, ORDER_LOTS * lot)));
    Prepared { simulation, market, strategy, pace }
}

/// Bounds that are never met: the gate looks at each of them for every order, and refuses none.
fn limits(lot: Qty) -> Limits {
    Limits {
        order_size: Some(2 * ORDER_LOTS * lot),
        position: Some(20 * ORDER_LOTS * lot),
        order_notional: money("10000").ok(),
        position_notional: money("100000").ok(),
        price_band: Some(RATE_SCALE / 100),
        orders_per_second: Some(100),
        stale_after: Some(2 * MINUTE),
        daily_loss: None,
        leverage: RATE_SCALE,
        short: true,
    }
}

impl Prepared<'_> {
    /// The timed part.
    pub(crate) fn run(&mut self) {
        let Some((start, end)) = self.simulation.span() else { return };
        self.simulation.start(start);
        self.simulation.run(end, self.pace);
    }

    /// What came of it, the result what was realised less fees; an error where the run was not what it should be.
    pub(crate) fn outcome(&mut self) -> Result<Outcome, String> {
        let engine = self.simulation.engine();
        if let Some((_, fault)) = engine.faults().first() {
            return Err(format!("the strategy stopped: {}", fault.0));
        }
        let refused = engine.tally(self.strategy).refused;
        if refused.iter().any(|count| *count > 0) {
            return Err(format!("the risk gate must refuse nothing here, refused {refused:?}"));
        }
        let position = *engine.ledger().position(self.strategy);
        Ok(Outcome {
            wakes: engine.wakes(self.strategy),
            requests: engine.orders().all().count() as u64,
            fills: engine.blotter().fills.len(),
            position: self.market.instrument.qty_to_f64(position.qty),
            fees: position.fees,
            pnl: position.realised - position.fees,
            touch: (0, 0),
            touch_sum: 0,
        })
    }
}

/// Long while the quick average is above the calm one, else short. Both begin at the first price.
struct Cross {
    over: Over,
    tick: Step,
    size: Qty,
    quick: f64,
    calm: f64,
    of_quick: f64,
    of_calm: f64,
    seen: u32,
    warm: u32,
    /// 1 long, −1 short, 0 before the first order.
    side: i8,
}

impl Cross {
    fn new(over: Over, size: Qty) -> Self {
        let (fast, slow) = match over {
            Over::Trades => (2_000_u32, 10_000_u32),
            Over::Bars => (50, 200),
        };
        let share = |period: u32| 2.0 / (f64::from(period) + 1.0);
        let (of_quick, of_calm) = (share(fast), share(slow));
        let tick = Step { mantissa: 1, decimals: 0 };
        Self { over, tick, size, quick: 0.0, calm: 0.0, of_quick, of_calm, seen: 0, warm: slow, side: 0 }
    }

    #[allow(clippy::cast_precision_loss)]
    fn take(&mut self, price: Ticks, ctx: &mut Context<'_>) {
        let price = self.tick.times(price as f64);
        if self.seen == 0 {
            (self.quick, self.calm) = (price, price);
        }
        self.quick += self.of_quick * (price - self.quick);
        self.calm += self.of_calm * (price - self.calm);
        self.seen += 1;
        if self.seen <= self.warm {
            return;
        }
        if self.quick > self.calm {
            if self.side <= 0 {
                self.turn(Side::Buy, 1, ctx);
            }
        } else if self.quick < self.calm && self.side >= 0 {
            self.turn(Side::Sell, -1, ctx);
        }
    }

    fn turn(&mut self, side: Side, then: i8, ctx: &mut Context<'_>) {
        let size = if self.side == 0 { self.size } else { 2 * self.size };
        ctx.submit(side, OrderKind::Market, TimeInForce::Ioc, 0, size);
        self.side = then;
    }
}

impl Strategy for Cross {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        match wake {
            Wake::Start => {
                self.tick = ctx.instrument().tick_size;
                if self.over == Over::Bars {
                    ctx.bars(MINUTE);
                }
            }
            Wake::Trade(trade) => self.take(trade.price, ctx),
            Wake::Bar(_, bar) => self.take(bar.close, ctx),
            _ => {}
        }
        Ok(())
    }
}
