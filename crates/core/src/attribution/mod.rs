//! What a run's fills were worth after the fact: where the mid went, and which part of the PnL each thing made.
//!
//! Nothing here runs while the engine does: one more pass of our view of the book over the same rows, stopping at the
//! moments asked for, and sums over the fills.

mod markout;
mod split;

pub use markout::MidReader;
pub use split::{Split, Trade};

use crate::engine::{Engine, FillRow};
use crate::feed::Feed;
use crate::ledger::Account;
use crate::types::{InstrumentIx, Money, Nanos, Qty, SECOND, StrategyIx, Ticks};

/// How long after a fill its markouts are taken.
pub const HORIZONS: [Nanos; 3] = [SECOND, 10 * SECOND, 60 * SECOND];

/// The horizon that tells adverse selection from inventory: the second of [`HORIZONS`].
pub const ADVERSE: usize = 1;

/// More than so many orders of the own size ahead just before what filled it make a fill toxic.
pub const TOXIC_ABOVE: Qty = 10;

/// Whether an order was filled from too far back in its queue: only what sweeps the level reaches it there.
///
/// A feed with levels only tells quantities, not orders: a position is counted in orders of the own size, so that an
/// order of 0.01 behind 0.25 stands at position 25. An order that was far back and moved up is not toxic, and a taker
/// has no position.
pub fn is_toxic(fill: &FillRow) -> bool {
    fill.fill.queue_ahead > fill.asked.saturating_mul(TOXIC_ABOVE)
}

/// What became of every fill and of each strategy's PnL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// For each fill of the blotter bid + ask after each of [`HORIZONS`]; `None` where the run ended before, or the
    /// book was not to be trusted then.
    pub later: Vec<[Option<Ticks>; HORIZONS.len()]>,
    /// Of each strategy, in their order.
    pub splits: Vec<Split>,
}

/// Looks back at a run that ended at `end`. `feeds` are our view of each instrument from its beginning.
pub fn attribute(engine: &Engine, feeds: &mut [Feed<'_>], strategies: usize, end: Nanos) -> Attribution {
    let fills = &engine.blotter().fills;
    let mut later = vec![[None; HORIZONS.len()]; fills.len()];
    for (instrument, feed) in feeds.iter_mut().enumerate() {
        let instrument = instrument as InstrumentIx;
        let of_trades = engine.book(instrument).is_of_trades();
        later_mids(fills, (instrument, of_trades), feed, end, &mut later);
    }
    let splits = (0..strategies as StrategyIx).map(|strategy| split_of(engine, strategy, &later)).collect();
    Attribution { later, splits }
}

fn later_mids(
    fills: &[FillRow],
    (instrument, of_trades): (InstrumentIx, bool),
    feed: &mut Feed<'_>,
    end: Nanos,
    later: &mut [[Option<Ticks>; HORIZONS.len()]],
) {
    let own = fills.iter().enumerate().filter(|(_, fill)| fill.instrument == instrument);
    let mut due: Vec<(Nanos, u32, u8)> = own
        .flat_map(|(row, fill)| {
            HORIZONS.iter().enumerate().map(move |(at, horizon)| (fill.ts_recv + horizon, row as u32, at as u8))
        })
        .filter(|due| due.0 <= end)
        .collect();
    due.sort_unstable();
    let mut reader = MidReader::new(of_trades);
    for (at, row, horizon) in due {
        later[row as usize][usize::from(horizon)] = reader.twice_mid(feed, at);
    }
}

fn split_of(engine: &Engine, strategy: StrategyIx, later: &[[Option<Ticks>; HORIZONS.len()]]) -> Split {
    let instrument = engine.instrument(engine.instrument_of(strategy));
    let end = engine.twice_mid(engine.instrument_of(strategy));
    let own = engine.blotter().fills.iter().zip(later).filter(|(fill, _)| fill.strategy == strategy);
    let trades = own.map(|(fill, later)| Trade {
        side: fill.side,
        price: fill.fill.price,
        qty: fill.fill.qty,
        fee: fill.fill.fee,
        twice_mid: fill.twice_mid,
        twice_later: later[ADVERSE].unwrap_or(end),
    });
    let interest = engine.blotter().interest.iter().filter(|paid| paid.strategy == strategy);
    Split::of(instrument, trades, interest.map(|paid| (paid.price, paid.qty)), end, funding(engine, strategy))
}

/// Funding received, in the currency that profits are in.
fn funding(engine: &Engine, strategy: StrategyIx) -> Money {
    let currency = engine.settled_in(engine.instrument_of(strategy));
    -engine.ledger().balance(strategy + 1, Account::Funding, currency)
}

/// What a fill would have made had it been closed at a later mid, in the currency that profits are
/// in: side · (mid − price) · quantity.
pub fn markout(engine: &Engine, fill: &FillRow, twice_mid: Ticks) -> Money {
    let instrument = engine.instrument(fill.instrument);
    let signed = fill.fill.qty * fill.side.sign();
    let paid = instrument.settled(fill.fill.price, signed) * i128::from(instrument.direction());
    split::worth(instrument, twice_mid, signed) - paid
}

#[cfg(test)]
mod tests;
