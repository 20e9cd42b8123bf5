"""Rules: they trade what the same strategy in Python trades, and say what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest

from kedge.backtest.spec import Outcome
from kedge.model.errors import StrategyError, UsageError
from kedge.strategies.source import StrategySource, make, param_values, strategy_class
from tests.unit.strategies.small_market import PERPETUAL, SELL, SmallMarket, run_source

LONG = """
bars = "1s"
size = "0.5"
enter = "ema(fast) crosses above ema(slow) and rsi(14) < 75"
exit = "ema(fast) crosses below ema(slow)"
stop = "near%"
target = 2.5

[params]
fast = 5
slow = { default = 20, low = 10, high = 100, unit = "bars" }
near = 1.5
"""

LONG_IN_PYTHON = """from kedge import Strategy, param

class Long(Strategy):
    fast, slow, near = param(5), param(20, low=10, high=100), param(1.5)

    def on_start(self, ctx):
        ctx.bars("1s")
        self.quick, self.calm, self.strength = ctx.ema(self.fast), ctx.ema(self.slow), ctx.rsi(14)

    def held(self, ctx):
        return abs(ctx.position) * 2 >= 0.5

    def on_trade(self, ctx, trade):
        if not self.held(ctx):
            return
        made = trade.price - ctx.average_price
        if -made >= self.near / 100 * ctx.average_price or made >= 2.5:
            ctx.target(0)

    def on_bar(self, ctx, bar):
        if not (self.quick.warm and self.calm.warm and self.strength.warm):
            return
        if self.held(ctx):
            if self.quick.crossed_below(self.calm):
                ctx.target(0)
        elif self.quick.crossed_above(self.calm) and self.strength < 75:
            ctx.target(0.5)
"""

BOTH = """
bars = "50 ticks"
size = 0.4
enter = "close > bollinger(20, 2).upper or macd(5, 20, 5).histogram > 0.05 and not volume < previous(volume)"
exit = "close < donchian(10).middle"
enter_short = 'close < bollinger(20, 2).lower and ema(5, on="200 ticks") < 1e9'
exit_short = "close crosses above sma(10)"
"""

BOTH_IN_PYTHON = """from kedge import Strategy

class Both(Strategy):
    def on_start(self, ctx):
        ctx.bars(ticks=50)
        self.bands, self.macd, self.channel = ctx.bollinger(20, 2), ctx.macd(5, 20, 5), ctx.donchian(10)
        self.slow, self.mean = ctx.ema(5, on="200 ticks"), ctx.sma(10)
        self.close = self.volume = float("nan")

    def on_bar(self, ctx, bar):
        close, volume, self.close, self.volume = self.close, self.volume, bar.close, bar.volume
        if not all(each.warm for each in (self.bands, self.macd, self.channel, self.slow, self.mean)):
            return
        long = bar.close > self.bands.upper or self.macd.histogram > 0.05 and not bar.volume < volume
        short = bar.close < self.bands.lower and self.slow < 1e9
        held = (ctx.position > 0) - (ctx.position < 0) if abs(ctx.position) * 2 >= 0.4 else 0
        called = (long and not short) - (short and not long)
        above = close <= self.mean.previous and bar.close > self.mean
        leaves = bar.close < self.channel.middle if held > 0 else above
        wanted = called if held == 0 or called == -held else 0 if leaves else held
        if wanted != held:
            ctx.target(0.4 * wanted)
