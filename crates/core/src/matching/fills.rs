//! When, and by how much, an order that rests is executed.

use crate::types::Qty;

/// How resting orders fill on a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FillModel {
    /// Whole or not at all, once a lot reaches the order or the other side's best reaches its price: hftbacktest's
    /// `NoPartialFillExchange`. Flatters an order larger than what usually trades.
    Whole,
    /// By no more than was traded past the queue ahead, or is offered at a price that reaches the order's.
    #[default]
    Partial,
    /// By no more than was traded or offered strictly beyond the order's price: what trades at the price is all
    /// others'. The least that a maker can count on; it sees every adverse fill and no lucky one.
    Through,
}

impl FillModel {
    /// Whether orders fill by what is there and no more.
    #[inline]
    pub(super) fn is_partial(self) -> bool {
        self != Self::Whole
    }

    /// Whether a trade or an offer at the order's own price can fill it.
    #[inline]
    pub(super) fn at_the_price(self) -> bool {
        self != Self::Through
    }

    /// Of `qty` offered, what may go to our orders.
    #[inline]
    pub(super) fn share(self, qty: Qty) -> Qty {
        if self.is_partial() { qty } else { Qty::MAX }
    }
}
