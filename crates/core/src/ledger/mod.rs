//! Double-entry ledger: every fill becomes postings that sum to zero in each currency.
//!
//! Cash of spot is the currencies themselves; a perpetual moves cash only by what is realised. A venue settles in
//! 10⁻⁸: what is finer goes to a rounding account and is never dropped.

mod position;
mod shares;

pub use position::Position;
pub(crate) use position::share;
pub use shares::{payments, quantities};

use crate::instrument::{Instrument, InstrumentKind};
use crate::order::Fill;
use crate::types::{AccountIx, CurrencyIx, Money, Qty, Side, StrategyIx, Ticks};

/// The step a venue settles cash in: 10⁻⁸ of a currency.
pub const SETTLEMENT: Money = 100_000_000;

/// What an account of the ledger holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Account {
    /// Ours.
    Cash = 0,
    /// The other side of every trade.
    Trading = 1,
    /// Paid to the venue.
    Fees = 2,
    /// Paid to or by other holders of a perpetual; interest on what was borrowed.
    Funding = 3,
    /// What is finer than the venue settles.
    Rounding = 4,
    /// Put in from outside.
    Capital = 5,
}

const ACCOUNTS: usize = 6;

impl Account {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; ACCOUNTS] =
        [Self::Cash, Self::Trading, Self::Fees, Self::Funding, Self::Rounding, Self::Capital];

    /// The name users meet.
    pub fn name(self) -> &'static str {
        ["cash", "trading", "fees", "funding", "rounding", "capital"][self as usize]
    }
}

/// One line of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// 0 for the account as a whole, else the strategy's index + 1.
    pub owner: u16,
    /// Which account.
    pub account: Account,
    /// Of which currency.
    pub currency: CurrencyIx,
    /// Positive adds to the account.
    pub amount: Money,
}

/// The lines of one transaction: at most eight, and zero in sum per currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    lines: [Posting; 8],
    len: usize,
}

impl Transaction {
    fn new() -> Self {
        let empty = Posting { owner: 0, account: Account::Cash, currency: 0, amount: 0 };
        Self { lines: [empty; 8], len: 0 }
    }

    fn add(&mut self, owner: u16, account: Account, currency: CurrencyIx, amount: Money) {
        if amount != 0 {
            self.lines[self.len] = Posting { owner, account, currency, amount };
            self.len += 1;
        }
    }

    /// A transaction of these lines, as read back from a record; `None` if they are more than eight.
    pub fn from_lines(lines: &[Posting]) -> Option<Self> {
        let mut transaction = Self::new();
        transaction.lines.get_mut(..lines.len())?.copy_from_slice(lines);
        transaction.len = lines.len();
        Some(transaction)
    }

    /// The lines.
    pub fn lines(&self) -> &[Posting] {
        &self.lines[..self.len]
    }
}

/// The currencies an instrument moves, as indices of its ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currencies {
    /// What is bought (spot).
    pub base: CurrencyIx,
    /// What is paid with, or settled in.
    pub quote: CurrencyIx,
}

impl Currencies {
    /// What profits, losses and funding are in: the base of an inverse perpetual, else the quote.
    pub fn settled_in(self, kind: InstrumentKind) -> CurrencyIx {
        if kind == InstrumentKind::InversePerpetual { self.base } else { self.quote }
    }
}

/// Balances of every account, owner and currency, and the position of every strategy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    currencies: Vec<String>,
    /// `[owner][currency × accounts]`
    balances: Vec<Vec<Money>>,
    positions: Vec<Position>,
    /// The account of each owner.
    account_of: Vec<AccountIx>,
    /// Cash, `[account][currency]`; of an owner without an account of its own nothing.
    cash: Vec<Vec<Money>>,
}

impl Ledger {
    /// The index of a currency, made on first use.
    pub fn currency(&mut self, code: &str) -> CurrencyIx {
        let found = self.currencies.iter().position(|c| c == code).unwrap_or_else(|| {
            self.currencies.push(code.to_owned());
            self.currencies.len() - 1
        });
        if self.balances.is_empty() {
            self.add_owner(0);
        }
        let (currencies, cells) = (self.currencies.len(), ACCOUNTS * self.currencies.len());
        self.balances.iter_mut().for_each(|row| row.resize(cells, 0));
        self.cash.iter_mut().for_each(|row| row.resize(currencies, 0));
        found as CurrencyIx
    }

