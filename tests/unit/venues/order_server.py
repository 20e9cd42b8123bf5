"""A WebSocket API of the test's own that answers orders as it is told: wrongly, late, for somebody else, or not."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

Asked = dict[str, Any]
Step = Callable[[web.WebSocketResponse, Asked], Awaitable[None]]


@dataclass
class OrderServer:
    """Each order is answered by the next of `steps`, the last of them for ever. `orders` has what came, `sockets` who
    is connected. While `away`, nobody is let in."""

    steps: list[Step]
    address: str = ""
    orders: list[Asked] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    connections: int = 0
    away: bool = False
    deaf: bool = False

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection."""
        if self.away:
            return web.Response(status=503)
        self.connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            if asked["method"] == "ping":
                if not self.deaf:
                    await socket.send_json({"id": asked["id"], "status": 200, "result": {}})
                continue
            step = self.steps[min(len(self.orders), len(self.steps) - 1)]
            self.orders.append(asked)
            await step(socket, asked)
        self.sockets.remove(socket)
        return socket


@contextlib.asynccontextmanager
async def order_server(*steps: Step) -> AsyncIterator[OrderServer]:
    """A server that is up within the block."""
    server = OrderServer(list(steps))
    app = web.Application()
    app.router.add_get("/ws", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.address = f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
    try:
        yield server
    finally:
        await runner.cleanup()


def answer(status: object, **part: object) -> Step:
    """An answer with the id of its request."""

    async def step(socket: web.WebSocketResponse, asked: Asked) -> None:
        await socket.send_json({"id": asked["id"], "status": status, **part})

    return step


def text(message: str) -> Step:
    """This text."""

    async def step(socket: web.WebSocketResponse, asked: Asked) -> None:
        await socket.send_str(message)

    return step


async def silence(socket: web.WebSocketResponse, asked: Asked) -> None:
    """No answer."""


async def cut(socket: web.WebSocketResponse, asked: Asked) -> None:
    """The connection is lost."""
    transport = socket._req.transport if socket._req is not None else None
    assert transport is not None
    transport.abort()


async def close(socket: web.WebSocketResponse, asked: Asked) -> None:
    """The connection is closed in order."""
    asyncio.get_running_loop().create_task(socket.close())
