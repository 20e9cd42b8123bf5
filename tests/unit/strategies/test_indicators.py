"""Indicators of a running strategy against TA-Lib over the same bars, and bars of every clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import talib

from kedge.model.errors import StrategyError
from tests.unit.strategies.small_market import MS, SELL, START, SmallMarket, run_source

BARS = 3_000

CALLS = {
    "ema": "ema(20)",
    "ema-long": "ema(200)",
    "sma": "sma(20)",
    "wma": "wma(20)",
    "rsi": "rsi(14)",
    "rsi-short": "rsi(2)",
    "macd": "macd(12, 26, 9)",
    "macd-other": "macd(5, 34, 7)",
    "atr": "atr(14)",
    "atr-of-one": "atr(1)",
    "adx": "adx(14)",
    "adx-short": "adx(2)",
    "bollinger": "bollinger(20, 2)",
    "bollinger-wide": "bollinger(50, 2.5)",
    "donchian": "donchian(20)",
    "stochastic": "stochastic(14, 3, 3)",
    "stochastic-fast": "stochastic(5, 1, 3)",
    "obv": "obv()",
}

Arrays = dict[str, np.ndarray[Any, np.dtype[np.float64]]]

ORACLES: dict[str, Callable[[Arrays], dict[str, Any]]] = {
    "ema": lambda b: {"value": talib.EMA(b["close"], 20)},
    "ema-long": lambda b: {"value": talib.EMA(b["close"], 200)},
    "sma": lambda b: {"value": talib.SMA(b["close"], 20)},
    "wma": lambda b: {"value": talib.WMA(b["close"], 20)},
    "rsi": lambda b: {"value": talib.RSI(b["close"], 14)},
    "rsi-short": lambda b: {"value": talib.RSI(b["close"], 2)},
    "macd": lambda b: dict(zip(("line", "signal", "histogram"), talib.MACD(b["close"], 12, 26, 9), strict=True)),
    "macd-other": lambda b: dict(zip(("line", "signal", "histogram"), talib.MACD(b["close"], 5, 34, 7), strict=True)),
    "atr": lambda b: {"value": talib.ATR(b["high"], b["low"], b["close"], 14)},
    "atr-of-one": lambda b: {"value": talib.ATR(b["high"], b["low"], b["close"], 1)},
    "adx": lambda b: directional(b, 14),
    "adx-short": lambda b: directional(b, 2),
    "bollinger": lambda b: dict(zip(("upper", "middle", "lower"), talib.BBANDS(b["close"], 20, 2, 2), strict=True)),
    "bollinger-wide": lambda b: dict(
        zip(("upper", "middle", "lower"), talib.BBANDS(b["close"], 50, 2.5, 2.5), strict=True)
    ),
    "donchian": lambda b: {"upper": talib.MAX(b["high"], 20), "lower": talib.MIN(b["low"], 20)},
    "stochastic": lambda b: dict(
        zip(("k", "d"), talib.STOCH(b["high"], b["low"], b["close"], 14, 3, 0, 3, 0), strict=True)
    ),
    "stochastic-fast": lambda b: dict(
        zip(("k", "d"), talib.STOCHF(b["high"], b["low"], b["close"], 5, 3, 0), strict=True)
    ),
    "obv": lambda b: {"value": talib.OBV(b["close"], b["volume"])},
}


def directional(bars: Arrays, period: int) -> dict[str, Any]:
    """TA-Lib tells the directional indicators before the index; here all three are told together."""
    index = talib.ADX(bars["high"], bars["low"], bars["close"], period)
    cold = np.where(np.isnan(index), np.nan, 0.0)
    return {
        "value": index,
        "plus": talib.PLUS_DI(bars["high"], bars["low"], bars["close"], period) + cold,
        "minus": talib.MINUS_DI(bars["high"], bars["low"], bars["close"], period) + cold,
    }


SOURCE = f"""from kedge import Strategy

OUTPUTS = ("value", "line", "signal", "histogram", "upper", "middle", "lower", "k", "d", "plus", "minus")

class Writer(Strategy):
    def on_start(self, ctx):
        ctx.bars("1s")
        self.indicators = {{{", ".join(f'"{name}": ctx.{call}' for name, call in CALLS.items())}}}
        self.warmups = {{name: each.warmup for name, each in self.indicators.items()}}
        self.bars, self.values, self.previous, self.warm = [], [], [], []

    def on_bar(self, ctx, bar):
        self.bars.append((bar.open, bar.high, bar.low, bar.close, bar.volume))
        now = {{}}
        for name, each in self.indicators.items():
            for output in OUTPUTS:
                if hasattr(each, output):
                    now[name, output] = float(getattr(each, output))
        self.values.append(now)
        self.warm.append({{name: each.warm for name, each in self.indicators.items()}})
        self.previous.append((float(self.indicators["macd"].line.previous), self.indicators["ema"].previous))
