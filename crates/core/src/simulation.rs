//! Both sides joined: the engine and a model of each venue, each advanced to the next moment at which they can touch.

use crate::clearing::{Clearing, ClearingSettings};
use crate::engine::Engine;
use crate::event::Columns;
use crate::feed::Feed;
use crate::instrument::Instrument;
use crate::matching::{Reports, SquareRoot, VenueModel, VenueSettings, Waits};
use crate::types::{InstrumentIx, Nanos};

/// How a simulation goes through time. Both give the same decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Many rows at once.
    Bulk,
    /// One input at a time, everything merged by time.
    Step,
}

/// Instruments, their recorded events, and the engine that trades them.
pub struct Simulation<'a> {
    engine: Engine,
    venues: Vec<VenueModel>,
    theirs: Vec<Feed<'a>>,
    ours: Vec<Feed<'a>>,
    reports: Vec<Reports>,
    span: Option<(Nanos, Nanos)>,
    /// Whether some venue answers in the moment it is asked.
    prompt: bool,
    /// How far our view of the one instrument is behind the venue's, where one book can serve both.
    lag: Option<Nanos>,
    /// Whether one serves both now.
    shares: bool,
    may_share: bool,
    /// Whether a strategy that could not go on leaves the others running.
    forgives: bool,
    /// The venue's side of accounts, where anything is to be cleared: from the start on.
    clearing: Option<Box<Clearing>>,
    clears: Option<ClearingSettings>,
}

/// One input of [`Pace::Step`]; at equal times in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Input {
    Venue(usize),
    Clearing,
    Row(usize),
    Report(usize),
    Timer,
}

impl<'a> Simulation<'a> {
    /// A simulation around an engine to which instruments and strategies can still be added.
    pub fn new(engine: Engine) -> Self {
        let (venues, theirs, ours, reports) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self {
            engine,
            venues,
            theirs,
            ours,
            reports,
            span: None,
            prompt: false,
            forgives: false,
            lag: None,
            shares: false,
            may_share: true,
            clearing: None,
            clears: None,
        }
    }

    /// Adds an instrument with its recorded blocks; returns its index. Where they have no book, the price of the last
    /// trade is the market, for the venue and for us: see [`crate::book::Book::of_trades`].
    pub fn add_instrument(
        &mut self,
        instrument: Instrument,
        settings: VenueSettings,
        blocks: &[Columns<'a>],
    ) -> InstrumentIx {
        let random = self.engine.feed_stream(self.venues.len() as InstrumentIx);
        let (theirs, ours) = (Feed::venue(blocks), Feed::ours(blocks, settings.latency.feed.as_ref(), random));
        for (first, last) in [theirs.span(), ours.span()].into_iter().flatten() {
            let (start, end) = self.span.unwrap_or((first, last));
            self.span = Some((start.min(first), end.max(last)));
        }
        self.prompt |= settings.latency.entry.least() + settings.latency.response.least() == 0;
        let has_book = theirs.has_book();
        // With other instruments, our side has moments between which the venue would be ahead of its view.
        self.lag = if self.venues.is_empty() && has_book && !self.prompt {
            let response = settings.latency.response.constant();
            Feed::lag(&theirs, &ours).filter(|&lag| response.is_some_and(|response| lag <= response))
        } else {
            None
        };
        let venue = if has_book { VenueModel::new } else { VenueModel::of_trades };
        self.venues.push(venue(instrument.clone(), settings));
        self.theirs.push(theirs);
        self.ours.push(ours);
        self.reports.push(Reports::default());
        let index = self.engine.add_instrument(instrument);
        if !has_book {
            self.engine.takes_trades_for_book(index);
        }
        index
    }

    /// Whether one book may serve both views where that gives the same; true unless said otherwise.
    pub fn share_views(&mut self, may: bool) {
        self.may_share = may;
    }

    /// Whether one book serves both views.
    pub fn shares_views(&self) -> bool {
        self.shares
    }

    /// Lets takers of an instrument whose data has no book move its price by this law.
    pub fn set_impact(&mut self, instrument: InstrumentIx, impact: Option<SquareRoot>) {
        self.venues[usize::from(instrument)].set_impact(impact);
    }

    /// From now on a strategy that cannot go on stops alone, and the run goes on with the others.
    pub fn go_on_at_faults(&mut self) {
        self.forgives = true;
    }

    fn may_go_on(&self) -> bool {
        self.forgives || self.engine.faults().is_empty()
    }

    /// First and last moment of the data: the run begins with the first venue event and ends with the last arrival.
    pub fn span(&self) -> Option<(Nanos, Nanos)> {
        self.span
    }

    /// Our view of each instrument's rows from here on, for one more pass over them.
    pub fn views(&self) -> Vec<Feed<'a>> {
        self.ours.clone()
    }

