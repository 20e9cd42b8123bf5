//! The bars of one clock, and the indicators that follow them.

use super::imbalance::Expectation;
use super::{Bar, COLD, Clock, Indicator, Outputs, Spec, Units};
use crate::types::{InstrumentIx, Nanos, Qty, Ticks};

/// Where an indicator is: whose bars, which of their clocks, which of its indicators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndicatorId {
    pub(crate) instrument: InstrumentIx,
    pub(crate) series: u16,
    pub(crate) index: u32,
}

/// An indicator as it stands.
pub struct Reading {
    spec: Spec,
    indicator: Box<dyn Indicator>,
    now: Outputs,
    previous: Outputs,
    seen: u32,
    warmup: u32,
}

impl Reading {
    /// Its outputs after the last bar; NaN until it is warm.
    #[inline]
    pub fn now(&self) -> Outputs {
        self.now
    }

    /// One of them. Panics if there is none of that number.
    #[inline]
    pub fn output(&self, at: usize) -> f64 {
        self.now[at]
    }

    /// Its outputs after the bar before that.
    #[inline]
    pub fn previous(&self) -> Outputs {
        self.previous
    }

    /// Whether it has seen as many bars as it needs.
    #[inline]
    pub fn is_warm(&self) -> bool {
        self.seen >= self.warmup
    }

    /// How many bars it needs.
    pub fn warmup(&self) -> u32 {
        self.warmup
    }

    /// What it is.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    #[inline]
    fn update(&mut self, bar: &Bar) {
        self.previous = self.now;
        self.now = self.indicator.update(bar);
        self.seen = self.seen.saturating_add(1);
    }
}

/// What a series has: no trade yet, an open bar, or the closed one until the next trade begins another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Untraded,
    Open,
    Closed,
}

/// Bars of one clock. Before the first trade there are none.
pub struct Series {
    clock: Clock,
    units: Units,
    bar: Bar,
    stage: Stage,
    /// Where the last bar ended, or the series began.
    start: Nanos,
    expectation: Expectation,
    indicators: Vec<Reading>,
}

impl Series {
    /// A series that begins at `now`. Panics if a length or threshold is not above 0.
    pub fn new(clock: Clock, units: Units, now: Nanos) -> Self {
        let above_zero = match clock {
            Clock::Time(interval) => interval > 0,
            Clock::Ticks(count) => count > 0,
            Clock::Volume(volume) => volume > 0,
            Clock::Dollar(value) => value > 0,
            Clock::Imbalance(rule) => rule.low > 0 && rule.span > 0,
        };
        assert!(above_zero, "what closes a bar must be above 0");
        let (bar, expectation, indicators) = (Bar::default(), Expectation::default(), Vec::new());
        Self { clock, units, bar, stage: Stage::Untraded, start: now, expectation, indicators }
    }

    /// What closes its bars.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Between two closes, where time closes its bars; else for ever.
    #[inline]
    pub fn interval(&self) -> Nanos {
        if let Clock::Time(interval) = self.clock { interval } else { Nanos::MAX }
    }

    /// The first close after `now`, where time closes its bars.
    pub fn next_close(&self, now: Nanos) -> Option<Nanos> {
        let Clock::Time(interval) = self.clock else { return None };
        Some((now.div_euclid(interval) + 1) * interval)
    }

    /// Adds an indicator, or finds the same one that has seen as little; returns its number.
    pub fn add(&mut self, spec: Spec) -> u32 {
        let twin = self.indicators.iter().position(|known| known.spec == spec && known.seen == 0);
        let index = twin.unwrap_or_else(|| {
            let indicator = spec.build(self.units);
            let warmup = indicator.warmup();
            self.indicators.push(Reading { spec, indicator, now: COLD, previous: COLD, seen: 0, warmup });
            self.indicators.len() - 1
        });
        index as u32
    }

    /// The indicator of that number. Panics if there is none.
    #[inline]
    pub fn reading(&self, index: u32) -> &Reading {
        &self.indicators[index as usize]
    }

