"""WebSocket connections: what is sent waits in a bounded queue, and who does not read is dropped."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

from aiohttp import ClientConnectionError, WSMsgType, web

from kedge.venues.simulated.listings import Market

# A client that is so far behind does not read.
MOST_WAITING_BYTES = 4_000_000
MOST_WAITING = 20_000
DAY_S = 86_400.0
# (a ping every so many seconds, a pong within so many)
PINGS = {"spot": (20.0, 60.0), "usdm": (180.0, 600.0)}
MESSAGES_A_SECOND = {"spot": 5, "usdm": 10}


class Connection:
    """One client's connection. `category` is "" on spot, "api" for WebSocket requests, else public, market, private."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, market: Market, category: str) -> None:
        self.socket = socket
        self.market = market
        self.category = category
        self.path = request.path
        self.address = request.remote or ""
        self.combined = False
        self.streams: set[str] = set()
        self.opened = asyncio.get_running_loop().time()
        self.pinged = self.answered = self.opened
        self.unanswered = False
        self.dropped = ""
        self._transport = request.transport
        self._waiting: deque[tuple[bytes, WSMsgType]] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._second = (0, 0)

    def send(self, message: bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        """Puts a message behind those that wait; a client too far behind is dropped."""
        if self.dropped:
            return
        self._waiting.append((message, kind))
        self._bytes += len(message)
        if self._bytes > MOST_WAITING_BYTES or len(self._waiting) > MOST_WAITING:
            self.drop("does not read")
        self._wake.set()

    def drop(self, why: str) -> None:
        """Ends the connection at once, without a closing handshake."""
        self.dropped = self.dropped or why
        self._waiting.clear()
        self._bytes = 0
        self._wake.set()
        if self._transport is not None:
            self._transport.abort()

    async def write(self) -> None:
        """Sends what waits until the connection ends. Run it as a task beside the reading."""
        try:
            while not self.dropped and not self.socket.closed:
                while self._waiting:
                    message, kind = self._waiting.popleft()
                    self._bytes -= len(message)
                    await self.socket.send_frame(message, kind)
                self._wake.clear()
                await self._wake.wait()
        except (ConnectionError, ClientConnectionError, RuntimeError):
            self.dropped = self.dropped or "gone"

    def counts_too_many(self, now: float) -> bool:
        """Counts a message of the client; whether it sends more in a second than it may."""
        second, count = self._second
        self._second = (int(now), count + 1 if int(now) == second else 1)
        return self._second[1] > MESSAGES_A_SECOND[self.market]

    def ponged(self) -> None:
        """The client answered a ping."""
        self.unanswered = False
        self.answered = asyncio.get_running_loop().time()

    def look_after(self, now: float) -> None:
        """Pings when it is time; drops who does not answer, or is a day old."""
        every, within = PINGS[self.market]
        if self.unanswered and now - self.pinged > within:
            self.drop("no pong")
        elif now - self.opened > DAY_S:
            self.drop("a day old")
        elif not self.unanswered and now - self.pinged >= every:
            self.pinged, self.unanswered = now, True
            self.send(str(int(now * 1000)).encode(), WSMsgType.PING)


class Connections:
    """All connections of the server."""

    def __init__(self) -> None:
        self._all: set[Connection] = set()

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: Connection) -> None:
        """A client came."""
        self._all.add(connection)

    def remove(self, connection: Connection) -> None:
        """It has gone."""
        self._all.discard(connection)

    def look_after(self) -> None:
        """Pings where it is time."""
        now = asyncio.get_running_loop().time()
        for connection in self:
            connection.look_after(now)
