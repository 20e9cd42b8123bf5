"""A catalog on disk: recorded markets kept as Parquet, read as mapped columns. `docs/catalog.md` has the layout."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kedge.catalog import cache, events, manifest
from kedge.catalog.layout import CATALOG_FILE, EVENTS, INSTRUMENT_FILE, LAYOUT, instrument_folder
from kedge.catalog.manifest import Segment
from kedge.catalog.opening import book_at
from kedge.catalog.packing import ARRAYS, identical
from kedge.catalog.writing import (
    Staged,
    check_definition,
    commit,
    read_definition,
    stage,
    write_definition,
    written_alone,
)
from kedge.model.columns import MarketColumns
from kedge.model.errors import DataError, UsageError
from kedge.model.instruments import Instrument, from_definition, unknown_instrument
from kedge.model.stream import RecordedStream, Source
from kedge.model.times import iso


@dataclass(frozen=True, slots=True)
class Verified:
    """What `Catalog.verify` went over without finding damage."""

    segments: int
    rows: int
    bytes: int
    caches_rebuilt: int


class Catalog:
    """The catalog in the folder `path`. Making the object touches nothing.

    `caches_rebuilt` counts the caches that were missing, stale or damaged and made again from the Parquet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.caches_rebuilt = 0

    def instruments(self) -> list[Instrument]:
        """Instruments held, by id. Raises `UsageError` if there is no catalog, `DataError` if a file is damaged."""
        self._require()
        found = [read_definition(path) for path in self.path.glob(f"*/*/{INSTRUMENT_FILE}")]
        return sorted(found, key=lambda instrument: instrument.id)

    def instrument(self, instrument_id: str) -> Instrument:
        """One instrument. Raises `UsageError` with the known ones if it is not held."""
        self._require()
        path = instrument_folder(self.path, instrument_id) / INSTRUMENT_FILE
        if "@" not in instrument_id or not path.is_file():
            known = [instrument.id for instrument in self.instruments()]
            error = unknown_instrument(instrument_id, known, str(self.path))
            error.hint = error.hint if known and "did you mean" in error.hint else "`kedge import FILE` brings it in"
            raise error
        return read_definition(path)

    def segments(self, instrument_id: str) -> list[Segment]:
        """Committed segments in time order, none of an instrument not held. Raises `DataError` if one is damaged."""
        self._require()
        folder = instrument_folder(self.path, instrument_id) / EVENTS
        found = [manifest.load(path) for path in folder.glob("[!.]*.json")]
        return sorted(found, key=lambda segment: (segment.start_ns, segment.name))

    def read(self, instrument_id: str, start: int | None = None, end: int | None = None) -> RecordedStream:
        """The rows received from `start` up to `end` (ns since the epoch, `end` not included), without a copy.

        With a start inside the recording the first block is the book at that moment, if it was in sync then.
        Raises `UsageError` for an unknown instrument or an empty stretch, `DataError` naming what is damaged.
        """
        instrument = self.instrument(instrument_id)
        segments = self.segments(instrument_id)
        blocks: list[MarketColumns] = []
        sources: list[Source] = []
        for at, segment in enumerate(segments):
            if (end is not None and segment.start_ns >= end) or (start is not None and segment.end_ns < start):
                continue
            columns = self.columns(segment, instrument)
            first, last = _between(columns, start, end)
            if start is not None and not sources:
                opening = book_at(start, self._earlier(segments[: at + 1], first, instrument))
                blocks += [opening] if opening else []
            blocks.append(columns if last - first == len(columns) else _cut(columns, first, last))
            sources.append(_source_of(segment.source, columns, blocks[-1]))
        if not sources:
            raise self._nothing(instrument_id, segments)
        return RecordedStream(dict(instrument.definition), blocks, sources)

    def columns(self, segment: Segment, instrument: Instrument) -> MarketColumns:
        """The columns of one segment, mapped from its cache, which is made again where it does not hold."""
        if not segment.parquet.is_file() or segment.parquet.stat().st_size != segment.parquet_bytes:
            raise _damaged(segment, f"it must be there with {segment.parquet_bytes:,} bytes")
        _check_steps(segment, instrument)
        columns = cache.read(segment.cache)
        if columns is not None and _as_described(columns, segment):
            return columns
        self.caches_rebuilt += 1
        columns = _from_truth(segment, instrument)
        try:
            cache.write(segment.cache, columns)
            for stale in set(segment.cache.parent.glob(f"{segment.name}-*.arrow")) - {segment.cache}:
                stale.unlink(missing_ok=True)
        except OSError:
            # A catalog on a disk that cannot be written is read from memory instead.
            return columns
        return cache.read(segment.cache) or columns

    def write(self, stream: RecordedStream) -> list[Segment]:
        """Adds a segment for each block, all of them or none. The segments in the order of the blocks.

        A block whose source is held with the same rows stays as it is; one whose Parquet is damaged is written again.
        Raises `DataError` if a source is held with other rows, or other data is held for its time, `UsageError` if the
        folder is no catalog or the instrument's definition differs from the one held.
        """
        return self.write_all([stream])

    def write_all(self, streams: Sequence[RecordedStream]) -> list[Segment]:
        """As `write`, for streams of several instruments, all of them or none."""
        result: list[Segment] = []
        new: list[tuple[Instrument, Staged]] = []
        with written_alone(self.path):
            for stream in streams:
                instrument = from_definition(stream.instrument, "stream")
                self.check_definition(instrument)
                held = self.segments(instrument.id)
                for block, source in zip(stream.blocks, stream.sources, strict=True):
                    same = next((s for s in held if s.source["sha256"] == source["sha256"]), None)
                    if same is not None and self.is_whole(same):
                        if not identical(self.columns(same, instrument), block):
                            raise _held_otherwise(same)
                        result.append(same)
                        continue
                    staged = self._stage(block, source, instrument, held, same)
                    held = [segment for segment in held if segment is not same] + [staged.segment]
                    new.append((instrument, staged))
                    result.append(staged.segment)
            for instrument, staged in new:
                write_definition(instrument_folder(self.path, instrument.id), instrument)
                commit(staged)
        return result

    def _stage(
        self,
        block: MarketColumns,
        source: Source,
        instrument: Instrument,
        held: Sequence[Segment],
        damaged: Segment | None,
    ) -> Staged:
        others = [segment for segment in held if segment is not damaged]
        staged = stage(instrument_folder(self.path, instrument.id), block, source, instrument, others)
        if damaged is not None and damaged.name != staged.segment.name:
            raise _held_otherwise(damaged)
        return staged

    def check_definition(self, instrument: Instrument) -> None:
        """Raises `UsageError` if another definition of the instrument is held: `write` would refuse it."""
        check_definition(instrument_folder(self.path, instrument.id), instrument)

    def exists(self) -> bool:
        """Whether there is a catalog in the folder."""
        return (self.path / CATALOG_FILE).is_file()

    def find_source(self, instrument_id: str, sha256: str) -> Segment | None:
        """The segment that was made of the file with this hash."""
        if not self.exists():
            return None
        return next((s for s in self.segments(instrument_id) if s.source["sha256"] == sha256), None)

    def is_whole(self, segment: Segment) -> bool:
        """Whether the segment's Parquet is, byte for byte, what was written."""
        try:
            return manifest.sha256_of(segment.parquet) == segment.parquet_sha256
        except OSError:
            return False

    def verify(self) -> Verified:
        """Hashes every Parquet file, reads it, and holds its cache against it.

        Raises `DataError` naming all damaged files. Damaged caches are made again and counted.
        """
        damage: list[DataError] = []
        segments = rows = size = 0
        before = self.caches_rebuilt
        for instrument in self.instruments():
            folder = instrument_folder(self.path, instrument.id) / EVENTS
            for path in sorted(folder.glob("[!.]*.json")):
                try:
                    segment = manifest.load(path)
                    self._hold_cache(segment, _from_truth(segment, instrument), instrument)
                except DataError as error:
                    damage.append(error)
                    continue
                segments, rows, size = segments + 1, rows + segment.rows, size + segment.parquet_bytes
        if damage:
            raise DataError("; ".join(error.message for error in damage), damage[0].hint)
        return Verified(segments, rows, size, self.caches_rebuilt - before)

    def _hold_cache(self, segment: Segment, truth: MarketColumns, instrument: Instrument) -> None:
        if not identical(self.columns(segment, instrument), truth):
            segment.cache.unlink(missing_ok=True)
            self.columns(segment, instrument)

    def _earlier(
        self, segments: Sequence[Segment], first: int, instrument: Instrument
    ) -> Iterator[tuple[MarketColumns, int]]:
        """Blocks whose book goes on unbroken to row `first` of the last segment, the newest first."""
        for at in range(len(segments) - 1, -1, -1):
            columns = self.columns(segments[at], instrument)
            yield columns, first if at == len(segments) - 1 else len(columns)
            went_on = segments[at].source.get("continue_from")
            if at == 0 or went_on is None or went_on != segments[at - 1].source.get("last_update_id"):
                return

    def _require(self) -> None:
        path = self.path / CATALOG_FILE
        try:
            layout = json.loads(path.read_text(encoding="utf-8"))["layout"]
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(
                f"no catalog at {self.path}: {CATALOG_FILE} is not there",
                f"`kedge import FILE --catalog {self.path}` makes one",
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged: {error}", f'its text must be {{"layout": {LAYOUT}}}') from None
        if layout != LAYOUT:
            raise DataError(f"{path}: `layout` must be {LAYOUT}, was {layout}", "use the Kedge that made the catalog")

    def _nothing(self, instrument_id: str, segments: list[Segment]) -> UsageError:
        if not segments:
            return UsageError(f"{self.path} has no data of `{instrument_id}`", "`kedge import FILE` brings it in")
        held = f"{iso(segments[0].start_ns)} to {iso(segments[-1].end_ns)}"
        return UsageError(f"`{instrument_id}` has no data in the stretch asked for: held is {held}", "widen it")


def _from_truth(segment: Segment, instrument: Instrument) -> MarketColumns:
    """The columns from the Parquet, whose hash must be that of the manifest."""
    try:
        sha256 = manifest.sha256_of(segment.parquet)
    except OSError as error:
        raise _damaged(segment, str(error.strerror)) from None
    if sha256 != segment.parquet_sha256:
        raise _damaged(segment, f"its sha256 must be {segment.parquet_sha256}, was {sha256}")
    columns = events.read(segment.parquet, instrument)
    if not _as_described(columns, segment):
        raise _damaged(segment, f"it must have the {segment.rows:,} rows of its manifest, had {len(columns):,}")
    for array in (getattr(columns, name) for name in ARRAYS):
        array.flags.writeable = False
    return columns


def _check_steps(segment: Segment, instrument: Instrument) -> None:
    """The columns count in the steps of the segment's own definition; the instrument's may have been edited since."""
    own = from_definition(segment.definition, str(segment.manifest))
    for key in ("tick_size", "quantity_step_in_data"):
        was, must = getattr(instrument, key), getattr(own, key)
        if was != must:
            raise DataError(
                f"{segment.folder / INSTRUMENT_FILE}: `{key}` must be {must:f}, as {segment.parquet} was written, "
                f"was {was:f}",
                "put the former step back; other steps need another catalog",
            )


def _as_described(columns: MarketColumns, segment: Segment) -> bool:
    described = (segment.rows, segment.wide_rows, segment.price_base, segment.qty_scale)
    return (len(columns), len(columns.wide_price), columns.price_base, columns.qty_scale) == described


def _damaged(segment: Segment, what: str) -> DataError:
    return DataError(
        f"{segment.parquet} is damaged: {what}", f"import {segment.source['name']} again: that writes it anew"
    )


def _held_otherwise(segment: Segment) -> DataError:
    return DataError(
        f"{segment.source['name']} is already imported, with other rows, as {segment.parquet}",
        f"to import it anew, remove {segment.manifest} first",
    )


def _between(columns: MarketColumns, start: int | None, end: int | None) -> tuple[int, int]:
    first = 0 if start is None else int(np.searchsorted(columns.ts_recv, start))
    last = len(columns) if end is None else int(np.searchsorted(columns.ts_recv, end))
    return first, max(first, last)


def _cut(columns: MarketColumns, first: int, last: int) -> MarketColumns:
    rows = {name: getattr(columns, name)[first:last] for name in ("ts_event", "ts_recv", "price", "qty", "flags")}
    return replace(columns, **rows)


def _source_of(source: Source, columns: MarketColumns, read: MarketColumns) -> Source:
    if len(read) == len(columns):
        return source
    first, last = (iso(int(read.ts_recv[0])), iso(int(read.ts_recv[-1]))) if len(read) else (None, None)
    return {**source, "rows": len(read), "first": first, "last": last}
