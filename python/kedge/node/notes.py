"""What a session notes of itself in its time: status, checkpoints, comparisons with the venue."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kedge.execution.reconciliation import Difference, reconcile
from kedge.journal import Kind
from kedge.model.durations import SECOND
from kedge.model.errors import UnreachableError
from kedge.model.settings import Settings
from kedge.node.live_loop import LiveLoop
from kedge.strategies.faults import explain

STATUS_EVERY = 1.0


class Notes:
    """Keeps the notes of a session."""

    def __init__(self, settings: Settings, loop: LiveLoop) -> None:
        self._settings = settings
        self._loop = loop

    async def keep(self) -> None:
        """Each in its time, until cancelled."""
        trader = self._settings.trader
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(STATUS_EVERY, self.note_status))
            group.create_task(self._every(trader.checkpoint / SECOND, self._checkpoint))
            group.create_task(self._reconcile_every(trader.reconcile / SECOND))

    async def _every(self, seconds: float, work: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            work()

    async def _reconcile_every(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.reconcile("periodic")
            except UnreachableError as error:
                self._loop.board.notice("reconciliation", f"left out: {error.message}")

    async def reconcile(self, at: str, settled: Sequence[Difference] = ()) -> None:
        """Compares with the venue now and keeps what was found; halts where the policy says so.

        `settled` is what was resolved just before: it stands in the record beside what still differs. Raises
        `UnreachableError` where the venue does not answer.
        """
        loop = self._loop
        found = await reconcile(loop.session, loop.opened.lines, loop.entry, self._settings.trader.id, at, settled)
        loop.reconciliation = found
        with loop.guarded():
            loop.session.note(Kind.RECONCILED, json.dumps(found.as_json()), found.ts)
        if found.unsafe:
            loop.halt()

    def note_status(self) -> None:
        """A status, after a look at what went wrong since the last one."""
        loop = self._loop
        with loop.guarded():
            seats = loop.opened.spec.seats
            files = [seat.source.file for seat in seats]
            for strategy, error in loop.session.faults():
                loop.board.errors[seats[strategy].name] = explain(error, files).message
            if loop.entry.failed is not None:
                raise loop.entry.failed
            if loop.entry.odd_fees:
                loop.board.notice("odd fee", loop.entry.odd_fees.pop())
                loop.halt()
            self.note(loop.status())

    def note(self, status: Mapping[str, Any]) -> None:
        """Journals a status."""
        self._loop.session.note(Kind.STATUS, json.dumps(status), time.time_ns())

    def _checkpoint(self) -> None:
        with self._loop.guarded():
            self._loop.session.checkpoint(time.time_ns())
