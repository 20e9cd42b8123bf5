//! Orders that take: they walk the book, and what they took stays taken until the venue replenishes it.

use super::lane::Lane;
use super::resting::OwnFill;
use super::{Listing, Reports};
use crate::book::Watch;
use crate::order::OrderRequest;
use crate::types::{Liquidity, Nanos, OrderId, OrderKind, Qty, Side, Ticks, TimeInForce};

/// The worst price a request may trade at.
pub(super) fn limit(request: &OrderRequest) -> Ticks {
    match (request.kind, request.side) {
        (OrderKind::Limit, _) => request.price,
        (OrderKind::Market, Side::Buy) => Ticks::MAX,
        (OrderKind::Market, Side::Sell) => Ticks::MIN,
    }
}

/// Whether what does not fill at once waits in the book.
pub(super) fn may_rest(request: &OrderRequest) -> bool {
    request.kind == OrderKind::Limit && matches!(request.time_in_force, TimeInForce::Gtc | TimeInForce::PostOnly)
}

/// What we took off levels that the feed has not touched since: (side, price, steps).
#[derive(Clone, Debug, Default)]
pub(super) struct Consumed {
    levels: Vec<(Side, Ticks, Qty)>,
}

impl Consumed {
    pub(super) fn at(&self, side: Side, price: Ticks) -> Qty {
        self.levels.iter().find(|level| (level.0, level.1) == (side, price)).map_or(0, |level| level.2)
    }

    pub(super) fn add(&mut self, side: Side, price: Ticks, qty: Qty) {
        match self.levels.iter_mut().find(|level| (level.0, level.1) == (side, price)) {
            Some(level) => level.2 += qty,
            None => self.levels.push((side, price, qty)),
        }
    }

    pub(super) fn replenish(&mut self, side: Side, price: Ticks) {
        self.levels.retain(|level| (level.0, level.1) != (side, price));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.levels.clear();
    }

    /// The watch that also hands back rows at consumed levels.
    pub(super) fn watch(&self, watch: Watch) -> Watch {
        self.levels.iter().fold(watch, |watch, level| watch.with_level(level.0, level.1))
    }
}

impl Lane {
    /// What a taker of `side` finds up to `limit`, level by level: price and whole lots.
    pub(super) fn offers<'a>(
        &'a self,
        listing: &'a Listing,
        side: Side,
        limit: Ticks,
    ) -> impl Iterator<Item = (Ticks, Qty)> + use<'a> {
        let (lot, against) = (listing.instrument.lot_steps(), side.opposite());
        let within = move |price: Ticks| match side {
            Side::Buy => price <= limit,
            Side::Sell => price >= limit,
        };
        let levels = listing.book.levels(against).take_while(move |level| within(level.0));
        let is_of_trades = listing.book.is_of_trades();
        levels
            .map(move |(price, qty)| match is_of_trades {
                // Nothing is known of how much there is: as much as anybody asks for.
                true => (price, Qty::MAX / lot * lot),
                false => (price, (qty - self.consumed.at(against, price)) / lot * lot),
            })
            .filter(|offer| offer.1 > 0)
    }

    /// Whether an order of `side` at `limit` would trade on arrival.
    pub(super) fn would_take(&self, listing: &Listing, side: Side, limit: Ticks) -> bool {
        self.offers(listing, side, limit).next().is_some()
    }

    /// All that a taker finds up to `limit`, in steps.
    pub(super) fn available(&self, listing: &Listing, side: Side, limit: Ticks) -> Qty {
        self.offers(listing, side, limit).fold(0, |sum: Qty, offer| sum.saturating_add(offer.1))
    }

    /// Takes up to `qty` at `limit` or better; returns what is left.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn take(
        &mut self,
        listing: &Listing,
        now: Nanos,
        order: OrderId,
        side: Side,
        limit: Ticks,
        qty: Qty,
        out: &mut Reports,
    ) -> Qty {
        let mut leaves = qty;
        while leaves > 0 {
            let Some((price, offered)) = self.offers(listing, side, limit).next() else { break };
            let (mut price, mut filled) = (price, leaves.min(offered));
            if !listing.book.is_of_trades() {
                self.consumed.add(side.opposite(), price, filled);
            } else if let Some(impact) = &listing.impact {
                filled = impact.within(side, price, limit, filled) / listing.instrument.lot_steps()
                    * listing.instrument.lot_steps();
                if filled == 0 {
                    break;
                }
                price = impact.price(side, price, filled);
            }
            let fill = OwnFill { id: order, side, price, qty: filled, queue_ahead: -1 };
            self.report_fill(listing, now, fill, Liquidity::Taker, out);
            leaves -= filled;
            if listing.impact.is_some() {
                // One order moves the price once.
                break;
            }
        }
        leaves
    }
}
