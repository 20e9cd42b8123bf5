"""The truth of a segment: one Parquet file that any reader understands without Kedge.

Columns, a row an event, in the order received:

    ts_event      timestamp[ns, UTC], null where the venue did not tell
    ts_recv       timestamp[ns, UTC], with the recorder's clock corrected
    kind          delta, trade, clear, level, quote, gap, funding, mark
    side          buy (bids, a buying aggressor) or sell
    price         decimal, quote currency
    quantity      decimal, base currency; null on a funding row
    funding_rate  decimal with 9 places, only on a funding row
    packet_end    whether the venue's message ends with this row
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kedge.catalog.layout import LAYOUT
from kedge.catalog.packing import Rows, pack, unpack
from kedge.model.columns import FUNDING, KIND, LAST, NO_TIME, SELL, MarketColumns
from kedge.model.errors import DataError
from kedge.model.instruments import Instrument

KINDS = ("delta", "trade", "clear", "level", "quote", "gap", "funding", "mark")
SIDES = ("buy", "sell")
RATE_PLACES = 9
ROW_GROUP_ROWS = 1 << 20

_TIME = pa.timestamp("ns", tz="UTC")
_NARROW, _BROAD = 18, 38


def write(path: Path, columns: MarketColumns, instrument: Instrument) -> None:
    """Writes `path`. The columns are sound: `kedge.catalog.writing.check_columns` has seen them."""
    rows = unpack(columns)
    price = _Decimals(instrument.tick_size, rows.price)
    quantity = _Decimals(instrument.quantity_step_in_data, rows.qty)
    rate = _Decimals(Decimal(1).scaleb(-RATE_PLACES), rows.qty[(rows.flags & KIND) == FUNDING])
    metadata = {
        "kedge.layout": LAYOUT,
        "kedge.instrument": json.dumps(dict(instrument.definition), ensure_ascii=False),
        "tick_size": f"{instrument.tick_size:f}",
        "quantity_step": f"{instrument.quantity_step_in_data:f}",
        "price_base": columns.price_base,
        "qty_scale": columns.qty_scale,
    }
    schema = pa.schema(
        [
            pa.field("ts_event", _TIME),
            pa.field("ts_recv", _TIME, nullable=False),
            pa.field("kind", pa.dictionary(pa.int8(), pa.string()), nullable=False),
            pa.field("side", pa.dictionary(pa.int8(), pa.string()), nullable=False),
            pa.field("price", price.type, nullable=False),
            pa.field("quantity", quantity.type),
            pa.field("funding_rate", rate.type),
            pa.field("packet_end", pa.bool_(), nullable=False),
        ]
    )
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=["kind", "side", "price", "quantity"],
        column_encoding={"ts_event": "DELTA_BINARY_PACKED", "ts_recv": "DELTA_BINARY_PACKED"},
        store_decimal_as_integer=True,
        store_schema=False,
    ) as writer:
        writer.add_key_value_metadata({key: str(value) for key, value in metadata.items()})
        for first in range(0, max(len(rows), 1), ROW_GROUP_ROWS):
            cut = slice(first, first + ROW_GROUP_ROWS)
            part = Rows(rows.ts_event[cut], rows.ts_recv[cut], rows.price[cut], rows.qty[cut], rows.flags[cut])
            writer.write_table(_table(part, price, quantity, rate, schema))


def read(path: Path, instrument: Instrument) -> MarketColumns:
    """The columns that `write` was given, to the bit.

    Raises `DataError` naming the file if it cannot be read or was written by other steps than the instrument has.
    """
    try:
        with pq.ParquetFile(path, read_dictionary=["kind", "side"]) as file:
            metadata = {k.decode(): v.decode() for k, v in (file.metadata.metadata or {}).items()}
            _check_steps(path, metadata, instrument)
            parts = [_rows(file.read_row_group(at), instrument) for at in range(file.num_row_groups)]
        rows = Rows(*(np.concatenate([getattr(p, name) for p in parts]) for name in Rows.__slots__))
        return pack(rows, int(metadata["price_base"]), int(metadata["qty_scale"]))
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise DataError(f"{path} is damaged: {str(error).splitlines()[0]}") from None


class _Decimals:
    """Whole steps ↔ decimals of one column. 18 digits (64 bits) where they suffice, else 38."""

    def __init__(self, step: Decimal, steps: NDArray[np.int64]) -> None:
        self.places, self.mantissa = _scaled(step)
        most = max(abs(int(steps.min())), abs(int(steps.max()))) if len(steps) else 0
        self.narrow = most * self.mantissa < 10**_NARROW
        self.type = pa.decimal128(_NARROW if self.narrow else _BROAD, self.places)

    def array(self, steps: NDArray[np.int64], present: NDArray[np.bool_] | None = None) -> pa.Array:
        if self.narrow:
            halves = np.empty((len(steps), 2), np.int64)
            np.multiply(steps, self.mantissa, out=halves[:, 0])
            halves[:, 1] = halves[:, 0] >> 63
            units = pa.py_buffer(halves)
        else:
            whole = (int(count) * self.mantissa for count in steps)
            units = pa.py_buffer(b"".join(value.to_bytes(16, "little", signed=True) for value in whole))
        mask = None if present is None else pa.array(present).buffers()[1]
        return pa.Array.from_buffers(self.type, len(steps), [mask, units])


def _table(part: Rows, price: _Decimals, quantity: _Decimals, rate: _Decimals, schema: pa.Schema) -> pa.Table:
    kind = (part.flags & KIND).astype(np.int8)
    funding = kind == FUNDING
    side = ((part.flags & SELL) != 0).astype(np.int8)
    unknown = part.ts_event == NO_TIME
    return pa.Table.from_arrays(
        [
            pa.array(part.ts_event, pa.int64(), mask=unknown).cast(_TIME),
            pa.array(part.ts_recv).cast(_TIME),
            pa.DictionaryArray.from_arrays(pa.array(kind), pa.array(KINDS)),
            pa.DictionaryArray.from_arrays(pa.array(side), pa.array(SIDES)),
            price.array(part.price),
            quantity.array(np.where(funding, 0, part.qty), ~funding),
            rate.array(np.where(funding, part.qty, 0), funding),
            pa.array((part.flags & LAST) != 0),
        ],
        schema=schema,
    )


def _rows(table: pa.Table, instrument: Instrument) -> Rows:
    kind = _codes(table["kind"], KINDS)
    side = _codes(table["side"], SIDES)
    quantity = _steps(table["quantity"], instrument.quantity_step_in_data)
    funding = kind == FUNDING
    if funding.any():
        quantity[funding] = _steps(table["funding_rate"], Decimal(1).scaleb(-RATE_PLACES))[funding]
    flags = kind | np.where(side == 1, SELL, 0) | np.where(table["packet_end"].to_numpy(), LAST, 0)
    return Rows(
        ts_event=table["ts_event"].cast(pa.int64()).fill_null(NO_TIME).to_numpy(),
        ts_recv=table["ts_recv"].cast(pa.int64()).to_numpy(),
        price=_steps(table["price"], instrument.tick_size),
        qty=quantity,
        flags=flags.astype(np.uint8),
    )


def _codes(column: pa.ChunkedArray, names: tuple[str, ...]) -> NDArray[np.int64]:
    """Places of the column's words in `names`. Raises `ValueError` if a word is not there."""
    parts = [np.empty(0, np.int64)]
    for chunk in column.chunks:
        of_dictionary = np.array([names.index(word) for word in chunk.dictionary.to_pylist()], np.int64)
        parts.append(of_dictionary[chunk.indices.to_numpy(zero_copy_only=False)])
    return np.concatenate(parts)


