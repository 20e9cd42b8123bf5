"""Raw recorded files → `RecordedStream`s, one an instrument.

A line is `<receive time, ns> <json>`, as hftbacktest's recorder writes it: combined-stream messages of Binance and REST
depth snapshots. Files of one instrument are decoded in time order by one decoder, so that the book goes on from file
to file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kedge._core import BinanceRecording, detect_recording
from kedge.catalog import Catalog, Segment
from kedge.feeds.rawfile import RawFile
from kedge.model import instruments
from kedge.model.columns import MarketColumns
from kedge.model.errors import DataError, UsageError
from kedge.model.instruments import Instrument, Instruments
from kedge.model.stream import RecordedStream, Source
from kedge.model.times import iso

Progress = Callable[[int, int], None]
"""Called with the bytes of the files read so far and in all."""

DEFINITIONS_FILE = "instruments.json"
PROBED_LINES = 1_000
FILES_OVERLAP_MAX_NS = 10**9
KIND_OF_MARKET = {"spot": "spot", "usdm": "linear_perpetual"}


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that was looked into: the market and the instrument it is of, and when it begins."""

    path: Path
    market: str
    instrument: Instrument
    first_ns: int
    size: int


def read(
    paths: Iterable[str | Path],
    instruments_file: str | Path | None = None,
    catalog: Catalog | None = None,
    on_progress: Progress | None = None,
) -> list[RecordedStream]:
    """Decodes recorded files; a stream for each instrument, by id, with a block and a source for each file.

    The order of `paths` does not matter. Definitions are read from `instruments_file` or from the `instruments.json`
    beside each file. With a `catalog`, the first file of an instrument goes on from the book that the segment before
    it left in sync. Raises `DataError` naming file, line, value and rule, `UsageError` for a missing file or an
    unknown instrument.
    """
    return decode(probe(paths, instruments_file), catalog, on_progress)


def probe(paths: Iterable[str | Path], instruments_file: str | Path | None = None) -> list[Recording]:
    """Looks into the first lines of each file. Instruments by id, and files of one by the time they begin."""
    known: dict[Path, Instruments] = {}
    found: dict[Path, Recording] = {}
    for path in map(Path, paths):
        if path.resolve() in found:
            raise UsageError(f"{path} is given twice", "give each file once")
        definitions = Path(instruments_file) if instruments_file is not None else path.parent / DEFINITIONS_FILE
        market, symbol, first_ns = _first_lines(path)
        if definitions not in known:
            known[definitions] = instruments.load(definitions)
        instrument = known[definitions].find_symbol("binance", symbol, KIND_OF_MARKET[market])
        found[path.resolve()] = Recording(path, market, instrument, first_ns, path.stat().st_size)
    if not found:
        raise UsageError("no file is given", "give one recorded file or more")
    return sorted(found.values(), key=lambda r: (r.instrument.id, r.first_ns, str(r.path)))


def decode(
    recordings: Sequence[Recording], catalog: Catalog | None = None, on_progress: Progress | None = None
) -> list[RecordedStream]:
    """Decodes files in the order in which `probe` gives them."""
    total, done = sum(recording.size for recording in recordings), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if on_progress is not None:
            on_progress(done, total)

    by_instrument: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_instrument.setdefault(recording.instrument.id, []).append(recording)
    return [_stream(files, catalog, advance) for files in by_instrument.values()]


def receive_time(line: bytes) -> int | None:
    """The nanoseconds a recorded line begins with, or `None`."""
    digits, _, rest = line.partition(b" ")
    return int(digits) if digits.isdigit() and len(digits) <= 19 and rest else None


def _first_lines(path: Path) -> tuple[str, str, int]:
    """Market, symbol and first receive time of a file."""
    first_ns, seen = None, 0
    for chunk in RawFile(path).chunks():
        for line in chunk.splitlines():
            seen += 1
            received = receive_time(line)
            if received is None:
                raise DataError(
                    f"{path}: line {seen:,}: must be `<receive time in ns> <json>`, was `{_shown(line)}`",
                    "is this a recording? docs/catalog.md says what can be read",
                )
            first_ns = received if first_ns is None else first_ns
            found = detect_recording(line)
            if found is not None:
                return *found, first_ns
            if seen == PROBED_LINES:
                break
        if seen == PROBED_LINES:
            break
    if first_ns is None:
        raise DataError(f"{path} is empty: it must have one line or more", "fetch or record the file again")
    raise DataError(
        f"{path}: none of its first {seen:,} lines tells a Binance spot or USD-M market",
        "is this a recording? docs/catalog.md says what can be read",
    )


