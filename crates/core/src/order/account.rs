//! What a venue does to an account by itself, without an order of ours.

use super::Fill;
use crate::types::{AccountIx, InstrumentIx, Money, Qty, Side, StrategyIx, Ticks};

/// One such event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// A funding payment for a position.
    Funding {
        /// Whose.
        account: AccountIx,
        /// On which perpetual.
        instrument: InstrumentIx,
        /// In the currency it settles in; negative: paid.
        amount: Money,
    },
    /// Interest on base currency that was borrowed to sell it.
    Interest {
        /// Whose.
        strategy: StrategyIx,
        /// On which spot instrument.
        instrument: InstrumentIx,
        /// What the base currency is worth, in ticks.
        price: Ticks,
        /// Added to what is owed, in quantity steps.
        qty: Qty,
    },
    /// A position was closed because its margin had fallen below what it must keep.
    Liquidated {
        /// Whose.
        account: AccountIx,
        /// In which instrument.
        instrument: InstrumentIx,
        /// Of the venue's order: the other side of the position.
        side: Side,
        /// What was executed; its fee is the venue's fee of liquidations.
        fill: Fill,
    },
}
