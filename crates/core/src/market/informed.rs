//! Informed traders: they take what stands on the wrong side of the value.

use super::floor::{Floor, Participant, nanos, tag};
use super::order_book::NewOrder;
use super::params::InformedParams;
use crate::random::Stream;
use crate::types::{Nanos, OrderKind, Side, Ticks, TimeInForce};

/// All informed traders.
pub(super) struct Informed {
    stream: Stream,
    params: InformedParams,
    next: Nanos,
}

impl Informed {
    pub(super) fn new(seed: u64, params: InformedParams, start: Nanos) -> Self {
        Self { stream: Stream::new(seed, u64::from(tag::INFORMED)), params, next: start }
    }
}

impl Participant for Informed {
    fn due(&self) -> Nanos {
        self.next
    }

    fn act(&mut self, floor: &mut Floor) {
        let edge = self.params.edge_bp * floor.bp();
        let (bid, ask) = (floor.touch(Side::Buy) as f64, floor.touch(Side::Sell) as f64);
        let side = if floor.value - ask >= edge {
            Some((Side::Buy, libm::floor(floor.value) as Ticks))
        } else if bid - floor.value >= edge {
            Some((Side::Sell, libm::ceil(floor.value) as Ticks))
        } else {
            None
        };
        if let Some((side, price)) = side {
            let qty = floor.scale.draw(&self.params.size, &mut self.stream);
            let (kind, time_in_force) = (OrderKind::Limit, TimeInForce::Ioc);
            floor.submit(NewOrder { owner: tag::INFORMED, side, kind, time_in_force, price, qty });
        }
        self.next = floor.now + nanos(self.stream.exponential() / self.params.looks_per_s);
    }
}
