//! The engine in time: many rows at once up to the next moment that concerns somebody, or one input at a time.

use super::Engine;
use super::state::{State, TimerKind};
use crate::event::{Event, Kind};
use crate::feed::{Feed, Position as Row};
use crate::matching::Reports;
use crate::order::ReportKind;
use crate::strategy::Wake;
use crate::types::{InstrumentIx, Nanos, StrategyIx};

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
        let timer = self.state.timers.peek().map(|timer| timer.0.at);
        rows.chain(reports).chain(timer).min()
    }

    /// Takes in everything up to `until`, waking strategies on the way. `feeds` and `reports` are per instrument.
    ///
    /// Ends early where a strategy could not go on; with `prompt` also where one asked for something, because the
    /// answer may come in the same moment, before what is left of it.
    pub fn advance(&mut self, feeds: &mut [Feed<'_>], reports: &mut [Reports], until: Nanos, prompt: bool) {
        let faults = self.faults.len();
        loop {
            if self.tell_next(feeds, reports, until) {
                if self.faults.len() > faults || prompt && !self.state.commands.is_empty() {
                    return;
                }
                continue;
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
            if self.faults.len() > faults || prompt && !self.state.commands.is_empty() {
                return;
            }
        }
        self.run_views(feeds, until);
        self.state.now = self.state.now.max(until);
    }

    /// With one instrument, takes its next row if somebody subscribed to it and nothing comes before it, or the next
    /// timer if nobody subscribed to rows: the way of a strategy that is told of every row or bar, where looking for
    /// what comes next would cost more than telling it.
    #[inline]
    fn tell_next(&mut self, feeds: &mut [Feed<'_>], reports: &[Reports], until: Nanos) -> bool {
        let ([feed], [reports]) = (feeds, reports) else { return false };
        if self.state.views[0].sought == 0 {
            return false;
        }
        let report = reports.front().map_or(Nanos::MAX, |report| report.ts_recv);
        let timer = self.state.timers.peek().map_or(Nanos::MAX, |timer| timer.0.at);
        let view = &mut self.state.views[0];
        if view.sought == 0 {
            let is_timer = timer <= until && timer < report;
            if is_timer {
                view.run(feed, timer, None);
                self.fire();
            }
            return is_timer;
        }
        let Some((at, event)) = feed.pop_if(view.sought, until.min(report).min(timer)) else { return false };
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
            let timer = self.state.timers.peek().map_or(Nanos::MAX, |timer| timer.0.at);
            let next = if report <= timer { (report, Next::Report(0), None) } else { (timer, Next::Timer, None) };
            return (next.0 <= until && next.0 < Nanos::MAX).then_some(next);
        }
        let rows = feeds.iter_mut().enumerate().filter_map(|(ix, feed)| {
            let (at, row) = feed.find(self.state.views[ix].sought)?;
            Some((at, Next::Row(ix), Some(row)))
        });
        let reports = reports.iter().enumerate();
        let reports = reports.filter_map(|(ix, queue)| Some((queue.front()?.ts_recv, Next::Report(ix), None)));
        let timer = self.state.timers.peek().map(|timer| (timer.0.at, Next::Timer, None));
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
        self.state.timers.peek().map(|timer| timer.0.at)
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
    fn fire(&mut self) {
        let State { timers, views, slots, reached, .. } = &mut self.state;
        let Some(mut next) = timers.peek_mut() else { return };
        let timer = next.0;
        let (owner, id) = (usize::from(timer.owner), usize::from(timer.id));
        let after = match timer.kind {
            TimerKind::Midnight => super::DAY,
            TimerKind::Bar => views[owner].series[id].interval(),
            TimerKind::Strategy => slots[owner].timers[id],
            TimerKind::Sample => self.settings.sample_every.unwrap_or(Nanos::MAX),
        };
        let missed = if *reached > timer.at { (*reached - timer.at) / after } else { 0 };
        next.0.at = timer.at.saturating_add((missed + 1).saturating_mul(after));
        drop(next);
        self.state.now = timer.at;
        match timer.kind {
            TimerKind::Midnight => {
                self.state.day = timer.at.max(self.state.reached).div_euclid(super::DAY);
                self.state.turn_day();
            }
            TimerKind::Bar => self.close_bar(timer.owner, timer.id, timer.at),
            TimerKind::Strategy => self.wake(timer.owner, &Wake::Timer(timer.id)),
            TimerKind::Sample => self.sample(),
        }
    }

    fn close_bar(&mut self, instrument: InstrumentIx, series: u16, end: Nanos) {
        let instrument = usize::from(instrument);
        if self.state.views[instrument].series[usize::from(series)].close(end) {
            self.tell_bar(instrument, series);
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
