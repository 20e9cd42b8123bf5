//! The venue as the simulation models it: its book is the recorded one, our orders wait in its queues.
//!
//! Every row of the feed is something other people did; our own orders do not move them. What we take off the book
//! stays taken until the venue's feed says otherwise.

mod fees;
mod latency;
mod queue;
mod resting;
mod taker;

use std::collections::VecDeque;

pub use latency::{Latency, Wire};
pub use queue::{Place, QueueModel};

use crate::book::{Book, Stop, Sync, Watch};
use crate::event::{Event, Kind};
use crate::feed::Feed;
use crate::instrument::Instrument;
use crate::order::{Fill, Order, Reason, Report, ReportKind};
use crate::types::{Liquidity, Nanos, OrderId, Qty, Side, Ticks, TimeInForce};
use resting::{MakerFill, Resting, RestingOrders};
use taker::Consumed;

/// How a venue is modelled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VenueSettings {
    /// Where resting orders stand in their queue.
    pub queue: QueueModel,
    /// Whether resting orders fill in part; without it, whole or not at all.
    pub partial_fills: bool,
    /// How long messages travel.
    pub latency: Latency,
}

/// What we ask of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A new order.
    Submit(Order),
    /// The end of one.
    Cancel(OrderId),
    /// A new price and whole quantity.
    Amend {
        /// Which.
        order: OrderId,
        /// In ticks.
        price: Ticks,
        /// In steps.
        qty: Qty,
    },
}

/// One instrument at its venue.
#[derive(Clone, Debug)]
pub struct VenueModel {
    instrument: Instrument,
    settings: VenueSettings,
    book: Book,
    resting: RestingOrders,
    consumed: Consumed,
    requests: VecDeque<(Nanos, Request)>,
    entry: Wire,
    response: Wire,
    last_trade: u64,
    watch: Watch,
    fills: Vec<MakerFill>,
}

impl VenueModel {
    /// A venue without orders, its book empty until the feed's snapshot.
    pub fn new(instrument: Instrument, settings: VenueSettings) -> Self {
        Self {
            instrument,
            settings,
            book: Book::default(),
            resting: RestingOrders::default(),
            consumed: Consumed::default(),
            requests: VecDeque::new(),
            entry: Wire::new(settings.latency.entry),
            response: Wire::new(settings.latency.response),
            last_trade: 0,
            watch: Watch::NONE,
            fills: Vec::new(),
        }
    }

    /// The venue's book.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Takes a request sent at `now`; it arrives after the entry latency, behind those sent before it.
    pub fn send(&mut self, now: Nanos, request: Request) {
        let at = self.entry.arrival(now);
        self.requests.push_back((at, request));
    }

    /// When the next request arrives.
    #[inline]
    pub fn next_request(&self) -> Option<Nanos> {
        self.requests.front().map(|request| request.0)
    }

    /// Advances to `until`: rows, then requests that arrive at the same time. Reports go to `out` in the order they
    /// reach us. With `stop_at_report`, goes no further than the arrival of the first report it makes.
    ///
    /// Returns the time advanced to.
    pub fn advance(
        &mut self,
        feed: &mut Feed<'_>,
        until: Nanos,
        stop_at_report: bool,
        out: &mut VecDeque<Report>,
    ) -> Nanos {
        let (mut until, before) = (until, out.len());
        loop {
            let bound = until.min(self.next_request().unwrap_or(Nanos::MAX));
            self.rows(feed, bound, stop_at_report, out);
            if stop_at_report && out.len() > before {
                until = until.min(out[before].ts_recv);
            }
            let row_left = feed.next_time().is_some_and(|time| time <= until);
            match self.requests.front().copied() {
                Some((at, request)) if at <= until && feed.next_time().is_none_or(|time| time > at) => {
                    self.requests.pop_front();
                    self.request(at, request, out);
                    if stop_at_report && out.len() > before {
                        until = until.min(out[before].ts_recv);
                    }
                }
                _ if !row_left => return until,
                _ => {}
            }
        }
    }

