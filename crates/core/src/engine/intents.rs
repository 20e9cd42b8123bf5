//! Carrying out what a strategy asked for: through the risk gate, into the order table, out as commands.

use super::context::Intent;
use super::state::State;
use crate::book::Book;
use crate::matching::{Command, Request};
use crate::order::{Order, OrderRequest, OrderState, Pending, SentOrder, Terms};
use crate::record::Decision;
use crate::risk::{Action, Approved, Gate, MOST, Refusal};
use crate::types::{InstrumentIx, OrderId, OrderKind, Qty, Side, StrategyIx, Ticks, TimeInForce};

impl State {
    /// Carries out the wishes of one wake-up, in the order they were made.
    pub(super) fn carry_out(&mut self) {
        let mut intents = std::mem::take(&mut self.intents);
        let mut rest = intents.as_slice();
        while let [(strategy, intent), behind @ ..] = rest {
            let all = std::mem::replace(&mut rest, behind);
            let strategy = *strategy;
            match *intent {
                Intent::Submit(_, request) if request.terms.group != 0 => rest = self.submit_group(all),
                Intent::Submit(id, request) => self.submit(id, request),
                Intent::Cancel(order) => self.cancel(strategy, order),
                Intent::CancelAll => self.cancel_all(strategy),
                Intent::Amend(order, price, qty) => self.amend(strategy, order, price, qty),
                Intent::Quote(side, price, qty) => self.quote(strategy, side, price, qty),
                Intent::Target(qty) => self.target(strategy, qty),
            }
        }
        intents.clear();
        self.intents = intents;
    }

    pub(super) fn submit(&mut self, id: OrderId, request: OrderRequest) {
        if let Err(refusal) = self.try_submit(id, request) {
            self.refuse(request, refusal);
        }
    }

    fn try_submit(&mut self, id: OrderId, request: OrderRequest) -> Result<(), Refusal> {
        let (gate, standing) = (self.gate(request.strategy), self.standing(request.strategy, None));
        let approved = gate.submit(SentOrder { id, request }, &standing)?;
        self.send(&approved);
        Ok(())
    }

    pub(super) fn gate(&self, strategy: StrategyIx) -> &Gate {
        &self.slots[usize::from(strategy)].gate
    }

    /// Sends what was approved. Nothing else can be sent: an [`Approved`] comes from the gate alone.
    pub(super) fn send(&mut self, approved: &Approved) {
        let (now, action) = (self.now, approved.action());
        let (strategy, instrument, request) = match *action {
            Action::Submit(order) => {
                let SentOrder { id, request } = order;
                self.orders.insert(Order { state: OrderState::Submitted, ..Order::new(id, request, now) });
                self.log.add(&Decision::Submit { ts: now, order: id, request });
                (request.strategy, request.instrument, Request::Submit(order))
            }
            Action::Amend { order, price, qty } => {
                let Some(request) = self.orders.get(order).map(|order| order.request) else { return };
                self.orders.note(order, Pending::Amend(price, qty));
                self.log.add(&Decision::Amend { ts: now, order, price, qty });
                (request.strategy, request.instrument, Request::Amend { order, price, qty })
            }
        };
        self.slots[usize::from(strategy)].gate.count(now);
        self.command(strategy, instrument, request);
    }

    fn command(&mut self, strategy: StrategyIx, instrument: InstrumentIx, request: Request) {
        let account = self.slots[usize::from(strategy)].account;
        self.commands.push(Command { instrument, account, request });
    }

    pub(super) fn cancel(&mut self, strategy: StrategyIx, id: OrderId) {
        let Some(order) = self.orders.get(id) else { return };
        if !self.is_of(order, strategy) || order.pending.is_cancel() {
            return;
        }
        let (instrument, pending) = (order.request.instrument, order.pending.with_cancel());
        self.orders.note(id, pending);
        self.log.add(&Decision::Cancel { ts: self.now, order: id });
        self.command(strategy, instrument, Request::Cancel(id));
    }

    pub(super) fn cancel_all(&mut self, strategy: StrategyIx) {
        let ids: Vec<OrderId> = self.orders.open(strategy).map(|order| order.id).collect();
        ids.into_iter().for_each(|id| self.cancel(strategy, id));
    }

