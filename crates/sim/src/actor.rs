//! Strategies that do anything a strategy may, and some things it may not. What each one sees is written down, so that
//! two runs that decide alike but show a strategy something else are told apart.

use std::cell::RefCell;
use std::rc::Rc;

use kedge_core::engine::Context;
use kedge_core::feature::{Clock, Given, IndicatorId, Spec};
use kedge_core::instrument::InstrumentKind;
use kedge_core::order::{SelfTrade, Terms, Trigger, TriggerBy};
use kedge_core::strategy::{Fault, Interest, Strategy, Wake};
use kedge_core::types::{NO_TIME, Nanos, OrderId, OrderKind, Qty, Side, Ticks, TimeInForce};

/// What an actor is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Asks for anything at any time.
    Monkey {
        /// Per cent of wake-ups on which it acts.
        busy: u64,
        /// Per cent of its prices and quantities that no order can have.
        wild: u64,
    },
    /// Quotes both sides around the middle on its timers.
    Maker {
        /// Lots a side.
        lots: Qty,
        /// Ticks from the middle.
        half_spread: Ticks,
    },
    /// Takes now and then, and goes back to flat.
    Taker {
        /// Lots an order.
        lots: Qty,
    },
}

/// An actor and what it subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is like.
    pub role: Role,
    /// Rows and reports it is woken for.
    pub interest: Interest,
    /// Its timers.
    pub timers: Vec<Nanos>,
    /// Its bars.
    pub bars: Vec<Clock>,
    /// The wake-up at which it breaks down, if it does.
    pub faults_at: Option<u64>,
}

/// What a strategy saw at each wake-up: what for, then time, position, money, book.
pub type Seen = Rc<RefCell<Vec<Vec<i64>>>>;

/// A part being played.
pub struct Actor {
    part: Part,
    wakes: u64,
    seen: Seen,
    indicators: Vec<IndicatorId>,
}

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];
const LIVES: [TimeInForce; 4] = [TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok, TimeInForce::PostOnly];
const EXTREMES: [i64; 8] = [0, -1, i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1, 1 << 40, -(1 << 40)];

impl Actor {
    /// An actor that writes what it sees into `seen`.
    pub fn new(part: Part, seen: Seen) -> Self {
        Self { part, wakes: 0, seen, indicators: Vec::new() }
    }

    fn observe(&self, wake: &Wake, ctx: &Context<'_>) {
        let mut sight = of_wake(wake);
        if let Wake::Bar(..) = wake {
            let readings = self.indicators.iter().map(|id| ctx.reading(*id));
            sight.extend(
                readings.flat_map(|reading| [reading.now(), reading.previous()].concat().into_iter().map(bits)),
            );
        }
        let (book, quoted) = (ctx.book(), ctx.quoted());
        sight.extend([ctx.now(), ctx.position(), ctx.pnl() as i64, ctx.cash() as i64, ctx.orders().count() as i64]);
        sight.extend([book.state() as i64, book.updated(), ctx.last_trade().unwrap_or(-1), quoted.bid, quoted.ask]);
        for side in SIDES {
            let (price, qty) = book.levels(side).next().unwrap_or((-1, -1));
            sight.extend([price, qty]);
        }
        self.seen.borrow_mut().push(sight);
    }

    fn start(&mut self, ctx: &mut Context<'_>) {
        self.part.timers.iter().for_each(|&interval| {
            ctx.every(interval);
        });
        for &clock in &self.part.bars {
            let series = ctx.bars(clock);
            let three = [(None, Given::Number(3.0))];
            let specs = [Spec::new("ema", &three), Spec::new("bollinger", &three), Spec::new("adx", &three)];
            self.indicators.extend(specs.into_iter().flatten().map(|spec| ctx.indicator(series, spec)));
        }
    }
}

impl Strategy for Actor {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        self.observe(wake, ctx);
        self.wakes += 1;
        if *wake == Wake::Start {
            self.start(ctx);
        }
        match self.part.role {
            Role::Monkey { busy, wild } => {
                // One who answers every answer never leaves a moment in which messages take no time.
                let answered = matches!(wake, Wake::Order(_) | Wake::Fill(..));
                let (busy, most) = if answered { (busy / 6, 1) } else { (busy, 4) };
                if draw(ctx, 100) < busy {
                    (0..draw(ctx, most).max(1)).for_each(|_| monkey(ctx, wild));
                }
            }
            Role::Maker { lots, half_spread } => make(wake, ctx, lots, half_spread),
            Role::Taker { lots } => take(wake, ctx, lots),
        }
        match self.part.faults_at {
            Some(at) if self.wakes >= at => Err(Fault(format!("broke down at wake-up {at}"))),
            _ => Ok(()),
        }
    }
}

