//! What holds of every indicator. Their values are held against TA-Lib in `tests/unit/strategies/test_indicators.py`.

use super::*;
use crate::random::Stream;
use crate::types::SECOND;

const UNITS: Units = Units { tick: Step { mantissa: 1, decimals: 2 }, step: Step { mantissa: 1, decimals: 3 } };

/// Every indicator with its defaults and a period of 10 where it has none.
fn specs() -> Vec<Spec> {
    let ten = [(None, Given::Number(10.0))];
    let given = |definition: &Definition| match definition.parameters.first() {
        Some(first) if first.default.is_none_or(|period| period == 0.0) => &ten[..],
        _ => &[],
    };
    DEFINITIONS.iter().map(|definition| Spec::new(definition.name, given(definition)).unwrap()).collect()
}

struct Walk(Stream, i64, i64);

impl Walk {
    fn new() -> Self {
        Self(Stream::new(7, 0), 6_000_000, 0)
    }
}

impl Iterator for Walk {
    type Item = Bar;

    #[allow(clippy::cast_possible_wrap)]
    fn next(&mut self) -> Option<Bar> {
        let mut draw = |below: u64| self.0.below(below) as i64;
        let open = self.1 + draw(41) - 20;
        let close = (open + draw(601) - 300).max(1_000);
        let (high, low) = (open.max(close) + draw(100), open.min(close) - draw(100));
        let volume = draw(5_000);
        (self.1, self.2) = (close, self.2 + 60 * SECOND);
        let value = i128::from(low + (high - low) / 3) * i128::from(volume);
        Some(Bar { start: self.2 - 60 * SECOND, end: self.2, open, high, low, close, volume, value, ..Bar::default() })
    }
}

#[test]
fn an_indicator_is_warm_when_it_says_so_and_tells_nothing_before() {
    let warmups = [10, 10, 10, 15, 34, 15, 28, 20, 20, 20, 18, 1, 10];
    for (spec, wanted) in specs().iter().zip(warmups) {
        let (mut indicator, name) = (spec.build(UNITS), spec.definition().name);
        assert_eq!(indicator.warmup(), wanted, "{name}");
        for (i, bar) in Walk::new().take(200).enumerate() {
            let outputs = indicator.update(&bar);
            for (at, value) in outputs.iter().enumerate() {
                let is_told = i + 1 >= wanted as usize && at < spec.definition().outputs.len();
                assert_eq!(value.is_finite(), is_told, "{name}, output {at} after {} bars: {value}", i + 1);
            }
        }
    }
}

/// After a million bars the same as from the last few thousand alone; what only adds (obv) has no such past.
#[test]
fn a_million_bars_leave_no_drift() {
    const RECENT: usize = 5_000;
    let specs: Vec<Spec> = specs().into_iter().filter(|spec| spec.definition().name != "obv").collect();
    let mut old: Vec<_> = specs.iter().map(|spec| spec.build(UNITS)).collect();
    let mut fresh: Vec<_> = specs.iter().map(|spec| spec.build(UNITS)).collect();
    let bars: Vec<Bar> = Walk::new().take(1_000_000).collect();
    for (i, bar) in bars.iter().enumerate() {
        for ((old, fresh), spec) in old.iter_mut().zip(&mut fresh).zip(&specs) {
            let outputs = old.update(bar);
            if i < bars.len() - RECENT {
                continue;
            }
            let alone = fresh.update(bar);
            for at in (0..spec.definition().outputs.len()).filter(|_| i > bars.len() - RECENT / 2) {
                let (value, wanted) = (outputs[at], alone[at]);
                let name = spec.definition().name;
                // MACD and ATR are differences of prices: an error of theirs is one of a price.
                assert!((value - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{name} {at}: {value} {wanted}");
            }
        }
    }
}
