//! How long messages travel: feed, order entry and response apart.

mod delay;
mod lognormal;
mod sampled;

pub use delay::Delay;
pub use lognormal::{Lognormal, VENUES};
pub use sampled::{Measured, Quantiles};

use crate::types::Nanos;

/// Constant one-way times. Each is added to a clock that never falls, so that messages of one connection keep their
/// order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Venue to us for market data; `None` takes each row's recorded receive time.
    pub feed: Option<Nanos>,
    /// Us to venue for requests.
    pub entry: Nanos,
    /// Venue to us for reports.
    pub response: Nanos,
}

/// One direction of a connection: arrival times that never fall.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    delay: Nanos,
    last: Nanos,
}

impl Wire {
    /// A wire that delays everything by as much.
    pub fn new(delay: Nanos) -> Self {
        Self { delay, last: Nanos::MIN }
    }

    /// When something sent now arrives.
    #[inline]
    pub fn arrival(&mut self, sent: Nanos) -> Nanos {
        self.last = self.last.max(sent.saturating_add(self.delay));
        self.last
    }
}
