//! What conditions mean, and what is said of those that mean nothing.

use std::collections::BTreeMap;

use super::expression::{Sight, Stack, When, value};
use super::grammar::{Wrong, condition};
use super::{Definition, RuleStrategy};
use crate::decimal::Step;
use crate::feature::Bar;

fn parameters() -> BTreeMap<String, f64> {
    BTreeMap::from([("fast".into(), 10.0), ("edge".into(), 0.5)])
}

fn read(text: &str) -> Result<(Vec<super::expression::Op>, Vec<super::grammar::Wanted>), Wrong> {
    let mut wanted = Vec::new();
    condition(text, &parameters(), &mut wanted).map(|ops| (ops, wanted))
}

/// The first indicator stands at 5, 2, 1 and was 3, 4, 1; the second, at 4 both times.
fn holds(text: &str) -> bool {
    let (ops, _) = read(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
    let bar = |close| Bar { end: 1, open: 100, high: 120, low: 90, close, volume: 7, ..Bar::default() };
    let (now, before) = (bar(110), bar(95));
    let sight = Sight {
        bars: [&now, &before],
        tick: Step { mantissa: 1, decimals: 1 },
        step: Step { mantissa: 1, decimals: 0 },
        indicator: |which: usize, output: usize, when| match (which, when) {
            (0, When::Now) => [5.0, 2.0, 1.0][output],
            (0, When::Before) => [3.0, 4.0, 1.0][output],
            (1, _) => 4.0,
            _ => f64::NAN,
        },
    };
    value(&ops, &sight, &mut Stack::default()) > 0.0
}

#[test]
fn conditions_mean_what_they_say() {
    let cases = [
        ("close > 10", true),
        ("close == 11 and volume != 7", false),
        ("close - open * 2 < -5 - 3", true),
        ("(close - open) / 2 >= edge", true),
        ("not close > 10 or high <= 12", true),
        ("not (close > 10 or high <= 12)", false),
        ("1 < 2 and 2 < 1 or 1 < 2", true),
        ("1 < 2 and (2 < 1 or 1 < 2)", true),
        ("2 < 1 and 2 < 1 or 1 < 2", true),
        ("1 < 2 or 1 < 2 and 2 < 1", true),
        ("previous(close) == 9.5 and low == 9", true),
        ("close crosses above open", true),
        ("open crosses above close", false),
        ("close crosses below open", false),
        ("open crosses below close", true),
        ("close + 5 crosses above open", false),
        ("ema(fast) crosses above sma(20)", true),
        ("sma(20) crosses below ema(3)", false),
        ("ema(3) > previous(ema(3))", true),
        ("adx(14).plus < previous(adx(14).plus) and adx(14) == 5", true),
        ("macd(12, 26, 9).signal == 2 and macd().histogram == 1", true),
        ("wma(3) + sma(4) + rsi(5) > 0", false),
        ("wma(3) > 0 and sma(4) > 0 and not rsi(5) != 0", true),
        ("--close == 11", true),
        ("close < 1e9 and close > 2.5e-3 and close > 1E+0", true),
    ];
    for (text, wanted) in cases {
        assert_eq!(holds(text), wanted, "{text}");
    }
}

#[test]
fn an_indicator_asked_for_twice_is_one() {
    let (_, wanted) = read("ema(10) > ema(fast) and ema(10, on=\"5m\") > ema(period=10)").unwrap();
    assert_eq!(wanted.iter().map(|wanted| wanted.on.as_deref()).collect::<Vec<_>>(), [None, Some("5m")]);
}

#[test]
fn what_means_nothing_is_told_with_its_column_and_what_was_expected() {
    let cases = [
        ("", 1, "expected a number, an indicator or (, found the end"),
        ("ema(20)", 1, "expected a condition, found a number"),
        ("close > 3 and ema(20)", 15, "expected a condition, found a number"),
        ("ema(20) and close > 3", 1, "expected a condition, found a number"),
        ("close > (3 < 4)", 9, "expected a number, found a condition"),
        ("(3 < 4) + 1 > 2", 1, "expected a number, found a condition"),
        ("close >", 8, "expected a number, an indicator or (, found the end"),
        ("close > 3 4", 11, "expected and, or, or the end, found `4`"),
        ("close > 3 < 4", 11, "expected and, or, or the end, found `<`"),
        ("close > 3 AND open > 2", 11, "expected and, or, or the end, found `AND`"),
        ("close = 3", 7, "expected a comparison, found `=`"),
        ("close crosses over 3", 15, "expected above or below, found `over`"),
        ("emma(20) > 3", 1, "there is no `emma`"),
        ("ema > 3", 5, "expected (, found `>`"),
        ("ema(20 > 3", 8, "expected ), found `>`"),
        ("ema(close) > 3", 1, "ema: period must be a number from 1 to 100000, was \"close\""),
        ("ema(0) > 3", 1, "ema: period must be a whole number from 1 to 100000, was 0"),
        ("ema(-3) > 3", 1, "ema: period must be a whole number from 1 to 100000, was -3"),
        ("macd() > 3", 1, "macd has several outputs"),
        ("macd().lin > 3", 8, "macd has no output `lin`"),
        ("close > 3 $", 11, "`$` means nothing here"),
        ("close > 3em", 10, "expected and, or, or the end, found `em`"),
        ("close > 1.2.3", 9, "`1.2.3` is no number"),
        ("ema(3, on=\"5m) > 3", 11, "the text does not end"),
        ("previous(previous(close)) > 3", 10, "only one bar back can be looked at"),
        ("previous(close) crosses above 3", 1, "only one bar back can be looked at"),
        ("überhaupt > 3", 1, "there is no `überhaupt`"),
    ];
    for (text, column, what) in cases {
        let wrong = read(text).expect_err(text);
        assert_eq!(wrong.column, column, "{text}: {wrong:?}");
        assert!(wrong.what.starts_with(what), "{text}: {wrong:?}");
        assert!(!wrong.hint.is_empty());
    }
    assert!(read("emma(20) > 3").unwrap_err().hint.starts_with("did you mean `ema`?"));
    for deep in [format!("{}1{} > 0", "(".repeat(900), ")".repeat(900)), format!("1{} > 0", " + (1".repeat(900))] {
        assert!(read(&deep).is_err(), "a text cannot exhaust the stack");
    }
}

#[test]
fn a_rule_that_cannot_enter_or_leave_is_refused() {
    let text = |text: &str| Some(text.to_owned());
    let plain = Definition { bars: "1m".into(), size: "0.01".into(), ..Definition::default() };
    let up = Definition { enter: text("close > open"), ..plain.clone() };
    let cases = [
        (plain.clone(), "the rule never enters"),
        (Definition { exit: text("close > 3"), ..plain }, "the rule never enters"),
        (up.clone(), "the rule never leaves what enter opened"),
        (Definition { exit: text("close"), ..up.clone() }, "exit, column 1: expected a condition"),
        (Definition { stop: text("-1%"), ..up.clone() }, "stop must be above 0"),
        (Definition { target: text("much"), ..up.clone() }, "target must be above 0"),
        (Definition { stop: text("1%"), size: "0".into(), ..up.clone() }, "size must be a number above 0"),
        (Definition { stop: text("1%"), size: "slow".into(), ..up.clone() }, "size must be a number above 0"),
    ];
    for (definition, what) in cases {
        let refused = RuleStrategy::new(definition, &parameters()).err().expect(what);
        assert!(refused.what.starts_with(what), "{}", refused.what);
    }
    let fine = Definition { stop: text("edge%"), size: "edge".into(), ..up.clone() };
    assert!(RuleStrategy::new(fine, &parameters()).is_ok());
    assert!(RuleStrategy::new(Definition { enter_short: text("close < open"), ..up.clone() }, &parameters()).is_ok());
    let taken = BTreeMap::from([("close".into(), 1.0)]);
    let refused = RuleStrategy::new(Definition { stop: text("1%"), ..up }, &taken).err().unwrap();
    assert_eq!(refused.what, "params: `close` is a word of the conditions");
}
