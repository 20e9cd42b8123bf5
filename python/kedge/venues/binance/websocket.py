"""One WebSocket that stays up: connect, subscribe, listen; silence, age or a break ends it, and it comes back.

Between tries it waits with exponential backoff and full jitter, so that many clients do not come back at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from kedge.model.errors import KedgeError, UnreachableError

MESSAGE_MAX = 8 << 20
CONNECT_S = 5.0
BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 20.0
CALM_S = 30.0
"""A connection that held so long starts the backoff anew."""
LIFE_S = 23 * 3600.0
"""The venue ends a connection after 24 hours; ours ends before, when we choose."""

# picows would log addresses, which hold listen keys.
_SILENT = logging.getLogger("kedge.venues.binance.websocket")
_SILENT.disabled = True

OnMessage = Callable[[bytes, int], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a line is, in seconds. `stale_s` without a message, or without any answer to a ping where messages
    may be rare (`quiet`), ends a connection."""

    stale_s: float = 5.0
    quiet: bool = False
    life_s: float = LIFE_S
    backoff_first_s: float = BACKOFF_FIRST_S
    backoff_max_s: float = BACKOFF_MAX_S


class Line(WSListener):
    """One connection. `send` a text; each whole message goes to `on_message(bytes, received at, ns)`."""

    def __init__(self, on_message: OnMessage) -> None:
        self._on_message = on_message
        self._parts: list[bytes] = []
        self._size = 0
        self.heard_mono = time.monotonic()
        self.why = ""
        self.transport: WSTransport | None = None

    def send(self, text: bytes) -> None:
        """Sends a text message."""
        if self.transport is not None:
            self.transport.send(WSMsgType.TEXT, text)

    def end(self, why: str) -> None:
        """Ends the connection; `why` is told on."""
        self.why = self.why or why
        if self.transport is not None:
            self.transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Called by picows."""
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Called by picows. Never raises: what a callback raises goes to the loop's handler of exceptions."""
        try:
            self._take(frame, time.time_ns())
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a message of the venue could not be handled", "exception": error}
            )

    def _take(self, frame: WSFrame, now: int) -> None:
        kind = frame.msg_type
        if kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self.heard_mono = time.monotonic()
            payload = frame.get_payload_as_bytes()
            if frame.fin and not self._parts:
                self._on_message(payload, now)
                return
            self._parts.append(payload)
            self._size += len(payload)
            if self._size > MESSAGE_MAX:
                self.end(f"a message has more than {MESSAGE_MAX} bytes")
            elif frame.fin:
                whole, self._parts, self._size = b"".join(self._parts), [], 0
                self._on_message(whole, now)
        elif kind == WSMsgType.CLOSE:
            self.end(f"the venue closed the connection ({frame.get_close_code()})")


class Reconnecting:
    """Keeps one line up until it is cancelled.

    `address()` gives the address of the next connection; `opened(line)` subscribes on it and returns when the venue has
    agreed; then `on_up()`. When a line that was up is lost, `on_down(why)`.
    """

    def __init__(
        self,
        name: str,
        address: Callable[[], Awaitable[str]],
        opened: Callable[[Line], Awaitable[None]],
        on_message: OnMessage,
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        pace: Pace,
    ) -> None:
        self.name = name
        self.connections = 0
        self.line: Line | None = None
        self.trouble = ""
        """Why the last try failed."""
        self._address, self._opened, self._on_message = address, opened, on_message
        self._on_up, self._on_down, self._pace = on_up, on_down, pace
        self._first: asyncio.Future[None] | None = None

    async def first(self, timeout_s: float) -> None:
        """Waits for the first connection. Raises `UnreachableError` naming what failed, or what `opened` raised."""
        self._first = asyncio.get_running_loop().create_future()
        if self.connections:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._first
        except TimeoutError:
            raise UnreachableError(
                f"{self.name}: not connected within {timeout_s:.0f} s: {self.trouble or 'no answer'}",
                "check the address and that the venue is up",
            ) from None

    async def run(self) -> None:
        """Connects again and again. Ends by being cancelled only."""
        tries = 0
        while True:
            began = time.monotonic()
            was_up = self.connections
            try:
                why = await self._once()
            except KedgeError as error:
                why = error.message
                if self._first is not None and not self._first.done():
                    self._first.set_exception(error)
            except Exception as error:
                # The text of an error may hold the address with its listen key.
                why = f"not connected: {type(error).__name__}"
            self.line, self.trouble = None, why
            if self.connections > was_up:
                self._on_down(why)
            tries = 0 if time.monotonic() - began > CALM_S else tries + 1
            most = min(self._pace.backoff_max_s, self._pace.backoff_first_s * 2 ** min(tries, 16))
            await asyncio.sleep(random.uniform(0, most))

    async def _once(self) -> str:
        """One connection, from connecting to its end. Returns why it ended."""
        # Not `wait_for`: it may lose a cancellation that comes with the result.
        line = Line(self._on_message)
        async with asyncio.timeout(CONNECT_S * 3):
            address = await self._address()
            transport, _ = await ws_connect(
                lambda: line,
                address,
                logger_name=_SILENT,
                websocket_handshake_timeout=CONNECT_S,
                max_frame_size=MESSAGE_MAX,
                max_redirects=0,
                enable_auto_ping=self._pace.quiet,
                auto_ping_idle_timeout=self._pace.stale_s,
                auto_ping_reply_timeout=self._pace.stale_s,
            )
        if line.transport is None:
            # picows takes a connection that was lost in its handshake for one that is up.
            return "lost while connecting"
        ended = asyncio.ensure_future(transport.wait_disconnected())
        opening = asyncio.ensure_future(self._opened(line))
        try:
            await asyncio.wait([opening, ended], timeout=CONNECT_S, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                return line.why or (
                    "lost before it was subscribed" if ended.done() else "no answer to the subscription"
                )
            opening.result()
            self.line = line
            self.connections += 1
            self._on_up()
            if self._first is not None and not self._first.done():
                self._first.set_result(None)
            return await self._watch(line, ended)
        finally:
            opening.cancel()
            line.end("closed by us")
            await asyncio.wait([ended], timeout=1.0)
            if ended.done() and not ended.cancelled():
                ended.exception()

    async def _watch(self, line: Line, ended: asyncio.Future[None]) -> str:
        end_at = time.monotonic() + self._pace.life_s * random.uniform(0.95, 1.0)
        while True:
            now = time.monotonic()
            silent = now - line.heard_mono
            if now >= end_at:
                return "renewed before the venue's limit of 24 hours"
            if not self._pace.quiet and silent >= self._pace.stale_s:
                return f"silent for {silent:.1f} s"
            wait = end_at - now if self._pace.quiet else min(end_at - now, self._pace.stale_s - silent)
            done, _ = await asyncio.wait([ended], timeout=max(wait, 0.001))
            if done:
                return line.why or "the connection was lost"
