//! The value that everybody trades around, and for a perpetual its premium over the index.

use super::floor::{Floor, Participant, nanos, tag};
use super::params::{PremiumParams, ValueParams};
use crate::random::Stream;
use crate::types::Nanos;

/// An Ornstein–Uhlenbeck process of mean 0, stepped exactly.
#[derive(Clone, Copy, Debug)]
pub(super) struct MeanReverting {
    pub(super) level: f64,
    keep: f64,
    kick: f64,
}

impl MeanReverting {
    /// With a stationary standard deviation, at which it starts, and a memory, stepped every `step_s` seconds.
    pub(super) fn new(sd: f64, memory_s: f64, step_s: f64, stream: &mut Stream) -> Self {
        let keep = libm::exp(-step_s / memory_s);
        Self { level: sd * stream.normal(), keep, kick: sd * libm::sqrt(1.0 - keep * keep) }
    }

    pub(super) fn step(&mut self, stream: &mut Stream) -> f64 {
        self.level = self.keep * self.level + self.kick * stream.normal();
        self.level
    }
}

/// A diffusion whose log-volatility has a fast and a slow mean-reverting part, with rare jumps.
pub(super) struct Value {
    stream: Stream,
    params: ValueParams,
    fast: MeanReverting,
    slow: MeanReverting,
    /// Of the index, in ticks.
    index: f64,
    premium: Option<(Stream, MeanReverting)>,
    next: Nanos,
}

impl Value {
    pub(super) fn new(
        seed: u64,
        params: ValueParams,
        premium: Option<PremiumParams>,
        index: f64,
        start: Nanos,
    ) -> Self {
        let premium = premium.map(|p| {
            let mut stream = Stream::new(seed, u64::from(tag::PREMIUM));
            let process = MeanReverting::new(p.sd_bp, p.memory_s, params.step_s, &mut stream);
            (stream, process)
        });
        let mut stream = Stream::new(seed, u64::from(tag::VALUE));
        Self {
            fast: MeanReverting::new(params.fast_sd, params.fast_s, params.step_s, &mut stream),
            slow: MeanReverting::new(params.slow_sd, params.slow_s, params.step_s, &mut stream),
            stream,
            params,
            index,
            premium,
            next: start,
        }
    }

    /// The index, in ticks: what the value would be without the premium.
    pub(super) fn index(&self) -> f64 {
        self.index
    }
}

impl Participant for Value {
    fn due(&self) -> Nanos {
        self.next
    }

    fn act(&mut self, floor: &mut Floor) {
        let ValueParams { step_s, volatility_bp, jumps_per_s, jump_bp, .. } = self.params;
        let log_volatility = self.fast.step(&mut self.stream) + self.slow.step(&mut self.stream);
        floor.volatility = libm::exp(log_volatility);
        let mut change_bp = volatility_bp * floor.volatility * libm::sqrt(step_s) * self.stream.normal();
        if self.stream.uniform() < jumps_per_s * step_s * floor.volatility {
            let size = jump_bp * self.stream.exponential();
            change_bp += if self.stream.uniform() < 0.5 { size } else { -size };
        }
        self.index *= libm::exp(change_bp * 1e-4);
        let premium_bp = self.premium.as_mut().map_or(0.0, |(stream, process)| process.step(stream));
        floor.value = self.index * (1.0 + premium_bp * 1e-4);
        self.next += nanos(step_s);
    }
}
