//! The seeded market.

/// The matching engine.
pub mod order_book;
