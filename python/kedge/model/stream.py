"""One instrument's recorded market: what feeds read, catalogs keep and backtests run over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NotRequired, TypedDict

from kedge.model.columns import MarketColumns


class Source(TypedDict):
    """Where a block came from and what was found while it was decoded.

    `first` and `last` are the receive times of its rows (ISO text, recorder's clock corrected), `received_first_ns`
    and `received_last_ns` those the recorder wrote. `clock_offset_ms` is how far the recorder's clock was off, and was
    taken out (below 0: behind the venue's); `negative_latencies` counts packets that still seem to arrive before the
    venue sent them. The update ids are of the book's deltas; `in_sync` says whether the book was in sync where the file
    ends, and `continue_from` is the update id of the book that an earlier file had left in sync, or `None` where
    decoding began without a book.
    """

    name: str
    sha256: str
    bytes: int
    rows: int
    gaps: int
    resyncs: int
    clock_offset_ms: float
    negative_latencies: int
    first: str | None
    last: str | None
    lines: NotRequired[int]
    depth: NotRequired[int]
    trades: NotRequired[int]
    quotes: NotRequired[int]
    marks: NotRequired[int]
    snapshots: NotRequired[int]
    snapshots_refused: NotRequired[int]
    stale_dropped: NotRequired[int]
    overflow_dropped: NotRequired[int]
    ignored: NotRequired[int]
    off_step: NotRequired[int]
    recv_backwards: NotRequired[int]
    bars: NotRequired[int]
    bar_ns: NotRequired[int]
    bar_first_ns: NotRequired[int]
    bars_missing: NotRequired[int]
    min_latency_ms: NotRequired[float]
    median_latency_ms: NotRequired[float]
    received_first_ns: NotRequired[int]
    received_last_ns: NotRequired[int]
    first_update_id: NotRequired[int | None]
    last_update_id: NotRequired[int | None]
    in_sync: NotRequired[bool]
    continue_from: NotRequired[int | None]


@dataclass(frozen=True, slots=True)
class RecordedStream:
    """Blocks of one instrument in time order, with the definition they were decoded by and a source for each block.

    Read from a catalog with a start inside the recording, `blocks` begins with one block more: the book at the start.
    """

    instrument: dict[str, object]
    blocks: list[MarketColumns]
    sources: list[Source]

    @property
    def rows(self) -> int:
        """Rows of all blocks."""
        return sum(map(len, self.blocks))
