//! A session as its journal tells it, for those who look on: books, candles, orders and positions, in the engine's own
//! arithmetic, without its decisions.

use std::collections::{BTreeMap, VecDeque};

use crate::book::{Book, Sync};
use crate::engine::Checkpoint;
use crate::event::{Event, Kind};
use crate::instrument::Instrument;
use crate::ledger::{Currencies, Ledger};
use crate::order::{Fill, Order, OrderRequest, Pending, ReportKind};
use crate::record::Decision;
use crate::types::{InstrumentIx, Money, NO_TIME, Nanos, OrderId, Qty, SECOND, Side, Ticks};

/// Orders that ended are kept this long, in orders: a fill may come behind an order's end.
const ENDED_MAX: usize = 8_192;

/// Trades of one instrument within one second of the venue's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondBar {
    /// Of which instrument.
    pub instrument: InstrumentIx,
    /// Where the second begins, in seconds since the epoch.
    pub second: i64,
    /// First price, in ticks.
    pub open: Ticks,
    /// Highest price.
    pub high: Ticks,
    /// Lowest price.
    pub low: Ticks,
    /// Last price.
    pub close: Ticks,
    /// Traded, in steps.
    pub volume: Qty,
}

/// The best of a book: price and quantity of each side, where there is one, and when it last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    /// Best bid and its quantity.
    pub bid: Option<(Ticks, Qty)>,
    /// Best ask and its quantity.
    pub ask: Option<(Ticks, Qty)>,
    /// When the book last changed, [`NO_TIME`] before the first time.
    pub updated: Nanos,
    /// Whether it may be believed.
    pub state: Sync,
}

/// One instrument as it stands.
#[derive(Clone, Debug, Default)]
pub struct Face {
    /// The book.
    pub book: Book,
    /// Price of the last trade.
    pub last: Option<Ticks>,
    /// The venue's mark price, where it tells.
    pub mark: Option<Ticks>,
}

impl Face {
    /// The best of its book.
    pub fn top(&self) -> Top {
        let best = |side| self.book.best(side).map(|price| (price, self.book.qty(side, price)));
        Top { bid: best(Side::Buy), ask: best(Side::Sell), updated: self.book.updated(), state: self.book.state() }
    }

    /// What positions are valued at, doubled: bid + ask, else twice the last price.
    pub fn twice_mark(&self) -> Option<Ticks> {
        match (self.book.best(Side::Buy), self.book.best(Side::Sell)) {
            (Some(bid), Some(ask)) => Some(bid + ask),
            _ => self.last.map(|last| 2 * last),
        }
    }
}

/// What a decision did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The order after it; none for an order that this session did not send.
    pub order: Option<Order>,
    /// Whether a report was new: one told twice, or out of its place, changes nothing.
    pub fits: bool,
    /// What a fill realised, in quote currency.
    pub realised: Money,
    /// What lies ahead of the order on its level then, at most.
    pub ahead: Option<Qty>,
}

/// Follows one session.
pub struct Onlooker {
    ledger: Ledger,
    instruments: Vec<(Instrument, Currencies)>,
    faces: Vec<Face>,
    seconds: Vec<SecondBar>,
    orders: BTreeMap<OrderId, Order>,
    ended: VecDeque<OrderId>,
    /// What lies ahead of each resting order on its level, at most, as far as our view of the market tells.
    ahead: BTreeMap<OrderId, Qty>,
}

impl Onlooker {
    /// Begins with the session's instruments and as many strategies as it has.
    pub fn new(instruments: Vec<Instrument>, strategies: usize) -> Self {
        let mut ledger = Ledger::default();
        let mut currencies = |instrument: &Instrument| {
            let (base, quote) = instrument.base_quote().expect("a checked instrument has an id with base and quote");
            Currencies { base: ledger.currency(base), quote: ledger.currency(quote) }
        };
        let instruments: Vec<_> = instruments
            .into_iter()
            .map(|instrument| {
                let currencies = currencies(&instrument);
                (instrument, currencies)
            })
            .collect();
        (0..strategies).for_each(|_| _ = ledger.add_strategy(false));
        Self {
            ledger,
            faces: vec![Face::default(); instruments.len()],
            instruments,
            seconds: Vec::new(),
            orders: BTreeMap::new(),
            ended: VecDeque::new(),
            ahead: BTreeMap::new(),
        }
    }

