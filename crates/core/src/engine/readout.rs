//! What others may read of the engine.

use super::{Blotter, Counts, Engine, FillRow, Tally};
use crate::book::Book;
use crate::instrument::{Instrument, InstrumentKind};
use crate::ledger::{Account, Currencies, Ledger, Position};
use crate::order::OrderTable;
use crate::types::{AccountIx, CurrencyIx, InstrumentIx, Money, StrategyIx, Ticks};

impl Engine {
    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.state.ledger
    }

    /// An instrument's definition.
    pub fn instrument(&self, instrument: InstrumentIx) -> &Instrument {
        &self.state.views[usize::from(instrument)].instrument
    }

    /// How often a strategy was woken.
    pub fn wakes(&self, strategy: StrategyIx) -> u64 {
        self.state.slots[usize::from(strategy)].wakes
    }

    /// An instrument's definition and the currencies it moves.
    pub(crate) fn listed(&self, instrument: InstrumentIx) -> (&Instrument, Currencies) {
        let view = &self.state.views[usize::from(instrument)];
        (&view.instrument, view.currencies)
    }

    /// How many instruments there are.
    pub fn instruments(&self) -> usize {
        self.state.views.len()
    }

    /// How many strategies there are.
    pub fn strategies(&self) -> usize {
        self.state.slots.len()
    }

    /// The account of a strategy.
    pub fn account_of(&self, strategy: StrategyIx) -> AccountIx {
        self.state.slots[usize::from(strategy)].account
    }

    /// Whether a strategy is called.
    pub fn is_running(&self, strategy: StrategyIx) -> bool {
        self.state.slots[usize::from(strategy)].running
    }

    /// What a strategy trades.
    pub fn instrument_of(&self, strategy: StrategyIx) -> InstrumentIx {
        self.state.slots[usize::from(strategy)].instrument
    }

    /// What each fill of the blotter left of its strategy's position, for a session that began without positions.
    pub fn positions_after_fills(&self) -> Vec<Position> {
        let blotter = &self.state.blotter;
        let (mut held, mut interest) =
            (vec![Position::default(); self.strategies()], blotter.interest.iter().peekable());
        let after = |(number, row): (usize, &FillRow)| {
            while let Some(paid) = interest.next_if(|paid| paid.fills <= number) {
                let instrument = self.instrument(self.instrument_of(paid.strategy));
                held[usize::from(paid.strategy)].pay(instrument, paid.price, paid.qty);
            }
            let position = &mut held[usize::from(row.strategy)];
            position.trade(self.instrument(row.instrument), row.side, &row.fill);
            *position
        };
        blotter.fills.iter().enumerate().map(after).collect()
    }

    /// What the books fail to balance by: postings that do not cancel, and the difference between each strategy's PnL
    /// and what its postings and position are worth. 0 in a ledger that is right.
    pub fn imbalance(&self) -> Money {
        let unexplained = (0..self.strategies.len() as StrategyIx).map(|strategy| {
            let (view, position) = (self.state.view_of(strategy), self.state.ledger.position(strategy));
            let settle = view.currencies.settled_in(view.instrument.kind);
            let of = |account| self.state.ledger.balance(strategy + 1, account, settle);
            let worth = match view.instrument.kind {
                InstrumentKind::Spot => position.value(&view.instrument, view.twice_mid()),
                InstrumentKind::LinearPerpetual | InstrumentKind::InversePerpetual => {
                    position.unrealised(&view.instrument, view.twice_mid())
                }
            };
            // Capital is in the books of an account of its own, as what it was given less.
            (of(Account::Cash) + of(Account::Capital) + of(Account::Rounding) + of(Account::Funding) + worth
                - position.pnl(&view.instrument, view.twice_mid()))
            .abs()
        });
        self.state.ledger.imbalance() + unexplained.sum::<Money>()
    }

    /// The orders that have not ended.
    pub fn orders(&self) -> &OrderTable {
        &self.state.orders
    }

    /// What the run leaves for its report.
    pub fn blotter(&self) -> &Blotter {
        &self.state.blotter
    }

    /// What came in on an instrument.
    pub fn counts(&self, instrument: InstrumentIx) -> Counts {
        self.state.views[usize::from(instrument)].counts
    }

    /// Our book of an instrument.
    pub fn book(&self, instrument: InstrumentIx) -> &Book {
        &self.state.views[usize::from(instrument)].book
    }

    /// Bid + ask of an instrument in ticks as we see it, or twice the last trade where a side is empty.
    pub fn twice_mid(&self, instrument: InstrumentIx) -> Ticks {
        self.state.views[usize::from(instrument)].twice_mid()
    }

    /// The currency that an instrument's profits and funding are in.
    pub fn settled_in(&self, instrument: InstrumentIx) -> CurrencyIx {
        let view = &self.state.views[usize::from(instrument)];
        view.currencies.settled_in(view.instrument.kind)
    }

    /// Refusals and withheld quotes of a strategy.
    pub fn tally(&self, strategy: StrategyIx) -> Tally {
        let slot = &self.state.slots[usize::from(strategy)];
        Tally { refused: slot.refused, withheld: slot.withheld }
    }

    /// A strategy's PnL after fees, at the middle of the book.
    pub fn pnl(&self, strategy: StrategyIx) -> Money {
        self.state.pnl(strategy)
    }

    /// What a strategy made since midnight UTC.
    pub fn day_pnl(&self, strategy: StrategyIx) -> Money {
        self.state.day_pnl(strategy)
    }
}
