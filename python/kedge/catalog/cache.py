"""The mapped cache of a segment: an uncompressed Arrow file that holds the engine's columns as they are in memory.

One record batch of one row; each column of `MarketColumns` is one list in it, so that columns of different lengths
stand in one file, each in one piece. The schema's metadata has base, scale and one checksum of it all.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kedge.catalog.layout import written_whole
from kedge.catalog.packing import ARRAYS
from kedge.model.columns import MarketColumns

_TYPES = {
    "ts_event": pa.int64(),
    "ts_recv": pa.int64(),
    "price": pa.int32(),
    "qty": pa.int32(),
    "flags": pa.uint8(),
    "wide_price": pa.int64(),
    "wide_qty": pa.int64(),
}


def write(path: Path, columns: MarketColumns) -> None:
    """Writes `path`. Not synced to disk: a cache that a crash tore is known by its checksum and made again."""
    metadata = {
        "price_base": columns.price_base,
        "qty_scale": columns.qty_scale,
        "crc32": _checksum(columns),
    }
    schema = pa.schema(
        [pa.field(name, pa.large_list(kind)) for name, kind in _TYPES.items()],
        metadata={key: str(value) for key, value in metadata.items()},
    )
    lists = [
        pa.LargeListArray.from_arrays(pa.array([0, len(array)], pa.int64()), pa.array(array, kind))
        for array, kind in ((getattr(columns, name), kind) for name, kind in _TYPES.items())
    ]
    batch = pa.RecordBatch.from_arrays(lists, schema=schema)
    with (
        written_whole(path, durable=False) as part,
        pa.OSFile(str(part), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        writer.write_batch(batch)


def read(path: Path) -> MarketColumns | None:
    """The columns, mapped: no copy is made and the arrays cannot be written. `None` if there is no whole cache."""
    try:
        with pa.memory_map(str(path)) as mapped:
            file = pa.ipc.open_file(mapped)
            metadata = {k.decode(): v.decode() for k, v in (file.schema.metadata or {}).items()}
            batch = file.get_batch(0)
        batch.validate()
        arrays: dict[str, Any] = {name: _mapped(batch, name) for name in ARRAYS}
        columns = MarketColumns(
            **arrays,
            price_base=int(metadata["price_base"]),
            qty_scale=int(metadata["qty_scale"]),
        )
        return columns if _checksum(columns) == int(metadata["crc32"]) else None
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None


def _mapped(batch: pa.RecordBatch, name: str) -> NDArray[Any]:
    column = batch.column(name)
    if column.type != pa.large_list(_TYPES[name]):
        raise ValueError(f"column `{name}` must be {pa.large_list(_TYPES[name])}, was {column.type}")
    array: NDArray[Any] = column.values.to_numpy(zero_copy_only=True)
    return array


def _checksum(columns: MarketColumns) -> int:
    crc = zlib.crc32(f"{columns.price_base} {columns.qty_scale}".encode())
    for name in ARRAYS:
        crc = zlib.crc32(np.ascontiguousarray(getattr(columns, name)).data, crc)
    return crc