    /// The bar that closed last; none once a trade began another.
    #[inline]
    pub fn closed(&self) -> Option<&Bar> {
        (self.stage == Stage::Closed).then_some(&self.bar)
    }

    /// A trade reached us at `now`; whether it closed a bar.
    #[inline]
    pub fn trade(&mut self, now: Nanos, price: Ticks, qty: Qty, by_buyer: bool) -> bool {
        if self.stage == Stage::Open {
            self.bar.take(price, qty, by_buyer);
        } else {
            let (start, end) = match self.clock {
                Clock::Time(interval) => self.span(now, interval),
                _ => (self.start, now),
            };
            self.bar.begin(start, end, price);
            self.bar.take(price, qty, by_buyer);
            self.stage = Stage::Open;
        }
        !matches!(self.clock, Clock::Time(_)) && self.closes(now, by_buyer)
    }

    /// Closes the bar if its last trade does that; whether it did.
    fn closes(&mut self, now: Nanos, by_buyer: bool) -> bool {
        let bar = &self.bar;
        let closes = match self.clock {
            Clock::Time(_) => false,
            Clock::Ticks(count) => bar.trades >= count,
            Clock::Volume(volume) => bar.volume >= volume,
            Clock::Dollar(value) => bar.value >= value,
            Clock::Imbalance(rule) => self.expectation.trade(&rule, by_buyer),
        };
        if closes {
            self.bar.end = now;
            self.finish(now);
        }
        closes
    }

    /// Time: the bar that a moment is of. Where none was left out, it begins where the last one ended.
    #[inline]
    fn span(&self, now: Nanos, interval: Nanos) -> (Nanos, Nanos) {
        let end = self.start.saturating_add(interval);
        if self.stage == Stage::Closed && self.start < now && now <= end {
            return (self.start, end);
        }
        let start = (now - 1).div_euclid(interval).saturating_mul(interval);
        (start, start.saturating_add(interval))
    }

    /// Time: closes the bar that ends at `end`; whether there was one, which there is not before the first trade.
    #[inline]
    pub fn close(&mut self, end: Nanos) -> bool {
        let Clock::Time(interval) = self.clock else { return false };
        match self.stage {
            Stage::Untraded => return false,
            Stage::Open => {}
            // Nothing was traded: the bar repeats the last close.
            Stage::Closed => self.bar.begin(self.start, self.start.saturating_add(interval), self.bar.close),
        }
        self.finish(end);
        true
    }

