//! The engine in time: many rows at once up to the next moment that concerns somebody, or one input at a time.

use super::Engine;
use super::state::State;
use super::timers::{Timer, TimerKind};
use crate::event::{Event, Kind, side_of};
use crate::feed::{Feed, Position as Row};
use crate::matching::Reports;
use crate::order::ReportKind;
use crate::strategy::Wake;
use crate::types::{InstrumentIx, Nanos, StrategyIx};

/// Trades alone, as bits of kinds.
const TRADES: u8 = 1 << Kind::Trade as u8;

/// What comes next; at equal times in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// A row that somebody subscribed to: of which instrument.
    Row(usize),
    /// A report: of which instrument.
    Report(usize),
    /// A timer.
    Timer,
}

impl Engine {
    /// The earliest time at which a strategy may act on what is known now: rows it subscribed to, reports that are on
    /// their way, timers.
    pub fn next_wake(&self, feeds: &mut [Feed<'_>], reports: &[Reports]) -> Option<Nanos> {
        let rows = feeds
            .iter_mut()
            .enumerate()
            .filter_map(|(ix, feed)| feed.find(self.state.views[ix].sought).map(|found| found.0));
        let heard = reports.iter().enumerate().filter(|(ix, _)| self.hears_reports(*ix as InstrumentIx));
        let reports = heard.filter_map(|(_, queue)| queue.front().map(|report| report.ts_recv));
        rows.chain(reports).chain(self.next_timer()).min()
    }

    /// Takes in everything up to `until`, waking strategies on the way. `feeds` and `reports` are per instrument.
    ///
    /// Ends early where a strategy could not go on; with `prompt` also where one asked for something, because the
    /// answer may come in the same moment, before what is left of it.
    pub fn advance(&mut self, feeds: &mut [Feed<'_>], reports: &mut [Reports], until: Nanos, prompt: bool) {
        let faults = self.faults.len();
        loop {
            if let ([feed], [reports]) = (&mut *feeds, &*reports) {
                if self.run_trades(feed, reports, until, prompt) {
                    return;
                }
                if self.tell_next(feed, reports, until) {
                    if self.ends(faults, prompt) {
                        return;
                    }
                    continue;
                }
            }
            let Some((at, next, row)) = self.next(feeds, reports, until) else { break };
            match next {
                Next::Row(ix) => {
                    // Instruments ahead in their order have had this moment; those behind have not.
                    for (other, feed) in feeds.iter_mut().enumerate().filter(|(other, _)| *other != ix) {
                        self.state.views[other].run(feed, at - i64::from(other > ix), None);
                    }
                    self.state.views[ix].run(&mut feeds[ix], at, row);
                    self.state.now = self.state.now.max(at);
                    let event = row.and_then(|row| feeds[ix].row(row));
                    event.into_iter().for_each(|event| self.tell(ix, &event));
                }
                Next::Report(ix) => {
                    let hears = self.hears_reports(ix as InstrumentIx);
                    let Some(report) = reports[ix].pop_front() else { continue };
                    if hears || matches!(report.kind, ReportKind::Account(_)) {
                        self.run_views(feeds, at);
                    }
                    self.report(&report);
                }
                Next::Timer => {
                    self.run_views(feeds, at);
                    self.fire();
                }
            }
            if self.ends(faults, prompt) {
                return;
            }
        }
        self.run_views(feeds, until);
        self.state.now = self.state.now.max(until);
    }

    /// Whether [`Engine::advance`] ends before its time, where there were so many faults when it began.
    #[inline]
    fn ends(&self, faults: usize, prompt: bool) -> bool {
        self.faults.len() > faults || prompt && !self.state.commands.is_empty()
    }

    /// With one instrument of which nobody hears more than trades and bars: takes in its trades, tells of them, and
    /// fires the timers between them, as long as nothing else comes; whether [`Engine::advance`] ends here.
    ///
    /// It is all of [`Engine::advance`] that a strategy on trades or bars needs, without a search for what comes next.
    fn run_trades(&mut self, feed: &mut Feed<'_>, reports: &Reports, until: Nanos, prompt: bool) -> bool {
        let view = &self.state.views[0];
        if view.is_shared || view.sought & !TRADES != 0 || view.sought == 0 && view.series.is_empty() {
            return false;
        }
        let faults = self.faults.len();
        let report = reports.front().map_or(Nanos::MAX, |report| report.ts_recv);
        let (last_row, last_timer) = (until.min(report), until.min(report.saturating_sub(1)));
        while let Some((block, at)) = feed.current() {
            let (columns, times) = (block.columns(), block.times());
            let (mut row, mut at) = (at.row, times.at(at.row));
            let is_other = loop {
                let due = self.state.timers.due();
                if at <= last_row.min(due) {
                    let code = columns.flags[row];
                    if Kind::of(code) != Kind::Trade {
                        break true;
                    }
                    let view = &mut self.state.views[0];
                    let (price, qty) = columns.price_qty(row);
                    view.trade(at, price, qty, side_of(code));
                    if view.sought != 0 {
                        self.state.now = self.state.now.max(at);
                        self.tell(0, &columns.get(row));
                    }
                    row += 1;
                    if row < columns.len() {
                        at = times.at(row);
                    }
                } else if due <= last_timer {
                    self.fire();
                } else {
                    break true;
                }
                if self.ends(faults, prompt) {
                    feed.seek(row);
                    return true;
                }
                if row == columns.len() {
                    break false;
                }
            };
            feed.seek(row);
            if is_other {
                return false;
            }
        }
        false
    }

    /// With one instrument, takes its next row if somebody subscribed to it and nothing comes before it: the way of a
    /// strategy that is told of every row, where looking for what comes next would cost more than telling it.
    #[inline]
    fn tell_next(&mut self, feed: &mut Feed<'_>, reports: &Reports, until: Nanos) -> bool {
        let view = &mut self.state.views[0];
        if view.sought == 0 {
            return false;
        }
        let report = reports.front().map_or(Nanos::MAX, |report| report.ts_recv);
        let bound = until.min(report).min(self.state.timers.due());
        let Some((at, event)) = feed.pop_if(view.sought, bound) else { return false };
        view.row(&event, at);
        self.state.now = self.state.now.max(at);
        self.tell(0, &event);
        true
    }

    fn run_views(&mut self, feeds: &mut [Feed<'_>], until: Nanos) {
        for (view, feed) in self.state.views.iter_mut().zip(feeds) {
            view.run(feed, until, None);
        }
    }

    fn next(&self, feeds: &mut [Feed<'_>], reports: &[Reports], until: Nanos) -> Option<(Nanos, Next, Option<Row>)> {
        if let ([_], [reports], 0) = (&*feeds, reports, self.state.views[0].sought) {
            // One instrument, and nobody is told of its rows.
            let report = reports.front().map_or(Nanos::MAX, |report| report.ts_recv);
            let timer = self.state.timers.due();
            let next = if report <= timer { (report, Next::Report(0), None) } else { (timer, Next::Timer, None) };
            return (next.0 <= until && next.0 < Nanos::MAX).then_some(next);
        }
        let rows = feeds.iter_mut().enumerate().filter_map(|(ix, feed)| {
            let (at, row) = feed.find(self.state.views[ix].sought)?;
            Some((at, Next::Row(ix), Some(row)))
        });
        let reports = reports.iter().enumerate();
        let reports = reports.filter_map(|(ix, queue)| Some((queue.front()?.ts_recv, Next::Report(ix), None)));
        let timer = self.next_timer().map(|at| (at, Next::Timer, None));
        let next = rows.chain(reports).chain(timer).min_by_key(|next| (next.0, next.1))?;
        (next.0 <= until).then_some(next)
    }

    /// The one-row case of [`Engine::advance`].
    pub fn step_row(&mut self, instrument: InstrumentIx, now: Nanos, event: &Event) {
        let ix = usize::from(instrument);
        self.state.now = self.state.now.max(now);
        self.state.views[ix].row(event, now);
        if event.is_last() || event.kind() == Kind::Trade {
            self.tell(ix, event);
        }
    }

    /// When the next timer is due.
    pub fn next_timer(&self) -> Option<Nanos> {
        Some(self.state.timers.due()).filter(|&at| at < Nanos::MAX)
    }

    /// Live: time has come this far, so that late periodic timers fire once.
    pub fn reach(&mut self, now: Nanos) {
        self.state.reached = self.state.reached.max(now);
    }

    /// The one-timer case of [`Engine::advance`]: fires the next one.
    pub fn step_timer(&mut self) {
        self.fire();
    }

    /// Wakes those who subscribed to a row that has just been taken in.
    fn tell(&mut self, instrument: usize, event: &Event) {
        let view = &self.state.views[instrument];
        let wake = match event.kind() {
            Kind::Delta | Kind::Clear | Kind::Level | Kind::Gap | Kind::Add | Kind::Change | Kind::Remove => Wake::Book,
            Kind::Trade => Wake::Trade(*event),
            Kind::Quote => Wake::Quote(view.quote),
            Kind::Funding => Wake::Funding(event.qty),
            Kind::Mark => return,
        };
        for strategy in 0..self.strategies.len() {
            let slot = &self.state.slots[strategy];
            let hears = match wake {
                Wake::Book => slot.interest.book,
                Wake::Trade(_) => slot.interest.trade,
                Wake::Quote(_) => slot.interest.quote,
                _ => slot.interest.funding,
            };
            if hears && usize::from(slot.instrument) == instrument {
                self.wake(strategy as StrategyIx, &wake);
            }
        }
        if !self.state.views[instrument].closed.is_empty() {
            self.tell_trade_bars(instrument);
        }
    }

    /// Fires the next timer, set to the time after that.
    #[inline]
    fn fire(&mut self) {
        let timer = self.state.timers.first();
        self.state.now = timer.at;
        if timer.kind == TimerKind::Bar { self.close_bar(timer) } else { self.fire_other(timer) }
    }

    fn fire_other(&mut self, timer: Timer) {
        let every = match timer.kind {
            TimerKind::Midnight => super::DAY,
            TimerKind::Strategy => self.state.slots[usize::from(timer.owner)].timers[usize::from(timer.id)],
            TimerKind::Bar | TimerKind::Sample => self.settings.sample_every.unwrap_or(Nanos::MAX),
        };
        self.set_anew(timer.at, every);
        match timer.kind {
            TimerKind::Midnight => {
                self.state.day = timer.at.max(self.state.reached).div_euclid(super::DAY);
                self.state.turn_day();
            }
            TimerKind::Strategy => self.wake(timer.owner, &Wake::Timer(timer.id)),
            TimerKind::Bar | TimerKind::Sample => self.sample(),
        }
    }

    /// Sets the timer that is due to the first time after it that time has not passed.
    #[inline(always)]
    fn set_anew(&mut self, at: Nanos, every: Nanos) {
        let State { timers, reached, .. } = &mut self.state;
        let missed = if *reached > at { (*reached - at) / every } else { 0 };
        timers.set_anew(at.saturating_add((missed + 1).saturating_mul(every)));
    }

    #[inline(always)]
    fn close_bar(&mut self, timer: Timer) {
        let (instrument, at) = (usize::from(timer.owner), usize::from(timer.id));
        let series = &mut self.state.views[instrument].series[at];
        let (every, has_closed) = (series.interval(), series.close(timer.at));
        self.set_anew(timer.at, every);
        if has_closed {
            self.tell_bar(instrument, timer.id);
        }
    }

    /// Wakes those who subscribed to bars that the last trade closed, in the order the series were asked for.
    fn tell_trade_bars(&mut self, instrument: usize) {
        let closed = std::mem::take(&mut self.state.views[instrument].closed);
        closed.iter().for_each(|series| self.tell_bar(instrument, *series));
        let view = &mut self.state.views[instrument];
        view.closed = closed;
        view.closed.clear();
    }

    #[inline(always)]
    fn tell_bar(&mut self, instrument: usize, series: u16) {
        let Some(bar) = self.state.views[instrument].series[usize::from(series)].closed() else { return };
        let wake = Wake::Bar(series, *bar);
        for at in 0..self.state.views[instrument].bar_listeners.len() {
            let (heard, strategy) = self.state.views[instrument].bar_listeners[at];
            if heard == series {
                self.wake(strategy, &wake);
            }
        }
    }
}
