//! How a venue clears.

use crate::instrument::{Instrument, InstrumentKind, RATE_SCALE};
use crate::margin::MarginTiers;
use crate::types::Nanos;

/// What stands behind a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MarginMode {
    /// Nothing is looked at, and nothing liquidated.
    #[default]
    None,
    /// All of the account in the currency that the position settles in.
    Cross,
    /// What its opening trades set aside, their notional over the leverage, and no more.
    Isolated,
}

/// How much of a position a liquidation closes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Close {
    /// All of it.
    #[default]
    Whole,
    /// What brings it into the next lower tier, again and again until the margin is enough.
    Tier,
}

/// Where an instrument's funding rates come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Funding {
    /// Nobody pays.
    #[default]
    None,
    /// From the market's rows: at each funding time the rate told last.
    Rows,
    /// (Time, rate in 10⁻⁹), in order.
    Series(Vec<(Nanos, i64)>),
}

/// See the variants' own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClearingSettings {
    /// What stands behind positions.
    pub margin: MarginMode,
    /// Of isolated positions.
    pub leverage: u32,
    /// How much a liquidation closes.
    pub close: Close,
    /// Of each instrument, in their order; those that are not there have none.
    pub funding: Vec<Funding>,
    /// An hour's interest on base currency borrowed of each spot instrument, in 10⁻⁹; without one nothing is lent.
    pub borrow: Vec<Option<i128>>,
}

/// What a borrowed position must keep: at Binance's cross margin assets must stay 1.1 times what is owed,
/// <https://www.binance.com/en/support/faq/360030493931>.
const BORROWED: i128 = RATE_SCALE / 10;

/// An instrument's tiers, those of spot margin where it has none. Empty where margins are not looked at.
pub(super) fn tiers_of(instrument: &Instrument, margin: MarginMode) -> MarginTiers {
    if instrument.kind == InstrumentKind::Spot && instrument.margin_tiers.is_empty() {
        return MarginTiers::flat(BORROWED, 3);
    }
    assert!(
        margin == MarginMode::None || !instrument.margin_tiers.is_empty(),
        "{} has no margin tiers: liquidation cannot be simulated",
        instrument.id
    );
    instrument.margin_tiers.clone()
}
