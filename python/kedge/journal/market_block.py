"""Market columns as bytes, the payload of a MARKET record: little-endian, unpadded (docs/journal.md)."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedge.model.columns import WIDE, MarketColumns
from kedge.model.errors import DataError

PREAMBLE = 44
"""Bytes of a journal file before its first frame."""
FRAME_HEAD = 41
"""Bytes of a frame before its payload."""

_HEAD = struct.Struct("<IqqIH")
_KINDS = ("<i8", "<i8", "<i4", "<i4", "u1")


def encode(stream: int, block: MarketColumns, start: int, stop: int) -> bytes:
    """Rows `start` to `stop` of a block as the payload of a record of market stream `stream`."""
    rows = slice(start, stop)
    price = block.price[rows].copy()
    wide = (block.flags[rows] & WIDE) != 0
    taken = price[wide].astype(np.int64)
    # Wide rows point into the wide columns: of a part of a block, into the part of those it takes along.
    price[wide] = np.arange(len(taken), dtype=np.int32)
    columns: tuple[NDArray[Any], ...] = (
        block.ts_event[rows],
        block.ts_recv[rows],
        price,
        block.qty[rows],
        block.flags[rows],
    )
    head = _HEAD.pack(stop - start, block.price_base, block.qty_scale, len(taken), stream)
    narrow = [column.astype(kind, copy=False).tobytes() for column, kind in zip(columns, _KINDS, strict=True)]
    return b"".join([head, *narrow, block.wide_price[taken].tobytes(), block.wide_qty[taken].tobytes()])


def decode(payload: bytes) -> tuple[int, MarketColumns]:
    """The market stream and the block of a payload. Raises `DataError` if the length does not fit its counts."""
    if len(payload) < _HEAD.size:
        raise DataError(f"market block must have at least {_HEAD.size} bytes, had {len(payload)}")
    rows, price_base, qty_scale, wide, stream = _HEAD.unpack_from(payload)
    need = _HEAD.size + 25 * rows + 16 * wide
    if len(payload) != need:
        raise DataError(f"market block of {rows} rows, {wide} of them wide, must have {need} bytes, had {len(payload)}")
    at = _HEAD.size

    def column(kind: str, count: int) -> Any:
        # A copy: the engine wants its columns aligned, and these begin anywhere.
        nonlocal at
        found = np.frombuffer(payload, kind, count, at).copy()
        at += found.nbytes
        return found

    ts_event, ts_recv, price, qty, flags = (column(kind, rows) for kind in _KINDS)
    wide_price, wide_qty = column("<i8", wide), column("<i8", wide)
    block = MarketColumns(ts_event, ts_recv, price, qty, flags, wide_price, wide_qty, price_base, qty_scale)
    return stream, block