    /// Applies the rows up to `until`, or up to the first that made a report if that is where to stop.
    fn rows(&mut self, feed: &mut Feed<'_>, until: Nanos, stop_at_report: bool, out: &mut VecDeque<Report>) {
        let before = out.len();
        while let Some((block, at)) = feed.current() {
            let (columns, times) = (block.columns(), block.times());
            match self.book.advance(&columns, times, at.row..columns.len(), until, self.watch) {
                Stop::Time(next) => {
                    let done = next < columns.len();
                    feed.seek(next);
                    if done {
                        return;
                    }
                }
                Stop::Row(next) => {
                    let (event, now) = (columns.get(next), times[next]);
                    feed.seek(next + 1);
                    self.row(&event, now, out);
                    if stop_at_report && out.len() > before {
                        return;
                    }
                }
            }
        }
    }

    /// The one-event case of [`VenueModel::advance`]: the next row or request, whichever is first.
    pub fn step(&mut self, feed: &mut Feed<'_>, out: &mut VecDeque<Report>) {
        match (feed.next_time(), self.next_request()) {
            (Some(row), request) if request.is_none_or(|at| row <= at) => {
                if let Some((now, event)) = feed.pop() {
                    self.row(&event, now, out);
                }
            }
            (_, Some(_)) => {
                if let Some((at, request)) = self.requests.pop_front() {
                    self.request(at, request, out);
                }
            }
            (_, None) => {}
        }
    }

    /// When the next row or request is due.
    pub fn next_time(&self, feed: &mut Feed<'_>) -> Option<Nanos> {
        let times = [feed.next_time(), self.next_request()];
        times.into_iter().flatten().min()
    }

    /// One row of the feed.
    fn row(&mut self, event: &Event, now: Nanos, out: &mut VecDeque<Report>) {
        let side = event.side();
        match event.kind() {
            Kind::Delta => self.delta(event, now),
            Kind::Trade => {
                let (lot, partial) = (self.instrument.lot_steps(), self.settings.partial_fills);
                self.resting.trade(side.opposite(), event.price, event.qty, lot, partial, &mut self.fills);
            }
            Kind::Clear | Kind::Level | Kind::Gap => {
                self.book.apply(event, now);
                if self.book.state() == Sync::InSync && event.is_last() {
                    self.resync();
                }
            }
            Kind::Quote | Kind::Funding | Kind::Mark => return,
        }
        self.report_fills(now, out);
    }

    fn delta(&mut self, event: &Event, now: Nanos) {
        let side = event.side();
        let previous = self.book.qty(side, event.price);
        self.book.apply(event, now);
        self.consumed.replenish(side, event.price);
        self.resting.level(self.settings.queue, side, event.price, previous, event.qty);
        if event.qty > 0 {
            let available = if self.settings.partial_fills { event.qty } else { Qty::MAX };
            self.resting.cross(side.opposite(), event.price, available, &mut self.fills);
        }
        // Taking the last of the consumed levels off the watch is worth as much as taking an order off.
        self.watch = self.consumed.watch(self.resting.watch());
    }

    /// After a new snapshot: nobody is further back than the level is long, and what the market passed is filled.
    fn resync(&mut self) {
        self.consumed.clear();
        for side in [Side::Buy, Side::Sell] {
            if let Some(best) = self.book.best(side.opposite()) {
                self.resting.cross(side, best, Qty::MAX, &mut self.fills);
            }
        }
        let book = &self.book;
        self.resting.requeue(|side, price| book.qty(side, price));
        self.watch = self.consumed.watch(self.resting.watch());
    }

    fn report_fills(&mut self, now: Nanos, out: &mut VecDeque<Report>) {
        if self.fills.is_empty() {
            return;
        }
        let fills = std::mem::take(&mut self.fills);
        for fill in &fills {
            self.report_fill(now, fill.id, fill.side, fill.price, fill.qty, Liquidity::Maker, out);
        }
        self.fills = fills;
        self.fills.clear();
        self.watch = self.consumed.watch(self.resting.watch());
    }

