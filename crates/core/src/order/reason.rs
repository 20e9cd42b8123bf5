//! Why orders end, in the words that users meet.

/// Why a venue ended or refused something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// Nothing to say.
    None = 0,
    /// A post-only order would have taken.
    WouldTake = 1,
    /// An immediate order found no more to fill with.
    NotFilled = 2,
    /// A fill-or-kill order could not fill whole.
    NotWhole = 3,
    /// The order is not there (any more).
    UnknownOrder = 4,
    /// The venue's book was not to be trusted at that moment.
    BookNotInSync = 5,
    /// The amendment is at or below what is filled.
    BelowFilled = 6,
    /// The price is already where it would trigger.
    WouldTrigger = 7,
    /// Its time was over.
    TimeOver = 8,
    /// Another order of its group executed or ended.
    GroupEnded = 9,
    /// It would have traded with an order of the same account.
    SelfTrade = 10,
    /// It would have made a position larger, or turned it.
    ReduceOnly = 11,
    /// It waits for a price that the venue has not told: its data have no mark prices.
    NoMarkPrice = 12,
    /// It waits for its trigger, and cannot be amended before.
    NotTriggered = 13,
    /// Filter: the price is beyond the least or the most.
    PriceFilter = 14,
    /// Filter: the quantity is not whole lots, or beyond the least or the most.
    LotSize = 15,
    /// Filter: the notional is below the least.
    Notional = 16,
    /// Filter: the price is too far from the market's.
    PercentPrice = 17,
    /// Filter: it would be shown in too many parts, or in parts that are not whole lots.
    IcebergParts = 18,
    /// Its account is being liquidated.
    Liquidation = 19,
}

impl Reason {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 20] = [
        Self::None,
        Self::WouldTake,
        Self::NotFilled,
        Self::NotWhole,
        Self::UnknownOrder,
        Self::BookNotInSync,
        Self::BelowFilled,
        Self::WouldTrigger,
        Self::TimeOver,
        Self::GroupEnded,
        Self::SelfTrade,
        Self::ReduceOnly,
        Self::NoMarkPrice,
        Self::NotTriggered,
        Self::PriceFilter,
        Self::LotSize,
        Self::Notional,
        Self::PercentPrice,
        Self::IcebergParts,
        Self::Liquidation,
    ];

    /// The name users meet.
    pub fn name(self) -> &'static str {
        [
            "",
            "would_take",
            "not_filled",
            "not_whole",
            "unknown_order",
            "book_not_in_sync",
            "below_filled",
            "would_trigger_immediately",
            "time_over",
            "group_ended",
            "self_trade",
            "reduce_only",
            "no_mark_price",
            "not_triggered",
            "price_filter",
            "lot_size",
            "notional",
            "percent_price",
            "iceberg_parts",
            "liquidation",
        ][self as usize]
    }
}
