"""Market columns as raw little-endian files, one a column, so that Kedge and its rivals read the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).resolve().parents[1] / "data"

# Bits of `flags`, as in crates/core/src/event.rs.
DELTA, TRADE, CLEAR, LEVEL, QUOTE, GAP = range(6)
KIND, SELL, LAST, WIDE = 0b1111, 16, 32, 64

# What the generated workloads trade.
PERPETUAL = {
    "id": "BTC/USDT:USDT@simulated",
    "symbol": "BTCUSDT",
    "kind": "linear_perpetual",
    "tick_size": "0.1",
    "lot_size": "0.001",
    "quantity_step_in_data": "0.001",
    "min_notional": "0",
    "maker_fee": "0.0002",
    "taker_fee": "0.0005",
    "contract_multiplier": "1",
    "settle": "USDT",
    "funding_interval_hours": 8,
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows as `kedge_core::event::Columns` reads them: times in ns, prices in ticks, quantities in quantity steps.

    A row without `WIDE` has the price `price_base + price` and the quantity `qty_scale * qty`; a row with it has
    `wide_price[price]` and `wide_qty[price]`.
    """

    ts_event: NDArray[np.int64]
    ts_recv: NDArray[np.int64]
    price: NDArray[np.int32]
    qty: NDArray[np.int32]
    flags: NDArray[np.uint8]
    wide_price: NDArray[np.int64]
    wide_qty: NDArray[np.int64]
    price_base: int = 0
    qty_scale: int = 1

    def __len__(self) -> int:
        return len(self.flags)

    def prices(self) -> NDArray[np.int64]:
        """Ticks of every row."""
        return self._widened(self.price.astype(np.int64) + self.price_base, self.wide_price)

    def quantities(self) -> NDArray[np.int64]:
        """Quantity steps of every row."""
        return self._widened(self.qty.astype(np.int64) * self.qty_scale, self.wide_qty)

    def _widened(self, narrow: NDArray[np.int64], wide: NDArray[np.int64]) -> NDArray[np.int64]:
        at = np.flatnonzero(self.flags & WIDE)
        narrow[at] = wide[self.price[at]]
        return narrow


def pack(
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    prices: NDArray[np.int64],
    quantities: NDArray[np.int64],
    flags: NDArray[np.uint8],
    price_base: int | None = None,
) -> Columns:
    """Rows in the narrowest form: base = the middle of the prices, scale = the largest common power of ten."""
    base = int(prices.min() + prices.max()) // 2 if price_base is None else price_base
    scale = 1
    while scale < 10**12 and quantities.any() and not np.any(quantities % (scale * 10)):
        scale *= 10
    price, qty = prices - base, quantities // scale
    wide = (np.abs(price) >= 2**31) | (qty >= 2**31)
    price[wide], qty[wide] = np.arange(np.count_nonzero(wide)), 0
    return Columns(
        ts_event=ts_event,
        ts_recv=ts_recv,
        price=price.astype(np.int32),
        qty=qty.astype(np.int32),
        flags=(flags & ~np.uint8(WIDE)) | np.where(wide, WIDE, 0).astype(np.uint8),
        wide_price=prices[wide],
        wide_qty=quantities[wide],
        price_base=base,
        qty_scale=scale,
    )


def write(name: str, rows: Columns, about: dict[str, Any]) -> None:
    """Writes `data/<name>.<column>.<type>` and, last, `data/<name>.json`: without it the data does not count."""
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / f"{name}.json").unlink(missing_ok=True)
    for column, path in _files(name, rows).items():
        array = getattr(rows, column)
        array.astype(array.dtype.newbyteorder("<")).tofile(path)
    about = {"rows": len(rows), "price_base": rows.price_base, "qty_scale": rows.qty_scale} | about
    (DATA / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")


def read(name: str) -> tuple[Columns, dict[str, Any]]:
    """The columns written under a name, and what was written about them."""
    about = json.loads((DATA / f"{name}.json").read_text())
    arrays = {
        column: np.fromfile(DATA / f"{name}.{column}.{suffix}", dtype=_dtype(suffix))
        for column, suffix in SUFFIXES.items()
    }
    return Columns(**arrays, price_base=about["price_base"], qty_scale=about["qty_scale"]), about


def write_arrays(name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes other columns than the engine's, `data/<name>.<array>.npy`."""
    DATA.mkdir(parents=True, exist_ok=True)
    for array, values in arrays.items():
        np.save(DATA / f"{name}.{array}.npy", values)


def read_array(name: str, array: str) -> NDArray[Any]:
    """One column that `write_arrays` wrote."""
    values: NDArray[Any] = np.load(DATA / f"{name}.{array}.npy")
    return values


def require(name: str, found: str, wanted: str) -> None:
    """Ends the program where generated data is not the data that the expected figures belong to."""
    if found != wanted:
        raise SystemExit(f"{name}: the generated data must have the SHA-256 {wanted}, was {found}")


def digest(*arrays: NDArray[Any]) -> str:
    """SHA-256 over the bytes of arrays, in order."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


SUFFIXES = {
    "ts_event": "i64",
    "ts_recv": "i64",
    "price": "i32",
    "qty": "i32",
    "flags": "u8",
    "wide_price": "i64",
    "wide_qty": "i64",
}


def _dtype(suffix: str) -> str:
    """NumPy's name of `i64`, `i32` or `u8`, little-endian."""
    return f"<{suffix[0]}{int(suffix[1:]) // 8}"


def _files(name: str, rows: Columns) -> dict[str, Path]:
    columns = [field.name for field in fields(rows) if field.name in SUFFIXES]
    return {column: DATA / f"{name}.{column}.{SUFFIXES[column]}" for column in columns}
