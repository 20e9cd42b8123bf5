"""What the server knows and does, behind its routes."""

from __future__ import annotations

import asyncio
import json
import time
from importlib.metadata import version
from typing import Any

from fastapi import WebSocket

from kedge.api import rows
from kedge.api.errors import NotFoundError
from kedge.api.explain import explanation
from kedge.api.hub import Hub
from kedge.api.live import empty
from kedge.api.sessions import IDLE_S, LONGEST_S, Sessions
from kedge.api.times import iso
from kedge.api.watch import DATABASE
from kedge.model.errors import UnsafeStateError
from kedge.node.control import ask
from kedge.node.folders import DataFolder
from kedge.store.queries import Tables
from kedge.store.rows import INTERVALS

Answer = dict[str, Any]
HALT_TIMEOUT_S = 10.0


class Service:
    """One data folder's state, history and commands. Methods that answer may be called from any thread."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._tables = Tables(folder.root / DATABASE)
        self.sessions = Sessions()
        self.hub = Hub(empty())

    # Reading --------------------------------------------------------------------------------------------------------

    def health(self) -> Answer:
        """That the server answers."""
        return {"status": "ok", "version": version("kedge")}

    def state(self) -> Answer:
        """The state as the stream has it now."""
        return dict(self.hub.state)

    def orders(self, only_open: bool, strategy: str | None, limit: int, before: str | None) -> Answer:
        """Orders, newest first."""
        found, total = self._tables.orders(only_open, strategy, limit, int(before) if before else None)
        following = str(found[-1]["id"]) if len(found) == limit else None
        return {"orders": [rows.order(row) for row in found], "total": total, "next": following}

    def explain(self, order: int) -> Answer:
        """The life of one order. Raises `NotFoundError`."""
        life = self._tables.life(order)
        if not life["order"]:
            raise NotFoundError(f"there is no order {order}", "take its `id` from /api/orders")
        return explanation(life)

    def fills(self, strategy: str | None, instrument: str | None, limit: int) -> Answer:
        """Fills, newest first."""
        found, total = self._tables.fills(strategy, instrument, limit)
        return {"fills": [rows.fill(row) for row in found], "total": total}

    def candles(self, instrument: str, interval: str, limit: int) -> Answer:
        """Candles, oldest first. Raises `NotFoundError`."""
        definition = self._tables.definition(instrument)
        if definition is None:
            raise NotFoundError(
                f"no session has traded {instrument}", "the state's `instruments` lists those there are"
            )
        found = self._tables.candles(instrument, INTERVALS[interval], limit)
        shown = [rows.candle(row, json.loads(definition)) for row in found]
        return {"instrument": instrument, "interval": interval, "candles": shown}

    def equity(self, limit: int) -> Answer:
        """The account's worth over time."""
        return {"currency": "USDT", "samples": [rows.sample(row) for row in self._tables.equity(limit)]}

    def events(self, limit: int) -> Answer:
        """Events, newest first; what befell the tables stands where its time puts it."""
        found = [rows.event(row) for row in self._tables.events(limit)]
        incidents = [rows.incident(row) for row in self._tables.incidents(limit)]
        both = sorted([*found, *incidents], key=lambda event: int(event["at_ns"]), reverse=True) if incidents else found
        return {"events": both[:limit]}

    # Acting ---------------------------------------------------------------------------------------------------------

    def command(self, command: str, **fields: Any) -> Answer:
        """Asks the trader. Raises `UnreachableError` if it does not answer, and what it refuses with."""
        if command == "cancel":
            self._check_order(fields["order"])
        if "name" in fields:
            self._check_strategy(fields["name"])
        result = ask(self._folder.socket, command, HALT_TIMEOUT_S, **fields)
        told = result if isinstance(result, dict) else {"result": result}
        return {"message": str(told.get("message") or _done(command, fields)), "result": told}

    def _check_order(self, order: int) -> None:
        row = self._tables.order(order)
        if row is None:
            raise NotFoundError(f"there is no order {order}", "take its `id` from /api/orders")
        if not row["open"]:
            what = f"order {order} cannot be cancelled: it is {row['state'].replace('_', ' ')}"
            raise UnsafeStateError(what, "only open orders can")

    def _check_strategy(self, name: str) -> None:
        names = [held["name"] for held in self.hub.state["strategies"]]
        if names and name not in names:
            raise NotFoundError(f"there is no strategy `{name[:64]}`", f"there are: {', '.join(names)}")

    # Logging in -----------------------------------------------------------------------------------------------------

    def login(self, code: str) -> tuple[str, Answer]:
        """A session's token for a one-time code, and when it ends."""
        token = self.sessions.login(code)
        ends = iso(time.time_ns() + LONGEST_S * 1_000_000_000)
        return token, {"idle_seconds": IDLE_S, "ends": ends}

    def logout(self, token: str) -> None:
        """Ends a session; its streams close within a second."""
        self.sessions.end(token)

    # The stream -----------------------------------------------------------------------------------------------------

    async def stream(self, socket: WebSocket, token: str) -> None:
        """Serves one client of the stream."""
        await self.hub.serve(socket, lambda: self.sessions.use(token))

    def publish_on(self, loop: asyncio.AbstractEventLoop) -> Any:
        """What the thread that follows the journal calls: hands over to the loop, if that still runs."""

        def publish(state: Answer, changes: Answer) -> None:
            try:
                loop.call_soon_threadsafe(self.hub.publish, state, changes)
            except RuntimeError:
                return  # the server has ended

        return publish


def _done(command: str, fields: Answer) -> str:
    return {
        "halt": "trading is halted: no new orders pass, open ones are being cancelled, positions stay",
        "resume": "orders pass again",
        "cancel": f"the venue is asked for the end of order {fields.get('order')}",
        "start_strategy": f"{fields.get('name')} runs",
        "stop_strategy": f"{fields.get('name')} is stopped: its orders are being cancelled, its position stays",
    }[command]