fn bits(value: f64) -> i64 {
    value.to_bits() as i64
}

fn of_wake(wake: &Wake) -> Vec<i64> {
    match wake {
        Wake::Start => vec![1],
        Wake::Book => vec![2],
        Wake::Trade(event) => vec![3, event.price, event.qty, event.side() as i64, event.ts_event],
        Wake::Quote(quote) => vec![4, quote.bid, quote.bid_qty, quote.ask, quote.ask_qty],
        Wake::Bar(series, bar) => {
            let prices = [bar.open, bar.high, bar.low, bar.close];
            let rest = [bar.start, bar.end, bar.volume, bar.buy_volume, i64::from(bar.trades)];
            [&[5, i64::from(*series)], &prices[..], &rest].concat()
        }
        Wake::Funding(rate) => vec![6, *rate],
        Wake::Timer(id) => vec![7, i64::from(*id)],
        Wake::Fill(order, fill) => vec![8, order.id as i64, order.filled, fill.price, fill.qty, fill.trade as i64],
        Wake::Order(order) => {
            vec![9, order.id as i64, order.state as i64, order.request.price, order.request.qty, order.queue_ahead]
        }
        Wake::Stop => vec![10],
    }
}

fn draw(ctx: &mut Context<'_>, bound: u64) -> u64 {
    ctx.random().below(bound)
}

fn extreme(ctx: &mut Context<'_>) -> i64 {
    EXTREMES[draw(ctx, EXTREMES.len() as u64) as usize]
}

/// A price near the touch of a side, or one that no order can have.
fn price(ctx: &mut Context<'_>, side: Side, wild: u64) -> Ticks {
    if draw(ctx, 100) < wild {
        return extreme(ctx);
    }
    let away = draw(ctx, 13) as Ticks - 6;
    let book = ctx.book();
    let touch = book.best(side).or_else(|| book.best(side.opposite())).or_else(|| ctx.last_trade());
    touch.unwrap_or(1_000) + away
}

/// Some lots, or a quantity that no order can have.
fn qty(ctx: &mut Context<'_>, wild: u64) -> Qty {
    if draw(ctx, 100) < wild {
        return extreme(ctx);
    }
    let lot = ctx.instrument().lot_steps();
    let off = if draw(ctx, 100) < wild { 1 } else { 0 };
    (1 + draw(ctx, 12) as Qty) * lot + off
}

/// One of the strategy's open orders, now and then an id that may never have been.
fn some_order(ctx: &mut Context<'_>) -> OrderId {
    let (open, pick) = (ctx.orders().count() as u64, draw(ctx, 1 << 20));
    match ctx.orders().nth((pick % open.max(1)) as usize) {
        Some(order) if pick % 19 > 0 => order.id,
        _ => pick % 400,
    }
}

fn monkey(ctx: &mut Context<'_>, wild: u64) {
    let side = SIDES[draw(ctx, 2) as usize];
    match draw(ctx, 100) {
        0..12 => {
            let (price, qty) = (price(ctx, side, wild), qty(ctx, wild));
            special(ctx, side, price, qty);
        }
        12..36 => {
            let kind = if draw(ctx, 6) == 0 { OrderKind::Market } else { OrderKind::Limit };
            let (life, price, qty) = (LIVES[draw(ctx, 4) as usize], price(ctx, side, wild), qty(ctx, wild));
            ctx.submit(side, kind, life, price, qty);
        }
        36..54 => {
            let order = some_order(ctx);
            ctx.cancel(order);
        }
        54..78 => {
            let (order, price, qty) = (some_order(ctx), price(ctx, side, wild), qty(ctx, wild));
            // Often only less of it, at its own price.
            let same = ctx.order(order).map(|order| (order.request.price, order.request.qty));
            match same {
                Some((own, whole)) if draw(ctx, 3) == 0 => ctx.amend(order, own, whole - ctx.instrument().lot_steps()),
                _ => ctx.amend(order, price, qty),
            }
        }
        78..90 => {
            let (bid, ask) = (price(ctx, Side::Buy, wild), price(ctx, Side::Sell, wild));
            let (with_bid, with_ask, qty) = (draw(ctx, 5) > 0, draw(ctx, 5) > 0, qty(ctx, wild));
            ctx.quote(with_bid.then_some(bid), with_ask.then_some(ask), qty);
        }
        90..98 => {
            let sign = if draw(ctx, 3) == 0 { -1 } else { 1 };
            let qty = qty(ctx, wild).saturating_mul(sign);
            ctx.target(qty);
        }
        _ => ctx.cancel_all(),
    }
}

