//! What a strategy sees of all its instruments, and of its whole account: other strategies' positions too, where it is
//! shared.

use super::context::Context;
use crate::instrument::{Instrument, InstrumentKind};
use crate::types::{Money, OrderId, Qty, Side};

impl Context<'_> {
    /// How many instruments the strategy trades.
    pub fn instruments(&self) -> usize {
        self.state.legs(self.strategy).len()
    }

    /// Which of them this is, from 0: that of the wake-up, or the one asked for with [`Context::on`].
    pub fn which(&self) -> usize {
        usize::from(self.strategy - self.state.legs(self.strategy).start)
    }

    /// The same window on another of its instruments: its book, position and orders. Panics if it trades fewer.
    pub fn on(&mut self, instrument: usize) -> Context<'_> {
        let strategy = self.state.legs(self.strategy).nth(instrument).expect("one of the strategy's instruments");
        Context { state: self.state, strategy }
    }

    /// The id that the next order asked for gets.
    pub fn next_order(&self) -> OrderId {
        self.state.orders.next_id()
    }

    /// Between the bests, nearer to the side with less: (bid × ask size + ask × bid size) / (bid size + ask size), in
    /// ticks. NaN where a side is empty.
    #[allow(clippy::cast_precision_loss)]
    pub fn microprice(&self) -> f64 {
        let book = self.book();
        let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) else { return f64::NAN };
        let (bid_size, ask_size) = (book.qty(Side::Buy, bid) as f64, book.qty(Side::Sell, ask) as f64);
        (bid as f64 * ask_size + ask as f64 * bid_size) / (bid_size + ask_size)
    }

    /// Cash of the account in quote currency.
    pub fn cash(&self) -> Money {
        let slot = &self.state.slots[usize::from(self.strategy)];
        self.state.ledger.cash(slot.account, self.state.view_of(self.strategy).currencies.quote)
    }

    /// What the position cost on average, in ticks; `None` without one.
    pub fn average_price(&self) -> Option<f64> {
        self.state.ledger.position(self.strategy).average_price(self.instrument())
    }

    /// Cash of the account by currency, where there is any.
    pub fn balances(&self) -> Vec<(&str, Money)> {
        let (ledger, account) = (&self.state.ledger, self.state.slots[usize::from(self.strategy)].account);
        let cash =
            ledger.currencies().iter().enumerate().map(|(ix, code)| (code.as_str(), ledger.cash(account, ix as u16)));
        cash.filter(|(_, amount)| *amount != 0).collect()
    }

    /// What the account holds of each instrument that a strategy of it trades, in steps.
    pub fn holdings(&self) -> Vec<(&Instrument, Qty)> {
        let held = |ix: usize| -> Option<Qty> {
            let on_it = |other: &u16| usize::from(self.state.slots[usize::from(*other)].instrument) == ix;
            let members = self.state.members(self.strategy).filter(on_it);
            members.map(|other| self.state.ledger.position(other).qty).reduce(|sum, qty| sum + qty)
        };
        let views = self.state.views.iter().enumerate();
        views.filter_map(|(ix, view)| Some((&view.instrument, held(ix)?))).collect()
    }

    /// What the account is worth in the currency that this instrument's prices are in: cash, base currencies at the
    /// middle of their books, and what positions on margin have made on paper.
    pub fn equity(&self) -> Money {
        let (state, quote) = (&self.state, self.state.view_of(self.strategy).currencies.quote);
        let account = state.slots[usize::from(self.strategy)].account;
        let mut valued = vec![quote];
        let mut equity = state.ledger.cash(account, quote);
        for view in &state.views {
            let (base, tick) = (view.currencies.base, view.instrument.tick_size);
            let is_new = view.instrument.kind == InstrumentKind::Spot
                && view.currencies.quote == quote
                && !valued.contains(&base);
            if is_new {
                valued.push(base);
                let price = i128::from(view.twice_mid()) * i128::from(tick.mantissa);
                equity += state.ledger.cash(account, base) * price / (2 * 10_i128.pow(tick.decimals));
            }
        }
        for other in state.members(self.strategy) {
            let view = state.view_of(other);
            if view.instrument.kind != InstrumentKind::Spot && view.currencies.settled_in(view.instrument.kind) == quote
            {
                equity += view.unrealised(state.ledger.position(other));
            }
        }
        equity
    }

    /// Notional of the account's positions in the currency that this instrument's prices are in: all of them, and longs
    /// less shorts.
    pub fn exposure(&self) -> (Money, Money) {
        let quote = self.state.view_of(self.strategy).currencies.quote;
        let members =
            self.state.members(self.strategy).filter(|other| self.state.view_of(*other).currencies.quote == quote);
        members.fold((0, 0), |(gross, net), other| {
            let value = self.state.view_of(other).value(self.state.ledger.position(other));
            (gross + value.abs(), net + value)
        })
    }
}
