"""ccxt's way from a message of the book to an order, on an exchange that is running.

    python -m benches.rivals.ccxt_tick REST_OR_WEBSOCKET SECONDS < the document that `kedge exchange` printed

The clock starts where ccxt takes a message from its WebSocket library, and stops where aiohttp is about to write the
order's body (REST) or has written the order's frame (WebSocket). Prints one JSON line.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import ccxt
import ccxt.pro
import uvloop
from ccxt.async_support.base.ws.client import Client

SYMBOL = "ETH/USDT:USDT"
SIZE, BELOW = 0.1, 0.03


class Stopwatch:
    """One order at a time: when the message came that it answers, and when it left."""

    def __init__(self) -> None:
        self.heard = 0
        self.began = 0
        self.took: list[int] = []

    def left(self) -> None:
        """The order's bytes leave now. Later bytes of the same round are a cancel's."""
        if self.began:
            self.took.append(time.perf_counter_ns() - self.began)
            self.began = 0


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

    def handled(client: Any, message: Any) -> None:
        watch.heard = time.perf_counter_ns()
        handle(client, message)

    async def sent(client: Any, message: Any) -> Any:
        done = await send(client, message)
        if isinstance(message, dict) and message.get("method") == "order.place":
            watch.left()
        return done

    async def body_leaves(*_: Any) -> None:
        watch.left()

    Client.handle_message, Client.send = handled, sent
    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(body_leaves)
    session = aiohttp.ClientSession(trace_configs=[trace])
    # Its own throttle would wait before each request.
    exchange = ccxt.pro.binance({**config, "session": session, "enableRateLimit": False})
    try:
        await exchange.load_markets()
        await exchange.watch_order_book(SYMBOL)
        gc.collect()
        gc.freeze()
        await trade(exchange, way, seconds, watch)
    finally:
        await exchange.close()
        await session.close()
    return {"version": ccxt.__version__, "took_ns": watch.took}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(sys.argv[1], float(sys.argv[2]), json.load(sys.stdin)))))
