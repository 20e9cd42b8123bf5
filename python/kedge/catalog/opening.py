"""The book at a moment inside a recording, so that reading from there starts in sync."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from kedge.catalog.packing import Rows, pack, unpack
from kedge.model.columns import CLEAR, DELTA, GAP, KIND, LAST, LEVEL, NO_TIME, SELL, MarketColumns


def book_at(moment_ns: int, earlier: Iterable[tuple[MarketColumns, int]]) -> MarketColumns | None:
    """A snapshot packet (clear, levels) stamped `moment_ns`, of the book after the rows of `earlier`.

    `earlier` gives blocks and how many rows of each to take, the newest first, as far back as one book goes on.
    `None` if there was no snapshot, or the sequence was broken after the last one.
    """
    parts: list[Rows] = []
    for columns, end in earlier:
        kind = columns.flags[:end] & KIND
        resets = np.flatnonzero((kind == CLEAR) | (kind == GAP))
        if len(resets) and kind[resets[-1]] == GAP:
            return None
        first = int(resets[-1]) if len(resets) else 0
        parts.append(unpack(columns, first, end))
        if len(resets):
            return _snapshot(moment_ns, parts[::-1])
    return None


def _snapshot(moment_ns: int, parts: list[Rows]) -> MarketColumns:
    flags = np.concatenate([part.flags for part in parts])
    of_book = np.isin(flags & KIND, (DELTA, LEVEL))
    side = (flags & np.uint8(SELL))[of_book]
    price = np.concatenate([part.price for part in parts])[of_book]
    qty = np.concatenate([part.qty for part in parts])[of_book]
    held = _last_of_each(side, price)
    held = held[qty[held] != 0]
    rows = Rows(
        ts_event=np.full(len(held) + 1, NO_TIME, np.int64),
        ts_recv=np.full(len(held) + 1, moment_ns, np.int64),
        price=np.concatenate([[0], price[held]]).astype(np.int64),
        qty=np.concatenate([[0], qty[held]]).astype(np.int64),
        flags=np.concatenate([[CLEAR], side[held] | LEVEL]).astype(np.uint8),
    )
    rows.flags[-1] |= LAST
    middle = int(rows.price[1:].mean()) if len(held) else 0
    return pack(rows, middle, 1)


def _last_of_each(side: NDArray[np.uint8], price: NDArray[np.int64]) -> NDArray[np.intp]:
    """Places of the last row of each level; bids from the best down, then asks from the best up."""
    order = np.lexsort((np.arange(len(price)), price, side))
    last = np.ones(len(order), np.bool_)
    last[:-1] = (np.diff(side[order].astype(np.int16)) != 0) | (np.diff(price[order]) != 0)
    places = order[last]
    bids = places[side[places] == 0]
    return np.concatenate([bids[::-1], places[side[places] != 0]])
