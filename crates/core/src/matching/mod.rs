//! The venue as the simulation models it: its book is the recorded one, our orders wait in its queues.
//!
//! Every row of the feed is something other people did; our own orders do not move them. What we take off the book
//! stays taken until the venue's feed says otherwise. Each account has a [lane](lane::Lane) of its own beside the one
//! book: accounts do not meet, so that a strategy with an account of its own trades the same among a thousand as alone.

mod conditional;
mod expiry;
mod fees;
mod fills;
mod filters;
mod house;
mod iceberg;
mod impact;
mod lane;
mod latency;
mod linked;
mod queue;
mod reports;
mod resting;
mod self_trade;
mod special;
mod taker;

use std::collections::VecDeque;
use std::ops::Range;

pub use fills::FillModel;
pub use impact::SquareRoot;
pub use latency::{Delay, Latency, Lognormal, Measured, Quantiles, VENUES, Wire};
pub use queue::{Place, QueueModel};
pub use reports::{Reports, Waits};

use crate::book::{Book, Sync, Watch};
use crate::event::{Clock, Columns, Event, Kind, flag};
use crate::feed::Feed;
use crate::instrument::{Instrument, InstrumentKind};
use crate::order::{OrderRequest, Reason, SentOrder, TriggerBy};
use crate::random::Stream;
use crate::types::{AccountIx, InstrumentIx, Nanos, OrderId, Qty, Ticks};
use filters::Filters;
use lane::Lane;

/// How a venue is modelled.
#[derive(Clone, Debug, PartialEq)]
pub struct VenueSettings {
    /// Where resting orders stand in their queue.
    pub queue: QueueModel,
    /// When, and by how much, resting orders fill.
    pub fills: FillModel,
    /// How long messages travel.
    pub latency: Latency,
}

/// What we ask of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A new order.
    Submit(SentOrder),
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

/// A request with its way: whose it is, and to which instrument's venue it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// What it is about.
    pub instrument: InstrumentIx,
    /// Whose it is.
    pub account: AccountIx,
    /// What is asked.
    pub request: Request,
}

/// What all accounts at a venue share: an instrument, how it is modelled, and its book.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    pub(super) instrument: Instrument,
    pub(super) settings: VenueSettings,
    pub(super) book: Book,
    filters: Filters,
    /// The mark price told last.
    pub(super) mark: Option<Ticks>,
    /// What takers do to the price where there is no book.
    pub(super) impact: Option<SquareRoot>,
    /// The price of the last trade, at the arrival of a request that needs it; trades pass unseen otherwise.
    pub(super) last: Option<Ticks>,
}

impl Listing {
    /// Whether the definition gives filters that the risk gate does not hold.
    #[inline]
    pub(super) fn has_filters(&self) -> bool {
        self.filters.is_set
    }

    /// The filter that a request breaks.
    pub(super) fn check(&self, request: &OrderRequest) -> Reason {
        let mark = self.mark.filter(|_| self.instrument.kind != InstrumentKind::Spot);
        self.filters.check(&self.instrument, request, mark.or(self.last))
    }
}

/// One instrument at its venue.
#[derive(Clone, Debug)]
pub struct VenueModel {
    listing: Listing,
    lanes: Vec<Lane>,
    /// Each account's randomness.
    streams: Vec<Stream>,
    /// The lane of each account, [`NO_LANE`] before its first request.
    lane_of: Vec<u16>,
    /// By arrival; at one time in the order they were sent.
    requests: VecDeque<(Nanos, u16, Request)>,
    /// What concerns any lane.
    watch: Watch,
    is_watch_old: bool,
    /// Quantity steps in a lot.
    lot: Qty,
    /// When the first order of any lane ends by its terms.
    expires: Nanos,
    /// The funding rate told last.
    rate: Option<Qty>,
}

const NO_LANE: u16 = u16::MAX;

