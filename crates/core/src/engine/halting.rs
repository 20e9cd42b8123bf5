//! Stopping and letting go on: all trading, one strategy, one order.

use super::Engine;
use crate::record::Decision;
use crate::types::{Nanos, OrderId, StrategyIx};

impl Engine {
    /// Stops all trading: nothing passes the gate any more and every open order is cancelled.
    pub fn halt(&mut self, now: Nanos) {
        self.state.now = now;
        self.state.halted = true;
        (0..self.strategies.len()).for_each(|index| self.state.cancel_all(index as StrategyIx));
    }

    /// Lets orders pass again after a halt.
    pub fn resume(&mut self) {
        self.state.halted = false;
    }

    /// Lets a strategy that was stopped be called again.
    pub fn run_strategy(&mut self, strategy: StrategyIx) {
        self.state.legs(strategy).for_each(|leg| self.state.slots[usize::from(leg)].running = true);
        self.state.listen_anew();
    }

    /// Cancels one open order, whoever's it is; of one that has ended nothing comes.
    pub fn cancel(&mut self, order: OrderId, now: Nanos) {
        self.state.now = self.state.now.max(now);
        if let Some(strategy) = self.state.orders.get(order).map(|order| order.request.strategy) {
            self.state.cancel(strategy, order);
        }
    }

    /// Stops one strategy: it is not called again and its orders are cancelled.
    pub fn stop_strategy(&mut self, strategy: StrategyIx, now: Nanos) {
        self.state.now = now;
        let legs = self.state.legs(strategy);
        legs.clone().for_each(|leg| self.state.slots[usize::from(leg)].running = false);
        self.state.listen_anew();
        self.state.log.add(&Decision::Stopped { ts: now, strategy: legs.start });
        legs.for_each(|leg| self.state.cancel_all(leg));
    }
}
