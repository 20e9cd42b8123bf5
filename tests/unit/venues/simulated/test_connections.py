"""A connection's queue: in order, bounded, and gone with who does not read."""

import asyncio

import aiohttp
from aiohttp import web

from kedge.venues.simulated import connections
from kedge.venues.simulated.connections import Connection


async def connected(read: bool, messages: int, size: int) -> tuple[list[int], str]:
    """Sends messages to a client; the sizes it read, and why it was dropped if it was."""
    made: list[Connection] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        connection = Connection(socket, request, "spot", "")
        made.append(connection)
        writer = asyncio.create_task(connection.write())
        for number in range(messages):
            connection.send(b"x" * (size + number))
            await asyncio.sleep(0)
        async for _ in socket:
            pass
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        return socket

    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    read_sizes: list[int] = []
    try:
        async with aiohttp.ClientSession() as session, session.ws_connect(site.name, max_msg_size=0) as socket:
            while read and len(read_sizes) < messages:
                read_sizes.append(len(await socket.receive_str()))
            if not read:
                for _ in range(200):
                    if made and made[0].dropped:
                        break
                    await asyncio.sleep(0.01)
    finally:
        await runner.cleanup()
    return read_sizes, made[0].dropped


def test_what_is_sent_arrives_in_order() -> None:
    sizes, dropped = asyncio.run(connected(read=True, messages=50, size=10))
    assert sizes == list(range(10, 60))
    assert dropped in ("", "gone")


def test_who_does_not_read_is_dropped() -> None:
    size = connections.MOST_WAITING_BYTES // 8
    _, dropped = asyncio.run(connected(read=False, messages=60, size=size))
    assert dropped == "does not read"
