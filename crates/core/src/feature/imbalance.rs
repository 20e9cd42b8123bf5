//! When a tick imbalance bar closes (López de Prado, *Advances in Financial Machine Learning*, 2.3.2).
//!
//! Each trade counts +1 where a buyer was the aggressor and −1 where a seller was; the bar closes at the trade that
//! brings the sum θ to the threshold or its negative. The threshold is a fixed number, or what prior bars let expect:
//! E\[T\] × |E\[b\]|, where E\[T\] is the exponential average of their numbers of trades, E\[b\] that of θ / T.
//! The book's rule can run away, because a longer bar asks for a longer one yet; here the threshold keeps to bounds.
//! The first bar closes at the lower one.
//!
//! Two deviations from the book: the side is the venue's own, not guessed from the last change of price; and E\[b\] is
//! averaged over bars, each weighing the same.

/// Fractions of 2⁻²⁰ in one.
const ONE: i64 = 1 << 20;

/// The rule, and how far the bar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imbalance {
    /// The least threshold.
    pub low: u32,
    /// The greatest; where it is the same the threshold is fixed.
    pub high: u32,
    /// Bars that the averages span: each weighs 2 / (span + 1).
    pub span: u32,
}

/// What prior bars let expect, and the bar so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expectation {
    /// Trades a bar, and θ / T, in fractions of 2⁻²⁰; `None` before the first bar.
    expected: Option<(i64, i64)>,
    theta: i64,
    trades: i64,
}

impl Expectation {
    /// Takes a trade; whether it closes the bar.
    pub(super) fn trade(&mut self, rule: &Imbalance, by_buyer: bool) -> bool {
        self.theta += if by_buyer { 1 } else { -1 };
        self.trades += 1;
        if self.theta.abs() < self.threshold(rule) {
            return false;
        }
        let span = i128::from(rule.span) + 1;
        let (trades, balance) = (self.trades.saturating_mul(ONE), self.theta * ONE / self.trades);
        let towards = |mean: i64, x: i64| mean + (2 * i128::from(x - mean) / span) as i64;
        let expected = self.expected.map_or((trades, balance), |(t, b)| (towards(t, trades), towards(b, balance)));
        *self = Self { expected: Some(expected), theta: 0, trades: 0 };
        true
    }

    /// The θ that closes the bar, rounded up to a whole trade.
    fn threshold(&self, rule: &Imbalance) -> i64 {
        let (low, high) = (i64::from(rule.low), i64::from(rule.high));
        let Some((trades, balance)) = self.expected else { return low };
        let one = i128::from(ONE) * i128::from(ONE);
        let expected = (i128::from(trades) * i128::from(balance.abs()) + one - 1) / one;
        i64::try_from(expected).unwrap_or(high).clamp(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of the trades (from 1) that close bars.
    fn closes(rule: Imbalance, buys: impl Iterator<Item = bool>) -> Vec<usize> {
        let mut state = Expectation::default();
        buys.enumerate().filter_map(|(i, buy)| state.trade(&rule, buy).then_some(i + 1)).collect()
    }

    #[test]
    fn a_fixed_threshold_closes_where_the_sum_reaches_it_on_either_side() {
        let rule = Imbalance { low: 3, high: 3, span: 20 };
        let buys = [true, true, false, true, true, false, false, false, true];
        assert_eq!(closes(rule, buys.into_iter()), [5, 8]);
    }

    /// Ten trades of which eight buy: θ = 6 of E[T] = 10 and E[b] = 0.6, so the next bar asks for 6 again; a run of
    /// sells brings E[b] to 0.6 + (−1 − 0.6) × 2/3 = −0.467 and E[T] to 10 + (6 − 10) × 2/3 = 7.33: 3.42, so 4.
    #[test]
    fn the_expectation_by_hand() {
        let rule = Imbalance { low: 6, high: 6, span: 2 };
        let mut state = Expectation::default();
        let first = [true, true, false, true, false, true, true, true, true, true];
        assert_eq!(first.map(|buy| state.trade(&rule, buy)).iter().position(|closed| *closed), Some(9));
        let wide = Imbalance { low: 1, high: 100, span: 2 };
        assert_eq!(state.threshold(&wide), 6);
        assert_eq!((0..6).map(|_| state.trade(&wide, false)).position(|closed| closed), Some(5));
        assert_eq!(state.threshold(&wide), 4);
    }

    /// However one-sided and long, no bar asks for more than the upper bound, none for less than the lower.
    #[test]
    fn a_threshold_cannot_run_away() {
        let rule = Imbalance { low: 5, high: 50, span: 3 };
        let mut state = Expectation::default();
        let mut random = crate::random::Stream::new(1, 0);
        for i in 0..200_000_u64 {
            state.trade(&rule, random.below(100) < [50, 100, 0, 95][(i / 10_000 % 4) as usize]);
            assert!((5..=50).contains(&state.threshold(&rule)));
        }
    }
}
