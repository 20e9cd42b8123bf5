//! What the engine knows: views of the market, orders, ledger, strategies' standing, timers.

use super::blotter::Blotter;
use super::context::Intent;
use super::timers::Timers;
use crate::book::{Book, Stop, Watch};
use crate::event::{Event, Kind, side_of};
use crate::feature::Series;
use crate::feed::{Feed, Position as Row};
use crate::instrument::Instrument;
use crate::ledger::{Account, Currencies, Ledger, Position};
use crate::matching::Command;
use crate::order::{Order, OrderTable};
use crate::random::Stream;
use crate::record::Log;
use crate::risk::{Gate, Refusal, Standing};
use crate::strategy::{Interest, Quote};
use crate::types::{AccountIx, InstrumentIx, Money, Nanos, OrderId, Qty, Side, StrategyIx, Ticks};

/// One instrument as we see it.
pub(super) struct View {
    pub(super) instrument: Instrument,
    pub(super) currencies: Currencies,
    pub(super) book: Book,
    pub(super) series: Vec<Series>,
    /// (series, strategy), in the order subscribed.
    pub(super) bar_listeners: Vec<(u16, StrategyIx)>,
    /// Whether a strategy is to be woken for bars that trades close.
    pub(super) trade_bars_heard: bool,
    /// Series of which the last row closed a bar that nobody was told of yet.
    pub(super) closed: Vec<u16>,
    /// The kinds of rows that running strategies on it subscribed to, as bits `1 << kind`.
    pub(super) sought: u8,
    /// Whether one of them is woken by reports.
    pub(super) hears_reports: bool,
    pub(super) last_trade: Option<Ticks>,
    pub(super) quote: Quote,
    pub(super) counts: Counts,
    /// Whether its base currency can be borrowed to sell it short (spot).
    pub(super) lends: bool,
    /// Whether its book is lent by the venue, which takes the rows in.
    pub(super) is_shared: bool,
}

/// What came in on one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows.
    pub events: u64,
    /// Breaks of the sequence.
    pub gaps: u64,
    /// Snapshots that mended one.
    pub resyncs: u64,
}

/// One strategy's standing.
pub(super) struct Slot {
    pub(super) instrument: InstrumentIx,
    pub(super) account: AccountIx,
    /// The slot of the strategy itself: another one where this is a further instrument of a strategy of several, each
    /// of which has its own position, orders, limits and books.
    pub(super) lead: StrategyIx,
    /// How many slots the strategy has, from its own on.
    pub(super) legs: u16,
    pub(super) interest: Interest,
    pub(super) gate: Gate,
    pub(super) running: bool,
    /// Wake-ups so far.
    pub(super) wakes: u64,
    /// The wake-up that must be taken for a failed one.
    pub(super) fails_at: Option<u64>,
    pub(super) random: Stream,
    pub(super) timers: Vec<Nanos>,
    /// The number of the last group of orders.
    pub(super) group: u16,
    /// The order that keeps each side of the quote.
    pub(super) quoted: [Option<OrderId>; 2],
    /// Why each side is withheld now.
    pub(super) withheld_now: [Option<Refusal>; 2],
    pub(super) refused: [u64; Refusal::ALL.len()],
    pub(super) withheld: [u64; Refusal::ALL.len()],
    /// PnL at midnight UTC.
    pub(super) day_start: Money,
    /// PnL when the books that the session began with were written down.
    pub(super) pnl_before: Money,
}

/// Everything but the strategies themselves.
pub(super) struct State {
    pub(super) now: Nanos,
    pub(super) views: Vec<View>,
    pub(super) orders: OrderTable,
    pub(super) ledger: Ledger,
    pub(super) slots: Vec<Slot>,
    /// The strategies of the account they share.
    pub(super) sharing: Vec<StrategyIx>,
    pub(super) timers: Timers,
    /// What was asked for in the wake-up that is running, and for which slot.
    pub(super) intents: Vec<(StrategyIx, Intent)>,
    pub(super) commands: Vec<Command>,
    pub(super) log: Log,
    pub(super) blotter: Blotter,
    pub(super) halted: bool,
    /// The UTC day that `day_start` is of, in days since the epoch.
    pub(super) day: i64,
    /// Live: time has come this far. A periodic timer that is late fires once, not once for each time it missed.
    pub(super) reached: Nanos,
}

