"""The client of one market of Binance: its clock, its streams, its orders and its account."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from kedge.model.errors import DataError, KedgeError, UnreachableError, UnsafeStateError, UsageError
from kedge.venues.binance import definitions
from kedge.venues.binance.account import AccountUpdate, Report, VenueOrder, VenueTrade
from kedge.venues.binance.addresses import MARKETS, Addresses, Keys, Market
from kedge.venues.binance.asking import Asking
from kedge.venues.binance.budget import RateBudget
from kedge.venues.binance.clock import OFFSET_MAX_NS, VenueClock
from kedge.venues.binance.errors import RetryLater, VenueRefused
from kedge.venues.binance.market_stream import MarketStream
from kedge.venues.binance.order_socket import OrderSocket
from kedge.venues.binance.ordering import Ordering, Prepared, told
from kedge.venues.binance.outcomes import Outcome, Rejected
from kedge.venues.binance.rest import READ_S, Rest
from kedge.venues.binance.user_stream import UserStream
from kedge.venues.binance.websocket import Pace, Reconnecting

CLIENT_ID_SCOPE = "open"
"""Client ids are unique among open orders only: an id is free again once its order is gone."""
HAS_DEADLINE = True
"""A request is not taken after its `recvWindow` has passed on the venue's clock."""
QUERY_BY_CLIENT_ID = True
"""An order can be asked for by its client id."""

WEIGHT_LIMIT = {"spot": 6_000, "usdm": 2_400}
RECV_WINDOW_MS = 1_500
CLOCK_EVERY_S = 30.0
CLOCK_AGAIN_S = 2.0
CLOCK_SAMPLES = 5
START_S = 10.0
ORDERS_START_S = 2.0
"""How long a start waits for the connection that orders go over: without it they go by REST."""