/// An order with further terms, or two of which one happens; now and then terms that no order can have.
fn special(ctx: &mut Context<'_>, side: Side, price: Ticks, qty: Qty) {
    let (now, lot) = (ctx.now(), ctx.instrument().lot_steps());
    let is_spot = ctx.instrument().kind == InstrumentKind::Spot;
    let group = if draw(ctx, 3) == 0 { ctx.next_group() } else { 0 };
    let mut terms = || {
        let near = price.saturating_add(draw(ctx, 9) as Ticks - 4);
        let trigger = Trigger::ALL[draw(ctx, 4) as usize];
        let waits = trigger != Trigger::None || draw(ctx, 30) == 0;
        Terms {
            level: if waits && (trigger != Trigger::Trailing || draw(ctx, 2) == 0) { near } else { 0 },
            trail: if trigger == Trigger::Trailing { draw(ctx, 120) as u16 } else { 0 },
            by: TriggerBy::ALL[usize::from(draw(ctx, 6) == 0)],
            trigger,
            expires: if draw(ctx, 3) == 0 { now + draw(ctx, 3_000_000_000) as Nanos } else { 0 },
            display: if draw(ctx, 3) == 0 { draw(ctx, 5) as Qty * lot } else { 0 },
            self_trade: SelfTrade::ALL[draw(ctx, 4) as usize],
            group,
            // Where it may reduce, an account that several share decides what it may do to one of them.
            reduce_only: is_spot && draw(ctx, 20) == 0,
        }
    };
    let (first, second) = (terms(), terms());
    let (life, market) = (LIVES[draw(ctx, 4) as usize], draw(ctx, 2) == 0);
    ctx.submit_with(side, OrderKind::Limit, life, price, qty, first);
    if group != 0 {
        let (kind, price) = if market { (OrderKind::Market, 0) } else { (OrderKind::Limit, price) };
        ctx.submit_with(side, kind, TimeInForce::Gtc, price, qty, second);
    }
}

fn make(wake: &Wake, ctx: &mut Context<'_>, lots: Qty, half_spread: Ticks) {
    let (Some(bid), Some(ask)) = (ctx.book().best(Side::Buy), ctx.book().best(Side::Sell)) else { return };
    if matches!(wake, Wake::Timer(_) | Wake::Fill(..)) {
        let (mid, lot) = (bid.midpoint(ask), ctx.instrument().lot_steps());
        let lean = ctx.position() / (lots * lot).max(1);
        ctx.quote(Some(mid - half_spread - lean), Some(mid + half_spread - lean), lots * lot);
    }
}

fn take(wake: &Wake, ctx: &mut Context<'_>, lots: Qty) {
    let answered = matches!(wake, Wake::Order(_) | Wake::Fill(..));
    if *wake == Wake::Start || ctx.book().updated() == NO_TIME || answered && draw(ctx, 4) > 0 {
        return;
    }
    let qty = lots * ctx.instrument().lot_steps();
    let side = SIDES[draw(ctx, 2) as usize];
    let touch = ctx.book().best(side.opposite());
    match (draw(ctx, 12), touch) {
        (0, Some(touch)) => {
            ctx.submit(side, OrderKind::Limit, TimeInForce::Ioc, touch + 2 * side.sign(), qty);
        }
        (1, Some(touch)) => {
            ctx.submit(side, OrderKind::Limit, TimeInForce::Fok, touch, qty);
        }
        (2, _) => {
            ctx.submit(side, OrderKind::Market, TimeInForce::Ioc, 0, qty);
        }
        (3..6, _) => ctx.target(0),
        (6, Some(touch)) => {
            ctx.submit(side, OrderKind::Limit, TimeInForce::Gtc, touch, qty);
        }
        _ => {}
    }
}
