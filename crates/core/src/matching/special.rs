//! Orders with further terms at an account's lane: what the venue keeps of them beside the queue. Plain orders do not
//! come here.

use super::iceberg::parts;
use super::linked::Closed;
use super::resting::OwnFill;
use super::self_trade::Taken;
use super::{Lane, Listing, Reports, taker};
use crate::book::Sync;
use crate::event::Event;
use crate::order::{Reason, ReportKind, SelfTrade, SentOrder, TriggerBy};
use crate::types::{Liquidity, Nanos, OrderId, Qty, Side, Ticks, TimeInForce};

/// A live order with further terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// As it was sent; price and quantity as amended.
    pub(super) order: SentOrder,
    pub(super) filled: Qty,
    /// Not shown in the queue, in steps.
    pub(super) hidden: Qty,
    /// It waits for its trigger.
    pub(super) waits: bool,
    /// Of a trailing order: the best price since its activation.
    pub(super) best: Option<Ticks>,
}

impl Held {
    pub(super) fn new(order: SentOrder) -> Self {
        Self { order, filled: 0, hidden: 0, waits: false, best: None }
    }

    fn left(&self) -> Qty {
        self.order.request.qty - self.filled
    }
}

/// The account's orders with further terms.
#[derive(Clone, Debug, Default)]
pub(super) struct Special {
    /// In the order they arrived.
    pub(super) held: Vec<Held>,
    pub(super) closed: Closed,
    /// Ended while one row's fills are told: fills of theirs that are still to be told do not happen.
    gone: Vec<OrderId>,
    /// A further part of an iceberg is shown since this was last looked at.
    pub(super) has_shown: bool,
    /// Filled by the row that is looked at, in steps.
    told: Qty,
}

impl Special {
    pub(super) fn hold(&mut self, held: Held) {
        self.held.push(held);
    }

    /// Whether an order waits for the price of a trade.
    pub(super) fn waits_for_trades(&self) -> bool {
        self.held.iter().any(|held| held.waits && held.order.request.terms.by == TriggerBy::Last)
    }
}

impl Lane {
    pub(super) fn held(&self, id: OrderId) -> Option<Held> {
        self.special.as_ref()?.held.iter().find(|held| held.order.id == id).copied()
    }

    pub(super) fn held_mut(&mut self, id: OrderId) -> Option<&mut Held> {
        self.special.as_mut()?.held.iter_mut().find(|held| held.order.id == id)
    }

    /// Takes an order off the queue and out of what is held.
    pub(super) fn let_go(&mut self, id: OrderId) {
        self.resting.remove(id);
        if let Some(special) = &mut self.special {
            special.held.retain(|held| held.order.id != id);
            special.gone.push(id);
        }
    }

    /// Ends an order that is there, with its group if it has one.
    pub(super) fn end(&mut self, now: Nanos, id: OrderId, kind: ReportKind, out: &mut Reports) {
        let held = self.held(id);
        if held.is_none() && self.resting.find(id).is_none() {
            // It ended a moment before, with its group.
            return;
        }
        self.let_go(id);
        self.report(now, id, kind, out);
        if let Some(held) = held {
            self.close_group(now, &held, out);
        }
    }

    /// Refuses an order that has just arrived, and with it its group.
    pub(super) fn refuse(&mut self, now: Nanos, order: &SentOrder, reason: Reason, out: &mut Reports) {
        self.report(now, order.id, ReportKind::Rejected(reason), out);
        self.close_group(now, &Held::new(*order), out);
    }

    /// How much of an order of `side` would make the account's position smaller.
    fn reducible(&self, side: Side) -> Qty {
        (-self.position * side.sign()).max(0)
    }

    /// An order with further terms arrives.
    #[cold]
    pub(super) fn submit_special(&mut self, listing: &Listing, now: Nanos, order: &SentOrder, out: &mut Reports) {
        let (request, terms) = (&order.request, &order.request.terms);
        let group = (request.strategy, terms.group);
        let closed = &self.special.get_or_insert_default().closed;
        let filter = listing.check(request);
        let refusal = if terms.group != 0 && closed.has(group) {
            Reason::GroupEnded
        } else if terms.expires != 0 && terms.expires <= now {
            Reason::TimeOver
        } else if filter != Reason::None {
            filter
        } else if !terms.is_conditional() && terms.reduce_only && self.reducible(request.side) == 0 {
            Reason::ReduceOnly
        } else if !terms.is_conditional() && listing.book.state() != Sync::InSync {
            Reason::BookNotInSync
        } else {
            Reason::None
        };
        if refusal != Reason::None {
            return self.refuse(now, order, refusal, out);
        }
        if terms.is_conditional() {
            return self.wait(listing, now, order, out);
        }
        self.special.get_or_insert_default().hold(Held::new(*order));
        self.meet(listing, now, order.id, out);
    }

