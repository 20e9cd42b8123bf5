//! PnL taken apart, in integers: spread, adverse selection, inventory, fees and funding add up to the ledger's PnL to
//! the last unit.
//!
//! With side s, price p and net quantity q of each fill, the mid m when we heard of it, the mid m′ a horizon later and
//! the mid M at the end: spread Σ s·(m − p)·q, adverse selection Σ s·(m′ − m)·q, inventory Σ s·(M − m′)·q. Their sum is
//! Σ s·(M − p)·q, what the ledger makes of cash and positions before fees and funding. Spread and adverse selection are
//! the effective and the realised spread's parts of Huang and Stoll (1996), *Dealer versus auction markets*, J.
//! Financial Economics 41, signed for the one who traded: effective = realised + price impact. With a horizon of 0
//! inventory is Σ position·Δmid.
//!
//! The net quantity is what the position changed by: of a spot buy whose fee is taken in base currency, the quantity
//! less the fee. A mid counts half ticks, so sums are kept in half units of [`Money`]; a half that cannot be written
//! goes to inventory.

use crate::instrument::Instrument;
use crate::ledger::fee_in_base;
use crate::types::{Money, Qty, Side, Ticks};

/// A fill as the split looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Buy or sell.
    pub side: Side,
    /// In ticks.
    pub price: Ticks,
    /// In steps, as executed.
    pub qty: Qty,
    /// What the venue charged, in the currency it takes it in.
    pub fee: Money,
    /// Bid + ask in ticks when we heard of it.
    pub twice_mid: Ticks,
    /// Bid + ask in ticks a horizon later, or at the end where that is earlier.
    pub twice_later: Ticks,
}

/// Parts of a strategy's PnL, each with the sign it has in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Earned (paid) against the mid at the fills.
    pub spread: Money,
    /// What the mid did to the fills within the horizon.
    pub adverse_selection: Money,
    /// What the mid did to positions held longer.
    pub inventory: Money,
    /// Trading fees; paid is negative.
    pub fees: Money,
    /// Funding; received is positive.
    pub funding: Money,
}

impl Split {
    /// Takes apart what `trades` made of a strategy that began flat, with the last mid's `end` = bid + ask.
    pub fn of(instrument: &Instrument, trades: impl Iterator<Item = Trade>, end: Ticks, funding: Money) -> Self {
        let (mut spread, mut adverse, mut inventory, mut fees) = (0, 0, 0, 0);
        let mut held: Qty = 0;
        for trade in trades {
            let given = if fee_in_base(instrument, trade.side) {
                Qty::try_from(trade.fee / instrument.base_step_value()).unwrap_or(Qty::MAX)
            } else {
                0
            };
            fees -=
                if fee_in_base(instrument, trade.side) { instrument.notional(trade.price, given) } else { trade.fee };
            let net = trade.side.sign() * trade.qty - given;
            held += net;
            spread += instrument.notional(trade.twice_mid - 2 * trade.price, net);
            adverse += instrument.notional(trade.twice_later - trade.twice_mid, net);
            inventory += instrument.notional(end - trade.twice_later, net);
        }
        // The ledger values what is held toward zero, so a half unit of it is no PnL.
        let made = (spread + adverse + inventory - instrument.notional(end, held) % 2) / 2;
        let (spread, adverse_selection) = (spread / 2, adverse / 2);
        Self { spread, adverse_selection, inventory: made - spread - adverse_selection, fees, funding }
    }

    /// The sum of the parts.
    pub fn pnl(&self) -> Money {
        self.spread + self.adverse_selection + self.inventory + self.fees + self.funding
    }
}
