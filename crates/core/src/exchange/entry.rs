//! Orders come in: what is checked, what is locked, and the first meeting with the book.

use super::filters::{
    BALANCE, DUPLICATE_FUTURES, DUPLICATE_SPOT, MARGIN, MAX_ORDERS, REDUCE_ONLY, Refusal, TOO_MANY, WOULD_TAKE,
};
use super::listing::Offer;
use super::order::{Exec, NewOrder, Order, OrderType, Status, Tif};
use super::{AccountIx, Cause, Exchange, tag};
use crate::market::order_book::NewOrder as BookOrder;
use crate::types::{InstrumentIx, Money, Nanos, OrderId, OrderKind, Qty, Side, Ticks, TimeInForce};

impl Exchange {
    /// Takes an order in at `now` (or at the exchange's time, if that is later), and matches it.
    ///
    /// # Errors
    /// With Binance's code, if the order is not taken in.
    pub fn submit(
        &mut self,
        now: Nanos,
        account: AccountIx,
        instrument: InstrumentIx,
        asked: &NewOrder,
    ) -> Result<&Order, Refusal> {
        self.run_to(now);
        let mut asked = asked.clone();
        match asked.kind {
            OrderType::Market => (asked.price, asked.tif) = (None, Tif::Gtc),
            OrderType::LimitMaker => asked.tif = Tif::Gtc,
            OrderType::Limit => {}
        }
        let listing = &self.listings[usize::from(instrument)];
        listing.check(&asked)?;
        self.check_names(account, instrument, &asked.client_id)?;
        if asked.reduce_only && !self.reduces(account, instrument, asked.side, asked.qty) {
            return Err(REDUCE_ONLY);
        }
        let post_only = asked.kind == OrderType::LimitMaker || asked.tif == Tif::Gtx;
        let offer = listing.offer(asked.side, asked.price, asked.qty, tag(account));
        let takes = offer.qty > 0 || offer.met_own;
        if listing.is_perpetual() {
            let price = asked.price.or(offer.worst).unwrap_or(listing.marked);
            if !asked.reduce_only && !self.margin_allows(account, instrument, asked.side, price, asked.qty, None) {
                return Err(MARGIN);
            }
        } else {
            if post_only && takes {
                return Err(WOULD_TAKE);
            }
            self.check_balance(account, instrument, &asked, &offer)?;
        }
        let id = self.take_in(account, instrument, &asked, false);
        if post_only && takes {
            self.end(id, Exec::Expired, "post-only order would take");
        } else {
            self.meet_book(id, &offer);
        }
        Ok(self.orders.get(id))
    }

    /// Makes an order and locks what it needs.
    pub(super) fn take_in(
        &mut self,
        account: AccountIx,
        instrument: InstrumentIx,
        asked: &NewOrder,
        liquidation: bool,
    ) -> OrderId {
        let id = self.orders.next_id();
        self.orders.add(Order {
            id,
            account,
            instrument,
            client_id: Self::name_of(&asked.client_id, id),
            side: asked.side,
            kind: asked.kind,
            tif: asked.tif,
            price: asked.price.unwrap_or(0),
            qty: asked.qty,
            reduce_only: asked.reduce_only,
            liquidation,
            filled: 0,
            cum_quote: 0,
            status: Status::New,
            created: self.now,
            updated: self.now,
            reason: "",
            book: 0,
        });
        self.accounts[account as usize].open[usize::from(instrument)].insert(id);
        self.tell_order(id, Exec::New, None);
        self.lock(id, asked.qty);
        id
    }

    /// Sends an order's open part to the book and settles what it trades. What cannot rest expires.
    pub(super) fn meet_book(&mut self, id: OrderId, offer: &Offer) {
        let order = self.orders.get(id);
        let (instrument, side, left, owner) = (order.instrument, order.side, order.left(), tag(order.account));
        let kind = if order.kind == OrderType::Market { OrderKind::Market } else { OrderKind::Limit };
        let mut time_in_force = match order.tif {
            _ if order.is_post_only() => TimeInForce::PostOnly,
            Tif::Ioc => TimeInForce::Ioc,
            Tif::Fok => TimeInForce::Fok,
            Tif::Gtc | Tif::Gtx => TimeInForce::Gtc,
        };
        let mut qty = left;
        if offer.met_own {
            // Only what stands before its own order; a rest would cross it.
            qty = if time_in_force == TimeInForce::Fok { 0 } else { offer.qty };
            time_in_force = TimeInForce::Ioc;
        }
        let message = BookOrder { owner, side, kind, time_in_force, price: order.price, qty };
        if qty > 0 {
            let (now, listing) = (self.now, &mut self.listings[usize::from(instrument)]);
            let outcome = listing.with_book(now, |book, changes| book.submit(message, changes));
            if outcome.resting > 0 {
                listing.resting.insert(outcome.id, id);
                self.orders.get_mut(id).book = outcome.id;
            }
            self.settle_fills(instrument, Some(id));
        }
        let order = self.orders.get(id);
        if order.status.is_open() && !order.on_book() {
            let reason = match (offer.met_own, order.tif, order.kind) {
                (true, ..) => "would meet an order of its own account",
                (_, Tif::Fok, _) => "could not be filled whole",
                (.., OrderType::Market) => "nothing left in the book",
                _ => "not filled on arrival",
            };
            self.end(id, Exec::Expired, reason);
        }
    }

