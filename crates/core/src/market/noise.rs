//! Orders without a view: small ones near the touch and far from it, some of them gone at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::cancelling::{Patience, hazard, side_by};
use super::floor::{Floor, Participant, nanos};
use super::order_book::BookOrderId;
use super::params::NoiseParams;
use crate::random::Stream;
use crate::types::{Nanos, Side, Ticks};

/// Noise over one range of distances.
pub(super) struct Noise {
    stream: Stream,
    kind: u32,
    params: NoiseParams,
    patience: Patience,
    fleeting: BinaryHeap<Reverse<(Nanos, BookOrderId)>>,
    next: Nanos,
}

impl Noise {
    /// Places the orders that would rest by now if the flow had always been there.
    pub(super) fn new(seed: u64, kind: u32, params: NoiseParams, floor: &mut Floor) -> Self {
        let patience = Patience::new(seed, kind, params.hazard, params.from_bp, floor.now);
        let stream = Stream::new(seed, u64::from(kind));
        let mut noise = Self { stream, kind, params, patience, fleeting: BinaryHeap::new(), next: floor.now };
        // Orders of a hazard h rest 1/h seconds: draw the arrivals of the longest life, keep those that still rest.
        let slowest = hazard(&params.hazard, params.to_bp);
        let arrivals = params.orders_per_s * (1.0 - params.fleeting_share) / slowest;
        for _ in 0..arrivals as u64 {
            let distance_bp = noise.distance_bp();
            if noise.stream.uniform() * hazard(&params.hazard, distance_bp) < slowest {
                let order = noise.place(distance_bp, floor);
                noise.patience.keep(order);
            }
        }
        noise
    }

    fn distance_bp(&mut self) -> f64 {
        let NoiseParams { from_bp, to_bp, scale_bp, .. } = self.params;
        let [from, to] = [from_bp, to_bp].map(|bp| libm::log1p(bp / scale_bp));
        scale_bp * libm::expm1(from + (to - from) * self.stream.uniform())
    }

    fn place(&mut self, distance_bp: f64, floor: &mut Floor) -> BookOrderId {
        let side = side_by(&mut self.stream, 0.5);
        // Below the value a basis point is taken of the price itself, so that no price falls to zero.
        let share = distance_bp * 1e-4;
        let factor = if side == Side::Buy { 1.0 / (1.0 + share) } else { 1.0 + share };
        let touch = floor.touch(side);
        let price = Floor::away(side, touch as f64 * factor, 0.0);
        let round = self.stream.uniform() < self.params.round_share;
        let price = if round { rounded(side, price, (touch - price).abs()) } else { price };
        let qty = floor.scale.draw(&self.params.size, &mut self.stream);
        floor.rest(self.kind, side, price, qty)
    }
}

/// A price moved away from the touch to a multiple of the power of ten at or below its distance.
fn rounded(side: Side, price: Ticks, distance: Ticks) -> Ticks {
    let unit = 10_i64.pow(distance.max(1).ilog10());
    let down = price - price % unit;
    (if side == Side::Buy { down } else { down + unit }).max(1)
}

impl Participant for Noise {
    fn due(&self) -> Nanos {
        let fleeting = self.fleeting.peek().map_or(Nanos::MAX, |first| first.0.0);
        self.next.min(self.patience.due()).min(fleeting)
    }

    fn act(&mut self, floor: &mut Floor) {
        if floor.now == self.next {
            let distance_bp = self.distance_bp();
            let fleeting = self.stream.uniform() < self.params.fleeting_share;
            let order = self.place(distance_bp, floor);
            if fleeting {
                let stay_s = self.stream.exponential() * self.params.fleeting_s;
                self.fleeting.push(Reverse((floor.now + nanos(stay_s), order)));
            } else {
                self.patience.keep(order);
            }
            self.next = floor.now + nanos(self.stream.exponential() / self.params.orders_per_s);
        } else if floor.now == self.patience.due() {
            self.patience.act(floor);
        } else if let Some(Reverse((_, order))) = self.fleeting.pop() {
            floor.cancel(order);
        }
    }
}
