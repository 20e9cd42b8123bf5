//! What an order does to the price where no book says it: the square-root law.
//!
//! Source: Almgren, Thum, Hauptmann and Li 2005, "Direct estimation of equity market impact"; Sato and Kanazawa 2024
//! (arXiv 2411.13965) find the exponent of a half. Assumption: buying Q of a market that trades V and moves σ a day
//! costs Y·σ·√(Q/V) of the price, all of it at that price; it is gone when the next order comes. Flatters who cuts one
//! order into many, and who trades when less is traded than usual.

use crate::types::{Qty, Side, Ticks};

/// The law with one market's figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquareRoot {
    /// Y, near 1.
    pub scale: f64,
    /// σ: the deviation of a day's return.
    pub volatility: f64,
    /// V: quantity steps traded in a day.
    pub volume: f64,
}

impl SquareRoot {
    /// The cost of taking `qty` steps, as a share of the price.
    #[allow(clippy::cast_precision_loss)]
    pub fn cost(&self, qty: Qty) -> f64 {
        self.scale * self.volatility * libm::sqrt(qty as f64 / self.volume)
    }

    /// What a taker pays for each of `qty` where the last trade was at `price`: to the tick beyond, and above 0.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    pub(super) fn price(&self, side: Side, price: Ticks, qty: Qty) -> Ticks {
        let moved = libm::ceil(price as f64 * self.cost(qty)) as Ticks;
        (price + side.sign() * moved).max(1)
    }

    /// The most that can be taken without paying beyond `limit`, at most `qty`.
    pub(super) fn within(&self, side: Side, price: Ticks, limit: Ticks, qty: Qty) -> Qty {
        let is_within = |qty: Qty| (limit - self.price(side, price, qty)).saturating_mul(side.sign()) >= 0;
        let (mut least, mut most) = (0, qty);
        while least < most {
            let middle = least + (most - least + 1) / 2;
            (least, most) = if is_within(middle) { (middle, most) } else { (least, middle - 1) };
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Y 1, σ 2 % a day, Q/V 0.01: 20 basis points; four times the size, twice the cost.
    #[test]
    fn the_square_root_law_by_its_worked_example() {
        let law = SquareRoot { scale: 1.0, volatility: 0.02, volume: 1e6 };
        assert!((law.cost(10_000) - 0.002).abs() < 1e-9);
        assert!((law.cost(40_000) / law.cost(10_000) - 2.0).abs() < 1e-9);
        assert_eq!(law.price(Side::Buy, 60_000, 10_000), 60_120);
        assert_eq!(law.price(Side::Sell, 60_000, 10_000), 59_880);
        assert_eq!(law.price(Side::Sell, 60_001, 10_000), 59_880, "to the tick beyond");
        assert_eq!(law.price(Side::Sell, 3, 9_000_000_000), 1, "a price stays above 0");
    }

    #[test]
    fn a_limit_bounds_what_is_taken() {
        let law = SquareRoot { scale: 1.0, volatility: 0.02, volume: 1e6 };
        assert_eq!(law.within(Side::Buy, 60_000, 60_120, 90_000), 10_000);
        assert_eq!(law.within(Side::Sell, 60_000, 59_880, 90_000), 10_000);
        assert_eq!(law.within(Side::Buy, 60_000, i64::MAX, 90_000), 90_000);
        assert_eq!(law.within(Side::Buy, 60_000, 60_000, 90_000), 0);
    }
}
