//! One account at a venue: its resting orders, what it took off the book, its connection.

use super::latency::Wire;
use super::queue::{Place, QueueModel};
use super::resting::{OwnFill, Resting, RestingOrders};
use super::taker::{self, Consumed};
use super::{Listing, Reports, Request, VenueSettings, fees};
use crate::book::{Sync, Touch, Watch};
use crate::event::Event;
use crate::order::{Fill, Order, Reason, Report, ReportKind};
use crate::types::{Liquidity, Nanos, OrderId, Qty, Side, Ticks, TimeInForce};

/// An account's part of a venue. It sees the book and never another account's lane.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) resting: RestingOrders,
    pub(super) consumed: Consumed,
    pub(super) entry: Wire,
    response: Wire,
    last_trade: u64,
    /// What concerns it.
    pub(super) watch: Watch,
    /// Whether nothing concerns it but what touches its resting orders.
    only_rests: bool,
    fills: Vec<OwnFill>,
}

impl Lane {
    pub(super) fn new(settings: &VenueSettings) -> Self {
        Self {
            resting: RestingOrders::default(),
            consumed: Consumed::default(),
            entry: Wire::new(settings.latency.entry),
            response: Wire::new(settings.latency.response),
            last_trade: 0,
            watch: Watch::NONE,
            only_rests: true,
            fills: Vec::new(),
        }
    }

    /// Whether no row of the feed can make it report.
    pub(super) fn is_quiet(&self) -> bool {
        self.resting.iter().next().is_none()
    }

    fn look_anew(&mut self) {
        let own = self.resting.watch();
        self.watch = self.consumed.watch(own);
        self.only_rests = self.consumed.is_empty() && self.watch == own;
    }

    /// Whether a row does no more to it than to move orders in their queues. It may say no where that is not known.
    #[inline]
    pub(super) fn lets_pass(&self, touch: &Touch, lot: Qty) -> bool {
        self.only_rests && self.resting.lets_pass(touch, lot)
    }

    /// Takes a row in if it does no more than that; whether it does not.
    #[inline]
    pub(super) fn pass(&mut self, touch: &Touch, queue: QueueModel, lot: Qty) -> bool {
        let passes = self.lets_pass(touch, lot);
        if passes {
            self.resting.queue(touch, queue, lot);
        }
        passes
    }

    /// A level that concerns it changed from `previous`. Whether it looks for something else now.
    pub(super) fn delta(
        &mut self,
        listing: &Listing,
        event: &Event,
        previous: Qty,
        now: Nanos,
        out: &mut Reports,
    ) -> bool {
        let side = event.side();
        self.consumed.replenish(side, event.price);
        self.resting.level(listing.settings.queue, side, event.price, previous, event.qty);
        if event.qty > 0 {
            let available = if listing.settings.partial_fills { event.qty } else { Qty::MAX };
            self.resting.cross(side.opposite(), event.price, available, &mut self.fills);
        }
        // Taking the last of the consumed levels off the watch is worth as much as taking an order off.
        self.look_anew();
        self.report_fills(listing, now, out);
        true
    }

    /// A trade that concerns it. Whether it looks for something else now.
    pub(super) fn trade(&mut self, listing: &Listing, event: &Event, now: Nanos, out: &mut Reports) -> bool {
        let (lot, partial) = (listing.instrument.lot_steps(), listing.settings.partial_fills);
        self.resting.trade(event.side().opposite(), event.price, event.qty, lot, partial, &mut self.fills);
        self.report_fills(listing, now, out)
    }

    /// After a new snapshot: nobody is further back than the level is long, and what the market passed is filled.
    pub(super) fn resync(&mut self, listing: &Listing, now: Nanos, out: &mut Reports) {
        self.consumed.clear();
        let book = &listing.book;
        for side in [Side::Buy, Side::Sell] {
            if let Some(best) = book.best(side.opposite()) {
                self.resting.cross(side, best, Qty::MAX, &mut self.fills);
            }
        }
        self.resting.requeue(|side, price| book.qty(side, price));
        self.look_anew();
        self.report_fills(listing, now, out);
    }

    fn report_fills(&mut self, listing: &Listing, now: Nanos, out: &mut Reports) -> bool {
        if self.fills.is_empty() {
            return false;
        }
        let fills = std::mem::take(&mut self.fills);
        for fill in &fills {
            self.report_fill(listing, now, *fill, Liquidity::Maker, out);
        }
        self.fills = fills;
        self.fills.clear();
        self.look_anew();
        true
    }

