//! Accounts below the margin they must keep: their orders are taken out of the book and their positions closed in it.

use super::{Clearing, Close, MarginMode};
use crate::engine::split;
use crate::matching::{Reports, VenueModel};
use crate::types::{AccountIx, CurrencyIx, InstrumentIx, Money, Nanos, OrderId, Qty, Side};

/// A position that margin stands behind.
#[derive(Clone, Copy, Debug)]
struct Exposure {
    ix: usize,
    qty: Qty,
    /// Made on paper; of borrowed spot, what buying it back costs.
    worth: Money,
    maintenance: Money,
}

impl Clearing {
    pub(super) fn check_margin(
        &mut self,
        account: AccountIx,
        now: Nanos,
        venues: &mut [VenueModel],
        reports: &mut [Reports],
    ) {
        let exposed = (0..self.desks.len()).filter(|ix| self.exposure(account, *ix).is_some());
        let exposed: Vec<usize> = exposed.collect();
        if self.settings.margin == MarginMode::Isolated {
            for ix in exposed {
                if self.lacks(account, &[ix]) {
                    self.liquidate(account, &[ix], now, venues, reports);
                }
            }
            return;
        }
        let mut currencies: Vec<CurrencyIx> = exposed.iter().map(|ix| self.desks[*ix].settle).collect();
        currencies.sort_unstable();
        currencies.dedup();
        for currency in currencies {
            let group: Vec<usize> = exposed.iter().copied().filter(|ix| self.desks[*ix].settle == currency).collect();
            if self.lacks(account, &group) {
                self.liquidate(account, &group, now, venues, reports);
            }
        }
    }

    /// A position as margin sees it, `None` where there is none, or no price yet.
    fn exposure(&self, account: AccountIx, ix: usize) -> Option<Exposure> {
        let (desk, held) = (&self.desks[ix], self.held[usize::from(account)][ix]);
        let instrument = &desk.instrument;
        let borrowed = Qty::try_from(held.borrowed / instrument.base_step_value()).unwrap_or(Qty::MAX);
        let qty = if instrument.kind.is_perpetual() { held.qty } else { -borrowed };
        if qty == 0 || desk.mark == 0 {
            return None;
        }
        let value = instrument.settled(desk.mark, qty) * Money::from(instrument.direction());
        // A perpetual's cost was never paid; what was sold short is in the account's cash already.
        let cost = if instrument.kind.is_perpetual() { held.cost } else { 0 };
        let maintenance = desk.tiers.maintenance(instrument.settled(desk.mark, qty.abs()));
        Some(Exposure { ix, qty, worth: value - cost, maintenance })
    }

    /// Whether what stands behind these positions, all of one currency, is less than they must keep.
    fn lacks(&self, account: AccountIx, group: &[usize]) -> bool {
        let exposures: Vec<Exposure> = group.iter().filter_map(|ix| self.exposure(account, *ix)).collect();
        let Some(first) = exposures.first() else { return false };
        let behind = match self.settings.margin {
            MarginMode::Isolated => {
                let held = self.held[usize::from(account)][first.ix];
                let perpetual = self.desks[first.ix].instrument.kind.is_perpetual();
                // What was sold short is kept with the margin.
                let proceeds = if perpetual { 0 } else { held.cost.abs() };
                held.cost.abs() / Money::from(self.settings.leverage.max(1)) + proceeds
            }
            _ => self.ledger.cash(account, self.desks[first.ix].settle),
        };
        let worth: Money = exposures.iter().map(|exposure| exposure.worth).sum();
        behind + worth < exposures.iter().map(|exposure| exposure.maintenance).sum()
    }

    /// Takes the account's orders in these instruments out, then closes positions, the one that must keep most first,
    /// until what is left is enough. What the book cannot take is tried again at the next second.
    fn liquidate(
        &mut self,
        account: AccountIx,
        group: &[usize],
        now: Nanos,
        venues: &mut [VenueModel],
        reports: &mut [Reports],
    ) {
        for &ix in group {
            let open = |id: &OrderId| {
                let request = &self.orders[id].request;
                let of = self.seats[usize::from(request.strategy)].0;
                (of, usize::from(request.instrument)) == (account, ix)
            };
            let ids: Vec<OrderId> = self.orders.keys().copied().filter(open).collect();
            venues[ix].withdraw(now, account, &ids, &mut reports[ix]);
        }
        self.hear(reports);
        let mut stuck: Vec<usize> = Vec::new();
        while self.lacks(account, group) {
            let exposures = group.iter().filter(|ix| !stuck.contains(*ix)).filter_map(|ix| self.exposure(account, *ix));
            let Some(largest) = exposures.max_by_key(|exposure| exposure.maintenance) else { return };
            if self.close(account, &largest, now, &mut venues[largest.ix], &mut reports[largest.ix]) == 0 {
                stuck.push(largest.ix);
            }
        }
    }

    /// Closes a position or a part of it against the book; returns how much.
    fn close(
        &mut self,
        account: AccountIx,
        exposure: &Exposure,
        now: Nanos,
        venue: &mut VenueModel,
        out: &mut Reports,
    ) -> Qty {
        let (desk, instrument) = (&self.desks[exposure.ix], exposure.ix as InstrumentIx);
        let (size, lot) = (exposure.qty.abs(), desk.instrument.lot_steps());
        let qty = match self.settings.close {
            Close::Whole => size,
            Close::Tier => {
                let floor = desk.tiers.of(desk.instrument.settled(desk.mark, size)).floor;
                let kept = floor / desk.instrument.settled(desk.mark, lot).max(1);
                size - Qty::try_from(kept).unwrap_or(0) * lot
            }
        };
        let side = if exposure.qty > 0 { Side::Sell } else { Side::Buy };
        let fills = venue.close_out(now, account, instrument, side, qty, out);
        for fill in &fills {
            for (strategy, part) in
                split(&self.holders(account, exposure.ix), fill, &self.desks[exposure.ix].instrument, side)
            {
                self.change(strategy, instrument, |ledger, desk| {
                    ledger.fill(strategy, &desk.instrument, desk.currencies, side, &part);
                });
            }
        }
        fills.iter().map(|fill| fill.qty).sum()
    }
}
