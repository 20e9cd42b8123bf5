"""The trader under test, in a process of its own: it can be told where to die, and which rule to break."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from kedge.cli.output import print_json
from kedge.execution.earlier_orders import Settled
from kedge.execution.order_entry import OrderEntry, Waiting
from kedge.execution.order_follower import Working
from kedge.model.settings import load_settings
from kedge.node.folders import DataFolder
from kedge.node.live_loop import LiveLoop
from kedge.node.sessions import LeftBehind
from kedge.node.trader import Trader
from kedge.venues.binance import Outcome, Prepared, Unknown

POINTS = ("before commit", "between commit and send", "between send and reply", "during recovery")
PLANTS = ("new id on timeout", "journal after send")


def die() -> None:
    """As suddenly as a process can."""
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Dies at the n-th time its point is passed."""

    def __init__(self, point: str, passes: int) -> None:
        self._point = point
        self._left = passes

    def at(self, point: str) -> None:
        """The trader passes here."""
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                die()


def entry_class(countdown: Countdown, plant: str) -> type[OrderEntry]:
    """Order entry that passes the points, and breaks the rule of the plant."""

    class Tested(OrderEntry):
        def take(self, commands: Any, heard: int) -> None:
            if any(command["action"] == "submit" for command in commands):
                countdown.at("before commit")
            super().take(commands, heard)

        def _durable(self) -> int:
            return 2**63 if plant == "journal after send" else super()._durable()

        def _submit(self, working: Working, waiting: Waiting, prepared: Prepared) -> None:
            countdown.at("between commit and send")
            super()._submit(working, waiting, prepared)

        def _sent(self, engine: int, disk: int, sending: int) -> None:
            super()._sent(engine, disk, sending)
            countdown.at("between send and reply")

        def _request(
            self, working: Working, waiting: Waiting, prepared: Prepared, on_sent: Callable[[], None]
        ) -> Coroutine[Any, Any, Outcome]:
            answer = super()._request(working, waiting, prepared, on_sent)
            return self._again(working, waiting, answer) if plant == "new id on timeout" else answer

        async def _again(self, working: Working, waiting: Waiting, answer: Coroutine[Any, Any, Outcome]) -> Outcome:
            outcome = await answer
            if isinstance(outcome, Unknown):
                again = self._prepared(working.line, f"{working.name}again", waiting.command)
                return await super()._request(working, waiting, again, lambda: None)
            return outcome

    return Tested


class TestedTrader(Trader):
    """A trader that may die while it recovers."""

    def __init__(self, *arguments: Any, countdown: Countdown, plant: str) -> None:
        super().__init__(*arguments)
        self.entry_class = entry_class(countdown, plant)
        self._countdown = countdown

    async def _recover(self, loop: LiveLoop, left: LeftBehind, locked_ns: int) -> Settled:
        if left.orders:
            asyncio.get_running_loop().call_later(0.05, self._countdown.at, "during recovery")
        return await super()._recover(loop, left, locked_ns)


def main() -> None:
    """`python -m tests.chaos.trader SETTINGS DATA POINT PASSES PLANT`; "" for none of them."""
    settings_file, data, point, passes, plant = sys.argv[1:]
    settings = load_settings(Path(settings_file))

    async def trade() -> dict[str, Any]:
        countdown = Countdown(point, int(passes or 0))
        trader = TestedTrader(settings, DataFolder(Path(data)), print_json, countdown=countdown, plant=plant)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, trader.stop)
        return await trader.run()

    print_json(asyncio.run(trade()))


if __name__ == "__main__":
    main()
