"""One line against plain sockets: broken handshakes, broken frames, messages in parts, and no end to trying."""

import asyncio
import base64
import contextlib
import hashlib
import logging
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kedge.venues.binance import websocket
from kedge.venues.binance.websocket import Line, Pace, Reconnecting
from tests.unit.venues.raw_server import raw_server

Writer = asyncio.StreamWriter
PACE = Pace(stale_s=0.3, backoff_first_s=0.005, backoff_max_s=0.02)


def frame(payload: bytes, kind: int = 1, fin: bool = True) -> bytes:
    """A frame of a server."""
    size = len(payload)
    head = bytes([kind | (0x80 if fin else 0)])
    if size < 126:
        return head + bytes([size]) + payload
    return head + (b"\x7e" + struct.pack(">H", size) if size < 65_536 else b"\x7f" + struct.pack(">Q", size)) + payload


@dataclass
class Told:
    """What a line told."""

    messages: list[bytes] = field(default_factory=list)
    ups: int = 0
    downs: list[str] = field(default_factory=list)
    errors: list[object] = field(default_factory=list)


@asynccontextmanager
async def line_to(serve: Callable[[bytes, Writer], Awaitable[None]], pace: Pace = PACE) -> AsyncIterator[Told]:
    """A line to a server that gets the request's key and the writer."""
    told = Told()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.errors.append(context))

    async def handle(reader: asyncio.StreamReader, writer: Writer) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            key = [row.split(b": ")[1] for row in head.split(b"\r\n") if row.lower().startswith(b"sec-websocket-key")]
            await serve(key[0], writer)
            await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def address() -> str:
        return f"ws://127.0.0.1:{port}/ws"

    async def opened(_: Line) -> None:
        return None

    def up() -> None:
        told.ups += 1

    line = Reconnecting(
        "line", address, opened, lambda message, _: told.messages.append(message), up, told.downs.append, pace
    )
    running = asyncio.create_task(line.run())
    try:
        yield told
        assert not running.done(), "it never stops trying"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        server.close()
        await asyncio.sleep(0.06)
    assert told.errors == []


async def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.002)


async def agree(key: bytes, writer: Writer) -> None:
    """The handshake of RFC 6455."""
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    writer.write(
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept
    )


HANDSHAKES = [
    b"",
    b"\x00\xff\xfe garbage \r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n<html>",
    b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 301 X\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
    b"HTTP/1.1 abc\r\n\r\n",
    b"HTTP/1.1 101 X\r\n" + b"X: y\r\n" * 5_000,
]


@pytest.mark.parametrize("answer", HANDSHAKES, ids=range(len(HANDSHAKES)))
def test_a_broken_handshake_is_tried_again(answer: bytes) -> None:
    async def work() -> None:
        tries = 0

        async def serve(key: bytes, writer: Writer) -> None:
            nonlocal tries
            tries += 1
            if tries < 3:
                writer.write(answer)
                writer.close()
                return
            await agree(key, writer)
            writer.write(frame(b"hello"))

        async with line_to(serve) as told:
            await until(lambda: told.messages and told.ups)
            assert told.messages[0] == b"hello"
            assert told.ups == 1
            assert told.downs == []

    asyncio.run(work())


def test_messages_in_parts_and_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MESSAGE_MAX", 1_000)

    async def work() -> None:
        async def serve(key: bytes, writer: Writer) -> None:
            await agree(key, writer)
            writer.write(frame(b"one ", fin=False) + frame(b"ping", 9) + frame(b"two", 0) + frame(b"three"))
            await writer.drain()
            await asyncio.sleep(0.05)
            for _ in range(3):
                writer.write(frame(b"x" * 500, 0, fin=False))

        async with line_to(serve) as told:
            await until(lambda: told.downs)
            assert "more than 1000 bytes" in told.downs[0]
            assert told.messages[:2] == [b"one two", b"three"]
            assert not any(b"x" in message for message in told.messages)

    asyncio.run(work())


@given(st.lists(st.binary(max_size=40), max_size=4))
@settings(max_examples=20)
def test_no_bytes_after_the_handshake_end_the_trying(parts: list[bytes]) -> None:
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    async def work() -> None:
        turns = 0

        async def serve(key: bytes, writer: Writer) -> None:
            nonlocal turns
            turns += 1
            await agree(key, writer)
            if turns < 3:
                for part in parts:
                    writer.write(part)
                await writer.drain()
                writer.close()
                return
            writer.write(frame(b"well"))

        async with line_to(serve) as told:
            await until(lambda: b"well" in told.messages)
            assert len(told.downs) <= told.ups

    asyncio.run(work())


def test_a_quiet_line_pings_and_is_lost_without_a_pong() -> None:
    async def work() -> None:
        async def serve(key: bytes, writer: Writer) -> None:
            await agree(key, writer)
            await asyncio.sleep(20)

        async with line_to(serve, Pace(0.1, True, backoff_first_s=0.01)) as told:
            await until(lambda: told.downs)

    asyncio.run(work())


def test_nothing_listens() -> None:
    async def work() -> None:
        async with raw_server() as server:
            port = server.port

        async def address() -> str:
            return f"ws://127.0.0.1:{port}/ws"

        tries: list[int] = []

        async def counted() -> str:
            tries.append(1)
            return await address()

        async def opened(_: Line) -> None:
            return None

        line = Reconnecting("x", counted, opened, lambda *_: None, lambda: None, lambda _: None, PACE)
        running = asyncio.create_task(line.run())
        await until(lambda: len(tries) > 3)
        assert line.trouble.startswith("not connected")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())
