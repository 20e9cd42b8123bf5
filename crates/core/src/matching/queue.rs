//! Where a resting order stands in the queue of its level, guessed from an L2 feed.
//!
//! A feed with levels only does not tell which of the orders at a price left it. The models differ in that guess; all
//! follow hftbacktest's rules
//! (<https://hftbacktest.readthedocs.io/en/latest/tutorials/Probability%20Queue%20Models.html>;
//! Rigtorp 2013, <https://rigtorp.se/2013/06/08/estimating-order-queue-position.html>), so that results compare.

use crate::types::Qty;

/// How a level's shrinking without trades is shared between those ahead and those behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QueueModel {
    /// Everybody who leaves stood behind: only trades move the order forward. Pessimistic.
    RiskAverse,
    /// Those behind leave with probability bⁿ / (bⁿ + fⁿ), f and b being the quantities ahead and behind.
    Power(f64),
}

/// An order's place, in quantity steps. Fractional, because a share of a step may be guessed to have left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    front: f64,
    /// Traded at the price since the level last changed: already counted, not to be counted again.
    traded: Qty,
}

impl Place {
    /// Behind everything displayed at the level.
    #[allow(clippy::cast_precision_loss)]
    pub fn behind(level: Qty) -> Self {
        Self { front: level as f64, traded: 0 }
    }

    /// Quantity ahead in whole steps, never negative.
    #[allow(clippy::cast_possible_truncation)]
    pub fn ahead(&self) -> Qty {
        (libm::round(self.front) as Qty).max(0)
    }

    /// A trade at the order's price. Returns how many steps of it went past the queue's front and so reached the order,
    /// to the nearest lot; 0 while the order waits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    pub fn trade(&mut self, qty: Qty, lot: Qty) -> Qty {
        let front = self.front - qty as f64;
        self.front = front.max(0.0);
        self.traded += qty;
        if front > 0.0 {
            return 0;
        }
        (libm::round(-front / lot as f64) as Qty).max(0).saturating_mul(lot)
    }

    /// Whether a trade at the order's price does not reach it.
    #[inline]
    #[allow(clippy::cast_precision_loss)]
    pub fn waits(&self, qty: Qty, lot: Qty) -> bool {
        (qty as f64 - self.front) / (lot as f64) < 0.5
    }

    /// The level changed from `previous` to `now` steps.
    #[allow(clippy::cast_precision_loss)]
    pub fn level(&mut self, model: QueueModel, previous: Qty, now: Qty) {
        let left = (previous - now - std::mem::take(&mut self.traded)) as f64;
        let new = now as f64;
        let QueueModel::Power(n) = model else {
            self.front = self.front.min(new);
            return;
        };
        if left < 0.0 {
            self.front = self.front.min(new);
            return;
        }
        let (front, back) = (self.front, previous as f64 - self.front);
        let (f, b) = (power(front, n), power(back, n));
        // With nothing ahead and nothing behind the share is 0/0: the minimum below then falls to `new`.
        let share = b / (b + f);
        let share = if share.is_infinite() { 1.0 } else { share };
        let moved = front - (1.0 - share) * left + (back - share * left).min(0.0);
        // hftbacktest lets it fall below 0 here; nothing follows from that, since the next trade fills either way.
        self.front = moved.min(new).max(0.0);
    }
}

#[inline]
fn power(x: f64, n: f64) -> f64 {
    if n == 2.0 { x * x } else { libm::pow(x, n) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_trades_move_a_risk_averse_order() {
        let mut place = Place::behind(100);
        place.level(QueueModel::RiskAverse, 100, 60);
        assert_eq!(place.ahead(), 60, "no more can be ahead than is there");
        place.level(QueueModel::RiskAverse, 60, 90);
        assert_eq!(place.ahead(), 60, "who joins stands behind");
        assert_eq!(place.trade(50, 1), 0);
        assert_eq!(place.ahead(), 10);
        place.level(QueueModel::RiskAverse, 90, 40);
        assert_eq!(place.ahead(), 10, "the trade is counted once");
        assert_eq!({ place }.trade(25, 10), 20, "to the nearest lot");
        assert_eq!(place.trade(25, 1), 15);
        assert_eq!(place.ahead(), 0);
    }

    /// Ahead 60, behind 40, 20 leave: with n = 2, 1600 / 5200 of them from behind.
    #[test]
    fn a_power_model_shares_what_leaves() {
        let mut place = Place::behind(60);
        place.level(QueueModel::Power(2.0), 60, 100);
        assert_eq!(place.ahead(), 60);
        place.level(QueueModel::Power(2.0), 100, 80);
        let share = 1600.0 / 5200.0;
        assert!((place.front - (60.0 - (1.0 - share) * 20.0)).abs() < 1e-12);
        let mut cubic = Place::behind(60);
        cubic.level(QueueModel::Power(3.0), 100, 80);
        let share = 64_000.0 / (64_000.0 + 216_000.0);
        assert!((cubic.front - (60.0 - (1.0 - share) * 20.0)).abs() < 1e-9);
    }

    proptest! {
        /// Levels and trades as a feed can send them: the order is never further back than the level is long, never
        /// moves back, is never before the front, and no more reaches it than was traded past the queue.
        #[test]
        fn a_place_stays_within_its_level(
            start in 0_i64..1_000, n in prop_oneof![Just(None), (0.5_f64..4.0).prop_map(Some), Just(Some(2.0))],
            changes in prop::collection::vec((prop::bool::ANY, 0_i64..1_500), 1..60)
        ) {
            let model = n.map_or(QueueModel::RiskAverse, QueueModel::Power);
            let (mut place, mut level) = (Place::behind(start), start);
            for (is_trade, size) in changes {
                let before = place.ahead();
                if is_trade {
                    let (front, reached) = (place.front, place.trade(size, 1));
                    prop_assert!(reached as f64 <= (size as f64 - front).max(0.0) + 0.5);
                } else {
                    place.level(model, level, size);
                    level = size;
                    prop_assert!(place.ahead() <= level);
                }
                prop_assert!(place.ahead() <= before && place.ahead() >= 0);
                prop_assert!(place.front >= 0.0);
            }
        }
    }
}
