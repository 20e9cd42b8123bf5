"""Orders out: from the engine's commands to requests at the venue, and what is done while an answer is missing.

A submit leaves when its intent is durable; a cancel leaves at once, and takes back a submit that has not left yet.
An order whose request got no answer is *unknown* until the venue, asked after the request's window has closed, tells.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from kedge._core import LiveSession
from kedge.execution.client_ids import client_id
from kedge.execution.order_follower import ASK_AGAIN, Line, OrderFollower, Working, ask_about
from kedge.venues.binance import (
    Accepted,
    Outcome,
    Prepared,
    Rejected,
    Unknown,
)

CANCEL_TOLD = 1.0
CANCEL_AGAIN_MOST = 2.0
IN_FLIGHT = 0.02


@dataclass(slots=True)
class Waiting:
    """A command that waits until its intent is durable: what is sent then, its event's and its own time (ns of
    `time.perf_counter_ns`). `prepared` is None for an amendment, which does not hurry."""

    command: dict[str, Any]
    prepared: Prepared | None
    heard: int
    made: int


class OrderEntry(OrderFollower):
    """Sends what a session commands, and asks after what was not answered.

    `on_sent` is told (ns from the event to the signed request, ns waited for the disk since then, ns to hand it to the
    socket) of each submit.
    """

    def __init__(
        self,
        session: LiveSession,
        lines: Sequence[Line],
        trader: str,
        changed: Callable[[], None],
        on_sent: Callable[[int, int, int], None],
    ) -> None:
        super().__init__(session, trader, changed)
        self._lines = lines
        self._on_sent = on_sent
        self._waiting: deque[Waiting] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.notices: dict[str, str] = {}
        """What was refused last, in words."""
        self.on_failed: Callable[[BaseException], None] = lambda _: None

    # Out ----------------------------------------------------------------------------------------------------------

    def take(self, commands: Sequence[dict[str, Any]], heard: int) -> None:
        """Takes commands made by an event heard at `heard` (ns of `time.perf_counter_ns`).

        A submit is signed while the disk is still at work on its intent.
        """
        for command in commands:
            if command["action"] == "submit":
                line = self._lines[command["instrument"]]
                order = command["order"]
                name = client_id(self._trader, order)
                self.working[order] = Working(order, line, name, command["side"])
                prepared = self._prepared(line, name, command)
                self._waiting.append(Waiting(command, prepared, heard, time.perf_counter_ns()))
            elif command["action"] == "amend":
                self._waiting.append(Waiting(command, None, heard, time.perf_counter_ns()))
            else:
                self._cancel_now(command["order"])
        self.flush()

    def rehearse(self) -> None:
        """Goes an order's way up to its sending, for nothing: it is quicker where it was gone a moment ago."""
        for line in self._lines:
            line.venue.rehearse(line.symbol)

    def flush(self) -> None:
        """Sends what has become durable."""
        if not self._waiting:
            return
        durable = self._durable()
        while self._waiting and self._waiting[0].command["after_seq"] <= durable:
            waiting = self._waiting.popleft()
            working = self.working.get(waiting.command["order"])
            if working is None:
                continue
            if waiting.prepared is None:
                self._run(self._amend(working, waiting.command))
            else:
                self._submit(working, waiting, waiting.prepared)

    def _durable(self) -> int:
        return self._session.durable()

    def _cancel_now(self, order: int) -> None:
        working = self.working.get(order)
        if working is None:
            return
        if not working.sent_ns:
            self._waiting = deque(entry for entry in self._waiting if entry.command["order"] != order)
            self._end(working, "canceled", 0)
            return
        if working.canceling:
            return
        working.canceling = True
        # Its bytes leave here where the venue's order connection is up; the task waits for the answer.
        self._run(
            self._canceled(working, working.line.venue.cancel(symbol=working.line.symbol, client_id=working.name))
        )

    def _submit(self, working: Working, waiting: Waiting, prepared: Prepared) -> None:
        begun = time.perf_counter_ns()
        engine, disk = waiting.made - waiting.heard, begun - waiting.made
        working.sent_ns = time.time_ns()
        self.sent += 1
        outcome = self._request(
            working, waiting, prepared, lambda: self._sent(engine, disk, time.perf_counter_ns() - begun)
        )
        self._run(self._submitted(working, outcome))

    async def _submitted(self, working: Working, answer: Coroutine[Any, Any, Outcome]) -> None:
        outcome = await answer
        if working.acknowledged or working.ended:
            return
        if isinstance(outcome, Accepted):
            self._acknowledge(working, outcome.ts)
        elif isinstance(outcome, Unknown):
            # Silence is no answer: the order counts as open until the venue tells.
            working.unknown = True
            self._report(working, "unknown", 0)
            await self._find_out(working, outcome.closes_ns)
        else:
            self._notice("order refused", working, outcome)
            self._end(working, "rejected", 0)

    def _notice(self, what: str, working: Working, outcome: Outcome) -> None:
        why = f"{outcome.code} {outcome.message}" if isinstance(outcome, Rejected) else getattr(outcome, "why", "")
        self.notices[what] = f"{working.name}: {why}"

    def _prepared(self, line: Line, name: str, command: dict[str, Any]) -> Prepared:
        return line.venue.prepare(
            symbol=line.symbol,
            client_id=name,
            side=command["side"],
            kind=command["kind"],
            tif=command["tif"],
            price=command["price"],
            quantity=command["quantity"],
        )

    def _request(
        self, working: Working, waiting: Waiting, prepared: Prepared, on_sent: Callable[[], None]
    ) -> Coroutine[Any, Any, Outcome]:
        """Sends it; what is returned waits for the outcome."""
        return working.line.venue.send(prepared, on_sent)

    def _sent(self, engine: int, disk: int, sending: int) -> None:
        self._on_sent(engine, disk, sending)

    async def _amend(self, working: Working, command: dict[str, Any]) -> None:
        outcome = await working.line.venue.amend(
            symbol=working.line.symbol,
            client_id=working.name,
            side=working.side,
            price=command["price"],
            quantity=command["quantity"],
        )
        if isinstance(outcome, Unknown):
            await self._find_out(working, outcome.closes_ns)
        elif not isinstance(outcome, Accepted) and not working.ended:
            self._report(working, "amend_rejected", 0)

    async def _canceled(self, working: Working, answer: Coroutine[Any, Any, Outcome]) -> None:
        """Until the order has ended: a cancel may come before its order, meet a venue that is away, or be lost."""
        pause = ASK_AGAIN
        while True:
            outcome = await answer
            if working.ended:
                break
            if isinstance(outcome, Accepted):
                # The end itself comes by the user stream, after the last fills; ask if it does not.
                await asyncio.sleep(CANCEL_TOLD)
                await self._find_out(working, 0)
            else:
                self._notice("cancel refused", working, outcome)
                if isinstance(outcome, Rejected):
                    await self._taken(working)
                    await self._find_out(working, 0)
                if not working.ended:
                    await asyncio.sleep(pause)
                pause = min(2 * pause, CANCEL_AGAIN_MOST)
            if working.ended:
                break
            answer = working.line.venue.cancel(symbol=working.line.symbol, client_id=working.name)
        self.notices.pop("cancel refused", None)

    # What became of it --------------------------------------------------------------------------------------------

    async def _find_out(self, working: Working, closes_ns: int) -> None:
        """Asks the venue, after its window has closed, until there is an answer."""
        if working.asking:
            return
        working.asking = True
        try:
            await asyncio.sleep(max(0.0, (closes_ns - time.time_ns()) / 1e9))
            if not working.ended:
                self.settle([await ask_about(working)])
        finally:
            working.asking = False

    async def ask_after(self, orders: Sequence[Working]) -> None:
        """Asks after orders whose reports may have been missed."""
        self.settle(await asyncio.gather(*(ask_about(working) for working in orders)))

    async def catch_up(self, market: str) -> None:
        """Asks after every order of a market that was sent: at once if the venue has taken it, else when it has.

        Reports that come meanwhile wait: fills that were missed happened before theirs.
        """
        sent = [w for w in self.working.values() if w.line.market == market and w.sent_ns]
        for working in sent:
            if not working.acknowledged:
                self._run(self._ask_once_taken(working))
        self.hold(market)
        try:
            await self.ask_after([working for working in sent if working.acknowledged])
        finally:
            self.release(market)

    async def _ask_once_taken(self, working: Working) -> None:
        await self._taken(working)
        if not working.ended:
            await self.ask_after([working])

    async def _taken(self, working: Working) -> None:
        """Returns when the venue has taken the order, or it has ended."""
        while not (working.acknowledged or working.ended):
            await asyncio.sleep(IN_FLIGHT)

    # Tasks --------------------------------------------------------------------------------------------------------

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed = error
            self.on_failed(error)

    failed: BaseException | None = None
    """What broke a task: the session cannot go on."""

    async def close(self) -> None:
        """Ends every task; outcomes not known by then are found at the next start."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