    /// The books as a checkpoint says they are.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn checkpoint(&mut self, books: &Checkpoint) -> Result<(), String> {
        books.put_into(&mut self.ledger)
    }

    /// Takes one row of the market; returns the book's state where the row changed it.
    pub fn row(&mut self, instrument: InstrumentIx, row: &Event, now: Nanos) -> Option<Sync> {
        let face = self.faces.get_mut(usize::from(instrument))?;
        let before = face.book.state();
        match row.kind() {
            Kind::Trade => {
                face.last = Some(row.price);
                self.trade(instrument, row);
            }
            Kind::Mark => face.mark = Some(row.price),
            _ => {
                face.book.apply(row, now);
                if matches!(row.kind(), Kind::Delta | Kind::Level) {
                    self.pass(instrument, row.side(), row.price, |ahead| ahead.min(row.qty));
                }
            }
        }
        let after = self.faces[usize::from(instrument)].book.state();
        (after != before).then_some(after)
    }

    fn trade(&mut self, instrument: InstrumentIx, row: &Event) {
        let ts = if row.ts_event == NO_TIME { row.ts_recv } else { row.ts_event };
        let (second, price) = (ts.div_euclid(SECOND), row.price);
        // A trade told late begins a bar of its own: so it does not matter when bars are taken out.
        let newest = self.seconds.iter_mut().rev().find(|bar| bar.instrument == instrument);
        if let Some(bar) = newest.filter(|bar| bar.second == second) {
            (bar.high, bar.low) = (bar.high.max(price), bar.low.min(price));
            bar.close = price;
            bar.volume = bar.volume.saturating_add(row.qty);
        } else {
            let (open, high, low, close) = (price, price, price, price);
            self.seconds.push(SecondBar { instrument, second, open, high, low, close, volume: row.qty });
        }
        // Who sells meets the bids.
        self.pass(instrument, row.side().opposite(), price, |ahead| (ahead - row.qty).max(0));
    }

    /// Changes what lies ahead of our orders on a level.
    fn pass(&mut self, instrument: InstrumentIx, side: Side, price: Ticks, change: impl Fn(Qty) -> Qty) {
        for (id, ahead) in &mut self.ahead {
            let request = &self.orders[id].request;
            if (request.instrument, request.side, request.price) == (instrument, side, price) {
                *ahead = change(*ahead);
            }
        }
    }

    /// Takes one command, report or posting.
    pub fn take(&mut self, decision: &Decision) -> Seen {
        let mut seen = Seen { order: None, fits: true, realised: 0, ahead: None };
        match decision {
            Decision::Submit { ts, order, request } if self.has(request) => {
                self.orders.insert(*order, Order::new(*order, *request, *ts));
            }
            Decision::Cancel { order, .. } => {
                self.change(*order, |order| order.pending = order.pending.with_cancel());
            }
            Decision::Amend { order, price, qty, .. } => {
                self.change(*order, |order| order.pending = Pending::Amend(*price, *qty));
            }
            Decision::Report(report) => {
                let Some(order) = self.orders.get_mut(&report.order) else {
                    return Seen { fits: false, ..seen };
                };
                let (was_final, price) = (order.state.is_final(), order.request.price);
                seen.fits = order.apply(report).is_ok();
                let order = *order;
                if let (true, ReportKind::Filled(fill)) = (seen.fits, report.kind) {
                    seen.realised = self.book(&order.request, &fill);
                }
                self.queue(&order, &report.kind, price);
                if order.state.is_final() && !was_final {
                    self.end(order.id);
                }
            }
            Decision::EarlierFill { order, request, fill, ts } if self.has(request) => {
                seen.order = Some(Order::new(*order, *request, *ts));
                seen.realised = self.book(request, fill);
                return seen;
            }
            // Capital and funding: what no fill explains.
            Decision::Posting { order: 0, transaction, .. } => self.ledger.post(transaction),
            _ => {}
        }
        let id = match decision {
            Decision::Submit { order, .. } | Decision::Cancel { order, .. } | Decision::Amend { order, .. } => *order,
            Decision::Report(report) => report.order,
            _ => 0,
        };
        (seen.order, seen.ahead) = (self.orders.get(&id).copied(), self.queue_ahead(id));
        seen
    }

    /// Whether instrument and strategy are of this session.
    pub fn has(&self, request: &OrderRequest) -> bool {
        let strategies = self.ledger.balances().len().saturating_sub(1);
        usize::from(request.instrument) < self.instruments.len() && usize::from(request.strategy) < strategies
    }

    /// Books an execution; returns what it realised.
    fn book(&mut self, request: &OrderRequest, fill: &Fill) -> Money {
        let (instrument, currencies) = &self.instruments[usize::from(request.instrument)];
        let before = self.ledger.position(request.strategy).realised;
        self.ledger.fill(request.strategy, instrument, *currencies, request.side, fill);
        self.ledger.position(request.strategy).realised - before
    }

    fn change(&mut self, order: OrderId, change: impl FnOnce(&mut Order)) {
        if let Some(order) = self.orders.get_mut(&order) {
            change(order);
        }
    }

    /// Keeps what lies ahead of an order: all of its level when it joins it, nothing once it was reached.
    fn queue(&mut self, order: &Order, what: &ReportKind, price_before: Ticks) {
        let request = &order.request;
        let level = self.faces[usize::from(request.instrument)].book.qty(request.side, request.price);
        match what {
            ReportKind::Accepted { .. } if order.waits() => {}
            ReportKind::Accepted { queue_ahead } | ReportKind::Triggered { queue_ahead } => {
                self.ahead.insert(order.id, if *queue_ahead >= 0 { *queue_ahead } else { level });
            }
            ReportKind::Amended { .. } if request.price != price_before => {
                self.ahead.insert(order.id, level);
            }
            ReportKind::Filled(_) if !order.state.is_final() => {
                self.ahead.insert(order.id, 0);
            }
            _ => {}
        }
        if order.state.is_final() {
            self.ahead.remove(&order.id);
        }
    }

    fn end(&mut self, order: OrderId) {
        self.ended.push_back(order);
        if self.ended.len() > ENDED_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.orders.remove(&oldest);
        }
    }

    /// The trades since the last call, by instrument and second, in the order they began.
    pub fn drain_seconds(&mut self) -> Vec<SecondBar> {
        std::mem::take(&mut self.seconds)
    }

    /// An instrument as it stands.
    pub fn face(&self, instrument: InstrumentIx) -> &Face {
        &self.faces[usize::from(instrument)]
    }

    /// What lies ahead of an order on its level, at most; `None` where that is not known.
    pub fn queue_ahead(&self, order: OrderId) -> Option<Qty> {
        self.ahead.get(&order).copied()
    }

    /// Orders that rest or may rest, oldest first.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(|order| !order.state.is_final())
    }

    /// An instrument's definition.
    pub fn instrument(&self, instrument: InstrumentIx) -> &Instrument {
        &self.instruments[usize::from(instrument)].0
    }

    /// Balances and positions.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

#[cfg(test)]
mod tests;
