"""The stream side: WebSocket connections at the addresses that clients build, and what they subscribe to.

Spot: `/ws`, `/ws/<stream>`, `/stream?streams=<stream>/<stream>`, and the same below `/stream/ws`. USD-M: `/public`,
`/market` and `/private`, each with `/ws` and `/stream`; accounts' streams at `/private/ws?listenKey=`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from kedge.venues.simulated.connections import Connection, Connections
from kedge.venues.simulated.exchange import SimulatedExchange
from kedge.venues.simulated.hub import Hub
from kedge.venues.simulated.listings import SPOT, USDM, Market

LARGEST_MESSAGE = 64_000
MOST_STREAMS = 1_024
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class Sockets:
    """Opens connections, listens to what clients ask on them, and closes them."""

    def __init__(self, exchange: SimulatedExchange, hub: Hub, connections: Connections) -> None:
        self._exchange = exchange
        self._hub = hub
        self._connections = connections

    async def spot(self, request: web.Request) -> web.StreamResponse:
        """A connection to the streams of spot."""
        return await self._serve(request, SPOT, "")

    async def futures(self, request: web.Request) -> web.StreamResponse:
        """A connection to the streams of USD-M."""
        return await self._serve(request, USDM, request.match_info["category"])

    async def open(self, request: web.Request, market: Market, category: str) -> Connection | None:
        """Accepts a connection; None where a fault closes it at once. It must be closed by `close`."""
        if self._exchange.faults.for_stream("disconnect", market, request.path, None, self._exchange.clock.wall()):
            if request.transport is not None:
                request.transport.abort()
            return None
        socket = web.WebSocketResponse(autoping=False, max_msg_size=LARGEST_MESSAGE, compress=False)
        await socket.prepare(request)
        connection = Connection(socket, request, market, category)
        self._connections.add(connection)
        return connection

    async def close(self, connection: Connection, writer: asyncio.Task[None]) -> None:
        """Forgets a connection and ends it."""
        self._hub.leave(connection)
        self._connections.remove(connection)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        if not connection.dropped:
            await connection.socket.close()

    async def _serve(self, request: web.Request, market: Market, category: str) -> web.StreamResponse:
        connection = await self.open(request, market, category)
        if connection is None:
            return web.Response()
        tail = request.match_info.get("tail", "")
        connection.combined = request.path.rstrip("/").endswith("/stream")
        writer = asyncio.create_task(connection.write())
        try:
            for name in [*tail.split("/"), *request.query.get("streams", "").split("/")]:
                if name:
                    self._subscribe(connection, name)
            if listen_key := request.query.get("listenKey"):
                self._subscribe(connection, listen_key)
            async for message in connection.socket:
                await self._heard(connection, message)
        finally:
            await self.close(connection, writer)
        return connection.socket

    def _subscribe(self, connection: Connection, name: str) -> None:
        """To a stream of the market, or to an account's by its listen key."""
        account = None
        if connection.market == USDM and connection.category == "private":
            account = self._exchange.accounts.of_listen_key(name, self._exchange.clock.wall())
        if account is not None:
            connection.streams.add(name)
            self._hub.subscribe_user(connection, account, USDM, name)
        else:
            self._hub.subscribe(connection, name)

    async def _heard(self, connection: Connection, message: WSMessage) -> None:
        if message.type == WSMsgType.PONG:
            connection.ponged()
            return
        if connection.counts_too_many(asyncio.get_running_loop().time()):
            await connection.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")
        elif message.type == WSMsgType.PING:
            connection.send(message.data, WSMsgType.PONG)
        elif message.type == WSMsgType.TEXT:
            connection.send(orjson.dumps(self._control(connection, message.data)))

    def _control(self, connection: Connection, text: str) -> dict[str, Any]:
        """The answer to what a client sent: subscriptions and properties."""
        try:
            asked = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return refuse(3, f"Invalid JSON: {error}", None)
        if not isinstance(asked, dict):
            return refuse(2, "Invalid request: request must be an object", None)
        number, method, names = asked.get("id"), asked.get("method"), asked.get("params", [])
        if not (number is None or isinstance(number, (int, str))):
            return refuse(2, "Invalid request: request ID must be an unsigned integer, a string or null", None)
        if method not in METHODS:
            return refuse(
                2, f"Invalid request: unknown variant {method!r}, expected one of {', '.join(METHODS)}", number
            )
        if not isinstance(names, list):
            return refuse(2, "Invalid request: params must be an array", number)
        return self._do(connection, method, names, number)

    def _do(self, connection: Connection, method: str, names: list[Any], number: Any) -> dict[str, Any]:
        result: Any = None
        if method == "SUBSCRIBE":
            if not all(isinstance(name, str) for name in names):
                return refuse(2, "Invalid request: streams must be strings", number)
            if len(connection.streams | set(names)) > MOST_STREAMS:
                return refuse(2, f"Invalid request: at most {MOST_STREAMS} streams on a connection", number)
            for name in names:
                self._subscribe(connection, name)
        elif method == "UNSUBSCRIBE":
            for name in map(str, names):
                self._hub.unsubscribe(connection, name)
                self._hub.unsubscribe_user(connection, name)
        elif method == "LIST_SUBSCRIPTIONS":
            result = sorted(connection.streams)
        elif names[:1] != ["combined"] or (method == "SET_PROPERTY" and names[1:] not in ([True], [False])):
            return refuse(0, "Unknown property", number)
        elif method == "SET_PROPERTY":
            connection.combined = names[1]
        else:
            result = connection.combined
        return {"result": result, "id": number}


def refuse(code: int, message: str, number: Any) -> dict[str, Any]:
    """What a stream connection answers to what it cannot do."""
    return {"error": {"code": code, "msg": message}, "id": number}
