//! Where participants meet: the book, what they can see of the market, and what of it the feed shows.

use super::feed::Feed;
use super::order_book::{BookOrderId, Changes, Fill, NewOrder, OrderBook, Outcome};
use super::params::SizeParams;
use crate::instrument::{Instrument, money_to_f64};
use crate::random::Stream;
use crate::types::{Nanos, OrderKind, Qty, Side, Ticks, TimeInForce};

/// Owners' tags up to this one belong to the market's own participants.
pub const LAST_OWN_TAG: u32 = 15;

/// A fill in which somebody from outside took part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignFill {
    /// When.
    pub ts: Nanos,
    /// Which of the [`crate::event::Kind::Trade`] rows since the start it is, counted from 1.
    pub trade: u64,
    /// Who met whom.
    pub fill: Fill,
}

/// Kinds of participants: their owner's tag, and the number of their stream of random draws.
pub(super) mod tag {
    pub(crate) const VALUE: u32 = 0;
    pub(crate) const LADDER: u32 = 1;
    pub(crate) const TOUCH: u32 = 2;
    pub(crate) const TAKERS: u32 = 3;
    pub(crate) const INFORMED: u32 = 4;
    pub(crate) const NEAR: u32 = 5;
    pub(crate) const FAR: u32 = 6;
    pub(crate) const PREMIUM: u32 = 7;
    pub(crate) const WITHDRAWAL: u32 = 8;
    /// Added to a kind's tag for the stream that decides on its cancellations.
    pub(crate) const CANCELLING: u32 = 16;
}

/// Somebody who acts at moments of its own choosing.
pub(super) trait Participant {
    /// When it acts next.
    fn due(&self) -> Nanos;
    /// Acts, and chooses its next moment.
    fn act(&mut self, floor: &mut Floor);
    /// Called after each act of anybody that leaves the spread above one tick.
    fn see_gap(&mut self, _floor: &Floor) {}
}

/// What a seeded market's instrument makes of prices and sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Quantity steps in a lot.
    lot: Qty,
    /// Quote units in a lot at the start value.
    lot_value: f64,
    /// The least order, in lots.
    least_lots: Qty,
}

impl Scale {
    pub(super) fn new(instrument: &Instrument, start: f64) -> Self {
        let lot = instrument.lot_steps();
        let lot_value = instrument.qty_to_f64(lot) * instrument.contract_multiplier.times(1.0) * start;
        let least = libm::ceil(money_to_f64(instrument.min_notional) / lot_value);
        Self { lot, lot_value, least_lots: (least as Qty).max(1) }
    }

    /// A size drawn from its distribution, in quantity steps.
    pub(super) fn draw(self, size: &SizeParams, stream: &mut Stream) -> Qty {
        if size.least_share > 0.0 && stream.uniform() < size.least_share {
            return self.least_lots * self.lot;
        }
        self.quantity(size.median * libm::exp(size.log_sd * stream.normal()), size.largest)
    }

    /// Quantity steps of a notional in quote units, between the least order and `largest`.
    pub(super) fn quantity(self, notional: f64, largest: f64) -> Qty {
        let lots = libm::round(notional.min(largest) / self.lot_value) as Qty;
        lots.max(self.least_lots) * self.lot
    }
}

/// The market as it stands at `now`.
pub(super) struct Floor {
    pub(super) now: Nanos,
    pub(super) book: OrderBook,
    pub(super) feed: Feed,
    pub(super) scale: Scale,
    /// The value, in ticks.
    pub(super) value: f64,
    /// Volatility over its mean.
    pub(super) volatility: f64,
    /// Basis points of mispricing in one unit of pressure.
    pressure_bp: f64,
    changes: Changes,
    /// Fills of orders that are not the market's own.
    pub(super) foreign_fills: Vec<ForeignFill>,
}

