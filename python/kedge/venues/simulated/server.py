"""The server: one port for requests, streams and admin calls, and the loop that keeps the exchange at now."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from kedge.model.errors import UnreachableError
from kedge.venues.simulated.accounts import Account
from kedge.venues.simulated.addresses import Addresses
from kedge.venues.simulated.admin import Admin, only_from_here
from kedge.venues.simulated.clock import MarketClock
from kedge.venues.simulated.connections import Connections
from kedge.venues.simulated.exchange import SimulatedExchange
from kedge.venues.simulated.hub import Hub
from kedge.venues.simulated.listings import USDM, simulated
from kedge.venues.simulated.publishing import Publisher
from kedge.venues.simulated.requests import Requests
from kedge.venues.simulated.rest import Rest
from kedge.venues.simulated.sockets import Sockets
from kedge.venues.simulated.truth import Truth
from kedge.venues.simulated.user_streams import UserEvents
from kedge.venues.simulated.ws_api import WsApi

HOST = "127.0.0.1"
STEP_S = 0.01
FLUSH_S = 0.05
LARGEST_BODY = 1_000_000
# Requests that hang because a fault wants it do not hold up the end.
GRACE_S = 0.5


@dataclass(frozen=True, slots=True)
class Options:
    """How an exchange is started.

    Without `key` and `secret` the first account gets fresh ones; `seconds` is how long it serves (None: until stopped);
    `limits` is how many times Binance's a client may ask.
    """

    truth: Path
    port: int = 0
    seed: int = 1
    speed: float = 1.0
    accounts: int = 1
    key: str | None = None
    secret: str | None = None
    spot: dict[str, str] = field(default_factory=lambda: {"USDT": "5000"})
    futures: dict[str, str] = field(default_factory=lambda: {"USDT": "5000"})
    seconds: float | None = None
    limits: int = 1


def halves(balance: Decimal) -> tuple[dict[str, str], dict[str, str]]:
    """A start balance in USDT, half of it in each wallet."""
    half = balance / 2
    return {"USDT": f"{half:f}"}, {"USDT": f"{balance - half:f}"}


class Server:
    """An exchange that clients reach. Raises `UnreachableError` if the port is taken, else what `Truth` raises."""

    def __init__(self, options: Options) -> None:
        self._socket = _listen(options.port)
        try:
            truth = Truth(options.truth)
        except BaseException:
            self._socket.close()
            raise
        clock = MarketClock(time.time_ns(), options.speed)
        self.exchange = SimulatedExchange(options.seed, clock, simulated(), truth, options.limits)
        exchange = self.exchange
        self._connections = Connections()
        self._hub = Hub(exchange.listings, exchange.faults, clock)
        self._publisher = Publisher(exchange, self._hub)
        self._users = UserEvents(exchange.listings, exchange.accounts, clock)
        exchange.listen(self._publisher.changed, self._tell)
        self.account = exchange.open_account(options.spot, options.futures, options.key, options.secret)
        self.others = [exchange.open_account(options.spot, options.futures) for _ in range(options.accounts - 1)]
        requests = Requests(exchange)
        self._rest = Rest(requests, clock.wall)
        self._sockets = Sockets(exchange, self._hub, self._connections)
        self._ws_api = WsApi(exchange, self._hub, self._sockets, requests)
        self._admin = Admin(exchange, self._connections, self._set_clock)

    async def serve(self, on_ready: Callable[[Addresses, Account, list[Account]], None], stop: asyncio.Event) -> None:
        """Serves until `stop`. Raises `DataError` if the truth cannot be written any more."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=GRACE_S)
        try:
            await runner.setup()
            await web.SockSite(runner, self._socket).start()
            on_ready(Addresses(self._socket.getsockname()[1]), self.account, self.others)
            await self._run(stop)
        finally:
            for connection in self._connections:
                connection.drop("the exchange ends")
            await runner.cleanup()
            self._socket.close()
            self.exchange.truth.close()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[only_from_here], client_max_size=LARGEST_BODY)
        spot, futures = self._sockets.spot, self._sockets.futures
        application.add_routes(
            [
                *self._admin.routes(),
                web.get("/ws-api/v3", self._ws_api.spot),
                web.get("/ws-fapi/v1", self._ws_api.futures),
                web.get("/stream/ws", spot),
                web.get("/stream/ws/{tail:.*}", spot),
                web.get("/stream", spot),
                web.get("/ws", spot),
                web.get("/ws/{tail:.*}", spot),
                web.get("/{category:public|market|private}/stream", futures),
                web.get("/{category:public|market|private}/ws", futures),
                web.get("/{category:public|market|private}/ws/{tail:.*}", futures),
                web.route("*", "/{path:.*}", self._rest.handle),
            ]
        )
        return application

    async def _run(self, stop: asyncio.Event) -> None:
        """Keeps the exchange at now, and does what is due every so often."""
        loop = asyncio.get_running_loop()
        next_flush = next_second = loop.time()
        while not stop.is_set():
            self.exchange.advance()
            self._publisher.tick()
            now = loop.time()
            if now >= next_flush:
                next_flush = now + FLUSH_S
                self.exchange.truth.flush()
            if now >= next_second:
                next_second = now + 1.0
                self._every_second()
            await asyncio.sleep(STEP_S)

    def _every_second(self) -> None:
        self._set_clock()
        self._publisher.forget()
        self._connections.look_after()
        for key, account in self.exchange.accounts.expired_listen_keys(self.exchange.clock.wall()):
            ended = {"e": "listenKeyExpired", "E": self.exchange.clock.now_ms(), "listenKey": key}
            self._hub.tell_user(account, USDM, ended)
            self._hub.forget_mark(key)

    def _set_clock(self) -> None:
        clock = self.exchange.clock
        clock.offset_ms = self.exchange.faults.clock_offset_ms(clock.wall())

    def _tell(self, events: list[dict[str, Any]]) -> None:
        for account, market, message in self._users.messages(events):
            self._hub.tell_user(account, market, message)
        for event in events:
            if event["kind"] == "liquidation" and event["exec"] == "TRADE":
                self._publisher.liquidated(event)


def _listen(port: int) -> socket.socket:
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
        taken.listen(256)
    except OSError as error:
        taken.close()
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
        message = f"port {port} of {HOST} {why}"
        raise UnreachableError(message, "end what listens there, or take a free port with --port 0") from None
    taken.setblocking(False)
    return taken


def run(options: Options, on_ready: Callable[[Addresses, Account, list[Account]], None]) -> None:
    """Serves until SIGTERM or Ctrl-C. Raises what `Server` and its `serve` raise."""

    async def main() -> None:
        stop = asyncio.Event()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
        if options.seconds is not None:
            asyncio.get_running_loop().call_later(options.seconds, stop.set)
        await Server(options).serve(on_ready, stop)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
