"""The rate budget: what the venue's headers say we have used, kept below its limits.

Every limit counts in a window of the venue's clock (a minute, ten seconds, a day). A request takes its weight before it
leaves, and the answer's headers correct the count. Each purpose may fill the limit only to its share, so that cancels
always find room.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Purpose = Literal["snapshot", "read", "order", "cancel"]
SHARES: Mapping[Purpose, float] = {"snapshot": 0.6, "read": 0.8, "order": 0.9, "cancel": 0.98}
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
INTERVALS = {"SECOND": "s", "MINUTE": "m", "HOUR": "h", "DAY": "d"}

_HEADER = re.compile(r"x-mbx-(used-weight|order-count)-([1-9][0-9]{0,3})([smhd])")
_COUNT_MAX = 10**9


@dataclass(slots=True)
class _Window:
    length_s: int
    limit: int
    used: int = 0
    at: int = -1

    def roll(self, venue_ns: int) -> None:
        at = venue_ns // (self.length_s * 1_000_000_000)
        if at != self.at:
            self.at, self.used = at, 0

    def left_s(self, venue_ns: int) -> float:
        return self.length_s - venue_ns / 1e9 % self.length_s


class RateBudget:
    """What may still be asked for. `now_venue` is the venue's time in nanoseconds, whose windows are counted."""

    def __init__(self, weight_limit: int, now_venue: Callable[[], int]) -> None:
        self._now_venue = now_venue
        self._weight = _Window(60, weight_limit)
        self._orders: dict[int, _Window] = {}
        self._blocked_until_mono = 0
        self._orders_blocked_until_mono = 0
        self._banned = False
        self.guessed = False
        """Whether the limits are only ours: then they keep no question back, for one of them is for the limits."""

    @property
    def used(self) -> int:
        """Request weight used in this minute."""
        self._weight.roll(self._now_venue())
        return self._weight.used

    @property
    def limit(self) -> int:
        """Request weight allowed in a minute."""
        return self._weight.limit

    @property
    def orders(self) -> dict[int, tuple[int, int]]:
        """Orders counted and allowed, by the length of the window in seconds."""
        now = self._now_venue()
        for window in self._orders.values():
            window.roll(now)
        return {length: (window.used, window.limit) for length, window in sorted(self._orders.items())}

    @property
    def banned_until(self) -> int:
        """Until when nothing may be asked (429 or 418), ns of our wall clock; 0 if there is no such time."""
        left = self._blocked_until_mono - time.monotonic_ns()
        return time.time_ns() + left if left > 0 else 0

    def learn_limits(self, rate_limits: object) -> None:
        """Takes the `rateLimits` of the exchange's information; what is not understood is left out."""
        self.guessed = False
        for row in rate_limits if isinstance(rate_limits, list) else []:
            if not isinstance(row, dict):
                continue
            unit = INTERVALS.get(str(row.get("interval")))
            number, limit = row.get("intervalNum"), row.get("limit")
            if unit is None or type(number) is not int or type(limit) is not int or not 0 < limit <= _COUNT_MAX:
                continue
            length = number * SECONDS[unit]
            if row.get("rateLimitType") == "REQUEST_WEIGHT" and length == 60:
                self._weight.limit = limit
            elif row.get("rateLimitType") == "ORDERS" and 0 < length <= 86_400:
                self._orders.setdefault(length, _Window(length, limit)).limit = limit

    def learn(self, headers: Mapping[str, str]) -> None:
        """Takes the counts of an answer's headers; answers may overtake each other, so a count only rises."""
        now = self._now_venue()
        for name, value in headers.items():
            found = _HEADER.fullmatch(name.lower())
            if found is None or not value.isascii() or not value.isdigit() or len(value) > 9:
                continue
            self._count(now, found[1] == "order-count", int(found[2]) * SECONDS[found[3]], int(value))

    def learn_counts(self, rate_limits: object) -> None:
        """Takes the `rateLimits` of a WebSocket answer, as `learn` takes headers."""
        now = self._now_venue()
        for row in rate_limits if isinstance(rate_limits, list) else []:
            unit = INTERVALS.get(str(row.get("interval"))) if isinstance(row, dict) else None
            if unit is None:
                continue
            number, count, kind = row.get("intervalNum"), row.get("count"), row.get("rateLimitType")
            known = kind in ("ORDERS", "REQUEST_WEIGHT") and type(number) is int and type(count) is int
            if known and 0 <= count <= _COUNT_MAX:
                self._count(now, kind == "ORDERS", number * SECONDS[unit], count)

    def _count(self, now: int, orders: bool, length: int, count: int) -> None:
        window = self._orders.get(length) if orders else self._weight if length == 60 else None
        if window is not None:
            window.roll(now)
            window.used = max(window.used, count)

    def take(self, purpose: Purpose, weight: int, counted: bool = False) -> float:
        """Takes `weight` (and one order where `counted`) and returns 0, or takes nothing and returns the seconds to
        wait until there may be room."""
        blocked_s = self.blocked_s(purpose)
        if blocked_s:
            return blocked_s
        now, share = self._now_venue(), SHARES[purpose]
        counts = tuple(self._orders.values()) if counted else ()
        for window in (self._weight, *counts):
            window.roll(now)
            amount = weight if window is self._weight else 1
            if amount and window.used + amount > window.limit * share and not (self.guessed and purpose == "read"):
                return max(window.left_s(now), 0.001)
        self._weight.used += weight
        for window in counts:
            window.used += 1
        return 0.0

    def blocked_s(self, purpose: Purpose) -> float:
        """How long the venue said to wait, from now; 0 where it said nothing."""
        until = self._blocked_until_mono
        if purpose == "order":
            until = max(until, self._orders_blocked_until_mono)
        return max(0, until - time.monotonic_ns()) / 1e9 if until else 0.0

    def block(self, seconds: float, *, banned: bool = False, orders_only: bool = False) -> None:
        """The venue said to wait: nothing is asked for `seconds`; with `orders_only` no new order."""
        until = time.monotonic_ns() + int(seconds * 1e9)
        if orders_only:
            self._orders_blocked_until_mono = max(self._orders_blocked_until_mono, until)
        else:
            self._blocked_until_mono = max(self._blocked_until_mono, until)
            self._banned = banned

    @property
    def why_blocked(self) -> str:
        """Why `take` says to wait, in words."""
        if self._blocked_until_mono > time.monotonic_ns():
            return "the venue banned our address" if self._banned else "the venue said to wait"
        if self._orders_blocked_until_mono > time.monotonic_ns():
            return "the venue said to wait with orders"
        return f"the rate budget is used up ({self.used} of {self.limit} in this minute)"
