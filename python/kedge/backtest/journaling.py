"""A backtest's journal: the market as it came in, and every decision, in one sequence."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedge import _core
from kedge.backtest.markets import Market
from kedge.backtest.spec import Outcome, RunSpec
from kedge.journal import Kind, Stream, market_block
from kedge.model.columns import NO_TIME, MarketColumns

ROWS_MAX = 65_536
"""Rows in one frame."""

# The first byte of a decision's record tells what it is: commands, reports, postings, refusals, stops.
KIND_OF_TAG = {
    1: Kind.COMMAND,
    2: Kind.COMMAND,
    3: Kind.COMMAND,
    4: Kind.REPORT,
    5: Kind.POSTING,
    6: Kind.REFUSAL,
    7: Kind.STOPPED,
}


def split_records(records: bytes) -> Iterator[bytes]:
    """The records in the bytes the engine hands over: each a u16 length and as many bytes."""
    at = 0
    while at < len(records):
        end = at + 2 + int.from_bytes(records[at : at + 2], "little")
        yield records[at + 2 : end]
        at = end


class RunJournal:
    """Writes a session: header and checkpoint, then market rows before the decisions that could follow from them.

    The seeded market is not written: its seed is in the header.
    """

    def __init__(self, folder: Path, spec: RunSpec, market: Market, created: datetime) -> None:
        self._spec = spec
        header = {**spec.header(), "kedge": _core.__version__, "created": created.isoformat()}
        session = created.strftime("%Y%m%d%H%M%S%f")[:16].encode()
        self._writer = _core.JournalWriter(str(folder), session, json.dumps(header), 0, time.time_ns())
        checkpoint = {"orders": [], "balances": spec.engine["balances"], "strategies": {}}
        self._append(Stream.DECISIONS, Kind.CHECKPOINT, 0, json.dumps(checkpoint).encode())
        streams = [] if market.seeded is not None else market.streams
        self._blocks = [(ix, block, _ready(block)) for ix, stream in enumerate(streams) for block in stream.blocks]
        self._written = [0] * len(self._blocks)

    def add(self, now: int, records: bytes) -> None:
        """Market rows up to `now`, then decisions made by then; durable when it returns."""
        for at, (stream, block, ready) in enumerate(self._blocks):
            end = int(np.searchsorted(ready, now, side="right"))
            self._rows(at, stream, block, end)
        for record in split_records(records):
            self._append(
                Stream.DECISIONS, KIND_OF_TAG[record[0]], int.from_bytes(record[1:9], "little", signed=True), record
            )
        self._writer.commit()

    def close(self, outcome: Outcome) -> None:
        """Ends the session: what is left of the market, a checkpoint with the strategies' state, and the hash."""
        for at, (stream, block, _) in enumerate(self._blocks):
            self._rows(at, stream, block, len(block))
        saved = {
            seat.name: base64.b64encode(state).decode()
            for seat, strategy in zip(self._spec.seats, outcome.strategies, strict=True)
            if (state := strategy.save()) is not None
        }
        balances = {code: str(amount) for code, amount in outcome.tables["balances"]}
        open_orders = [
            int(order)
            for order, state in zip(
                outcome.tables["orders"]["order_id"], outcome.tables["orders"]["state"], strict=True
            )
            if state not in ("filled", "canceled", "rejected", "expired")
        ]
        checkpoint = {"orders": open_orders, "balances": balances, "strategies": saved}
        self._append(Stream.DECISIONS, Kind.CHECKPOINT, 0, json.dumps(checkpoint).encode())
        end = {"trace_hash": outcome.tables["trace_hash"], "records": outcome.tables["records"]}
        self._append(Stream.DECISIONS, Kind.CLOSED, 0, json.dumps(end).encode())
        self._writer.close()

    def _rows(self, at: int, stream: int, block: MarketColumns, end: int) -> None:
        while self._written[at] < end:
            start = self._written[at]
            stop = min(end, start + ROWS_MAX)
            payload = market_block.encode(stream, block, start, stop)
            self._append(Stream.INPUTS, Kind.MARKET, int(block.ts_recv[stop - 1]), payload)
            self._written[at] = stop

    def _append(self, stream: Stream, kind: Kind, ts_engine: int, payload: bytes) -> None:
        self._writer.append(int(stream), int(kind), ts_engine, time.time_ns(), payload)


def _ready(block: MarketColumns) -> NDArray[np.int64]:
    """For each row a time not after the first moment at which any later row could matter, rising."""
    earliest = np.where(block.ts_event == NO_TIME, block.ts_recv, np.minimum(block.ts_event, block.ts_recv))
    return np.minimum.accumulate(earliest[::-1])[::-1]