    fn add_owner(&mut self, account: AccountIx) {
        self.balances.push(vec![0; ACCOUNTS * self.currencies.len()]);
        self.cash.push(vec![0; self.currencies.len()]);
        self.account_of.push(account);
    }

    /// The currencies, by index.
    pub fn currencies(&self) -> &[String] {
        &self.currencies
    }

    /// Opens the books of one more strategy, with an account of its own or in the one they share; returns which. Panics
    /// without a currency.
    pub fn add_strategy(&mut self, own_account: bool) -> AccountIx {
        assert!(!self.balances.is_empty(), "a ledger has a currency before it has a strategy");
        let account = if own_account { self.balances.len() as AccountIx } else { 0 };
        self.join(account);
        account
    }

    /// Opens the books of one more strategy in an account that is there.
    pub fn join(&mut self, account: AccountIx) {
        self.add_owner(account);
        self.positions.push(Position::default());
    }

    /// Balance of one account.
    pub fn balance(&self, owner: u16, account: Account, currency: CurrencyIx) -> Money {
        self.balances[usize::from(owner)][cell(account, currency)]
    }

    /// Every balance: a row an owner, currency by currency, account by account.
    pub fn balances(&self) -> &[Vec<Money>] {
        &self.balances
    }

    /// Takes over balances and positions that were written down.
    ///
    /// # Errors
    /// Says what does not fit; nothing is changed then.
    pub fn restore(
        &mut self,
        currencies: &[String],
        balances: Vec<Vec<Money>>,
        positions: Vec<Position>,
    ) -> Result<(), String> {
        if currencies != self.currencies {
            return Err(format!("currencies must be {:?}, were {currencies:?}", self.currencies));
        }
        let cells = ACCOUNTS * self.currencies.len();
        if balances.len() != self.balances.len() || balances.iter().any(|row| row.len() != cells) {
            return Err(format!("balances must be {} rows of {cells}", self.balances.len()));
        }
        self.cash.iter_mut().flatten().for_each(|cash| *cash = 0);
        for (row, account) in balances.iter().zip(&self.account_of) {
            let cash = self.cash[usize::from(*account)].iter_mut().enumerate();
            cash.for_each(|(at, cash)| *cash += row[cell(Account::Cash, at as CurrencyIx)]);
        }
        (self.balances, self.positions) = (balances, positions);
        Ok(())
    }

    /// Cash of an account.
    #[inline]
    pub fn cash(&self, account: AccountIx, currency: CurrencyIx) -> Money {
        self.cash[usize::from(account)][usize::from(currency)]
    }

    /// Cash of all accounts together.
    pub fn cash_of_all(&self, currency: CurrencyIx) -> Money {
        self.cash.iter().map(|row| row[usize::from(currency)]).sum()
    }

    /// What a strategy holds.
    #[inline]
    pub fn position(&self, strategy: StrategyIx) -> &Position {
        &self.positions[usize::from(strategy)]
    }

    /// Capital put into an account (or taken out, if negative).
    pub fn deposit(&mut self, account: AccountIx, currency: CurrencyIx, amount: Money) -> Transaction {
        let mut transaction = Transaction::new();
        transaction.add(account, Account::Cash, currency, amount);
        transaction.add(account, Account::Capital, currency, -amount);
        self.post(&transaction);
        transaction
    }