impl Floor {
    pub(super) fn new(feed: Feed, scale: Scale, value: f64, pressure_bp: f64) -> Self {
        Self {
            now: 0,
            book: OrderBook::new(),
            feed,
            scale,
            value,
            volatility: 1.0,
            pressure_bp,
            changes: Changes::default(),
            foreign_fills: Vec::new(),
        }
    }

    /// Ticks in one basis point of the value.
    #[inline]
    pub(super) fn bp(&self) -> f64 {
        self.value * 1e-4
    }

    /// Best price of a side; the value stands in for a side without orders.
    #[inline]
    pub(super) fn touch(&self, side: Side) -> Ticks {
        self.book.best(side).map_or_else(|| libm::floor(self.value) as Ticks + side as Ticks, |(price, _)| price)
    }

    #[inline]
    pub(super) fn mid(&self) -> f64 {
        let sum = (self.touch(Side::Buy) + self.touch(Side::Sell)) as f64;
        0.5 * sum
    }

    /// The side whose best price the value has moved through, and how far in units of pressure (0: neither).
    #[inline]
    pub(super) fn pressure(&self) -> (Side, f64) {
        let (bid, ask) = (self.touch(Side::Buy) as f64, self.touch(Side::Sell) as f64);
        let unit = self.bp() * self.pressure_bp;
        if self.value > ask {
            (Side::Sell, (self.value - ask) / unit)
        } else {
            (Side::Buy, (bid - self.value).max(0.0) / unit)
        }
    }

    /// The share of bids among orders for the touch: the side that the value is moving through is joined by few.
    #[inline]
    pub(super) fn bid_share(&self) -> f64 {
        let mispricing = (self.value - self.mid()) / (self.bp() * self.pressure_bp);
        1.0 / (1.0 + libm::exp(-2.0 * mispricing.clamp(-3.0, 3.0)))
    }

    /// `price` moved `ticks` away from the touch, never below one tick.
    #[inline]
    pub(super) fn away(side: Side, price: f64, ticks: f64) -> Ticks {
        let to = if side == Side::Buy { libm::floor(price - ticks) } else { libm::ceil(price + ticks) };
        (to as Ticks).max(1)
    }

    /// Rests an order without taking: a price that would cross moves to one tick from the other side.
    pub(super) fn rest(&mut self, owner: u32, side: Side, price: Ticks, qty: Qty) -> BookOrderId {
        let price = match self.book.best(side.opposite()) {
            Some((other, _)) if side == Side::Buy => price.min(other - 1),
            Some((other, _)) => price.max(other + 1),
            None => price,
        };
        let (kind, time_in_force) = (OrderKind::Limit, TimeInForce::PostOnly);
        self.submit(NewOrder { owner, side, kind, time_in_force, price: price.max(1), qty }).id
    }

    pub(super) fn submit(&mut self, order: NewOrder) -> Outcome {
        self.act(|book, changes| book.submit(order, changes))
    }

    pub(super) fn cancel(&mut self, id: BookOrderId) {
        self.act(|book, changes| book.cancel(id, changes));
    }

    /// One message to the book, and what the feed shows of it.
    pub(super) fn act<R>(&mut self, message: impl FnOnce(&mut OrderBook, &mut Changes) -> R) -> R {
        self.changes.clear();
        let result = message(&mut self.book, &mut self.changes);
        for (trade, fill) in (self.feed.trades + 1..).zip(&self.changes.fills) {
            if fill.maker_owner.max(fill.taker_owner) > LAST_OWN_TAG {
                self.foreign_fills.push(ForeignFill { ts: self.now, trade, fill: *fill });
            }
        }
        self.feed.show(self.now, &self.book, &self.changes);
        result
    }
}

/// `seconds` as nanoseconds: at least one, so that time moves on; at most thirty years, so that it does not overflow.
#[inline]
pub(super) fn nanos(seconds: f64) -> Nanos {
    ((seconds * 1e9).min(1e18) as Nanos).max(1)
}
