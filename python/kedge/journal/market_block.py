"""Market columns as bytes, the payload of a MARKET record: little-endian, unpadded (docs/journal.md)."""

from __future__ import annotations

import struct

import numpy as np

from kedge.model.columns import WIDE, MarketColumns
from kedge.model.errors import DataError

PREAMBLE = 44
"""Bytes of a journal file before its first frame."""
FRAME_HEAD = 41
"""Bytes of a frame before its payload."""

_HEAD = struct.Struct("<IqqIH")
_COLUMNS = (("ts_event", "<i8"), ("ts_recv", "<i8"), ("price", "<i4"), ("qty", "<i4"), ("flags", "u1"))


def encode(stream: int, block: MarketColumns, start: int, stop: int) -> bytes:
    """Rows `start` to `stop` of a block as the payload of a record of market stream `stream`."""
    rows = slice(start, stop)
    price = block.price[rows].copy()
    wide = (block.flags[rows] & WIDE) != 0
    taken = price[wide].astype(np.int64)
    # Wide rows point into the wide columns: of a part of a block, into the part of those it takes along.
    price[wide] = np.arange(len(taken), dtype=np.int32)
    columns = {"ts_event": block.ts_event, "ts_recv": block.ts_recv, "qty": block.qty, "flags": block.flags}
    parts = [_HEAD.pack(stop - start, block.price_base, block.qty_scale, len(taken), stream)]
    for name, kind in _COLUMNS:
        column = price if name == "price" else columns[name][rows]
        parts.append(column.astype(kind, copy=False).tobytes())
    parts += [block.wide_price[taken].astype("<i8").tobytes(), block.wide_qty[taken].astype("<i8").tobytes()]
    return b"".join(parts)


def decode(payload: bytes) -> tuple[int, MarketColumns]:
    """The market stream and the block of a payload. Raises `DataError` if the length does not fit its counts."""
    if len(payload) < _HEAD.size:
        raise DataError(f"market block must have at least {_HEAD.size} bytes, had {len(payload)}")
    rows, price_base, qty_scale, wide, stream = _HEAD.unpack_from(payload)
    need = _HEAD.size + 25 * rows + 16 * wide
    if len(payload) != need:
        raise DataError(f"market block of {rows} rows, {wide} of them wide, must have {need} bytes, had {len(payload)}")
    at, found = _HEAD.size, []
    for kind, count in [(kind, rows) for _, kind in _COLUMNS] + [("<i8", wide), ("<i8", wide)]:
        # A copy: the engine wants its columns aligned, and these begin anywhere.
        found.append(np.frombuffer(payload, kind, count, at).copy())
        at += found[-1].nbytes
    return stream, MarketColumns(*found, price_base=price_base, qty_scale=qty_scale)
