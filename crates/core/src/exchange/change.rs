//! Orders that rest are cancelled and amended.

use super::entry::crosses;
use super::filters::{AMEND_SPOT, MARGIN, REDUCE_ONLY, Refusal, SAME, UNKNOWN, UNKNOWN_CANCEL};
use super::order::{Exec, Order};
use super::{AccountIx, Exchange, tag};
use crate::types::{InstrumentIx, Nanos, OrderId, Qty, Ticks};

impl Exchange {
    /// Cancels an open order: the one of this id, else the newest with this client id.
    ///
    /// # Errors
    /// With Binance's code, if it is not open.
    pub fn cancel(
        &mut self,
        now: Nanos,
        account: AccountIx,
        instrument: InstrumentIx,
        id: Option<OrderId>,
        client_id: Option<&str>,
    ) -> Result<&Order, Refusal> {
        self.run_to(now);
        let found = self.order(account, instrument, id, client_id);
        let id = found.filter(|order| order.status.is_open()).map(|order| order.id).ok_or(UNKNOWN_CANCEL)?;
        self.withdraw(id);
        self.end(id, Exec::Canceled, "");
        Ok(self.orders.get(id))
    }

    /// Gives an open order another price and whole quantity. A smaller quantity at the same price keeps its place in
    /// the queue, anything else goes to the end of one; only that is possible on spot. The order is cancelled instead
    /// where it has filled the new quantity already, or is post-only and would take.
    ///
    /// # Errors
    /// With Binance's code; the order stays as it is then.
    #[allow(clippy::too_many_arguments)]
    pub fn amend(
        &mut self,
        now: Nanos,
        account: AccountIx,
        instrument: InstrumentIx,
        id: Option<OrderId>,
        client_id: Option<&str>,
        price: Ticks,
        qty: Qty,
    ) -> Result<&Order, Refusal> {
        self.run_to(now);
        let found = self.order(account, instrument, id, client_id);
        let order = found.filter(|order| order.status.is_open()).ok_or(UNKNOWN)?.clone();
        let listing = &self.listings[usize::from(instrument)];
        listing.check_size(Some(price), qty, order.reduce_only)?;
        let keeps_place = price == order.price && qty < order.qty;
        if (price, qty) == (order.price, order.qty) {
            return Err(SAME);
        }
        if !(listing.is_perpetual() || keeps_place && qty > order.filled) {
            return Err(AMEND_SPOT);
        }
        let left = qty - order.filled;
        let crosses = crosses(order.side, price, listing.book().best(order.side.opposite()).map(|best| best.0));
        if left <= 0 || (order.is_post_only() && crosses) {
            self.withdraw(order.id);
            let filled = if left <= 0 { "the new quantity is filled already" } else { "post-only order would take" };
            self.end(order.id, Exec::Canceled, filled);
            return Ok(self.orders.get(order.id));
        }
        if listing.is_perpetual() {
            self.check_amended(&order, price, left)?;
        }
        self.lock(order.id, left - order.left());
        let changed = self.orders.get_mut(order.id);
        (changed.price, changed.qty, changed.updated) = (price, qty, self.now);
        if keeps_place {
            let (now, listing) = (self.now, &mut self.listings[usize::from(instrument)]);
            listing.with_book(now, |book, changes| book.reduce(order.book, order.qty - qty, changes));
            self.tell_order(order.id, Exec::Amendment, None);
        } else {
            self.withdraw(order.id);
            self.tell_order(order.id, Exec::Amendment, None);
            let listing = &self.listings[usize::from(instrument)];
            let offer = listing.offer(order.side, Some(price), left, tag(account));
            self.meet_book(order.id, &offer);
        }
        Ok(self.orders.get(order.id))
    }

    fn check_amended(&self, order: &Order, price: Ticks, left: Qty) -> Result<(), Refusal> {
        let Order { id, account, instrument, side, .. } = *order;
        if order.reduce_only {
            let more = left - order.left();
            return if more <= 0 || self.reduces(account, instrument, side, more) { Ok(()) } else { Err(REDUCE_ONLY) };
        }
        let allowed = self.margin_allows(account, instrument, side, price, left, Some(id));
        if allowed { Ok(()) } else { Err(MARGIN) }
    }
}
