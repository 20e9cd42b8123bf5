"""Requests over WebSocket (`/ws-api/v3` of spot, `/ws-fapi/v1` of USD-M), and accounts' streams of spot."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import WSMessage, WSMsgType, web

from kedge.venues.simulated import signing
from kedge.venues.simulated.connections import Connection
from kedge.venues.simulated.errors import VenueError, missing
from kedge.venues.simulated.exchange import SimulatedExchange
from kedge.venues.simulated.hub import Hub
from kedge.venues.simulated.listings import SPOT, USDM, Market
from kedge.venues.simulated.parameters import Parameters
from kedge.venues.simulated.requests import Answer, Asked, Requests
from kedge.venues.simulated.rest import HTML
from kedge.venues.simulated.routes import BY_SOCKET
from kedge.venues.simulated.sockets import Sockets

SUBSCRIBE = "userDataStream.subscribe.signature"
UNSUBSCRIBE = "userDataStream.unsubscribe"
LIST = "session.subscriptions"


class WsApi:
    """Answers requests that come as messages; each is answered when it is done, in whatever order."""

    def __init__(self, exchange: SimulatedExchange, hub: Hub, sockets: Sockets, requests: Requests) -> None:
        self._exchange = exchange
        self._hub = hub
        self._sockets = sockets
        self._requests = requests
        self._subscriptions = 0

    async def spot(self, request: web.Request) -> web.StreamResponse:
        """A connection for spot."""
        return await self._serve(request, SPOT)

    async def futures(self, request: web.Request) -> web.StreamResponse:
        """A connection for USD-M."""
        return await self._serve(request, USDM)

    async def _serve(self, request: web.Request, market: Market) -> web.StreamResponse:
        connection = await self._sockets.open(request, market, "api")
        if connection is None:
            return web.Response()
        writer = asyncio.create_task(connection.write())
        under_way: set[asyncio.Task[None]] = set()
        try:
            async for message in connection.socket:
                if message.type == WSMsgType.PONG:
                    connection.ponged()
                elif message.type == WSMsgType.PING:
                    connection.send(message.data, WSMsgType.PONG)
                elif message.type == WSMsgType.TEXT:
                    task = asyncio.create_task(self._answer(connection, message))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
        finally:
            # What was received is executed, whether or not its answer can still be heard.
            await asyncio.gather(*under_way, return_exceptions=True)
            await self._sockets.close(connection, writer)
        return connection.socket

    async def _answer(self, connection: Connection, message: WSMessage) -> None:
        received = self._exchange.clock.wall()
        number, method, parameters = None, "", Parameters({})
        try:
            number, method, parameters = read(message.data)
            if method in (SUBSCRIBE, UNSUBSCRIBE, LIST) and connection.market == SPOT:
                answer = Answer(200, self._streams(connection, method, parameters), {})
            else:
                answer = await self._request(connection, method, parameters, received)
        except VenueError as error:
            answer = Answer(error.status, error.body(), {})
        if answer.broken is not None:
            self._break_off(connection, answer)
            return
        told: dict[str, Any] = {"id": number, "status": answer.status}
        told["result" if answer.status < 400 else "error"] = answer.body
        wall_ms = self._exchange.clock.wall() // 1_000_000
        told["rateLimits"] = self._exchange.limits[connection.market].used(connection.address, wall_ms)
        connection.send(orjson.dumps(told))

    async def _request(self, connection: Connection, method: str, parameters: Parameters, received: int) -> Answer:
        route = BY_SOCKET.get((connection.market, method))
        if route is None:
            raise VenueError(-1000, f"Unknown method '{method}'.")
        asked = Asked(
            route,
            parameters,
            signing.payload_of(parameters),
            parameters.get("apiKey"),
            connection.address,
            "socket",
            received,
        )
        return await self._requests.answer(asked)

    def _streams(self, connection: Connection, method: str, parameters: Parameters) -> dict[str, Any] | list[Any]:
        """Subscribes the connection to its account, or ends that."""
        if method == SUBSCRIBE:
            account = self._exchange.accounts.of_key(parameters.need("apiKey"))
            signing.check(account, signing.payload_of(parameters), parameters, self._exchange.clock.now_ms())
            number = self._subscriptions
            self._subscriptions += 1
            self._hub.subscribe_user(connection, account, SPOT, number)
            return {"subscriptionId": number}
        if method == LIST:
            return [{"subscriptionId": mark} for mark in self._hub.user_marks(connection)]
        which = parameters.integer("subscriptionId")
        if not self._hub.unsubscribe_user(connection, which) and which is not None:
            raise missing("subscriptionId")
        return {}

    def _break_off(self, connection: Connection, answer: Answer) -> None:
        fault = answer.broken
        assert fault is not None
        if fault.kind == "error":
            connection.send(_broken(fault.answer))
        elif fault.how == "close":
            connection.drop("fault")


def _broken(answer: str) -> bytes:
    """What an `error` fault sends: nothing that says which request it is about."""
    if answer in ("html", "502"):
        return HTML.encode()
    if answer in ("garbage", "empty"):
        return b'{"id":"' if answer == "garbage" else b""
    body = {"code": -1007, "msg": "Timeout waiting for response from backend server."}
    return orjson.dumps({"id": None, "status": 200 if answer == "error_200" else int(answer), "error": body})


def read(text: str) -> tuple[Any, str, Parameters]:
    """Id, method and parameters of a request. Raises `VenueError` where the message is none."""
    try:
        asked = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise VenueError(-1135, "Invalid JSON request.") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
        raise VenueError(-1000, "Malformed request: `method` is missing.")
    values = asked.get("params") or {}
    if not isinstance(values, dict):
        raise VenueError(-1000, "Malformed request: `params` must be an object.")
    return asked.get("id"), asked["method"], Parameters({name: _text(value) for name, value in values.items()})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
