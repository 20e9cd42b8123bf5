//! Icebergs: an order of which a part is shown. The part waits in the queue like any order; once it is filled, the next
//! part joins the queue at its end.
//!
//! Binance's `icebergQty` (<https://developers.binance.com/docs/binance-spot-api-docs/filters#iceberg_parts>). A market
//! that passes the price fills part after part at once.

use super::special::Held;
use super::{Lane, Listing};
use crate::types::{OrderId, Qty};

/// What is shown of `left` steps: (shown, hidden).
pub(super) fn parts(display: Qty, left: Qty) -> (Qty, Qty) {
    let shown = if display > 0 { display.min(left) } else { left };
    (shown, left - shown)
}

impl Held {
    /// Puts less of it on the market; returns what is shown then, of `shown` so far.
    pub(super) fn reduce(&mut self, shown: Qty, left: Qty) -> Qty {
        self.hidden = (left - shown).max(0);
        shown.min(left)
    }
}

impl Lane {
    /// Shows the next part of an order, behind all that is shown at its price.
    pub(super) fn show_next(&mut self, listing: &Listing, id: OrderId) {
        let Some(held) = self.held_mut(id).filter(|held| held.hidden > 0) else { return };
        let (request, filled) = (held.order.request, held.filled);
        let (shown, hidden) = parts(request.terms.display, held.hidden);
        held.hidden = hidden;
        self.rest(listing, id, request.side, request.price, filled, shown, request.time_in_force);
        if let Some(special) = &mut self.special {
            special.has_shown = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_shown_than_asked_for() {
        assert_eq!(parts(0, 10), (10, 0));
        assert_eq!(parts(3, 10), (3, 7));
        assert_eq!(parts(3, 2), (2, 0));
    }
}