"""


def walk(price: int, seed: int) -> SmallMarket:
    """A second a bar, five trades each, from `price` ticks; for 600 bars in the middle nothing moves."""
    random = np.random.default_rng(seed)
    market = SmallMarket().snapshot(0, [(price - 1, 10**8)], [(price + 1, 10**8)])
    level = price
    for bar in range(BARS):
        flat = 1_500 <= bar < 2_100
        for at, step in enumerate(random.integers(-30, 31, 5)):
            level = level if flat else max(level + int(step), 100)
            market.trade(bar * 1_000 + at * 150 + 10, SELL if step < 0 else 0, level, int(random.integers(1, 10**8)))
    market.trade(BARS * 1_000 + 10, 0, level, 1)
    return market


@pytest.fixture(scope="module", params=[10_000, 6_000_000], ids=["prices-of-100", "prices-of-60000"])
def told(request) -> Any:
    return run_source(SOURCE, walk(request.param, 5), callback_seconds=30.0).strategies[0]


@pytest.fixture(scope="module")
def bars(told) -> Arrays:
    columns = np.array(told.bars)
    assert len(columns) == BARS
    return {name: columns[:, at].copy() for at, name in enumerate(("open", "high", "low", "close", "volume"))}


@pytest.mark.parametrize("name", CALLS)
def test_an_indicator_equals_talib(told, bars, name):
    for output, wanted in ORACLES[name](bars).items():
        found = np.array([now[name, output] for now in told.values])
        # A difference of prices is as exact as prices are.
        scale = np.maximum(np.maximum(np.abs(wanted), 1.0), bars["close"] if name.startswith(("macd", "atr")) else 0.0)
        assert np.array_equal(np.isnan(found), np.isnan(wanted)), output
        worst = np.nanmax(np.abs(found - wanted) / scale)
        assert worst <= 1e-9, f"{output} is {worst} off"
    warm = [now[name] for now in told.warm]
    assert warm.index(True) == told.warmups[name] - 1
    assert all(
        math.isnan(value)
        for now in told.values[: told.warmups[name] - 1]
        for key, value in now.items()
        if key[0] == name
    )


def test_previous_is_the_value_of_the_bar_before(told):
    for before, (line, average) in zip(told.values, told.previous[1:], strict=False):
        assert np.array_equal([before["macd", "line"], before["ema", "value"]], [line, average], equal_nan=True)


def test_keltner_is_made_of_its_parts(bars, told):
    source = SOURCE.replace("ctx.obv()", "ctx.keltner(20, 1.5, 10)")
    found = run_source(source, walk(10_000, 5), callback_seconds=30.0).strategies[0]
    middle = talib.EMA(np.array(found.bars)[:, 3].copy(), 20)
    width = 1.5 * talib.ATR(*(np.array(found.bars)[:, at].copy() for at in (1, 2, 3)), 10)
    for output, wanted in (("upper", middle + width), ("middle", middle), ("lower", middle - width)):
        values = np.array([now["obv", output] for now in found.values])
        np.testing.assert_allclose(values, wanted, rtol=1e-9, atol=0, equal_nan=True)


VWAP = """from kedge import Strategy

class Writer(Strategy):
    def on_start(self, ctx):
        ctx.bars("1s")
        self.day, self.three = ctx.vwap(), ctx.vwap(3)
        self.trades, self.told = [], []

    def on_trade(self, ctx, trade):
        self.trades.append((ctx.now, trade.price, trade.size))

    def on_bar(self, ctx, bar):
        self.told.append((bar.end, self.day.value, self.three.value))
"""


def test_vwap_is_of_every_trade_since_midnight_or_of_the_last_bars():
    # START is 22:13:20 UTC: midnight comes after 6,400 s.
    market = SmallMarket().snapshot(0, [(99, 10**8)], [(101, 10**8)])
    random = np.random.default_rng(2)
    for second in range(6_390, 6_410):
        for at in (100, 600):
            market.trade(second * 1_000 + at, 0, int(random.integers(90, 110)), int(random.integers(1, 10**6)))
    found = run_source(VWAP, market).strategies[0]
    midnight = START + 6_400 * 1_000 * MS

    def mean(first: int, last: int) -> float:
        of = [(price, size) for at, price, size in found.trades if first < at <= last]
        return sum(price * size for price, size in of) / sum(size for _, size in of)

    assert len(found.told) >= 19
    for end, day, three in found.told:
        assert day == pytest.approx(mean(midnight if end > midnight else START, end), rel=1e-12)
        if end >= START + 6_393 * 1_000 * MS:
            assert three == pytest.approx(mean(end - 3_000 * MS, end), rel=1e-12)


CLOCKS = """from kedge import Strategy

class Writer(Strategy):
    def on_start(self, ctx):
        self.series = ctx.bars({clock})
        self.every, self.slow = ctx.ema(1, on="trades"), ctx.sma(3, on="trades")
        self.bars, self.trades, self.now = [], [], []

    def on_trade(self, ctx, trade):
        self.trades.append((trade.price, trade.size, trade.side))
        self.now.append((self.every.value, self.slow.value))

    def on_bar(self, ctx, bar):
        self.bars.append((len(self.trades), bar.trades, bar.volume))
