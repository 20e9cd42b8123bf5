"""The state as the page shows it, kept level with the follower, and what changed of it since it was last told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from kedge.api import answers, rows, sections
from kedge.api.times import iso
from kedge.store.follower import Follower, Session
from kedge.store.queries import Tables
from kedge.store.rows import INTERVALS

LEVELS = 12
OPEN_ORDERS = 500
FILLS = 50
STALE_NS = 3_000_000_000
SECOND_NS = 1_000_000_000
SLOWLY_NS = 500_000_000
"""Between two looks at what changes with every tick but is read by a person."""

Answer = dict[str, Any]
_NAMES = {seconds: name for name, seconds in INTERVALS.items()}


def empty() -> Answer:
    """The state before there is anything to show."""
    loading = answers.Trader(state="loading", message="the journal is being read")
    return answers.State(trader=loading).model_dump()


class LiveState:
    """Belongs to the thread that follows. A state once handed out is never changed: its parts are replaced."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.state: Answer = empty()
        self._session: Session | None = None
        self._definitions: list[Mapping[str, Any]] = []
        self._status_seq = 0
        self._status: Mapping[str, Any] = {}
        self._next_slow = 0
        self._first_samples: dict[str, str] = {}

    def update(self, follower: Follower, world: Mapping[str, Any], trouble: str) -> Answer:
        """Brings the state level; returns what changed, as a delta tells it.

        `world` holds what is not in the journal: `connected` and `processes`. `trouble`: why nothing can be read.
        """
        fresh = follower.fresh()
        now_ns = time.time_ns()
        slow = now_ns >= self._next_slow
        new: Answer = dict(world)
        if follower.session is not self._session:
            self._begin(follower.session, new)
            slow = True
            fresh = [(what, key) for what, key in fresh if what != "fill"]
        if slow:
            self._next_slow = now_ns + SLOWLY_NS
            new["trader"] = self._trader(follower, trouble, now_ns)
        added: Answer = {}
        if self._session is not None:
            self._from_core(self._session, new, now_ns, slow)
            self._from_tables(self._session, new, fresh, added)
        changes = {name: value for name, value in new.items() if self.state[name] != value}
        if not changes and not added:
            return {}
        if self._session is not None:
            changes["durable_seq"] = self._session.core.position[0]
        self.state = {**self.state, **changes}
        if "fills+" in added:
            self.state["fills"] = (added["fills+"] + self.state["fills"])[:FILLS]
        return {**changes, **added}

    def _begin(self, session: Session | None, new: Answer) -> None:
        """Another session: everything of the one before is gone."""
        self._session = session
        fresh = empty()
        kept = ("connected", "processes", "trader", "durable_seq", "equity", "balances")
        new.update({name: value for name, value in fresh.items() if name not in kept and name not in new})
        if session is None:
            return
        header = session.rows.header
        self._definitions = [dict(definition) for definition in header["instruments"]]
        self._status_seq = 0
        self._status = {}
        new["mode"] = header.get("mode") or "live"
        new["account"] = header.get("account") or ""
        new["epoch"] = session.epoch
        new["fills"] = [rows.fill(row) for row in self._tables.fills(None, None, FILLS)[0]]
        new["orders"] = self._orders()

    def _trader(self, follower: Follower, trouble: str, now_ns: int) -> Answer:
        session = follower.session
        last = session.core.position[1] if session is not None else 0
        if trouble:
            state, message = "broken", trouble
        elif follower.broken is not None:
            state, message = "broken", f"{follower.broken.message}. {follower.broken.hint}".strip()
        elif session is None:
            state, message = "none", "no session yet: `kedge up` or `kedge trader` starts one"
        elif session.core.closed:
            state, message = "stopped", "the trader has ended cleanly: `kedge trader` starts it again"
        elif session.over:
            state, message = "stopped", "the trader was killed or has crashed: `kedge trader` recovers and goes on"
        elif now_ns - last > STALE_NS:
            state, message = "stale", "the trader is there, but has told nothing new: look at its output"
        else:
            state, message = "live", ""
        # To the second: what is exact to the nanosecond would be news each time.
        whole = last - last % SECOND_NS
        told = {"last": iso(whole), "last_ns": str(whole)} if last else {"last": None, "last_ns": None}
        return {"state": state, "message": message, **told}

    def _from_core(self, session: Session, new: Answer, now_ns: int, slow: bool) -> None:
        books, instruments = {}, []
        feeds = {feed["instrument"]: feed["state"] for feed in self._status.get("feeds", ())}
        for ix, definition in enumerate(self._definitions):
            book = session.core.book(ix, LEVELS)
            id = str(definition["id"])
            sides = {side: [[*level[:3], level[3] if level[2] != "0" else None] for level in book[side]]
                     for side in ("bids", "asks")}  # fmt: skip
            books[id] = sides
            instruments.append(_instrument(definition, book, feeds.get(id), now_ns))
        if books != self.state["books"]:
            new["books"] = books
        # Ages grow by themselves: they are told with the prices, or slowly.
        if slow or _without_age(instruments) != _without_age(self.state["instruments"]):
            new["instruments"] = instruments
        if slow:
            new["positions"] = self._positions(session)

    def _positions(self, session: Session) -> list[Answer]:
        names = ("quantity", "average", "mark", "unrealised", "realised", "fees")
        held = session.core.positions(session.rows.seats)
        return [
            {"strategy": name, "instrument": session.rows.instruments[seat], **dict(zip(names, values, strict=True))}
            for name, seat, values in zip(session.rows.names, session.rows.seats, held, strict=True)
        ]

    def _from_tables(
        self, session: Session, new: Answer, fresh: Iterable[tuple[str, tuple[Any, ...]]], added: Answer
    ) -> None:
        keys: dict[str, dict[tuple[Any, ...], None]] = {}
        for what, key in fresh:
            keys.setdefault(what, {})[key] = None
        tables = self._tables
        if "order" in keys:
            new["orders"] = self._orders()
        if "fill" in keys:
            found = [tables.fill(*key) for key in reversed(keys["fill"])][:FILLS]
            added["fills+"] = [rows.fill(row) for row in found if row is not None]
        if "event" in keys:
            events = [tables.event(*key) for key in reversed(keys["event"])]
            added["events+"] = [rows.event(row) for row in events if row is not None]
            if any(row is not None and row["kind"] == "reconciled" for row in events):
                self._reconciliation(session, new)
        if "equity" in keys:
            samples = [tables.sample(*key) for key in keys["equity"]]
            added["equity+"] = [rows.sample(row) for row in samples if row is not None]
        if "candle" in keys:
            added["candles+"] = self._candles(keys["candle"])
        new["halted"] = session.rows.halted
        if "equity" in keys or not self._status_seq:
            self._statuses(session, new)

    def _orders(self) -> list[Answer]:
        found, _ = self._tables.orders(True, None, OPEN_ORDERS, None)
        return [rows.order(row) for row in found]

    def _candles(self, keys: Iterable[tuple[Any, ...]]) -> list[Answer]:
        definitions = {definition["id"]: definition for definition in self._definitions}
        found = []
        for instrument, interval, start in keys:
            row = self._tables.candle(instrument, interval, start)
            if row is not None:
                about = {"instrument": instrument, "interval": _NAMES[interval]}
                found.append({**about, **rows.candle(row, definitions[instrument])})
        return found

    def _reconciliation(self, session: Session, new: Answer) -> None:
        row = self._tables.last("reconciliations", session.epoch)
        if row is not None:
            new["reconciliation"] = rows.reconciliation(row["json"])

    def _statuses(self, session: Session, new: Answer) -> None:
        row = self._tables.last("statuses", session.epoch)
        if row is None:
            return
        if not self._status_seq:
            self._reconciliation(session, new)
        self._status_seq, self._status = row["seq"], json.loads(row["json"])
        status = self._status
        new["strategies"] = sections.strategies(status)
        new["feeds"] = sections.feeds(status)
        new["clock"] = sections.clocks(status)
        new["risk"] = sections.risk(status)
        new["counts"] = sections.counts(status)
        new["balances"] = sections.balances(status)
        new["tick_to_order_us"] = dict(status.get("tick_to_order_us") or {})
        new["equity"] = sections.equity(status, self._day_start(int(row["at_ns"])))

    def _day_start(self, at_ns: int) -> str | None:
        day = datetime.fromtimestamp(at_ns // SECOND_NS, UTC).date()
        if str(day) not in self._first_samples:
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            row = self._tables.sample(int(midnight.timestamp()) * SECOND_NS)
            if row is None:
                return None
            self._first_samples = {str(day): row["equity"]}
        return self._first_samples[str(day)]


def _instrument(definition: Mapping[str, Any], book: Mapping[str, Any], feed: str | None, now_ns: int) -> Answer:
    id = str(definition["id"])
    base, _, rest = id.partition("@")[0].partition("/")
    updated = book["updated"]
    return {
        "id": id,
        "symbol": definition["symbol"],
        "kind": definition["kind"],
        "base": base,
        "quote": rest.partition(":")[0],
        "tick": definition["tick_size"],
        "lot": definition["lot_size"],
        "state": feed if feed in ("stale", "lost") else book["state"],
        "bid": book["bid"],
        "ask": book["ask"],
        "last": book["last"],
        "mark": book["mark"],
        "updated_ns": None if updated is None else str(updated),
        "age_ms": None if updated is None else max(0, (now_ns - updated) // 1_000_000),
    }


def _without_age(instruments: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
    return [[value for name, value in one.items() if name not in ("age_ms", "updated_ns")] for one in instruments]