impl VenueModel {
    /// A venue without orders, its book empty until the feed's snapshot.
    pub fn new(instrument: Instrument, settings: VenueSettings) -> Self {
        let settings = VenueSettings { queue: settings.queue.of(&instrument), ..settings };
        let filters = Filters::new(&instrument);
        Self {
            lot: instrument.lot_steps(),
            is_watch_old: false,
            listing: Listing {
                instrument,
                settings,
                book: Book::default(),
                filters,
                mark: None,
                last: None,
                impact: None,
            },
            lanes: Vec::new(),
            streams: Vec::new(),
            lane_of: Vec::new(),
            requests: VecDeque::new(),
            watch: Watch::NONE,
            expires: expiry::NEVER,
            rate: None,
        }
    }

    /// The same for data without a book: who takes, takes at the price of the last trade.
    pub fn of_trades(instrument: Instrument, settings: VenueSettings) -> Self {
        let mut venue = Self::new(instrument, settings);
        venue.listing.book = Book::of_trades();
        venue
    }

    /// Lets takers move the price by this law where there is no book.
    pub fn set_impact(&mut self, impact: Option<SquareRoot>) {
        self.listing.impact = impact;
    }

    /// The venue's book.
    pub fn book(&self) -> &Book {
        &self.listing.book
    }

    /// The venue's book, for our view of it to be the same.
    pub(crate) fn book_mut(&mut self) -> &mut Book {
        &mut self.listing.book
    }

    /// Gives each account the randomness of its messages' times; without it an account has its number's.
    pub fn set_streams(&mut self, streams: Vec<Stream>) {
        self.streams = streams;
    }

    /// Takes a request of an account sent at `now`; it arrives after the entry latency, behind those sent before it.
    pub fn send(&mut self, now: Nanos, account: AccountIx, request: Request) {
        let lane = self.lane(account);
        let at = self.lanes[usize::from(lane)].entry.arrival(now);
        let later = self.requests.iter().rev().take_while(|other| other.0 > at).count();
        if later == 0 {
            return self.requests.push_back((at, lane, request));
        }
        self.requests.insert(self.requests.len() - later, (at, lane, request));
    }

    fn lane(&mut self, account: AccountIx) -> u16 {
        let account = usize::from(account);
        if account >= self.lane_of.len() {
            self.lane_of.resize(account + 1, NO_LANE);
        }
        if self.lane_of[account] == NO_LANE {
            self.lane_of[account] = self.lanes.len() as u16;
            let random = self.streams.get(account).cloned().unwrap_or_else(|| Stream::new(0, account as u64));
            self.lanes.push(Lane::new(&self.listing, &random));
        }
        self.lane_of[account]
    }

    /// Whether it has nothing to say, whatever its rows: nothing rests here and nothing is on its way.
    pub fn is_quiet(&self) -> bool {
        self.requests.is_empty() && self.lanes.iter().all(Lane::is_quiet)
    }

    /// When the next request arrives.
    #[inline]
    pub fn next_request(&self) -> Option<Nanos> {
        self.requests.front().map(|request| request.0)
    }

    /// When the next request arrives or the next order ends by its terms.
    #[inline]
    fn next_due(&self) -> Nanos {
        self.next_request().unwrap_or(Nanos::MAX).min(self.expires)
    }

    /// Advances to `until`: rows, then requests that arrive at the same time. Reports go to `out` in the order they
    /// reach us. With `stop_at_report`, goes no further than the arrival of the first report it makes.
    ///
    /// Returns the time advanced to.
    pub fn advance(&mut self, feed: &mut Feed<'_>, until: Nanos, stop_at_report: bool, out: &mut Reports) -> Nanos {
        self.advance_or_wait(feed, until, Waits { reports: stop_at_report, ..Waits::default() }, out)
    }

    /// [`VenueModel::advance`] that waits for what is asked.
    pub(crate) fn advance_or_wait(
        &mut self,
        feed: &mut Feed<'_>,
        until: Nanos,
        waits: Waits,
        out: &mut Reports,
    ) -> Nanos {
        let mut until = until;
        out.forget();
        loop {
            let bound = until.min(self.next_due());
            self.rows(feed, bound, waits, out);
            until = until.min(out.bound(waits));
            let row_left = feed.next_time().is_some_and(|time| time <= until);
            let due = self.next_due();
            if due <= until && due < expiry::NEVER && feed.next_time().is_none_or(|time| time > due) {
                // What falls due in one moment has no rows between.
                while self.next_due() == due && due <= until {
                    self.fall_due(feed, out);
                    until = until.min(out.bound(waits));
                }
            } else if !row_left {
                return until;
            }
        }
    }

