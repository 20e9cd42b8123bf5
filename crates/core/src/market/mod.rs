//! The seeded market.
