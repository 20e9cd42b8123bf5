"""One session's records as rows. What a record says is the core's to tell; here it only finds its table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from kedge.store.rows import Entry, NameOrder, Second, SessionRows, as_json
from kedge.store.wording import Wording

_ONLY_TOLD = frozenset({"book", "funding", "stopped"})
"""Entries that are an event and nothing else."""
_OUTCOMES = frozenset({"filled", "canceled", "rejected", "expired"})


class Projection:
    """Puts one session's records into the tables, inside whatever transaction its caller has open."""

    def __init__(self, database: sqlite3.Connection, epoch: int, header: str, named: NameOrder) -> None:
        self.epoch = epoch
        self.header: dict[str, Any] = json.loads(header)
        self._rows = SessionRows(database, epoch, self.header, named)
        self.instruments = self._rows.instruments
        self.names = self._rows.names
        self.seats: list[int] = [int(entry["instrument"]) for entry in self.header["strategies"]]
        self.halted = False
        self._wording = Wording(self.instruments, self.names)
        self._fault_of: dict[str, str | None] = {}
        self._notices: dict[str, str] = {}

    def take_fresh(self) -> list[tuple[str, tuple[Any, ...]]]:
        """What was added since the last call: (what, its key)."""
        taken, self._rows.fresh = self._rows.fresh, []
        return taken

    def open(self, wall_ns: int) -> None:
        """The session itself. Orders that earlier ones left open are in nobody's hands until this one says more."""
        header, epoch, add = self.header, self.epoch, self._rows.do
        about = [header.get(name) for name in ("account", "trader", "venue", "mode")]
        values = [epoch, *about, wall_ns, _short(header), wall_ns]
        add("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, 'live', NULL)", *values)
        for ix, (entry, seat) in enumerate(zip(header["strategies"], self.seats, strict=True)):
            settings = [as_json(entry.get(name, {})) for name in ("params", "limits")]
            values = [epoch, ix, self.names[ix], self.instruments[seat], *settings]
            add("INSERT INTO strategies VALUES (?, ?, ?, ?, ?, ?)", *values)
        for definition in header["instruments"]:
            values = [definition["id"], epoch, as_json(definition)]
            add("INSERT OR REPLACE INTO instruments VALUES (?, ?, ?)", *values)
        lost = "open = 0, state = 'unknown', reason = 'session_ended', updated_ns = ?"
        add(f"UPDATE orders SET {lost} WHERE open", wall_ns)
        self._rows.event(1, wall_ns, self._wording.session(epoch, header))

    def resume(self) -> None:
        """Goes on with a session whose rows are there up to some record."""
        found = self._rows.database.execute("SELECT json FROM statuses WHERE epoch = ?", [self.epoch]).fetchone()
        if found is not None:
            self._remember(json.loads(found[0]))

    def take(self, entries: Sequence[Entry], seconds: Sequence[Second]) -> None:
        """Adds what a stretch of the session said."""
        for entry in entries:
            kind = str(entry["kind"])
            if kind in _ONLY_TOLD:
                self._rows.event(entry["seq"], entry["ts"], getattr(self._wording, kind)(entry))
            elif kind != "checkpoint":  # books that the postings say already
                getattr(self, f"_{kind}")(entry)
        for second in seconds:
            self._rows.candles(second)

    def reached(self, seq: int, wall_ns: int) -> None:
        """Everything up to here is in the tables."""
        self._rows.do("UPDATE sessions SET seq = ?, wall_ns = ? WHERE epoch = ?", seq, wall_ns, self.epoch)

    def ended(self, state: str, text: str, wall_ns: int, seq: int) -> None:
        """The session is over: `ended` without its end, `damaged` where it cannot be read on."""
        self._rows.do("UPDATE sessions SET state = ? WHERE epoch = ?", state, self.epoch)
        self._rows.event(seq, wall_ns, ("session", "bad", text, None, None, None))

    # One method for each kind of entry -----------------------------------------------------------------------------

    def _submit(self, entry: Entry) -> None:
        self._rows.order(entry, {"cause": entry.get("cause"), "book": entry.get("book"), "at": entry["at"]})

    def _cancel(self, entry: Entry) -> None:
        self._rows.order(entry)
        self._rows.step(entry, "cancel", {})

    def _amend(self, entry: Entry) -> None:
        self._rows.order(entry)
        was = _of(entry["order"] or {}, "price", "quantity")
        self._rows.step(entry, "amend", {**_of(entry, "price", "quantity"), "was": was})

    def _report(self, entry: Entry) -> None:
        if entry["order"] is None:
            self._earlier_report(entry)
            return
        if not entry["fits"]:
            return
        self._rows.order(entry)
        told = _of(entry, "what", "venue", "reason", "price", "quantity", "liquidity", "fee", "fee_currency", "trade")
        self._rows.step(entry, "report", told | _of(entry["order"], "queue_ahead"))
        if entry["what"] == "filled":
            self._rows.fill(entry, entry["order"])
        if (event := self._wording.report(entry)) is not None:
            self._rows.event(entry["seq"], entry["ts"], event)

    def _earlier_report(self, entry: Entry) -> None:
        """About an order of an earlier session: how it ended."""
        if entry["what"] in _OUTCOMES - {"filled"}:
            query = "UPDATE orders SET state = ?, reason = ?, updated_ns = ?, open = 0 WHERE id = ? AND epoch < ?"
            self._rows.do(query, entry["what"], entry["reason"], entry["at"], entry["id"], self.epoch)

    def _earlier_fill(self, entry: Entry) -> None:
        """An execution that no session had seen, of an order of an earlier one."""
        row = self._rows.database.execute("SELECT quantity, filled FROM orders WHERE id = ?", [entry["id"]]).fetchone()
        if row is not None:
            filled = Decimal(row[1]) + Decimal(entry["quantity"])
            state = "filled" if filled >= Decimal(row[0]) else "canceled"
            query = "UPDATE orders SET filled = ?, state = ?, reason = '', updated_ns = ? WHERE id = ?"
            self._rows.do(query, f"{filled:f}", state, entry["at"], entry["id"])
        self._rows.fill(entry, entry["order"])
        told = _of(entry, "price", "quantity", "liquidity", "fee", "fee_currency", "trade")
        self._rows.step(entry, "report", {"what": "filled", "reason": "", "venue": None, **told})
        self._rows.event(entry["seq"], entry["ts"], self._wording.earlier_fill(entry))

    def _posting(self, entry: Entry) -> None:
        for line, (owner, account, currency, amount) in enumerate(entry["lines"]):
            name = self.names[owner - 1] if owner else ""
            row = (self.epoch, entry["seq"], line, entry["id"], name, account, currency, amount, entry["at"])
            self._rows.do("INSERT INTO postings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)

    def _refusal(self, entry: Entry) -> None:
        strategy, instrument = self.names[entry["strategy"]], self.instruments[entry["instrument"]]
        last = self._rows.database.execute(
            "SELECT reason, at_ns FROM refusals WHERE strategy = ? ORDER BY epoch DESC, seq DESC LIMIT 1", [strategy]
        ).fetchone()
        asked = (entry["side"], entry["type"], entry["tif"], entry["price"], entry["quantity"], entry["reason"])
        row = (self.epoch, entry["seq"], entry["at"], strategy, instrument, *asked)
        self._rows.do("INSERT INTO refusals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)
        # A strategy that is refused at each tick is news once a minute.
        if last is None or last[0] != entry["reason"] or entry["at"] - last[1] > 60_000_000_000:
            self._rows.event(entry["seq"], entry["ts"], self._wording.refusal(entry))

    def _durable(self, entry: Entry) -> None:
        self._rows.do("UPDATE orders SET durable_ns = ? WHERE id = ?", entry["wall"], entry["order"])

    def _setting(self, entry: Entry) -> None:
        told = json.loads(entry["json"])
        if told.get("act") in ("halt", "resume"):
            self.halted = told["act"] == "halt"
        self._rows.event(entry["seq"], entry["ts"], self._wording.setting(told))

    def _fault(self, entry: Entry) -> None:
        self._rows.event(entry["seq"], entry["ts"], self._wording.fault(json.loads(entry["json"])))

    def _closed(self, entry: Entry) -> None:
        trace = json.loads(entry["json"]).get("trace_hash")
        self._rows.do("UPDATE sessions SET state = 'closed', trace_hash = ? WHERE epoch = ?", trace, self.epoch)
        self._rows.event(entry["seq"], entry["ts"], self._wording.closed(self.epoch))

    def _status(self, entry: Entry) -> None:
        status = json.loads(entry["json"])
        at = int(status.get("ts", entry["ts"]))
        row = (self.epoch, entry["seq"], at, entry["json"])
        self._rows.do("INSERT OR REPLACE INTO statuses VALUES (?, ?, ?, ?)", *row)
        for currency, amount in status.get("balances", {}).items():
            self._rows.do("INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?)", currency, amount, self.epoch, at)
        if (equity := status.get("equity")) is not None:
            peak = Decimal(status.get("peak_equity") or equity)
            drawdown = float((peak - Decimal(equity)) / peak) if peak > 0 else None
            sample = (at, self.epoch, str(equity), status.get("start_equity"), f"{peak:f}", drawdown)
            self._rows.do("INSERT OR REPLACE INTO equity VALUES (?, ?, ?, ?, ?, ?)", *sample)
            self._rows.fresh.append(("equity", (at,)))
        for event in self._wording.news(status, self._fault_of, self._notices):
            self._rows.event(entry["seq"], at, event)
        self._remember(status)

    def _remember(self, status: Mapping[str, Any]) -> None:
        self.halted = bool(status.get("halted"))
        self._fault_of = {held["name"]: held.get("error") for held in status.get("strategies", ())}
        self._notices = dict(status.get("notices", {}))

    def _reconciled(self, entry: Entry) -> None:
        found = json.loads(entry["json"])
        self._rows.do(
            "INSERT INTO reconciliations VALUES (?, ?, ?, ?)", self.epoch, entry["seq"], entry["ts"], entry["json"]
        )
        self._rows.event(entry["seq"], entry["ts"], self._wording.reconciled(found))
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
                self._rows.do(settle + " AND client_id = ?", state, at, name)
        self._rows.do(settle, "canceled", at)


def _of(entry: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: entry[key] for key in keys if key in entry}


def _short(header: Mapping[str, Any]) -> str | None:
    """The header without the strategies' sources, which the journal keeps."""
    strategies = [{key: value for key, value in entry.items() if key != "source"} for entry in header["strategies"]]
    return as_json({**header, "strategies": strategies})
