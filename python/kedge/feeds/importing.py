"""Recorded files into a catalog: the body of `kedge import`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from kedge.catalog import Catalog, Segment
from kedge.catalog.manifest import sha256_of
from kedge.feeds.recorded import Progress, Recording, decode, probe

IMPORTED, HELD = "imported", "held"


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """One file of an import. `state` is `imported`, or `held` where the catalog already had it.

    `clock_offset_ms` is what the recorder's clock was off, `first` and `last` the receive times of its rows.
    """

    file: str
    state: str
    instrument: str
    rows: int
    gaps: int
    resyncs: int
    clock_offset_ms: float
    negative_latencies: int
    first: str | None
    last: str | None
    in_sync: bool
    segment: str
    segment_bytes: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did; `imported` is 0 where there was nothing to do."""

    catalog: str
    files: tuple[ImportedFile, ...]

    @property
    def imported(self) -> int:
        """Files that were added."""
        return sum(file.state == IMPORTED for file in self.files)

    @property
    def rows(self) -> int:
        """Rows that were added."""
        return sum(file.rows for file in self.files if file.state == IMPORTED)

    def as_json(self) -> dict[str, object]:
        """The summary as `--json` prints it."""
        return {
            "catalog": self.catalog,
            "imported": self.imported,
            "rows": self.rows,
            "files": [asdict(file) for file in self.files],
        }


def import_recordings(
    paths: Iterable[str | Path],
    catalog: str | Path | Catalog,
    instruments_file: str | Path | None = None,
    on_progress: Progress | None = None,
) -> ImportSummary:
    """Adds recorded files to a catalog, all or none; one that is held already is left as it is.

    The catalog is made if its folder is new or empty. Raises what `kedge.feeds.recorded.read` and `Catalog.write`
    raise.
    """
    catalog = catalog if isinstance(catalog, Catalog) else Catalog(catalog)
    recordings = probe(paths, instruments_file)
    for recording in recordings:
        catalog.check_definition(recording.instrument)
    known = [(recording, _held(catalog, recording)) for recording in recordings]
    new = [recording for recording, segment in known if segment is None]
    streams = decode(new, catalog, on_progress)
    written = catalog.write_all(streams)
    files = [_file(recording, segment, HELD) for recording, segment in known if segment]
    files += [_file(recording, segment, IMPORTED) for recording, segment in zip(new, written, strict=True)]
    return ImportSummary(str(catalog.path), tuple(sorted(files, key=lambda f: (f.instrument, f.first or "", f.file))))


def _held(catalog: Catalog, recording: Recording) -> Segment | None:
    """The segment made of this very file, if its Parquet is whole."""
    segment = catalog.find_source(recording.instrument.id, sha256_of(recording.path))
    return segment if segment is not None and catalog.is_whole(segment) else None


def _file(recording: Recording, segment: Segment, state: str) -> ImportedFile:
    source = segment.source
    return ImportedFile(
        file=str(recording.path),
        state=state,
        instrument=segment.instrument,
        rows=segment.rows,
        gaps=source["gaps"],
        resyncs=source["resyncs"],
        clock_offset_ms=source["clock_offset_ms"],
        negative_latencies=source["negative_latencies"],
        first=source["first"],
        last=source["last"],
        in_sync=source.get("in_sync", False),
        segment=str(segment.parquet),
        segment_bytes=segment.parquet_bytes,
        warnings=tuple(_warnings(segment)),
    )


def _warnings(segment: Segment) -> list[str]:
    depth = segment.source.get("depth", 0)
    if depth and not segment.kinds.get("delta") and not segment.kinds.get("clear"):
        return [
            f"the book is never in sync: {depth:,} depth messages were dropped, as there is no snapshot in the file "
            "and no segment before it to go on from; import the file before it first"
        ]
    return []
