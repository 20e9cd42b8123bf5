"""A small venue of the test's own: real HTTP and WebSockets of aiohttp, which misbehaves on request."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import WSMsgType, web

from kedge.venues.binance import Addresses

SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "baseAssetPrecision": 8,
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ],
}
BALANCE = {"asset": "USDT", "free": "5000.0", "locked": "1.5", "balance": "5000", "availableBalance": "4000"}
ANSWERS: dict[str, object] = {
    "exchangeInfo": {"symbols": [SYMBOL], "rateLimits": []},
    "account": {"balances": [BALANCE], "commissionRates": {"maker": "0.00100000", "taker": "0.00200000"}},
    "balance": [BALANCE],
    "dual": {"dualSidePosition": False},
    "listenKey": {"listenKey": "abc"},
    "commissionRate": {"makerCommissionRate": "0.000200", "takerCommissionRate": "0.000500"},
}


class SmallVenue:
    """`answers` by the last part of the path: an object, (status, text), or a number of seconds to wait. `streams` has
    the open market sockets, `users` the open user sockets."""

    def __init__(self) -> None:
        self.answers = dict(ANSWERS)
        self.asked: list[str] = []
        self.clock_ahead_ms = 0
        self.silent = False
        self.refuse_streams = False
        self.streams: list[web.WebSocketResponse] = []
        self.users: list[web.WebSocketResponse] = []
        self.subscribed: list[tuple[str, list[str]]] = []
        self.connects = 0
        self.last_id = 4
        self.base = ""
        self.user_answer: dict[str, Any] = {"id": "user", "status": 200, "result": {"subscriptionId": 0}}

    def addresses(self, market: str) -> Addresses:
        """How a client reaches it."""
        ws = self.base.replace("http", "ws")
        if market == "spot":
            return Addresses(self.base, f"{ws}/stream/ws", f"{ws}/ws-api/v3")
        return Addresses(self.base, ws, ws)

    async def ask(self, request: web.Request) -> web.Response:
        """Any REST request."""
        name = request.path.rsplit("/", 1)[1]
        self.asked.append(f"{request.method} {name}")
        if name == "time":
            return web.json_response({"serverTime": time.time_ns() // 1_000_000 + self.clock_ahead_ms})
        book = {"lastUpdateId": self.last_id, "bids": [["0.99", "1.0"]], "asks": [["1.01", "1.0"]]}
        answer = self.answers.get(name, book if name == "depth" else (404, "nothing here"))
        if isinstance(answer, int | float):
            await asyncio.sleep(answer)
        if isinstance(answer, tuple):
            return web.Response(status=answer[0], text=answer[1])
        return web.json_response(answer)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """A market stream: the subscription is agreed to, then the test sends."""
        self.connects += 1
        if self.refuse_streams:
            if self.connects % 2 and request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            self.subscribed.append((request.path, asked["params"]))
            await socket.send_json({"result": None, "id": asked["id"]})
            self.streams.append(socket)
        if socket in self.streams:
            self.streams.remove(socket)
        return socket

    async def user(self, request: web.Request) -> web.StreamResponse:
        """A user stream of either market."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if "listenKey" in request.query:
            self.users.append(socket)
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                break
            await socket.send_json(self.user_answer)
            self.users.append(socket)
        if socket in self.users:
            self.users.remove(socket)
        return socket

    def depth(self, skip: int = 0) -> dict[str, Any]:
        """The next update of the book, after `skip` that nobody sends."""
        first = self.last_id + 1 + skip
        previous, self.last_id = self.last_id + skip, first
        return {
            "e": "depthUpdate",
            "E": time.time_ns() // 1_000_000,
            "s": "BTCUSDT",
            "U": first,
            "u": first,
            "pu": previous,
            "b": [["1.00", "2.0"]],
            "a": [],
        }

    async def feed(self, skip: int = 0) -> None:
        """Sends the next update on every book stream."""
        update = self.depth(skip)
        for socket in list(self.streams):
            with contextlib.suppress(ConnectionError):
                await socket.send_json(update)

    async def beat(self) -> None:
        """Sends updates, unless silent, until cancelled."""
        while True:
            if not self.silent:
                await self.feed()
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def small_venue() -> AsyncIterator[SmallVenue]:
    """A venue that is up within the block."""
    venue = SmallVenue()
    app = web.Application()
    app.router.add_get("/stream/ws", venue.stream)
    app.router.add_get("/public/ws", venue.stream)
    app.router.add_get("/market/ws", venue.stream)
    app.router.add_get("/ws-api/v3", venue.user)
    app.router.add_get("/private/ws", venue.user)
    app.router.add_route("*", "/{path:.*}", venue.ask)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    venue.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    beating = asyncio.create_task(venue.beat())
    try:
        yield venue
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await runner.cleanup()