impl View {
    /// Applies rows up to a time, and no further than a row (inclusive) if one is given.
    pub(super) fn run(&mut self, feed: &mut Feed<'_>, until: Nanos, last: Option<Row>) {
        if self.is_shared {
            // It has followed the venue.
            return;
        }
        let watch = if self.series.is_empty() { Watch::NONE } else { Watch::NONE.with_trades() };
        while let Some((block, at)) = feed.current() {
            let (columns, times) = (block.columns(), block.times());
            let end = match last {
                Some(last) if last.block < at.block => return,
                Some(last) if last.block == at.block => (last.row + 1).clamp(at.row, columns.len()),
                _ => columns.len(),
            };
            // Where little comes between two trades, the book's loop would be begun for each of them.
            let mut row = at.row;
            while !self.series.is_empty()
                && row < end
                && times.at(row) <= until
                && Kind::of(columns.flags[row]) == Kind::Trade
            {
                self.row(&columns.get(row), times.at(row));
                row += 1;
            }
            if row > at.row {
                let is_over = row < columns.len() && times.at(row) > until;
                feed.seek(row);
                if is_over {
                    return;
                }
                continue;
            }
            let stop = self.book.advance(&columns, times, at.row..end, until, watch);
            let (Stop::Time(next) | Stop::Row(next)) = stop;
            self.counts.events += (next - at.row) as u64;
            // The book lets trades pass unless there are bars; of those that passed only the last is of interest.
            let trade = |code: &u8| Kind::of(*code) == Kind::Trade;
            if let Some(passed) = columns.flags[at.row..next].iter().rposition(trade) {
                let price = columns.price_qty(at.row + passed).0;
                self.last_trade = Some(price);
                self.book.trade(price, times.at(at.row + passed));
            }
            if let Stop::Time(next) = stop {
                let done = next < columns.len();
                feed.seek(next);
                if done {
                    return;
                }
            } else {
                let (event, now) = (columns.get(next), times.at(next));
                feed.seek(next + 1);
                self.row(&event, now);
            }
        }
    }

    /// Goes on to a row where the book is the venue's, which has taken the rows in: what is left of them is the trades.
    pub(super) fn follow(&mut self, feed: &mut Feed<'_>, to: Row) {
        while let Some((block, at)) = feed.current().filter(|(_, at)| *at < to) {
            let (columns, times) = (block.columns(), block.times());
            let next = if at.block == to.block { to.row } else { columns.len() };
            let is_trade = |code: &u8| Kind::of(*code) == Kind::Trade;
            let flags = &columns.flags[at.row..next];
            if let Some(passed) = flags.iter().rposition(is_trade) {
                self.last_trade = Some(columns.price_qty(at.row + passed).0);
            }
            self.counts.events += flags.len() as u64;
            if !self.series.is_empty() {
                for row in (at.row..next).filter(|row| is_trade(&columns.flags[*row])) {
                    let (price, qty) = columns.price_qty(row);
                    self.print(times.at(row), price, qty, side_of(columns.flags[row]));
                }
            }
            feed.seek(next);
        }
    }

    /// Takes in one row.
    #[inline]
    pub(super) fn row(&mut self, event: &Event, now: Nanos) {
        if event.kind() == Kind::Trade {
            return self.trade(now, event.price, event.qty, event.side());
        }
        self.counts.events += 1;
        match event.kind() {
            Kind::Quote if event.side() == Side::Buy => (self.quote.bid, self.quote.bid_qty) = (event.price, event.qty),
            Kind::Quote => (self.quote.ask, self.quote.ask_qty) = (event.price, event.qty),
            Kind::Gap => self.counts.gaps += 1,
            Kind::Clear if self.counts.gaps > self.counts.resyncs => self.counts.resyncs = self.counts.gaps,
            _ => {}
        }
        self.book.apply(event, now);
    }

    /// Takes in a trade.
    #[inline]
    pub(super) fn trade(&mut self, now: Nanos, price: Ticks, qty: Qty, by: Side) {
        self.counts.events += 1;
        self.last_trade = Some(price);
        self.book.trade(price, now);
        self.print(now, price, qty, by);
    }

    /// Takes a trade into the bars.
    #[inline(always)]
    fn print(&mut self, now: Nanos, price: Ticks, qty: Qty, by: Side) {
        for (ix, series) in self.series.iter_mut().enumerate() {
            if series.trade(now, price, qty, by == Side::Buy) && self.trade_bars_heard {
                self.closed.push(ix as u16);
            }
        }
    }

