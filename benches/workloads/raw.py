"""The replay of recorded Binance books, repeated to ten million events. Runs in Kedge's own environment.

    python -m benches.workloads.raw FOLDER_OF_BINANCE_RAW

Kedge's import decodes the recordings. One period is what follows the first snapshot: deltas and trades (quotes are no
part of a book and are left out, for Kedge too), and then the deltas that lead the last book back to the first one, so
that a period can follow itself without the touch ever being crossed. Periods are shifted in time by whoever reads them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benches.workloads import columns
from kedge.feeds import recorded

RECORDINGS = {
    "raw_spot_btcusdt": ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"),
    "raw_spot_ethusdt": ("spot_ethusdt_20240808.gz",),
    "raw_usdm_btcusdt": ("usdm_btcusdt_20240808.gz",),
}
EVENTS = 10_000_000
PAUSE_NS = 100_000_000

Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]
"""Venue times, our times, ticks, quantity steps, flags."""


def main() -> None:
    """Decodes the recordings and writes the columns."""
    folder = Path(sys.argv[1])
    for name, files in RECORDINGS.items():
        (stream,) = recorded.read([folder / file for file in files])
        write(name, stream.blocks, dict(stream.instrument))


def write(name: str, blocks: Sequence[Any], instrument: dict[str, Any]) -> None:
    """Writes one instrument's period and the snapshot before it. `blocks` are `kedge.model.columns.MarketColumns`."""
    rows = _joined([_widened(block) for block in blocks])
    kinds = rows[4] & columns.KIND
    snapshot_end = int(np.flatnonzero((kinds == columns.LEVEL) & (rows[4] & columns.LAST != 0))[0]) + 1
    snapshot_start = int(np.flatnonzero(kinds == columns.CLEAR)[0])
    later = kinds[snapshot_end:]
    if np.isin(later, (columns.CLEAR, columns.LEVEL, columns.GAP)).any():
        raise SystemExit(f"{name}: the recording must hold one snapshot and no gap")
    period = _taken(rows, snapshot_end + np.flatnonzero(np.isin(later, (columns.DELTA, columns.TRADE))))
    snapshot = _taken(rows, np.arange(snapshot_start, snapshot_end))
    # A REST snapshot has no venue time: it counts as just before the first event.
    snapshot[0][:] = period[0][0] - 1
    if (period[0] < 0).any():
        raise SystemExit(f"{name}: every delta and trade must have a venue time")
    closing = _closing(snapshot, period)
    whole = _joined([period, closing])
    # Nothing reaches us before the venue's own time or out of order, for either side.
    np.maximum.accumulate(np.maximum(whole[1], whole[0]), out=whole[1])
    times, ticks = np.concatenate(whole[:2]), np.concatenate([snapshot[2][1:], whole[2]])
    about = {
        "instrument": instrument,
        "repeat": -(-EVENTS // len(whole[0])),
        "period_ns": int(times.max() - times.min()) + PAUSE_NS,
        "closing_rows": len(closing[0]),
        "lowest_tick": int(ticks.min()),
        "highest_tick": int(ticks.max()),
    }
    columns.write(f"{name}_snapshot", columns.pack(*snapshot), about)
    columns.write(name, columns.pack(*whole), about)


def _widened(block: Any) -> Rows:
    """A block's rows without its own base and scale."""
    names = (*columns.SUFFIXES, "price_base", "qty_scale")
    rows = columns.Columns(**{name: getattr(block, name) for name in names})
    flags = rows.flags & np.uint8(~columns.WIDE & 0xFF)
    return rows.ts_event, rows.ts_recv, rows.prices(), rows.quantities(), flags


def _joined(parts: Sequence[Rows]) -> Rows:
    ts_event, ts_recv, ticks, quantities, flags = zip(*parts, strict=True)
    join = np.concatenate
    return join(ts_event), join(ts_recv), join(ticks), join(quantities), join(flags)


def _taken(rows: Rows, at: NDArray[np.int64]) -> Rows:
    return rows[0][at], rows[1][at], rows[2][at], rows[3][at], rows[4][at]


def _closing(snapshot: Rows, period: Rows) -> Rows:
    """Deltas from the book after `period` to the book of `snapshot`: removals first, so that nothing is crossed."""
    start = _book({}, snapshot)
    end = _book(start, period)
    removed = [(level, 0) for level in end if level not in start]
    changed = [(level, qty) for level, qty in start.items() if end.get(level) != qty]
    count = len(removed) + len(changed)
    levels = np.array([(tick, qty, side) for (side, tick), qty in removed + changed], np.int64).reshape(count, 3)
    flags = levels[:, 2].astype(np.uint8) | np.uint8(columns.DELTA)
    flags[-1:] |= columns.LAST
    ts_event = np.full(count, period[0].max(), np.int64)
    return ts_event, np.full(count, period[1].max(), np.int64), levels[:, 0], levels[:, 1], flags


def _book(start: dict[tuple[int, int], int], rows: Rows) -> dict[tuple[int, int], int]:
    """The levels left after rows of a book: (side bit, tick) → quantity steps."""
    book = dict(start)
    _, _, ticks, quantities, flags = rows
    is_level = np.isin(flags & columns.KIND, (columns.DELTA, columns.LEVEL))
    sides = (flags & columns.SELL).astype(np.int64)
    for side, tick, qty in zip(
        sides[is_level].tolist(), ticks[is_level].tolist(), quantities[is_level].tolist(), strict=True
    ):
        if qty:
            book[side, tick] = qty
        else:
            book.pop((side, tick), None)
    return book


if __name__ == "__main__":
    main()
