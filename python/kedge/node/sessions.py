"""From one session of the trader to the next: what the last one left behind, and the header of a new one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedge import _core
from kedge.journal import Kind
from kedge.model.errors import UnsafeStateError
from kedge.node.folders import DataFolder

_DECISIONS = {Kind.COMMAND, Kind.REPORT, Kind.POSTING}


@dataclass(frozen=True, slots=True)
class EarlierOrder:
    """An order of an earlier session whose end it did not see. Quantities are decimal text."""

    order: int
    strategy: int
    instrument: int
    side: str
    quantity: str
    filled: str
    state: str
    last_trade: int


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What the last session left: its epoch, its books (JSON, None if there was none), its orders without an end."""

    epoch: int
    books: str | None
    orders: Sequence[EarlierOrder]
    torn: Mapping[str, Any] | None
    closed: bool
    strategies: Sequence[str]


def last_session(folder: DataFolder) -> LeftBehind:
    """Reads the newest session. Raises `UnsafeStateError` naming file and byte if it is damaged."""
    sessions = folder.sessions()
    if not sessions:
        return LeftBehind(0, None, (), None, True, ())
    epoch, path = sessions[-1]
    return _read(epoch, path)


def _read(epoch: int, path: Path) -> LeftBehind:
    reader = _core.JournalReader(str(path))
    header = json.loads(reader.header)
    records: list[str | bytes] = []
    closed = False
    for _seq, _stream, kind, _engine, _wall, payload in reader:
        if kind == Kind.CHECKPOINT:
            records.append(payload.decode())
        elif kind in _DECISIONS:
            records.append(payload)
        closed = kind == Kind.CLOSED
    if not any(isinstance(record, str) for record in records):
        raise UnsafeStateError(
            f"{path}: the session has no checkpoint", "it ended before it began: move the folder away and start again"
        )
    instruments = [json.dumps(definition) for definition in header["instruments"]]
    seats = [entry["instrument"] for entry in header["strategies"]]
    books, orders = _core.recover_books(instruments, seats, records)
    names = [entry["name"] for entry in header["strategies"]]
    return LeftBehind(epoch, books, [EarlierOrder(*order) for order in orders], reader.torn, closed, names)