    /// Bid + ask, or twice the last trade where a side is empty; 0 before any price.
    pub(super) fn twice_mid(&self) -> Ticks {
        match (self.book.best(Side::Buy), self.book.best(Side::Sell)) {
            (Some(bid), Some(ask)) => bid + ask,
            _ => 2 * self.last_trade.unwrap_or(0),
        }
    }

    /// Made on paper by a position: nothing before any price.
    pub(super) fn unrealised(&self, position: &Position) -> Money {
        match self.twice_mid() {
            0 => 0,
            twice_mid => position.unrealised(&self.instrument, twice_mid),
        }
    }

    /// Signed notional of a position: what it cost before any price.
    pub(super) fn value(&self, position: &Position) -> Money {
        position.cost + self.unrealised(position)
    }
}

impl State {
    /// What each instrument's strategies listen to. Called whenever one comes, stops or goes on.
    pub(super) fn listen_anew(&mut self) {
        for (ix, view) in self.views.iter_mut().enumerate() {
            let on = |slot: &&Slot| usize::from(slot.instrument) == ix && slot.running;
            view.sought = u8::from(view.trade_bars_heard) << Kind::Trade as u8;
            view.hears_reports = false;
            for slot in self.slots.iter().filter(on) {
                let interest = slot.interest;
                let book = [Kind::Delta, Kind::Clear, Kind::Level, Kind::Gap].map(|kind| (interest.book, kind));
                let others =
                    [(interest.trade, Kind::Trade), (interest.quote, Kind::Quote), (interest.funding, Kind::Funding)];
                for (wanted, kind) in book.into_iter().chain(others) {
                    view.sought |= u8::from(wanted) << kind as u8;
                }
                view.hears_reports |= interest.fill || interest.order;
            }
        }
    }

    #[inline]
    pub(super) fn view_of(&self, strategy: StrategyIx) -> &View {
        &self.views[usize::from(self.slots[usize::from(strategy)].instrument)]
    }

    pub(super) fn pnl(&self, strategy: StrategyIx) -> Money {
        let view = self.view_of(strategy);
        let position = self.ledger.position(strategy);
        let settle = view.currencies.settled_in(view.instrument.kind);
        let received = -self.ledger.balance(strategy + 1, Account::Funding, settle);
        let unrealised = if position.qty == 0 { 0 } else { view.unrealised(position) };
        position.realised + unrealised - position.fees + received
    }

    /// Made since midnight UTC.
    pub(super) fn day_pnl(&self, strategy: StrategyIx) -> Money {
        self.pnl(strategy) - self.slots[usize::from(strategy)].day_start
    }

    /// Another day begins.
    pub(super) fn turn_day(&mut self) {
        (0..self.slots.len()).for_each(|ix| self.slots[ix].day_start = self.pnl_or_before(ix as StrategyIx));
    }

    /// PnL as it is to be remembered: of a position that was held from the beginning and has seen no price since, what
    /// the books said then.
    pub(super) fn pnl_or_before(&self, strategy: StrategyIx) -> Money {
        let unseen = self.ledger.position(strategy).qty != 0 && self.view_of(strategy).twice_mid() == 0;
        if unseen { self.slots[usize::from(strategy)].pnl_before } else { self.pnl(strategy) }
    }