    pub(super) fn report_fill(
        &mut self,
        listing: &Listing,
        now: Nanos,
        fill: OwnFill,
        liquidity: Liquidity,
        out: &mut Reports,
    ) {
        self.last_trade += 1;
        let (price, qty) = (fill.price, fill.qty);
        let fee = fees::fee(&listing.instrument, fill.side, price, qty, liquidity);
        let fill = (fill.id, Fill { trade: self.last_trade, price, qty, liquidity, fee });
        self.report(now, fill.0, ReportKind::Filled(fill.1), out);
    }

    fn report(&mut self, now: Nanos, order: OrderId, kind: ReportKind, out: &mut Reports) {
        out.add(Report { order, ts_venue: now, ts_recv: self.response.arrival(now), kind });
    }

    /// A request that has arrived.
    pub(super) fn request(&mut self, listing: &Listing, now: Nanos, request: Request, out: &mut Reports) {
        match request {
            Request::Submit(order) => self.submit(listing, now, &order, out),
            Request::Cancel(order) => {
                let kind = match self.resting.remove(order) {
                    Some(_) => ReportKind::Canceled,
                    None => ReportKind::CancelRejected(Reason::UnknownOrder),
                };
                self.report(now, order, kind, out);
            }
            Request::Amend { order, price, qty } => self.amend(listing, now, order, price, qty, out),
        }
        self.look_anew();
    }

    fn submit(&mut self, listing: &Listing, now: Nanos, order: &Order, out: &mut Reports) {
        let request = &order.request;
        if listing.book.state() != Sync::InSync {
            return self.report(now, order.id, ReportKind::Rejected(Reason::BookNotInSync), out);
        }
        let limit = taker::limit(request);
        match request.time_in_force {
            TimeInForce::PostOnly if self.would_take(listing, request.side, limit) => {
                return self.report(now, order.id, ReportKind::Expired(Reason::WouldTake), out);
            }
            TimeInForce::Fok if self.available(listing, request.side, limit) < request.qty => {
                return self.report(now, order.id, ReportKind::Expired(Reason::NotWhole), out);
            }
            _ => {}
        }
        let rests = taker::may_rest(request);
        let queue_ahead = if rests && !self.would_take(listing, request.side, limit) {
            listing.book.qty(request.side, request.price)
        } else {
            -1
        };
        self.report(now, order.id, ReportKind::Accepted { queue_ahead }, out);
        let leaves = self.take(listing, now, order.id, request.side, limit, request.qty, out);
        if leaves == 0 {
            return;
        }
        if !rests {
            return self.report(now, order.id, ReportKind::Expired(Reason::NotFilled), out);
        }
        let (side, filled) = (request.side, request.qty - leaves);
        self.rest(listing, order.id, side, request.price, filled, leaves, request.time_in_force);
    }

    #[allow(clippy::too_many_arguments)]
    fn rest(
        &mut self,
        listing: &Listing,
        id: OrderId,
        side: Side,
        price: Ticks,
        filled: Qty,
        leaves: Qty,
        time_in_force: TimeInForce,
    ) {
        let place = Place::behind(listing.book.qty(side, price));
        self.resting.add(side, Resting { id, x: price ^ side.mirror(), leaves, filled, place, time_in_force });
    }

    fn amend(&mut self, listing: &Listing, now: Nanos, id: OrderId, price: Ticks, qty: Qty, out: &mut Reports) {
        let Some((side, resting)) = self.resting.find(id) else {
            return self.report(now, id, ReportKind::AmendRejected(Reason::UnknownOrder), out);
        };
        let resting = *resting;
        let leaves = qty - resting.filled;
        let refusal = if leaves <= 0 {
            Reason::BelowFilled
        } else if listing.book.state() != Sync::InSync {
            Reason::BookNotInSync
        } else if resting.time_in_force == TimeInForce::PostOnly && self.would_take(listing, side, price) {
            Reason::WouldTake
        } else {
            Reason::None
        };
        if refusal != Reason::None {
            return self.report(now, id, ReportKind::AmendRejected(refusal), out);
        }
        self.report(now, id, ReportKind::Amended { price, qty }, out);
        if price == resting.x ^ side.mirror() && leaves <= resting.leaves {
            // Less at the same price keeps its place.
            return self.resting.reduce(id, leaves);
        }
        self.resting.remove(id);
        let left = self.take(listing, now, id, side, price, leaves, out);
        if left > 0 {
            self.rest(listing, id, side, price, qty - left, left, resting.time_in_force);
        }
    }
}
