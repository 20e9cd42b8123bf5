//! Times as they were measured.
//!
//! Source: one's own measurements, or the feed latencies of the recording itself; interpolated as hftbacktest's
//! `IntpOrderLatency` does. Assumption: orders travel as what was measured did. Flatters where that was a quieter time,
//! a lighter message or another way: an order passes the venue's gateway, a market event does not.

use crate::random::Stream;
use crate::types::Nanos;

/// (when, how long), interpolated between its neighbours; before the first and after the last as those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    points: Vec<(Nanos, Nanos)>,
}

impl Measured {
    /// # Errors
    /// Names the first row that breaks a rule: no rows, a time that does not rise, a negative latency.
    pub fn new(points: Vec<(Nanos, Nanos)>) -> Result<Self, String> {
        if points.is_empty() {
            return Err("must have at least one row, had none".into());
        }
        let falls = points.windows(2).position(|pair| pair[0].0 >= pair[1].0);
        if let Some(row) = falls {
            return Err(format!("row {}: time must rise, was {} after {}", row + 2, points[row + 1].0, points[row].0));
        }
        match points.iter().position(|point| point.1 < 0) {
            Some(row) => Err(format!("row {}: latency must be 0 or more, was {} ns", row + 1, points[row].1)),
            None => Ok(Self { points }),
        }
    }

    /// The time of a message sent at `sent`.
    pub(super) fn at(&self, sent: Nanos) -> Nanos {
        let after = self.points.partition_point(|point| point.0 <= sent);
        let (Some(left), right) = (after.checked_sub(1).map(|at| self.points[at]), self.points.get(after)) else {
            return self.points[0].1;
        };
        let Some(right) = right else { return left.1 };
        let (done, whole) = (i128::from(sent - left.0), i128::from(right.0 - left.0));
        left.1 + (i128::from(right.1 - left.1) * done / whole) as Nanos
    }

    pub(super) fn least(&self) -> Nanos {
        self.points.iter().map(|point| point.1).min().unwrap_or(0)
    }
}

/// Times at evenly spaced quantiles, the first the least and the last the most; drawn and interpolated between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantiles {
    times: Vec<Nanos>,
}

impl Quantiles {
    /// # Errors
    /// Names the first row that breaks a rule: fewer than two, a time that falls, a negative latency.
    pub fn new(times: Vec<Nanos>) -> Result<Self, String> {
        if times.len() < 2 {
            return Err(format!("must have at least two rows, had {}", times.len()));
        }
        if times[0] < 0 {
            return Err(format!("row 1: latency must be 0 or more, was {} ns", times[0]));
        }
        match times.windows(2).position(|pair| pair[0] > pair[1]) {
            Some(row) => {
                Err(format!("row {}: latency must not fall, was {} after {} ns", row + 2, times[row + 1], times[row]))
            }
            None => Ok(Self { times }),
        }
    }

    /// One message's time: one draw.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn draw(&self, random: &mut Stream) -> Nanos {
        let at = random.uniform() * (self.times.len() - 1) as f64;
        let (left, share) = (at as usize, at - libm::floor(at));
        let (low, high) = (self.times[left], self.times[left + 1]);
        low + libm::round((high - low) as f64 * share) as Nanos
    }

    pub(super) fn least(&self) -> Nanos {
        self.times[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_samples_it_is_in_proportion() {
        let model = Measured::new(vec![(100, 50), (200, 150), (400, 90)]).unwrap();
        let at = [0, 100, 150, 200, 300, 400, 9_000].map(|sent| model.at(sent));
        assert_eq!(at, [50, 50, 100, 150, 120, 90, 90]);
        assert_eq!(model.least(), 50);
        let far = Measured::new(vec![(i64::MIN / 4, 0), (i64::MAX / 4, i64::MAX / 4)]).unwrap();
        assert!((far.at(0) - i64::MAX / 8).abs() <= 1, "no overflow between distant samples");
    }

    #[test]
    fn quantiles_are_met() {
        let model = Quantiles::new(vec![10, 20, 40, 400]).unwrap();
        let mut random = Stream::new(1, 1);
        let drawn: Vec<Nanos> = (0..90_000).map(|_| model.draw(&mut random)).collect();
        let below = |time: Nanos| drawn.iter().filter(|&&drawn| drawn < time).count();
        assert!(below(20).abs_diff(30_000) < 1_800 && below(40).abs_diff(60_000) < 1_800);
        assert!(drawn.iter().all(|time| (10..=400).contains(time)));
        assert_eq!((random.index(), model.least()), (90_000, 10));
    }

    #[test]
    fn a_table_that_cannot_be_is_refused_by_row() {
        let measured = |points: &[(Nanos, Nanos)]| Measured::new(points.to_vec()).unwrap_err();
        assert_eq!(measured(&[]), "must have at least one row, had none");
        assert_eq!(measured(&[(5, 1), (5, 2)]), "row 2: time must rise, was 5 after 5");
        assert_eq!(measured(&[(5, 1), (6, -2)]), "row 2: latency must be 0 or more, was -2 ns");
        let quantiles = |times: &[Nanos]| Quantiles::new(times.to_vec()).unwrap_err();
        assert_eq!(quantiles(&[5]), "must have at least two rows, had 1");
        assert_eq!(quantiles(&[-5, 3]), "row 1: latency must be 0 or more, was -5 ns");
        assert_eq!(quantiles(&[5, 7, 6]), "row 3: latency must not fall, was 6 after 7 ns");
    }
}