    /// The engine.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// The venue of an instrument.
    pub fn venue(&self, instrument: InstrumentIx) -> &VenueModel {
        &self.venues[usize::from(instrument)]
    }

    /// Has funding, interest and margin cleared, by these rules; to be said before the start.
    pub fn clear(&mut self, settings: ClearingSettings) {
        for (ix, _) in settings.borrow.iter().enumerate().filter(|(_, rate)| rate.is_some()) {
            self.engine.lend(ix as InstrumentIx);
        }
        self.clears = Some(settings);
    }

    /// The venue's side of accounts, once it has started and if there is one.
    pub fn clearing(&self) -> Option<&Clearing> {
        self.clearing.as_deref()
    }

    /// Begins at `now`.
    pub fn start(&mut self, now: Nanos) {
        let streams = self.engine.account_streams();
        for (ix, venue) in self.venues.iter_mut().enumerate() {
            venue.set_streams(streams.iter().map(|stream| stream.branch(ix as u64)).collect());
        }
        if let Some(settings) = self.clears.take() {
            self.reports.iter_mut().for_each(Reports::keep_fresh);
            self.clearing = Some(Box::new(Clearing::new(settings, &self.engine, now)));
        }
        self.engine.start(now);
        self.shares = self.may_share && self.lag.is_some() && self.clearing.is_none();
        self.engine_shares();
        self.send();
    }

    fn engine_shares(&mut self) {
        if self.lag.is_some() {
            self.engine.share_book(0, self.shares);
        }
    }

    /// Goes on to `until`. Stops early only when a strategy could not go on, see [`Engine::faults`], and that is not
    /// forgiven.
    pub fn run(&mut self, until: Nanos, pace: Pace) {
        // What was asked for between two runs, by a halt or the stop of a strategy, leaves when it was asked.
        self.send();
        if pace == Pace::Step {
            self.part();
        }
        if let Some(lag) = self.lag.filter(|_| self.shares) {
            self.run_shared(until, lag);
        }
        match pace {
            _ if self.shares => {}
            Pace::Bulk => self.run_in_bulk(until),
            Pace::Step => self.run_by_step(until),
        }
    }

    /// Ends at `now`.
    pub fn stop(&mut self, now: Nanos) {
        self.engine.stop(now);
    }

    fn run_in_bulk(&mut self, until: Nanos) {
        while self.may_go_on() {
            let faults = self.engine.faults().len();
            // While the venues have nothing to say, nobody needs to keep up with them: only what a strategy asks for
            // has to reach them, and then they catch up to it.
            if self.clearing.is_none() && self.venues.iter().all(VenueModel::is_quiet) {
                self.engine.advance(&mut self.ours, &mut self.reports, until, true);
                if !self.send() && faults == self.engine.faults().len() {
                    return self.catch_up(until);
                }
                continue;
            }
            let wake = self.engine.next_wake(&mut self.ours, &self.reports);
            let mut horizon = wake.map_or(until, |wake| wake.min(until));
            if let Some(clearing) = &self.clearing {
                horizon = horizon.min(clearing.next());
            }
            if self.engine.trades_several() {
                horizon = self.advance_together(horizon);
            }
            for (ix, venue) in self.venues.iter_mut().enumerate() {
                // A report that wakes a strategy is where its venue has to wait: what the strategy asks for then comes
                // back to this venue. Other venues may be ahead where each strategy trades one instrument.
                let waits = self.engine.hears_reports(ix as InstrumentIx);
                let reached = venue.advance(&mut self.theirs[ix], horizon, waits, &mut self.reports[ix]);
                horizon = horizon.min(reached);
            }
            if let Some(clearing) = &mut self.clearing {
                clearing.hear(&mut self.reports);
                if clearing.next() == horizon {
                    clearing.check(horizon, &mut self.venues, &mut self.reports);
                }
            }
            self.engine.advance(&mut self.ours, &mut self.reports, horizon, self.prompt);
            // One that could not go on ended the advance before its time.
            let stopped = faults < self.engine.faults().len();
            let waiting = wake.is_some_and(|wake| wake <= until) || horizon < until || stopped;
            // What was asked for at the last moment may still arrive in it.
            if !self.send() && !waiting {
                return;
            }
        }
    }