    /// Books an execution of a strategy's order.
    pub fn fill(
        &mut self,
        strategy: StrategyIx,
        instrument: &Instrument,
        currencies: Currencies,
        side: Side,
        fill: &Fill,
    ) -> Transaction {
        let owner = strategy + 1;
        let position = &mut self.positions[usize::from(strategy)];
        let realised = position.trade(instrument, side, fill);
        let mut transaction = Transaction::new();
        match instrument.kind {
            InstrumentKind::Spot => {
                let (paid, bought) = (
                    instrument.notional(fill.price, fill.qty) * i128::from(side.sign()),
                    i128::from(fill.qty * side.sign()) * instrument.base_step_value(),
                );
                transaction.add(owner, Account::Cash, currencies.quote, -paid);
                transaction.add(owner, Account::Trading, currencies.quote, paid);
                transaction.add(owner, Account::Cash, currencies.base, bought);
                transaction.add(owner, Account::Trading, currencies.base, -bought);
            }
            InstrumentKind::LinearPerpetual | InstrumentKind::InversePerpetual => {
                let (settled, settle) = (round_to_settlement(realised), currencies.settled_in(instrument.kind));
                transaction.add(owner, Account::Cash, settle, settled);
                transaction.add(owner, Account::Rounding, settle, realised - settled);
                transaction.add(owner, Account::Trading, settle, -realised);
            }
        }
        let settle = currencies.settled_in(instrument.kind);
        let fee_currency = if fee_in_base(instrument, side) { currencies.base } else { settle };
        transaction.add(owner, Account::Cash, fee_currency, -fill.fee);
        transaction.add(owner, Account::Fees, fee_currency, fill.fee);
        self.post(&transaction);
        transaction
    }

    /// Books a funding payment (negative: paid) to its owner: 0 for the account as a whole, else strategy + 1.
    pub fn funding(&mut self, owner: u16, currency: CurrencyIx, amount: Money) -> Transaction {
        let mut transaction = Transaction::new();
        transaction.add(owner, Account::Cash, currency, amount);
        transaction.add(owner, Account::Funding, currency, -amount);
        self.post(&transaction);
        transaction
    }

    /// Books interest of so many quantity steps of base currency that a strategy borrowed to sell spot short: they are
    /// added to what it owes, and count as a cost at a price.
    pub fn interest(
        &mut self,
        strategy: StrategyIx,
        instrument: &Instrument,
        currencies: Currencies,
        price: Ticks,
        qty: Qty,
    ) -> Transaction {
        self.positions[usize::from(strategy)].pay(instrument, price, qty);
        let mut transaction = Transaction::new();
        let amount = i128::from(qty) * instrument.base_step_value();
        transaction.add(strategy + 1, Account::Cash, currencies.base, -amount);
        transaction.add(strategy + 1, Account::Funding, currencies.base, amount);
        self.post(&transaction);
        transaction
    }

    /// Posts a transaction: one that is new, or one that was written down.
    pub fn post(&mut self, transaction: &Transaction) {
        for line in transaction.lines() {
            self.balances[usize::from(line.owner)][cell(line.account, line.currency)] += line.amount;
            if line.account == Account::Cash {
                let account = self.account_of[usize::from(line.owner)];
                self.cash[usize::from(account)][usize::from(line.currency)] += line.amount;
            }
        }
    }

    /// Sum over currencies of what the postings fail to cancel: 0 in a ledger that is right. Summed from the balances.
    pub fn imbalance(&self) -> Money {
        let of = |currency: usize| {
            let cells = currency * ACCOUNTS..(currency + 1) * ACCOUNTS;
            self.balances.iter().flat_map(|row| &row[cells.clone()]).sum::<Money>().abs()
        };
        (0..self.currencies.len()).map(of).sum()
    }
}

fn cell(account: Account, currency: CurrencyIx) -> usize {
    usize::from(currency) * ACCOUNTS + account as usize
}

/// Whether the venue takes the fee of this trade in base currency: on spot, a buyer's is.
pub fn fee_in_base(instrument: &Instrument, side: Side) -> bool {
    instrument.kind == InstrumentKind::Spot && side == Side::Buy
}

/// To the nearest step a venue settles in, halves away from zero.
pub fn round_to_settlement(amount: Money) -> Money {
    let half = if amount < 0 { -SETTLEMENT / 2 } else { SETTLEMENT / 2 };
    (amount + half) / SETTLEMENT * SETTLEMENT
}

#[cfg(test)]
mod tests;
