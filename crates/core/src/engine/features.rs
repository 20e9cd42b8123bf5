//! Bars and indicators as a strategy asks for them.

use super::context::Context;
use super::timers::{Timer, TimerKind};
use crate::event::Kind;
use crate::feature::{Clock, IndicatorId, Reading, Series, Spec, Units};

impl Context<'_> {
    /// Wakes the strategy at the close of every bar of a clock (nanoseconds: of that length); returns the series'
    /// number. Panics if what closes a bar is not above 0.
    pub fn bars(&mut self, clock: impl Into<Clock>) -> u16 {
        let series = self.series(clock);
        let view = &mut self.state.views[usize::from(self.state.slots[usize::from(self.strategy)].instrument)];
        if !view.bar_listeners.contains(&(series, self.strategy)) {
            view.bar_listeners.push((series, self.strategy));
        }
        view.trade_bars_heard |= !matches!(view.series[usize::from(series)].clock(), Clock::Time(_));
        view.sought |= u8::from(view.trade_bars_heard) << Kind::Trade as u8;
        series
    }

    /// The bars of a clock for indicators to follow, without being woken for them; returns the series' number. Panics
    /// if what closes a bar is not above 0.
    pub fn series(&mut self, clock: impl Into<Clock>) -> u16 {
        let (clock, now) = (clock.into(), self.state.now);
        let instrument = self.state.slots[usize::from(self.strategy)].instrument;
        let view = &mut self.state.views[usize::from(instrument)];
        if let Some(known) = view.series.iter().position(|series| series.clock() == clock) {
            return known as u16;
        }
        let (series, id) = (Series::new(clock, Units::of(&view.instrument), now), view.series.len() as u16);
        if let Some(at) = series.next_close(now) {
            self.state.timers.add(Timer::at(at, TimerKind::Bar, instrument, id));
        }
        view.series.push(series);
        id
    }

    /// An indicator over the bars of a series. Panics if there is no such series.
    pub fn indicator(&mut self, series: u16, spec: Spec) -> IndicatorId {
        let instrument = self.state.slots[usize::from(self.strategy)].instrument;
        let index = self.state.views[usize::from(instrument)].series[usize::from(series)].add(spec);
        IndicatorId { instrument, series, index }
    }

    /// An indicator as it stands.
    #[inline]
    pub fn reading(&self, id: IndicatorId) -> &Reading {
        self.state.views[usize::from(id.instrument)].series[usize::from(id.series)].reading(id.index)
    }
}