    /// The bulk way with one book: the venue goes as far as we see of it, so that its book is our view.
    ///
    /// A report takes at least as long as the lag, so what the venue has not reached could not have told us anything
    /// either. It waits for every report that wakes a strategy.
    fn run_shared(&mut self, until: Nanos, lag: Nanos) {
        while self.may_go_on() {
            if self.engine.hears_rows(0) {
                // Between two rows of one moment, one book cannot be both.
                return self.part();
            }
            let faults = self.engine.faults().len();
            let wake = self.engine.next_wake(&mut self.ours, &self.reports);
            let horizon = wake.map_or(until, |wake| wake.min(until));
            let waits = Waits { reports: self.engine.hears_reports(0), lag };
            let venue = &mut self.venues[0];
            self.engine.swap_book(0, venue.book_mut(), 0);
            venue.book_mut().delay(-lag);
            let reached = venue.advance_or_wait(&mut self.theirs[0], horizon - lag, waits, &mut self.reports[0]) + lag;
            self.engine.swap_book(0, venue.book_mut(), lag);
            self.engine.follow(0, &mut self.ours[0], &self.theirs[0]);
            self.engine.advance(&mut self.ours, &mut self.reports, reached, false);
            let stopped = faults < self.engine.faults().len();
            let waiting = wake.is_some_and(|wake| wake <= until) || reached < until || stopped;
            // What was asked for at the last moment may still arrive in it.
            if !self.send() && !waiting {
                return;
            }
        }
    }

    /// Brings all venues on in the order of their rows and requests, no further than the first report that wakes a
    /// strategy, which may then ask any of them for something. Returns the time advanced to.
    fn advance_together(&mut self, horizon: Nanos) -> Nanos {
        let mut horizon = horizon;
        loop {
            let times = self.venues.iter().zip(&mut self.theirs).map(|(venue, feed)| venue.next_time(feed));
            let mut times: Vec<(Nanos, usize)> =
                times.enumerate().filter_map(|(ix, time)| Some((time?, ix))).filter(|next| next.0 <= horizon).collect();
            times.sort_unstable();
            let Some(&(_, ix)) = times.first() else { return horizon };
            let until = times.get(1).map_or(horizon, |other| other.0);
            let waits = self.engine.hears_reports(ix as InstrumentIx);
            self.venues[ix].advance(&mut self.theirs[ix], until, waits, &mut self.reports[ix]);
            if let Some(report) = self.reports[ix].front().filter(|_| waits) {
                horizon = horizon.min(report.ts_recv);
            }
        }
    }

    /// From now on there are two books: the venue's is where we see it, and ours the same.
    fn part(&mut self) {
        if let Some(lag) = self.lag.filter(|_| self.shares) {
            let mut book = self.engine.book(0).clone();
            book.delay(-lag);
            *self.venues[0].book_mut() = book;
            self.shares = false;
            self.engine_shares();
        }
    }

    /// Brings the venues, which have nothing to say, to `until`.
    fn catch_up(&mut self, until: Nanos) {
        for (ix, venue) in self.venues.iter_mut().enumerate() {
            venue.advance(&mut self.theirs[ix], until, false, &mut self.reports[ix]);
        }
    }

    fn run_by_step(&mut self, until: Nanos) {
        while let Some((at, input)) = self.next_input()
            && at <= until
            && self.may_go_on()
        {
            match input {
                Input::Venue(ix) => {
                    self.venues[ix].step(&mut self.theirs[ix], &mut self.reports[ix]);
                    if let Some(clearing) = &mut self.clearing {
                        clearing.hear(&mut self.reports);
                    }
                }
                Input::Clearing => {
                    if let Some(clearing) = &mut self.clearing {
                        clearing.check(at, &mut self.venues, &mut self.reports);
                    }
                }
                Input::Row(ix) => {
                    if let Some((now, event)) = self.ours[ix].pop() {
                        self.engine.step_row(ix as InstrumentIx, now, &event);
                    }
                }
                Input::Report(ix) => {
                    if let Some(report) = self.reports[ix].pop_front() {
                        self.engine.report(&report);
                    }
                }
                Input::Timer => self.engine.step_timer(),
            }
            self.send();
        }
    }

    fn next_input(&mut self) -> Option<(Nanos, Input)> {
        let mut next: Option<(Nanos, Input)> = self.engine.next_timer().map(|at| (at, Input::Timer));
        let clearing = self.clearing.as_ref().map(|clearing| (clearing.next(), Input::Clearing));
        next = [next, clearing].into_iter().flatten().min();
        for ix in 0..self.venues.len() {
            let venue = self.venues[ix].next_time(&mut self.theirs[ix]).map(|at| (at, Input::Venue(ix)));
            let row = self.ours[ix].next_time().map(|at| (at, Input::Row(ix)));
            let report = self.reports[ix].front().map(|report| (report.ts_recv, Input::Report(ix)));
            next = [next, venue, row, report].into_iter().flatten().min();
        }
        next
    }

    /// Hands the engine's commands to their venues; whether there were any.
    fn send(&mut self) -> bool {
        let now = self.engine.now();
        let mut any = false;
        for command in self.engine.commands() {
            if let Some(clearing) = &mut self.clearing {
                clearing.sent(&command);
            }
            self.venues[usize::from(command.instrument)].send(now, command.account, command.request);
            any = true;
        }
        any
    }
}
