//! Makers who compete for the best prices: they join them, close a spread that has opened, and pull under pressure.

use super::cancelling::{Patience, side_by};
use super::floor::{Floor, Participant, nanos, tag};
use super::params::TouchParams;
use crate::random::Stream;
use crate::types::{Nanos, Side};

/// All makers at the touch.
pub(super) struct TouchMakers {
    stream: Stream,
    params: TouchParams,
    patience: Patience,
    next_join: Nanos,
    /// When somebody narrows the spread; `Nanos::MAX` while it is one tick.
    next_close: Nanos,
}

impl TouchMakers {
    pub(super) fn new(seed: u64, params: TouchParams, start: Nanos) -> Self {
        Self {
            stream: Stream::new(seed, u64::from(tag::TOUCH)),
            params,
            patience: Patience::new(seed, tag::TOUCH, params.hazard, 0.0, start),
            next_join: start,
            next_close: Nanos::MAX,
        }
    }

    fn join(&mut self, floor: &mut Floor) {
        let side = side_by(&mut self.stream, floor.bid_share());
        let behind = self.stream.uniform() < self.params.behind_share;
        let away = if behind { self.stream.exponential() * self.params.behind_bp * floor.bp() } else { 0.0 };
        let price = Floor::away(side, floor.touch(side) as f64, away);
        self.place(floor, side, price);
        self.next_join = floor.now + nanos(self.stream.exponential() / self.params.joins_per_s);
    }

    /// Narrows the spread from the side that the value leaves room for.
    fn close(&mut self, floor: &mut Floor) {
        self.next_close = Nanos::MAX;
        let (bid, ask) = (floor.touch(Side::Buy), floor.touch(Side::Sell));
        if ask - bid <= 1 {
            return;
        }
        let side = side_by(&mut self.stream, floor.bid_share());
        let whole = self.stream.uniform() < self.params.close_share;
        let step = if whole { ask - bid - 1 } else { 1 + self.stream.below((ask - bid - 1) as u64) as i64 };
        let price = if side == Side::Buy { bid + step } else { ask - step };
        self.place(floor, side, price);
        self.see_gap(floor);
    }

    fn place(&mut self, floor: &mut Floor, side: Side, price: i64) {
        let qty = floor.scale.draw(&self.params.size, &mut self.stream);
        let order = floor.rest(tag::TOUCH, side, price, qty);
        self.patience.keep(order);
    }
}

impl Participant for TouchMakers {
    fn due(&self) -> Nanos {
        self.next_join.min(self.next_close).min(self.patience.due())
    }

    fn act(&mut self, floor: &mut Floor) {
        if floor.now == self.next_close {
            self.close(floor);
        } else if floor.now == self.next_join {
            self.join(floor);
        } else {
            self.patience.act(floor);
        }
    }

    fn see_gap(&mut self, floor: &Floor) {
        if self.next_close == Nanos::MAX && floor.touch(Side::Sell) - floor.touch(Side::Buy) > 1 {
            self.next_close = floor.now + nanos(self.stream.exponential() * self.params.reaction_s);
        }
    }
}
