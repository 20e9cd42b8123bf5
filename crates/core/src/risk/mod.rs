//! The risk gate: the only maker of an [`Approved`] order, and only an approved one can be sent.

mod terms;

use crate::book::{Book, Sync};
use crate::instrument::{Instrument, RATE_SCALE};
use crate::ledger::Position;
use crate::order::{Exposure, Order, OrderRequest, Pending, SentOrder, Terms};
use crate::types::{Money, NO_TIME, Nanos, OrderKind, Qty, SECOND, Side, Ticks};

/// The largest price or quantity an order may have, in ticks or steps: sums and products of several stay countable.
pub const MOST: i64 = 1 << 53;

/// Why an order was refused. The codes and names are stable: journals and reports carry them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Refusal {
    /// Trading is halted.
    Halted = 0,
    /// The book is not in sync.
    BookNotInSync = 1,
    /// The book has not moved for longer than allowed.
    StaleBook = 2,
    /// The quantity is not above zero, or above [`MOST`].
    BadQuantity = 3,
    /// The quantity is not a whole number of lots.
    OffLot = 4,
    /// The price is not above zero, or above [`MOST`].
    BadPrice = 5,
    /// The notional is below the instrument's least.
    BelowMinNotional = 6,
    /// Larger than one order may be.
    OrderSize = 7,
    /// Notional larger than one order may have.
    OrderNotional = 8,
    /// With everything open filled, the position would be too large.
    Position = 9,
    /// With everything open filled, the position's notional would be too large.
    PositionNotional = 10,
    /// The price is too far from the book.
    PriceBand = 11,
    /// Too many orders within a second.
    OrderRate = 12,
    /// Spot cannot be sold short, and the limits may forbid it elsewhere.
    NoShort = 13,
    /// The account does not hold enough.
    InsufficientBalance = 14,
    /// The day's loss is at its limit; only what reduces the position may pass.
    DailyLoss = 15,
    /// The venue's client sends no orders with such terms.
    Unsupported = 16,
    /// The trigger's level or rate is missing or not countable.
    BadTrigger = 17,
    /// The part to be shown is not whole lots, larger than the order, or of an order that does not rest.
    BadDisplay = 18,
    /// The order would be over before it is sent, or has an end without resting.
    TimeOver = 19,
    /// There is no position to reduce; spot has none.
    ReduceOnly = 20,
    /// Another order of its group was refused.
    Group = 21,
    /// Less or more than the venue takes in one order.
    QuantityFilter = 22,
}

impl Refusal {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 23] = [
        Self::Halted,
        Self::BookNotInSync,
        Self::StaleBook,
        Self::BadQuantity,
        Self::OffLot,
        Self::BadPrice,
        Self::BelowMinNotional,
        Self::OrderSize,
        Self::OrderNotional,
        Self::Position,
        Self::PositionNotional,
        Self::PriceBand,
        Self::OrderRate,
        Self::NoShort,
        Self::InsufficientBalance,
        Self::DailyLoss,
        Self::Unsupported,
        Self::BadTrigger,
        Self::BadDisplay,
        Self::TimeOver,
        Self::ReduceOnly,
        Self::Group,
        Self::QuantityFilter,
    ];

    /// The name users meet.
    pub fn name(self) -> &'static str {
        [
            "halted",
            "book_not_in_sync",
            "stale_book",
            "bad_quantity",
            "off_lot",
            "bad_price",
            "below_min_notional",
            "order_size",
            "order_notional",
            "position",
            "position_notional",
            "price_band",
            "order_rate",
            "no_short",
            "insufficient_balance",
            "daily_loss",
            "unsupported",
            "bad_trigger",
            "bad_display",
            "time_over",
            "reduce_only",
            "group",
            "quantity_filter",
        ][self as usize]
    }
}

