//! An order that would trade with one of the same account.
//!
//! Binance's `selfTradePreventionMode`
//! (<https://developers.binance.com/docs/binance-spot-api-docs/faqs/stp_faq>): what stands before the account's own
//! order in its queue is taken first; then the order that takes expires, or the one that rests, or both. Without a mode
//! the two do not see each other, as in hftbacktest.

use super::resting::OwnFill;
use super::{Lane, Listing, Reports};
use crate::order::{OrderRequest, Reason, ReportKind, SelfTrade};
use crate::types::{Liquidity, Nanos, OrderId, Qty, Side, Ticks};

/// What is left of an order that took, and whether it may not go on.
pub(super) struct Taken {
    pub(super) left: Qty,
    pub(super) stopped: bool,
}

impl Lane {
    /// The account's own order that one of `side` at `limit` would meet first.
    pub(super) fn own_within(&self, side: Side, limit: Ticks) -> Option<(OrderId, Ticks, Qty)> {
        let (id, price, ahead) = self.resting.first(side.opposite())?;
        (limit.saturating_sub(price).saturating_mul(side.sign()) >= 0).then_some((id, price, ahead))
    }

    /// All that an order finds before it would meet one of the account's own.
    pub(super) fn available_before_own(&self, listing: &Listing, side: Side, limit: Ticks) -> Qty {
        let Some((_, price, ahead)) = self.own_within(side, limit) else { return self.available(listing, side, limit) };
        let level = self.offers(listing, side, limit).find(|offer| offer.0 == price).map_or(0, |offer| offer.1);
        self.available(listing, side, price) - level + self.before_own(listing, side, price, ahead, level)
    }

    /// Of `offered` steps at the price of an own order, those that stand before it, in whole lots.
    fn before_own(&self, listing: &Listing, side: Side, price: Ticks, ahead: Qty, offered: Qty) -> Qty {
        let lot = listing.instrument.lot_steps();
        let left = (ahead - self.consumed.at(side.opposite(), price)).max(0);
        (left / lot * lot).min(offered)
    }

    /// Takes up to `qty` at the request's limit or better, and keeps apart what would trade with itself.
    pub(super) fn take_apart(
        &mut self,
        listing: &Listing,
        now: Nanos,
        id: OrderId,
        request: &OrderRequest,
        qty: Qty,
        out: &mut Reports,
    ) -> Taken {
        let (side, limit, mode) = (request.side, super::taker::limit(request), request.terms.self_trade);
        let mut left = qty;
        while left > 0 {
            let offer = self.offers(listing, side, limit).next();
            let own = self.own_within(side, limit);
            let met = own.filter(|own| offer.is_none_or(|offer| (offer.0 - own.1) * side.sign() >= 0));
            let (price, offered) = match (offer, met) {
                (Some((price, offered)), None) => (price, offered),
                (Some((price, offered)), Some(own)) if price == own.1 => {
                    (price, self.before_own(listing, side, price, own.2, offered))
                }
                (None, None) => break,
                _ => (0, 0),
            };
            if offered > 0 {
                let filled = left.min(offered);
                if !listing.book.is_of_trades() {
                    self.consumed.add(side.opposite(), price, filled);
                }
                let fill = OwnFill { id, side, price, qty: filled, queue_ahead: -1 };
                self.report_fill(listing, now, fill, Liquidity::Taker, out);
                left -= filled;
                continue;
            }
            let Some((own, ..)) = met else { break };
            if mode != SelfTrade::ExpireTaker {
                self.end(now, own, ReportKind::Expired(Reason::SelfTrade), out);
            }
            // The order that rested may have been of its own group, which has ended with it.
            if mode != SelfTrade::ExpireMaker || self.held(id).is_none() {
                return Taken { left, stopped: true };
            }
        }
        Taken { left, stopped: false }
    }
}
