//! What an order asks for beyond side, price, quantity and time in force. Most orders ask for nothing more.
//!
//! The words are Binance's, whose rules the simulation follows: stop and take-profit orders with a last or a mark price
//! (`workingType`), trailing stops with a callback rate and an activation price, `reduceOnly`, `icebergQty`,
//! `goodTillDate`, order lists, `selfTradePreventionMode`
//! (<https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints>,
//! <https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/New-Order>).

use crate::types::{Nanos, Qty, Ticks};

/// Basis points in one.
pub const BASIS_POINTS: i64 = 10_000;

/// What an order waits for before it is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Trigger {
    /// Nothing.
    #[default]
    None = 0,
    /// A buy: a price at the level or above; a sell: at or below.
    Stop = 1,
    /// A buy: a price at the level or below; a sell: at or above.
    TakeProfit = 2,
    /// A price that came back from its best by the rate. The best is followed from the activation level on, or at once.
    Trailing = 3,
}

impl Trigger {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 4] = [Self::None, Self::Stop, Self::TakeProfit, Self::Trailing];
}

/// Which price pulls a trigger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum TriggerBy {
    /// That of the last trade.
    #[default]
    Last = 0,
    /// The venue's mark price.
    Mark = 1,
}

impl TriggerBy {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 2] = [Self::Last, Self::Mark];
}

/// What happens where an order would trade with one of the same account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum SelfTrade {
    /// They do not see each other.
    #[default]
    None = 0,
    /// What is left of the order that takes expires.
    ExpireTaker = 1,
    /// The order that rests expires.
    ExpireMaker = 2,
    /// Both expire.
    ExpireBoth = 3,
}

impl SelfTrade {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 4] = [Self::None, Self::ExpireTaker, Self::ExpireMaker, Self::ExpireBoth];
}

/// The further terms of an order; the default has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Where the trigger is, in ticks; of a trailing one where it is activated, 0 at once.
    pub level: Ticks,
    /// Gone by then; 0 never.
    pub expires: Nanos,
    /// Shown at a time, in steps; 0 all of it.
    pub display: Qty,
    /// Orders of one strategy with the same number: once one of them executes or ends, the others end. 0 none.
    pub group: u16,
    /// How far a price must come back from its best to pull a trailing trigger, in basis points.
    pub trail: u16,
    /// What it waits for.
    pub trigger: Trigger,
    /// Of which price.
    pub by: TriggerBy,
    /// Never makes a position larger or turns it.
    pub reduce_only: bool,
    /// What happens where it would trade with one of the same account.
    pub self_trade: SelfTrade,
}

impl Terms {
    /// No further terms.
    pub const PLAIN: Self = Self {
        level: 0,
        expires: 0,
        display: 0,
        group: 0,
        trail: 0,
        trigger: Trigger::None,
        by: TriggerBy::Last,
        reduce_only: false,
        self_trade: SelfTrade::None,
    };

    /// Whether there are no further terms.
    #[inline]
    pub fn is_plain(&self) -> bool {
        *self == Self::PLAIN
    }

    /// Whether the order waits for a price.
    #[inline]
    pub fn is_conditional(&self) -> bool {
        self.trigger != Trigger::None
    }
}

// An order is copied often: its terms must not make that dear.
const _: () = assert!(size_of::<Terms>() == 32);
