//! Perpetuals: what positions and orders need, what a market without margin does to them, and funding.

use super::events::{Cause, Told};
use super::filters::{LEVERAGE, MARGIN, Refusal};
use super::order::{Exec, NewOrder, OrderType, Tif};
use super::{AccountIx, Exchange, tag};
use crate::instrument::{RATE_SCALE, at_rate};
use crate::ledger::{SETTLEMENT, round_to_settlement};
use crate::margin::{MarginTiers, liquidation_price};
use crate::types::{InstrumentIx, Money, Nanos, OrderId, Qty, Side, Ticks};

/// Maintenance margin and highest leverage where a definition has no tiers.
pub(super) fn one_tier() -> MarginTiers {
    MarginTiers::flat(RATE_SCALE * 4 / 1_000, 125)
}

/// What a futures wallet is behind, in the settlement currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Margin {
    /// Deposits, realised profits, fees and funding.
    pub wallet: Money,
    /// Made on paper at the mark prices.
    pub unrealised: Money,
    /// What positions and open orders bind.
    pub initial: Money,
    /// Below this wallet + unrealised, positions are closed.
    pub maintenance: Money,
}

impl Margin {
    /// For further orders.
    pub fn available(&self) -> Money {
        (self.wallet + self.unrealised - self.initial).max(0) / SETTLEMENT * SETTLEMENT
    }
}

/// A position with what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionView {
    /// In what.
    pub instrument: InstrumentIx,
    /// In steps, negative when short.
    pub qty: Qty,
    /// Average price, ×10¹⁶; 0 when flat.
    pub entry: Money,
    /// In ticks.
    pub mark: Ticks,
    /// Chosen by the account.
    pub leverage: u32,
    /// Made on paper at the mark price.
    pub unrealised: Money,
    /// What the position and its open orders bind.
    pub initial: Money,
    /// What it must keep.
    pub maintenance: Money,
    /// Where the account is liquidated if no other price moves, in ticks; 0 if nowhere.
    pub liquidation: Ticks,
}

impl Exchange {
    /// The state of an account's futures wallet at the mark prices.
    pub fn margin(&self, account: AccountIx) -> Margin {
        let mut margin = Margin { wallet: self.accounts[account as usize].wallet, ..Margin::default() };
        for instrument in self.perpetuals() {
            margin.unrealised += self.unrealised(account, instrument);
            margin.initial += self.initial(account, instrument, None, None);
            margin.maintenance += self.maintenance(account, instrument);
        }
        margin
    }

    /// The account's side of every perpetual, flat ones too.
    pub fn positions(&self, account: AccountIx) -> Vec<PositionView> {
        let whole = self.margin(account);
        let view = |instrument| {
            let owner = &self.accounts[account as usize];
            let held = &owner.positions[usize::from(instrument)];
            let maintenance = self.maintenance(account, instrument);
            PositionView {
                instrument,
                qty: held.qty,
                entry: self.entry_price(account, instrument),
                mark: self.listings[usize::from(instrument)].marked,
                leverage: owner.leverage[usize::from(instrument)],
                unrealised: self.unrealised(account, instrument),
                initial: self.initial(account, instrument, None, None),
                maintenance,
                liquidation: self.liquidation_price(account, instrument, &whole),
            }
        };
        self.perpetuals().map(view).collect()
    }

    /// Chooses the leverage of an account in a perpetual.
    ///
    /// # Errors
    /// If it is not 1 to what the first tier allows, or what is open would need more margin than there is.
    pub fn set_leverage(&mut self, account: AccountIx, instrument: InstrumentIx, leverage: u32) -> Result<(), Refusal> {
        let listing = &self.listings[usize::from(instrument)];
        if !(1..=listing.tiers.of(0).leverage).contains(&leverage) || !listing.is_perpetual() {
            return Err(LEVERAGE);
        }
        let old = std::mem::replace(&mut self.accounts[account as usize].leverage[usize::from(instrument)], leverage);
        let margin = self.margin(account);
        if leverage < old && margin.wallet + margin.unrealised < margin.initial {
            self.accounts[account as usize].leverage[usize::from(instrument)] = old;
            return Err(MARGIN);
        }
        Ok(())
    }

    fn perpetuals(&self) -> impl Iterator<Item = InstrumentIx> {
        let listed = self.listings.iter().zip(0..);
        listed.filter(|(listing, _)| listing.is_perpetual()).map(|(_, at)| at)
    }

    pub(super) fn unrealised(&self, account: AccountIx, instrument: InstrumentIx) -> Money {
        let listing = &self.listings[usize::from(instrument)];
        let position = &self.accounts[account as usize].positions[usize::from(instrument)];
        position.unrealised(&listing.instrument, 2 * listing.marked)
    }

    fn maintenance(&self, account: AccountIx, instrument: InstrumentIx) -> Money {
        let listing = &self.listings[usize::from(instrument)];
        let qty = self.accounts[account as usize].positions[usize::from(instrument)].qty.abs();
        listing.tiers.maintenance(listing.instrument.notional(listing.marked, qty))
    }

