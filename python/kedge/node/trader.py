"""The trader: one live session of one account, from its lock to its last record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from kedge import _core
from kedge.execution.earlier_orders import Settled, settle_earlier
from kedge.execution.giving_up import give_up
from kedge.execution.order_entry import OrderEntry
from kedge.execution.order_follower import asked
from kedge.model.durations import SECOND
from kedge.model.errors import KedgeError, UnreachableError, UnsafeStateError
from kedge.model.settings import Settings
from kedge.node import connections
from kedge.node.control import ControlSocket
from kedge.node.controls import Controls
from kedge.node.folders import AccountLock, DataFolder
from kedge.node.live_loop import LiveLoop
from kedge.node.live_spec import instruments_of
from kedge.node.notes import Notes
from kedge.node.opening import account_of, open_session
from kedge.node.sessions import LeftBehind, last_session
from kedge.strategies.budget import CallbackBudget
from kedge.venues.binance import AccountUpdate, Report

STOP_WAIT = 5.0
LAST_COMPARISON_WAIT = 4.0
# What a request may still take to arrive after its window has closed, beside the clock's bound.
WINDOW_MARGIN = SECOND // 4

NOTHING: dict[str, Any] = {
    **dict.fromkeys(("events", "orders", "fills", "gaps", "unknown_orders", "open_orders"), 0),
    **dict.fromkeys(("pnl", "ledger_imbalance"), "0"),
    **dict.fromkeys(("equity", "trace_hash", "journal", "tick_to_order_us")),
}
"""The last words of a trader that was stopped before its session began."""

OnReady = Callable[[dict[str, Any]], None]
Result = TypeVar("Result")


class Trader:
    """Trades an account until it is told to stop."""

    entry_class: type[OrderEntry] = OrderEntry

    def __init__(self, settings: Settings, folder: DataFolder, on_ready: OnReady | None = None) -> None:
        self._settings = settings
        self._folder = folder
        self._on_ready = on_ready
        self._stop = asyncio.Event()
        self._loop: LiveLoop | None = None

    def stop(self) -> None:
        """Asks the trader to end cleanly."""
        self._stop.set()

    async def run(self) -> dict[str, Any]:
        """Trades until `stop`. Returns the last status, with the trace hash and where the journal is.

        Raises `UnsafeStateError` where another trader holds the account, the journal cannot be trusted or its disk
        fails, `UnreachableError` for a venue that does not answer, `UsageError` for settings.
        """
        with AccountLock(self._folder, account_of(self._settings)):
            begun, locked_ns = time.perf_counter_ns(), time.time_ns()
            left = last_session(self._folder)
            clients = connections.connect(self._settings.venue, list(instruments_of(self._settings)), self)
            asyncio.get_running_loop().set_exception_handler(self._on_exception)
            try:
                opened = await self._unless_stopped(open_session(self._settings, self._folder, clients, left))
                if opened is None:
                    return NOTHING
                loop = self._loop = LiveLoop(self._settings, self._folder, opened, self.entry_class)
                self._notes = Notes(self._settings, loop)
                settled = await self._unless_stopped(self._recover(loop, left, locked_ns))
                if settled is None:
                    return await self._close(loop, str(opened.path))
                took_ms = (time.perf_counter_ns() - begun) / 1e6 - settled.waited_s * 1e3
                limit = opened.spec.callback_seconds
                with CallbackBudget(limit, _core.callback_count, UnsafeStateError.exit_code):
                    return await self._trade(loop, str(opened.path), lambda: self._say_ready(settled, took_ms))
            finally:
                await connections.close(clients)

    async def _unless_stopped(self, work: Coroutine[Any, Any, Result]) -> Result | None:
        """What `work` gives; None, and it is cancelled, if the trader is stopped before."""
        task = asyncio.get_running_loop().create_task(work)
        stopped = asyncio.get_running_loop().create_task(self._stop.wait())
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None

    def _on_exception(self, loop: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        """What a task or a callback raised where nobody waits for it: going on would not be safe."""
        error = told.get("exception") or UnsafeStateError(str(told.get("message")))
        if self._loop is not None:
            self._loop.fail(error)

    async def _recover(self, loop: LiveLoop, left: LeftBehind, locked_ns: int) -> Settled:
        """No order of an earlier session is open when this returns, and its executions are in the books."""
        lines = loop.opened.lines
        bound = max(line.venue.clock.bound_ns + abs(line.venue.clock.offset_ns) for line in lines)
        # Whatever the last session signed, it signed before we held its lock.
        closes = locked_ns + self._settings.venue.recv_window + bound + WINDOW_MARGIN
        settled = await settle_earlier(loop.session, lines, left.orders, self._settings.trader.id, closes)
        await asked(lambda _: self._notes.reconcile("start", settled.differences))
        loop.session.checkpoint(time.time_ns())
        return settled

    def _say_ready(self, settled: Settled, took_ms: float) -> None:
        if self._on_ready is not None:
            self._on_ready(
                {
                    "ready": True,
                    "recovery_ms": round(took_ms, 1),
                    "asked": settled.asked,
                    "differences": [difference.as_json() for difference in settled.differences],
                }
            )

    async def _trade(self, loop: LiveLoop, path: str, ready: Callable[[], None]) -> dict[str, Any]:
        loop.begin()
        notes = asyncio.create_task(self._notes.keep())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            async with ControlSocket(self._folder.socket, Controls(loop, self._notes).handlers()):
                ready()
                waited: list[asyncio.Future[Any]] = [stopped, notes, loop.failed]
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if notes.done():
                notes.result()
            if not loop.failed.done():
                return await self._end(loop, path)
        except Exception as error:
            loop.fail(error)
        finally:
            for task in (notes, stopped):
                task.cancel()
            await asyncio.gather(notes, stopped, return_exceptions=True)
        raise await self._give_up(loop)

    async def _end(self, loop: LiveLoop, path: str) -> dict[str, Any]:
        with loop.guarded():
            loop.session.end(time.time_ns())
        if self._settings.trader.on_stop == "cancel":
            await loop.cancel_everything(STOP_WAIT)
        else:
            loop.rest()
        try:
            await asyncio.wait_for(self._notes.reconcile("stop"), LAST_COMPARISON_WAIT)
        except (UnreachableError, TimeoutError) as error:
            why = error.message if isinstance(error, KedgeError) else f"not done in {LAST_COMPARISON_WAIT:g} s"
            loop.board.notice("reconciliation", f"left out at the end: {why}")
        return await self._close(loop, path)

    async def _close(self, loop: LiveLoop, path: str) -> dict[str, Any]:
        last = loop.status() | {
            "trace_hash": loop.session.values()["trace_hash"],
            "journal": path,
            "open_orders": len(loop.session.open_orders()),
        }
        await loop.close()
        self._notes.note(last)
        loop.session.close(time.time_ns())
        return last

    async def _give_up(self, loop: LiveLoop) -> KedgeError:
        """The journal cannot be written any more: cancels what is open, straight at the venue, and says why."""
        working = [one for one in loop.entry.working.values() if one.sent_ns]
        await loop.close()
        left = await give_up(loop.opened.lines, working, self._settings.trader.id, self._settings.venue.recv_window)
        why: BaseException | None = loop.failed.exception()
        while isinstance(why, BaseExceptionGroup):
            why = why.exceptions[0]
        hint = "set right what it says, then start the trader again: it asks the venue after every order"
        if isinstance(why, KedgeError):
            told, hint = why.message, f"{why.hint}; {hint}" if why.hint else hint
        else:
            told = f"{type(why).__name__}: {why}"
        return UnsafeStateError(f"the session cannot go on: {told}; {left}", hint)

    # What the venues say, handed on once there is a session ---------------------------------------------------------

    def on_frame(self, market: str, symbol: str, frame: bytes, received_ns: int) -> None:
        """Hands on a market message."""
        if self._loop is not None:
            self._loop.on_frame(market, symbol, frame, received_ns)

    def on_lost(self, market: str, symbol: str, why: str) -> None:
        """Hands on the loss of a market stream."""
        if self._loop is not None:
            self._loop.on_lost(market, symbol, why)

    def on_report(self, market: str, report: Report) -> None:
        """Hands on a report."""
        if self._loop is not None:
            self._loop.on_report(market, report)

    def on_account(self, market: str, update: AccountUpdate) -> None:
        """Hands on a change of the account."""
        if self._loop is not None:
            self._loop.on_account(market, update)

    def on_gap(self, market: str, why: str) -> None:
        """Hands on that the user stream was away."""
        if self._loop is not None:
            self._loop.on_gap(market, why)