    /// What the risk gate looks at, for a request of `strategy`; `without` is left out of what is open.
    pub(super) fn standing(&self, strategy: StrategyIx, without: Option<&Order>) -> Standing<'_> {
        let (slot, view) = (&self.slots[usize::from(strategy)], self.view_of(strategy));
        let exposure =
            without.map_or_else(|| self.orders.exposure(strategy), |order| self.orders.exposure_without(order));
        let day_pnl = if slot.gate.limits.daily_loss.is_some() { self.day_pnl(strategy) } else { 0 };
        let (quote_available, notional_elsewhere, base_available) = if Position::may_be_short(&view.instrument) {
            let (equity, elsewhere) = self.margin(strategy);
            (equity, elsewhere, 0)
        } else {
            (self.quote_free(strategy, without), 0, self.base_free(strategy, without))
        };
        let lent = view.lends.then(|| self.margin(strategy));
        Standing {
            now: self.now,
            halted: self.halted || !slot.running,
            instrument: &view.instrument,
            book: &view.book,
            position: self.ledger.position(strategy).qty,
            exposure,
            quote_available,
            notional_elsewhere,
            base_available,
            lent,
            day_pnl,
        }
    }

    /// The strategies of a strategy's account.
    pub(super) fn members(&self, strategy: StrategyIx) -> impl Iterator<Item = StrategyIx> + '_ {
        let shares = self.slots[usize::from(strategy)].account == 0;
        let alone = if shares { 0..0 } else { self.legs(strategy) };
        let sharing = if shares { self.sharing.as_slice() } else { &[] };
        alone.chain(sharing.iter().copied())
    }

    /// The slots of a strategy, its own first, whichever of them is given.
    pub(super) fn legs(&self, strategy: StrategyIx) -> std::ops::Range<StrategyIx> {
        let lead = self.slots[usize::from(strategy)].lead;
        lead..lead + self.slots[usize::from(lead)].legs
    }

    /// Whether an order is of this strategy, on whichever of its instruments.
    pub(super) fn is_of(&self, order: &Order, strategy: StrategyIx) -> bool {
        self.slots[usize::from(order.request.strategy)].lead == self.slots[usize::from(strategy)].lead
    }

    /// Open spot orders of a strategy's account on a side, but one and its group, with the view each is on.
    fn open_spot<'a>(
        &'a self,
        strategy: StrategyIx,
        side: Side,
        without: Option<&'a Order>,
    ) -> impl Iterator<Item = (&'a View, &'a Order)> {
        let strategies = self.members(strategy).map(|other| (other, self.view_of(other)));
        strategies
            .filter(|(_, view)| !Position::may_be_short(&view.instrument))
            .flat_map(|(other, view)| self.orders.open(other).map(move |order| (view, order)))
            .filter(move |(_, order)| order.request.side == side && without.is_none_or(|not| !order.is_mate(not)))
            .filter(|(_, order)| self.orders.counts(order, Order::weight))
    }

    /// Quote currency of the account that no open spot buy has spoken for. A market order speaks for the best ask.
    fn quote_free(&self, strategy: StrategyIx, without: Option<&Order>) -> Money {
        let quote = self.view_of(strategy).currencies.quote;
        let spoken_for =
            self.open_spot(strategy, Side::Buy, without).filter(|(view, _)| view.currencies.quote == quote);
        let cost = |(view, order): (&View, &Order)| {
            order.reserved_cost(&view.instrument, view.book.best(Side::Sell).unwrap_or(0))
        };
        self.ledger.cash(self.slots[usize::from(strategy)].account, quote) - spoken_for.map(cost).sum::<Money>()
    }

    /// Base currency of the account that no open sell has spoken for, in steps.
    fn base_free(&self, strategy: StrategyIx, without: Option<&Order>) -> Qty {
        let mine = self.view_of(strategy);
        let (step, account) = (mine.instrument.base_step_value(), self.slots[usize::from(strategy)].account);
        let spoken_for = self
            .open_spot(strategy, Side::Sell, without)
            .filter(|(view, _)| view.currencies.base == mine.currencies.base);
        let sold = spoken_for
            .map(|(view, order)| i128::from(order.reserved()) * view.instrument.base_step_value())
            .sum::<Money>();
        Qty::try_from((self.ledger.cash(account, mine.currencies.base) - sold) / step).unwrap_or(Qty::MAX)
    }

    /// Equity of the account in the currency that a strategy's instrument settles in, and the notional of the other
    /// strategies' positions on margin.
    fn margin(&self, strategy: StrategyIx) -> (Money, Money) {
        let settle = |view: &View| view.currencies.settled_in(view.instrument.kind);
        let currency = settle(self.view_of(strategy));
        let (mut equity, mut elsewhere) = (self.ledger.cash(self.slots[usize::from(strategy)].account, currency), 0);
        for other in self.members(strategy) {
            let (view, position) = (self.view_of(other), self.ledger.position(other));
            let short = view.lends && position.qty < 0;
            let margined = Position::may_be_short(&view.instrument) || short;
            if position.qty == 0 || settle(view) != currency || !margined {
                continue;
            }
            // What a short on spot was sold for is cash already.
            equity += if short { view.value(position) } else { view.unrealised(position) };
            if other != strategy {
                elsewhere += view.value(position).abs();
            }
        }
        (equity, elsewhere)
    }
}
