"""A server of plain sockets that answers as it is told: any bytes, cut, late, reset or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Writer = asyncio.StreamWriter
Step = Callable[[Writer], Awaitable[None]]


@dataclass
class RawServer:
    """Each request is answered by the next of `steps`, the last of them for ever. `requests` has what came."""

    steps: list[Step]
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        """One connection, request after request."""
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(length[0]) if length else b""
                step = self.steps[min(len(self.requests), len(self.steps) - 1)]
                self.requests.append(head + body)
                await step(writer)
                if writer.is_closing():
                    return


@contextlib.asynccontextmanager
async def raw_server(*steps: Step) -> AsyncIterator[RawServer]:
    """A server that is up within the block; its connections are ended after it."""
    server = RawServer(list(steps))
    writers: list[Writer] = []

    async def serve(reader: asyncio.StreamReader, writer: Writer) -> None:
        writers.append(writer)
        try:
            await server.serve(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in writers:
            writer.close()
        await asyncio.sleep(0.01)


def answer(status: int, body: bytes, **headers: str) -> Step:
    """A whole answer."""

    async def step(writer: Writer) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return step


def raw(data: bytes) -> Step:
    """These bytes, then the end of the connection."""

    async def step(writer: Writer) -> None:
        writer.write(data)
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    return step


async def hang(writer: Writer) -> None:
    """No answer."""
    await asyncio.sleep(30)


async def reset(writer: Writer) -> None:
    """The connection is reset."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def unused_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port
