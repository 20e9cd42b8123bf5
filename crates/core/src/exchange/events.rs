//! What the exchange tells its accounts.

use super::AccountIx;
use super::order::{Exec, Order};
use crate::types::{CurrencyIx, InstrumentIx, Money, Nanos, Qty, Ticks};

/// One execution of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Number of the trade among the instrument's prints, from 1.
    pub id: u64,
    /// In ticks.
    pub price: Ticks,
    /// In steps.
    pub qty: Qty,
    /// Whether the order rested first.
    pub maker: bool,
    /// Charged.
    pub fee: Money,
    /// In what.
    pub fee_currency: CurrencyIx,
    /// Made by closing, before fees, as settled; 0 for spot.
    pub realised: Money,
}

/// Which of an account's wallets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wallet {
    /// Free and locked amounts of currencies.
    Spot,
    /// One settlement currency behind all perpetual positions.
    Futures,
}

impl Wallet {
    /// The name in Python.
    pub fn name(self) -> &'static str {
        ["spot", "futures"][self as usize]
    }
}

/// Why balances changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An order locked, traded or ended.
    Order,
    /// Funding was paid or received.
    FundingFee,
    /// A position was closed for want of margin, or what that left missing was made good.
    Liquidation,
    /// Put in from outside.
    Deposit,
}

impl Cause {
    /// Binance's word.
    pub fn name(self) -> &'static str {
        ["ORDER", "FUNDING_FEE", "LIQUIDATION", "DEPOSIT"][self as usize]
    }
}

/// An amount of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Of what.
    pub currency: CurrencyIx,
    /// Free (spot) or the wallet's balance (futures).
    pub held: Money,
    /// Locked (spot) or available for orders (futures).
    pub other: Money,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Something happened to an order, which is as it stands after it.
    Execution {
        /// The order.
        order: Box<Order>,
        /// What happened.
        exec: Exec,
        /// The trade, if it was one.
        trade: Option<Trade>,
    },
    /// Balances as they are now.
    Balances {
        /// Of which wallet.
        wallet: Wallet,
        /// Why they changed.
        cause: Cause,
        /// Those that changed.
        amounts: Vec<Amount>,
    },
    /// A position as it is now.
    Position {
        /// In what.
        instrument: InstrumentIx,
        /// In steps, negative when short.
        qty: Qty,
        /// Average price, ×10¹⁶; 0 when flat.
        entry: Money,
        /// Made by closing since the account was opened, before fees.
        realised: Money,
        /// Made on paper at the mark price.
        unrealised: Money,
    },
    /// Funding of a position.
    Funding {
        /// In what.
        instrument: InstrumentIx,
        /// 10⁻⁹.
        rate: i64,
        /// In ticks.
        mark: Ticks,
        /// Received, or paid where negative.
        amount: Money,
    },
}

/// Something told to one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEvent {
    /// When.
    pub ts: Nanos,
    /// To whom.
    pub account: AccountIx,
    /// What.
    pub told: Told,
}
