"""The exchange's own door, for tests and people: faults, new accounts, health. Nothing of it is Binance's."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
from aiohttp import web

from kedge.model.errors import KedgeError, UsageError
from kedge.venues.simulated.connections import Connections
from kedge.venues.simulated.decimals import is_number
from kedge.venues.simulated.exchange import SimulatedExchange
from kedge.venues.simulated.rest import respond

LOCAL = ("127.0.0.1", "localhost", "[::1]")
MOST_ACCOUNTS = 1_000


class Admin:
    """Routes below `/admin`. Only this machine reaches them, and no page of a browser."""

    def __init__(self, exchange: SimulatedExchange, connections: Connections, on_clock: Callable[[], None]) -> None:
        self._exchange = exchange
        self._connections = connections
        self._on_clock = on_clock

    def routes(self) -> list[web.RouteDef]:
        """What the server is to route here."""
        return [
            web.get("/admin/health", self.health),
            web.get("/admin/faults", self.faults),
            web.post("/admin/faults", self.add_fault),
            web.delete("/admin/faults", self.clear_faults),
            web.delete("/admin/faults/{number:[0-9]+}", self.clear_faults),
            web.post("/admin/accounts", self.add_account),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """How the exchange does: its time, how far the market is, who is connected."""
        exchange = self._exchange
        return respond(
            200,
            {
                "ok": True,
                "now_ms": exchange.clock.now_ms(),
                "speed": exchange.clock.speed,
                "seed": exchange.seed,
                "rows": exchange.rows,
                "behind_ms": (exchange.clock.now() - exchange.advanced) / 1e6 / exchange.clock.speed,
                "accounts": len(list(exchange.accounts)),
                "connections": [
                    {"path": one.path, "market": one.market, "streams": len(one.streams)} for one in self._connections
                ],
                "truth": str(exchange.truth.path),
            },
            {},
        )

    async def faults(self, request: web.Request) -> web.Response:
        """All faults."""
        return respond(200, {"faults": self._exchange.faults.told(self._exchange.clock.wall())}, {})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Adds a fault; `disconnect` ends the connections it is for at once."""
        try:
            fault = self._exchange.faults.add(await _body(request), self._exchange.clock.wall())
        except KedgeError as error:
            return respond(400, error.as_json(), {})
        if fault.kind == "disconnect":
            self._disconnect()
        self._on_clock()
        return respond(200, fault.as_json(self._exchange.clock.wall()), {})

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Takes one fault away, or all."""
        number = request.match_info.get("number")
        cleared = self._exchange.faults.clear(None if number is None else int(number))
        self._on_clock()
        return respond(200 if cleared or number is None else 404, {"cleared": cleared}, {})

    async def add_account(self, request: web.Request) -> web.Response:
        """A new account with balances by wallet and currency; its keys are in the answer, and told only here."""
        try:
            wish = await _body(request)
            spot, futures = _balances(wish, "spot"), _balances(wish, "futures")
            if len(list(self._exchange.accounts)) >= MOST_ACCOUNTS:
                raise UsageError(f"there are at most {MOST_ACCOUNTS} accounts")
            account = self._exchange.open_account(spot, futures)
        except KedgeError as error:
            return respond(400, error.as_json(), {})
        return respond(200, {"account": account.number, "key": account.key, "secret": account.secret}, {})

    def _disconnect(self) -> None:
        wall = self._exchange.clock.wall()
        for connection in self._connections:
            if self._exchange.faults.for_stream("disconnect", connection.market, connection.path, None, wall):
                connection.drop("fault")


@web.middleware
async def only_from_here(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuses what a page in a browser could send: another host's name, or a form."""
    if request.path.startswith("/admin"):
        host = request.host.rpartition(":")[0] if not request.host.endswith("]") else request.host
        if (host or request.host) not in LOCAL:
            return respond(403, {"error": f"host must be 127.0.0.1, was {request.host[:80]!r}"}, {})
        if request.can_read_body and request.content_type != "application/json":
            return respond(415, {"error": f"content must be application/json, was {request.content_type[:80]!r}"}, {})
    response: web.StreamResponse = await handler(request)
    return response


async def _body(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise UsageError(f"the body must be JSON: {error}") from None


def _balances(wish: Any, wallet: str) -> dict[str, str]:
    balances = wish.get(wallet, {}) if isinstance(wish, dict) else None
    if not isinstance(balances, dict):
        raise UsageError(f"`{wallet}` must be amounts by currency, was {str(balances)[:80]!r}")
    for currency, amount in balances.items():
        if not isinstance(amount, str) or not is_number(amount) or Decimal(amount) > 10**12:
            raise UsageError(f"`{wallet}.{currency}` must be decimal text up to 10^12, was {str(amount)[:80]!r}")
    return balances