/// The bounds of one strategy. `None` is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest quantity of one order, in steps.
    pub order_size: Option<Qty>,
    /// Largest position either way, in steps.
    pub position: Option<Qty>,
    /// Largest notional of one order, in quote currency.
    pub order_notional: Option<Money>,
    /// Largest notional of the position either way, in quote currency.
    pub position_notional: Option<Money>,
    /// How far a limit price may lie on the aggressive side of the opposite best, in 10⁻⁹ of it.
    pub price_band: Option<i128>,
    /// New orders and amendments within any second.
    pub orders_per_second: Option<u32>,
    /// How long a book may stand still.
    pub stale_after: Option<Nanos>,
    /// Loss since midnight UTC, in quote currency.
    pub daily_loss: Option<Money>,
    /// Notional of positions per unit of the account's equity (perpetuals), in 10⁻⁹.
    pub leverage: i128,
    /// Whether a strategy may sell what it does not hold: on spot what the account holds beside it, else short.
    pub short: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            order_size: None,
            position: None,
            order_notional: None,
            position_notional: None,
            price_band: None,
            orders_per_second: None,
            stale_after: None,
            daily_loss: None,
            leverage: RATE_SCALE,
            short: true,
        }
    }
}

/// What the gate looks at besides the request: the strategy's state at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The engine's time.
    pub now: Nanos,
    /// Whether the trader or the strategy is halted.
    pub halted: bool,
    /// What is traded.
    pub instrument: &'a Instrument,
    /// As we see it.
    pub book: &'a Book,
    /// Held, in steps.
    pub position: Qty,
    /// Open orders, in steps; for an amendment, without the order amended.
    pub exposure: Exposure,
    /// What a buy may spend (spot) or the account's equity (perpetual), in quote currency.
    pub quote_available: Money,
    /// Notional of the account's other perpetual positions, in quote currency.
    pub notional_elsewhere: Money,
    /// What a spot sell may deliver, in steps.
    pub base_available: Qty,
    /// The account's equity and the notional of its other positions on margin, where a spot sell may borrow.
    pub lent: Option<(Money, Money)>,
    /// Made since midnight UTC, negative for a loss, in quote currency.
    pub day_pnl: Money,
}

impl Standing<'_> {
    /// What the strategy holds and no open sell of its has spoken for, in steps.
    fn unsold(&self) -> Qty {
        (self.position - self.exposure.open[Side::Sell as usize]).max(0)
    }

    /// The most that may be sold under these limits, in whole lots; `None` where only margin bounds it.
    pub fn sellable(&self, limits: &Limits) -> Option<Qty> {
        let bound = !Position::may_be_short(self.instrument) && self.lent.is_none();
        let of_account = bound.then_some(self.base_available.max(0));
        let of_strategy = (!limits.short).then(|| self.unsold());
        let lot = self.instrument.lot_steps();
        of_account.into_iter().chain(of_strategy).min().map(|qty| qty / lot * lot)
    }
}

/// A request the gate let through. Cannot be made elsewhere, so nothing else can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approved {
    action: Action,
}

/// What was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A new order.
    Submit(SentOrder),
    /// A new price and whole quantity of an order.
    Amend {
        /// Which.
        order: u64,
        /// In ticks.
        price: Ticks,
        /// In steps.
        qty: Qty,
    },
}

impl Approved {
    /// What was approved.
    pub fn action(&self) -> &Action {
        &self.action
    }
}

/// The gate of one strategy: its limits, and when its last orders went.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// The bounds in force.
    pub limits: Limits,
    /// Whether only plain orders may pass: what takes them knows no others.
    pub plain_only: bool,
    /// Times of the last orders, a ring as long as the rate allows.
    sent: Vec<Nanos>,
    oldest: usize,
}

impl Gate {
    /// A gate with these bounds.
    pub fn new(limits: Limits) -> Self {
        let ring = limits.orders_per_second.map_or(0, |n| n as usize);
        Self { limits, plain_only: false, sent: vec![NO_TIME; ring], oldest: 0 }
    }

    /// Approves a new order. What is sent of it is to be [counted](Gate::count).
    ///
    /// # Errors
    /// The first bound it breaks, in the order of [`Gate::check`].
    pub fn submit(&self, order: SentOrder, standing: &Standing<'_>) -> Result<Approved, Refusal> {
        self.check(&order.request, standing)?;
        Ok(Approved { action: Action::Submit(order) })
    }

