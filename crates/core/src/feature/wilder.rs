//! Wilder's smoothing.

/// The mean of the first `period` values, then `(value × (period − 1) + x) / period`.
#[derive(Clone, Debug)]
pub(super) struct Wilder {
    period: f64,
    seen: u32,
    value: f64,
}

impl Wilder {
    pub(super) fn new(period: u32) -> Self {
        Self { period: f64::from(period), seen: 0, value: 0.0 }
    }

    /// Takes the next value; NaN until there are `period`.
    pub(super) fn push(&mut self, x: f64) -> f64 {
        if f64::from(self.seen) >= self.period {
            self.value = (self.value * (self.period - 1.0) + x) / self.period;
            return self.value;
        }
        self.seen += 1;
        self.value += x;
        if f64::from(self.seen) < self.period {
            return f64::NAN;
        }
        self.value /= self.period;
        self.value
    }
}
