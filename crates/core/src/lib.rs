//! Kedge's engine: recorded or live market events in, commands out, the same twice.
//!
//! Pure: no file, socket, clock, thread or unseeded randomness. Integers for price, quantity and money.
#![forbid(unsafe_code)]

/// A strategy's floats as whole ticks and steps.
pub mod amounts;
/// What fills were worth after the fact, and what made the PnL.
pub mod attribution;
/// The L2 book.
pub mod book;
/// The venue's side of accounts: funding, interest, liquidation.
pub mod clearing;
/// Venue bytes to market events, per venue.
pub mod codec;
/// Decimal text to whole steps.
pub mod decimal;
/// Our side: one deterministic engine.
pub mod engine;
/// Market events as narrow columns.
pub mod event;
/// The simulated exchange: accounts and their orders in seeded markets.
pub mod exchange;
/// Values computed from events.
pub mod feature;
/// A stream of events as one side reads it.
pub mod feed;
/// What is traded.
pub mod instrument;
/// Double-entry ledger and positions.
pub mod ledger;
/// The engine fed by a venue as it happens.
pub mod live;
/// What venues ask of positions.
pub mod margin;
/// The seeded market: an order flow around a moving value, through a price-time matching engine.
pub mod market;
/// The venue as the simulation models it.
pub mod matching;
/// A session seen from its journal.
pub mod onlooker;
/// Orders and their lifecycle.
pub mod order;
/// Randomness drawn by key, so that a new stream changes no other.
pub mod random;
/// What was decided, as bytes.
pub mod record;
/// What a session that is over left behind.
pub mod recovery;
/// The risk gate.
pub mod risk;
/// Strategies without code.
pub mod rule;
/// Both sides joined: a backtest.
pub mod simulation;
/// Strategies built in, by name.
pub mod strategies;
/// What the engine asks of a strategy.
pub mod strategy;
/// Time, price, quantity, money, sides, ids.
pub mod types;
