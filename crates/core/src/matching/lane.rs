//! One account at a venue: its resting orders, what it took off the book, its connection.

use super::fees::Fees;
use super::latency::Wire;
use super::queue::{Place, QueueModel};
use super::resting::{OwnFill, Resting, RestingOrders};
use super::special::Special;
use super::taker::{self, Consumed};
use super::{Listing, Reports, Request, expiry};
use crate::book::{Book, OrderChange, Sync, Touch, Watch};
use crate::event::Event;
use crate::order::{Fill, Reason, Report, ReportKind, SentOrder, TriggerBy};
use crate::random::Stream;
use crate::types::{Liquidity, Nanos, OrderId, Qty, Side, Ticks, TimeInForce};

/// Branches of an account's randomness.
const ENTRY: u64 = 1;
const RESPONSE: u64 = 2;

/// An account's part of a venue. It sees the book and never another account's lane.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) resting: RestingOrders,
    pub(super) consumed: Consumed,
    pub(super) entry: Wire,
    response: Wire,
    fees: Fees,
    last_trade: u64,
    /// What concerned it when it was last asked.
    watch: Watch,
    is_watch_old: bool,
    /// Whether nothing concerns it but what touches its resting orders.
    only_rests: bool,
    pub(super) fills: Vec<OwnFill>,
    /// Executed so far, bought less sold, in steps.
    pub(super) position: Qty,
    /// Its orders with further terms, once there was one.
    pub(super) special: Option<Box<Special>>,
    /// When the first of its orders ends by its terms.
    pub(super) expires: Nanos,
    /// Bid + ask before the row that fills now, where that row moved the book.
    mid_before: Option<Ticks>,
}

impl Lane {
    pub(super) fn new(listing: &Listing, random: &Stream) -> Self {
        let latency = &listing.settings.latency;
        Self {
            resting: RestingOrders::default(),
            consumed: Consumed::default(),
            entry: Wire::new(latency.entry.clone(), random.branch(ENTRY)),
            response: Wire::new(latency.response.clone(), random.branch(RESPONSE)),
            fees: Fees::new(&listing.instrument),
            last_trade: 0,
            watch: Watch::NONE,
            is_watch_old: false,
            only_rests: true,
            fills: Vec::new(),
            position: 0,
            special: None,
            expires: expiry::NEVER,
            mid_before: None,
        }
    }

    /// Whether no row of the feed can make it report.
    pub(super) fn is_quiet(&self) -> bool {
        self.resting.iter().next().is_none() && self.special.as_ref().is_none_or(|special| special.held.is_empty())
    }

    /// It has changed: what concerns it is found again before the next rows.
    #[inline]
    pub(super) fn look_anew(&mut self) {
        self.is_watch_old = true;
        if self.special.is_some() {
            self.expires = self.next_expiry();
        }
    }

