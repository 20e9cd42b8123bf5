//! What an account owns, and the house's books on the other side of every posting.

use std::collections::BTreeSet;

use super::events::Amount;
use crate::instrument::{Instrument, RATE_SCALE};
use crate::ledger::{Position, SETTLEMENT, fee_in_base};
use crate::types::{CurrencyIx, Money, OrderId, Qty, Side, Ticks};

/// A spot balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// For new orders.
    pub free: Money,
    /// Behind open orders.
    pub locked: Money,
}

/// One account.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// By currency.
    pub(super) spot: Vec<Balance>,
    /// The futures wallet, in the exchange's settlement currency.
    pub(super) wallet: Money,
    /// By instrument; spot instruments keep theirs empty.
    pub(super) positions: Vec<Position>,
    /// By instrument.
    pub(super) leverage: Vec<u32>,
    /// Open orders by instrument.
    pub(super) open: Vec<BTreeSet<OrderId>>,
}

impl Account {
    pub(super) fn new(currencies: usize, instruments: usize, leverage: u32) -> Self {
        Self {
            spot: vec![Balance::default(); currencies],
            wallet: 0,
            positions: vec![Position::default(); instruments],
            leverage: vec![leverage; instruments],
            open: vec![BTreeSet::new(); instruments],
        }
    }

    pub(super) fn balance(&mut self, currency: CurrencyIx) -> &mut Balance {
        &mut self.spot[usize::from(currency)]
    }

    /// Moves free to locked; negative: back.
    pub(super) fn lock(&mut self, currency: CurrencyIx, amount: Money) {
        let balance = self.balance(currency);
        balance.free -= amount;
        balance.locked += amount;
    }

    pub(super) fn amount(&self, currency: CurrencyIx) -> Amount {
        let Balance { free, locked } = self.spot[usize::from(currency)];
        Amount { currency, held: free, other: locked }
    }
}

/// One currency in the house's books. With all accounts' balances each line of sums is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct House {
    /// Paid in by accounts, negative.
    pub deposits: Money,
    /// Held by the market's own participants against the accounts' trades.
    pub market: Money,
    /// Fees taken.
    pub fees: Money,
    /// Funding taken from accounts, less paid to them.
    pub funding: Money,
    /// Made good for accounts whose wallet a liquidation left below zero, negative.
    pub insurance: Money,
    /// Finer than settles.
    pub rounding: Money,
}

impl House {
    /// The sum of its lines.
    pub fn total(&self) -> Money {
        self.deposits + self.market + self.fees + self.funding + self.insurance + self.rounding
    }
}

/// The fee of a trade: in base currency for a spot buy, else in quote currency; truncated to what settles: 10⁻⁸, and
/// for a base fee whole quantity steps. Negative for a rebate.
pub(super) fn fee(instrument: &Instrument, side: Side, price: Ticks, qty: Qty, maker: bool) -> Money {
    let rate = if maker { instrument.maker_fee } else { instrument.taker_fee };
    let (of, unit) = if fee_in_base(instrument, side) {
        let step = instrument.base_step_value();
        (i128::from(qty) * step, step.max(SETTLEMENT))
    } else {
        (instrument.notional(price, qty), SETTLEMENT)
    };
    // First divided, then multiplied: 10¹⁵ of notional stays within 128 bits.
    (of / RATE_SCALE * rate + of % RATE_SCALE * rate / RATE_SCALE) / unit * unit
}
