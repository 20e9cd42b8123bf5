"""Names of a catalog's files, and writing them whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

LAYOUT = 1
CATALOG_FILE = "catalog.json"
INSTRUMENT_FILE = "instrument.json"
EVENTS, CACHE = "events", "cache"
PART = ".part-"


def instrument_folder(root: Path, instrument_id: str) -> Path:
    """`<root>/binance/BTC-USDT_USDT` of `BTC/USDT:USDT@binance`."""
    pair, _, venue = instrument_id.partition("@")
    return root / venue / pair.replace("/", "-").replace(":", "_")


def segment_name(start_ns: int) -> str:
    """`20240808T235414.208Z`: the time of a segment's first row, cut to the millisecond."""
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=start_ns // 10**6)
    return f"{start:%Y%m%dT%H%M%S}.{start.microsecond // 1000:03d}Z"


@contextmanager
def written_whole(path: Path, durable: bool = True) -> Iterator[Path]:
    """Gives a temporary path beside `path`; what was written there is renamed to `path` at the end.

    A crash at any moment leaves `path` as it was or as it is to be. `durable` waits for the disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    try:
        yield part
        if durable:
            sync(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    if durable:
        sync(path.parent)


def part_of(path: Path) -> Path:
    """The temporary name of a file being written. It keeps no suffix that a reader's `*.parquet` would find."""
    return path.with_name(f"{path.name}{PART}{os.getpid()}-{threading.get_ident()}")


def write_text(path: Path, text: str) -> None:
    """Writes a small file, durably."""
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def remove_leftovers(folder: Path) -> int:
    """Removes temporary files of writers that died; their number."""
    leftovers = [path for path in folder.rglob(f"*{PART}*") if path.is_file()]
    for path in leftovers:
        path.unlink(missing_ok=True)
    return len(leftovers)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
