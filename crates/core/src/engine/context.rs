//! What a strategy sees and may ask for while it is awake.

use super::state::State;
use super::timers::{Timer, TimerKind};
use crate::book::Book;
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
    pub(super) fn ask(&mut self, intent: Intent) {
        self.state.intents.push((self.strategy, intent));
    }

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

    /// The strategy's open orders, oldest first.
    pub fn orders(&self) -> impl Iterator<Item = &Order> + '_ {
        self.state.orders.open(self.strategy)
    }

    /// An open order of the strategy.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.state.orders.get(id).filter(|order| self.state.is_of(order, self.strategy))
    }

    /// The strategy's own randomness.
    pub fn random(&mut self) -> &mut Stream {
        let lead = self.state.slots[usize::from(self.strategy)].lead;
        &mut self.state.slots[usize::from(lead)].random
    }

    /// Wakes the strategy every `interval` ns from now on; returns the timer's number. Panics if that is not above 0.
    pub fn every(&mut self, interval: Nanos) -> u16 {
        assert!(interval > 0, "`interval` must be above 0");
        let lead = self.state.slots[usize::from(self.strategy)].lead;
        let slot = &mut self.state.slots[usize::from(lead)];
        let id = slot.timers.len() as u16;
        slot.timers.push(interval);
        let at = self.state.now.saturating_add(interval);
        self.state.timers.add(Timer::at(at, TimerKind::Strategy, lead, id));
        id
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

    /// Asks for the end of an order. Of an order that has ended already, nothing comes.
    pub fn cancel(&mut self, order: OrderId) {
        self.ask(Intent::Cancel(order));
    }

    /// Asks for the end of all the strategy's orders.
    pub fn cancel_all(&mut self) {
        self.ask(Intent::CancelAll);
    }

    /// Asks for a new price (ticks) and whole quantity (steps) of an order.
    pub fn amend(&mut self, order: OrderId, price: Ticks, qty: Qty) {
        self.ask(Intent::Amend(order, price, qty));
    }

    /// Keeps a two-sided post-only quote; `None` takes a side away. A side is renewed when its price changes or its
    /// order is gone; a price that would cross moves to the own touch; a side that balance, minimum or a limit forbids
    /// is withheld and counted once per change of the reason.
    pub fn quote(&mut self, bid: Option<Ticks>, ask: Option<Ticks>, qty: Qty) {
        self.ask(Intent::Quote(Side::Buy, bid, qty));
        self.ask(Intent::Quote(Side::Sell, ask, qty));
    }

    /// Brings the position to `qty` steps by market orders. What is below the instrument's minimum is left.
    pub fn target(&mut self, qty: Qty) {
        self.ask(Intent::Target(qty));
    }
}
