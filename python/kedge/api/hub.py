"""The stream: one numbered sequence of changes, given to every client in the same bytes.

A client that is not ready for its next message for long is dropped: it comes again and gets a snapshot.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from fastapi import WebSocket, WebSocketDisconnect

QUEUE_MESSAGES = 256
QUEUE_BYTES = 4_000_000
CHECK_S = 1.0
CLIENTS_MAX = 32
TOO_SLOW, TOO_MANY, LOGGED_OUT, NOT_UNDERSTOOD = 4408, 4429, 4401, 4400


class Client:
    """What waits for one client. `over` is set once it is given up."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.bytes = 0
        self.filled = asyncio.Event()
        self.over = asyncio.Event()

    def put(self, message: bytes) -> None:
        """Adds a message, or gives the client up where too much waits already."""
        if self.over.is_set():
            return
        if len(self.waiting) >= QUEUE_MESSAGES or self.bytes + len(message) > QUEUE_BYTES:
            self.waiting.clear()
            self.over.set()
        else:
            self.waiting.append(message)
            self.bytes += len(message)
        self.filled.set()

    async def take(self) -> bytes | None:
        """The next message; None once the client is given up."""
        while not self.waiting and not self.over.is_set():
            self.filled.clear()
            await self.filled.wait()
        if self.over.is_set():
            return None
        message = self.waiting.popleft()
        self.bytes -= len(message)
        return message


class Hub:
    """The state as it was last told, and who hears of changes. Used on the server's loop only."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.seq = 0
        self.state: Mapping[str, Any] = state
        self.clients: set[Client] = set()
        self.dropped = 0
        self.closing = asyncio.Event()

    def publish(self, state: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """The next number: `state` is what it is after the `changes`."""
        self.seq += 1
        self.state = state
        if self.clients:
            message = orjson.dumps({"seq": self.seq, "type": "delta", "changes": changes})
            for client in self.clients:
                client.put(message)

    def snapshot(self) -> bytes:
        """The state now, under the number that the next delta follows."""
        return orjson.dumps({"seq": self.seq, "type": "snapshot", "state": self.state})

    async def serve(self, socket: WebSocket, logged_in: Callable[[], bool]) -> None:
        """Serves one client until it goes, is too slow, or its session ends."""
        await socket.accept()
        if len(self.clients) >= CLIENTS_MAX:
            await socket.close(TOO_MANY, "too many streams are open")
            return
        client = Client()
        client.put(self.snapshot())
        self.clients.add(client)
        tasks = [
            asyncio.ensure_future(work)
            for work in (
                self._send(socket, client),
                self._listen(socket, client),
                _until_logged_out(logged_in),
                self.closing.wait(),
                client.over.wait(),
            )
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.clients.discard(client)
            self.dropped += client.over.is_set()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        code = next((result for result in results if isinstance(result, int) and result > 1_000), None)
        if client.over.is_set():
            code = TOO_SLOW
        # Who does not read does not read this either: the server must not wait for it.
        with contextlib.suppress(RuntimeError, TimeoutError, WebSocketDisconnect):
            await asyncio.wait_for(socket.close(code or 1001), CHECK_S)

    async def _send(self, socket: WebSocket, client: Client) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            while (message := await client.take()) is not None:
                await socket.send_text(message.decode())

    async def _listen(self, socket: WebSocket, client: Client) -> int:
        try:
            while True:
                try:
                    asked = orjson.loads(await socket.receive_text())
                except (orjson.JSONDecodeError, KeyError):
                    return NOT_UNDERSTOOD
                if asked != {"type": "resync"}:
                    return NOT_UNDERSTOOD
                client.put(self.snapshot())
        except (RuntimeError, WebSocketDisconnect):
            return 1_000


async def _until_logged_out(logged_in: Callable[[], bool]) -> int:
    while logged_in():
        await asyncio.sleep(CHECK_S)
    return LOGGED_OUT