    fn check_names(&self, account: AccountIx, instrument: InstrumentIx, client_id: &str) -> Result<(), Refusal> {
        if self.accounts[account as usize].open[usize::from(instrument)].len() >= MAX_ORDERS {
            return Err(TOO_MANY);
        }
        let known = self.orders.by_client_id(account, instrument, client_id);
        match known.filter(|order| order.status.is_open()) {
            Some(_) if self.listings[usize::from(instrument)].is_perpetual() => Err(DUPLICATE_FUTURES),
            Some(_) => Err(DUPLICATE_SPOT),
            None => Ok(()),
        }
    }

    /// Whether the free balance pays for a spot order. A market buy must be able to pay for what the book offers it.
    fn check_balance(
        &self,
        account: AccountIx,
        instrument: InstrumentIx,
        asked: &NewOrder,
        offer: &Offer,
    ) -> Result<(), Refusal> {
        let listing = &self.listings[usize::from(instrument)];
        let (currency, needed) = match (asked.side, asked.price) {
            (Side::Sell, _) => (listing.base, i128::from(asked.qty) * listing.instrument.base_step_value()),
            (Side::Buy, Some(price)) => (listing.quote, listing.instrument.notional(price, asked.qty)),
            (Side::Buy, None) => (listing.quote, offer.ticks * listing.instrument.step_value()),
        };
        let free = self.accounts[account as usize].spot[usize::from(currency)].free;
        if needed <= free { Ok(()) } else { Err(BALANCE) }
    }

    /// What `qty` of an order locks, and in which currency; nothing for a market order and on a perpetual.
    pub(super) fn needs(&self, id: OrderId, qty: Qty) -> (usize, Money) {
        let order = self.orders.get(id);
        let listing = &self.listings[usize::from(order.instrument)];
        let (currency, amount) = match order.side {
            Side::Buy => (listing.quote, listing.instrument.notional(order.price, qty)),
            Side::Sell => (listing.base, i128::from(qty) * listing.instrument.base_step_value()),
        };
        let locks = !listing.is_perpetual() && order.kind != OrderType::Market;
        (usize::from(currency), if locks { amount } else { 0 })
    }

    /// Locks what `qty` of an order needs, or gives it back where `qty` is negative.
    pub(super) fn lock(&mut self, id: OrderId, qty: Qty) {
        let (currency, amount) = self.needs(id, qty);
        if amount != 0 {
            let account = self.orders.get(id).account;
            self.accounts[account as usize].lock(currency as u16, amount);
            self.tell_spot(account, self.now, Cause::Order, &[currency as u16]);
        }
    }

    /// Whether a reduce-only order finds enough position that no other such order is to close.
    pub(super) fn reduces(&self, account: AccountIx, instrument: InstrumentIx, side: Side, qty: Qty) -> bool {
        let held = self.accounts[account as usize].positions[usize::from(instrument)].qty;
        let others: Qty = self.reduce_only(account, instrument).map(Order::left).sum();
        held.signum() == -side.sign() && qty <= held.abs() - others
    }

    /// Open reduce-only orders of an account in an instrument, oldest first.
    pub(super) fn reduce_only(&self, account: AccountIx, instrument: InstrumentIx) -> impl Iterator<Item = &Order> {
        let open = &self.accounts[account as usize].open[usize::from(instrument)];
        open.iter().map(|&id| self.orders.get(id)).filter(|order| order.reduce_only)
    }
}

/// Whether a limit at `price` is at or through `best` of the other side.
pub(super) fn crosses(side: Side, price: Ticks, best: Option<Ticks>) -> bool {
    best.is_some_and(|best| (price - best) * side.sign() >= 0)
}
