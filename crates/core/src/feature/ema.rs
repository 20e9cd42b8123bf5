//! Exponential moving average.

/// `value += 2 / (period + 1) × (x − value)`, begun at the first value; ready after `period` values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ema {
    alpha: f64,
    period: u32,
    seen: u32,
    value: f64,
}

impl Ema {
    /// An average over `period` values. Panics if that is 0.
    pub fn new(period: u32) -> Self {
        assert!(period > 0, "`period` must be above 0");
        Self { alpha: 2.0 / (f64::from(period) + 1.0), period, seen: 0, value: f64::NAN }
    }

    /// Takes the next value.
    #[inline]
    pub fn update(&mut self, x: f64) {
        self.value = if self.seen == 0 { x } else { self.value + self.alpha * (x - self.value) };
        self.seen = self.seen.saturating_add(1);
    }

    /// The average; NaN before the first value.
    #[inline]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Whether `period` values have been seen.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.seen >= self.period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10, 11, 12, 11 with period 3 (α = ½): 10, 10.5, 11.25, 11.125.
    #[test]
    fn an_average_by_hand() {
        let mut ema = Ema::new(3);
        assert!(ema.value().is_nan());
        let values: Vec<f64> = [10.0, 11.0, 12.0, 11.0]
            .iter()
            .map(|&x| {
                ema.update(x);
                ema.value()
            })
            .collect();
        assert_eq!(values, [10.0, 10.5, 11.25, 11.125]);
        assert!(ema.is_ready());
    }
}
