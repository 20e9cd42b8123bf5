//! Orders: what is asked for, the one lifecycle, and what the venue says about it.

mod account;
mod reason;
mod table;
mod terms;

pub use account::AccountEvent;
pub use reason::Reason;
pub use table::{Exposure, OrderTable};
pub use terms::{BASIS_POINTS, SelfTrade, Terms, Trigger, TriggerBy};

use crate::instrument::Instrument;
use crate::types::{
    InstrumentIx, Liquidity, Money, NO_TIME, Nanos, OrderId, OrderKind, Qty, Side, StrategyIx, Ticks, TimeInForce,
};

/// What a strategy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    /// Who asks.
    pub strategy: StrategyIx,
    /// For what.
    pub instrument: InstrumentIx,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// How long, and whether it may take.
    pub time_in_force: TimeInForce,
    /// In ticks; 0 for a market order.
    pub price: Ticks,
    /// In quantity steps.
    pub qty: Qty,
    /// What it asks for beyond that.
    pub terms: Terms,
}

/// An order as a venue is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentOrder {
    /// Ours, never reused.
    pub id: OrderId,
    /// What is asked for.
    pub request: OrderRequest,
}

/// Where an order is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OrderState {
    /// Decided, not yet sent.
    Intent = 0,
    /// Sent; the venue has not answered.
    Submitted = 1,
    /// Rests at the venue.
    Accepted = 2,
    /// Rests, partly filled.
    PartiallyFilled = 3,
    /// Done, whole.
    Filled = 4,
    /// Done, on our wish.
    Canceled = 5,
    /// Never taken by the venue.
    Rejected = 6,
    /// Done, by its time in force.
    Expired = 7,
    /// The venue did not answer: the order may or may not be there, and its exposure stays reserved.
    Unknown = 8,
}

impl OrderState {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Intent,
        Self::Submitted,
        Self::Accepted,
        Self::PartiallyFilled,
        Self::Filled,
        Self::Canceled,
        Self::Rejected,
        Self::Expired,
        Self::Unknown,
    ];

    /// Whether nothing more can happen to the order.
    #[inline]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Canceled | Self::Rejected | Self::Expired)
    }

    /// The name users meet.
    pub fn name(self) -> &'static str {
        ["intent", "submitted", "accepted", "partially_filled", "filled", "canceled", "rejected", "expired", "unknown"]
            [self as usize]
    }
}

/// A request about an order that the venue has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Nothing is under way.
    None,
    /// A cancel.
    Cancel,
    /// An amendment to this price and quantity.
    Amend(Ticks, Qty),
    /// A cancel, behind an amendment that is not answered either.
    CancelAmended(Ticks, Qty),
}

impl Pending {
    /// With a cancel sent as well.
    #[must_use]
    pub fn with_cancel(self) -> Self {
        match self {
            Self::Amend(price, qty) | Self::CancelAmended(price, qty) => Self::CancelAmended(price, qty),
            Self::None | Self::Cancel => Self::Cancel,
        }
    }

    /// Whether a cancel is under way.
    #[inline]
    pub fn is_cancel(self) -> bool {
        matches!(self, Self::Cancel | Self::CancelAmended(..))
    }

    fn without_amend(self) -> Self {
        if self.is_cancel() { Self::Cancel } else { Self::None }
    }

    fn without_cancel(self) -> Self {
        match self {
            Self::CancelAmended(price, qty) => Self::Amend(price, qty),
            Self::Cancel => Self::None,
            other => other,
        }
    }
}

/// One order of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Ours, never reused.
    pub id: OrderId,
    /// What was asked for; an amendment changes price and quantity.
    pub request: OrderRequest,
    /// Where it is in its life.
    pub state: OrderState,
    /// What is under way.
    pub pending: Pending,
    /// Executed, in steps.
    pub filled: Qty,
    /// When it was decided.
    pub created: Nanos,
    /// When it last changed.
    pub updated: Nanos,
    /// The last trade applied to it: a trade told twice counts once.
    pub last_trade: u64,
    /// Quantity ahead in the queue when it came to rest, in steps; −1 if it never rested or the venue did not tell.
    pub queue_ahead: Qty,
    /// Why it was rejected or expired.
    pub reason: Reason,
    /// Whether its trigger was pulled.
    pub triggered: bool,
}