    /// Applies the rows up to `until`, or up to the first that made a report if that is where to stop.
    fn rows(&mut self, feed: &mut Feed<'_>, until: Nanos, waits: Waits, out: &mut Reports) {
        let before = out.bound(waits);
        // Where in the window that is read `until` is, as long as rows are left before it.
        let mut known = None;
        while let Some((block, at)) = feed.current() {
            let (columns, times) = (block.columns(), block.times());
            let end = known.unwrap_or_else(|| times.until(at.row..columns.len(), until));
            let next = self.quiet_rows(&columns, times, at.row..end);
            let is_later = next == end && end < columns.len();
            let row = (next < end).then(|| (columns.get(next), times.at(next)));
            known = Some(end).filter(|end| next + 1 < *end);
            feed.seek(next);
            if let Some((event, now)) = row {
                self.look_at_trades(feed);
                feed.seek(next + 1);
                self.row(&event, now, false, out);
            }
            if is_later || out.bound(waits) < before {
                return;
            }
        }
    }

    /// Applies rows as long as all they do to orders is to move them in their queues; returns the first that does more.
    fn quiet_rows(&mut self, columns: &Columns<'_>, times: Clock<'_>, rows: Range<usize>) -> usize {
        // Requests of many lanes that arrive at once: nobody looks in between.
        if rows.is_empty() {
            return rows.start;
        }
        if self.is_watch_old {
            self.watch = self.lanes.iter_mut().fold(Watch::NONE, |watch, lane| watch.or(lane.watch()));
            self.is_watch_old = false;
        }
        let (lot, queue) = (self.lot, self.listing.settings.queue);
        let book = &mut self.listing.book;
        if let [lane] = self.lanes.as_mut_slice() {
            return book.sweep(columns, times, rows, self.watch, |touch| lane.pass(touch, queue, lot));
        }
        let lanes = &mut self.lanes;
        book.sweep(columns, times, rows, self.watch, |touch| {
            let passes = lanes.iter().all(|lane| lane.lets_pass(touch, lot));
            if passes {
                lanes.iter_mut().for_each(|lane| lane.resting.queue(touch, queue, lot));
            }
            passes
        })
    }

    /// The one-event case of [`VenueModel::advance`]: the next row or request, whichever is first. Every lane is handed
    /// every row, so that what a lane watches is held to what concerns it.
    pub fn step(&mut self, feed: &mut Feed<'_>, out: &mut Reports) {
        if feed.next_time().is_some_and(|row| row <= self.next_due()) {
            self.look_at_trades(feed);
            if let Some((now, event)) = feed.pop() {
                self.row(&event, now, true, out);
            }
        } else {
            self.fall_due(feed, out);
        }
    }

    /// The end of orders whose time is over, or else the next request.
    fn fall_due(&mut self, feed: &Feed<'_>, out: &mut Reports) {
        if self.expires < expiry::NEVER && self.next_request().is_none_or(|at| self.expires <= at) {
            self.expire(out);
        } else if let Some((at, lane, request)) = self.requests.pop_front() {
            self.look_at_trades(feed);
            self.request(at, lane, &request, feed, out);
        }
    }

    /// Trades pass a book unseen; where there is none, the last of them is the market.
    fn look_at_trades(&mut self, feed: &Feed<'_>) {
        if self.listing.book.is_of_trades()
            && let Some((at, price)) = feed.last_trade()
        {
            self.listing.book.trade(price, at);
        }
    }

    /// When the next row or request is due.
    pub fn next_time(&self, feed: &mut Feed<'_>) -> Option<Nanos> {
        let due = Some(self.next_due()).filter(|&due| due < expiry::NEVER);
        [feed.next_time(), due].into_iter().flatten().min()
    }

