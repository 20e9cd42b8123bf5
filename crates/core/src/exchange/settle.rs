//! Fills become money: balances, positions, fees, and what accounts are told of it.

use std::collections::BTreeSet;

use super::account::fee;
use super::events::{AccountEvent, Amount, Cause, Told, Trade, Wallet};
use super::order::{Exec, OrderType, Status};
use super::{AccountIx, Exchange, account_of};
use crate::ledger::{fee_in_base, round_to_settlement};
use crate::market::ForeignFill;
use crate::order::Fill as Execution;
use crate::types::{CurrencyIx, InstrumentIx, Liquidity, MONEY_SCALE, Money, Nanos, OrderId, Side};

impl Exchange {
    /// Books all fills of accounts' orders in an instrument that are not booked yet. `taker` is the account's order
    /// that caused them, if one did.
    pub(super) fn settle_fills(&mut self, instrument: InstrumentIx, taker: Option<OrderId>) {
        let mut changed = BTreeSet::new();
        for foreign in self.listings[usize::from(instrument)].take_fills() {
            let fill = &foreign.fill;
            if account_of(fill.taker_owner).is_some()
                && let Some(taker) = taker
            {
                changed.insert(self.trade(taker, &foreign, false));
            }
            if account_of(fill.maker_owner).is_some() {
                let resting = &mut self.listings[usize::from(instrument)].resting;
                let maker = resting.get(&fill.maker).copied();
                if fill.maker_left == 0 {
                    resting.remove(&fill.maker);
                }
                if let Some(maker) = maker {
                    changed.insert(self.trade(maker, &foreign, true));
                }
            }
        }
        if self.listings[usize::from(instrument)].is_perpetual() {
            // Only now: an order that a fill still to be booked has emptied must not expire before it.
            changed.into_iter().for_each(|account| self.drop_excess_reduce_only(account, instrument));
        }
    }

    /// Books one side of a fill; returns the account.
    fn trade(&mut self, id: OrderId, foreign: &ForeignFill, maker: bool) -> AccountIx {
        let (ts, price, qty) = (foreign.ts, foreign.fill.price, foreign.fill.qty);
        let order = self.orders.get_mut(id);
        let (account, instrument, side) = (order.account, order.instrument, order.side);
        let listing = &self.listings[usize::from(instrument)];
        let notional = listing.instrument.notional(price, qty);
        order.filled += qty;
        order.cum_quote += notional;
        order.updated = ts;
        order.status = if order.left() == 0 { Status::Filled } else { Status::PartiallyFilled };
        if order.status == Status::Filled {
            order.book = 0;
            self.accounts[account as usize].open[usize::from(instrument)].remove(&id);
        }
        let fee = fee(&listing.instrument, side, price, qty, maker);
        let in_base = fee_in_base(&listing.instrument, side);
        let fee_currency = if in_base { listing.base } else { listing.quote };
        let mut trade = Trade { id: foreign.trade, price, qty, maker, fee, fee_currency, realised: 0 };
        self.house[usize::from(fee_currency)].fees += fee;
        if listing.is_perpetual() {
            trade.realised = self.trade_perpetual(account, instrument, side, &trade);
            self.tell_order_at(ts, id, Exec::Trade, Some(trade));
            let cause = if self.orders.get(id).liquidation { Cause::Liquidation } else { Cause::Order };
            self.tell_futures(account, ts, cause);
            self.tell_position(account, instrument, ts);
        } else {
            let (base, quote) = (listing.base, listing.quote);
            self.trade_spot(id, &trade, notional);
            self.tell_order_at(ts, id, Exec::Trade, Some(trade));
            self.tell_spot(account, ts, Cause::Order, &[base, quote]);
        }
        account
    }

    fn trade_spot(&mut self, id: OrderId, trade: &Trade, notional: Money) {
        let (_, unlocked) = self.needs(id, trade.qty);
        let order = self.orders.get(id);
        let listing = &self.listings[usize::from(order.instrument)];
        let bought = i128::from(trade.qty) * listing.instrument.base_step_value();
        let (base, quote) = (listing.base, listing.quote);
        let (gives, given, gets, got) = match order.side {
            Side::Buy => (quote, notional, base, bought),
            Side::Sell => (base, bought, quote, notional),
        };
        let from_lock = order.kind != OrderType::Market;
        let account = &mut self.accounts[order.account as usize];
        let paying = account.balance(gives);
        if from_lock {
            // A buy that got a better price than its limit gets the difference back.
            paying.locked -= unlocked;
            paying.free += unlocked;
        }
        paying.free -= given;
        account.balance(gets).free += got - trade.fee;
        self.house[usize::from(gives)].market += given;
        self.house[usize::from(gets)].market -= got;
    }

