//! The venue's side of an account in a simulation: who pays funding and interest, and who is liquidated.
//!
//! It keeps the venue's own books — the same ledger, fed by what happened at the venue and not by what we have heard —
//! and looks at them at each whole second, after all that happened by then: funding that is due, interest at whole
//! hours, then margin at the mark prices. What it does to an account reaches us as reports, after the response latency,
//! in the line of all others of that instrument. So bulk and step make the same of it, and once all reports have come
//! our ledger is the venue's.
//!
//! Left out: auto-deleveraging and the insurance fund. What the book gives is what a liquidation gets, and an account
//! that is below zero then stays there.

mod liquidation;
mod settings;

use std::collections::BTreeMap;

pub use settings::{ClearingSettings, Close, Funding, MarginMode};

use crate::engine::Engine;
use crate::instrument::{Instrument, at_rate};
use crate::ledger::{Currencies, Ledger, payments, quantities, round_to_settlement};
use crate::margin::MarginTiers;
use crate::matching::{Command, Reports, Request, VenueModel};
use crate::order::{AccountEvent, Order, Report, ReportKind};
use crate::types::{AccountIx, CurrencyIx, InstrumentIx, Money, Nanos, OrderId, Qty, SECOND, StrategyIx, Ticks};

const HOUR: Nanos = 3_600 * SECOND;

/// One instrument as the clearing sees it.
struct Desk {
    instrument: Instrument,
    currencies: Currencies,
    settle: CurrencyIx,
    tiers: MarginTiers,
    /// The venue's mark price, else the middle of its book; 0 before either.
    mark: Ticks,
    funding: Funding,
    /// When funding by the market's rows is due next.
    next_funding: Nanos,
    /// Of a series: what has been paid.
    paid: usize,
    /// An hour's interest on borrowed base currency, in 10⁻⁹; none where it cannot be borrowed.
    borrow: Option<i128>,
}

/// What an account holds of an instrument, all its strategies together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    qty: Qty,
    cost: Money,
    /// Base currency owed.
    borrowed: Money,
    /// Interest on it that is less than a quantity step so far.
    owed: Money,
}

/// See the module.
pub struct Clearing {
    settings: ClearingSettings,
    ledger: Ledger,
    desks: Vec<Desk>,
    /// Account and instrument of each strategy.
    seats: Vec<(AccountIx, InstrumentIx)>,
    /// `[account][instrument]`
    held: Vec<Vec<Held>>,
    /// Orders that have not ended.
    orders: BTreeMap<OrderId, Order>,
    next: Nanos,
    /// Funding times at which no rate was known.
    unknown_rates: u64,
}

impl Clearing {
    /// Begins with the books of an engine, to which everything has been added.
    pub fn new(settings: ClearingSettings, engine: &Engine, now: Nanos) -> Self {
        let desk = |ix: usize| {
            let (instrument, currencies) = engine.listed(ix as InstrumentIx);
            let hours = Nanos::from(instrument.funding_interval_hours.unwrap_or(8).max(1));
            let kind = instrument.kind;
            let given = settings.funding.get(ix).cloned().unwrap_or_default();
            Desk {
                tiers: settings::tiers_of(instrument, settings.margin),
                settle: currencies.settled_in(kind),
                mark: 0,
                funding: if kind.is_perpetual() { given } else { Funding::None },
                next_funding: (now.div_euclid(hours * HOUR) + 1) * hours * HOUR,
                paid: 0,
                borrow: settings.borrow.get(ix).copied().flatten().filter(|_| !kind.is_perpetual()),
                instrument: instrument.clone(),
                currencies,
            }
        };
        let desks: Vec<Desk> = (0..engine.instruments()).map(desk).collect();
        let seats: Vec<_> = (0..engine.strategies() as StrategyIx)
            .map(|strategy| (engine.account_of(strategy), engine.instrument_of(strategy)))
            .collect();
        let mut clearing = Self {
            ledger: engine.ledger().clone(),
            held: vec![vec![Held::default(); desks.len()]; seats.len() + 1],
            desks,
            seats,
            orders: BTreeMap::new(),
            next: (now.div_euclid(SECOND) + 1) * SECOND,
            unknown_rates: 0,
            settings,
        };
        for desk in &mut clearing.desks {
            if let Funding::Series(rates) = &desk.funding {
                desk.paid = rates.partition_point(|(at, _)| *at <= now);
            }
        }
        for strategy in 0..clearing.seats.len() as StrategyIx {
            let position = *clearing.ledger.position(strategy);
            let (account, instrument) = clearing.seats[usize::from(strategy)];
            let held = &mut clearing.held[usize::from(account)][usize::from(instrument)];
            (held.qty, held.cost) = (held.qty + position.qty, held.cost + position.cost);
        }
        clearing
    }

    /// When it looks next.
    pub fn next(&self) -> Nanos {
        self.next
    }

    /// The venue's books.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Funding times at which no rate was known, so that nothing was paid.
    pub fn unknown_rates(&self) -> u64 {
        self.unknown_rates
    }

    /// Takes note of what is sent.
    pub fn sent(&mut self, command: &Command) {
        if let Request::Submit(order) = command.request {
            self.orders.insert(order.id, Order::new(order.id, order.request, 0));
        }
    }

    /// Takes in what venues have made known since the last call.
    pub fn hear(&mut self, reports: &mut [Reports]) {
        for of_instrument in reports {
            for report in of_instrument.take_fresh() {
                self.report(&report);
            }
        }
    }

