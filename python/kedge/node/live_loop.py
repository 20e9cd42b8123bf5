"""A live session on its loop: messages, reports, time and commands of people go in; orders go out.

A message goes as bytes into the core, what the core decides is journaled, and what has become durable is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Coroutine, Iterator
from typing import Any

from kedge import _core
from kedge.execution.order_entry import OrderEntry
from kedge.execution.reconciliation import Reconciliation, ours_of
from kedge.model.errors import DataError
from kedge.model.settings import Settings
from kedge.node.alarm import Alarm
from kedge.node.folders import DataFolder
from kedge.node.opening import Opened
from kedge.node.status import StatusBoard
from kedge.venues.binance import AccountUpdate, Report

REHEARSE_EVERY = 0.005


class LiveLoop:
    """Drives one opened session. `failed` is set once by whatever makes going on impossible."""

    def __init__(self, settings: Settings, folder: DataFolder, opened: Opened, entry_class: type[OrderEntry]) -> None:
        self._settings = settings
        self._folder = folder
        self.opened = opened
        self._session = opened.session
        self._by_symbol = {(line.market, line.symbol): line for line in opened.lines}
        self.board = StatusBoard(opened.spec, opened.lines, opened.capital)
        self.entry = entry_class(
            opened.session, opened.lines, settings.trader.id, self._settle, self.board.tick_to_order.add
        )
        self.entry.on_failed = self.fail
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reconciliation: Reconciliation | None = None
        self.bad_frames = 0
        self._alarm = Alarm(self._tick)
        self._begun = False
        self._heard = 0
        self._asking: set[asyncio.Task[None]] = set()
        self._waker = self._session.waker()
        asyncio.get_running_loop().add_reader(self._waker, self._durable)

    @property
    def session(self) -> _core.LiveSession:
        """The session in the core."""
        return self._session

    # Inputs -------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Wakes the strategies and asks for the books."""
        self._begun = True
        if self._folder.halted.exists():
            self.halt()
        with self.guarded():
            self._session.start(time.time_ns())
        for line in self.opened.lines:
            line.venue.want_snapshot(line.symbol)
        self._rehearse()

    def _rehearse(self) -> None:
        if self._begun:
            self.entry.rehearse()
            asyncio.get_running_loop().call_later(REHEARSE_EVERY, self._rehearse)

    def on_frame(self, market: str, symbol: str, frame: bytes, received_ns: int) -> None:
        """A message of a market stream, or the body of a depth snapshot, received at `received_ns` of our clock."""
        line = self._by_symbol.get((market, symbol))
        if not self._begun or line is None:
            return
        now = time.time_ns()
        # The clock of intervals, at the moment at which the message was received.
        self._heard = time.perf_counter_ns() - (now - received_ns)
        needs_snapshot = False
        try:
            try:
                _, needs_snapshot, _ = self._session.message(line.instrument, frame, now)
            except DataError as error:
                self.bad_frames += 1
                self.board.notice("bad message", f"{symbol}: {error.message}")
            self._settle()
        except BaseException as error:
            self._broken(error)
        self._heard = 0
        if needs_snapshot:
            line.venue.want_snapshot(symbol)

    def on_lost(self, market: str, symbol: str, why: str) -> None:
        """A market stream was lost or has gone silent."""
        line = self._by_symbol.get((market, symbol))
        if self._begun and line is not None:
            with self.guarded():
                self._session.lost(line.instrument, time.time_ns())

    def on_report(self, market: str, report: Report) -> None:
        """A report of the user stream."""
        with self.guarded():
            self.entry.on_report(market, report)

    def on_account(self, market: str, update: AccountUpdate) -> None:
        """A payment of funding; every other change of the account follows from reports."""
        if update.reason != "FUNDING_FEE" or not self._begun:
            return
        with self.guarded():
            # The venue does not say which position it was for: with several, the first that is held gets it.
            values = self._session.values()
            lines = [line for line in self.opened.lines if line.market == market]
            held = [line for line in lines if ours_of(values, line)] or lines
            for _, change in update.balances.values():
                self._session.funding(held[0].instrument, f"{change:f}", update.ts_ns, time.time_ns())

    def on_gap(self, market: str, why: str) -> None:
        """The user stream was away: reports may have been missed."""
        if self._begun:
            self._ask(self.entry.catch_up(market))

    def _tick(self) -> None:
        with self.guarded():
            self._session.tick(time.time_ns())

    def _durable(self) -> None:
        try:
            os.read(self._waker, 8)
            self.entry.flush()
        except BlockingIOError:
            return
        except BaseException as error:
            self._broken(error)

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """What follows an input: new commands go out, the next timer is set, and a failure ends the session."""
        self._heard = time.perf_counter_ns()
        try:
            yield
            self._settle()
        except BaseException as error:
            self._broken(error)
        self._heard = 0

    def _settle(self) -> None:
        commands = self._session.commands()
        if commands:
            # What a request's answer made was heard only now.
            self.entry.take(commands, self._heard or time.perf_counter_ns())
        self._alarm.set(self._session.next_timer() if self._begun else None)

    def _broken(self, error: BaseException) -> None:
        # A fault of the core, or a callback's time limit that struck just behind it, is none of `Exception`.
        if isinstance(error, (KeyboardInterrupt, SystemExit, asyncio.CancelledError)):
            raise error
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Says that the session cannot go on."""
        if not self.failed.done():
            self.failed.set_exception(error)

    def halt(self) -> int:
        """No new orders from here on; every open one is cancelled. Stays so over restarts, until resumed.

        Returns how many orders are being cancelled.
        """
        self.board.halted = True
        open_orders = len(self._session.open_orders())
        with self.guarded():
            self._session.halt(time.time_ns())
        try:
            self._folder.halted.touch()
        except OSError as error:
            # Halting now comes first; that it holds over a restart needs the disk.
            self.board.notice("halt", f"{self._folder.halted}: {error.strerror}: it will not hold over a restart")
        return open_orders

    def resume(self) -> None:
        """Lets orders pass again."""
        self._folder.halted.unlink(missing_ok=True)
        self.board.halted = False
        with self.guarded():
            self._session.resume(time.time_ns())

    def status(self) -> dict[str, Any]:
        """The status now."""
        newest = self.reconciliation.as_json() if self.reconciliation is not None else None
        return self.board.status(self._session, self.entry) | {"epoch": self.opened.epoch, "reconciliation": newest}

    def _ask(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asked)

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def rest(self) -> None:
        """Strategies are woken no more; orders stay as they are, and reports are still taken."""
        self._begun = False
        self._alarm.set(None)

    async def cancel_everything(self, wait: float) -> None:
        """Stops new orders and cancels the open ones; returns when they have ended, or after `wait` seconds."""
        with self.guarded():
            self._session.halt(time.time_ns())
        deadline = time.monotonic() + wait
        while self.entry.working and time.monotonic() < deadline and not self.failed.done():
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Stops listening; the session takes nothing more."""
        self.rest()
        self._alarm.close()
        for task in list(self._asking):
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self.entry.close()
        asyncio.get_running_loop().remove_reader(self._waker)