    /// One row of the feed, for the lanes that it concerns or for all.
    fn row(&mut self, event: &Event, now: Nanos, all: bool, out: &mut Reports) {
        match event.kind() {
            Kind::Delta => {
                let previous = self.listing.book.qty(event.side(), event.price);
                self.listing.book.apply(event, now);
                self.each_lane(event, all, |lane, listing| lane.delta(listing, event, previous, now, out));
            }
            Kind::Trade => {
                self.listing.book.trade(event.price, now);
                self.each_lane(event, all, |lane, listing| lane.trade(listing, event, now, out));
            }
            Kind::Add | Kind::Change | Kind::Remove => self.order_row(event, now, all, out),
            Kind::Clear | Kind::Level | Kind::Gap => {
                self.listing.book.apply(event, now);
                if self.listing.book.state() == Sync::InSync && event.is_last() {
                    self.lanes.iter_mut().for_each(|lane| lane.resync(&self.listing, now, out));
                    self.look_anew();
                }
            }
            Kind::Mark => {
                self.listing.mark = Some(event.price);
                if self.lanes.iter().any(|lane| lane.special.is_some()) {
                    self.lanes.iter_mut().for_each(|lane| lane.mark(&self.listing, event.price, now, out));
                    self.look_anew();
                }
            }
            Kind::Funding => self.rate = Some(event.qty),
            Kind::Quote => {}
        }
    }

    /// A row about a single order.
    #[cold]
    fn order_row(&mut self, event: &Event, now: Nanos, all: bool, out: &mut Reports) {
        let kind = event.kind();
        if kind == Kind::Change && !self.listing.book.keeps_place(event) {
            // Who goes to the back of a queue leaves it and comes again.
            let of = |kind: Kind, drop: u8| Event { flags: event.flags & !(flag::KIND | drop) | kind as u8, ..*event };
            self.order_row(&of(Kind::Remove, flag::LAST), now, all, out);
            return self.order_row(&of(Kind::Add, 0), now, all, out);
        }
        let before = self.listing.book.state();
        let Some(change) = self.listing.book.apply_order(event, now) else { return };
        let qty = if kind == Kind::Add { event.qty } else { 0 };
        let came = Event::new(now, now, Kind::Delta, change.side, change.price, qty);
        self.each_lane(&came, all, |lane, listing| lane.order_row(listing, &change, &came, now, out));
        if before != self.listing.book.state() {
            self.lanes.iter_mut().for_each(|lane| lane.resync(&self.listing, now, out));
            self.look_anew();
        }
    }

    /// Hands on a delta or a trade.
    fn each_lane(&mut self, event: &Event, all: bool, mut work: impl FnMut(&mut Lane, &Listing) -> bool) {
        let mut changed = false;
        for lane in &mut self.lanes {
            if all || lane.watch().concerns(event) {
                changed |= work(lane, &self.listing);
            }
        }
        if changed {
            self.look_anew();
        }
    }

    /// What concerns any lane is put together again before the next rows.
    fn look_anew(&mut self) {
        self.is_watch_old = true;
    }

    fn request(&mut self, now: Nanos, lane: u16, request: &Request, feed: &Feed<'_>, out: &mut Reports) {
        let waits_for_trade =
            |order: &SentOrder| order.request.terms.is_conditional() && order.request.terms.by == TriggerBy::Last;
        let needs = match request {
            Request::Submit(order) => self.listing.filters.needs_price() || waits_for_trade(order),
            Request::Amend { .. } => self.listing.filters.needs_price(),
            Request::Cancel(_) => false,
        };
        self.listing.last = if needs { feed.last_trade().map(|trade| trade.1) } else { None };
        let lane = &mut self.lanes[usize::from(lane)];
        lane.request(&self.listing, now, request, out);
        // It may be that of an order that has gone: then nothing ends when it comes.
        self.expires = self.expires.min(lane.expires);
        self.look_anew();
    }

    /// Resting orders' places, account by account, best first on each side, for tests of invariants.
    pub fn places(&self) -> impl Iterator<Item = (OrderId, Place, Qty)> + '_ {
        self.lanes.iter().flat_map(|lane| lane.resting.iter()).map(|order| (order.id, order.place, order.leaves))
    }
}

#[cfg(test)]
mod tests;