    /// A checked order meets the book: on its arrival, or once its trigger was pulled.
    pub(super) fn meet(&mut self, listing: &Listing, now: Nanos, id: OrderId, out: &mut Reports) {
        let Some(held) = self.held(id) else { return };
        let request = held.order.request;
        let (side, limit, apart) = (request.side, taker::limit(&request), request.terms.self_trade != SelfTrade::None);
        let takes = self.would_take(listing, side, limit) || apart && self.own_within(side, limit).is_some();
        let stops = apart && request.terms.self_trade != SelfTrade::ExpireMaker;
        let queue_ahead = if taker::may_rest(&request) && !takes { listing.book.qty(side, request.price) } else { -1 };
        if request.terms.is_conditional() {
            self.report(now, id, ReportKind::Triggered { queue_ahead }, out);
            self.close_group(now, &held, out);
        }
        let refusal = if listing.book.state() != Sync::InSync {
            Reason::BookNotInSync
        } else if request.terms.reduce_only && self.reducible(side) == 0 {
            Reason::ReduceOnly
        } else if request.time_in_force == TimeInForce::PostOnly && takes {
            Reason::WouldTake
        } else if request.time_in_force == TimeInForce::Fok && {
            let found = if stops {
                self.available_before_own(listing, side, limit)
            } else {
                self.available(listing, side, limit)
            };
            found < held.left() || request.terms.reduce_only && self.reducible(side) < held.left()
        } {
            Reason::NotWhole
        } else {
            Reason::None
        };
        if refusal != Reason::None {
            return self.end(now, id, ReportKind::Expired(refusal), out);
        }
        if !request.terms.is_conditional() {
            self.report(now, id, ReportKind::Accepted { queue_ahead }, out);
        }
        self.enter(listing, now, id, out);
    }

    /// Takes what the order may take, and lets the rest of it rest or expire.
    fn enter(&mut self, listing: &Listing, now: Nanos, id: OrderId, out: &mut Reports) {
        let Some(held) = self.held(id) else { return };
        let (request, left) = (held.order.request, held.left());
        let (side, terms) = (request.side, request.terms);
        let most = if terms.reduce_only { left.min(self.reducible(side)) } else { left };
        let taken = if terms.self_trade == SelfTrade::None {
            let left = self.take(listing, now, id, side, taker::limit(&request), most, out);
            Taken { left, stopped: false }
        } else {
            self.take_apart(listing, now, id, &request, most, out)
        };
        let filled = most - taken.left;
        self.note_fill(now, id, filled, out);
        // A fill of ours may have ended the order: it cannot reduce any more.
        if self.held(id).is_none() {
            return;
        }
        if taken.stopped {
            return self.end(now, id, ReportKind::Expired(Reason::SelfTrade), out);
        }
        if !taker::may_rest(&request) {
            return self.end(now, id, ReportKind::Expired(Reason::NotFilled), out);
        }
        let (shown, hidden) = parts(terms.display, left - filled);
        if let Some(held) = self.held_mut(id) {
            held.hidden = hidden;
        }
        let filled = held.filled + filled;
        self.rest(listing, id, side, request.price, filled, shown, request.time_in_force);
    }

    /// Keeps in mind that an order executed: its group closes, it ends once it is whole, and reduce-only orders end
    /// that have nothing left to reduce.
    fn note_fill(&mut self, now: Nanos, id: OrderId, qty: Qty, out: &mut Reports) {
        if qty > 0
            && let Some(held) = self.held_mut(id)
        {
            held.filled += qty;
            let held = *held;
            if held.left() == 0 {
                self.let_go(id);
            }
            self.close_group(now, &held, out);
        }
        if qty > 0 {
            self.end_reduced(now, out);
        }
    }

    /// Ends the reduce-only orders that would make a position larger now.
    fn end_reduced(&mut self, now: Nanos, out: &mut Reports) {
        let Some(special) = &self.special else { return };
        let reduce_only = special.held.iter().filter(|held| held.order.request.terms.reduce_only && !held.waits);
        let over = reduce_only.filter(|held| self.reducible(held.order.request.side) == 0);
        let over: Vec<OrderId> = over.map(|held| held.order.id).collect();
        for id in over {
            if self.held(id).is_some() {
                self.end(now, id, ReportKind::Expired(Reason::ReduceOnly), out);
            }
        }
    }

