//! Orders that end at a time: good till date.
//!
//! Binance's `GTD` with `goodTillDate` (USD-M futures), here on every instrument and to the nanosecond. At the moment
//! itself what the market does comes first, then the end, then what we ask for.

use super::{Lane, Reports, VenueModel};
use crate::order::{Reason, ReportKind};
use crate::types::{Nanos, OrderId};

/// No order ends at a time.
pub(super) const NEVER: Nanos = Nanos::MAX;

impl VenueModel {
    /// Ends what ends at the next such moment.
    #[cold]
    pub(super) fn expire(&mut self, out: &mut Reports) {
        let now = self.expires;
        for lane in self.lanes.iter_mut().filter(|lane| lane.expires <= now) {
            lane.expire(now, out);
        }
        self.expires = self.lanes.iter().fold(NEVER, |at, lane| at.min(lane.expires));
        self.look_anew();
    }
}

impl Lane {
    /// When the first of the account's orders ends, [`NEVER`] without one.
    pub(super) fn next_expiry(&self) -> Nanos {
        let times = self.special.iter().flat_map(|special| &special.held).map(|held| held.order.request.terms.expires);
        times.filter(|&at| at > 0).min().unwrap_or(NEVER)
    }

    /// Ends the orders whose time is over.
    pub(super) fn expire(&mut self, now: Nanos, out: &mut Reports) {
        let Some(special) = &self.special else { return };
        let over = special.held.iter().map(|held| (held.order.id, held.order.request.terms.expires));
        let over: Vec<OrderId> = over.filter(|&(_, at)| at > 0 && at <= now).map(|(id, _)| id).collect();
        over.into_iter().for_each(|id| self.end(now, id, ReportKind::Expired(Reason::TimeOver), out));
        self.look_anew();
    }
}
