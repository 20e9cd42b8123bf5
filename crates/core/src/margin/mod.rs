//! What venues ask of positions: margin by the size of a position, and the price at which it is liquidated.
//!
//! One implementation: of the engine's risk gate, of the venue in a backtest, and of the simulated exchange.

mod tiers;

pub use tiers::{MarginTier, MarginTiers};

use crate::instrument::{Instrument, RATE_SCALE};
use crate::ledger::Position;
use crate::types::{Money, Ticks};

/// The price in ticks at which a position's account is just at its maintenance margin, other prices staying; `None`
/// where there is no such price above 0, and for a flat position.
///
/// `free` is the wallet with what the account's other positions made on paper, less what they must keep: of an isolated
/// position the margin set aside for it. By Binance's formula, solved in each tier until the notional at the price
/// found is in that tier:
/// USD-M: `LP = (free + cum − side × q × entry) / (q × (rate − side))`,
/// <https://www.binance.com/en/support/faq/b3c689c1f50a44cabb3a84e663b81d93>;
/// COIN-M: `LP = q × contract × (rate + side) / (free + cum + side × q × contract / entry)`,
/// <https://www.binance.com/en/support/faq/ceccfcfb4e3a45e3b48b0b1bb1a8ae46>.
pub fn liquidation_price(
    instrument: &Instrument,
    tiers: &MarginTiers,
    position: &Position,
    free: Money,
) -> Option<Ticks> {
    if position.qty == 0 {
        return None;
    }
    let size = position.qty.abs();
    let in_tier = |tier: &MarginTier| {
        let price = if instrument.direction() > 0 {
            linear_price(instrument, tier, position, free)
        } else {
            inverse_price(instrument, tier, position, free)
        };
        price.filter(|price| std::ptr::eq(tiers.of(instrument.settled(*price, size)), tier))
    };
    tiers.all().iter().find_map(in_tier)
}

fn linear_price(instrument: &Instrument, tier: &MarginTier, position: &Position, free: Money) -> Option<Ticks> {
    // free + q × price − cost = rate × |q| × price − cum
    let kept = (position.cost - free - tier.amount).checked_mul(RATE_SCALE)?;
    let per_tick = instrument.notional(1, position.qty.abs());
    nearest(kept, per_tick * (i128::from(position.qty.signum()) * RATE_SCALE - tier.rate))
}

fn inverse_price(instrument: &Instrument, tier: &MarginTier, position: &Position, free: Money) -> Option<Ticks> {
    // free − q × contract / price − cost = rate × |q| × contract / price − cum
    let (tick, side) = (instrument.tick_size, i128::from(position.qty.signum()));
    let quote = instrument.notional(1, position.qty.abs()) * 10_i128.pow(tick.decimals);
    let left = (free + tier.amount - position.cost) * i128::from(tick.mantissa);
    nearest(quote.checked_mul(tier.rate + side * RATE_SCALE)?, left.checked_mul(RATE_SCALE)?)
}

/// `over / under` to the nearest tick; `None` where that is not above 0.
fn nearest(over: i128, under: i128) -> Option<Ticks> {
    if under == 0 || over.signum() != under.signum() {
        return None;
    }
    let (over, under) = (over.abs(), under.abs());
    Ticks::try_from((over + under / 2) / under).ok().filter(|price| *price > 0)
}

#[cfg(test)]
mod tests;