    #[allow(clippy::too_many_arguments)]
    fn report_fill(
        &mut self,
        now: Nanos,
        order: OrderId,
        side: Side,
        price: Ticks,
        qty: Qty,
        liquidity: Liquidity,
        out: &mut VecDeque<Report>,
    ) {
        self.last_trade += 1;
        let fee = fees::fee(&self.instrument, side, price, qty, liquidity);
        self.report(now, order, ReportKind::Filled(Fill { trade: self.last_trade, price, qty, liquidity, fee }), out);
    }

    fn report(&mut self, now: Nanos, order: OrderId, kind: ReportKind, out: &mut VecDeque<Report>) {
        out.push_back(Report { order, ts_venue: now, ts_recv: self.response.arrival(now), kind });
    }

    fn request(&mut self, now: Nanos, request: Request, out: &mut VecDeque<Report>) {
        match request {
            Request::Submit(order) => self.submit(now, &order, out),
            Request::Cancel(order) => {
                let kind = match self.resting.remove(order) {
                    Some(_) => ReportKind::Canceled,
                    None => ReportKind::CancelRejected(Reason::UnknownOrder),
                };
                self.report(now, order, kind, out);
            }
            Request::Amend { order, price, qty } => self.amend(now, order, price, qty, out),
        }
        self.watch = self.consumed.watch(self.resting.watch());
    }

    fn submit(&mut self, now: Nanos, order: &Order, out: &mut VecDeque<Report>) {
        let request = &order.request;
        if self.book.state() != Sync::InSync {
            return self.report(now, order.id, ReportKind::Rejected(Reason::BookNotInSync), out);
        }
        let limit = taker::limit(request);
        match request.time_in_force {
            TimeInForce::PostOnly if self.would_take(request.side, limit) => {
                return self.report(now, order.id, ReportKind::Expired(Reason::WouldTake), out);
            }
            TimeInForce::Fok if self.available(request.side, limit) < request.qty => {
                return self.report(now, order.id, ReportKind::Expired(Reason::NotWhole), out);
            }
            _ => {}
        }
        let rests = taker::may_rest(request);
        let queue_ahead = if rests && !self.would_take(request.side, limit) {
            self.book.qty(request.side, request.price)
        } else {
            -1
        };
        self.report(now, order.id, ReportKind::Accepted { queue_ahead }, out);
        let leaves = self.take(now, order.id, request.side, limit, request.qty, out);
        if leaves == 0 {
            return;
        }
        if !rests {
            return self.report(now, order.id, ReportKind::Expired(Reason::NotFilled), out);
        }
        self.rest(order.id, request.side, request.price, request.qty - leaves, leaves, request.time_in_force);
    }

    fn rest(&mut self, id: OrderId, side: Side, price: Ticks, filled: Qty, leaves: Qty, time_in_force: TimeInForce) {
        let place = Place::behind(self.book.qty(side, price));
        self.resting.add(side, Resting { id, x: price ^ side.mirror(), leaves, filled, place, time_in_force });
    }

    fn amend(&mut self, now: Nanos, id: OrderId, price: Ticks, qty: Qty, out: &mut VecDeque<Report>) {
        let Some((side, resting)) = self.resting.find(id) else {
            return self.report(now, id, ReportKind::AmendRejected(Reason::UnknownOrder), out);
        };
        let resting = *resting;
        let leaves = qty - resting.filled;
        let refusal = if leaves <= 0 {
            Reason::BelowFilled
        } else if self.book.state() != Sync::InSync {
            Reason::BookNotInSync
        } else if resting.time_in_force == TimeInForce::PostOnly && self.would_take(side, price) {
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
        let left = self.take(now, id, side, price, leaves, out);
        if left > 0 {
            self.rest(id, side, price, qty - left, left, resting.time_in_force);
        }
    }

    /// Resting orders' places, best first on each side, for tests of invariants.
    pub fn places(&self) -> impl Iterator<Item = (OrderId, Place, Qty)> + '_ {
        self.resting.iter().map(|order| (order.id, order.place, order.leaves))
    }
}

#[cfg(test)]
mod tests;
