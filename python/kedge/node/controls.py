"""What people may ask a running trader over its control socket."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from kedge.model.errors import UsageError
from kedge.node.control import Handler
from kedge.node.live_loop import LiveLoop
from kedge.node.notes import Notes


class Controls:
    """The commands of the control socket. Each answers once its effect is in the journal's queue."""

    def __init__(self, loop: LiveLoop, notes: Notes) -> None:
        self._loop = loop
        self._notes = notes

    def handlers(self) -> dict[str, Handler]:
        """By name."""
        session = self._loop.session
        return {
            "status": lambda _: self._loop.status(),
            "halt": lambda _: self._halt(),
            "resume": lambda _: self._resume(),
            "cancel": lambda asked: self._act(session.cancel, int(asked["order"])),
            "cancel_all": self._cancel_all,
            "start_strategy": lambda asked: self._act(session.start_strategy, self._strategy(asked)),
            "stop_strategy": lambda asked: self._act(session.stop_strategy, self._strategy(asked)),
        }

    def _halt(self) -> dict[str, Any]:
        cancelling = self._loop.halt()
        self._notes.note_status()
        return {"halted": True, "cancelling": cancelling}

    def _resume(self) -> dict[str, Any]:
        self._loop.resume()
        self._notes.note_status()
        return {"halted": False}

    def _act(self, act: Callable[[int, int], None], what: int) -> dict[str, Any]:
        with self._loop.guarded():
            act(what, time.time_ns())
        self._notes.note_status()
        return {"done": True}

    def _cancel_all(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        only = self._strategy({"name": asked["strategy"]}) if asked.get("strategy") else None
        session = self._loop.session
        orders = [order[0] for order in session.open_orders() if only is None or order[1] == only]
        for order in orders:
            self._act(session.cancel, order)
        return {"cancelling": len(orders)}

    def _strategy(self, asked: Mapping[str, Any]) -> int:
        names = [seat.name for seat in self._loop.opened.spec.seats]
        if asked.get("name") not in names:
            raise UsageError(f"there is no strategy `{asked.get('name')}`", f"there are: {', '.join(names)}")
        return names.index(asked["name"])