"""

FINE = {**PERPETUAL, "tick_size": "0.01", "quantity_step_in_data": "0.00000001", "min_notional": "1"}


def moving() -> SmallMarket:
    """A second a bar, five trades each, and a book that follows them."""
    random, market, level = np.random.default_rng(5), SmallMarket(), 10_000
    for second in range(1_500):
        market.snapshot(second * 1_000, [(level - 1, 10**11)], [(level + 1, 10**11)])
        for at, step in enumerate(random.integers(-30, 31, 5)):
            level = max(level + int(step), 100)
            size = int(random.integers(1, 10**8))
            market.trade(second * 1_000 + at * 150 + 10, SELL if step < 0 else 0, level, size)
    return market


def run_rule(text: str, instrument: dict[str, object] | None = None, **params: float) -> Outcome:
    return run_as("rule_under_test.toml", text, instrument, params)


def run_as(file: str, text: str, instrument: dict[str, object] | None, params: dict[str, float]) -> Outcome:
    return run_source(text, moving(), instrument or FINE, file=file, callback_seconds=30.0, params=params)


@pytest.mark.parametrize(
    ("rule", "python", "params"),
    [
        (LONG, LONG_IN_PYTHON, {}),
        (LONG, LONG_IN_PYTHON, {"fast": 3, "slow": 12, "near": 0.4}),
        (BOTH, BOTH_IN_PYTHON, {}),
    ],
)
def test_a_rule_trades_what_the_same_strategy_in_python_trades(rule, python, params):
    found = run_rule(rule, **params).tables
    wanted = run_as("strategy_under_test.py", python, None, params).tables
    assert len(wanted["fills"]["ts"]) > 20
    assert found["trace_hash"] == wanted["trace_hash"]


def test_parameters_are_declared_and_checked():
    rule = strategy_class(StrategySource("long.toml", LONG))
    assert param_values(make(rule, {"fast": 7}, "long.toml")) == {"fast": 7, "slow": 20, "near": 1.5}
    with pytest.raises(UsageError, match="slow` must be ≥ 10 and ≤ 100 bars, was 5"):
        make(rule, {"slow": 5}, "long.toml")
    with pytest.raises(UsageError, match="has no parameter `fats`"):
        make(rule, {"fats": 5}, "long.toml")


PLAIN = 'bars = "1s"\nsize = "0.5"\n'


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("bars = 1s", "Expected newline or end of document after a statement (at line 1", "correct the line"),
        ('size = "1"\nenter = "close > 1"', "`bars` is missing", "bars = "),
        (PLAIN + 'entre = "close > 1"', "there is no key `entre`", "did you mean `enter`?"),
        (PLAIN + "enter = true", "enter must be text, was True", ""),
        (
            PLAIN + 'enter = "close > 1 and"',
            "enter, column 14: expected a number, an indicator or (, found the end",
            "",
        ),
        (PLAIN + 'enter = "emma(3) > 1"', "enter, column 1: there is no `emma`", "did you mean `ema`?"),
        (PLAIN + 'enter = "close > 1"', "the rule never leaves what enter opened", "exit"),
        (PLAIN + 'enter = "close > 1"\nstop = "0%"', "stop must be above 0", "cost"),
        (PLAIN + 'enter = "close > fast"\nstop = "1%"', "enter, column 9: there is no `fast`", "open"),
        (PLAIN + "params = 3", "params must be a table, was 3", "[params]"),
        (PLAIN + '[params]\nfast = "3"', "params.fast: default must be a number, was '3'", "fast = 20"),
        (PLAIN + "[params]\nfast = { defualt = 3 }", "there is no key of params.fast `defualt`", "`default`"),
        (
            PLAIN + 'enter = "close > ema"\n[params]\nema = 3\n',
            "params: `ema` is a word of the conditions",
            "another name",
        ),
    ],
)
def test_a_rule_that_means_nothing_is_refused(text, message, hint):
    with pytest.raises(StrategyError) as caught:
        strategy_class(StrategySource("wrong.toml", text))
    assert caught.value.message.startswith(f"wrong.toml: {message}")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('bars = "soon"\nsize = 1', "a duration must be a whole number above 0 with a unit"),
        ('bars = "3 tocks"\nsize = 1', "a clock must be"),
        ('bars = "1s"\nsize = 0.0001', "size must be at least one lot (0.001), was 0.0001"),
    ],
)
def test_what_only_the_instrument_tells_stops_the_run_at_once(text, message):
    with pytest.raises(StrategyError) as caught:
        run_rule(text + '\nenter = "close > 1"\nstop = "1%"')
    assert caught.value.message.startswith(f"rule_under_test.toml: {message}")


def test_a_parameter_that_no_indicator_takes_is_named():
    with pytest.raises(StrategyError, match="macd: fast must be below slow, were 30 and 26"):
        run_rule(PLAIN + 'enter = "macd(fast).line > 0"\nstop = "1%"\n[params]\nfast = 12\n', fast=30)


def test_a_rule_sees_the_market_like_any_strategy():
    """The same callbacks' worth of data: `run_source` and a rule agree on what a second's bar is."""
    rule = run_rule(PLAIN + 'enter = "close > 1"\nstop = "90%"').tables
    python = "from kedge import Strategy\n\nclass Buys(Strategy):\n"
    python += '    def on_start(self, ctx):\n        ctx.bars("1s")\n\n'
    python += "    def on_bar(self, ctx, bar):\n        if not ctx.position:\n            ctx.target(0.5)\n"
    wanted = run_source(python, moving(), FINE, callback_seconds=30.0).tables
    assert rule["trace_hash"] == wanted["trace_hash"]
