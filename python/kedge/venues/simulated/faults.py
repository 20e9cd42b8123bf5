"""Faults on request: what goes wrong, where, how often and for how long. Seeded, so that it goes wrong the same way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from kedge.model.errors import UsageError

REQUEST_KINDS = ("drop", "delay", "lost_answer", "error")
STREAM_KINDS = ("disconnect", "silence", "gap")
KINDS = (*REQUEST_KINDS, *STREAM_KINDS, "clock")
ANSWERS = ("500", "502", "503", "504", "html", "garbage", "empty", "error_200")
HOWS = ("close", "never")


@dataclass(slots=True)
class Fault:
    """One fault.

    `method`, `route`, `market`, `stream` and `account` say where (patterns with `*`; None is everywhere), `probability`
    and `count` (most hits) how often, `duration_s` how long from `since_ns` on. The rest is of one kind each:
    `delay_ms` (from, to), `how` (the connection is closed, or the answer never comes), `answer` and `executed` (error),
    `offset_ms` (clock).
    """

    kind: str
    number: int = 0
    method: str | None = None
    route: str | None = None
    market: str | None = None
    stream: str | None = None
    account: int | None = None
    probability: float = 1.0
    count: int | None = None
    seed: int = 0
    duration_s: float | None = None
    delay_ms: tuple[float, float] = (100.0, 1000.0)
    how: str = "close"
    answer: str = "503"
    executed: bool = False
    offset_ms: int = 0
    since_ns: int = 0
    hits: int = 0
    random: random.Random = field(default_factory=random.Random, repr=False)

    def live(self, now_ns: int) -> bool:
        """Whether it can still hit."""
        spent = self.count is not None and self.hits >= self.count
        over = self.duration_s is not None and now_ns > self.since_ns + self.duration_s * 1e9
        return not spent and not over

    def strikes(self) -> bool:
        """Draws whether it hits this time, and counts it."""
        hit = self.probability >= 1 or self.random.random() < self.probability
        self.hits += hit
        return hit

    def as_json(self, now_ns: int) -> dict[str, Any]:
        """What GET tells of it."""
        told = {
            name: getattr(self, name)
            for name in ("kind", "method", "route", "market", "stream", "account", "probability", "count", "seed")
        }
        of_kind = {
            "delay": ("delay_ms",),
            "drop": ("how",),
            "lost_answer": ("how",),
            "error": ("answer", "executed"),
            "clock": ("offset_ms",),
        }
        told |= {name: getattr(self, name) for name in of_kind.get(self.kind, ())}
        return {"id": self.number, **told, "duration_s": self.duration_s, "hits": self.hits, "live": self.live(now_ns)}


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _one_of(words: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda value: value in words


def _text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200


def _range(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_number(0, 120_000), value)) and value[0] <= value[1]


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "kind": (_one_of(KINDS), "one of " + ", ".join(KINDS)),
    "method": (_text, "a method such as POST"),
    "route": (_text, "a path or a pattern such as /api/v3/order*"),
    "market": (_one_of(("spot", "usdm")), "spot or usdm"),
    "stream": (_text, "a stream or a pattern such as btcusdt@depth*"),
    "account": (_whole(0, 2**31), "an account's number"),
    "probability": (_number(0, 1), "from 0 to 1"),
    "count": (_whole(1, 10**9), "at least 1"),
    "seed": (_whole(0, 2**63 - 1), "a whole number from 0"),
    "duration_s": (_number(0, 86_400), "from 0 to 86400"),
    "delay_ms": (_range, "[from, to] within 0 and 120000"),
    "how": (_one_of(HOWS), "close or never"),
    "answer": (_one_of(ANSWERS), "one of " + ", ".join(ANSWERS)),
    "executed": (lambda value: isinstance(value, bool), "true or false"),
    "offset_ms": (_whole(-(10**9), 10**9), "whole milliseconds"),
}


def read(wish: Any, number: int, now_ns: int) -> Fault:
    """A fault as an admin call asks for it. Raises `UsageError` naming key, rule and value."""
    if not isinstance(wish, dict):
        raise UsageError(f"a fault must be a JSON object, was {str(wish)[:80]!r}")
    if "kind" not in wish:
        raise UsageError("`kind` is missing", f"one of {', '.join(KINDS)}")
    for key, value in wish.items():
        if key not in _RULES:
            raise UsageError(f"unknown key `{key}`", f"known are {', '.join(_RULES)}")
        holds, rule = _RULES[key]
        if not holds(value):
            raise UsageError(f"`{key}` must be {rule}, was {str(value)[:80]!r}")
    values = {**wish, "delay_ms": tuple(wish.get("delay_ms", (100.0, 1000.0)))}
    return Fault(number=number, since_ns=now_ns, random=random.Random(wish.get("seed", number)), **values)


class Faults:
    """All faults of one exchange."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._made = 0

    def add(self, wish: Any, now_ns: int) -> Fault:
        """Adds what an admin call asks for. Raises `UsageError`."""
        fault = read(wish, self._made + 1, now_ns)
        self._made += 1
        self._faults[fault.number] = fault
        return fault

    def clear(self, number: int | None = None) -> int:
        """Takes one fault away, or all; returns how many."""
        gone = list(self._faults) if number is None else [n for n in self._faults if n == number]
        for one in gone:
            del self._faults[one]
        return len(gone)

    def told(self, now_ns: int) -> list[dict[str, Any]]:
        """All of them, oldest first."""
        return [fault.as_json(now_ns) for fault in self._faults.values()]

    def for_request(self, method: str, path: str, market: str, account: int | None, now_ns: int) -> list[Fault]:
        """The faults that hit this request, at most one of a kind."""
        found: dict[str, Fault] = {}
        for fault in self._faults.values():
            if fault.kind not in REQUEST_KINDS or fault.kind in found or not fault.live(now_ns):
                continue
            here = (
                (fault.method is None or fault.method == method)
                and (fault.route is None or fnmatchcase(path, fault.route))
                and (fault.market is None or fault.market == market)
                and (fault.account is None or fault.account == account)
            )
            if here and fault.strikes():
                found[fault.kind] = fault
        return list(found.values())

    def for_stream(self, kind: str, market: str, path: str, stream: str | None, now_ns: int) -> Fault | None:
        """The fault of this kind that hits a connection (`stream` None) or a stream on it."""
        for fault in self._faults.values():
            if fault.kind != kind or not fault.live(now_ns):
                continue
            here = (
                (fault.market is None or fault.market == market)
                and (fault.route is None or fnmatchcase(path, fault.route))
                and (fault.stream is None or (stream is not None and fnmatchcase(stream, fault.stream)))
            )
            if here and fault.strikes():
                return fault
        return None

    def clock_offset_ms(self, now_ns: int) -> int:
        """How far the venue's clock is off."""
        return sum(f.offset_ms for f in self._faults.values() if f.kind == "clock" and f.live(now_ns))

    def any_of(self, kind: str) -> bool:
        """Whether there is a fault of this kind at all; quick."""
        return any(fault.kind == kind for fault in self._faults.values())
