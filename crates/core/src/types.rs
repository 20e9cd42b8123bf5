//! The words every other module uses: time, price, quantity, money, sides and ids. All integers.

use serde::{Deserialize, Serialize};

/// Nanoseconds since the Unix epoch, UTC.
pub type Nanos = i64;
/// A price in whole ticks of its instrument.
pub type Ticks = i64;
/// A quantity in whole quantity steps of its instrument: the step of its data, which an order's lot is a multiple of.
pub type Qty = i64;
/// Cash in units of 10⁻¹⁶ of its currency.
pub type Money = i128;

/// A moment that the venue did not tell.
pub const NO_TIME: Nanos = i64::MIN;
/// Nanoseconds in a second.
pub const SECOND: Nanos = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const MILLISECOND: Nanos = 1_000_000;
/// Units of [`Money`] in one unit of a currency.
pub const MONEY_SCALE: Money = 10_000_000_000_000_000;
/// Decimal places of [`Money`].
pub const MONEY_DECIMALS: u32 = 16;

/// Which side of the book an order stands on, or which side the aggressor of a trade took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Side {
    /// Bids; a buyer.
    Buy = 0,
    /// Asks; a seller.
    Sell = 1,
}

impl Side {
    /// The other side.
    #[inline]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// +1 for a buyer, −1 for a seller.
    #[inline]
    pub fn sign(self) -> i64 {
        1 - 2 * (self as i64)
    }

    /// All bits set for bids, none for asks. `tick ^ mirror` grows away from the touch on both sides,
    /// so that one loop serves both.
    #[inline]
    pub fn mirror(self) -> i64 {
        -i64::from(self == Self::Buy)
    }
}

/// How long an order may rest, and whether it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TimeInForce {
    /// Good till cancelled.
    Gtc = 0,
    /// Immediate or cancel: what does not fill on arrival expires.
    Ioc = 1,
    /// Fill or kill: whole on arrival or not at all.
    Fok = 2,
    /// Maker only: expires on arrival if it would take.
    PostOnly = 3,
}

/// How an order is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum OrderKind {
    /// At its price or better.
    Limit = 0,
    /// At whatever the book offers.
    Market = 1,
}

/// Whether a fill added liquidity or took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Liquidity {
    /// Rested first.
    Maker = 0,
    /// Arrived second.
    Taker = 1,
}

/// Index of an instrument in its engine.
pub type InstrumentIx = u16;
/// Index of a strategy instance in its engine.
pub type StrategyIx = u16;
/// An account in its engine: 0 is shared by all strategies without one of their own; n is that of strategy n − 1.
pub type AccountIx = u16;
/// Index of a currency in its engine.
pub type CurrencyIx = u16;
/// Our order id: a sequence within one session of one trader, never reused.
pub type OrderId = u64;
