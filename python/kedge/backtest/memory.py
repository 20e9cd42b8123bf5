"""What a run's market data will need of memory, told before any of it is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kedge import _core
from kedge.backtest import markets
from kedge.catalog import Catalog
from kedge.feeds import recorded
from kedge.feeds.rawfile import CHUNK_BYTES, RawFile
from kedge.model.errors import DataError, UsageError

GB: Final = 10**9
COLUMN_BYTES: Final = 25
"""Of one row in the columns: two times, price, quantity, flags."""
RUN_BYTES: Final = 25
"""Of one row in a run besides, at most: 24 were measured under stress, which has the times received twice again; 2 to 6
without it, for candles, samples and what the engine keeps of the order of the rows (0.3, or 0.5 with a drawn latency,
where none are in order)."""
DECODING_BYTES: Final = 60
"""Of one row besides, while the file that has it is decoded."""
MOST_ROWS_A_BYTE: Final = 0.3
"""More rows than any recording has for a byte on disk, compressed."""
MOST_ROWS_A_SECOND: Final = 10_000
"""More rows than the seeded market makes in a second."""


def require(rows: int, held: int, bound_gb: float | None, decoded: int = 0) -> None:
    """Refuses a run over more rows than memory holds, before they are read.

    `held` of the rows will have their columns in memory; those mapped from a catalog need not. `decoded` are those of
    the largest file to be decoded. The bound is `memory_gb` of the settings, else what the machine has free. Raises
    `UsageError` with what is needed, what there is, and what to do.
    """
    needed = _needed(rows, held, decoded)
    allowed = _allowed(bound_gb)
    if allowed is None or needed <= allowed:
        return
    whose = "free" if bound_gb is None else "allowed by `memory_gb` in [backtest]"
    raise UsageError(
        f"the run needs about {_size(needed)} of memory for {rows:,} rows of market data, {_size(allowed)} are {whose}",
        "take a shorter stretch, or one --instrument" + (", or import the files into a catalog" if held else ""),
    )


def require_for_recorded(
    data: Sequence[str], definitions: Path | None, only: str | None, bound_gb: float | None
) -> None:
    """The same for recorded files and catalogs. Files are looked into only where even the densest could be too much."""
    allowed = _allowed(bound_gb)
    files = [Path(name) for name in data if "#" not in name and Path(name).is_file()]
    mapped = sum(_rows_of_catalog(name, only) for name in data if "#" in name or Path(name).is_dir())
    most = round(MOST_ROWS_A_BYTE * sum(file.stat().st_size for file in files))
    if allowed is None or _needed(most + mapped, most, most) <= allowed:
        return
    held = [_rows_of_file(file) for file in recorded.probe(files, definitions)] if files else []
    require(sum(held) + mapped, sum(held), bound_gb, max(held, default=0))


def require_for_seeded(instrument: str | None, duration: int, seed: int, bound_gb: float | None) -> None:
    """The same for the seeded market, as dense as its first minute. A short one is not looked into."""
    allowed, most = _allowed(bound_gb), MOST_ROWS_A_SECOND * duration // 10**9
    if allowed is None or _needed(most, most, 0) <= allowed:
        return
    minute = min(duration, 60 * 10**9)
    rows = len(markets.seeded_market(instrument, minute, seed, None).streams[0].blocks[0]) * duration // minute
    require(rows, rows, bound_gb)


def _needed(rows: int, held: int, decoded: int) -> int:
    # Files are decoded one by one, and before the run.
    return held * COLUMN_BYTES + max(rows * RUN_BYTES, decoded * DECODING_BYTES)


def _rows_of_catalog(name: str, only: str | None) -> int:
    folder, _, instrument = name.partition("#")
    catalog = Catalog(folder)
    wanted = [instrument] if instrument else [only] if only else [each.id for each in catalog.instruments()]
    return sum(segment.rows for each in wanted for segment in catalog.segments(each))


def _rows_of_file(recording: recorded.Recording) -> int:
    """About how many rows a file will have: as dense as its first megabyte on disk."""
    raw = RawFile(recording.path)
    decoder = _core.BinanceRecording(recording.market, recording.instrument.to_json(), None)
    try:
        for chunk in raw.chunks():
            if raw.bytes_read > CHUNK_BYTES:
                break
            decoder.feed(chunk)
        decoder.end_file()
    except DataError:
        # Reading it will say what is wrong, and where.
        return 0
    return round(len(decoder.take()["flags"]) * max(1.0, recording.size / CHUNK_BYTES))


def _allowed(bound_gb: float | None) -> int | None:
    return available() if bound_gb is None else int(bound_gb * GB)


def available() -> int | None:
    """Bytes this process may still take: what the machine has free, or less where its group is bounded; None where the
    system does not tell."""
    free = _meminfo("MemAvailable")
    group = Path("/sys/fs/cgroup")
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        limit, taken = _number(group / most), _number(group / used)
        if limit is not None and taken is not None:
            free = min(free or limit, max(0, limit - taken))
    return free


def _meminfo(name: str) -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(found[0]) * 1024 if found else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _size(size: int) -> str:
    for unit, name in ((GB, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size / 1_000:,.1f} kB"
