"""Adding to a catalog: one writer at a time, files staged first, manifests last."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from kedge.catalog import cache, events, manifest
from kedge.catalog.layout import (
    CATALOG_FILE,
    INSTRUMENT_FILE,
    LAYOUT,
    part_of,
    remove_leftovers,
    segment_name,
    sync,
    write_text,
)
from kedge.catalog.manifest import Segment
from kedge.catalog.packing import ARRAYS, identical, pack, unpack
from kedge.model.columns import KIND, WIDE, MarketColumns
from kedge.model.errors import DataError, UsageError
from kedge.model.instruments import Instrument, from_definition
from kedge.model.stream import Source
from kedge.model.times import iso

_LOCK = ".lock"
_DTYPES = dict(zip(ARRAYS, (np.int64, np.int64, np.int32, np.int32, np.uint8, np.int64, np.int64), strict=True))


@contextmanager
def written_alone(root: Path) -> Iterator[None]:
    """Makes the catalog if it is not there and keeps other writers out, waiting for one that is at work.

    A disk that is full or cannot be written becomes a `DataError` naming the file.
    """
    try:
        _refuse_foreign(root)
        root.mkdir(parents=True, exist_ok=True)
        with (root / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            remove_leftovers(root)
            try:
                if not (root / CATALOG_FILE).is_file():
                    write_text(root / CATALOG_FILE, json.dumps({"layout": LAYOUT}) + "\n")
                yield
            finally:
                remove_leftovers(root)
    except OSError as error:
        raise DataError(
            f"{error.filename or root} cannot be written: {error.strerror or error}",
            "nothing was added to the catalog; make room or change the rights, then run it again",
        ) from None


def _refuse_foreign(root: Path) -> None:
    if (root / CATALOG_FILE).is_file() or not root.exists():
        return
    if not root.is_dir() or any(not _is_ours(path) for path in root.iterdir()):
        raise UsageError(
            f"{root} is not a catalog: it has no {CATALOG_FILE} and is not empty", "give a new or an empty folder"
        )


def _is_ours(path: Path) -> bool:
    return path.name == _LOCK or path.name.startswith(CATALOG_FILE)


@dataclass(frozen=True, slots=True)
class Staged:
    """A segment whose Parquet stands complete on disk under a temporary name."""

    segment: Segment
    columns: MarketColumns
    part: Path


def stage(
    folder: Path, columns: MarketColumns, source: Source, instrument: Instrument, held: Sequence[Segment]
) -> Staged:
    """Writes the Parquet of a new segment under a temporary name.

    Raises `DataError` if the columns are not sound or one of `held` has other data for their time.
    """
    check_columns(columns, source["name"])
    start, end = _span(columns, source)
    kinds = np.bincount(columns.flags & KIND, minlength=len(events.KINDS))
    draft = Segment(
        folder=folder,
        name=segment_name(start),
        instrument=instrument.id,
        definition=dict(instrument.definition),
        rows=len(columns),
        kinds={kind: int(count) for kind, count in zip(events.KINDS, kinds, strict=True) if count},
        start_ns=start,
        end_ns=end,
        price_base=columns.price_base,
        qty_scale=columns.qty_scale,
        wide_rows=len(columns.wide_price),
        parquet_bytes=0,
        parquet_sha256="",
        source=source,
        kedge=version("kedge"),
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
    _check_new(draft, held)
    part = part_of(draft.parquet)
    part.parent.mkdir(parents=True, exist_ok=True)
    events.write(part, columns, instrument)
    sync(part)
    segment = replace(draft, parquet_bytes=part.stat().st_size, parquet_sha256=manifest.sha256_of(part))
    return Staged(segment, columns, part)


def commit(staged: Staged) -> Segment:
    """Gives the Parquet its name, then writes cache and manifest: with the manifest the segment is there."""
    segment = staged.segment
    os.replace(staged.part, segment.parquet)
    sync(segment.parquet.parent)
    cache.write(segment.cache, staged.columns)
    write_text(segment.manifest, manifest.text(segment))
    return segment


def check_definition(folder: Path, instrument: Instrument) -> None:
    """Raises `UsageError` if the instrument's folder holds another definition of it."""
    path = folder / INSTRUMENT_FILE
    if not path.is_file():
        return
    held = read_definition(path)
    for key in Instrument.__slots__:
        was, must = getattr(instrument, key), getattr(held, key)
        if key != "definition" and was != must:
            raise UsageError(
                f"`{instrument.id}`: `{key}` must be {must}, as {path} has it, was {was}",
                "import with the definition held, or into another catalog",
            )


def read_definition(path: Path) -> Instrument:
    """The instrument of a catalog's folder. Raises `DataError` naming the file if it is damaged."""
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged: {error}", "put back the instrument's definition") from None
    return from_definition(row, str(path))


def write_definition(folder: Path, instrument: Instrument) -> None:
    """Writes the instrument's definition unless one is there."""
    path = folder / INSTRUMENT_FILE
    if not path.is_file():
        write_text(path, json.dumps(dict(instrument.definition), indent=1, ensure_ascii=False) + "\n")


def check_columns(columns: MarketColumns, name: str) -> None:
    """Raises `DataError` if the columns could not be read back to the bit, or run back in time."""

    def require(holds: bool, what: str, rule: str, was: object) -> None:
        if not holds:
            raise DataError(f"{name}: {what} must {rule}, was {was}")

    for key, dtype in _DTYPES.items():
        array = getattr(columns, key)
        require(
            array.dtype == dtype and array.ndim == 1, f"column `{key}`", f"be one row of {dtype.__name__}", array.dtype
        )
    require(columns.qty_scale >= 1, "`qty_scale`", "be at least 1", columns.qty_scale)
    lengths = [len(getattr(columns, key)) for key in ARRAYS]
    require(len(set(lengths[:5])) == 1 and lengths[5] == lengths[6], "columns", "have one length", lengths)
    wide = columns.price[(columns.flags & WIDE) != 0]
    in_order = len(wide) == lengths[5] and np.array_equal(wide, np.arange(len(wide)))
    require(in_order, "wide rows", f"be {lengths[5]}, numbered in order", len(wide))
    back = np.flatnonzero(columns.ts_recv[1:] < columns.ts_recv[:-1])
    require(len(back) == 0, "`ts_recv`", "not run back", f"back after row {back[0]:,}" if len(back) else "")
    kinds = columns.flags & KIND
    known = not len(kinds) or int(kinds.max()) < len(events.KINDS)
    require(known, "kind", f"be below {len(events.KINDS)}", int(kinds.max()) if len(kinds) else "")
    packed = pack(unpack(columns), columns.price_base, columns.qty_scale)
    require(identical(packed, columns), "columns", "be packed by the rule of the core", "otherwise")


def _span(columns: MarketColumns, source: Source) -> tuple[int, int]:
    if len(columns):
        return int(columns.ts_recv[0]), int(columns.ts_recv[-1])
    return source.get("received_first_ns", 0), source.get("received_last_ns", 0)


def _check_new(segment: Segment, held: Sequence[Segment]) -> None:
    """Raises `DataError` if the catalog has other data for the time of `segment`."""
    for other in held:
        if segment.overlaps(other) or segment.name == other.name:
            raise DataError(
                f"{segment.source['name']} ({iso(segment.start_ns)} to {iso(segment.end_ns)}) overlaps "
                f"{other.source['name']} ({iso(other.start_ns)} to {iso(other.end_ns)}), which is held as "
                f"{other.parquet}",
                f"to replace that segment, remove {other.manifest} first",
            )
