//! What the engine asks of a strategy, in whatever language it is written.

use crate::engine::Context;
use crate::event::Event;
use crate::feature::Bar;
use crate::order::{Fill, Order};
use crate::types::{Qty, Ticks};

/// Something happened that the strategy subscribed to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wake {
    /// The run begins.
    Start,
    /// A message changed the book.
    Book,
    /// Somebody traded.
    Trade(Event),
    /// The venue quoted its best prices.
    Quote(Quote),
    /// A bar of this series closed; the series' indicators hold it already.
    Bar(u16, Bar),
    /// The funding rate now in force, in 10⁻⁹.
    Funding(i64),
    /// A timer of the strategy fired.
    Timer(u16),
    /// An order of the strategy executed; the order is as it is after it.
    Fill(Order, Fill),
    /// The venue said something else about an order of the strategy.
    Order(Order),
    /// The run ends.
    Stop,
}

/// Best prices as the venue quotes them, apart from the book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// Best bid in ticks.
    pub bid: Ticks,
    /// Its quantity in steps.
    pub bid_qty: Qty,
    /// Best ask in ticks.
    pub ask: Ticks,
    /// Its quantity in steps.
    pub ask_qty: Qty,
}

/// Which wake-ups a strategy wants, beside its timers and bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// [`Wake::Book`]
    pub book: bool,
    /// [`Wake::Trade`]
    pub trade: bool,
    /// [`Wake::Quote`]
    pub quote: bool,
    /// [`Wake::Funding`]
    pub funding: bool,
    /// [`Wake::Fill`]
    pub fill: bool,
    /// [`Wake::Order`]
    pub order: bool,
}

/// Why a strategy cannot go on, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

/// A strategy: woken, it looks at its context and asks for orders through it.
pub trait Strategy {
    /// Handles one wake-up. What it asks for takes effect when this returns.
    ///
    /// # Errors
    /// A [`Fault`] stops this strategy alone: what it asked for in this wake-up is dropped and its orders are
    /// cancelled.
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault>;
}