/// An execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The venue's number of the trade, rising per instrument.
    pub trade: u64,
    /// In ticks.
    pub price: Ticks,
    /// In steps.
    pub qty: Qty,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// What the venue charged: of base currency for a spot buy, else of quote (settlement) currency.
    pub fee: Money,
    /// Quantity still ahead in the queue just before what filled it, in steps; −1 for a taker, or where the venue does
    /// not tell.
    pub queue_ahead: Qty,
    /// Bid + ask in ticks of the venue's book just before, twice the price where a side of it was empty; 0 where the
    /// venue does not tell.
    pub twice_mid: Ticks,
}

impl Fill {
    /// Whether the venue told where in its queue the order stood and where its mid was: a simulated one does.
    pub fn is_placed(&self) -> bool {
        (self.queue_ahead, self.twice_mid) != (-1, 0)
    }
}

/// What a venue says about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// It is taken. The quantity ahead of it, in steps, where it rests and the venue tells; else −1.
    Accepted {
        /// See above.
        queue_ahead: Qty,
    },
    /// It is refused.
    Rejected(Reason),
    /// It executed.
    Filled(Fill),
    /// It is gone on our wish.
    Canceled,
    /// It is gone by its time in force.
    Expired(Reason),
    /// It stays as it is: the cancel is refused.
    CancelRejected(Reason),
    /// It has a new price and whole quantity.
    Amended {
        /// In ticks.
        price: Ticks,
        /// In steps.
        qty: Qty,
    },
    /// It stays as it is: the amendment is refused.
    AmendRejected(Reason),
    /// Nobody knows: no answer in time.
    Unknown,
    /// The price it waited for came: from now on it is a limit or market order. The quantity ahead as for
    /// [`ReportKind::Accepted`].
    Triggered {
        /// See above.
        queue_ahead: Qty,
    },
    /// Not about an order, whose id is 0: the venue did something to an account.
    Account(AccountEvent),
}

/// One report, as it reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which order.
    pub order: OrderId,
    /// The venue's time.
    pub ts_venue: Nanos,
    /// Ours.
    pub ts_recv: Nanos,
    /// What it says.
    pub kind: ReportKind,
}

/// A report that does not fit the order's life. The order is left as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifecycleError {
    /// The order ended before.
    AlreadyFinal,
    /// The trade was applied before.
    DuplicateTrade,
    /// More than the order asked for.
    Overfilled,
}

impl Order {
    /// A decided order, not yet sent.
    pub fn new(id: OrderId, request: OrderRequest, created: Nanos) -> Self {
        Self {
            id,
            request,
            state: OrderState::Intent,
            pending: Pending::None,
            filled: 0,
            created,
            updated: created,
            last_trade: 0,
            queue_ahead: -1,
            reason: Reason::None,
            triggered: false,
        }
    }

    /// What is still to execute, in steps.
    #[inline]
    pub fn leaves(&self) -> Qty {
        self.request.qty - self.filled
    }

    /// Whether it waits for its trigger.
    #[inline]
    pub fn waits(&self) -> bool {
        self.request.terms.is_conditional() && !self.triggered
    }

    /// What it could cost or deliver, to be compared within its group: prices in ticks count where they are known.
    pub fn weight(&self) -> i128 {
        let price =
            if self.request.side == Side::Buy { self.request.price.max(self.request.terms.level).max(1) } else { 1 };
        i128::from(self.reserved()) * i128::from(price)
    }

    /// Whether it is the other order, or of one group with it.
    pub fn is_mate(&self, other: &Self) -> bool {
        let group = |order: &Self| (order.request.strategy, order.request.terms.group);
        self.id == other.id || self.request.terms.group != 0 && group(self) == group(other)
    }

    /// What could still add to a position, in steps: the larger quantity while an amendment is under way, nothing once
    /// it ended or where it only reduces.
    #[inline]
    pub fn reserved(&self) -> Qty {
        match self.pending {
            _ if self.state.is_final() || self.request.terms.reduce_only => 0,
            Pending::Amend(_, qty) | Pending::CancelAmended(_, qty) => qty.max(self.request.qty) - self.filled,
            Pending::None | Pending::Cancel => self.leaves(),
        }
    }

