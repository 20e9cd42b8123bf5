//! The simulated exchange's core: several accounts trade in seeded markets, beside the markets' own participants.
//!
//! Orders of accounts wait in the same queues and meet the same takers. Deterministic: the same calls give the same
//! answers, and however time is cut into calls of [`Exchange::advance`] the same happens.
//!
//! Spot: a buy locks price × quantity of quote currency, a sell its quantity of base; a market order locks nothing and
//! is refused if the balance cannot pay for what the book offers. Perpetuals: one-way positions, cross margin in one
//! wallet, checked at each whole second right after the mark price. An order that would meet one of its own account
//! trades up to there, and the rest of it expires.

mod account;
mod change;
mod entry;
mod events;
mod filters;
mod listing;
mod margin;
mod order;
mod settle;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use account::{Balance, House};
pub use events::{AccountEvent, Amount, Cause, Told, Trade, Wallet};
pub use filters::Refusal;
pub use listing::Levels;
pub use margin::{Margin, PositionView};
pub use order::{Exec, NewOrder, Order, OrderType, Status, Tif};

use crate::event::Event;
use crate::instrument::{Instrument, InstrumentKind};
use crate::ledger::SETTLEMENT;
use crate::market::order_book::OrderBook;
use crate::market::{LAST_OWN_TAG, Mark};
use crate::types::{CurrencyIx, InstrumentIx, Money, Nanos, OrderId, Qty, SECOND};
use account::Account;
use listing::Listing;
use order::Orders;

/// Index of an account on its exchange.
pub type AccountIx = u32;

/// Leverage of a perpetual where an account has not chosen another.
pub const DEFAULT_LEVERAGE: u32 = 20;

/// A venue of several instruments and accounts. See the module.
pub struct Exchange {
    now: Nanos,
    /// When margins are checked next; never without a perpetual.
    next_check: Nanos,
    listings: Vec<Listing>,
    accounts: Vec<Account>,
    orders: Orders,
    currencies: Vec<String>,
    /// Of all perpetuals.
    settle: CurrencyIx,
    house: Vec<House>,
    events: Vec<AccountEvent>,
}

