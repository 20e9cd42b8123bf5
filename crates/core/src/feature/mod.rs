//! Values computed from events, once, for live and offline alike.

mod bars;
mod ema;

pub use bars::{Bar, BarSeries};
pub use ema::Ema;
