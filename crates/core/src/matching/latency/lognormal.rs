//! Lognormal times with spikes, and the venues' defaults.
//!
//! Source: round trips over the public internet are skewed to the right, and a lognormal with rare large additions is
//! the usual fit of their body and tail. Assumption: one message's time says nothing of the next's, but that none
//! overtakes. Flatters where the slow times come together with the moves one wanted to trade.

use crate::random::Stream;
use crate::types::{MILLISECOND, Nanos};

/// The quantile of a standard normal that nine of ten draws lie within, on both sides.
const NINE_TENTHS: f64 = 1.644_853_626_951_472_2;
/// One message in so many is held up, where a venue's default is taken.
const SPIKE_EVERY: u64 = 500;

/// exp of a normal, and now and then an exponential time more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lognormal {
    /// Half of the messages take less, spikes apart.
    pub median: Nanos,
    /// Deviation of the logarithm.
    pub sigma: f64,
    /// One message in so many is held up; 0: none.
    pub spike_every: u64,
    /// How much longer those take, in the mean.
    pub spike: Nanos,
}

impl Lognormal {
    /// Nine of ten messages take between `low` and `high`; no spikes.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    pub fn between(low: Nanos, high: Nanos) -> Self {
        let (low, high) = (low as f64, high as f64);
        let sigma = libm::log(high / low) / (2.0 * NINE_TENTHS);
        Self { median: libm::round(libm::sqrt(low * high)) as Nanos, sigma, spike_every: 0, spike: 0 }
    }

    /// The default of a venue by its name in instrument ids; `None` for a venue without one.
    pub fn of_venue(name: &str) -> Option<Self> {
        let (_, low, high) = VENUES.iter().find(|venue| venue.0 == name)?;
        let body = Self::between(low * MILLISECOND, high * MILLISECOND);
        // A spike holds a message up by ten times its usual way in the mean.
        Some(Self { spike_every: SPIKE_EVERY, spike: 10 * body.median, ..body })
    }

    /// One message's time: four draws.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    pub(super) fn draw(&self, random: &mut Stream) -> Nanos {
        let body = self.median as f64 * libm::exp(self.sigma * random.normal());
        let (held_up, by) = (random.below(self.spike_every.max(1)) == 0, random.exponential());
        let spike = if held_up && self.spike_every > 0 { self.spike as f64 * by } else { 0.0 };
        (body + spike) as Nanos
    }
}

/// Each venue's one-way time in ms that nine of ten messages lie within, for a client on another continent's public
/// internet, a guess to be replaced by one's own measurement. Binance and Coinbase: the ranges that this project was
/// given. The others by where they are hosted: `KuCoin` beside Binance (AWS Tokyo); Bybit in AWS Singapore (its own
/// documents); OKX in Hong Kong and Crypto.com in Asia, whose REST round trips from the United States were measured at
/// 235–250 and 190–200 ms (median; two such ways make one); Kraken at Equinix London (its documents give 60 ms for the
/// round trip from the United States over a leased line: here twice that at the slow end).
pub const VENUES: [(&str, Nanos, Nanos); 7] = [
    ("binance", 50, 100),
    ("bybit", 60, 120),
    ("coinbase", 100, 200),
    ("cryptocom", 70, 140),
    ("kraken", 30, 60),
    ("kucoin", 50, 100),
    ("okx", 80, 160),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_of_ten_lie_between_and_spikes_are_as_rare_and_as_large_as_said() {
        let model =
            Lognormal { spike_every: 100, spike: 900 * MILLISECOND, ..Lognormal::between(50_000_000, 100_000_000) };
        assert_eq!((model.median, (model.sigma * 1e4).round()), (70_710_678, 2107.0));
        let mut random = Stream::new(3, 1);
        let drawn: Vec<Nanos> = (0..100_000).map(|_| model.draw(&mut random)).collect();
        assert_eq!(random.index(), 400_000, "four draws each");
        let share = |of: &dyn Fn(Nanos) -> bool| drawn.iter().filter(|&&time| of(time)).count() as f64 / 1e5;
        assert!((share(&|time| time < 50_000_000) - 0.05 * 0.99).abs() < 0.003);
        assert!((share(&|time| time > 100_000_000) - (0.05 * 0.99 + 0.01)).abs() < 0.003);
        // An exponential of 900 ms is above 900 ms once in e.
        assert!((share(&|time| time > 970_000_000) - 0.01 / std::f64::consts::E).abs() < 0.001);
        let steady = Lognormal { sigma: 0.0, spike_every: 0, ..model };
        assert_eq!(steady.draw(&mut random), 70_710_678);
    }

    #[test]
    fn every_venue_has_a_default_and_no_other_name_has() {
        for (name, low, high) in VENUES {
            let model = Lognormal::of_venue(name).unwrap();
            assert!(low * MILLISECOND < model.median && model.median < high * MILLISECOND, "{name}");
            assert_eq!((model.spike_every, model.spike), (500, 10 * model.median));
        }
        assert_eq!(Lognormal::of_venue("simulated"), None);
    }
}
