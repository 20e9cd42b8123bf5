//! What a strategy sees and may ask for while it is awake.

use super::state::{State, Timer, TimerKind};
use crate::book::Book;
use crate::event::Kind;
use crate::feature::{Clock, IndicatorId, Reading, Series, Spec, Units};
use crate::instrument::Instrument;
use crate::order::{Order, OrderRequest, Terms};
use crate::random::Stream;
use crate::strategy::Quote;
use crate::types::{Money, Nanos, OrderId, OrderKind, Qty, Side, StrategyIx, Ticks, TimeInForce};

/// A strategy's wish, carried out when its wake-up ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Submit(OrderId, OrderRequest),
    Cancel(OrderId),
    CancelAll,
    Amend(OrderId, Ticks, Qty),
    Quote(Side, Option<Ticks>, Qty),
    Target(Qty),
}

/// One strategy's window on the engine, for the length of one wake-up.
pub struct Context<'a> {
    pub(super) state: &'a mut State,
    pub(super) strategy: StrategyIx,
}

impl Context<'_> {
    /// The engine's time.
    #[inline]
    pub fn now(&self) -> Nanos {
        self.state.now
    }

    /// What the strategy trades.
    #[inline]
    pub fn instrument(&self) -> &Instrument {
        &self.state.view_of(self.strategy).instrument
    }

    /// The book as we see it now.
    #[inline]
    pub fn book(&self) -> &Book {
        &self.state.view_of(self.strategy).book
    }

    /// Between the bests, nearer to the side with less: (bid × ask size + ask × bid size) / (bid size + ask size), in
    /// ticks. NaN where a side is empty.
    #[allow(clippy::cast_precision_loss)]
    pub fn microprice(&self) -> f64 {
        let book = self.book();
        let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) else { return f64::NAN };
        let (bid_size, ask_size) = (book.qty(Side::Buy, bid) as f64, book.qty(Side::Sell, ask) as f64);
        (bid as f64 * ask_size + ask as f64 * bid_size) / (bid_size + ask_size)
    }

    /// The id that the next order asked for gets.
    pub fn next_order(&self) -> OrderId {
        self.state.orders.next_id()
    }

    /// Price of the last trade in ticks.
    pub fn last_trade(&self) -> Option<Ticks> {
        self.state.view_of(self.strategy).last_trade
    }

    /// The venue's best prices as quoted apart from the book; zeros before the first quote.
    pub fn quoted(&self) -> Quote {
        self.state.view_of(self.strategy).quote
    }

    /// Held, in steps.
    #[inline]
    pub fn position(&self) -> Qty {
        self.state.ledger.position(self.strategy).qty
    }

    /// Made so far after fees, at the middle of the book.
    pub fn pnl(&self) -> Money {
        self.state.pnl(self.strategy)
    }

    /// Cash of the account in quote currency.
    pub fn cash(&self) -> Money {
        let slot = &self.state.slots[usize::from(self.strategy)];
        self.state.ledger.cash(slot.account, self.state.view_of(self.strategy).currencies.quote)
    }

    /// The strategy's open orders, oldest first.
    pub fn orders(&self) -> impl Iterator<Item = &Order> + '_ {
        self.state.orders.open(self.strategy)
    }

    /// An open order of the strategy.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.state.orders.get(id).filter(|order| order.request.strategy == self.strategy)
    }

    /// The strategy's own randomness.
    pub fn random(&mut self) -> &mut Stream {
        &mut self.state.slots[usize::from(self.strategy)].random
    }

    /// Wakes the strategy every `interval` ns from now on; returns the timer's number. Panics if that is not above 0.
    pub fn every(&mut self, interval: Nanos) -> u16 {
        assert!(interval > 0, "`interval` must be above 0");
        let slot = &mut self.state.slots[usize::from(self.strategy)];
        let id = slot.timers.len() as u16;
        slot.timers.push(interval);
        let at = self.state.now.saturating_add(interval);
        self.state.timers.push(Timer::at(at, TimerKind::Strategy, self.strategy, id));
        id
    }

    /// Wakes the strategy at the close of every bar of a clock (nanoseconds: of that length); returns the series'
    /// number. Panics if what closes a bar is not above 0.
    pub fn bars(&mut self, clock: impl Into<Clock>) -> u16 {
        let series = self.series(clock);
        let view = &mut self.state.views[usize::from(self.state.slots[usize::from(self.strategy)].instrument)];
        if !view.bar_listeners.contains(&(series, self.strategy)) {
            view.bar_listeners.push((series, self.strategy));
        }
        view.trade_bars_heard |= !matches!(view.series[usize::from(series)].clock(), Clock::Time(_));
        view.sought |= u8::from(view.trade_bars_heard) << Kind::Trade as u8;
        series
    }

    /// The bars of a clock for indicators to follow, without being woken for them; returns the series' number. Panics
    /// if what closes a bar is not above 0.
    pub fn series(&mut self, clock: impl Into<Clock>) -> u16 {
        let (clock, now) = (clock.into(), self.state.now);
        let instrument = self.state.slots[usize::from(self.strategy)].instrument;
        let view = &mut self.state.views[usize::from(instrument)];
        if let Some(known) = view.series.iter().position(|series| series.clock() == clock) {
            return known as u16;
        }
        let (series, id) = (Series::new(clock, Units::of(&view.instrument), now), view.series.len() as u16);
        if let Some(at) = series.next_close(now) {
            self.state.timers.push(Timer::at(at, TimerKind::Bar, instrument, id));
        }
        view.series.push(series);
        id
    }

    /// An indicator over the bars of a series. Panics if there is no such series.
    pub fn indicator(&mut self, series: u16, spec: Spec) -> IndicatorId {
        let instrument = self.state.slots[usize::from(self.strategy)].instrument;
        let index = self.state.views[usize::from(instrument)].series[usize::from(series)].add(spec);
        IndicatorId { instrument, series, index }
    }

    /// An indicator as it stands.
    #[inline]
    pub fn reading(&self, id: IndicatorId) -> &Reading {
        self.state.views[usize::from(id.instrument)].series[usize::from(id.series)].reading(id.index)
    }

    /// What the position cost on average, in ticks; `None` without one.
    #[allow(clippy::cast_precision_loss)]
    pub fn average_price(&self) -> Option<f64> {
        let position = self.state.ledger.position(self.strategy);
        let worth = self.instrument().step_value() as f64 * position.qty as f64;
        (position.qty != 0).then(|| position.cost as f64 / worth)
    }

    /// Asks for an order; returns the id it has if the risk gate lets it pass.
    pub fn submit(
        &mut self,
        side: Side,
        kind: OrderKind,
        time_in_force: TimeInForce,
        price: Ticks,
        qty: Qty,
    ) -> OrderId {
        self.submit_with(side, kind, time_in_force, price, qty, Terms::PLAIN)
    }

    /// Asks for an order with further terms; returns the id it has if the risk gate lets it pass.
    ///
    /// Members of a group that are asked for one after the other pass the gate together or not at all.
    pub fn submit_with(
        &mut self,
        side: Side,
        kind: OrderKind,
        time_in_force: TimeInForce,
        price: Ticks,
        qty: Qty,
        terms: Terms,
    ) -> OrderId {
        let instrument = self.state.slots[usize::from(self.strategy)].instrument;
        let request =
            OrderRequest { strategy: self.strategy, instrument, side, kind, time_in_force, price, qty, terms };
        let id = self.state.orders.reserve_id();
        self.state.intents.push(Intent::Submit(id, request));
        id
    }

    /// A number for a group of orders of which one may happen, see [`Terms::group`].
    pub fn next_group(&mut self) -> u16 {
        self.state.next_group(self.strategy)
    }

    /// Whether orders with further terms pass the gate at all.
    pub fn only_plain_orders(&self) -> bool {
        self.state.slots[usize::from(self.strategy)].gate.plain_only
    }

    /// Asks for the end of an order. Of an order that has ended already, nothing comes.
    pub fn cancel(&mut self, order: OrderId) {
        self.state.intents.push(Intent::Cancel(order));
    }

    /// Asks for the end of all the strategy's orders.
    pub fn cancel_all(&mut self) {
        self.state.intents.push(Intent::CancelAll);
    }

    /// Asks for a new price (ticks) and whole quantity (steps) of an order.
    pub fn amend(&mut self, order: OrderId, price: Ticks, qty: Qty) {
        self.state.intents.push(Intent::Amend(order, price, qty));
    }

    /// Keeps a two-sided post-only quote; `None` takes a side away. A side is renewed when its price changes or its
    /// order is gone; a price that would cross moves to the own touch; a side that balance, minimum or a limit forbids
    /// is withheld and counted once per change of the reason.
    pub fn quote(&mut self, bid: Option<Ticks>, ask: Option<Ticks>, qty: Qty) {
        self.state.intents.push(Intent::Quote(Side::Buy, bid, qty));
        self.state.intents.push(Intent::Quote(Side::Sell, ask, qty));
    }

    /// Brings the position to `qty` steps by market orders. What is below the instrument's minimum is left.
    pub fn target(&mut self, qty: Qty) {
        self.state.intents.push(Intent::Target(qty));
    }
}