    /// Margin that a position and its open orders bind: of the position as it is, after all buys or after all sells,
    /// whichever is largest. `more` (side, notional) counts as one more order, `without` does not count.
    fn initial(
        &self,
        account: AccountIx,
        instrument: InstrumentIx,
        more: Option<(Side, Money)>,
        without: Option<OrderId>,
    ) -> Money {
        let (listing, owner) = (&self.listings[usize::from(instrument)], &self.accounts[account as usize]);
        let held = listing.instrument.notional(listing.marked, owner.positions[usize::from(instrument)].qty);
        let mut orders = [0, 0];
        let open = owner.open[usize::from(instrument)].iter().map(|&id| self.orders.get(id));
        for order in open.filter(|order| !order.reduce_only && Some(order.id) != without) {
            orders[order.side as usize] += listing.instrument.notional(order.price, order.left());
        }
        if let Some((side, notional)) = more {
            orders[side as usize] += notional;
        }
        let most = held.abs().max((held + orders[0]).abs()).max((held - orders[1]).abs());
        let leverage = Money::from(owner.leverage[usize::from(instrument)]);
        (most + leverage - 1) / leverage
    }

    /// Whether an order at `price` may join an account's open orders (and, for an amendment, `without` leave them).
    pub(super) fn margin_allows(
        &self,
        account: AccountIx,
        instrument: InstrumentIx,
        side: Side,
        price: Ticks,
        qty: Qty,
        without: Option<OrderId>,
    ) -> bool {
        let (listing, margin) = (&self.listings[usize::from(instrument)], self.margin(account));
        let worse = ((price - listing.marked) * side.sign()).max(0);
        let more = Some((side, listing.instrument.notional(price, qty)));
        let now = self.initial(account, instrument, None, None);
        let then = self.initial(account, instrument, more, without);
        // What only closes needs nothing; what opens must also bear the loss of a price worse than the mark.
        let loss = listing.instrument.notional(worse, qty);
        then <= now || margin.wallet + margin.unrealised - margin.initial - (then - now) - loss >= 0
    }

    /// Price at which wallet and paper profit are just the maintenance margin, other prices staying.
    fn liquidation_price(&self, account: AccountIx, instrument: InstrumentIx, whole: &Margin) -> Ticks {
        let listing = &self.listings[usize::from(instrument)];
        let position = &self.accounts[account as usize].positions[usize::from(instrument)];
        let others = whole.maintenance - self.maintenance(account, instrument);
        let free = whole.wallet + whole.unrealised - self.unrealised(account, instrument) - others;
        liquidation_price(&listing.instrument, &listing.tiers, position, free).unwrap_or(0)
    }

    /// What falls due at a whole second: funding, then liquidation of accounts below their maintenance margin.
    pub(super) fn check_margins(&mut self) {
        let instruments: Vec<InstrumentIx> = self.perpetuals().collect();
        for &instrument in &instruments {
            let listing = &mut self.listings[usize::from(instrument)];
            listing.marked = listing.mark().mark;
            for (ts, rate) in self.listings[usize::from(instrument)].look() {
                self.fund(instrument, ts, rate);
            }
        }
        for account in 0..self.accounts.len() as AccountIx {
            let exposed =
                instruments.iter().any(|&at| self.accounts[account as usize].positions[usize::from(at)].qty != 0);
            if exposed {
                let margin = self.margin(account);
                if margin.wallet + margin.unrealised < margin.maintenance {
                    self.liquidate(account, &instruments);
                }
            }
        }
    }

    /// Longs pay shorts the rate of their notional at the mark price; shorts pay where it is negative.
    fn fund(&mut self, instrument: InstrumentIx, ts: Nanos, rate: i64) {
        let mark = self.listings[usize::from(instrument)].marked;
        for account in 0..self.accounts.len() as AccountIx {
            let qty = self.accounts[account as usize].positions[usize::from(instrument)].qty;
            if qty == 0 {
                continue;
            }
            let notional = self.listings[usize::from(instrument)].instrument.notional(mark, qty);
            let amount = -round_to_settlement(at_rate(notional, Money::from(rate)));
            self.accounts[account as usize].wallet += amount;
            self.house[usize::from(self.settle)].funding -= amount;
            self.tell(ts, account, Told::Funding { instrument, rate, mark, amount });
            self.tell_futures(account, ts, Cause::FundingFee);
        }
    }

    /// Cancels all orders in perpetuals and closes every position at market. What the book cannot take is tried again
    /// at the next second; a wallet left below zero without a position is made good by the house.
    fn liquidate(&mut self, account: AccountIx, instruments: &[InstrumentIx]) {
        for &instrument in instruments {
            let open: Vec<OrderId> =
                self.accounts[account as usize].open[usize::from(instrument)].iter().copied().collect();
            for id in open {
                self.withdraw(id);
                self.end(id, Exec::Canceled, "liquidation");
            }
        }
        for &instrument in instruments {
            let qty = self.accounts[account as usize].positions[usize::from(instrument)].qty;
            if qty == 0 {
                continue;
            }
            let side = if qty > 0 { Side::Sell } else { Side::Buy };
            let asked = NewOrder {
                side,
                kind: OrderType::Market,
                tif: Tif::Gtc,
                price: None,
                qty: qty.abs(),
                client_id: format!("autoclose-{}", self.orders.next_id()),
                reduce_only: true,
            };
            let offer = self.listings[usize::from(instrument)].offer(side, None, qty.abs(), tag(account));
            let id = self.take_in(account, instrument, &asked, true);
            self.meet_book(id, &offer);
        }
        let owner = &mut self.accounts[account as usize];
        let flat = owner.positions.iter().all(|position| position.qty == 0);
        if flat && owner.wallet < 0 {
            let missing = -std::mem::take(&mut owner.wallet);
            self.house[usize::from(self.settle)].insurance -= missing;
            self.tell_futures(account, self.now, Cause::Liquidation);
        }
    }
}