    fn report(&mut self, report: &Report) {
        let Some(order) = self.orders.get_mut(&report.order) else { return };
        if order.apply(report).is_err() {
            return;
        }
        let (request, ended) = (order.request, order.state.is_final());
        if ended {
            self.orders.remove(&report.order);
        }
        if let ReportKind::Filled(fill) = report.kind {
            self.change(request.strategy, request.instrument, |ledger, desk| {
                ledger.fill(request.strategy, &desk.instrument, desk.currencies, request.side, &fill);
            });
        }
    }

    /// Changes a strategy's position, and what its account holds with it.
    fn change(&mut self, strategy: StrategyIx, instrument: InstrumentIx, change: impl FnOnce(&mut Ledger, &Desk)) {
        let (account, ix) = (self.seats[usize::from(strategy)].0, usize::from(instrument));
        let desk = &self.desks[ix];
        let before = *self.ledger.position(strategy);
        change(&mut self.ledger, desk);
        let after = *self.ledger.position(strategy);
        let held = &mut self.held[usize::from(account)][ix];
        held.qty += after.qty - before.qty;
        held.cost += after.cost - before.cost;
        if let Some(rate) = desk.borrow {
            let borrowed = (-self.ledger.cash(account, desk.currencies.base)).max(0);
            // The first hour is due when something is borrowed.
            held.owed += at_rate((borrowed - held.borrowed).max(0), rate);
            held.borrowed = borrowed;
        }
    }

    /// Looks at all accounts at a whole second that every venue has reached.
    pub fn check(&mut self, now: Nanos, venues: &mut [VenueModel], reports: &mut [Reports]) {
        self.next = now + SECOND;
        for (desk, venue) in self.desks.iter_mut().zip(venues.iter()) {
            desk.mark = venue.mark().unwrap_or(desk.mark);
        }
        for ix in 0..self.desks.len() {
            while let Some(rate) = self.due(ix, now, &venues[ix]) {
                self.fund(ix, rate, now, &mut venues[ix], &mut reports[ix]);
            }
            if now % HOUR == 0 && self.desks[ix].borrow.is_some() {
                self.charge_interest(ix, now, &mut venues[ix], &mut reports[ix]);
            }
        }
        if self.settings.margin != MarginMode::None {
            for account in 0..self.held.len() as AccountIx {
                self.check_margin(account, now, venues, reports);
            }
        }
    }

    /// The rate of a funding that is due, once.
    fn due(&mut self, ix: usize, now: Nanos, venue: &VenueModel) -> Option<i128> {
        let desk = &mut self.desks[ix];
        match &desk.funding {
            Funding::None => None,
            Funding::Rows if desk.next_funding > now => None,
            Funding::Rows => {
                let hours = Nanos::from(desk.instrument.funding_interval_hours.unwrap_or(8).max(1));
                desk.next_funding = (now.div_euclid(hours * HOUR) + 1) * hours * HOUR;
                self.unknown_rates += u64::from(venue.funding_rate().is_none());
                venue.funding_rate().map(i128::from)
            }
            Funding::Series(rates) => {
                let (_, rate) = rates.get(desk.paid).filter(|(at, _)| *at <= now)?;
                desk.paid += 1;
                Some(i128::from(*rate))
            }
        }
    }

    /// Longs pay the rate of their notional at the mark price; shorts pay where it is negative.
    fn fund(&mut self, ix: usize, rate: i128, now: Nanos, venue: &mut VenueModel, out: &mut Reports) {
        for account in 0..self.held.len() as AccountIx {
            let (desk, qty) = (&self.desks[ix], self.held[usize::from(account)][ix].qty);
            if qty == 0 || desk.mark == 0 {
                continue;
            }
            let amount = -round_to_settlement(at_rate(desk.instrument.settled(desk.mark, qty), rate));
            let (instrument, currency) = (ix as InstrumentIx, desk.settle);
            for (owner, amount) in payments(account, &self.holders(account, ix), amount) {
                self.ledger.funding(owner, currency, amount);
            }
            venue.tell(now, account, AccountEvent::Funding { account, instrument, amount }, out);
        }
    }

    /// An hour's interest; charged in whole quantity steps, what is less is kept for the next.
    fn charge_interest(&mut self, ix: usize, now: Nanos, venue: &mut VenueModel, out: &mut Reports) {
        for account in 0..self.held.len() as AccountIx {
            let (desk, held) = (&self.desks[ix], &mut self.held[usize::from(account)][ix]);
            let step = desk.instrument.base_step_value();
            held.owed += at_rate(held.borrowed, desk.borrow.unwrap_or(0));
            let (steps, price) = (Qty::try_from(held.owed / step).unwrap_or(Qty::MAX), desk.mark);
            if steps == 0 || price == 0 {
                continue;
            }
            let mut charged = Money::from(0);
            for (strategy, qty) in quantities(&self.holders(account, ix), steps, 1) {
                charged += Money::from(qty) * step;
                let instrument = ix as InstrumentIx;
                self.change(strategy, instrument, |ledger, desk| {
                    ledger.interest(strategy, &desk.instrument, desk.currencies, price, qty);
                });
                venue.tell(now, account, AccountEvent::Interest { strategy, instrument, price, qty }, out);
            }
            self.held[usize::from(account)][ix].owed -= charged;
        }
    }

    /// What each strategy of an account holds of an instrument.
    fn holders(&self, account: AccountIx, ix: usize) -> Vec<(StrategyIx, Qty)> {
        let on_it = |strategy: &StrategyIx| self.seats[usize::from(*strategy)] == (account, ix as InstrumentIx);
        let held = |strategy: StrategyIx| (strategy, self.ledger.position(strategy).qty);
        match account.checked_sub(1) {
            Some(alone) => Some(alone).into_iter().filter(on_it).map(held).collect(),
            None => (0..self.seats.len() as StrategyIx).filter(on_it).map(held).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
