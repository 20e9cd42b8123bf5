"""How a trader's account stands, by the newest journal alone: the trader may run or not."""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
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

BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """What a session's journal says: amounts as decimal text, times in ns.

    `status` is what the trader last showed of itself, if it ever did; `orders` are open, oldest first; `fills` are the
    newest, newest first, those of earlier sessions behind.
    """

    epoch: int
    path: Path
    at_ns: int
    closed: bool
    status: Mapping[str, Any] | None
    orders: Sequence[Mapping[str, Any]]
    positions: Sequence[Mapping[str, Any]]
    balances: Mapping[str, str]
    fills: Sequence[Mapping[str, Any]]


def standing(folder: DataFolder, fills: int = 0) -> Standing:
    """Reads the newest session, and earlier ones for as many fills as asked for.

    Raises `UsageError` where there is no session, `UnsafeStateError` for a damaged one.
    """
    # A session without its mark was only begun.
    sessions = [(epoch, path) for epoch, path in folder.sessions() if (path / "durable").is_file()]
    if not sessions:
        raise UsageError(
            f"{folder.root} holds no journal of a trader",
            "`kedge up` or `kedge trader` writes one; --data names its folder",
        )
    newest, *earlier = (_Reading(epoch, path, fills) for epoch, path in reversed(sessions))
    newest.read()
    found = list(reversed(newest.fills))
    for session in earlier:
        if len(found) >= fills:
            break
        session.read()
        found += reversed(session.fills)
    return Standing(
        epoch=newest.epoch,
        path=newest.path,
        at_ns=newest.core.position[1],
        closed=newest.core.closed,
        status=newest.status,
        orders=list(newest.orders.values()),
        positions=newest.positions(),
        balances={code: f"{money.amount(units):f}" for code, units in sorted(newest.cash.items())},
        fills=found[:fills],
    )


@dataclass(slots=True)
class _Reading:
    """One session, read from its beginning."""

    epoch: int
    path: Path
    most: int
    core: _core.SessionFollower = field(init=False)
    header: dict[str, Any] = field(init=False)
    status: dict[str, Any] | None = None
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    cash: dict[str, int] = field(default_factory=dict)
    fills: deque[dict[str, Any]] = field(init=False)

    def read(self) -> None:
        """Takes everything in that is there."""
        self.core = _core.SessionFollower(str(self.path))
        self.header = json.loads(self.core.header)
        self.fills = deque(maxlen=self.most)
        self._begin_books()
        for entry in self._entries():
            self._take(entry)

    def _entries(self) -> Iterator[dict[str, Any]]:
        is_whole = False
        while True:
            entries, _, more = self.core.poll(BATCH)
            yield from entries
            if not more:
                # Behind the durable mark only what nobody writes any more counts.
                if is_whole or not self.core.finish():
                    return
                is_whole = True

    def _take(self, entry: Mapping[str, Any]) -> None:
        kind = entry["kind"]
        if kind == "status":
            self.status = json.loads(entry["json"])
        elif kind == "posting":
            for _, account, currency, amount in entry["lines"]:
                if account == "cash":
                    self.cash[currency] = self.cash.get(currency, 0) + int(Decimal(amount) / money.UNIT)
        elif kind in ("submit", "cancel", "amend", "report") and entry["order"] is not None:
            self._follow(entry["order"])
            if kind == "report" and entry["what"] == "filled" and entry["fits"]:
                self._fill(entry)
        elif kind == "earlier_fill":
            self._fill(entry)

    def _begin_books(self) -> None:
        """The books of the first checkpoint; every change since is a posting."""
        for record in itertools.islice(_core.JournalReader(str(self.path)), 2):
            if record[2] == Kind.CHECKPOINT:
                books = json.loads(record[5])
                for at, currency in enumerate(books["currencies"]):
                    self.cash[currency] = sum(int(row[at * money.LEDGER_ACCOUNTS]) for row in books["balances"])

    def _follow(self, order: Mapping[str, Any]) -> None:
        if not order["open"]:
            self.orders.pop(order["id"], None)
            return
        kept = ("side", "tif", "price", "quantity", "filled", "state", "pending")
        self.orders[order["id"]] = {
            "id": order["id"],
            "client_id": client_id(self.header["trader"], order["id"]),
            **self._whose(order),
            "kind": order["type"],
            **{name: order[name] for name in kept},
            "created_ns": order["created"],
        }

    def _fill(self, entry: Mapping[str, Any]) -> None:
        kept = ("price", "quantity", "liquidity", "fee", "fee_currency", "realised")
        self.fills.append(
            {
                "at_ns": entry["at"],
                "order": entry["id"],
                "trade": entry["trade"],
                **self._whose(entry["order"]),
                "side": entry["order"]["side"],
                **{name: entry[name] for name in kept},
            }
        )

    def _whose(self, order: Mapping[str, Any]) -> dict[str, str]:
        return {
            "strategy": self.header["strategies"][order["strategy"]]["name"],
            "instrument": self.header["instruments"][order["instrument"]]["id"],
        }

    def positions(self) -> list[dict[str, Any]]:
        """What each strategy holds."""
        seats = [entry["instrument"] for entry in self.header["strategies"]]
        names = ("quantity", "average", "mark", "unrealised", "realised", "fees")
        return [
            {
                "strategy": entry["name"],
                "instrument": self.header["instruments"][seat]["id"],
                **dict(zip(names, held, strict=True)),
            }
            for entry, seat, held in zip(self.header["strategies"], seats, self.core.positions(seats), strict=True)
        ]