impl Exchange {
    /// Opens markets of these instruments at `start`, each around its value in quote units. The first has `seed`.
    ///
    /// # Errors
    /// If an instrument's price × lot is finer than 10⁻⁸, two perpetuals settle in different currencies, one is
    /// inverse, or a value is not 10 to 10¹³ ticks.
    pub fn new(seed: u64, instruments: Vec<(Instrument, f64)>, start: Nanos) -> Result<Self, String> {
        let mut currencies: Vec<String> = Vec::new();
        let mut currency = |code: &str| -> CurrencyIx {
            let found = currencies.iter().position(|known| known == code).unwrap_or_else(|| {
                currencies.push(code.to_owned());
                currencies.len() - 1
            });
            found as CurrencyIx
        };
        let (mut listings, mut settle) = (Vec::new(), None);
        for (at, (instrument, value)) in instruments.into_iter().enumerate() {
            let id = &instrument.id;
            let ticks = instrument.tick_size.steps_in(value);
            if !(10.0..=1e13).contains(&ticks) {
                return Err(format!("{id}: value must be 10 to 10¹³ ticks, was {value}"));
            }
            if instrument.notional(1, instrument.lot_steps()) % SETTLEMENT != 0 {
                return Err(format!("{id}: tick × lot must be a multiple of 10⁻⁸"));
            }
            let Some((base, quote)) = instrument.base_quote() else {
                return Err(format!("{id}: id must have the form BASE/QUOTE[:SETTLE]@venue"));
            };
            let (base, quote) = (currency(base), currency(quote));
            if instrument.kind == InstrumentKind::InversePerpetual {
                return Err(format!("{id}: inverse perpetuals are not listed here"));
            }
            if instrument.kind == InstrumentKind::LinearPerpetual && *settle.get_or_insert(quote) != quote {
                return Err(format!("{id}: all perpetuals must settle in one currency"));
            }
            let seed = seed.wrapping_add((at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            listings.push(Listing::new(seed, instrument, value, start, (base, quote)));
        }
        let settle = settle.unwrap_or_else(|| currency("USDT"));
        let perpetual = listings.iter().any(Listing::is_perpetual);
        let house = vec![House::default(); currencies.len()];
        let next_check = if perpetual { start + (-start).rem_euclid(SECOND) + 1 } else { Nanos::MAX };
        let (accounts, orders, events) = (Vec::new(), Orders::default(), Vec::new());
        Ok(Self { now: start, next_check, listings, accounts, orders, currencies, settle, house, events })
    }

    /// Opens an account with deposits in its two wallets.
    ///
    /// # Errors
    /// If a currency is not traded here, a futures deposit is not of the settlement currency, or an amount is below 0
    /// or finer than 10⁻⁸.
    pub fn open_account(&mut self, spot: &[(String, Money)], futures: &[(String, Money)]) -> Result<AccountIx, String> {
        let mut account = Account::new(self.currencies.len(), self.listings.len(), DEFAULT_LEVERAGE);
        let mut house = self.house.clone();
        let deposits = spot.iter().map(|deposit| (deposit, true)).chain(futures.iter().map(|deposit| (deposit, false)));
        for ((code, amount), is_spot) in deposits {
            let Some(currency) = self.currencies.iter().position(|known| known == code) else {
                return Err(format!("no instrument here trades `{code}`"));
            };
            if *amount < 0 || amount % SETTLEMENT != 0 {
                return Err(format!("a deposit must be ≥ 0 and a multiple of 10⁻⁸ {code}"));
            }
            if is_spot {
                account.spot[currency].free += amount;
            } else if currency == usize::from(self.settle) {
                account.wallet += amount;
            } else {
                return Err(format!("perpetuals settle in {}, not {code}", self.currencies[usize::from(self.settle)]));
            }
            house[currency].deposits -= amount;
        }
        self.house = house;
        self.accounts.push(account);
        let id = self.accounts.len() as AccountIx - 1;
        let all: Vec<CurrencyIx> = (0..self.currencies.len() as CurrencyIx).collect();
        self.tell_spot(id, self.now, Cause::Deposit, &all);
        self.tell_futures(id, self.now, Cause::Deposit);
        Ok(id)
    }

    /// Lets time pass until `until`; a moment in the past changes nothing. Returns, per instrument, the rows of its
    /// market since the last call, those of orders sent meanwhile included.
    pub fn advance(&mut self, until: Nanos) -> Vec<Vec<Event>> {
        self.run_to(until);
        self.listings
            .iter_mut()
            .map(|listing| {
                let unpaid = listing.look();
                debug_assert!(unpaid.is_empty(), "funding is looked for right when it is due");
                listing.take_rows()
            })
            .collect()
    }

    /// The exchange's time.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// What happened to accounts since the last call, in order.
    pub fn take_events(&mut self) -> Vec<AccountEvent> {
        std::mem::take(&mut self.events)
    }

    /// The instruments, by index.
    pub fn instruments(&self) -> impl ExactSizeIterator<Item = &Instrument> {
        self.listings.iter().map(|listing| &listing.instrument)
    }

    /// The currencies, by index.
    pub fn currencies(&self) -> &[String] {
        &self.currencies
    }

    /// The currency that perpetuals settle in.
    pub fn settlement_currency(&self) -> CurrencyIx {
        self.settle
    }

    /// How many accounts were opened.
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// Spot balances of an account, by currency.
    pub fn spot(&self, account: AccountIx) -> &[Balance] {
        &self.accounts[account as usize].spot
    }

    /// The house's books, by currency: with the balances of all accounts each sums to zero.
    pub fn house(&self) -> &[House] {
        &self.house
    }

    /// An order of an account: by its id, else the newest with its client id, open or not.
    pub fn order(
        &self,
        account: AccountIx,
        instrument: InstrumentIx,
        id: Option<OrderId>,
        client_id: Option<&str>,
    ) -> Option<&Order> {
        let found = match (id, client_id) {
            (Some(id), _) => self.orders.find(id),
            (None, Some(client_id)) => self.orders.by_client_id(account, instrument, client_id),
            (None, None) => None,
        };
        found.filter(|order| (order.account, order.instrument) == (account, instrument))
    }

    /// Orders of an account, oldest first: of one instrument or all, the open ones or all that are remembered.
    pub fn orders(&self, account: AccountIx, instrument: Option<InstrumentIx>, open_only: bool) -> Vec<&Order> {
        let wanted = |order: &&Order| instrument.is_none_or(|wanted| wanted == order.instrument);
        if open_only {
            let open = self.accounts[account as usize].open.iter().flatten();
            let mut found: Vec<&Order> = open.map(|&id| self.orders.get(id)).filter(wanted).collect();
            found.sort_unstable_by_key(|order| order.id);
            return found;
        }
        self.orders.iter().filter(|order| order.account == account).filter(wanted).collect()
    }

    /// The book as told by the rows so far: number of its last delta row counted from 1, and so many levels of bids and
    /// asks, best first.
    pub fn depth(&mut self, instrument: InstrumentIx, levels: usize) -> (u64, [Levels; 2]) {
        let listing = &mut self.listings[usize::from(instrument)];
        listing.look();
        listing.depth(levels)
    }

    /// The book itself, order by order. An account's orders are its tag's: [`LAST_OWN_TAG`] + 1 + its index.
    pub fn book(&self, instrument: InstrumentIx) -> &OrderBook {
        self.listings[usize::from(instrument)].book()
    }

    /// Mark and index price and the funding to come; for spot both prices are the middle of the book.
    pub fn mark(&self, instrument: InstrumentIx) -> Mark {
        self.listings[usize::from(instrument)].mark()
    }

    /// Contracts open between accounts and the market, whose participants count as one holder.
    pub fn open_interest(&self, instrument: InstrumentIx) -> Qty {
        let held = || self.accounts.iter().map(|account| account.positions[usize::from(instrument)].qty);
        let (long, short): (Qty, Qty) = (held().map(|qty| qty.max(0)).sum(), held().map(|qty| -qty.min(0)).sum());
        long.max(short)
    }

    /// Time goes on to `until`, with every fill answered when it happens and margins checked when they are due.
    fn run_to(&mut self, until: Nanos) {
        let until = until.max(self.now);
        while self.next_check <= until {
            let at = self.next_check;
            self.run_markets(at);
            self.now = at;
            self.check_margins();
            self.next_check += SECOND;
        }
        self.run_markets(until);
        self.now = until;
    }

    fn run_markets(&mut self, until: Nanos) {
        for listing in &mut self.listings {
            listing.run(until);
        }
        // The market that stopped at the earliest fill goes on first.
        while let Some((at, which)) = self.earliest_stop() {
            self.now = self.now.max(at);
            self.settle_fills(which, None);
            self.listings[usize::from(which)].run(until);
        }
    }

    fn earliest_stop(&self) -> Option<(Nanos, InstrumentIx)> {
        let stopped = self.listings.iter().zip(0..).filter_map(|(listing, at)| Some((listing.stopped?, at)));
        stopped.min()
    }

    fn name_of(client_id: &str, id: OrderId) -> Arc<str> {
        if client_id.is_empty() { Arc::from(format!("auto-{id}")) } else { Arc::from(client_id) }
    }
}

/// The tag of an account's orders in a book.
fn tag(account: AccountIx) -> u32 {
    LAST_OWN_TAG + 1 + account
}

/// The account of a tag; `None` for the market's own.
fn account_of(tag: u32) -> Option<AccountIx> {
    tag.checked_sub(LAST_OWN_TAG + 1)
}
