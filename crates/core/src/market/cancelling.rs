//! Orders taken back: by a hazard that falls with the distance from the touch, and under pressure of the value.

use super::floor::{Floor, LAST_OWN_TAG, Participant, nanos, tag};
use super::order_book::BookOrderId;
use super::params::{HazardParams, PressureParams};
use crate::random::Stream;
use crate::types::{Nanos, Side};

/// Cancellations per order and second at `distance_bp` behind the touch.
#[inline]
pub(super) fn hazard(params: &HazardParams, distance_bp: f64) -> f64 {
    let falling = if distance_bp <= 0.0 {
        params.at_touch
    } else {
        params.behind * libm::pow(1.0 + distance_bp / params.decay_bp, -params.exponent)
    };
    falling.max(params.least)
}

/// The resting orders of one kind, any of which may be cancelled at any time.
///
/// Orders are looked at one by one, at random and at the fastest rate any of them may have, and a look cancels with the
/// share that the order's own hazard has of that rate (thinning): no order needs a clock.
pub(super) struct Patience {
    stream: Stream,
    params: HazardParams,
    /// Looks per order and second: the largest hazard possible.
    fastest: f64,
    orders: Vec<BookOrderId>,
    next: Nanos,
}

impl Patience {
    /// `nearest_bp` is the least distance at which such orders are placed.
    pub(super) fn new(seed: u64, kind: u32, params: HazardParams, nearest_bp: f64, start: Nanos) -> Self {
        let touch = if nearest_bp > 0.0 { 0.0 } else { params.at_touch };
        let fastest = hazard(&params, nearest_bp.max(1e-9)).max(touch);
        let stream = Stream::new(seed, u64::from(tag::CANCELLING + kind));
        Self { stream, params, fastest, orders: Vec::new(), next: start }
    }

    pub(super) fn keep(&mut self, order: BookOrderId) {
        self.orders.push(order);
    }

    pub(super) fn due(&self) -> Nanos {
        self.next
    }

    /// Looks at one order, and draws when to look at the next.
    pub(super) fn act(&mut self, floor: &mut Floor) {
        if !self.orders.is_empty() {
            let at = self.stream.below(self.orders.len() as u64) as usize;
            let drawn = self.stream.uniform() * self.fastest;
            match floor.book.order(self.orders[at]) {
                None => {
                    self.orders.swap_remove(at);
                }
                Some(order) => {
                    let ticks = ((floor.touch(order.side) - order.price) * order.side.sign()) as f64;
                    if drawn < hazard(&self.params, ticks / floor.bp()) {
                        floor.cancel(order.id);
                        self.orders.swap_remove(at);
                    }
                }
            }
        }
        let looks_per_s = self.fastest * self.orders.len().max(1) as f64;
        self.next = floor.now + nanos(self.stream.exponential() / looks_per_s);
    }
}

/// Whoever stands at a best price that the value has moved through withdraws: the further, the faster.
pub(super) struct Withdrawal {
    stream: Stream,
    params: PressureParams,
    next: Nanos,
}

impl Withdrawal {
    pub(super) fn new(seed: u64, params: PressureParams, start: Nanos) -> Self {
        Self { stream: Stream::new(seed, u64::from(tag::WITHDRAWAL)), params, next: start }
    }
}

impl Participant for Withdrawal {
    fn due(&self) -> Nanos {
        self.next
    }

    fn act(&mut self, floor: &mut Floor) {
        let (side, pressure) = floor.pressure();
        if pressure > 0.0 {
            let orders = self.params.withdrawn * libm::pow(pressure, self.params.exponent) + self.stream.uniform();
            for _ in 0..orders as u64 {
                let oldest = floor.book.queue(side, floor.touch(side)).find(|order| order.owner <= LAST_OWN_TAG);
                let Some(order) = oldest else { break };
                floor.cancel(order.id);
                if floor.touch(side) != order.price {
                    break;
                }
            }
        }
        self.next += nanos(self.params.watch_s);
    }
}

/// The side a coin that lands on bids with this share shows.
#[inline]
pub(super) fn side_by(stream: &mut Stream, bids: f64) -> Side {
    if stream.uniform() < bids { Side::Buy } else { Side::Sell }
}
