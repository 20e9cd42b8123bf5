"""A trader in a process of its own on a running exchange, and strategies for it to run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedge.node.audit import audit
from kedge.node.control import ask
from kedge.node.folders import DataFolder
from tests.running import Running, RunningExchange, until

SPOT, PERPETUAL = "BTC/USDT@simulated", "ETH/USDT:USDT@simulated"
BUSY = Path(__file__).parent / "chaos" / "busy.py"

# One order far below the market, held open.
RESTS = """
from kedge import Strategy, param


class Rests(Strategy):
    size = param(0.001, low=0.0001, high=1)

    def on_start(self, ctx):
        ctx.every("50ms")

    def on_timer(self, ctx, timer):
        if not ctx.orders and ctx.book.in_sync:
            ctx.buy(self.size, price=ctx.book.microprice * 0.97)
"""


@dataclass(frozen=True)
class Seat:
    """A strategy of a trader's settings: its file, or the text of one."""

    name: str
    file: Path | str
    instrument: str = SPOT
    size: float | None = None


class Desk:
    """A new account of a running exchange, with a data folder of its own, and the traders started on it."""

    def __init__(self, exchange: RunningExchange, folder: Path, seats: Sequence[Seat], settings: str = "") -> None:
        self.exchange = exchange
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.account = exchange.account()
        self.data = folder / "data"
        self.settings = folder / "kedge.toml"
        self.write(seats, settings)
        self.traders: list[Running] = []

    def write(self, seats: Sequence[Seat], settings: str = "") -> None:
        """Writes the settings."""
        text = (
            f"{settings}\n[trader]\ndata = {json.dumps(str(self.data))}\n" if "[trader]" not in settings else settings
        )
        for seat in seats:
            file = seat.file
            if isinstance(file, str):
                path = self.folder / f"{seat.name}.py"
                path.write_text(file, encoding="utf-8")
                file = path
            text += f'\n[[strategy]]\nname = "{seat.name}"\nfile = {json.dumps(str(file))}\n'
            text += f'instrument = "{seat.instrument}"\n'
            text += f"params = {{ size = {seat.size} }}\n" if seat.size else ""
        self.settings.write_text(text, encoding="utf-8")

    def start(self, changed: Mapping[str, str] | None = None, **how: Any) -> Running:
        """Starts a trader; `changed` goes over its environment."""
        environment = {**self.exchange.environment(self.account), **(changed or {})}
        command = ("trader", "--settings", str(self.settings), "--json")
        trader = Running(self.folder, *command, environment=environment, **how)
        self.traders.append(trader)
        return trader

    def ready(self, changed: Mapping[str, str] | None = None, **how: Any) -> Running:
        """A trader that has recovered and trades."""
        trader = self.start(changed, **how)
        told = trader.line()
        assert told is not None, trader.said()
        assert told.get("ready"), (told, trader.said())
        return trader

    def ask(self, command: str, **fields: object) -> Any:
        """Asks the trader over its control socket."""
        return ask(DataFolder(self.data).socket, command, **fields)

    def status(self) -> dict[str, Any]:
        """Its status."""
        return dict(self.ask("status"))

    def strategy(self, name: str) -> dict[str, Any]:
        """The status of one strategy."""
        return next(dict(one) for one in self.status()["strategies"] if one["name"] == name)

    def at_venue(self, query: str) -> list[tuple[Any, ...]]:
        """What the exchange's file says of this account; `?` in the query is its number."""
        with closing(sqlite3.connect(f"file:{self.exchange.truth}?mode=ro", uri=True)) as database:
            return database.execute(query, [self.account["account"]]).fetchall()

    def open_at_venue(self) -> list[str]:
        """Client ids of the orders that are open at the exchange."""
        found = self.at_venue(
            "SELECT client_id FROM orders WHERE account = ? AND status IN ('NEW', 'PARTIALLY_FILLED')"
        )
        return [name for (name,) in found]

    def fills_at_venue(self) -> int:
        """Executions at the exchange."""
        return int(self.at_venue("SELECT count(*) FROM fills WHERE account = ?")[0][0])

    def audited(self) -> dict[str, Any]:
        """The audit, which must find both sides equal and nothing open or unresolved. The exchange writes its file a
        little after it answers."""

        def found() -> dict[str, Any]:
            return audit(DataFolder(self.data), self.exchange.truth)

        try:
            until(lambda: found()["equal"], 3.0)
        finally:
            last = found()
            assert last["equal"], last
        assert (last["lost"], last["doubled"], last["unresolved"]) == (0, 0, 0), last
        return last

    def close(self) -> None:
        """Ends what still runs."""
        for trader in self.traders:
            trader.drop()
