"""From one session of the trader to the next: what the last one left behind, and the header of a new one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from kedge import _core
from kedge.journal import BOOKED, Kind
from kedge.model.errors import UnsafeStateError
from kedge.node.folders import DataFolder


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
    account: str
    seats: Sequence[tuple[str, str]]
    """Name and instrument id of each strategy."""
    balances: Mapping[str, Decimal]
    """What the account held before its first session."""


def last_session(folder: DataFolder) -> LeftBehind:
    """Reads the newest session. Raises `UnsafeStateError` naming file and byte if it is damaged."""
    sessions = folder.sessions()
    if not sessions:
        return LeftBehind(0, None, (), None, True, "", (), {})
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
        elif kind in BOOKED:
            records.append(payload)
        closed = kind == Kind.CLOSED
    if not any(isinstance(record, str) for record in records):
        raise UnsafeStateError(
            f"{path}: the session has no checkpoint", "it ended before it began: move the folder away and start again"
        )
    instruments = [json.dumps(definition) for definition in header["instruments"]]
    seats = [entry["instrument"] for entry in header["strategies"]]
    books, orders = _core.recover_books(instruments, seats, records)
    return LeftBehind(
        epoch=epoch,
        books=books,
        orders=[EarlierOrder(*order) for order in orders],
        torn=reader.torn,
        closed=closed,
        account=header["account"],
        seats=[(entry["name"], header["instruments"][entry["instrument"]]["id"]) for entry in header["strategies"]],
        balances={currency: Decimal(amount) for currency, amount in header["engine"]["balances"].items()},
    )