    /// Approves an amendment, checked and to be counted as if it were a new order for what is left.
    ///
    /// # Errors
    /// The first bound it breaks, in the order of [`Gate::check`].
    pub fn amend(&self, order: &Order, price: Ticks, qty: Qty, standing: &Standing<'_>) -> Result<Approved, Refusal> {
        let qty_left = qty.saturating_sub(order.filled);
        let terms = Terms { display: order.request.terms.display.min(qty_left), ..order.request.terms };
        let request = OrderRequest { price, qty: qty_left, terms, ..order.request };
        self.check(&request, standing)?;
        let amended = Order { pending: Pending::Amend(price, qty), ..*order };
        let pays = request.side == Side::Buy && !Position::may_be_short(standing.instrument);
        if pays && amended.reserved_cost(standing.instrument, price) > standing.quote_available {
            return Err(Refusal::InsufficientBalance);
        }
        Ok(Approved { action: Action::Amend { order: order.id, price, qty } })
    }

    /// Whether a request would pass, without counting it: state, then form, then size, then account.
    ///
    /// # Errors
    /// The first bound it breaks.
    pub fn check(&self, request: &OrderRequest, standing: &Standing<'_>) -> Result<(), Refusal> {
        self.check_state(standing)?;
        let price = check_form(request, standing)?;
        if !request.terms.is_plain() {
            self.check_terms(request, standing)?;
        }
        self.check_size(request, price, standing)?;
        self.check_account(request, price, standing)
    }

    fn check_state(&self, standing: &Standing<'_>) -> Result<(), Refusal> {
        if standing.halted {
            return Err(Refusal::Halted);
        }
        if standing.book.state() != Sync::InSync {
            return Err(Refusal::BookNotInSync);
        }
        if self.limits.stale_after.is_some_and(|after| standing.now - standing.book.updated() > after) {
            return Err(Refusal::StaleBook);
        }
        self.check_rate(standing.now, 1)
    }

    /// Whether so many orders may be sent at once.
    ///
    /// # Errors
    /// [`Refusal::OrderRate`].
    pub fn check_rate(&self, now: Nanos, orders: usize) -> Result<(), Refusal> {
        let ring = self.sent.len();
        if ring == 0 {
            return if self.limits.orders_per_second == Some(0) { Err(Refusal::OrderRate) } else { Ok(()) };
        }
        let last = self.sent[(self.oldest + orders - 1) % ring];
        if orders > ring || now.saturating_sub(last) < SECOND { Err(Refusal::OrderRate) } else { Ok(()) }
    }

    #[cold]
    fn check_terms(&self, request: &OrderRequest, standing: &Standing<'_>) -> Result<(), Refusal> {
        if self.plain_only {
            return Err(Refusal::Unsupported);
        }
        terms::check(request, standing)
    }

    fn check_size(&self, request: &OrderRequest, price: Ticks, standing: &Standing<'_>) -> Result<(), Refusal> {
        let limits = &self.limits;
        let beyond = |most: Money, qty: Qty| {
            standing.instrument.countable_notional(price, qty).is_none_or(|notional| notional > most)
        };
        let worst = worst_position(request, standing);
        let reduces = worst.abs() <= standing.position.abs() && worst.signum() * standing.position.signum() >= 0;
        if limits.order_size.is_some_and(|most| request.qty > most) {
            return Err(Refusal::OrderSize);
        }
        if limits.order_notional.is_some_and(|most| beyond(most, request.qty)) {
            return Err(Refusal::OrderNotional);
        }
        if !reduces && limits.position.is_some_and(|most| worst.abs() > most) {
            return Err(Refusal::Position);
        }
        if !reduces && limits.position_notional.is_some_and(|most| beyond(most, worst.abs())) {
            return Err(Refusal::PositionNotional);
        }
        if !reduces && limits.daily_loss.is_some_and(|most| standing.day_pnl <= -most) {
            return Err(Refusal::DailyLoss);
        }
        if request.kind == OrderKind::Limit && self.outside_band(request, standing) {
            return Err(Refusal::PriceBand);
        }
        Ok(())
    }

    fn outside_band(&self, request: &OrderRequest, standing: &Standing<'_>) -> bool {
        let level = (request.terms.level > 0).then_some(request.terms.level);
        // What waits for a level meets the market there.
        let market = level.or_else(|| standing.book.best(request.side.opposite()));
        let (Some(band), Some(best)) = (self.limits.price_band, market) else {
            return false;
        };
        let beyond = i128::from((request.price - best) * request.side.sign());
        beyond * RATE_SCALE > i128::from(best) * band
    }

