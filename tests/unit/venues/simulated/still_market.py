"""An exchange whose clock the test moves, with what it told kept: no server, no waiting."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kedge.venues.simulated.accounts import Account
from kedge.venues.simulated.calls import Call
from kedge.venues.simulated.clock import MarketClock
from kedge.venues.simulated.exchange import SimulatedExchange
from kedge.venues.simulated.listings import Market, simulated
from kedge.venues.simulated.parameters import Parameters
from kedge.venues.simulated.routes import BY_PATH
from kedge.venues.simulated.truth import Truth
from kedge.venues.simulated.user_streams import UserEvents

SECOND = 10**9
# 13 September 2026, 07:59:30 UTC: half a minute before funding.
BEFORE_FUNDING = 1_789_286_370 * SECOND


class StillMarket:
    """One exchange with one account; `messages` are what its streams were told."""

    def __init__(self, path: Path, speed: float, seed: int, futures: str) -> None:
        self.path = path
        self.wall = BEFORE_FUNDING
        self.messages: list[tuple[Market, dict[str, Any]]] = []
        self.changes: list[Any] = []
        clock = MarketClock(BEFORE_FUNDING, speed, lambda: self.wall)
        self.exchange = SimulatedExchange(seed, clock, simulated(), Truth(path))
        users = UserEvents(self.exchange.listings, self.exchange.accounts, clock)
        self.exchange.listen(
            lambda listing, changes: self.changes.append((listing, changes)),
            lambda events: self.messages.extend((market, said) for _, market, said in users.messages(events)),
        )
        self.account: Account = self.exchange.open_account({"USDT": "5000"}, {"USDT": futures}, "key12345", "secret")

    def pass_seconds(self, seconds: float) -> None:
        """Lets the wall clock go on, a tenth of a second at a time."""
        for _ in range(round(seconds * 10)):
            self.wall += SECOND // 10
            self.exchange.advance()

    def ask(self, method: str, path: str, **parameters: object) -> Any:
        """What a handler answers; raises its `VenueError`."""
        now = self.exchange.advance()
        route = BY_PATH[method, path]
        sent = Parameters({name: str(value) for name, value in parameters.items()})
        return route.handler(Call(self.exchange, route.market, sent, self.account, now))

    def told(self, event: str) -> list[dict[str, Any]]:
        """Messages of one kind, oldest first."""
        return [message for _, message in self.messages if message["e"] == event]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The truth at the end."""
        with sqlite3.connect(self.path) as database:
            found = database.execute(query).fetchall()
        database.close()
        return found


@contextmanager
def still_market(folder: Path, speed: float = 1, seed: int = 3, futures: str = "5000") -> Iterator[StillMarket]:
    """A still market, its truth closed behind it."""
    market = StillMarket(folder / "truth.sqlite", speed, seed, futures)
    try:
        yield market
    finally:
        market.exchange.truth.close()