def _stream(files: Sequence[Recording], catalog: Catalog | None, advance: Callable[[int], None]) -> RecordedStream:
    instrument = files[0].instrument
    for other in files[1:]:
        if other.instrument != instrument:
            raise UsageError(
                f"`{instrument.id}` is defined otherwise beside {other.path} than beside {files[0].path}",
                "give one definitions file for all with --instruments FILE",
            )
    before = _segment_before(catalog, files[0])
    going_on = before.source.get("last_update_id") if before and before.source.get("in_sync") else None
    decoder = BinanceRecording(files[0].market, instrument.to_json(), going_on)
    blocks: list[MarketColumns] = []
    sources: list[Source] = []
    for at, file in enumerate(files):
        if sources and file.first_ns < sources[-1]["received_last_ns"]:
            raise DataError(
                f"{file.path} begins at {iso(file.first_ns)}, before {files[at - 1].path} ends at "
                f"{iso(sources[-1]['received_last_ns'])} (the recorder's clock): files of one instrument must follow "
                "one another",
                "give one of them",
            )
        block, source = _decode_file(file, decoder, advance, before.end_ns if before and not sources else None)
        source["continue_from"] = going_on
        going_on = source["last_update_id"] if source["in_sync"] else None
        blocks.append(block)
        sources.append(source)
    return RecordedStream(dict(instrument.definition), blocks, sources)


def _segment_before(catalog: Catalog | None, file: Recording) -> Segment | None:
    """The last segment that the recorder had ended when `file` began."""
    if catalog is None or not catalog.exists():
        return None
    ended = [
        segment
        for segment in catalog.segments(file.instrument.id)
        if segment.source.get("received_last_ns", segment.end_ns) <= file.first_ns
    ]
    return ended[-1] if ended else None


def _decode_file(
    file: Recording, decoder: BinanceRecording, advance: Callable[[int], None], after_ns: int | None
) -> tuple[MarketColumns, Source]:
    """Decodes one file. No row gets a time before `after_ns`, the end of a segment that it goes on from.

    The clock offset is estimated for each file, so that the first rows of one may seem to lie some milliseconds before
    the last of the one before. Within one decoder the core holds them back; here it is done for a file that comes
    later, so that it makes no difference whether files are imported together or one by one.
    """
    raw = RawFile(file.path, advance)
    last_ns = file.first_ns
    try:
        for chunk in raw.chunks():
            decoder.feed(chunk)
            last_ns = receive_time(chunk[chunk.rfind(b"\n", 0, -1) + 1 :]) or last_ns
        found = decoder.end_file()
    except DataError as error:
        if str(file.path) in error.message:
            raise
        raise DataError(f"{file.path}: {error.message}", error.hint) from None
    block = MarketColumns(**decoder.take())
    if after_ns is not None and len(block) and after_ns - FILES_OVERLAP_MAX_NS < block.ts_recv[0] < after_ns:
        block = replace(block, ts_recv=np.maximum(block.ts_recv, after_ns))
    times = [iso(int(block.ts_recv[at])) for at in (0, -1)] if len(block) else [None, None]
    source: Source = {
        "name": file.path.name,
        "sha256": raw.sha256,
        "bytes": raw.bytes_read,
        "rows": len(block),
        "gaps": int(found["gaps"]),
        "resyncs": int(found["resyncs"]),
        "clock_offset_ms": found["clock_offset_ns"] / 1e6,
        "negative_latencies": int(found["negative_latencies"]),
        "first": times[0],
        "last": times[1],
        "min_latency_ms": found["min_latency_ns"] / 1e6,
        "median_latency_ms": found["median_latency_ns"] / 1e6,
        "received_first_ns": file.first_ns,
        "received_last_ns": last_ns,
        "first_update_id": found["first_update_id"],
        "last_update_id": found["last_update_id"],
        "in_sync": bool(found["in_sync"]),
        "lines": int(found["lines"]),
        "depth": int(found["depth"]),
        "trades": int(found["trades"]),
        "quotes": int(found["quotes"]),
        "marks": int(found["marks"]),
        "snapshots": int(found["snapshots"]),
        "snapshots_refused": int(found["snapshots_refused"]),
        "stale_dropped": int(found["stale_dropped"]),
        "overflow_dropped": int(found["overflow_dropped"]),
        "ignored": int(found["ignored"]),
        "off_step": int(found["off_step"]),
        "recv_backwards": int(found["recv_backwards"]),
    }
    return block, source


def _shown(line: bytes) -> str:
    return repr(line[:60])[2:-1] + ("…" if len(line) > 60 else "")
