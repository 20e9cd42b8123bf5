"""How close the seeded market comes to a recorded one: both measured by the same code."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kedge import _core
from kedge.backtest import market_figures, market_plots
from kedge.feeds import recorded
from kedge.model.columns import DELTA, KIND, LAST, NO_TIME, QUOTE, MarketColumns
from kedge.model.errors import DataError, UsageError

MINUTE_NS = 60_000_000_000


def compare(
    data: Sequence[str],
    instruments: Path | None,
    duration: int | None,
    seed: int,
    out: Path | None,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Measures recorded files of one instrument and `duration` ns of the seeded market (by default as much).

    The seeded market has the recorded instrument's steps, starts at its first mid and tells its depth as often. Returns
    what `market_figures.compare` does, and the `plots` written into `out`. Raises `UsageError` for files of several
    instruments, `DataError` for data without quotes or without depth, and what reading raises.
    """
    streams = recorded.read(data, instruments, on_progress=on_progress)
    if len(streams) != 1:
        found = ", ".join(str(stream.instrument["id"]) for stream in streams)
        raise UsageError(f"the data must be of one instrument, was of {found}", "compare them one after the other")
    [stream] = streams
    start, end, value_ticks, depth_every = _manner(stream.blocks)
    definition = json.dumps(stream.instrument)
    value = value_ticks * float(str(stream.instrument["tick_size"]))
    market = _core.SeededMarket(seed, definition, start, depth_every, value)
    until = end if duration is None else start + duration
    blocks: list[MarketColumns] = []
    at = start
    while at < until:
        at = min(until, at + MINUTE_NS)
        blocks.append(MarketColumns(**market.advance(at)))
        if on_progress is not None:
            on_progress(at - start, until - start)
    found_figures = market_figures.compare(stream.blocks, blocks, stream.instrument)
    written = market_plots.plots(found_figures, out) if out is not None else []
    return {**found_figures, "seed": seed, "plots": [str(path) for path in written]}


def _manner(blocks: Sequence[MarketColumns]) -> tuple[int, int, float, int]:
    """First and last time, first mid in ticks, and the usual time between depth packets in whole milliseconds."""
    start = min(int(block.ts_recv[0]) for block in blocks)
    end = max(int(block.ts_recv[-1]) for block in blocks)
    packets: list[int] = []
    mid: float | None = None
    for block in blocks:
        kind = block.flags & KIND
        told = (kind == DELTA) & ((block.flags & LAST) > 0) & (block.ts_event != NO_TIME)
        packets.extend(np.diff(block.ts_event[told]).tolist())
        quotes = np.flatnonzero(kind == QUOTE)
        if mid is None and len(quotes) > 1:
            mid = block.price_base + float(block.price[quotes[:2]].mean())
    if mid is None or not packets:
        raise DataError("the data has no quotes or no depth to compare with", "give files with bookTicker and depth")
    return start, end, mid, round(float(np.median(packets)) / 1e6) * 1_000_000
