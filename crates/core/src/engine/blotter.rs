//! What a run leaves for its report, row by row.

use crate::order::Fill;
use crate::types::{AccountIx, InstrumentIx, Money, Nanos, OrderId, Qty, Side, StrategyIx, Ticks};

/// A fill as it is told to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillRow {
    /// Of which order.
    pub order: OrderId,
    /// Whose.
    pub strategy: StrategyIx,
    /// In which instrument.
    pub instrument: InstrumentIx,
    /// Of the order.
    pub side: Side,
    /// What the order asked for then, in steps.
    pub asked: Qty,
    /// What was executed.
    pub fill: Fill,
    /// The venue's time.
    pub ts_venue: Nanos,
    /// Ours.
    pub ts_recv: Nanos,
    /// Bid + ask in ticks: the venue's just before it where it tells, else ours when the report came.
    pub twice_mid: Ticks,
}

// A run may make millions of them.
const _: () = assert!(size_of::<FillRow>() <= 112);

/// A position of an account that the venue closed, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidation {
    /// When we heard of it.
    pub ts: Nanos,
    /// Whose.
    pub account: AccountIx,
    /// In which instrument.
    pub instrument: InstrumentIx,
    /// Of the venue's order.
    pub side: Side,
    /// What was executed.
    pub fill: Fill,
}

/// The value of a strategy at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub ts: Nanos,
    /// Whose.
    pub strategy: StrategyIx,
    /// Made so far after fees.
    pub pnl: Money,
    /// Held, in steps.
    pub position: Qty,
    /// Bid + ask in ticks.
    pub twice_mid: Ticks,
}

/// Interest on borrowed base currency, added to what a strategy owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterestPaid {
    /// Whose.
    pub strategy: StrategyIx,
    /// What the base currency was worth, in ticks.
    pub price: Ticks,
    /// In quantity steps.
    pub qty: Qty,
    /// How many fills had been noted before it.
    pub fills: usize,
}

/// What a run leaves for its report.
#[derive(Clone, Debug, Default)]
pub struct Blotter {
    /// Executions.
    pub fills: Vec<FillRow>,
    /// Interest paid.
    pub interest: Vec<InterestPaid>,
    /// Positions that the venue closed.
    pub liquidations: Vec<Liquidation>,
    /// Values over time.
    pub samples: Vec<Sample>,
    /// Reports that fitted no order's life.
    pub odd_reports: u64,
}
