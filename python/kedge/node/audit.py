"""Lays a trader's journals beside the exchange's own file: every intent, order, execution, balance and position.

For a simulated exchange only; nothing in the trader reads that file. The journal is read here by its documented bytes
(docs/journal.md), not by the code that wrote it.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from kedge import _core
from kedge.execution.client_ids import client_id
from kedge.journal import Kind
from kedge.model import money
from kedge.model.errors import UsageError
from kedge.node.folders import DataFolder
from kedge.node.live_spec import account_name, market_of
from kedge.node.sessions import last_session

_ORDER = struct.Struct("<Bqq")
_REQUEST = struct.Struct("<HHBBBqq")
_FILL = struct.Struct("<BQqq")
_SUBMIT, _FILLED = 1, 2
_OPEN = ("NEW", "PARTIALLY_FILLED")

Trade = tuple[str, int]
"""The order's name at the venue and the id of the trade."""


@dataclass(slots=True)
class Journaled:
    """What the journals of a data folder say, over all their sessions."""

    intents: dict[str, int] = field(default_factory=dict)
    trades: Counter[Trade] = field(default_factory=Counter)
    sessions: int = 0


def audit(folder: DataFolder, truth: Path) -> dict[str, Any]:
    """Compares. Returns counts and, in plain words, every difference; `equal` if there is none.

    `lost`: executions that only one side knows. `doubled`: intents with two orders at the venue, orders there without
    an intent, and executions booked twice. `unresolved`: orders whose end the journals do not know.
    Raises `UsageError` for a folder without a journal or a file that is not an exchange's.
    """
    if not folder.sessions():
        raise UsageError(f"{folder.journal} holds no session", "give the data folder of a trader that has run")
    if not truth.is_file():
        raise UsageError(f"{truth} is not there", "`kedge exchange --truth FILE` writes it")
    mine = _journaled(folder)
    left = last_session(folder)
    with closing(sqlite3.connect(f"file:{truth}?mode=ro", uri=True)) as database:
        try:
            account = _account(database, left.account)
            orders = database.execute("SELECT client_id, status FROM orders WHERE account = ?", [account]).fetchall()
            fills = database.execute("SELECT client_id, trade_id FROM fills WHERE account = ?", [account]).fetchall()
            differences = _holdings(folder, left.books or "{}", database, account)
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{truth} is no exchange's file: {error}", "give the file of `kedge exchange`") from None
    theirs = Counter((name, trade) for name, trade in fills)
    named = Counter(name for name, _ in orders)
    doubled = [name for name, count in named.items() if count > 1 or name not in mine.intents]
    doubled += [name for (name, _), count in mine.trades.items() if count > 1]
    lost = [*(theirs - mine.trades), *(mine.trades - theirs)]
    still_open = [name for name, status in orders if status in _OPEN]
    differences += [f"{name}: executed at one side only (trade {trade})" for name, trade in lost]
    differences += [f"{name}: not one order for one intent" for name in doubled]
    differences += [f"{name}: open at the venue" for name in still_open if left.closed]
    return {
        "equal": not differences,
        "sessions": mine.sessions,
        "intents": len(mine.intents),
        "orders": len(orders),
        "executions": len(fills),
        "lost": len(lost),
        "doubled": len(doubled),
        "unresolved": len(left.orders),
        "differences": differences,
    }


def _journaled(folder: DataFolder) -> Journaled:
    found = Journaled()
    for _, path in folder.sessions():
        found.sessions += 1
        reader = _core.JournalReader(str(path))
        trader = json.loads(reader.header)["trader"]
        for kind, payload in _records(reader):
            tag, _, order = _ORDER.unpack_from(payload)
            name = client_id(trader, order)
            at = _ORDER.size
            if kind == Kind.COMMAND and tag == _SUBMIT:
                found.intents[name] = order
            elif kind == Kind.REPORT and payload[at + 8] == _FILLED:
                found.trades[name, _FILL.unpack_from(payload, at + 9)[1]] += 1
            elif kind == Kind.EARLIER_FILL:
                found.trades[name, _FILL.unpack_from(payload, at + _REQUEST.size)[1]] += 1
    return found


def _records(reader: _core.JournalReader) -> Iterator[tuple[int, bytes]]:
    for _seq, _stream, kind, _engine, _wall, payload in reader:
        if kind in (Kind.COMMAND, Kind.REPORT, Kind.EARLIER_FILL):
            yield kind, payload


def _account(database: sqlite3.Connection, name: str) -> int:
    """The account that the journal is of: the names of orders alone may be the same in several."""
    for account, key in database.execute("SELECT account, key FROM accounts"):
        if account_name(name.partition("-")[0], key) == name:
            return int(account)
    raise UsageError(f"the exchange's file has no account {name}", "give the file of the exchange it traded on")


def _holdings(folder: DataFolder, books: str, database: sqlite3.Connection, account: int) -> list[str]:
    """Balances by currency and positions by symbol, ours and theirs."""
    ours = json.loads(books)
    header = json.loads(_core.JournalReader(str(folder.sessions()[-1][1])).header)
    definitions, seats = header["instruments"], [entry["instrument"] for entry in header["strategies"]]
    differences = []
    theirs: Counter[str] = Counter()
    # Our books are those of the markets that our instruments are traded on.
    wallets = {"spot" if market_of(definition["id"]) == "spot" else "futures" for definition in definitions}
    for wallet, currency, free, locked in database.execute(
        "SELECT wallet, currency, free, locked FROM balances_now WHERE account = ?", [account]
    ):
        if wallet not in wallets:
            continue
        theirs[currency] += Decimal(free) + Decimal(locked)  # type: ignore[assignment]
    fills = database.execute("SELECT count(*) FROM fills WHERE account = ? AND market != 'spot'", [account]).fetchone()
    for at, currency in enumerate(ours.get("currencies", [])):
        cash = money.amount(sum(int(row[at * money.LEDGER_ACCOUNTS]) for row in ours["balances"]))
        if abs(cash - theirs[currency]) > money.SETTLED * fills[0]:
            differences.append(f"balance of {currency}: ours {cash:f}, the exchange's {theirs[currency]:f}")
    at_venue = dict(database.execute("SELECT symbol, quantity FROM positions_now WHERE account = ?", [account]))
    for ix, definition in enumerate(definitions):
        if market_of(definition["id"]) == "spot":
            continue
        step = Decimal(definition["quantity_step_in_data"])
        held = sum(
            int(position["qty"]) for position, seat in zip(ours["positions"], seats, strict=True) if seat == ix
        ) * step  # fmt: skip
        quantity = Decimal(at_venue.get(definition["symbol"], "0"))
        if held != quantity:
            differences.append(f"position in {definition['symbol']}: ours {held:f}, the exchange's {quantity:f}")
    return differences