    /// Returns what was realised, as settled.
    fn trade_perpetual(&mut self, account: AccountIx, instrument: InstrumentIx, side: Side, trade: &Trade) -> Money {
        let listing = &self.listings[usize::from(instrument)];
        let owner = &mut self.accounts[account as usize];
        let liquidity = if trade.maker { Liquidity::Maker } else { Liquidity::Taker };
        let execution = Execution {
            trade: trade.id,
            price: trade.price,
            qty: trade.qty,
            liquidity,
            fee: trade.fee,
            queue_ahead: -1,
            twice_mid: 0,
        };
        let realised = owner.positions[usize::from(instrument)].trade(&listing.instrument, side, &execution);
        let settled = round_to_settlement(realised);
        owner.wallet += settled - trade.fee;
        let house = &mut self.house[usize::from(self.settle)];
        house.market -= realised;
        house.rounding += realised - settled;
        settled
    }

    /// After a position shrank: the newest reduce-only orders that are more than it expire.
    fn drop_excess_reduce_only(&mut self, account: AccountIx, instrument: InstrumentIx) {
        let held = self.accounts[account as usize].positions[usize::from(instrument)].qty;
        let mut room = held.abs();
        let mut excess = Vec::new();
        for order in self.reduce_only(account, instrument).filter(|order| order.on_book()) {
            let closes = order.side.sign() == -held.signum() && order.left() <= room;
            if closes {
                room -= order.left();
            } else {
                excess.push(order.id);
            }
        }
        for id in excess {
            self.withdraw(id);
            self.end(id, Exec::Expired, "no position left to reduce");
        }
    }

    /// Takes an order's rest out of the book.
    pub(super) fn withdraw(&mut self, id: OrderId) {
        let order = self.orders.get_mut(id);
        let (instrument, book) = (order.instrument, std::mem::take(&mut order.book));
        let (now, listing) = (self.now, &mut self.listings[usize::from(instrument)]);
        if listing.resting.remove(&book).is_some() {
            listing.with_book(now, |orders, changes| orders.cancel(book, changes));
        }
    }

    /// Ends an order that is not in the book any more: what it locks is free again.
    pub(super) fn end(&mut self, id: OrderId, exec: Exec, reason: &'static str) {
        let now = self.now;
        let order = self.orders.get_mut(id);
        order.status = if exec == Exec::Canceled { Status::Canceled } else { Status::Expired };
        (order.updated, order.reason) = (now, reason);
        let (account, instrument, left) = (order.account, order.instrument, order.left());
        self.accounts[account as usize].open[usize::from(instrument)].remove(&id);
        self.tell_order(id, exec, None);
        self.lock(id, -left);
    }

    pub(super) fn tell_order(&mut self, id: OrderId, exec: Exec, trade: Option<Trade>) {
        self.tell_order_at(self.now, id, exec, trade);
    }

    fn tell_order_at(&mut self, ts: Nanos, id: OrderId, exec: Exec, trade: Option<Trade>) {
        let order = Box::new(self.orders.get(id).clone());
        self.tell(ts, order.account, Told::Execution { order, exec, trade });
    }

    pub(super) fn tell_spot(&mut self, account: AccountIx, ts: Nanos, cause: Cause, currencies: &[CurrencyIx]) {
        let owner = &self.accounts[account as usize];
        let amounts: Vec<Amount> = currencies.iter().map(|&currency| owner.amount(currency)).collect();
        self.tell(ts, account, Told::Balances { wallet: Wallet::Spot, cause, amounts });
    }

    pub(super) fn tell_futures(&mut self, account: AccountIx, ts: Nanos, cause: Cause) {
        let margin = self.margin(account);
        let amount = Amount { currency: self.settle, held: margin.wallet, other: margin.available() };
        self.tell(ts, account, Told::Balances { wallet: Wallet::Futures, cause, amounts: vec![amount] });
    }

    pub(super) fn tell_position(&mut self, account: AccountIx, instrument: InstrumentIx, ts: Nanos) {
        let position = self.accounts[account as usize].positions[usize::from(instrument)];
        let told = Told::Position {
            instrument,
            qty: position.qty,
            entry: self.entry_price(account, instrument),
            realised: position.realised,
            unrealised: self.unrealised(account, instrument),
        };
        self.tell(ts, account, told);
    }

    pub(super) fn tell(&mut self, ts: Nanos, account: AccountIx, told: Told) {
        self.events.push(AccountEvent { ts, account, told });
    }

    /// Average price of a position, ×10¹⁶; 0 when flat.
    pub(super) fn entry_price(&self, account: AccountIx, instrument: InstrumentIx) -> Money {
        let position = &self.accounts[account as usize].positions[usize::from(instrument)];
        if position.qty == 0 {
            return 0;
        }
        let listing = &self.listings[usize::from(instrument)].instrument;
        // Whole ticks first, then their fraction.
        let units = i128::from(position.qty) * listing.step_value();
        let tick = i128::from(listing.tick_size.mantissa) * MONEY_SCALE / 10_i128.pow(listing.tick_size.decimals);
        position.cost / units * tick + position.cost % units * tick / units
    }
}