    fn amend(&mut self, strategy: StrategyIx, id: OrderId, price: Ticks, qty: Qty) {
        let Some(order) = self.orders.get(id).copied() else { return };
        if !self.is_of(&order, strategy) || order.pending != Pending::None {
            return;
        }
        let strategy = order.request.strategy;
        let approved = self.gate(strategy).amend(&order, price, qty, &self.standing(strategy, Some(&order)));
        match approved {
            Ok(approved) => self.send(&approved),
            Err(refusal) => {
                self.refuse(OrderRequest { price, qty, ..order.request }, refusal);
            }
        }
    }

    fn quote(&mut self, strategy: StrategyIx, side: Side, price: Option<Ticks>, qty: Qty) {
        let standing = self.slots[usize::from(strategy)].quoted[side as usize];
        let live = standing.and_then(|id| self.orders.get(id)).copied();
        let wanted = price.and_then(|price| own_touch(&self.view_of(strategy).book, side, price));
        if let Some(order) = live {
            if Some(order.request.price) == wanted && order.pending == Pending::None {
                return;
            }
            self.cancel(strategy, order.id);
        }
        if price.is_none() {
            self.slots[usize::from(strategy)].withheld_now[side as usize] = None;
            return;
        }
        let outcome = match wanted {
            Some(price) => self.try_quote(strategy, side, price, qty),
            None => Err(Refusal::BookNotInSync),
        };
        let slot = &mut self.slots[usize::from(strategy)];
        if let Err(refusal) = outcome
            && slot.withheld_now[side as usize] != Some(refusal)
        {
            slot.withheld[refusal as usize] += 1;
        }
        slot.withheld_now[side as usize] = outcome.err();
    }

    fn try_quote(&mut self, strategy: StrategyIx, side: Side, price: Ticks, qty: Qty) -> Result<(), Refusal> {
        let standing = self.standing(strategy, None);
        // Buys of spot pay their fee in base, so what can be sold is seldom what was bought.
        let sellable = standing.sellable(&self.gate(strategy).limits);
        let free = sellable.filter(|_| side == Side::Sell).unwrap_or(Qty::MAX);
        if free == 0 {
            return Err(Refusal::NoShort);
        }
        let qty = qty.min(free);
        let instrument = self.slots[usize::from(strategy)].instrument;
        let (kind, time_in_force) = (OrderKind::Limit, TimeInForce::PostOnly);
        let id = self.orders.reserve_id();
        self.try_submit(
            id,
            OrderRequest { strategy, instrument, side, kind, time_in_force, price, qty, terms: Terms::PLAIN },
        )?;
        self.slots[usize::from(strategy)].quoted[side as usize] = Some(id);
        Ok(())
    }

    fn target(&mut self, strategy: StrategyIx, target: Qty) {
        let open = self.working(strategy);
        let held = self.ledger.position(strategy).qty + open[Side::Buy as usize] - open[Side::Sell as usize];
        let standing = self.standing(strategy, None);
        let lot = standing.instrument.lot_steps();
        let sellable = standing.sellable(&self.gate(strategy).limits);
        // What is beyond every order is refused as such below.
        let target = target.clamp(-2 * MOST, 2 * MOST);
        let short = sellable.is_some() && target < 0;
        let missing = if short { target } else { target - held };
        let side = if missing > 0 { Side::Buy } else { Side::Sell };
        let mut qty = missing.abs() / lot * lot;
        let instrument = standing.instrument;
        if side == Side::Sell && !short {
            qty = qty.min(sellable.unwrap_or(Qty::MAX));
        }
        let best = standing.book.best(side.opposite());
        let worth = best.and_then(|price| instrument.countable_notional(price, qty));
        // A position within the venue's minimum of its target is at its target.
        if !short && (qty == 0 || worth.is_some_and(|worth| worth < instrument.min_notional)) {
            return;
        }
        let request = OrderRequest {
            strategy,
            instrument: self.slots[usize::from(strategy)].instrument,
            side,
            kind: OrderKind::Market,
            time_in_force: TimeInForce::Ioc,
            price: 0,
            qty,
            terms: Terms::PLAIN,
        };
        let id = self.orders.reserve_id();
        if short {
            return self.refuse(request, Refusal::NoShort);
        }
        self.submit(id, request);
    }
}

/// The price itself, or the own best where it would cross; `None` where the book gives no such price.
fn own_touch(book: &Book, side: Side, price: Ticks) -> Option<Ticks> {
    let crosses = book.best(side.opposite()).is_some_and(|best| match side {
        Side::Buy => price >= best,
        Side::Sell => price <= best,
    });
    if crosses { book.best(side) } else { Some(price) }
}
