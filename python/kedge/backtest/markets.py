"""The market data of a run: recorded files, a catalog, or the seeded market."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedge import _core
from kedge.catalog import Catalog
from kedge.feeds import bars, recorded
from kedge.model.columns import MarketColumns
from kedge.model.errors import UsageError
from kedge.model.instruments import SIMULATED, Instrument, simulated_value
from kedge.model.stream import RecordedStream, Source

Progress = Callable[[int, int], None]

SEEDED_START = 1_767_258_000_000_000_000
"""When every seeded market begins: 2026-01-01 09:00 UTC, between two funding times."""

DEPTH_EVERY = 100_000_000
"""How often the seeded market publishes its book, as Binance's depth stream does: every 100 ms."""


@dataclass(frozen=True, slots=True)
class Market:
    """The streams of a run, and how the seeded market is made again (`seeded` is None for recorded data)."""

    streams: Sequence[RecordedStream]
    seeded: dict[str, int] | None

    def as_json(self) -> dict[str, Any]:
        """What a journal's header keeps."""
        sources = [[source["name"] for source in stream.sources] for stream in self.streams]
        return {"seeded": self.seeded, "sources": sources}


def recorded_market(
    data: Sequence[str],
    instruments: Path | None,
    only: str | None,
    on_progress: Progress | None,
    path: bars.BarPath = "nearer_first",
) -> Market:
    """Recorded files (`FILE`), bars (`FILE.csv`, `FILE.parquet`) and catalogs (`FOLDER#INSTRUMENT`, whole or
    `#INSTRUMENT` of one folder).

    Raises `UsageError` if `only` is in none of them, and what reading them raises.
    """
    of_bars = [name for name in data if bars.is_bars(name) and not Path(name).is_dir()]
    files = [name for name in data if "#" not in name and not Path(name).is_dir() and name not in of_bars]
    streams = recorded.read(files, instruments, on_progress=on_progress) if files else []
    streams.extend(bars.read(name, instruments, only, path) for name in of_bars)
    for name in data:
        if name in files or name in of_bars:
            continue
        folder, _, instrument = name.partition("#")
        catalog = Catalog(folder)
        wanted = [instrument] if instrument else [only] if only else [each.id for each in catalog.instruments()]
        streams.extend(map(catalog.read, wanted))
    if only is not None:
        found = [str(stream.instrument["id"]) for stream in streams]
        streams = [stream for stream in streams if stream.instrument["id"] == only]
        if not streams:
            raise UsageError(f"instrument `{only}` is not in the data", f"the data holds: {', '.join(found)}")
    return Market(streams, None)


def seeded_market(instrument: str | None, duration: int, seed: int, on_progress: Progress | None) -> Market:
    """`duration` ns of the seeded market of one instrument (by default its spot)."""
    traded = SIMULATED.all[0] if instrument is None else SIMULATED.find(instrument)
    if duration <= 0:
        raise UsageError(f"the seeded market must last longer than 0, was {duration} ns", "try --seeded 10m")
    return Market([seeded_stream(traded, duration, seed, on_progress)], {"seed": seed, "duration": duration})


def seeded_stream(
    instrument: Instrument, duration: int, seed: int, on_progress: Progress | None = None
) -> RecordedStream:
    """The seeded market of one instrument, in blocks of at most a minute."""
    value = simulated_value(instrument.id)
    market = _core.SeededMarket(seed, instrument.to_json(), SEEDED_START, DEPTH_EVERY, value)
    blocks: list[MarketColumns] = []
    minute, done = 60_000_000_000, 0
    while done < duration:
        done = min(duration, done + minute)
        block = MarketColumns(**market.advance(SEEDED_START + done))
        if len(block):
            blocks.append(block)
        if on_progress is not None:
            on_progress(done, duration)
    source = Source(
        name=f"seeded market, seed {seed}",
        sha256="",
        bytes=0,
        rows=sum(map(len, blocks)),
        gaps=0,
        resyncs=0,
        clock_offset_ms=0.0,
        negative_latencies=0,
        first=None,
        last=None,
    )
    return RecordedStream(dict(instrument.definition), blocks, [source])
