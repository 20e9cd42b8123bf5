"""One session's records as rows. What a record says is the core's to tell; here it only finds its table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from kedge.store.wording import Event, Wording

INTERVALS = {"1s": 1, "5s": 5, "1m": 60, "5m": 300}
_OUTCOMES = frozenset({"filled", "canceled", "rejected", "expired"})

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


class Projection:
    """Puts one session's records into the tables, inside whatever transaction its caller has open.

    `fresh` collects the keys of what was added, for those who want to hear of it.
    """

    def __init__(self, database: sqlite3.Connection, epoch: int, header: str, named: NameOrder) -> None:
        self._database = database
        self._named = named
        self.epoch = epoch
        self.header: dict[str, Any] = json.loads(header)
        self.instruments: list[str] = [str(definition["id"]) for definition in self.header["instruments"]]
        self.seats: list[int] = [int(entry["instrument"]) for entry in self.header["strategies"]]
        self.names: list[str] = [str(entry["name"]) for entry in self.header["strategies"]]
        self._wording = Wording(self.instruments, self.names)
        self.halted = False
        self._fault_of: dict[str, str | None] = {}
        self._notices: dict[str, str] = {}
        self.fresh: list[tuple[str, tuple[Any, ...]]] = []

    def open(self, wall_ns: int) -> None:
        """The session itself. Orders that earlier ones left open are in nobody's hands until this one says more."""
        header, epoch = self.header, self.epoch
        row = (epoch, header.get("account"), header.get("trader"), header.get("venue"), header.get("mode"), wall_ns)
        self._do("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, 'live', NULL)", *row, _short(header), wall_ns)
        for ix, (entry, seat) in enumerate(zip(header["strategies"], self.seats, strict=True)):
            params, limits = _json(entry.get("params", {})), _json(entry.get("limits", {}))
            instrument = self.instruments[seat]
            self._do(
                "INSERT INTO strategies VALUES (?, ?, ?, ?, ?, ?)",
                epoch,
                ix,
                self.names[ix],
                instrument,
                params,
                limits,
            )
        for definition in header["instruments"]:
            self._do("INSERT OR REPLACE INTO instruments VALUES (?, ?, ?)", definition["id"], epoch, _json(definition))
        self._do(
            "UPDATE orders SET open = 0, state = 'unknown', reason = 'session_ended', updated_ns = ? WHERE open",
            wall_ns,
        )
        self._event(1, wall_ns, self._wording.session(epoch, header))

    def resume(self) -> None:
        """Goes on with a session whose rows are there up to some record."""
        found = self._database.execute("SELECT json FROM statuses WHERE epoch = ?", [self.epoch]).fetchone()
        if found is not None:
            self._remember(json.loads(found[0]))

    def take(self, entries: Sequence[Entry], seconds: Sequence[Second]) -> None:
        """Adds what a stretch of the session said."""
        for entry in entries:
            getattr(self, f"_{entry['kind']}")(entry)
        for second in seconds:
            self._candles(second)

    def reached(self, seq: int, wall_ns: int) -> None:
        """Everything up to here is in the tables."""
        self._do("UPDATE sessions SET seq = ?, wall_ns = ? WHERE epoch = ?", seq, wall_ns, self.epoch)

    def ended(self, state: str, text: str, wall_ns: int, seq: int) -> None:
        """The session is over: `ended` without its end, `damaged` where it cannot be read on."""
        self._do("UPDATE sessions SET state = ? WHERE epoch = ?", state, self.epoch)
        self._event(seq, wall_ns, ("session", "bad", text, None, None, None))

    # One method for each kind of entry -----------------------------------------------------------------------------

    def _book(self, entry: Entry) -> None:
        self._event(entry["seq"], entry["ts"], self._wording.book(entry))

    def _submit(self, entry: Entry) -> None:
        self._order(entry, {"cause": entry.get("cause"), "book": entry.get("book"), "at": entry["at"]})

    def _cancel(self, entry: Entry) -> None:
        self._order(entry)
        self._step(entry, "cancel", {})

    def _amend(self, entry: Entry) -> None:
        self._order(entry)
        was = _of(entry["order"] or {}, "price", "quantity")
        self._step(entry, "amend", {**_of(entry, "price", "quantity"), "was": was})

    def _report(self, entry: Entry) -> None:
        if entry["order"] is None:
            self._earlier_report(entry)
            return
        if not entry["fits"]:
            return
        self._order(entry)
        told = _of(entry, "what", "venue", "reason", "price", "quantity", "liquidity", "fee", "fee_currency", "trade")
        self._step(entry, "report", told | _of(entry["order"], "queue_ahead"))
        if entry["what"] == "filled":
            self._fill(entry, entry["order"])
        if (event := self._wording.report(entry)) is not None:
            self._event(entry["seq"], entry["ts"], event)

    def _earlier_report(self, entry: Entry) -> None:
        """About an order of an earlier session: how it ended."""
        if entry["what"] in _OUTCOMES - {"filled"}:
            query = "UPDATE orders SET state = ?, reason = ?, updated_ns = ?, open = 0 WHERE id = ? AND epoch < ?"
            self._do(query, entry["what"], entry["reason"], entry["at"], entry["id"], self.epoch)

    def _earlier_fill(self, entry: Entry) -> None:
        """An execution that no session had seen, of an order of an earlier one."""
        row = self._database.execute("SELECT quantity, filled FROM orders WHERE id = ?", [entry["id"]]).fetchone()
        if row is not None:
            filled = Decimal(row[1]) + Decimal(entry["quantity"])
            state = "filled" if filled >= Decimal(row[0]) else "canceled"
            query = "UPDATE orders SET filled = ?, state = ?, reason = '', updated_ns = ? WHERE id = ?"
            self._do(query, f"{filled:f}", state, entry["at"], entry["id"])
        self._fill(entry, entry["order"])
        told = _of(entry, "price", "quantity", "liquidity", "fee", "fee_currency", "trade")
        self._step(entry, "report", {"what": "filled", "reason": "", "venue": None, **told})
        self._event(entry["seq"], entry["ts"], self._wording.earlier_fill(entry))

    def _funding(self, entry: Entry) -> None:
        self._event(entry["seq"], entry["ts"], self._wording.funding(entry))

    def _posting(self, entry: Entry) -> None:
        for line, (owner, account, currency, amount) in enumerate(entry["lines"]):
            name = self.names[owner - 1] if owner else ""
            row = (self.epoch, entry["seq"], line, entry["id"], name, account, currency, amount, entry["at"])
            self._do("INSERT INTO postings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)

    def _refusal(self, entry: Entry) -> None:
        strategy, instrument = self.names[entry["strategy"]], self.instruments[entry["instrument"]]
        last = self._database.execute(
            "SELECT reason, at_ns FROM refusals WHERE strategy = ? ORDER BY epoch DESC, seq DESC LIMIT 1", [strategy]
        ).fetchone()
        asked = (entry["side"], entry["type"], entry["tif"], entry["price"], entry["quantity"], entry["reason"])
        row = (self.epoch, entry["seq"], entry["at"], strategy, instrument, *asked)
        self._do("INSERT INTO refusals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)
        # A strategy that is refused at each tick is news once a minute.
        if last is None or last[0] != entry["reason"] or entry["at"] - last[1] > 60_000_000_000:
            self._event(entry["seq"], entry["ts"], self._wording.refusal(entry))

    def _stopped(self, entry: Entry) -> None:
        self._event(entry["seq"], entry["ts"], self._wording.stopped(entry))

    def _durable(self, entry: Entry) -> None:
        self._do("UPDATE orders SET durable_ns = ? WHERE id = ?", entry["wall"], entry["order"])

    def _checkpoint(self, entry: Entry) -> None:
        """Books that the postings say already."""

    def _setting(self, entry: Entry) -> None:
        told = json.loads(entry["json"])
        if told.get("act") in ("halt", "resume"):
            self.halted = told["act"] == "halt"
        self._event(entry["seq"], entry["ts"], self._wording.setting(told))

    def _fault(self, entry: Entry) -> None:
        self._event(entry["seq"], entry["ts"], self._wording.fault(json.loads(entry["json"])))

    def _closed(self, entry: Entry) -> None:
        trace = json.loads(entry["json"]).get("trace_hash")
        self._do("UPDATE sessions SET state = 'closed', trace_hash = ? WHERE epoch = ?", trace, self.epoch)
        self._event(entry["seq"], entry["ts"], self._wording.closed(self.epoch))

    def _status(self, entry: Entry) -> None:
        status = json.loads(entry["json"])
        at = int(status.get("ts", entry["ts"]))
        row = (self.epoch, entry["seq"], at, entry["json"])
        self._do("INSERT OR REPLACE INTO statuses VALUES (?, ?, ?, ?)", *row)
        for currency, amount in status.get("balances", {}).items():
            self._do("INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?)", currency, amount, self.epoch, at)
        if (equity := status.get("equity")) is not None:
            peak = Decimal(status.get("peak_equity") or equity)
            drawdown = float((peak - Decimal(equity)) / peak) if peak > 0 else None
            sample = (at, self.epoch, str(equity), status.get("start_equity"), f"{peak:f}", drawdown)
            self._do("INSERT OR REPLACE INTO equity VALUES (?, ?, ?, ?, ?, ?)", *sample)
            self.fresh.append(("equity", (at,)))
        for event in self._wording.news(status, self._fault_of, self._notices):
            self._event(entry["seq"], at, event)
        self._remember(status)

    def _remember(self, status: Mapping[str, Any]) -> None:
        self.halted = bool(status.get("halted"))
        self._fault_of = {held["name"]: held.get("error") for held in status.get("strategies", ())}
        self._notices = dict(status.get("notices", {}))

    def _reconciled(self, entry: Entry) -> None:
        found = json.loads(entry["json"])
        self._do(
            "INSERT INTO reconciliations VALUES (?, ?, ?, ?)", self.epoch, entry["seq"], entry["ts"], entry["json"]
        )
        self._event(entry["seq"], entry["ts"], self._wording.reconciled(found))
        if found.get("at") == "start":
            self._settle_earlier(found.get("differences") or [], entry["ts"])

    def _settle_earlier(self, differences: Sequence[Mapping[str, Any]], at: int) -> None:
        """Once a session has compared itself at its start, no order of an earlier one is open or in doubt."""
        settle = "UPDATE orders SET state = ?, updated_ns = ? WHERE reason = 'session_ended' AND state = 'unknown'"
        for difference in differences:
            what, name = str(difference.get("what")).split(" ")[:2] if " " in str(difference.get("what")) else ("", "")
            if what == "order":
                told = str(difference.get("venue"))
                state = told if told in _OUTCOMES else "rejected" if told == "never arrived" else "canceled"
                self._do(settle + " AND client_id = ?", state, at, name)
        self._do(settle, "canceled", at)

    # Rows -----------------------------------------------------------------------------------------------------------

    def _do(self, query: str, *values: object) -> None:
        self._database.execute(query, values)

    def _order(self, entry: Entry, context: Mapping[str, Any] | None = None) -> None:
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
            "context": _json(context),
        }
        self._database.execute(_ORDER, row)
        self.fresh.append(("order", (order["id"],)))

    def _step(self, entry: Entry, kind: str, details: Mapping[str, Any]) -> None:
        row = (entry["id"], self.epoch, entry["seq"], entry["at"], kind, _json(details))
        self._do("INSERT OR IGNORE INTO steps VALUES (?, ?, ?, ?, ?, ?)", *row)

    def _fill(self, entry: Entry, order: Mapping[str, Any]) -> None:
        told = (entry["price"], entry["quantity"], entry["liquidity"], entry["fee"], entry["fee_currency"])
        whose = (self.names[order["strategy"]], self.instruments[order["instrument"]], order["side"])
        times = (entry["realised"], entry["at"], entry.get("venue"))
        row = (self.epoch, entry["seq"], entry["id"], str(entry["trade"]), *whose, *told, *times)
        self._do("INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)
        self.fresh.append(("fill", (self.epoch, entry["seq"])))

    def _event(self, seq: int, at: int, event: Event) -> None:
        found = self._database.execute("SELECT max(n) FROM events WHERE epoch = ? AND seq = ?", [self.epoch, seq])
        last = found.fetchone()[0]
        n = 0 if last is None else int(last) + 1
        self._do("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self.epoch, seq, n, at, *event)
        self.fresh.append(("event", (self.epoch, seq, n)))

    def _candles(self, second: Second) -> None:
        ix, start, *prices, volume = second
        instrument = self.instruments[ix]
        for length in INTERVALS.values():
            begins = start - start % length
            self._do(_CANDLE, instrument, length, begins, *prices, volume)
            self.fresh.append(("candle", (instrument, length, begins)))


def _of(entry: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: entry[key] for key in keys if key in entry}


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _short(header: Mapping[str, Any]) -> str | None:
    """The header without the strategies' sources, which the journal keeps."""
    strategies = [{key: value for key, value in entry.items() if key != "source"} for entry in header["strategies"]]
    return _json({**header, "strategies": strategies})