"""


def ends(clock: str, closes: Callable[[list[tuple[float, float, str]]], bool]) -> tuple[list[int], list[int]]:
    """Numbers of the trades that closed bars, and those that should have, by a rule over the trades of a bar."""
    found = run_source(CLOCKS.format(clock=clock), walk(10_000, 8), callback_seconds=30.0).strategies[0]
    wanted, bar = [], []
    for at, trade in enumerate(found.trades, 1):
        bar.append(trade)
        if closes(bar):
            wanted.append(at)
            bar = []
    assert [count for _, count, _ in found.bars] == np.diff([0, *[at for at, _, _ in found.bars]]).tolist()
    assert [every for every, _ in found.now] == [price for price, _, _ in found.trades]
    slow = talib.SMA(np.array([price for price, _, _ in found.trades]), 3)
    np.testing.assert_allclose([slow for _, slow in found.now], slow, rtol=1e-12, atol=0, equal_nan=True)
    return [at for at, _, _ in found.bars], wanted


@pytest.mark.parametrize(
    ("clock", "closes"),
    [
        ("ticks=7", lambda bar: len(bar) == 7),
        ("volume=2", lambda bar: round(sum(size for _, size, _ in bar) * 10**8) >= 2 * 10**8),
        ("dollar=250.5", lambda bar: sum(round(p * 100) * round(s * 10**8) for p, s, _ in bar) >= 2505 * 10**9),
        ("imbalance=4", lambda bar: abs(sum(1 if side == "buy" else -1 for *_, side in bar)) == 4),
    ],
)
def test_bars_close_with_the_trade_that_reaches_their_threshold(clock, closes):
    found, wanted = ends(clock, closes)
    assert found == wanted
    assert len(found) > 100


def test_an_expected_imbalance_stays_within_its_bounds():
    source = CLOCKS.format(clock="imbalance=(3, 12), span=5")
    found = run_source(source, walk(10_000, 8), callback_seconds=30.0).strategies[0]
    first, sums = 0, set()
    for last, _, _ in found.bars:
        sums.add(abs(sum(1 if side == "buy" else -1 for *_, side in found.trades[first:last])))
        first = last
    assert min(sums) == 3
    assert 3 < max(sums) <= 12


ASKED = """from kedge import Strategy

class Wrong(Strategy):
    def on_start(self, ctx):
        ctx.bars("1s")
        {line}
"""


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("ctx.ema(0)", "ema: period must be a whole number from 1 to 100000, was 0", "counts bars"),
        ("ctx.rsi(-3)", "rsi: period must be a whole number from 2 to 100000, was -3", "counts bars"),
        ("ctx.sma(2.5)", "sma: period must be a whole number from 1 to 100000, was 2.5", ""),
        ("ctx.sma([])", "sma: period must be a number, was []", "pass an int"),
        ("ctx.macd(26, 12)", "macd: fast must be below slow, were 26 and 12", "fast=12, slow=26, signal=9"),
        ("ctx.ema(3, seed='frist')", 'ema: seed cannot be "frist"', "did you mean `first`?"),
        ("ctx.bollinger(20, -1)", "bollinger: deviations must be a number from 0 to 100, was -1", ""),
        ("ctx.emma(3)", "AttributeError: 'Context' object has no attribute 'emma'", "did you mean `ema`?"),
        ("ctx.macd().lin", "AttributeError: 'Macd' object has no attribute 'lin'", "did you mean `line`?"),
        ("ctx.bars()", "ctx.bars needs one clock: an interval, ticks, volume, dollar or imbalance", "ctx.bars("),
        ("ctx.bars('1s', ticks=3)", "ctx.bars needs one clock: an interval, ticks, volume, dollar or imbalance", ""),
        ("ctx.bars(ticks=0)", "ticks must be a whole number from 1 to 4294967295, was 0", "hundredth"),
        ("ctx.bars(volume=0)", "volume must be at least 0.00000001, was 0", "base units"),
        ("ctx.bars(volume=1e-9)", "volume must be a multiple of 0.00000001, was 0.000000001", "step"),
        ("ctx.bars(dollar=-5)", "dollar must be a number above 0, was -5", "quote currency"),
        ("ctx.bars(imbalance=(9, 3))", "imbalance: the lower bound must not be above the upper, were 9 and 3", ""),
        ("ctx.bars(imbalance=0)", "imbalance: the lower bound must be a whole number above 0, was 0", "trades"),
        ("ctx.ema(3, on='100 tocks')", "a clock must be", "100 ticks"),
    ],
)
def test_what_is_asked_for_wrongly_is_named(line, message, hint):
    with pytest.raises(StrategyError) as caught:
        run_source(ASKED.format(line=line))
    assert caught.value.message.startswith(f"strategy_under_test.py, line 6, in on_start: {message}")
    assert hint in caught.value.hint
