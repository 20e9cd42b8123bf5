"""A part of `_core.pyi`: bars and indicators. Nothing of this name exists at run time."""

from decimal import Decimal
from typing import final

from kedge._core import Quote

_Size = float | Decimal

# features.rs
class Features:
    """Prices, timers, bars and indicators of one strategy, the base of `Context`. Valid within a callback only."""

    @property
    def tick(self) -> float:
        """One tick."""
    @property
    def lot(self) -> float:
        """One lot, in base units."""
    @property
    def last(self) -> float | None:
        """Price of the last trade; None before the first."""
    @property
    def quoted(self) -> Quote:
        """The venue's best prices as quoted apart from the book; zeros before the first quote."""
    def every(self, interval: str) -> int:
        """Calls `on_timer` every `interval` ("100ms", "1s") from now on; returns the timer's number."""
    def bars(
        self,
        interval: str | None = None,
        *,
        ticks: int | None = None,
        volume: _Size | None = None,
        dollar: float | Decimal | None = None,
        imbalance: int | tuple[int, int] | None = None,
        span: int = 20,
    ) -> int:
        """Calls `on_bar` at the close of every bar of one clock; returns the number of the series.

        A bar lasts `interval` ("1m"), or closes at every `ticks`-th trade, with the trade that brings it to a `volume`
        (base units), to a `dollar` value (quote currency), or one side `imbalance` trades ahead of the other: a fixed
        number, or within two bounds as expected from `span` bars.
        """
    def ema(self, period: int, *, seed: str = "mean", on: str | None = None) -> Indicator:
        """An exponential moving average of the closes, begun at the mean of the first or (`seed="first"`) at the first.

        This and all others follow the bars asked for last, or those of a clock: `on="trades"`, `"5m"`, `"100 ticks"`,
        `"5 volume"`, `"1000000 dollar"`, `"50 imbalance"`.
        """
    def sma(self, period: int, *, on: str | None = None) -> Indicator:
        """A simple moving average of the closes."""
    def wma(self, period: int, *, on: str | None = None) -> Indicator:
        """A moving average of the closes, the newest weighing most."""
    def rsi(self, period: int = 14, *, on: str | None = None) -> Indicator:
        """The relative strength index, from 0 to 100."""
    def macd(self, fast: int = 12, slow: int = 26, signal: int = 9, *, on: str | None = None) -> Macd:
        """Two averages' difference, its own average and the difference of both."""
    def atr(self, period: int = 14, *, on: str | None = None) -> Indicator:
        """The average true range."""
    def adx(self, period: int = 14, *, on: str | None = None) -> Adx:
        """The average directional index and its two directional indicators."""
    def bollinger(self, period: int = 20, deviations: float = 2.0, *, on: str | None = None) -> Bands:
        """So many standard deviations about the mean of the closes."""
    def keltner(self, period: int = 20, multiplier: float = 2.0, atr: int = 10, *, on: str | None = None) -> Bands:
        """A multiple of the average true range about an average of the closes."""
    def donchian(self, period: int = 20, *, on: str | None = None) -> Bands:
        """The highest high and the lowest low, and halfway between."""
    def stochastic(self, period: int = 14, smooth: int = 3, signal: int = 3, *, on: str | None = None) -> Stochastic:
        """Where the close lies between low and high, in per cent, smoothed (`k`), and that smoothed again (`d`)."""
    def obv(self, *, on: str | None = None) -> Indicator:
        """On-balance volume."""
    def vwap(self, period: int = 0, *, on: str | None = None) -> Indicator:
        """The volume-weighted average price since midnight UTC, or of the last `period` bars."""

# indicators.rs
@final
class Indicator:
    """A value of an indicator of the core: reads like a float in comparisons and arithmetic."""

    @property
    def value(self) -> float:
        """The value after the last bar; NaN until it is warm."""
    @property
    def previous(self) -> float:
        """The value after the bar before that."""
    @property
    def warm(self) -> bool:
        """Whether it has seen as many bars as it needs."""
    @property
    def ready(self) -> bool:
        """The same as `warm`."""
    @property
    def warmup(self) -> int:
        """How many bars it needs."""
    def crossed_above(self, other: float | Indicator) -> bool:
        """Whether it was at or below another (or a number) after the bar before, and is above it now."""
    def crossed_below(self, other: float | Indicator) -> bool:
        """Whether it was at or above another (or a number) after the bar before, and is below it now."""
    def __float__(self) -> float: ...
    def __lt__(self, other: float | Indicator, /) -> bool: ...
    def __le__(self, other: float | Indicator, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __gt__(self, other: float | Indicator, /) -> bool: ...
    def __ge__(self, other: float | Indicator, /) -> bool: ...
    def __add__(self, other: float | Indicator, /) -> float: ...
    def __radd__(self, other: float, /) -> float: ...
    def __sub__(self, other: float | Indicator, /) -> float: ...
    def __rsub__(self, other: float, /) -> float: ...
    def __mul__(self, other: float | Indicator, /) -> float: ...
    def __rmul__(self, other: float, /) -> float: ...
    def __truediv__(self, other: float | Indicator, /) -> float: ...
    def __rtruediv__(self, other: float, /) -> float: ...

@final
class Macd:
    """What `ctx.macd` gives."""

    line: Indicator
    signal: Indicator
    histogram: Indicator
    @property
    def warm(self) -> bool:
        """Whether it has seen as many bars as it needs."""
    @property
    def warmup(self) -> int:
        """How many bars it needs."""

@final
class Adx:
    """What `ctx.adx` gives."""

    value: Indicator
    plus: Indicator
    minus: Indicator
    @property
    def warm(self) -> bool:
        """Whether it has seen as many bars as it needs."""
    @property
    def warmup(self) -> int:
        """How many bars it needs."""

@final
class Bands:
    """What `ctx.bollinger`, `ctx.keltner` and `ctx.donchian` give."""

    upper: Indicator
    middle: Indicator
    lower: Indicator
    @property
    def warm(self) -> bool:
        """Whether it has seen as many bars as it needs."""
    @property
    def warmup(self) -> int:
        """How many bars it needs."""

@final
class Stochastic:
    """What `ctx.stochastic` gives."""

    k: Indicator
    d: Indicator
    @property
    def warm(self) -> bool:
        """Whether it has seen as many bars as it needs."""
    @property
    def warmup(self) -> int:
        """How many bars it needs."""
