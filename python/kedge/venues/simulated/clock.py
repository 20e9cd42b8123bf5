"""Two clocks: the market's, which may run faster, and the wall's, which is on everything a client sees."""

from __future__ import annotations

import time
from collections.abc import Callable


class MarketClock:
    """Maps the wall clock to the market's and back.

    From `start` on (market time and wall time are equal there) the market runs `speed` times as fast. `offset_ms` puts
    all times on the wire off, as a venue with a wrong clock would show them. Never runs backwards.
    """

    def __init__(self, start: int, speed: float, wall: Callable[[], int] = time.time_ns) -> None:
        self.start = start
        self.speed = speed
        self.offset_ms = 0
        self._wall = wall
        self._latest = start

    def wall(self) -> int:
        """Our wall clock, ns; the offset is not in it."""
        return self._wall()

    def now(self) -> int:
        """The market's time, ns."""
        passed = self._wall() - self.start
        market = self.start + (passed if self.speed == 1 else int(passed * self.speed))
        self._latest = max(self._latest, market)
        return self._latest

    def wire(self, market_ns: int) -> int:
        """A market time as clients see it: wall-clock ns."""
        passed = market_ns - self.start
        if self.speed != 1:
            passed = int(passed / self.speed)
        return self.start + passed + self.offset_ms * 1_000_000

    def wire_ms(self, market_ns: int) -> int:
        """A market time as clients see it: wall-clock ms."""
        return self.wire(market_ns) // 1_000_000

    def now_ms(self) -> int:
        """The time the venue says it is, ms."""
        return self._wall() // 1_000_000 + self.offset_ms
