"""Rows of one session, each kind in its table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from kedge.store.wording import Event

INTERVALS = {"1s": 1, "5s": 5, "1m": 60, "5m": 300}

Entry = Mapping[str, Any]
Second = tuple[int, int, int, int, int, int, int]
NameOrder = Callable[[str, int], str]
"""What a venue calls an order: of the trader's two characters and the order's id."""

_ORDER = """
INSERT INTO orders VALUES (
    :id, :epoch, :client_id, :strategy, :instrument, :side, :kind, :tif, :price, :quantity, :filled, :state, :pending,
    :reason, :queue_ahead, :open, :created, :updated, :seq, NULL, :context
) ON CONFLICT (id) DO UPDATE SET
    price = excluded.price, quantity = excluded.quantity, filled = excluded.filled, state = excluded.state,
    pending = excluded.pending, reason = excluded.reason, open = excluded.open, updated_ns = excluded.updated_ns,
    queue_ahead = coalesce(excluded.queue_ahead, orders.queue_ahead)
"""
_CANDLE = """
INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (instrument, interval, start) DO UPDATE SET
    high = max(high, excluded.high), low = min(low, excluded.low), close = excluded.close,
    volume = volume + excluded.volume
"""


class SessionRows:
    """Writes inside whatever transaction its caller has open.

    `fresh` collects the keys of what was added, for those who want to hear of it.
    """

    def __init__(self, database: sqlite3.Connection, epoch: int, header: Mapping[str, Any], named: NameOrder) -> None:
        self.database = database
        self.epoch = epoch
        self.header = header
        self.instruments: list[str] = [str(definition["id"]) for definition in header["instruments"]]
        self.names: list[str] = [str(entry["name"]) for entry in header["strategies"]]
        self.fresh: list[tuple[str, tuple[Any, ...]]] = []
        self._named = named

    def do(self, query: str, *values: object) -> None:
        """One statement."""
        self.database.execute(query, values)

    def order(self, entry: Entry, context: Mapping[str, Any] | None = None) -> None:
        """An order as it stands after an entry; `context` is what surrounded its decision."""
        order = entry["order"]
        if order is None:
            return
        row = {
            **order,
            "kind": order["type"],
            "epoch": self.epoch,
            "client_id": self._named(str(self.header.get("trader") or ""), order["id"]),
            "strategy": self.names[order["strategy"]],
            "instrument": self.instruments[order["instrument"]],
            "seq": entry["seq"],
            "context": as_json(context),
        }
        self.database.execute(_ORDER, row)
        self.fresh.append(("order", (order["id"],)))

    def step(self, entry: Entry, kind: str, details: Mapping[str, Any]) -> None:
        """A moment in an order's life."""
        row = (entry["id"], self.epoch, entry["seq"], entry["at"], kind, as_json(details))
        self.do("INSERT OR IGNORE INTO steps VALUES (?, ?, ?, ?, ?, ?)", *row)

    def fill(self, entry: Entry, order: Mapping[str, Any]) -> None:
        """An execution of an order."""
        told = (entry["price"], entry["quantity"], entry["liquidity"], entry["fee"], entry["fee_currency"])
        whose = (self.names[order["strategy"]], self.instruments[order["instrument"]], order["side"])
        times = (entry["realised"], entry["at"], entry.get("venue"))
        row = (self.epoch, entry["seq"], entry["id"], str(entry["trade"]), *whose, *told, *times)
        self.do("INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)
        self.fresh.append(("fill", (self.epoch, entry["seq"])))

    def event(self, seq: int, at: int, event: Event) -> None:
        """A line worth reading, behind those of the same record."""
        found = self.database.execute("SELECT max(n) FROM events WHERE epoch = ? AND seq = ?", [self.epoch, seq])
        last = found.fetchone()[0]
        n = 0 if last is None else int(last) + 1
        self.do("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self.epoch, seq, n, at, *event)
        self.fresh.append(("event", (self.epoch, seq, n)))

    def candles(self, second: Second) -> None:
        """Trades of a second, into the candles of each length."""
        ix, start, *prices, volume = second
        instrument = self.instruments[ix]
        for length in INTERVALS.values():
            begins = start - start % length
            self.do(_CANDLE, instrument, length, begins, *prices, volume)
            self.fresh.append(("candle", (instrument, length, begins)))


def as_json(value: object) -> str | None:
    """A value as JSON; None stays None."""
    return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