    /// The most that what is left of a buy could cost, in quote currency; a market order is valued at `market` ticks,
    /// or at its trigger where that is higher.
    ///
    /// While an amendment is under way, some of it may execute on the old terms and the rest on the new ones.
    pub fn reserved_cost(&self, instrument: &Instrument, market: Ticks) -> Money {
        let (old, left) = (self.request.price, self.leaves());
        match self.pending {
            _ if self.request.kind == OrderKind::Market => {
                instrument.notional(market.max(self.request.terms.level), left)
            }
            Pending::Amend(new, qty) | Pending::CancelAmended(new, qty) => {
                let amended = (qty - self.filled).max(0);
                let rest = if left > amended { old } else { new };
                instrument.notional(old.max(new), left.min(amended)) + instrument.notional(rest, (left - amended).abs())
            }
            Pending::None | Pending::Cancel => instrument.notional(old, left),
        }
    }

    /// Whether a cancel makes sense: it rests and nothing is under way.
    #[inline]
    pub fn is_cancellable(&self) -> bool {
        matches!(self.state, OrderState::Accepted | OrderState::PartiallyFilled) && self.pending == Pending::None
    }

    /// Takes a report into the order's life.
    ///
    /// Reports may come late or twice: an order that was *unknown* is known again by whatever the venue says, a fill
    /// counts even after a cancel was asked for, and a trade told twice counts once.
    ///
    /// # Errors
    /// [`LifecycleError`]; the order is unchanged.
    pub fn apply(&mut self, report: &Report) -> Result<(), LifecycleError> {
        use OrderState as S;
        // A fill that overtook the news of the order's end is still a fill, if there is room for it.
        let late_fill = matches!(report.kind, ReportKind::Filled(_)) && matches!(self.state, S::Canceled | S::Expired);
        if self.state.is_final() && !late_fill {
            return Err(LifecycleError::AlreadyFinal);
        }
        match report.kind {
            ReportKind::Accepted { queue_ahead } => {
                self.queue_ahead = self.queue_ahead.max(queue_ahead);
                self.state = self.resting_state();
            }
            ReportKind::Filled(fill) => {
                self.fill(&fill)?;
                if !late_fill || self.leaves() == 0 {
                    self.state = if self.leaves() == 0 { S::Filled } else { S::PartiallyFilled };
                }
            }
            ReportKind::Rejected(reason) => self.end(S::Rejected, reason),
            ReportKind::Expired(reason) => self.end(S::Expired, reason),
            ReportKind::Canceled => self.end(S::Canceled, Reason::None),
            ReportKind::CancelRejected(_) => self.pending = self.pending.without_cancel(),
            ReportKind::AmendRejected(_) => self.pending = self.pending.without_amend(),
            ReportKind::Amended { price, qty } => {
                if qty <= self.filled {
                    return Err(LifecycleError::Overfilled);
                }
                self.request.price = price;
                self.request.qty = qty;
                self.pending = self.pending.without_amend();
                self.state = self.resting_state();
            }
            ReportKind::Unknown => self.state = S::Unknown,
            ReportKind::Triggered { queue_ahead } => {
                self.triggered = true;
                self.queue_ahead = self.queue_ahead.max(queue_ahead);
                self.state = self.resting_state();
            }
            ReportKind::Account(_) => {}
        }
        self.updated = report.ts_recv.max(if self.updated == NO_TIME { report.ts_recv } else { self.updated });
        Ok(())
    }

    fn fill(&mut self, fill: &Fill) -> Result<(), LifecycleError> {
        if fill.trade <= self.last_trade {
            return Err(LifecycleError::DuplicateTrade);
        }
        if fill.qty <= 0 || fill.qty > self.leaves() {
            return Err(LifecycleError::Overfilled);
        }
        self.filled += fill.qty;
        self.last_trade = fill.trade;
        Ok(())
    }

    fn end(&mut self, state: OrderState, reason: Reason) {
        self.state = state;
        self.reason = reason;
        self.pending = Pending::None;
    }

    fn resting_state(&self) -> OrderState {
        if self.filled > 0 { OrderState::PartiallyFilled } else { OrderState::Accepted }
    }
}

#[cfg(test)]
mod tests;
