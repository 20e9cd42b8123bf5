"""The manifest of a segment: what is in it, where it came from, and the hashes to know it by.

A segment is there when its manifest is; it is written last.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from kedge.catalog.layout import CACHE, EVENTS, LAYOUT
from kedge.model.errors import DataError
from kedge.model.stream import Source

REIMPORT = "remove this file, then import its source again"


@dataclass(frozen=True, slots=True)
class Segment:
    """A committed segment. Times are `ts_recv`, the least and the greatest; `parquet_sha256` is of the whole file."""

    folder: Path
    name: str
    instrument: str
    definition: dict[str, object]
    rows: int
    kinds: dict[str, int]
    start_ns: int
    end_ns: int
    price_base: int
    qty_scale: int
    wide_rows: int
    parquet_bytes: int
    parquet_sha256: str
    source: Source
    kedge: str
    created: str

    @property
    def parquet(self) -> Path:
        """The truth."""
        return self.folder / EVENTS / f"{self.name}.parquet"

    @property
    def manifest(self) -> Path:
        """This record on disk."""
        return self.folder / EVENTS / f"{self.name}.json"

    @property
    def cache(self) -> Path:
        """The mapped columns; the name changes with the truth."""
        return self.folder / CACHE / f"{self.name}-{self.parquet_sha256[:8]}.arrow"

    def overlaps(self, other: Segment) -> bool:
        """Whether both hold the same stretch of time, by the corrected clock and by the recorder's own.

        One alone proves nothing: the correction of two files that follow one another differs by milliseconds, and two
        recorders' clocks may differ by more than a file is long.
        """
        corrected = self.start_ns < other.end_ns and other.start_ns < self.end_ns
        mine, its = self.source, other.source
        if "received_first_ns" not in mine or "received_first_ns" not in its:
            return corrected
        return (
            corrected
            and mine["received_first_ns"] < its["received_last_ns"]
            and its["received_first_ns"] < mine["received_last_ns"]
        )


def text(segment: Segment) -> str:
    """The manifest's file."""
    body: dict[str, object] = {
        "layout": LAYOUT,
        "kedge": segment.kedge,
        "created": segment.created,
        "segment": segment.name,
        "instrument": segment.instrument,
        "definition": segment.definition,
        "rows": segment.rows,
        "kinds": segment.kinds,
        "start_ns": segment.start_ns,
        "end_ns": segment.end_ns,
        "columns": {
            "price_base": segment.price_base,
            "qty_scale": segment.qty_scale,
            "wide_rows": segment.wide_rows,
        },
        "parquet": {"bytes": segment.parquet_bytes, "sha256": segment.parquet_sha256},
        "source": segment.source,
    }
    return json.dumps({**body, "checksum": _checksum(body)}, indent=1, ensure_ascii=False) + "\n"


def load(path: Path) -> Segment:
    """Reads a manifest. Raises `DataError` naming the file if it is damaged or of a layout this Kedge cannot read."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        checksum = body.pop("checksum")
        layout = body["layout"]
    except FileNotFoundError:
        raise DataError(f"{path} is missing", REIMPORT) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged: not a segment's manifest ({error})", REIMPORT) from None
    if layout != LAYOUT:
        raise DataError(f"{path}: layout must be {LAYOUT}, was {layout}", "use the Kedge that wrote it")
    if checksum != _checksum(body):
        raise DataError(f"{path} is damaged: its checksum must be {_checksum(body)}, was {checksum}", REIMPORT)
    if body["segment"] != path.stem:
        raise DataError(f"{path} was renamed: it is the manifest of segment {body['segment']}", "give it its name back")
    return Segment(
        folder=path.parent.parent,
        name=body["segment"],
        instrument=body["instrument"],
        definition=body["definition"],
        rows=body["rows"],
        kinds=body["kinds"],
        start_ns=body["start_ns"],
        end_ns=body["end_ns"],
        **body["columns"],
        parquet_bytes=body["parquet"]["bytes"],
        parquet_sha256=body["parquet"]["sha256"],
        source=cast(Source, body["source"]),
        kedge=body["kedge"],
        created=body["created"],
    )


def _checksum(body: dict[str, object]) -> str:
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
