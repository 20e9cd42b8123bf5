"""From one session of the trader to the next: what the last one left behind.

A session may have died before it had settled what the one before left: then those orders are still to be settled, and
the older sessions are read too, back to one whose start was finished.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from kedge import _core
from kedge.journal import BOOKED, Kind
from kedge.model.errors import UnsafeStateError
from kedge.node.folders import DataFolder

PREAMBLE = 44
"""Bytes before the first record of a journal's file."""
# Kind, time and order of a decision; the request that follows; liquidity, trade, price and quantity of its execution.
_EARLIER_FILL = struct.Struct("<Bqq HHBBBqq BQqq")


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


@dataclass(frozen=True, slots=True)
class _Session:
    """One session as its journal has it. `settled`: its start had settled what the one before left."""

    header: Mapping[str, Any]
    books: str
    orders: Sequence[EarlierOrder]
    settled: bool
    booked: Mapping[int, Sequence[tuple[int, Decimal]]]
    """(trade, quantity) of what it booked of orders of earlier sessions."""
    torn: Mapping[str, Any] | None
    closed: bool


def last_session(folder: DataFolder) -> LeftBehind:
    """Reads the newest session, and older ones where it had not settled what they left. Raises `UnsafeStateError`
    naming file and byte if one of them is damaged."""
    sessions = folder.sessions()
    if not sessions:
        return LeftBehind(0, None, (), None, True, "", (), {})
    begun = _begun(sessions)
    newest = next(begun, None)
    if newest is None:
        return LeftBehind(sessions[-1][0], None, (), None, True, "", (), {})
    header, session = newest.header, newest
    orders, booked = list(newest.orders), [newest.booked]
    while not session.settled and (older := next(begun, None)) is not None:
        session = older
        orders = [_with(order, booked) for order in older.orders] + orders
        booked.append(older.booked)
    return LeftBehind(
        epoch=sessions[-1][0],
        books=newest.books,
        orders=orders,
        torn=newest.torn,
        closed=newest.closed,
        account=header["account"],
        seats=[(entry["name"], header["instruments"][entry["instrument"]]["id"]) for entry in header["strategies"]],
        balances={currency: Decimal(amount) for currency, amount in header["engine"]["balances"].items()},
    )


def _begun(sessions: Sequence[tuple[int, Path]]) -> Iterator[_Session]:
    """Sessions, newest first, without those that died before their first checkpoint: nothing can have left them, since
    an order leaves only when all before it is on the disk."""
    for _, path in reversed(sessions):
        if not (path / "decisions.kj").is_file():
            continue
        try:
            session = _read(path)
        except UnsafeStateError:
            if not _is_stillborn(path):
                raise
            continue
        if session is not None:
            yield session


def _is_stillborn(path: Path) -> bool:
    """Whether the trader died while it made this session's files: nothing but a header was ever durable."""
    mark = path / "durable"
    durable = int.from_bytes(mark.read_bytes()[24:32], "little") if mark.is_file() else 0
    return durable <= 1 and all(inputs.stat().st_size <= PREAMBLE for inputs in path.glob("inputs-*.kj"))


def _read(path: Path) -> _Session | None:
    reader = _core.JournalReader(str(path))
    header = json.loads(reader.header)
    steps = [Decimal(definition["quantity_step_in_data"]) for definition in header["instruments"]]
    records: list[str | bytes] = []
    booked: dict[int, list[tuple[int, Decimal]]] = {}
    closed = settled = False
    for _seq, _stream, kind, _engine, _wall, payload in reader:
        if kind == Kind.CHECKPOINT:
            records.append(payload.decode())
        elif kind in BOOKED:
            records.append(payload)
        if kind == Kind.EARLIER_FILL:
            _, _, order, _, instrument, *_, trade, _, steps_filled = _EARLIER_FILL.unpack_from(payload)
            booked.setdefault(order, []).append((trade, steps_filled * steps[instrument]))
        settled = settled or kind == Kind.RECONCILED
        closed = kind == Kind.CLOSED
    if not any(isinstance(record, str) for record in records):
        return None
    instruments = [json.dumps(definition) for definition in header["instruments"]]
    seats = [entry["instrument"] for entry in header["strategies"]]
    books, orders = _core.recover_books(instruments, seats, records)
    return _Session(header, books, [EarlierOrder(*order) for order in orders], settled, booked, reader.torn, closed)


def _with(order: EarlierOrder, booked: Sequence[Mapping[int, Sequence[tuple[int, Decimal]]]]) -> EarlierOrder:
    """The order with what later sessions booked of it."""
    fills = [fill for session in booked for fill in session.get(order.order, ())]
    filled = Decimal(order.filled) + sum((quantity for _, quantity in fills), Decimal(0))
    return replace(order, filled=f"{filled:f}", last_trade=max((order.last_trade, *(trade for trade, _ in fills))))
