//! Where a resting order stands in the queue of its level, guessed from an L2 feed.
//!
//! A feed with levels only does not tell which of the orders at a price left it. The models differ in that guess; all
//! follow hftbacktest's rules
//! (<https://hftbacktest.readthedocs.io/en/latest/tutorials/Probability%20Queue%20Models.html>;
//! Rigtorp 2013, <https://rigtorp.se/2013/06/08/estimating-order-queue-position.html>), so that results compare.

mod log;
mod power;
mod risk_averse;

use crate::instrument::Instrument;
use crate::types::Qty;

/// How a level's shrinking without trades is shared between those ahead and those behind: the probability that who
/// leaves stood behind, f and b being the quantities ahead and behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QueueModel {
    /// Everybody who leaves stood behind: only trades move the order forward. Pessimistic.
    RiskAverse,
    /// bⁿ / (bⁿ + fⁿ); hftbacktest's `PowerProbQueueModel`.
    Power(f64),
    /// bⁿ / (b + f)ⁿ; its `PowerProbQueueModel2`. Where f was guessed below 0 the share is above 1 and an order may
    /// move back: kept as it is there.
    PowerOfLevel(f64),
    /// 1 − (f / (b + f))ⁿ; its `PowerProbQueueModel3`.
    PowerNotAhead(f64),
    /// ln(1 + b) / ln(1 + b + f), in real units of which a step has so many; its `LogProbQueueModel2`.
    Log(f64),
    /// ln(1 + b) / (ln(1 + b) + ln(1 + f)), likewise; its `LogProbQueueModel`. Moves back as that one.
    LogOfBoth(f64),
}

impl QueueModel {
    /// The same model with the size of the instrument's quantity step, where it counts in real units.
    #[must_use]
    pub fn of(self, instrument: &Instrument) -> Self {
        match self {
            Self::Log(_) => Self::Log(instrument.qty_to_f64(1)),
            Self::LogOfBoth(_) => Self::LogOfBoth(instrument.qty_to_f64(1)),
            other => other,
        }
    }

    /// The share of those who leave that stood behind; `None` where all of them did. NaN where nothing stands there.
    #[inline]
    fn share(self, front: f64, back: f64) -> Option<f64> {
        Some(match self {
            Self::RiskAverse => return None,
            Self::Power(n) => power::of_both(front, back, n),
            Self::PowerOfLevel(n) => power::of_level(front, back, n),
            Self::PowerNotAhead(n) => power::not_ahead(front, back, n),
            Self::Log(unit) => log::of_level(front, back, unit),
            Self::LogOfBoth(unit) => log::of_both(front, back, unit),
        })
    }
}

/// An order's place, in quantity steps. Fractional, because a share of a step may be guessed to have left. Below 0
/// where more is guessed to have left than stood ahead, or where what reached the order was less than a lot: then the
/// next trade fills it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    front: f64,
    /// Traded at the price since the level last changed: already counted, not to be counted again.
    traded: Qty,
    /// Orders with smaller places stood here before it; 0 where the feed tells no orders.
    joined: u64,
}

impl Place {
    /// Behind everything displayed at the level.
    #[allow(clippy::cast_precision_loss)]
    pub fn behind(level: Qty) -> Self {
        Self { front: level as f64, traded: 0, joined: 0 }
    }

    /// The same where single orders are told, and the next to come stands at `joined`.
    #[must_use]
    pub fn before(self, joined: u64) -> Self {
        Self { joined, ..self }
    }

    /// Somebody's order at its price became smaller by `left`, or went: exact, for who stood ahead is known. What was
    /// told as a trade before is not counted again.
    #[allow(clippy::cast_precision_loss)]
    pub fn leave(&mut self, left: Qty, place: u64) {
        let executed = left.min(self.traded);
        self.traded -= executed;
        if place < self.joined {
            self.front -= (left - executed) as f64;
        }
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
        self.front -= qty as f64;
        self.traded += qty;
        if self.front > 0.0 {
            return 0;
        }
        let reached = (libm::round(-self.front / lot as f64) as Qty).max(0).saturating_mul(lot);
        if reached > 0 {
            self.front = 0.0;
        }
        reached
    }

    /// Whether a trade at the order's price does not reach it.
    #[inline]
    #[allow(clippy::cast_precision_loss)]
    pub fn waits(&self, qty: Qty, lot: Qty) -> bool {
        let past = qty as f64 - self.front;
        past <= 0.0 || past / (lot as f64) < 0.5
    }

    /// The level changed from `previous` to `now` steps.
    #[allow(clippy::cast_precision_loss)]
    pub fn level(&mut self, model: QueueModel, previous: Qty, now: Qty) {
        let left = (previous - now - std::mem::take(&mut self.traded)) as f64;
        let (front, back, new) = (self.front, previous as f64 - self.front, now as f64);
        self.front = match model.share(front, back) {
            Some(share) if left >= 0.0 => {
                // With nothing ahead and nothing behind the share is 0/0: the minimum below then falls to `new`.
                let share = if share.is_infinite() { 1.0 } else { share };
                let moved = front - (1.0 - share) * left + (back - share * left).min(0.0);
                moved.min(new)
            }
            _ => risk_averse::ahead(front, new),
        };
    }
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

    /// Ahead 60, behind 40, 20 leave: each model's share by hand.
    #[test]
    fn each_model_has_its_share() {
        let shares = [
            (QueueModel::PowerOfLevel(2.0), 1600.0 / 10_000.0),
            (QueueModel::PowerNotAhead(2.0), 1.0 - 0.36),
            // ln 5 / ln 11 and ln 5 / (ln 5 + ln 7): a step is a tenth.
            (QueueModel::Log(0.1), 0.671_187_741_471_239_6),
            (QueueModel::LogOfBoth(0.1), 0.452_680_830_286_942_7),
        ];
        for (model, share) in shares {
            let mut place = Place::behind(60);
            place.level(model, 100, 80);
            assert!((place.front - (60.0 - (1.0 - share) * 20.0)).abs() < 1e-9, "{model:?} {}", place.front);
        }
    }

    #[test]
    fn what_reaches_an_order_adds_up_to_a_lot() {
        let mut place = Place::behind(0);
        assert_eq!([place.trade(4, 10), place.trade(4, 10), place.trade(4, 10)], [0, 10, 0]);
    }

    proptest! {
        /// Levels and trades as a feed can send them: the order is never further back than the level is long, never
        /// moves back, is never before the front, and no more reaches it than was traded past the queue.
        #[test]
        fn a_place_stays_within_its_level(
            start in 0_i64..1_000, n in prop_oneof![0.5_f64..4.0, Just(2.0)], which in 0_usize..6,
            changes in prop::collection::vec((prop::bool::ANY, 0_i64..1_500), 1..60)
        ) {
            let powers = [QueueModel::Power(n), QueueModel::PowerOfLevel(n), QueueModel::PowerNotAhead(n)];
            let logs = [QueueModel::Log(0.1), QueueModel::LogOfBoth(0.1), QueueModel::RiskAverse];
            let model = [powers, logs].concat()[which];
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
                let may_go_back = matches!(model, QueueModel::PowerOfLevel(_) | QueueModel::LogOfBoth(_));
                prop_assert!(place.ahead() <= before || may_go_back);
                prop_assert!(place.ahead() >= 0 && place.front.is_finite());
            }
        }
    }
}