    /// Closes the bar.
    #[inline]
    fn finish(&mut self, end: Nanos) {
        (self.stage, self.start) = (Stage::Closed, end);
        let bar = &self.bar;
        self.indicators.iter_mut().for_each(|reading| reading.update(bar));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Imbalance;
    use super::*;
    use crate::decimal::Step;

    const UNITS: Units = Units { tick: Step { mantissa: 1, decimals: 0 }, step: Step { mantissa: 1, decimals: 0 } };

    fn series(clock: Clock) -> Series {
        Series::new(clock, UNITS, 0)
    }

    fn close(series: &mut Series, end: Nanos) -> Bar {
        assert!(series.close(end));
        *series.closed().unwrap()
    }

    #[test]
    fn bars_hold_what_reached_us_within_them() {
        let mut series = series(Clock::Time(10));
        assert!(!series.close(10), "there is none before the first trade");
        for (now, price, qty, buyer) in [(11, 5, 1, true), (15, 9, 2, false), (20, 4, 3, true)] {
            assert!(!series.trade(now, price, qty, buyer));
        }
        let bar = close(&mut series, 20);
        assert_eq!((bar.start, bar.end, bar.open, bar.high, bar.low, bar.close), (10, 20, 5, 9, 4, 4));
        assert_eq!((bar.volume, bar.buy_volume, bar.trades, bar.value), (6, 4, 3, 5 + 18 + 12));
        let empty = close(&mut series, 30);
        assert_eq!((empty.start, empty.end, empty.open, empty.close, empty.volume), (20, 30, 4, 4, 0));
        series.trade(31, 7, 1, true);
        let bar = close(&mut series, 40);
        assert_eq!((bar.start, bar.open, bar.low), (30, 7, 7));
        let mut series = Series::new(Clock::Time(10), UNITS, 0);
        series.trade(20, 5, 1, true);
        assert_eq!(close(&mut series, 20).start, 10, "a bar ends with its last moment");
        // Nobody closed the bars between, as where a live session was late.
        series.trade(45, 8, 1, true);
        close(&mut series, 60);
        series.trade(95, 9, 1, true);
        let bar = close(&mut series, 100);
        assert_eq!((bar.start, bar.end, bar.open), (90, 100, 9));
        series.trade(100, 9, 1, true);
        let bar = close(&mut series, 110);
        assert_eq!((bar.start, bar.end), (90, 100), "told late, in the moment that had ended");
        assert_eq!((series.next_close(40), series.next_close(39)), (Some(50), Some(40)));
    }

    /// (start, end, open, close, volume, trades) of the bars that close over (time, price, quantity, by a buyer).
    fn closed(clock: Clock, trades: &[(Nanos, Ticks, Qty, bool)]) -> Vec<(Nanos, Nanos, Ticks, Ticks, Qty, u32)> {
        let mut series = series(clock);
        let closed = trades.iter().filter_map(|&(now, price, qty, buyer)| {
            let bar = series.trade(now, price, qty, buyer).then(|| *series.closed().unwrap())?;
            Some((bar.start, bar.end, bar.open, bar.close, bar.volume, bar.trades))
        });
        closed.collect()
    }

    #[test]
    fn every_clock_closes_at_its_boundary_and_splits_no_trade() {
        let trades = [(5, 10, 3, true), (5, 11, 2, true), (8, 12, 9, false), (9, 10, 5, true), (9, 9, 4, false)];
        assert_eq!(closed(Clock::Ticks(2), &trades), [(0, 5, 10, 11, 5, 2), (5, 9, 12, 10, 14, 2)]);
        assert_eq!(closed(Clock::Ticks(1), &trades[..2]), [(0, 5, 10, 10, 3, 1), (5, 5, 11, 11, 2, 1)]);
        // Exactly 5 closes; the 9 that goes beyond is whole in its bar, and nothing is carried over.
        let volume = [(0, 5, 10, 11, 5, 2), (5, 8, 12, 12, 9, 1), (8, 9, 10, 10, 5, 1)];
        assert_eq!(closed(Clock::Volume(5), &trades), volume);
        // 30 + 22 = 52, 108, 50 + 36.
        let dollar = [(0, 5, 10, 11, 5, 2), (5, 8, 12, 12, 9, 1), (8, 9, 10, 9, 9, 2)];
        assert_eq!(closed(Clock::Dollar(52), &trades), dollar);
        assert_eq!(closed(Clock::Dollar(53), &trades[..3]), [(0, 8, 10, 12, 14, 3)]);
        let rule = Imbalance { low: 2, high: 2, span: 1 };
        assert_eq!(closed(Clock::Imbalance(rule), &trades), [(0, 5, 10, 11, 5, 2)]);
    }

    #[test]
    fn an_indicator_asked_for_twice_is_one_until_it_has_seen_a_bar() {
        let mut series = series(Clock::Ticks(1));
        let spec = Spec::new("sma", &[(None, super::super::Given::Number(2.0))]).unwrap();
        assert_eq!((series.add(spec), series.add(spec)), (0, 0));
        series.trade(1, 10, 1, true);
        assert_eq!(series.add(spec), 1, "one that begins later is another");
        series.trade(2, 20, 1, true);
        series.trade(3, 40, 1, true);
        let (early, late) = (series.reading(0), series.reading(1));
        assert_eq!((early.now()[0], early.previous()[0], late.now()[0]), (30.0, 15.0, 30.0));
        assert!(late.previous()[0].is_nan() && late.is_warm() && late.warmup() == 2);
    }
}