    /// What concerns it.
    pub(super) fn watch(&mut self) -> Watch {
        if std::mem::take(&mut self.is_watch_old) {
            self.watch = self.consumed.watch(self.resting.watch());
            self.only_rests = self.consumed.is_empty();
            if let Some(special) = &self.special {
                self.watch = if special.waits_for_trades() { self.watch.with_trades() } else { self.watch };
                self.only_rests = false;
            }
        }
        self.watch
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
            self.resting.cross(listing.settings.fills, side.opposite(), event.price, event.qty, &mut self.fills);
        }
        // Taking the last of the consumed levels off the watch is worth as much as taking an order off.
        self.look_anew();
        if let Some(first) = self.fills.first() {
            self.mid_before = mid_before(&listing.book, event, previous).or(Some(2 * first.price));
            self.report_fills(listing, now, out);
            self.mid_before = None;
        }
        if self.special.is_some() {
            self.after(listing, event, false, now, out);
        }
        true
    }

    /// Of an L3 book, a level that concerns it changed; `came` is what an order added. Looks for something else now.
    #[cold]
    pub(super) fn order_row(
        &mut self,
        listing: &Listing,
        change: &OrderChange,
        came: &Event,
        now: Nanos,
        out: &mut Reports,
    ) -> bool {
        self.consumed.replenish(change.side, change.price);
        if change.left > 0 {
            self.resting.leave(change.side, change.price, change.left, change.place);
        }
        if came.qty > 0 {
            let fills = listing.settings.fills;
            self.resting.cross(fills, change.side.opposite(), change.price, came.qty, &mut self.fills);
        }
        self.look_anew();
        self.report_fills(listing, now, out);
        if self.special.is_some() {
            self.after(listing, came, false, now, out);
        }
        true
    }

    /// A trade that concerns it. Whether it looks for something else now.
    pub(super) fn trade(&mut self, listing: &Listing, event: &Event, now: Nanos, out: &mut Reports) -> bool {
        let (lot, fills) = (listing.instrument.lot_steps(), listing.settings.fills);
        self.resting.trade(fills, event.side().opposite(), event.price, event.qty, lot, &mut self.fills);
        let changed = self.report_fills(listing, now, out);
        if self.special.is_none() {
            return changed;
        }
        self.after(listing, event, true, now, out);
        true
    }

    /// The venue told a mark price.
    pub(super) fn mark(&mut self, listing: &Listing, price: Ticks, now: Nanos, out: &mut Reports) {
        self.pull(listing, TriggerBy::Mark, price, now, out);
    }

    /// After a new snapshot: nobody is further back than the level is long, and what the market passed is filled.
    pub(super) fn resync(&mut self, listing: &Listing, now: Nanos, out: &mut Reports) {
        self.consumed.clear();
        let book = &listing.book;
        for side in [Side::Buy, Side::Sell] {
            if let Some(best) = book.best(side.opposite()) {
                self.resting.cross(listing.settings.fills, side, best, Qty::MAX, &mut self.fills);
            }
        }
        self.resting.requeue(|side, price| book.qty(side, price));
        self.look_anew();
        self.report_fills(listing, now, out);
        if self.special.is_some() {
            self.after_snapshot(listing, now, out);
        }
    }

    pub(super) fn report_fills(&mut self, listing: &Listing, now: Nanos, out: &mut Reports) -> bool {
        if self.fills.is_empty() {
            return false;
        }
        let fills = std::mem::take(&mut self.fills);
        for fill in &fills {
            if self.special.is_some() {
                self.tell_fill(listing, now, *fill, out);
                continue;
            }
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
        self.position += fill.side.sign() * fill.qty;
        let (price, qty) = (fill.price, fill.qty);
        let fee = self.fees.charge(now, &listing.instrument, fill.side, price, qty, liquidity);
        let twice_mid = self.mid_before.or_else(|| twice_mid(&listing.book)).unwrap_or(2 * price);
        let (trade, queue_ahead) = (self.last_trade, fill.queue_ahead);
        let told = Fill { trade, price, qty, liquidity, fee, queue_ahead, twice_mid };
        self.report(now, fill.id, ReportKind::Filled(told), out);
    }

    pub(super) fn report(&mut self, now: Nanos, order: OrderId, kind: ReportKind, out: &mut Reports) {
        out.add(Report { order, ts_venue: now, ts_recv: self.response.arrival(now), kind });
    }

    /// Takes a level's offer for a position that is closed, without an order.
    pub(super) fn liquidated(&mut self, listing: &Listing, now: Nanos, side: Side, price: Ticks, qty: Qty) -> Fill {
        self.last_trade += 1;
        self.position += side.sign() * qty;
        self.consumed.add(side.opposite(), price, qty);
        let fee = self.fees.of_liquidation(now, &listing.instrument, side, price, qty);
        let (queue_ahead, twice_mid) = (-1, twice_mid(&listing.book).unwrap_or(2 * price));
        Fill { trade: self.last_trade, price, qty, liquidity: Liquidity::Taker, fee, queue_ahead, twice_mid }
    }

    /// A request that has arrived.
    pub(super) fn request(&mut self, listing: &Listing, now: Nanos, request: &Request, out: &mut Reports) {
        match *request {
            Request::Submit(ref order) => self.submit(listing, now, order, out),
            Request::Cancel(order) if self.special.is_some() && self.cancel_special(now, order, out) => {}
            Request::Cancel(order) => {
                let kind = match self.resting.remove(order) {
                    Some(_) => ReportKind::Canceled,
                    None => ReportKind::CancelRejected(Reason::UnknownOrder),
                };
                self.report(now, order, kind, out);
            }
            Request::Amend { order, price, qty } => self.amend(listing, now, order, price, qty, out),
        }
        if self.special.is_some() {
            self.after_request(now, out);
        }
        self.look_anew();
    }

    fn submit(&mut self, listing: &Listing, now: Nanos, order: &SentOrder, out: &mut Reports) {
        let request = &order.request;
        if !request.terms.is_plain() {
            return self.submit_special(listing, now, order, out);
        }
        if listing.has_filters() {
            let filter = listing.check(request);
            if filter != Reason::None {
                return self.report(now, order.id, ReportKind::Rejected(filter), out);
            }
        }
        if listing.book.state() != Sync::InSync {
            return self.report(now, order.id, ReportKind::Rejected(Reason::BookNotInSync), out);
        }
        let limit = taker::limit(request);
        let takes = self.would_take(listing, request.side, limit);
        match request.time_in_force {
            TimeInForce::PostOnly if takes => {
                return self.report(now, order.id, ReportKind::Expired(Reason::WouldTake), out);
            }
            TimeInForce::Fok if self.available(listing, request.side, limit) < request.qty => {
                return self.report(now, order.id, ReportKind::Expired(Reason::NotWhole), out);
            }
            _ => {}
        }
        let rests = taker::may_rest(request);
        let queue_ahead = if rests && !takes { listing.book.qty(request.side, request.price) } else { -1 };
        self.report(now, order.id, ReportKind::Accepted { queue_ahead }, out);
        let (side, all) = (request.side, request.qty);
        let leaves = if takes { self.take(listing, now, order.id, side, limit, all, out) } else { all };
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
    pub(super) fn rest(
        &mut self,
        listing: &Listing,
        id: OrderId,
        side: Side,
        price: Ticks,
        filled: Qty,
        leaves: Qty,
        time_in_force: TimeInForce,
    ) {
        let place = Place::behind(listing.book.qty(side, price)).before(listing.book.next_place());
        self.resting.add(side, Resting { id, x: price ^ side.mirror(), leaves, filled, place, time_in_force });
    }

    fn amend(&mut self, listing: &Listing, now: Nanos, id: OrderId, price: Ticks, qty: Qty, out: &mut Reports) {
        if let Some(held) = self.held(id) {
            return self.amend_special(listing, now, held, price, qty, out);
        }
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

/// Bid + ask in ticks; `None` where a side is empty.
fn twice_mid(book: &Book) -> Option<Ticks> {
    book.best(Side::Buy).zip(book.best(Side::Sell)).map(|(bid, ask)| bid + ask)
}

/// The same before a row that set a level with `previous` steps: a new best was not there.
fn mid_before(book: &Book, event: &Event, previous: Qty) -> Option<Ticks> {
    let side = event.side();
    let is_new = previous == 0 && book.best(side) == Some(event.price);
    let best = if is_new { book.levels(side).nth(1).map(|level| level.0) } else { book.best(side) };
    best.zip(book.best(side.opposite())).map(|(own, other)| own + other)
}
