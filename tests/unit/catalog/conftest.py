"""Small markets for the catalog's tests, packed row by row: what the vectorised packing is held against."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from kedge.model.columns import CLEAR, DELTA, LAST, LEVEL, NO_TIME, SELL, TRADE, WIDE, MarketColumns
from kedge.model.instruments import SIMULATED, Instrument
from kedge.model.stream import RecordedStream, Source

Event = tuple[int, int, int, int, int]
"""ts_event, ts_recv, flags, price in ticks, quantity in steps."""

SECOND = 10**9
START = 1_723_161_254 * SECOND


def packed(events: Sequence[Event], price_base: int, qty_scale: int) -> MarketColumns:
    """One row after the other, as the core's `ColumnsBuf::push` does it."""
    price, qty, flags = [], [], []
    wide_price, wide_qty = [], []
    for _, _, flag, ticks, steps in events:
        units, rest = divmod(steps, qty_scale)
        if -(2**31) <= ticks - price_base < 2**31 and rest == 0 and -(2**31) <= units < 2**31:
            price.append(ticks - price_base)
            qty.append(units)
            flags.append(flag)
            continue
        price.append(len(wide_price))
        qty.append(0)
        flags.append(flag | WIDE)
        wide_price.append(ticks)
        wide_qty.append(steps)
    return MarketColumns(
        ts_event=np.array([event[0] for event in events], np.int64),
        ts_recv=np.array([event[1] for event in events], np.int64),
        price=np.array(price, np.int32),
        qty=np.array(qty, np.int32),
        flags=np.array(flags, np.uint8),
        wide_price=np.array(wide_price, np.int64),
        wide_qty=np.array(wide_qty, np.int64),
        price_base=price_base,
        qty_scale=qty_scale,
    )


def described(columns: MarketColumns, name: str, **changes: object) -> Source:
    """A source for a block that no file stands behind; the name decides the hash."""
    source = {
        "name": name,
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "bytes": 1,
        "rows": len(columns),
        "gaps": 0,
        "resyncs": 0,
        "clock_offset_ms": 0.0,
        "negative_latencies": 0,
        "first": None,
        "last": None,
    }
    return source | changes  # type: ignore[return-value]


def trading(start: int, count: int = 50) -> list[Event]:
    """A snapshot of two levels a side, then a delta and a trade in turn, a millisecond apart."""
    events = [(NO_TIME, start, CLEAR, 0, 0)]
    levels = [(0, 6_000_000), (0, 5_999_999), (SELL, 6_000_001), (SELL, 6_000_002)]
    events += [(NO_TIME, start, LEVEL | side, price, 500_000_000) for side, price in levels]
    events[-1] = (*events[-1][:2], events[-1][2] | LAST, *events[-1][3:])
    for at in range(1, count):
        time = start + at * 10**6
        side = SELL if at % 3 == 0 else 0
        kind = TRADE if at % 2 else DELTA
        events.append((time - 5 * 10**6, time, kind | side | LAST, 6_000_000 + at % 7, 1_000_000 * (at % 11)))
    return events


def stream_of(*blocks: tuple[str, Sequence[Event]], instrument: Instrument | None = None) -> RecordedStream:
    """A stream of the seeded market's spot instrument with a block for each (source name, events)."""
    instrument = instrument or SIMULATED.find("BTC/USDT@simulated")
    columns = [packed(events, 6_000_000, 1_000) for _, events in blocks]
    sources = [described(block, name) for block, (name, _) in zip(columns, blocks, strict=True)]
    return RecordedStream(dict(instrument.definition), columns, sources)


@pytest.fixture
def pack_slowly() -> Callable[[Sequence[Event], int, int], MarketColumns]:
    return packed


@pytest.fixture
def source_of() -> Callable[..., Source]:
    return described


@pytest.fixture
def market() -> Callable[..., list[Event]]:
    return trading


@pytest.fixture
def make_stream() -> Callable[..., RecordedStream]:
    return stream_of
