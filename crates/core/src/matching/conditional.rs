//! Orders that wait for a price: stop, take-profit and trailing orders.
//!
//! The venue keeps them apart from its book until the price of a trade, or its mark price, reaches the level. Then
//! they are market or limit orders that arrive in that moment. Binance's rules: a stop waits for a price against the
//! position it protects (a sell: at or below the level, a buy: at or above), a take-profit for the other direction; an
//! order whose condition holds when it arrives is refused (`-2021`, "Order would immediately trigger"); a trailing
//! stop follows the best price from its activation on and is pulled once the price came back by the callback rate
//! (<https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/New-Order>, spot:
//! <https://developers.binance.com/docs/binance-spot-api-docs/faqs/trailing-stop-faq>).

use super::special::Held;
use super::{Lane, Listing, Reports};
use crate::order::{BASIS_POINTS, Reason, ReportKind, SentOrder, Terms, Trigger, TriggerBy};
use crate::types::{Nanos, OrderId, Side, Ticks};

/// How far a price lies in the direction in which a trigger is pulled: above for a stop buy, below for a stop sell.
fn beyond(side: Side, trigger: Trigger, price: Ticks, level: Ticks) -> i64 {
    let direction = if trigger == Trigger::Stop { side.sign() } else { -side.sign() };
    (price - level) * direction
}

/// Whether an order's condition holds at `price` when it arrives: such an order is refused.
///
/// A trailing order's activation level must lie on the better side of the price: below for a buy, above for a sell.
pub(super) fn holds_already(side: Side, terms: &Terms, price: Ticks) -> bool {
    match terms.trigger {
        Trigger::None => false,
        Trigger::Stop | Trigger::TakeProfit => beyond(side, terms.trigger, price, terms.level) >= 0,
        Trigger::Trailing => terms.level > 0 && beyond(side, Trigger::TakeProfit, price, terms.level) >= 0,
    }
}

/// Takes one price into a waiting order; whether it pulls the trigger.
pub(super) fn pulls(held: &mut Held, price: Ticks) -> bool {
    let (side, terms) = (held.order.request.side, held.order.request.terms);
    if terms.trigger != Trigger::Trailing {
        return holds_already(side, &terms, price);
    }
    let Some(best) = held.best else {
        let is_active = terms.level == 0 || holds_already(side, &terms, price);
        held.best = is_active.then_some(price);
        return false;
    };
    let best = if side == Side::Sell { best.max(price) } else { best.min(price) };
    held.best = Some(best);
    let rate = BASIS_POINTS + i64::from(terms.trail) * side.sign();
    let pulled_at = i128::from(best) * i128::from(rate);
    (i128::from(price) * i128::from(BASIS_POINTS) - pulled_at) * i128::from(side.sign()) >= 0
}

impl Lane {
    /// A conditional order arrives: refused where its condition holds or its price is never told, else it waits.
    pub(super) fn wait(&mut self, listing: &Listing, now: Nanos, order: &SentOrder, out: &mut Reports) {
        let terms = &order.request.terms;
        let price = if terms.by == TriggerBy::Mark { listing.mark } else { listing.last };
        let refusal = match price {
            None if terms.by == TriggerBy::Mark => Some(Reason::NoMarkPrice),
            Some(price) if holds_already(order.request.side, terms, price) => Some(Reason::WouldTrigger),
            _ => None,
        };
        if let Some(reason) = refusal {
            return self.refuse(now, order, reason, out);
        }
        let best = price.filter(|_| terms.trigger == Trigger::Trailing && terms.level == 0);
        self.special.get_or_insert_default().hold(Held { waits: true, best, ..Held::new(*order) });
        self.report(now, order.id, ReportKind::Accepted { queue_ahead: -1 }, out);
    }

    /// A price was told: the orders that waited for it arrive, oldest first.
    pub(super) fn pull(&mut self, listing: &Listing, by: TriggerBy, price: Ticks, now: Nanos, out: &mut Reports) {
        let Some(special) = &mut self.special else { return };
        let waiting = special.held.iter_mut().filter(|held| held.waits && held.order.request.terms.by == by);
        let pulled: Vec<OrderId> = waiting.filter_map(|held| pulls(held, price).then_some(held.order.id)).collect();
        for id in pulled {
            // One that was pulled before it may have ended its group.
            if let Some(held) = self.held_mut(id) {
                held.waits = false;
                self.meet(listing, now, id, out);
            }
        }
        self.look_anew();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderRequest;
    use crate::types::{OrderKind, TimeInForce};

    fn held(side: Side, trigger: Trigger, level: Ticks, trail: u16) -> Held {
        let terms = Terms { trigger, level, trail, ..Terms::PLAIN };
        let (kind, time_in_force) = (OrderKind::Market, TimeInForce::Ioc);
        let request = OrderRequest { strategy: 0, instrument: 0, side, kind, time_in_force, price: 0, qty: 1, terms };
        Held { waits: true, ..Held::new(SentOrder { id: 1, request }) }
    }

    /// The first of the prices that pulls it, as the venue sees them one after the other.
    fn pulled_at(mut held: Held, prices: &[Ticks]) -> Option<Ticks> {
        prices.iter().copied().find(|&price| pulls(&mut held, price))
    }

    #[test]
    fn stops_and_take_profits_wait_for_opposite_sides() {
        use Trigger::{Stop, TakeProfit};
        for (side, trigger, prices, at) in [
            (Side::Sell, Stop, [101, 100, 99], Some(100)),
            (Side::Sell, Stop, [101, 102, 103], None),
            (Side::Buy, Stop, [98, 99, 104], Some(104)),
            (Side::Sell, TakeProfit, [98, 99, 100], Some(100)),
            (Side::Buy, TakeProfit, [101, 102, 99], Some(99)),
            (Side::Buy, TakeProfit, [101, 102, 103], None),
        ] {
            assert_eq!(pulled_at(held(side, trigger, 100, 0), &prices), at, "{side:?} {trigger:?}");
        }
    }

    /// Binance's own example: a callback rate of 1 % below the highest price since the activation.
    #[test]
    fn a_trailing_stop_follows_the_best_price() {
        let sell = |level| held(Side::Sell, Trigger::Trailing, level, 100);
        assert_eq!(pulled_at(sell(0), &[10_000, 10_500, 10_396, 10_395]), Some(10_395));
        assert_eq!(pulled_at(sell(0), &[10_000, 9_901, 9_900]), Some(9_900));
        assert_eq!(pulled_at(sell(10_200), &[10_000, 9_000, 10_200, 10_300, 10_197]), Some(10_197), "active at 10,200");
        let buy = |level| held(Side::Buy, Trigger::Trailing, level, 100);
        assert_eq!(pulled_at(buy(0), &[10_000, 9_000, 9_089, 9_090]), Some(9_090));
        assert_eq!(pulled_at(buy(9_500), &[10_000, 11_000, 9_500, 9_594, 9_595]), Some(9_595));
    }
}