def _steps(column: pa.ChunkedArray, step: Decimal) -> NDArray[np.int64]:
    """Whole steps of a decimal column; 0 where it is null. Raises `ValueError` if a value lies between two steps."""
    places, mantissa = _scaled(step)
    if column.type.scale != places:
        raise ValueError(f"a column has {column.type.scale} decimal places, its step {step:f} has {places}")
    if not len(column):
        return np.empty(0, np.int64)
    filled = column.fill_null(pa.scalar(Decimal(0), column.type)).combine_chunks()
    units = np.frombuffer(filled.buffers()[1], np.int64)[2 * filled.offset :][: 2 * len(filled)]
    if column.type.precision <= _NARROW:
        steps, rest = np.divmod(units[::2], np.int64(mantissa))
    else:
        data = units.tobytes()
        whole = (int.from_bytes(data[at : at + 16], "little", signed=True) for at in range(0, len(data), 16))
        steps, rest = np.array([divmod(value, mantissa) for value in whole], np.int64).T
    if rest.any():
        raise ValueError(f"row {int(rest.argmax())} of a row group lies between two steps of {step:f}")
    return steps


def _scaled(step: Decimal) -> tuple[int, int]:
    """Decimal places of a step, and how many of their units it is."""
    exponent = step.as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 0
    return places, int(step.scaleb(places))


def _check_steps(path: Path, metadata: dict[str, str], instrument: Instrument) -> None:
    if metadata.get("kedge.layout") != str(LAYOUT):
        raise DataError(f"{path}: key `kedge.layout` must be {LAYOUT}, was {metadata.get('kedge.layout')}")
    steps = {"tick_size": instrument.tick_size, "quantity_step": instrument.quantity_step_in_data}
    for key, step in steps.items():
        if metadata.get(key) != f"{step:f}":
            raise DataError(
                f"{path}: `{key}` must be that of the instrument's definition, {step:f}, was {metadata.get(key)}",
                "put back the instrument.json that the catalog was made with",
            )
