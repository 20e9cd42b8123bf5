//! Average directional index with its two directional indicators, after Wilder.
//!
//! The sums of directional movement and true range begin with `period − 1` bars; the mean of the first `period` indices
//! begins the average. A bar without movement adds nothing to that mean, and later leaves the average where it is.
//!
//! Which of two movements is greater is asked of prices as floats, as TA-Lib asks it: where both are the same number of
//! ticks neither should count, but the floats' last bits may let one. Asked of ticks the index would differ by points.

use super::{Bar, COLD, Indicator, Outputs, Units};

#[derive(Clone, Debug)]
pub(super) struct Adx {
    period: u32,
    seen: u32,
    last: Option<[f64; 3]>,
    plus: f64,
    minus: f64,
    range: f64,
    /// The sum of the first indices, then the average.
    average: f64,
    units: Units,
}

impl Adx {
    pub(super) fn new(period: u32, units: Units) -> Self {
        Self { period, seen: 0, last: None, plus: 0.0, minus: 0.0, range: 0.0, average: 0.0, units }
    }

    /// Movement up and down, and the true range, of (high, low, close) after another.
    fn movement([high, low, _]: [f64; 3], [last_high, last_low, last_close]: [f64; 3]) -> (f64, f64, f64) {
        let (up, down) = (high - last_high, last_low - low);
        let plus = if up > 0.0 && up > down { up } else { 0.0 };
        let minus = if down > 0.0 && up < down { down } else { 0.0 };
        (plus, minus, (high - low).max((high - last_close).abs()).max((low - last_close).abs()))
    }

    /// Both directional indicators and, where there is movement, the index.
    fn index(&self) -> (f64, f64, Option<f64>) {
        if self.range == 0.0 {
            return (0.0, 0.0, None);
        }
        let (plus, minus) = (100.0 * (self.plus / self.range), 100.0 * (self.minus / self.range));
        let moved = plus + minus > 0.0;
        (plus, minus, moved.then(|| 100.0 * ((minus - plus).abs() / (plus + minus))))
    }
}

impl Indicator for Adx {
    #[allow(clippy::cast_precision_loss)]
    fn update(&mut self, bar: &Bar) -> Outputs {
        let prices = [bar.high, bar.low, bar.close].map(|ticks| self.units.price(ticks as f64));
        let Some(last) = self.last.replace(prices) else { return COLD };
        let (plus, minus, range) = Self::movement(prices, last);
        self.seen = self.seen.saturating_add(1);
        let n = f64::from(self.period);
        let kept = |sum: f64| if self.seen < self.period { sum } else { sum - sum / n };
        (self.plus, self.minus, self.range) =
            (kept(self.plus) + plus, kept(self.minus) + minus, kept(self.range) + range);
        if self.seen < self.period {
            return COLD;
        }
        let (plus, minus, index) = self.index();
        let warm_at = 2 * self.period - 1;
        if self.seen <= warm_at {
            self.average += index.unwrap_or(0.0);
            if self.seen < warm_at {
                return COLD;
            }
            self.average /= n;
        } else if let Some(index) = index {
            self.average = (self.average * (n - 1.0) + index) / n;
        }
        [self.average, plus, minus]
    }

    fn warmup(&self) -> u32 {
        2 * self.period
    }
}
