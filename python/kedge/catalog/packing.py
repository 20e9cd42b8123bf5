"""Rows with whole prices and quantities ↔ the narrow columns of the engine, by the rule of `ColumnsBuf::push`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kedge.model.columns import WIDE, MarketColumns

_INT32 = np.iinfo(np.int32)
_INT64 = np.iinfo(np.int64)


@dataclass(frozen=True, slots=True)
class Rows:
    """Events with whole numbers: `price` in ticks, `qty` in quantity steps; `flags` without `WIDE`."""

    ts_event: NDArray[np.int64]
    ts_recv: NDArray[np.int64]
    price: NDArray[np.int64]
    qty: NDArray[np.int64]
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.flags)


def unpack(columns: MarketColumns, first: int = 0, end: int | None = None) -> Rows:
    """The rows from `first` up to `end` as whole numbers."""
    cut = slice(first, end)
    flags = columns.flags[cut]
    price = columns.price[cut].astype(np.int64) + columns.price_base
    qty = columns.qty[cut].astype(np.int64) * columns.qty_scale
    wide = np.flatnonzero(flags & WIDE)
    if len(wide):
        at = columns.price[cut][wide]
        price[wide] = columns.wide_price[at]
        qty[wide] = columns.wide_qty[at]
    return Rows(columns.ts_event[cut], columns.ts_recv[cut], price, qty, flags & np.uint8(~WIDE & 0xFF))


def pack(rows: Rows, price_base: int, qty_scale: int) -> MarketColumns:
    """Narrow columns of `rows`: wide is what does not fit 32 bits above the base or in the scale."""
    low = max(price_base + _INT32.min, _INT64.min)
    high = min(price_base + _INT32.max, _INT64.max)
    units, rest = np.divmod(rows.qty, np.int64(qty_scale))
    fits = (rows.price >= low) & (rows.price <= high)
    fits &= (rest == 0) & (units >= _INT32.min) & (units <= _INT32.max)
    wide = np.flatnonzero(~fits)
    price = np.subtract(rows.price, np.int64(price_base), where=fits, out=np.zeros(len(rows), np.int64))
    price[wide] = np.arange(len(wide))
    units[wide] = 0
    flags = rows.flags.copy()
    flags[wide] |= WIDE
    return MarketColumns(
        ts_event=rows.ts_event,
        ts_recv=rows.ts_recv,
        price=price.astype(np.int32),
        qty=units.astype(np.int32),
        flags=flags,
        wide_price=rows.price[wide],
        wide_qty=rows.qty[wide],
        price_base=price_base,
        qty_scale=qty_scale,
    )


def identical(a: MarketColumns, b: MarketColumns) -> bool:
    """Whether two blocks are the same to the bit."""
    return (a.price_base, a.qty_scale) == (b.price_base, b.qty_scale) and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ARRAYS
    )


ARRAYS = ("ts_event", "ts_recv", "price", "qty", "flags", "wide_price", "wide_qty")
