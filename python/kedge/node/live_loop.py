"""A live session on its loop: messages, reports, time and commands of people go in; orders go out.

A message goes as bytes into the core, what the core decides is journaled, and what has become durable is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kedge import _core
from kedge.execution.order_entry import Line, OrderEntry
from kedge.execution.reconciliation import Difference, Reconciliation, ours_of, reconcile
from kedge.journal import Kind
from kedge.model.errors import DataError, KedgeError, UsageError
from kedge.model.settings import Settings
from kedge.node.control import Handler
from kedge.node.folders import DataFolder
from kedge.node.opening import Opened
from kedge.node.status import StatusBoard
from kedge.strategies.faults import explain
from kedge.venues.binance import AccountUpdate, Report

SECOND = 1_000_000_000
STATUS_EVERY = 1.0


class LiveLoop:
    """Drives one opened session. `failed` is set once by whatever makes going on impossible."""

    def __init__(self, settings: Settings, folder: DataFolder, opened: Opened, entry_class: type[OrderEntry]) -> None:
        self._settings = settings
        self._folder = folder
        self._opened = opened
        self._session = opened.session
        self._by_symbol = {(line.market, line.symbol): line for line in opened.lines}
        self.board = StatusBoard(opened.spec, opened.lines, opened.capital)
        self.entry = entry_class(
            opened.session, opened.lines, settings.trader.id, self._changed, self.board.tick_to_order.add
        )
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reconciliation: Reconciliation | None = None
        self.bad_frames = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due: int | None = None
        self._begun = False
        self._heard = 0
        self._asking: set[asyncio.Task[None]] = set()
        asyncio.get_running_loop().add_reader(self._session.waker(), self._durable)

    @property
    def session(self) -> _core.LiveSession:
        """The session in the core."""
        return self._session

    @property
    def lines(self) -> Sequence[Line]:
        """Where the orders of each instrument go."""
        return self._opened.lines

    # Inputs -------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Wakes the strategies and asks for the books."""
        self._begun = True
        if self._folder.halted.exists():
            self.halt()
        with self._guarded():
            self._session.start(time.time_ns())
        for line in self._opened.lines:
            line.venue.want_snapshot(line.symbol)

    def on_frame(self, market: str, symbol: str, frame: bytes) -> None:
        """A message of a market stream, or the body of a depth snapshot."""
        line = self._by_symbol.get((market, symbol))
        if not self._begun or line is None:
            return
        with self._guarded():
            try:
                _, needs_snapshot, _ = self._session.message(line.instrument, frame, time.time_ns())
            except DataError as error:
                self.bad_frames += 1
                self.note_event("bad message", f"{symbol}: {error.message}")
                return
            if needs_snapshot:
                line.venue.want_snapshot(symbol)

    def on_lost(self, market: str, symbol: str, why: str) -> None:
        """A market stream was lost or has gone silent."""
        line = self._by_symbol.get((market, symbol))
        if self._begun and line is not None:
            with self._guarded():
                self._session.lost(line.instrument, time.time_ns())

    def on_report(self, market: str, report: Report) -> None:
        """A report of the user stream."""
        with self._guarded():
            self.entry.on_report(market, report)

    def on_account(self, market: str, update: AccountUpdate) -> None:
        """A payment of funding; every other change of the account follows from reports."""
        if update.reason != "FUNDING_FEE" or not self._begun:
            return
        # The venue does not say which position it was for: with several, the first that is held gets it.
        values = self._session.values()
        lines = [line for line in self._opened.lines if line.market == market]
        held = [line for line in lines if ours_of(values, line)] or lines
        with self._guarded():
            for _, change in update.balances.values():
                self._session.funding(held[0].instrument, f"{change:f}", update.ts_ns, time.time_ns())

    def on_gap(self, market: str, why: str) -> None:
        """The user stream was away: reports may have been missed."""
        if self._begun:
            self._ask(self.entry.catch_up(market))

    def _tick(self) -> None:
        self._due = None
        with self._guarded():
            self._session.tick(time.time_ns())

    def _durable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._session.waker(), 8)
        with self._guarded():
            self.entry.flush()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """What follows an input: new commands go out, the next timer is set, and a failure ends the session."""
        self._heard = time.perf_counter_ns()
        try:
            yield
            self._changed()
            self._arm()
        except Exception as error:
            self.fail(error)

    def _changed(self) -> None:
        commands = self._session.commands()
        if commands:
            self.entry.take(commands, self._heard)

    def _arm(self) -> None:
        due = self._session.next_timer() if self._begun else None
        if due == self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._timer = due, None
        if due is not None:
            wait = max(0.0, (due - time.time_ns()) / SECOND)
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def fail(self, error: BaseException) -> None:
        """Says that the session cannot go on."""
        if not self.failed.done():
            self.failed.set_exception(error)

    # People -------------------------------------------------------------------------------------------------------

    def handlers(self) -> dict[str, Handler]:
        """What the control socket may be asked."""
        session = self._session
        return {
            "status": lambda _: self.status(),
            "halt": lambda _: self.halt(),
            "resume": lambda _: self._resume(),
            "cancel": lambda asked: self._act(session.cancel, int(asked["order"])),
            "cancel_all": self._cancel_all,
            "start_strategy": lambda asked: self._act(session.start_strategy, self._strategy(asked)),
            "stop_strategy": lambda asked: self._act(session.stop_strategy, self._strategy(asked)),
        }

    def halt(self) -> dict[str, Any]:
        """No new orders from here on; every open one is cancelled. Stays so over restarts, until resumed."""
        self._folder.halted.touch()
        self.board.halted = True
        open_orders = len(self._session.open_orders())
        with self._guarded():
            self._session.halt(time.time_ns())
        self._status_note()
        return {"halted": True, "cancelling": open_orders}

    def _resume(self) -> dict[str, Any]:
        self._folder.halted.unlink(missing_ok=True)
        self.board.halted = False
        with self._guarded():
            self._session.resume(time.time_ns())
        self._status_note()
        return {"halted": False}

    def _act(self, act: Callable[[int, int], None], what: int) -> dict[str, Any]:
        with self._guarded():
            act(what, time.time_ns())
        self._status_note()
        return {"done": True}

    def _cancel_all(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        only = self._strategy({"name": asked["strategy"]}) if asked.get("strategy") else None
        orders = [order[0] for order in self._session.open_orders() if only is None or order[1] == only]
        for order in orders:
            self._act(self._session.cancel, order)
        return {"cancelling": len(orders)}

    def _strategy(self, asked: Mapping[str, Any]) -> int:
        names = [seat.name for seat in self._opened.spec.seats]
        if asked.get("name") not in names:
            raise UsageError(f"there is no strategy `{asked.get('name')}`", f"there are: {', '.join(names)}")
        return names.index(asked["name"])

    # Notes --------------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """The status now."""
        newest = self.reconciliation.as_json() if self.reconciliation is not None else None
        return self.board.status(self._session, self.entry) | {"epoch": self._opened.epoch, "reconciliation": newest}

    async def keep_notes(self) -> None:
        """Status, checkpoints and reconciliation, each in its time, until cancelled."""
        trader = self._settings.trader
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(STATUS_EVERY, self._status_note))
            group.create_task(self._every(trader.checkpoint / SECOND, self._checkpoint))
            group.create_task(self._reconcile_every(trader.reconcile / SECOND))

    async def _every(self, seconds: float, work: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            work()

    async def _reconcile_every(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            with contextlib.suppress(KedgeError):
                await self.reconcile("periodic")

    async def reconcile(self, at: str, settled: Sequence[Difference] = ()) -> None:
        """Compares with the venue now and keeps what was found; halts where the policy says so.

        `settled` is what was resolved just before: it stands in the record beside what still differs.
        """
        found = await reconcile(self._session, self._opened.lines, self.entry, self._settings.trader.id, at, settled)
        self.reconciliation = found
        with self._guarded():
            self._session.note(Kind.RECONCILED, json.dumps(found.as_json()), found.ts)
        if found.unsafe:
            self.halt()

    def _status_note(self) -> None:
        with self._guarded():
            files = [seat.source.file for seat in self._opened.spec.seats]
            for strategy, error in self._session.faults():
                self.board.errors[self._opened.spec.seats[strategy].name] = explain(error, files).message
            if self.entry.failed is not None:
                raise self.entry.failed
            if self.entry.odd_fees:
                self.note_event("odd fee", self.entry.odd_fees.pop())
                self.halt()
            self.note_status(self.status())

    def note_status(self, status: Mapping[str, Any]) -> None:
        """Journals a status."""
        self._session.note(Kind.STATUS, json.dumps(status), time.time_ns())

    def note_event(self, what: str, text: str) -> None:
        """Keeps the newest of each kind of event in the status."""
        self.board.events[what] = text

    def _checkpoint(self) -> None:
        with self._guarded():
            self._session.checkpoint(time.time_ns())

    def _ask(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    # End ----------------------------------------------------------------------------------------------------------

    async def cancel_everything(self, wait: float) -> None:
        """Stops new orders and cancels the open ones; returns when they have ended, or after `wait` seconds."""
        with self._guarded():
            self._session.halt(time.time_ns())
        deadline = time.monotonic() + wait
        while self.entry.working and time.monotonic() < deadline and not self.failed.done():
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Stops listening; the session takes nothing more."""
        self._begun = False
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._asking):
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self.entry.close()
        asyncio.get_running_loop().remove_reader(self._session.waker())
