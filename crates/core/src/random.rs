//! Randomness drawn by key (seed, stream): adding a stream changes no other, and a stream can be skipped or resumed.

/// A seeded stream of random numbers: SplitMix64 (Steele, Lea and Flood 2014), whose state is a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    key: u64,
    index: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Stream {
    /// The stream of this number under a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { key: mix(seed ^ mix(stream.wrapping_mul(GOLDEN).wrapping_add(GOLDEN))), index: 0 }
    }

    /// The same stream, `index` draws in.
    pub fn at(seed: u64, stream: u64, index: u64) -> Self {
        Self { index, ..Self::new(seed, stream) }
    }

    /// A stream of its own that this one's key leads to, wherever this one stands.
    #[must_use]
    pub fn branch(&self, number: u64) -> Self {
        Self::new(self.key, number)
    }

    /// The stream of this [`Stream::key`], `index` draws in.
    pub fn resumed(key: u64, index: u64) -> Self {
        Self { key, index }
    }

    /// How many numbers have been drawn.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// What the numbers are made from, beside how many were drawn: for code that draws on its own.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Goes on as if `index` numbers had been drawn.
    pub fn go_to(&mut self, index: u64) {
        self.index = index;
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.index += 1;
        mix(self.key.wrapping_add(self.index.wrapping_mul(GOLDEN)))
    }

    /// Uniform in [0, 1), 53 bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let bits = (self.bits() >> 11) as f64;
        bits * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform in `0..bound`. Panics if `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "`bound` must be above 0");
        // Multiply and shift (Lemire 2019), without the rejection step: the bias is below bound / 2⁶⁴.
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Exponential with mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -libm::log1p(-self.uniform())
    }

    /// Standard normal (Box and Muller 1958; one of the pair is dropped, so that each draw stands alone).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(2.0 * self.exponential());
        radius * libm::cos(2.0 * std::f64::consts::PI * self.uniform())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_fixed_by_its_key_and_can_be_resumed() {
        let mut first = Stream::new(7, 1);
        let drawn: Vec<u64> = (0..5).map(|_| first.bits()).collect();
        assert_eq!(Stream::at(7, 1, 3).bits(), drawn[3]);
        assert_ne!(Stream::new(7, 2).bits(), drawn[0]);
        assert_ne!(Stream::new(8, 1).bits(), drawn[0]);
        let branches = [first.branch(0), first.branch(1), Stream::new(7, 1).branch(0)].map(|mut branch| branch.bits());
        assert_eq!(branches[0], branches[2]);
        assert!(branches[0] != branches[1] && !drawn.contains(&branches[0]));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut stream = Stream::new(1, 0);
        let n = 200_000;
        let mean = |f: &mut dyn FnMut() -> f64| (0..n).map(|_| f()).sum::<f64>() / f64::from(n);
        assert!((mean(&mut || stream.uniform()) - 0.5).abs() < 0.005);
        assert!((mean(&mut || stream.exponential()) - 1.0).abs() < 0.02);
        assert!(mean(&mut || stream.normal()).abs() < 0.02);
        assert!((mean(&mut || stream.normal().powi(2)) - 1.0).abs() < 0.02);
        assert!((0..1000).all(|_| stream.below(3) < 3));
    }
}
