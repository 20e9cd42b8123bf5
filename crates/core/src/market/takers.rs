//! Takers: market orders that excite more of the same side, so that they come in bursts and in runs.

use super::cancelling::side_by;
use super::floor::{Floor, Participant, nanos, tag};
use super::order_book::NewOrder;
use super::params::TakerParams;
use crate::random::Stream;
use crate::types::{Nanos, OrderKind, Side, TimeInForce};

/// A two-sided Hawkes process with exponential kernels, drawn by thinning (Ogata 1981).
pub(super) struct Takers {
    stream: Stream,
    params: TakerParams,
    /// Excitation in orders per second, by side and kernel, as of `at`.
    excited: [[f64; 3]; 2],
    at: Nanos,
    /// Orders per second assumed when the next candidate was drawn.
    bound: f64,
    next: Nanos,
}

impl Takers {
    pub(super) fn new(seed: u64, params: TakerParams, start: Nanos) -> Self {
        let stream = Stream::new(seed, u64::from(tag::TAKERS));
        Self { stream, params, excited: [[0.0; 3]; 2], at: start, bound: 0.0, next: start }
    }

    /// Lets the excitation fade until `now`, and returns the orders per second of both sides.
    fn rates(&mut self, now: Nanos, base: f64) -> [f64; 2] {
        let passed_s = (now - self.at) as f64 * 1e-9;
        self.at = now;
        for (kernel, delay_s) in self.params.delay_s.iter().enumerate() {
            let keep = libm::exp(-passed_s / delay_s);
            self.excited[0][kernel] *= keep;
            self.excited[1][kernel] *= keep;
        }
        self.excited.map(|kernels| 0.5 * base + kernels.iter().sum::<f64>())
    }

    fn excite(&mut self, side: Side) {
        for kernel in 0..self.params.excited.len() {
            let rise = self.params.excited[kernel] / self.params.delay_s[kernel];
            self.excited[side as usize][kernel] += rise * self.params.same_side;
            self.excited[side.opposite() as usize][kernel] += rise * (1.0 - self.params.same_side);
        }
    }

    fn take(&mut self, side: Side, floor: &mut Floor) {
        let mut qty = floor.scale.draw(&self.params.size, &mut self.stream);
        let within_touch = self.stream.uniform() < self.params.within_touch;
        if let Some((_, offered)) = floor.book.best(side.opposite()).filter(|_| within_touch) {
            qty = qty.min(offered);
        }
        let (kind, time_in_force) = (OrderKind::Market, TimeInForce::Ioc);
        floor.submit(NewOrder { owner: tag::TAKERS, side, kind, time_in_force, price: 0, qty });
    }
}

impl Participant for Takers {
    fn due(&self) -> Nanos {
        self.next
    }

    fn act(&mut self, floor: &mut Floor) {
        let base = self.params.base_per_s * libm::pow(floor.volatility, self.params.activity);
        let [buys, sells] = self.rates(floor.now, base);
        if self.stream.uniform() * self.bound < buys + sells {
            let side = side_by(&mut self.stream, buys / (buys + sells));
            self.take(side, floor);
            self.excite(side);
        }
        self.bound = self.rates(floor.now, base).iter().sum();
        self.next = floor.now + nanos(self.stream.exponential() / self.bound);
    }
}
