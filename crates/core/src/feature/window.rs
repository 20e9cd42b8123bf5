//! The last values of a series: sums of whole numbers, which cannot drift, and extremes.

use std::collections::VecDeque;

/// The last `length` whole numbers, with their sums. Sums are taken modulo 2¹²⁸: a sum that fits is right whatever
/// came before.
#[derive(Clone, Debug)]
pub(super) struct Window {
    values: Vec<i64>,
    length: usize,
    next: usize,
    sum: i128,
    squares: i128,
    /// 1 × the oldest + … + length × the newest.
    weighted: i128,
}

impl Window {
    pub(super) fn new(length: u32) -> Self {
        let length = length as usize;
        Self { values: Vec::new(), length, next: 0, sum: 0, squares: 0, weighted: 0 }
    }

    /// Takes the next value; whether the window is full.
    pub(super) fn push(&mut self, x: i64) -> bool {
        let wide = i128::from(x);
        if self.values.len() < self.length {
            self.values.push(x);
            self.weighted = self.weighted.wrapping_add(wide * self.values.len() as i128);
        } else {
            let oldest = i128::from(std::mem::replace(&mut self.values[self.next], x));
            self.next = if self.next + 1 == self.length { 0 } else { self.next + 1 };
            self.weighted = self.weighted.wrapping_sub(self.sum).wrapping_add(wide * self.length as i128);
            self.sum = self.sum.wrapping_sub(oldest);
            self.squares = self.squares.wrapping_sub(oldest * oldest);
        }
        self.sum = self.sum.wrapping_add(wide);
        self.squares = self.squares.wrapping_add(wide * wide);
        self.values.len() == self.length
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn mean(&self) -> f64 {
        self.sum as f64 / self.length as f64
    }

    /// With weights that rise from 1 at the oldest.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn weighted_mean(&self) -> f64 {
        self.weighted as f64 / (self.length * (self.length + 1) / 2) as f64
    }

    /// Of the values as a population.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn deviation(&self) -> f64 {
        let n = self.length as i128;
        let spread = n.wrapping_mul(self.squares).wrapping_sub(self.sum.wrapping_mul(self.sum));
        (spread.max(0) as f64).sqrt() / self.length as f64
    }
}

/// The highest of the last `length` values; of negated ones, the lowest. O(1) a value, taken over many.
#[derive(Clone, Debug)]
pub(super) struct Highest {
    /// (number, value): values fall, so the first is the highest.
    candidates: VecDeque<(u64, i64)>,
    length: u64,
    seen: u64,
}

impl Highest {
    pub(super) fn new(length: u32) -> Self {
        Self { candidates: VecDeque::new(), length: u64::from(length), seen: 0 }
    }

    /// Takes the next value; the highest, of fewer than `length` at the beginning.
    pub(super) fn push(&mut self, x: i64) -> i64 {
        while self.candidates.back().is_some_and(|(_, value)| *value <= x) {
            self.candidates.pop_back();
        }
        self.candidates.push_back((self.seen, x));
        self.seen += 1;
        if self.candidates[0].0 + self.length < self.seen {
            self.candidates.pop_front();
        }
        self.candidates[0].1
    }
}

/// The mean of the last `length` numbers that are no whole ones. The sum is made anew every `length` values, so errors
/// do not add up.
#[derive(Clone, Debug)]
pub(super) struct Mean {
    values: Vec<f64>,
    length: usize,
    next: usize,
    sum: f64,
}

impl Mean {
    pub(super) fn new(length: u32) -> Self {
        Self { values: Vec::new(), length: length as usize, next: 0, sum: 0.0 }
    }

    /// Takes the next number; the mean once there are `length`, NaN before.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn push(&mut self, x: f64) -> f64 {
        if self.values.len() < self.length {
            self.values.push(x);
            self.sum += x;
        } else {
            self.sum += x - std::mem::replace(&mut self.values[self.next], x);
            self.next += 1;
            if self.next == self.length {
                (self.next, self.sum) = (0, self.values.iter().sum());
            }
        }
        if self.values.len() == self.length { self.sum / self.length as f64 } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    /// A million values that jump by orders of magnitude: the same as from the last ones alone.
    #[test]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    fn a_million_values_leave_no_drift() {
        let (mut random, mut past) = (Stream::new(3, 0), Vec::new());
        let (mut window, mut mean) = (Window::new(20), Mean::new(20));
        let (mut highest, mut lowest) = (Highest::new(20), Highest::new(20));
        for i in 0..1_000_000_u64 {
            let level = if i / 1000 % 2 == 0 { 10_000 } else { 9_000_000_000_000 };
            let x = level + random.below(2_001) as i64 - 1_000;
            past.push(x);
            window.push(x);
            let (floating, high, low) = (mean.push(x as f64 / 3.0), highest.push(x), -lowest.push(-x));
            if i < 20 || i % 997 > 40 {
                continue;
            }
            let last = &past[past.len() - 20..];
            let exact = last.iter().sum::<i64>() as f64 / 20.0;
            let weights = (1..=20).zip(last).map(|(weight, x)| weight * x).sum::<i64>() as f64 / 210.0;
            let deviation = (last.iter().map(|x| (*x as f64 - exact).powi(2)).sum::<f64>() / 20.0).sqrt();
            assert_eq!((window.mean(), window.weighted_mean()), (exact, weights));
            assert!((window.deviation() - deviation).abs() <= 1e-9 * deviation, "{} {deviation}", window.deviation());
            assert!((floating - exact / 3.0).abs() <= 1e-9 * exact, "{floating} {exact}");
            assert_eq!(Some((low, high)), last.iter().min().copied().zip(last.iter().max().copied()));
        }
    }
}
