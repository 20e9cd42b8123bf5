//! PnL taken apart, in integers: spread, adverse selection, inventory, fees and funding add up to the ledger's PnL to
//! the last unit.
//!
//! With side s, price p and net quantity q of each fill, the mid m just before it, the mid m′ a horizon later and
//! the mid M at the end: spread Σ s·(m − p)·q, adverse selection Σ s·(m′ − m)·q, inventory Σ s·(M − m′)·q. Their sum is
//! Σ s·(M − p)·q, what the ledger makes of cash and positions before fees and funding. Interest is base currency given
//! away at the price of its moment. Spread and adverse selection are
//! the effective and the realised spread's parts of Huang and Stoll (1996), *Dealer versus auction markets*, J.
//! Financial Economics 41, signed for the one who traded: effective = realised + price impact. With a horizon of 0
//! inventory is Σ position·Δmid.
//!
//! The net quantity is what the position changed by: of a spot buy whose fee is taken in base currency, the quantity
//! less the fee. A mid counts half ticks: what is finer than a unit of [`Money`] is rounded at each fill as the ledger
//! rounds the position, and what that differs by, less than a unit a fill, goes to inventory. Of inverse perpetuals the
//! same holds with the worth of the contracts in base currency in the place of price · quantity.

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
    /// Bid + ask in ticks just before it.
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
    /// Funding and interest; received is positive.
    pub funding: Money,
}

impl Split {
    /// Takes apart what `trades` made of a strategy that began flat, with the last mid's `end` = bid + ask. `interest`
    /// is what it owes more of borrowed base currency: price in ticks and quantity in steps of each payment.
    pub fn of(
        instrument: &Instrument,
        trades: impl Iterator<Item = Trade>,
        interest: impl Iterator<Item = (Ticks, Qty)>,
        end: Ticks,
        funding: Money,
    ) -> Self {
        let mut split = Self { funding, ..Self::default() };
        let (mut held, mut paid): (Qty, Money) = (0, 0);
        let at = |twice_mid, net| worth(instrument, twice_mid, net);
        for trade in trades {
            let (given, fee) = base_fee(instrument, &trade).unwrap_or((0, trade.fee));
            let net = trade.side.sign() * trade.qty - given;
            let cost = instrument.settled(trade.price, net) * i128::from(instrument.direction());
            split.fees -= fee;
            split.spread += at(trade.twice_mid, net) - cost;
            split.adverse_selection += at(trade.twice_later, net) - at(trade.twice_mid, net);
            split.inventory += at(end, net) - at(trade.twice_later, net);
            held += net;
            paid += cost;
        }
        for (price, qty) in interest {
            let cost = instrument.settled(price, -qty);
            split.funding += cost;
            split.inventory += at(end, -qty) - cost;
            held -= qty;
            paid += cost;
        }
        // The ledger rounds what the position is worth once; here each fill's was.
        let made = at(end, held) - paid;
        split.inventory += made - (split.spread + split.adverse_selection + split.inventory);
        split
    }

    /// The sum of the parts.
    pub fn pnl(&self) -> Money {
        self.spread + self.adverse_selection + self.inventory + self.fees + self.funding
    }
}

/// What a signed quantity is worth at a mid in the currency that profits are in, as the ledger values a position.
pub(super) fn worth(instrument: &Instrument, twice_mid: Ticks, qty: Qty) -> Money {
    instrument.settled_at_half(twice_mid, qty) * i128::from(instrument.direction())
}

/// The steps a fee in base currency takes from what was bought, and what they are worth at the trade's price.
fn base_fee(instrument: &Instrument, trade: &Trade) -> Option<(Qty, Money)> {
    fee_in_base(instrument, trade.side).then(|| {
        let given = Qty::try_from(trade.fee / instrument.base_step_value()).unwrap_or(Qty::MAX);
        (given, instrument.notional(trade.price, given))
    })
}
