//! How long messages travel: feed, order entry and response apart.

mod delay;
mod lognormal;
mod sampled;

pub use delay::Delay;
pub use lognormal::{Lognormal, VENUES};
pub use sampled::{Measured, Quantiles};

use crate::random::Stream;
use crate::types::Nanos;

/// One-way times. Each is added to a clock that never falls, so that messages of one connection keep their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    /// Venue to us for market data; `None` takes each row's recorded receive time.
    pub feed: Option<Delay>,
    /// Us to venue for requests.
    pub entry: Delay,
    /// Venue to us for reports.
    pub response: Delay,
}

impl Latency {
    /// Market data as recorded, requests and reports always as long under way.
    pub const fn constant(entry: Nanos, response: Nanos) -> Self {
        Self { feed: None, entry: Delay::Constant(entry), response: Delay::Constant(response) }
    }
}

/// One direction of a connection: arrival times that never fall.
#[derive(Clone, Debug)]
pub struct Wire {
    delay: Delay,
    random: Stream,
    last: Nanos,
}

impl Wire {
    /// A wire with a model of its delay and the randomness of its messages.
    pub fn new(delay: Delay, random: Stream) -> Self {
        Self { delay, random, last: Nanos::MIN }
    }

    /// When something sent now arrives.
    #[inline]
    pub fn arrival(&mut self, sent: Nanos) -> Nanos {
        self.last = self.last.max(sent.saturating_add(self.delay.of(sent, &mut self.random)));
        self.last
    }
}
