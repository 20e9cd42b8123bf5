"""The legs of `[latency]` as the engine takes them: nanoseconds, or a table with what it draws from."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kedge.model.columns import NO_TIME
from kedge.model.errors import DataError, UsageError
from kedge.model.latency import VENUES, LegModel
from kedge.model.settings import LatencySettings
from kedge.model.stream import RecordedStream

MILLISECOND = 1_000_000
# One sample a second: the feed's latency moves slower than its messages come.
_SAMPLE_NS = 1_000_000_000


def engine_latency(latency: LatencySettings, streams: Sequence[RecordedStream]) -> dict[str, Any]:
    """`feed_ns`, `entry_ns`, `response_ns`; where not all of them are constants for all venues, under `venues` those of
    each venue.

    Raises `UsageError` where a venue has no default or a file is not there, `DataError` where one breaks a rule.
    """
    usual = {key: getattr(latency, key) for key in ("feed", "entry", "response")}
    if not latency.venues and not any(isinstance(leg, LegModel) for leg in usual.values()):
        return {f"{key}_ns": _leg(key, leg, "", ()) for key, leg in usual.items()}
    venues = {}
    for venue in sorted({_venue(stream.instrument) for stream in streams}):
        own = latency.venues.get(venue)
        legs = {key: (own and getattr(own, key)) or leg for key, leg in usual.items()}
        held = [stream for stream in streams if _venue(stream.instrument) == venue]
        venues[venue] = {f"{key}_ns": _leg(key, leg, venue, held) for key, leg in legs.items()}
    return next(iter(venues.values())) | {"venues": {name: _explicit(legs) for name, legs in venues.items()}}


def _explicit(legs: Mapping[str, Any]) -> dict[str, Any]:
    return {**legs, "feed_ns": "recorded" if legs["feed_ns"] is None else legs["feed_ns"]}


def is_recorded(engine: Mapping[str, Any], definition: Mapping[str, Any]) -> bool:
    """Whether an instrument's market data is as late as recorded."""
    own = engine.get("venues", {}).get(_venue(definition))
    return bool(own["feed_ns"] == "recorded" if own else engine["feed_ns"] is None)


def _venue(definition: Mapping[str, Any]) -> str:
    return str(definition["id"]).partition("@")[2]


def _leg(key: str, leg: Any, venue: str, streams: Sequence[RecordedStream]) -> Any:
    if leg == "recorded":
        return None
    if isinstance(leg, int):
        return leg
    assert isinstance(leg, LegModel)
    times = {"times": leg.times}
    if leg.venue is not None:
        name = venue if leg.venue == "own" else leg.venue
        if name not in VENUES:
            raise UsageError(
                f"`latency.{key}` takes the default of its venue, and `{name}` has none",
                f"name one of {', '.join(VENUES)}, or give a median",
            )
        return {"venue": name} | times
    if leg.samples is not None:
        return {"points": [[time, late] for time, late in _rows(leg.samples, ("time", "latency"))]} | times
    if leg.quantiles is not None:
        return {"quantiles": [late for (late,) in _rows(leg.quantiles, ("latency",))]} | times
    if leg.feed:
        return {"points": _of_feed(key, streams)} | times
    return {
        "median_ns": leg.median,
        "sigma": leg.sigma,
        "spike_every": leg.spike_every,
        "spike_ns": leg.spike,
    } | times


def _of_feed(key: str, streams: Sequence[RecordedStream]) -> list[list[int]]:
    """(time, latency) each second: the median of the messages whose venue time is known."""
    told = [
        (block.ts_event[known], block.ts_recv[known] - block.ts_event[known])
        for stream in streams
        for block in stream.blocks
        if (known := block.ts_event != NO_TIME).any()
    ]
    if not told:
        raise DataError(
            f"`latency.{key}` is to be as late as the feed, and the data does not tell when its messages were sent",
            "give a median, or a file of samples",
        )
    times, late = (np.concatenate(parts) for parts in zip(*told, strict=True))
    seconds = times // _SAMPLE_NS
    order = np.argsort(seconds, kind="stable")
    starts = np.flatnonzero(np.diff(seconds[order], prepend=seconds[order][0] - 1))
    groups = np.split(np.maximum(late[order], 0), starts[1:])
    return [
        [int(second) * _SAMPLE_NS + _SAMPLE_NS // 2, int(np.median(group))]
        for second, group in zip(seconds[order][starts], groups, strict=True)
    ]


def _rows(name: str, columns: Sequence[str]) -> list[tuple[int, ...]]:
    """Rows of a CSV, the last column in ms, given in ns; a head line is passed over."""
    path, rows = Path(name), []
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"latency file {name} cannot be read: {error}", "make it a readable UTF-8 CSV file") from None
    for number, line in enumerate(lines, 1):
        if not line or (number == 1 and not _is_number(line[-1])):
            continue
        if len(line) != len(columns) or not all(map(_is_number, line)):
            raise DataError(f"{name}:{number}: must be {', '.join(columns)} as numbers, was {','.join(line)!r}")
        late = float(line[-1])
        if late < 0:
            raise DataError(f"{name}:{number}: latency must be 0 ms or more, was {line[-1]}")
        rows.append((*map(int, line[:-1]), round(late * MILLISECOND)))
    return rows


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def described(leg: Any) -> str:
    """A leg of the settings in words: `50 ms`, `about 71 ms (lognormal)`."""
    if isinstance(leg, int):
        return f"{leg / MILLISECOND:g} ms"
    assert isinstance(leg, LegModel)
    by = f", {leg.times:g} times over" if leg.times != 1 else ""
    if leg.venue is not None:
        return f"a time drawn from the default of {'its venue' if leg.venue == 'own' else leg.venue}{by}"
    if leg.samples is not None or leg.quantiles is not None:
        return f"a time as measured in {leg.samples or leg.quantiles}{by}"
    if leg.feed:
        return f"as long as the market data took at that time{by}"
    held = f", one in {leg.spike_every} by {leg.spike / MILLISECOND:g} ms more" if leg.spike_every else ""
    return f"a drawn time, {(leg.median or 0) / MILLISECOND:g} ms in the median{held}{by}"


def scaled(engine: Mapping[str, Any], factor: int) -> dict[str, Any]:
    """The engine's settings with every leg so many times as long."""
    legs = {key: _times(value, factor) for key, value in engine.items() if key in _LEGS}
    venues = {name: scaled(own, factor) for name, own in engine.get("venues", {}).items()}
    return {**engine, **legs} | ({"venues": venues} if venues else {})


_LEGS = frozenset({"feed_ns", "entry_ns", "response_ns"})


def _times(leg: Any, factor: int) -> Any:
    if isinstance(leg, Mapping):
        return {**leg, "times": leg.get("times", 1.0) * factor}
    return leg * factor if isinstance(leg, int) else leg
