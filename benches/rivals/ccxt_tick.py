"""ccxt's way from a message of the book to an order, on an exchange that is running.

    python -m benches.rivals.ccxt_tick REST_OR_WEBSOCKET SECONDS < the document that `kedge exchange` printed

The clock starts where ccxt takes a message from its WebSocket library, and stops when asyncio's transport has written
the order: for REST its body, for WebSocket its frame. ccxt runs on asyncio's own loop, as its examples do; there a
write is on the socket when it returns, as it is with Kedge. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from asyncio.selector_events import _SelectorSocketTransport as Transport
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import ccxt.pro
from ccxt.async_support.base.ws.client import Client

SYMBOL = "ETH/USDT:USDT"
SIZE, BELOW = 0.1, 0.03


class Stopwatch:
    """One order at a time: when the message came that it answers, and when its bytes had been written."""

    def __init__(self) -> None:
        self.heard = 0
        self.began = 0
        self.leaves = False
        self.took: list[int] = []

    def wrote(self, data: bytes) -> None:
        """Bytes have been written: the order's, where it says so in clear or is known to leave as a frame now."""
        if self.began and (self.leaves or b"newClientOrderId=" in data):
            self.took.append(time.perf_counter_ns() - self.began)
            self.began, self.leaves = 0, False


async def trade(exchange: Any, way: str, seconds: float, watch: Stopwatch) -> None:
    """Orders and cancels until the time is over."""
    create: Callable[..., Awaitable[Any]] = exchange.create_order if way == "rest" else exchange.create_order_ws
    cancel: Callable[..., Awaitable[Any]] = exchange.cancel_order if way == "rest" else exchange.cancel_order_ws
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        book = await exchange.watch_order_book(SYMBOL)
        watch.began = watch.heard
        price = exchange.price_to_precision(SYMBOL, book["bids"][0][0] * (1 - BELOW))
        order = await create(SYMBOL, "limit", "buy", SIZE, price, {"timeInForce": "GTX"})
        await cancel(order["id"], SYMBOL)


async def main(way: str, seconds: float, config: dict[str, Any]) -> dict[str, Any]:
    """Runs it; what it found."""
    watch = Stopwatch()
    handle, send = Client.handle_message, Client.send
    write, writelines = Transport.write, Transport.writelines

    def handled(client: Any, message: Any) -> None:
        watch.heard = time.perf_counter_ns()
        handle(client, message)

    async def sent(client: Any, message: Any) -> Any:
        watch.leaves = isinstance(message, dict) and message.get("method") == "order.place"
        return await send(client, message)

    def written(transport: Any, data: Any) -> None:
        write(transport, data)
        watch.wrote(bytes(data))

    def lines_written(transport: Any, parts: Any) -> None:
        parts = list(parts)
        writelines(transport, parts)
        watch.wrote(b"".join(parts))

    Client.handle_message, Client.send = handled, sent
    Transport.write, Transport.writelines = written, lines_written
    # Its own throttle would wait before each request.
    exchange = ccxt.pro.binance({**config, "enableRateLimit": False})
    try:
        await exchange.load_markets()
        await exchange.watch_order_book(SYMBOL)
        gc.collect()
        gc.freeze()
        await trade(exchange, way, seconds, watch)
    finally:
        await exchange.close()
    return {"version": ccxt.__version__, "took_ns": watch.took}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], float(sys.argv[2]), json.load(sys.stdin)))))