class BinanceVenue:
    """One market, "spot" or "usdm". The callbacks are plain functions, called on the loop:

    `on_frame(symbol, bytes, received at)` with each market message and REST depth body as received; `on_lost(symbol,
    why)` when a symbol's stream was lost or fell silent (it comes back by itself); `on_report` and `on_account` with
    the account's events; `on_gap(why)` when account events may have been missed and have to be asked for. Times are ns
    since the epoch. `venue` is the name behind the `@` of instrument ids. Without keys there is market data only.
    """

    def __init__(
        self,
        market: str,
        addresses: Addresses,
        keys: Keys | None,
        *,
        recv_window_ms: int = RECV_WINDOW_MS,
        on_frame: Callable[[str, bytes, int], None],
        on_lost: Callable[[str, str], None],
        on_report: Callable[[Report], None],
        on_account: Callable[[AccountUpdate], None],
        on_gap: Callable[[str], None],
        venue: str = "binance",
        pace: Pace | None = None,
    ) -> None:
        self.market = _market(market)
        self.addresses = addresses
        self.clock = VenueClock()
        self.budget = RateBudget(WEIGHT_LIMIT[market], self.clock.now_venue)
        if not 1 <= recv_window_ms <= 60_000:
            raise UsageError(f"`recv_window_ms` must be from 1 to 60000, was {recv_window_ms}", "1000 to 2000 is good")
        self._venue, self._keys, self._recv_window_ms = venue, keys, recv_window_ms
        self._pace = pace or Pace()
        self._quiet = replace(self._pace, stale_s=10.0, quiet=True)
        self._on_frame, self._on_lost = on_frame, on_lost
        self._on_report, self._on_account, self._on_gap = on_report, on_account, on_gap
        self._clock_wanted = asyncio.Event()
        self._rest = Rest(addresses.rest, keys, self.clock, self.budget, recv_window_ms, self._clock_wanted)
        self._ask = Asking(self.market, self._rest)
        address = addresses.orders(self.market)
        socket = OrderSocket(address, self._quiet, self.budget) if address is not None else None
        self.ordering = Ordering(self.market, self._rest, self.budget, socket, keys)
        self._streams: dict[str, MarketStream] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, symbols: Sequence[str]) -> None:
        """Measures the clock, checks keys and symbols, and brings the streams up; snapshots follow by themselves.

        Raises `UnreachableError` if the venue or a stream does not answer, `UsageError` for a wrong key or symbol,
        `UnsafeStateError` if the clocks are more than 5 s apart. Then nothing is left running.
        """
        try:
            await self._start(symbols)
        except BaseException:
            await self.close()
            raise

    async def _start(self, symbols: Sequence[str]) -> None:
        self.budget.guessed = True
        await self._rest.open()
        try:
            await self._measure_clock()
        except RetryLater as error:
            hint = f"check the address of the venue and that it is up; or {error.hint}"
            raise UnreachableError(error.message, hint) from None
        self._require_clock()
        known = await self._ask.information(symbols)
        self.budget.learn_limits(known.rate_limits)
        definitions.require(known.symbols, symbols, self.addresses.rest)
        self._spawn(self._keep_clock())
        waiting: list[Reconnecting] = []
        if self._keys is not None:
            await self._ask.check_account()
            user = self._user_stream(self._keys)
            self._spawn(user.keep_alive())
            waiting.append(user.line)
        for symbol in symbols:
            stream = MarketStream(
                self.market,
                self.addresses,
                symbol,
                self.clock,
                self._pace,
                on_frame=self._on_frame,
                on_lost=self._on_lost,
                fetch=self._ask.depth,
            )
            self._streams[symbol] = stream
            waiting.extend(stream.lines())
        for line in waiting:
            self._spawn(line.run())
        if self.ordering.socket is not None:
            self._spawn(self.ordering.socket.line.run())
        for line in waiting:
            await line.first(START_S)
        if self.ordering.socket is not None:
            with contextlib.suppress(UnreachableError):
                await self.ordering.socket.line.first(ORDERS_START_S)

    def _user_stream(self, keys: Keys) -> UserStream:
        return UserStream(
            self.market,
            self.addresses,
            keys,
            self.clock,
            self._rest,
            self._quiet,
            recv_window_ms=self._recv_window_ms,
            on_report=self._on_report,
            on_account=self._on_account,
            on_gap=self._on_gap,
        )

    async def close(self) -> None:
        """Ends every connection and task. Open orders stay as they are."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for stream in self._streams.values():
            await stream.close()
        await self._rest.close()

    def want_snapshot(self, symbol: str) -> None:
        """The book of `symbol` needs a snapshot: it is fetched, one at a time and within the budget, and handed to
        `on_frame`. Asking again meanwhile does nothing."""
        stream = self._streams.get(symbol)
        if stream is not None:
            stream.want_snapshot()

    async def definitions(self, symbols: Sequence[str]) -> list[dict[str, object]]:
        """The symbols' definitions as `kedge.model.instruments` reads them, with the account's fees. May be asked
        before `start`. Raises as `start`, and `UnreachableError` for information that is not usable."""
        started = bool(self._tasks)
        if not started:
            await self._rest.open()
        try:
            if not started:
                await self._measure_clock()
            known = await self._ask.information(symbols)
            definitions.require(known.symbols, symbols, self.addresses.rest)
            found = []
            for symbol in symbols:
                fees = definitions.DEFAULT_FEES[self.market]
                if self._keys is not None:
                    fees = await self._ask.fees(symbol)
                found.append(definitions.definition(self.market, self._venue, known.symbols[symbol], fees))
            return found
        except DataError as error:
            raise UnreachableError(f"{self.addresses.rest}: {error.message}") from None
        finally:
            if not started:
                await self._rest.close()

    def prepare(
        self,
        *,
        symbol: str,
        client_id: str,
        side: str,
        kind: str,
        tif: str,
        price: str,
        quantity: str,
        reduce_only: bool = False,
    ) -> Prepared:
        """An order for `send`: `side` buy or sell, `kind` limit or market, `tif` gtc, ioc, fok or post_only, decimal
        text. Raises `UsageError` for words it does not know."""
        return self.ordering.submission(symbol, client_id, side, kind, tif, price, quantity, reduce_only)

    def send(self, order: Prepared, on_sent: Callable[[], None] | None = None) -> Coroutine[Any, Any, Outcome]:
        """Places an order, once. What is returned waits for its outcome and must be awaited; it never raises for what
        the venue does. Where the WebSocket API is connected the order has left when this returns. `on_sent` is called
        once its bytes have been handed to the socket."""
        return self.ordering.send(order, on_sent)

    def rehearse(self, symbol: str) -> None:
        """Keeps the way of an order of this symbol quick; nothing is sent."""
        self.ordering.rehearse(symbol)

    async def submit(
        self,
        *,
        symbol: str,
        client_id: str,
        side: str,
        kind: str,
        tif: str,
        price: str,
        quantity: str,
        reduce_only: bool = False,
        on_sent: Callable[[], None] | None = None,
    ) -> Outcome:
        """`prepare` and `send`, to the outcome."""
        order = self.prepare(
            symbol=symbol,
            client_id=client_id,
            side=side,
            kind=kind,
            tif=tif,
            price=price,
            quantity=quantity,
            reduce_only=reduce_only,
        )
        return await self.send(order, on_sent)

    def cancel(self, *, symbol: str, client_id: str) -> Coroutine[Any, Any, Outcome]:
        """Cancels the open order of this client id. Sent as `send` does."""
        return self.ordering.send(self.ordering.cancel(symbol, client_id))

    def amend(
        self, *, symbol: str, client_id: str, side: str, price: str, quantity: str
    ) -> Coroutine[Any, Any, Outcome]:
        """Changes an order's price and quantity (USD-M). Spot has no such request: rejected, nothing is sent."""
        if self.market == "spot":
            return told(Rejected(0, "spot orders cannot be amended: cancel the order and send another"))
        return self.ordering.send(self.ordering.amendment(symbol, client_id, side, price, quantity))

    async def query(self, *, symbol: str, client_id: str, patience_s: float = READ_S) -> VenueOrder | None:
        """The newest order of this client id, or None if the venue says that there is none. Raises `RetryLater` or
        another `UnreachableError` if it does not say within `patience_s`."""
        return await self._ask.order(symbol, client_id, patience_s)

    async def open_orders(self, symbol: str | None = None) -> list[VenueOrder]:
        """Open orders of a symbol, oldest first; without one of the whole account, which weighs many times as much.
        Raises as `query`."""
        return await self._ask.open_orders(symbol)

    async def trades(
        self, *, symbol: str, order_id: int | None = None, from_id: int | None = None, start_ns: int | None = None
    ) -> list[VenueTrade]:
        """Executions of the account, oldest first: of one order, from a trade id on, or from a time on; without any
        of them the newest 1,000. Raises as `query`."""
        return await self._ask.trades(symbol, order_id, from_id, start_ns, self.clock.now_venue())

    async def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Currency → (free, locked) on spot, (wallet balance, available) on USD-M. Raises as `query`."""
        return await self._ask.balances()

    async def positions(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Symbol → (quantity, entry price) of every position; empty on spot. Raises as `query`."""
        return await self._ask.positions()

    def health(self, symbol: str) -> dict[str, object]:
        """What `MarketStream.health` says of the symbol's streams."""
        return self._streams[symbol].health()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def _measure_clock(self) -> None:
        """Several round trips, the first of which may also connect: the best one counts."""
        for _ in range(CLOCK_SAMPLES):
            sent = time.monotonic_ns()
            venue_ms = await self._ask.time_ms()
            self.clock.sample(sent, time.monotonic_ns(), venue_ms)

    def _require_clock(self) -> None:
        offset = self.clock.offset_ns
        if abs(offset) > OFFSET_MAX_NS:
            raise UnsafeStateError(
                f"{self.addresses.rest}: our clock is off: the venue's is {offset / 1e9:+.3f} s from it, at most ±5 s "
                "is allowed",
                "set this machine's clock (for example by NTP), then start again",
            )

    async def _keep_clock(self) -> None:
        while True:
            # Not `wait_for`: it may lose a cancellation that comes with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOCK_EVERY_S):
                    await self._clock_wanted.wait()
            self._clock_wanted.clear()
            try:
                await self._measure_clock()
            except KedgeError as error:
                # The bound grows meanwhile, and orders stop when it is too wide.
                again = error.after_s if isinstance(error, RetryLater) else CLOCK_AGAIN_S
                await asyncio.sleep(max(again, CLOCK_AGAIN_S))
                self._clock_wanted.set()


def _market(name: str) -> Market:
    for market in MARKETS:
        if name == market:
            return market
    raise UsageError(f"unknown market `{name}`: there are spot and usdm")


__all__ = ["CLIENT_ID_SCOPE", "HAS_DEADLINE", "QUERY_BY_CLIENT_ID", "BinanceVenue", "VenueRefused"]