    fn check_account(&self, request: &OrderRequest, price: Ticks, standing: &Standing<'_>) -> Result<(), Refusal> {
        let instrument = standing.instrument;
        let may_go_short = request.side == Side::Sell && !request.terms.reduce_only;
        if !self.limits.short && may_go_short && request.qty > standing.unsold() {
            return Err(Refusal::NoShort);
        }
        if Position::may_be_short(instrument) {
            let worst = worst_position(request, standing).abs();
            let behind = (standing.quote_available, standing.notional_elsewhere);
            let adds = worst > standing.position.abs();
            return if adds && !self.fits(instrument, price, worst, behind) {
                Err(Refusal::InsufficientBalance)
            } else {
                Ok(())
            };
        }
        if let (Side::Sell, Some(behind)) = (request.side, standing.lent)
            && request.qty > standing.base_available
        {
            let short = worst_position(request, standing).min(0).abs();
            let fits = self.fits(instrument, price, short, behind);
            return if fits { Ok(()) } else { Err(Refusal::InsufficientBalance) };
        }
        match request.side {
            Side::Buy if instrument.notional(price, request.qty) > standing.quote_available => {
                Err(Refusal::InsufficientBalance)
            }
            Side::Sell if standing.base_available <= 0 => Err(Refusal::NoShort),
            Side::Sell if request.qty > standing.base_available => Err(Refusal::InsufficientBalance),
            _ => Ok(()),
        }
    }

    /// Whether a position of this size at a price may stand on (equity, notional elsewhere): within the strategy's
    /// leverage, and within what the venue's tier of that size allows.
    fn fits(&self, instrument: &Instrument, price: Ticks, size: Qty, behind: (Money, Money)) -> bool {
        if instrument.countable_notional(price, size).is_none() {
            return false;
        }
        let notional = instrument.settled(price, size);
        let mut leverage = self.limits.leverage;
        if !instrument.margin_tiers.is_empty() {
            leverage = leverage.min(i128::from(instrument.margin_tiers.of(notional).leverage) * RATE_SCALE);
        }
        let (needed, equity) = (notional + behind.1, behind.0.max(0));
        // A division of 128 bits is dear, and mostly the equity is enough by itself.
        leverage >= RATE_SCALE && needed <= equity - RATE_SCALE || needed <= equity / RATE_SCALE * leverage
    }

    /// Counts what was sent.
    pub fn count(&mut self, now: Nanos) {
        if !self.sent.is_empty() {
            self.sent[self.oldest] = now;
            self.oldest = (self.oldest + 1) % self.sent.len();
        }
    }
}

/// Position if this order and everything open on its side filled, and nothing on the other.
fn worst_position(request: &OrderRequest, standing: &Standing<'_>) -> Qty {
    if request.terms.reduce_only {
        return standing.position;
    }
    standing.position + request.side.sign() * (standing.exposure.open[request.side as usize] + request.qty)
}

/// Checks the request's form and returns the price it is valued at: its own, or the opposite best of a market order, or
/// its trigger where that is higher.
fn check_form(request: &OrderRequest, standing: &Standing<'_>) -> Result<Ticks, Refusal> {
    if request.qty <= 0 || request.qty > MOST {
        return Err(Refusal::BadQuantity);
    }
    if request.qty % standing.instrument.lot_steps() != 0 {
        return Err(Refusal::OffLot);
    }
    let price = match request.kind {
        OrderKind::Limit => request.price,
        OrderKind::Market => {
            let best = standing.book.best(request.side.opposite()).ok_or(Refusal::BookNotInSync)?;
            best.max(request.terms.level)
        }
    };
    if price <= 0 || price > MOST {
        return Err(Refusal::BadPrice);
    }
    let (least, most) = (standing.instrument.least_quantity(), standing.instrument.most_quantity());
    if least.is_some_and(|least| request.qty < least) || most.is_some_and(|most| request.qty > most) {
        return Err(Refusal::QuantityFilter);
    }
    match standing.instrument.countable_notional(price, request.qty) {
        None => Err(Refusal::OrderNotional),
        // As on Binance, what only closes may be as small as what there is to close.
        Some(notional) if notional < standing.instrument.min_notional && !request.terms.reduce_only => {
            Err(Refusal::BelowMinNotional)
        }
        Some(_) => Ok(price),
    }
}

#[cfg(test)]
mod tests;
