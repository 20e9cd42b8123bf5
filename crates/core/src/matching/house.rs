//! What the venue does by itself to an account: it tells of payments, takes orders out, and closes positions.

use super::lane::Lane;
use super::{Listing, Reports, VenueModel};
use crate::book::Sync;
use crate::order::{AccountEvent, Fill, Reason, ReportKind};
use crate::types::{AccountIx, InstrumentIx, Nanos, OrderId, Qty, Side, Ticks};

impl VenueModel {
    /// The venue's mark price; where its data have none, the middle of its book.
    pub fn mark(&self) -> Option<Ticks> {
        let book = &self.listing.book;
        let middle = || Some(i64::midpoint(book.best(Side::Buy)?, book.best(Side::Sell)?));
        self.listing.mark.or_else(middle)
    }

    /// The funding rate told last, in 10⁻⁹.
    pub fn funding_rate(&self) -> Option<Qty> {
        self.rate
    }

    /// Tells an account of something, in the line of its other reports.
    pub(crate) fn tell(&mut self, now: Nanos, account: AccountIx, event: AccountEvent, out: &mut Reports) {
        let lane = self.lane(account);
        self.lanes[usize::from(lane)].report(now, 0, ReportKind::Account(event), out);
    }

    /// Takes orders of an account out: those that rest, and those that wait for a trigger.
    pub(crate) fn withdraw(&mut self, now: Nanos, account: AccountIx, orders: &[OrderId], out: &mut Reports) {
        let lane = self.lane(account);
        self.lanes[usize::from(lane)].withdraw(now, orders, out);
        self.look_anew();
    }

    /// Closes `qty` of an account's position at whatever the book offers; returns what was executed.
    pub(crate) fn close_out(
        &mut self,
        now: Nanos,
        account: AccountIx,
        instrument: InstrumentIx,
        side: Side,
        qty: Qty,
        out: &mut Reports,
    ) -> Vec<Fill> {
        if self.listing.book.state() != Sync::InSync {
            return Vec::new();
        }
        let lane = usize::from(self.lane(account));
        let fills = self.lanes[lane].close_out(&self.listing, now, side, qty);
        for fill in &fills {
            let event = AccountEvent::Liquidated { account, instrument, side, fill: *fill };
            self.lanes[lane].report(now, 0, ReportKind::Account(event), out);
        }
        self.look_anew();
        fills
    }
}

impl Lane {
    fn withdraw(&mut self, now: Nanos, orders: &[OrderId], out: &mut Reports) {
        for &id in orders {
            self.end(now, id, ReportKind::Expired(Reason::Liquidation), out);
        }
        self.look_anew();
    }

    fn close_out(&mut self, listing: &Listing, now: Nanos, side: Side, qty: Qty) -> Vec<Fill> {
        let limit = if side == Side::Buy { Ticks::MAX } else { Ticks::MIN };
        let (mut fills, mut left) = (Vec::new(), qty);
        while left > 0 {
            let Some((price, offered)) = self.offers(listing, side, limit).next() else { break };
            let qty = left.min(offered);
            fills.push(self.liquidated(listing, now, side, price, qty));
            left -= qty;
        }
        self.look_anew();
        fills
    }
}
