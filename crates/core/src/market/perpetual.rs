//! What only a perpetual has: a mark price every second, and a funding rate at the funding times.

use super::floor::Floor;
use super::params::PremiumParams;
use crate::event::Kind;
use crate::types::{Nanos, Qty, SECOND, Ticks};

/// Seconds over which the mark price smooths the premium.
const SMOOTHING_S: f64 = 30.0;

/// What a perpetual's venue says of it beside its book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The mark price of the last whole second; the index before the first.
    pub mark: Ticks,
    /// The index price.
    pub index: Ticks,
    /// The funding rate as it would be by the premium so far, 10⁻⁹.
    pub rate: Qty,
    /// When it is paid.
    pub next_funding: Nanos,
}

/// Samples the premium of the book's mid over the index each second.
pub(super) struct Perpetual {
    params: PremiumParams,
    interval: Nanos,
    next_mark: Nanos,
    next_funding: Nanos,
    /// Premium as a share of the index, smoothed for the mark price.
    smoothed: f64,
    sum: f64,
    samples: f64,
    mark: Option<Ticks>,
}

impl Perpetual {
    pub(super) fn new(params: PremiumParams, interval_hours: u32, start: Nanos) -> Self {
        let interval = Nanos::from(interval_hours.max(1)) * 3_600 * SECOND;
        Self {
            params,
            interval,
            next_mark: next_multiple(start, SECOND),
            next_funding: next_multiple(start, interval),
            smoothed: 0.0,
            sum: 0.0,
            samples: 0.0,
            mark: None,
        }
    }

    pub(super) fn due(&self) -> Nanos {
        self.next_mark.min(self.next_funding)
    }

    /// The funding rate by the premium since the last funding time, 10⁻⁹.
    fn rate(&self) -> Qty {
        rate(&self.params, libm::round(self.sum / self.samples.max(1.0) * 1e9) as Qty)
    }

    pub(super) fn mark(&self, index: f64) -> Mark {
        let index = libm::round(index) as Ticks;
        Mark { mark: self.mark.unwrap_or(index), index, rate: self.rate(), next_funding: self.next_funding }
    }

    pub(super) fn act(&mut self, floor: &mut Floor, index: f64) {
        if floor.now == self.next_mark {
            let premium = floor.mid() / index - 1.0;
            self.sum += premium;
            self.samples += 1.0;
            let weight = (1.0 / SMOOTHING_S).max(1.0 / self.samples);
            self.smoothed += weight * (premium - self.smoothed);
            let mark = libm::round(index * (1.0 + self.smoothed)) as Ticks;
            self.mark = Some(mark);
            floor.feed.single(floor.now, Kind::Mark, mark, 0);
            self.next_mark += SECOND;
        } else {
            floor.feed.single(floor.now, Kind::Funding, 0, self.rate());
            (self.sum, self.samples) = (0.0, 0.0);
            self.next_funding += self.interval;
        }
    }
}

/// The rate by Binance's formula, 10⁻⁹: mean premium + clamp(interest − mean premium).
pub(super) fn rate(params: &PremiumParams, premium: Qty) -> Qty {
    premium + (params.interest - premium).clamp(-params.clamp, params.clamp)
}

/// The first multiple of `step` not before `at`.
fn next_multiple(at: Nanos, step: Nanos) -> Nanos {
    at + (-at).rem_euclid(step)
}