    /// Tells the fill of a resting order, whosever terms it touches.
    pub(super) fn tell_fill(&mut self, listing: &Listing, now: Nanos, fill: OwnFill, out: &mut Reports) {
        let held = self.held(fill.id);
        let Some(special) = self.special.as_mut().filter(|special| !special.gone.contains(&fill.id)) else { return };
        special.told += fill.qty;
        let reduces = held.is_some_and(|held| held.order.request.terms.reduce_only);
        let qty = if reduces { fill.qty.min(self.reducible(fill.side)) } else { fill.qty };
        if qty > 0 {
            self.report_fill(listing, now, OwnFill { qty, ..fill }, Liquidity::Maker, out);
        }
        self.note_fill(now, fill.id, qty, out);
        if self.resting.find(fill.id).is_none() {
            self.show_next(listing, fill.id);
        }
    }

    /// After the fills of a row: whose price the market passed shows part after part, as far as the row goes; then
    /// those who waited for the price of a trade arrive.
    #[cold]
    pub(super) fn after(&mut self, listing: &Listing, event: &Event, is_trade: bool, now: Nanos, out: &mut Reports) {
        let (side, price) = (event.side().opposite(), event.price);
        // A trade's own price is a matter of the queue; what is better priced it has passed.
        let fills = listing.settings.fills;
        let passed = if is_trade && fills.at_the_price() { price + side.sign() } else { price };
        while let Some(special) = self.special.as_mut().filter(|special| special.has_shown) {
            special.has_shown = false;
            let left = event.qty - special.told;
            self.resting.cross(fills, side, passed, left, &mut self.fills);
            self.report_fills(listing, now, out);
        }
        self.forget_row();
        if is_trade {
            self.pull(listing, TriggerBy::Last, price, now, out);
        }
        self.look_anew();
    }

    /// The same after a snapshot: what the market passed fills whole.
    #[cold]
    pub(super) fn after_snapshot(&mut self, listing: &Listing, now: Nanos, out: &mut Reports) {
        while let Some(special) = self.special.as_mut().filter(|special| special.has_shown) {
            special.has_shown = false;
            for side in [Side::Buy, Side::Sell] {
                if let Some(best) = listing.book.best(side.opposite()) {
                    self.resting.cross(listing.settings.fills, side, best, Qty::MAX, &mut self.fills);
                }
            }
            self.report_fills(listing, now, out);
        }
        self.forget_row();
        self.look_anew();
    }

    fn forget_row(&mut self) {
        if let Some(special) = &mut self.special {
            special.told = 0;
            special.gone.clear();
        }
    }

    /// After a request: what it executed may have left reduce-only orders without a position.
    #[cold]
    pub(super) fn after_request(&mut self, now: Nanos, out: &mut Reports) {
        self.end_reduced(now, out);
        self.forget_row();
    }

    /// Cancels an order with further terms; false if there is none of this id.
    #[cold]
    pub(super) fn cancel_special(&mut self, now: Nanos, id: OrderId, out: &mut Reports) -> bool {
        let found = self.held(id).is_some();
        if found {
            self.end(now, id, ReportKind::Canceled, out);
        }
        found
    }

    /// Amends an order with further terms. One that waits for its trigger is not amended, as on Binance: it is
    /// cancelled and sent again.
    #[cold]
    pub(super) fn amend_special(
        &mut self,
        listing: &Listing,
        now: Nanos,
        held: Held,
        price: Ticks,
        qty: Qty,
        out: &mut Reports,
    ) {
        let mut order = held.order;
        let (id, side, left) = (order.id, order.request.side, qty - held.filled);
        let same_price = price == order.request.price;
        (order.request.price, order.request.qty) = (price, qty);
        let filter = listing.check(&order.request);
        let refusal = if held.waits {
            Reason::NotTriggered
        } else if left <= 0 {
            Reason::BelowFilled
        } else if listing.book.state() != Sync::InSync {
            Reason::BookNotInSync
        } else if filter != Reason::None {
            filter
        } else if order.request.time_in_force == TimeInForce::PostOnly && self.would_take(listing, side, price) {
            Reason::WouldTake
        } else {
            Reason::None
        };
        if refusal != Reason::None {
            return self.report(now, id, ReportKind::AmendRejected(refusal), out);
        }
        self.report(now, id, ReportKind::Amended { price, qty }, out);
        let shown = self.resting.find(id).map_or(0, |(_, resting)| resting.leaves);
        let Some(held) = self.held_mut(id) else { return };
        held.order = order;
        if same_price && left <= shown + held.hidden {
            let shown = held.reduce(shown, left);
            return self.resting.reduce(id, shown);
        }
        held.hidden = 0;
        self.resting.remove(id);
        self.enter(listing, now, id, out);
    }
}
