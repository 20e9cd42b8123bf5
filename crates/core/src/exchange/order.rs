//! Orders of accounts, as the exchange keeps them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::AccountIx;
use crate::market::order_book::BookOrderId;
use crate::types::{InstrumentIx, Money, Nanos, OrderId, Qty, Side, Ticks};

/// How an order is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderType {
    /// At its price or better.
    Limit,
    /// At whatever the book offers.
    Market,
    /// At its price, and only as a maker; spot.
    LimitMaker,
}

/// How long an order may rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tif {
    /// Until it is cancelled.
    Gtc,
    /// What does not fill on arrival expires.
    Ioc,
    /// Whole on arrival or not at all.
    Fok,
    /// Only as a maker; perpetual.
    Gtx,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Taken in, nothing filled.
    New,
    /// Some of it filled.
    PartiallyFilled,
    /// All of it filled.
    Filled,
    /// Gone on its account's wish.
    Canceled,
    /// Gone by its own terms or the exchange's.
    Expired,
}

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exec {
    /// It was taken in.
    New,
    /// It traded.
    Trade,
    /// It was cancelled.
    Canceled,
    /// It expired.
    Expired,
    /// Its price or quantity was changed.
    Amendment,
}

impl OrderType {
    /// Binance's word.
    pub fn name(self) -> &'static str {
        ["LIMIT", "MARKET", "LIMIT_MAKER"][self as usize]
    }
}

impl Tif {
    /// Binance's word.
    pub fn name(self) -> &'static str {
        ["GTC", "IOC", "FOK", "GTX"][self as usize]
    }
}

impl Status {
    /// Binance's word.
    pub fn name(self) -> &'static str {
        ["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED"][self as usize]
    }

    /// Whether more can happen to the order.
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled)
    }
}

impl Exec {
    /// Binance's word.
    pub fn name(self) -> &'static str {
        ["NEW", "TRADE", "CANCELED", "EXPIRED", "AMENDMENT"][self as usize]
    }
}

/// What an account asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Buy or sell.
    pub side: Side,
    /// How it is priced.
    pub kind: OrderType,
    /// How long it may rest.
    pub tif: Tif,
    /// In ticks; not read for a market order.
    pub price: Option<Ticks>,
    /// In steps.
    pub qty: Qty,
    /// The account's own name for it; empty for one that the exchange makes.
    pub client_id: String,
    /// Only to make a position smaller; perpetual.
    pub reduce_only: bool,
}

/// An order of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The exchange's id: rises with every order of any account.
    pub id: OrderId,
    /// Whose.
    pub account: AccountIx,
    /// Of what.
    pub instrument: InstrumentIx,
    /// The account's name for it.
    pub client_id: Arc<str>,
    /// Buy or sell.
    pub side: Side,
    /// How it is priced.
    pub kind: OrderType,
    /// How long it may rest.
    pub tif: Tif,
    /// In ticks; 0 for a market order.
    pub price: Ticks,
    /// In steps.
    pub qty: Qty,
    /// Only to make a position smaller.
    pub reduce_only: bool,
    /// Made by the exchange to close a position without margin.
    pub liquidation: bool,
    /// Filled so far.
    pub filled: Qty,
    /// Notional filled so far, in quote currency.
    pub cum_quote: Money,
    /// Where it stands.
    pub status: Status,
    /// When it was taken in.
    pub created: Nanos,
    /// When something last happened to it.
    pub updated: Nanos,
    /// Why it ended, where that is not plain.
    pub reason: &'static str,
    /// Its id in the book; 0 while it does not rest there.
    pub(super) book: BookOrderId,
}

impl Order {
    /// What is not filled yet.
    pub fn left(&self) -> Qty {
        self.qty - self.filled
    }

    /// Whether it rests in the book.
    pub fn on_book(&self) -> bool {
        self.book != 0
    }

    /// Whether it must not take.
    pub(super) fn is_post_only(&self) -> bool {
        self.kind == OrderType::LimitMaker || self.tif == Tif::Gtx
    }
}

/// Closed orders that are remembered.
const REMEMBERED: usize = 200_000;

/// All open orders and the newest closed ones.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// In the order of their ids, without a hole.
    list: VecDeque<Order>,
    /// Id of the first in the list.
    first: OrderId,
    newest: BTreeMap<(AccountIx, InstrumentIx, Arc<str>), OrderId>,
}

impl Orders {
    pub(super) fn next_id(&self) -> OrderId {
        self.first.max(1) + self.list.len() as OrderId
    }

    pub(super) fn add(&mut self, order: Order) {
        self.first = self.first.max(1);
        self.newest.insert((order.account, order.instrument, order.client_id.clone()), order.id);
        self.list.push_back(order);
        while self.list.len() > REMEMBERED && !self.list[0].status.is_open() {
            self.first += 1;
            let Some(oldest) = self.list.pop_front() else { return };
            let key = (oldest.account, oldest.instrument, oldest.client_id);
            if self.newest.get(&key) == Some(&oldest.id) {
                self.newest.remove(&key);
            }
        }
    }

    pub(super) fn find(&self, id: OrderId) -> Option<&Order> {
        self.list.get(usize::try_from(id.checked_sub(self.first)?).ok()?)
    }

    /// # Panics
    /// If there is no such order.
    pub(super) fn get(&self, id: OrderId) -> &Order {
        &self.list[(id - self.first) as usize]
    }

    /// # Panics
    /// If there is no such order.
    pub(super) fn get_mut(&mut self, id: OrderId) -> &mut Order {
        &mut self.list[(id - self.first) as usize]
    }

    /// The newest with this client id, open or not.
    pub(super) fn by_client_id(&self, account: AccountIx, instrument: InstrumentIx, client_id: &str) -> Option<&Order> {
        self.newest.get(&(account, instrument, Arc::from(client_id))).map(|&id| self.get(id))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.list.iter()
    }
}
