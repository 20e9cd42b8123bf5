"""Candles of one instrument: minutes kept for days, seconds for an hour, longer intervals made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

SECOND_MS = 1_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000
_UNITS = {"s": SECOND_MS, "m": MINUTE_MS, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}
_NAMES = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")
INTERVALS = {name: int(name[:-1]) * _UNITS[name[-1]] for name in _NAMES}
MONTH = "1M"
# 5 January 1970 was the first Monday.
_MONDAY_MS = 4 * DAY_MS
SECONDS_KEPT = 3_600
MINUTES_KEPT = 20_000


@dataclass(slots=True)
class Candle:
    """Trades of one interval that opens at `open_ms` of the wall clock. Prices in ticks, volumes in steps, values in
    ticks × steps; `taker_` is what buyers took."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    value: int = 0
    trades: int = 0
    taker_volume: int = 0
    taker_value: int = 0
    first_id: int = -1
    last_id: int = -1

    def add(self, price: int, quantity: int, buyer_took: bool, trade_id: int) -> None:
        """Takes a trade in."""
        if self.trades == 0:
            self.open = self.high = self.low = price
            self.first_id = trade_id
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += quantity
        self.value += price * quantity
        self.trades += 1
        if buyer_took:
            self.taker_volume += quantity
            self.taker_value += price * quantity
        self.last_id = trade_id

    def join(self, later: Candle) -> None:
        """Takes in a later candle."""
        if later.trades:
            if self.trades == 0:
                self.open = self.high = self.low = later.open
                self.first_id = later.first_id
            self.high = max(self.high, later.high)
            self.low = min(self.low, later.low)
            self.last_id = later.last_id
        self.close = later.close
        self.volume += later.volume
        self.value += later.value
        self.trades += later.trades
        self.taker_volume += later.taker_volume
        self.taker_value += later.taker_value


def opening(interval: str, at_ms: int) -> int:
    """When the candle opens in which a moment lies."""
    if interval == MONTH:
        day = datetime.fromtimestamp(at_ms / 1000, UTC)
        return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp() * 1000)
    length = INTERVALS[interval]
    shift = _MONDAY_MS if interval == "1w" else 0
    return (at_ms - shift) // length * length + shift


def closing(interval: str, open_ms: int) -> int:
    """The last millisecond of a candle."""
    if interval == MONTH:
        day = datetime.fromtimestamp(open_ms / 1000, UTC)
        year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
        return int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000) - 1
    return open_ms + INTERVALS[interval] - 1


class Candles:
    """The candles of one instrument. An interval without a trade has a flat one, once there was a first trade."""

    def __init__(self) -> None:
        self._seconds: dict[int, Candle] = {}
        self._minutes: dict[int, Candle] = {}
        self._last: int | None = None

    def add(self, at_ms: int, price: int, quantity: int, buyer_took: bool, trade_id: int) -> None:
        """Takes a trade in; trades come in the order of their time."""
        if self._last is None:
            self._last = price
        for kept, length, most in self._kept():
            open_ms = at_ms // length * length
            candle = kept.get(open_ms)
            if candle is None:
                candle = self._next(kept, open_ms, length, most)
            candle.add(price, quantity, buyer_took, trade_id)
        self._last = price

    def roll(self, now_ms: int) -> None:
        """Opens the candles up to now, flat where nothing was traded."""
        if self._last is None:
            return
        for kept, length, most in self._kept():
            open_ms = now_ms // length * length
            if open_ms not in kept:
                self._next(kept, open_ms, length, most)

    def of(self, interval: str, start_ms: int, end_ms: int, limit: int, newest: bool) -> list[Candle]:
        """Candles that open in [start, end]: the newest `limit` of them, or the oldest."""
        kept = self._seconds if interval == "1s" else self._minutes
        joined: dict[int, Candle] = {}
        for candle in self._between(kept, opening(interval, max(start_ms, 0)), end_ms, interval, limit, newest):
            open_ms = opening(interval, candle.open_ms)
            if start_ms <= open_ms <= end_ms:
                found = joined.get(open_ms)
                if found is None:
                    found = joined[open_ms] = Candle(open_ms, candle.open, candle.open, candle.open, candle.open)
                found.join(candle)
        candles = [joined[open_ms] for open_ms in sorted(joined)]
        return candles[-limit:] if newest else candles[:limit]

    def at(self, interval: str, open_ms: int) -> Candle | None:
        """The candle that opens at this moment."""
        found = self.of(interval, open_ms, open_ms, 1, newest=True)
        return found[0] if found else None

    def since(self, start_ms: int) -> Candle | None:
        """What was traded from the minute of `start_ms` on, as one candle."""
        whole: Candle | None = None
        for candle in self._minutes.values():
            if candle.open_ms > start_ms - MINUTE_MS:
                if whole is None:
                    whole = Candle(candle.open_ms, candle.open, candle.open, candle.open, candle.open)
                whole.join(candle)
        return whole

    def _kept(self) -> tuple[tuple[dict[int, Candle], int, int], tuple[dict[int, Candle], int, int]]:
        return (self._seconds, SECOND_MS, SECONDS_KEPT), (self._minutes, MINUTE_MS, MINUTES_KEPT)

    def _between(
        self, kept: dict[int, Candle], start_ms: int, end_ms: int, interval: str, limit: int, newest: bool
    ) -> Iterator[Candle]:
        """The kept candles that can matter, in the order of time: only the newest where only those are asked for."""
        length = SECOND_MS if interval == "1s" else MINUTE_MS
        if newest and end_ms >= 2**61:
            wanted = (limit + 1) * (INTERVALS.get(interval, 31 * DAY_MS) // length)
            skipped = max(0, len(kept) - wanted)
            yield from islice(kept.values(), skipped, None)
            return
        last = closing(interval, opening(interval, end_ms)) if end_ms < 2**61 else end_ms
        for candle in kept.values():
            if start_ms <= candle.open_ms <= last:
                yield candle

    def _next(self, kept: dict[int, Candle], open_ms: int, length: int, most: int) -> Candle:
        assert self._last is not None
        before = next(reversed(kept), open_ms - length)
        candle = None
        for at in range(max(before + length, open_ms - most * length), open_ms + length, length):
            candle = kept[at] = Candle(at, self._last, self._last, self._last, self._last)
        while len(kept) > most:
            del kept[next(iter(kept))]
        if candle is None:  # the wall clock went back: it goes into the newest there is
            candle = kept[before]
        return candle
