"""The account's events: spot over the WebSocket API, USD-M over a listen key that is kept alive.

A stream that was lost may have missed events: when it is back, `on_gap` says so, and what happened meanwhile has to be
asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import orjson

from kedge.model.errors import DataError, KedgeError, UnreachableError, UsageError
from kedge.venues.binance import account
from kedge.venues.binance.account import AccountUpdate, Report
from kedge.venues.binance.addresses import Addresses, Keys, Market
from kedge.venues.binance.clock import VenueClock
from kedge.venues.binance.errors import VenueRefused
from kedge.venues.binance.fields import obj, text
from kedge.venues.binance.outcomes import error_of, parsed
from kedge.venues.binance.rest import KEY_CODES, Request, Rest
from kedge.venues.binance.signing import signed_params
from kedge.venues.binance.websocket import Line, Pace, Reconnecting

LISTEN_KEY = "/fapi/v1/listenKey"
KEEP_ALIVE_S = 30 * 60.0
CHECK_ADDRESS = "check that the address speaks Binance's protocol for this market"
ENDED = {"listenKeyExpired", "eventStreamTerminated", "serverShutdown"}


class UserStream:
    """The account's events, on one connection."""

    def __init__(
        self,
        market: Market,
        addresses: Addresses,
        keys: Keys,
        clock: VenueClock,
        rest: Rest,
        pace: Pace,
        *,
        recv_window_ms: int,
        on_report: Callable[[Report], None],
        on_account: Callable[[AccountUpdate], None],
        on_gap: Callable[[str], None],
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self.broken = 0
        """Events that were not of the documented form; after each the account has to be asked."""
        self._market, self._address, self._keys = market, addresses.user(market), keys
        self._clock, self._rest, self._recv_window_ms = clock, rest, recv_window_ms
        self._on_report, self._on_account, self._on_gap = on_report, on_account, on_gap
        self._keep_alive_s = keep_alive_s
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(1)
        self._lost_why: str | None = None
        self.line = Reconnecting(
            f"{self._address} user stream", self._at, self._opened, self._message, self._up, self._down, pace
        )

    async def _at(self) -> str:
        if self._market == "spot":
            return self._address
        body = await self._rest.keyed(Request("POST", LISTEN_KEY, "order", 1))
        try:
            key = text(obj(body, "listenKey"), "listenKey", 256)
        except DataError as error:
            raise UnreachableError(f"{self._rest.base}{LISTEN_KEY}: {error.message}", CHECK_ADDRESS) from None
        if not key.isascii() or not key.isalnum():
            why = "the listen key is not of letters and digits"
            raise UnreachableError(f"{self._rest.base}{LISTEN_KEY}: {why}", CHECK_ADDRESS)
        return f"{self._address}?listenKey={key}"

    async def _opened(self, line: Line) -> None:
        if self._market == "usdm":
            return
        while not self._answers.empty():
            self._answers.get_nowait()
        params: dict[str, str | int] = {
            "timestamp": self._clock.now_venue() // 1_000_000,
            "recvWindow": self._recv_window_ms,
        }
        request = {
            "id": "user",
            "method": "userDataStream.subscribe.signature",
            "params": signed_params(self._keys, params),
        }
        line.send(orjson.dumps(request))
        body = parsed(await self._answers.get())
        if isinstance(body, dict) and body.get("status") == 200:
            return
        error = error_of(body.get("error")) if isinstance(body, dict) else None
        if error is None:
            raise UnreachableError(f"{self._address}: the answer to the subscription is not usable", CHECK_ADDRESS)
        message = self._rest.redacted(f"{self._address}: the venue refused the user stream: {error[0]} {error[1]}")
        if error[0] in KEY_CODES:
            raise UsageError(message, "check the key and its secret")
        raise UnreachableError(message, CHECK_ADDRESS)

    def _message(self, frame: bytes, now: int) -> None:
        body = parsed(frame)
        if not isinstance(body, dict):
            self._not_understood("a message that is no JSON object")
            return
        if self._market == "spot":
            if "id" in body and "event" not in body:
                if self._answers.empty():
                    self._answers.put_nowait(frame)
                return
            body = body.get("event", body)
        if isinstance(body, dict) and body.get("e") in ENDED and self.line.line is not None:
            self.line.line.end(f"the venue ended it ({body['e']})")
            return
        try:
            event = account.event(self._market, body)
        except DataError as error:
            self._not_understood(error.message)
            return
        if isinstance(event, Report):
            self._on_report(event)
        elif event is not None:
            self._on_account(event)

    def _not_understood(self, why: str) -> None:
        # What it would have told is not known: the same as if the stream had lost it.
        self.broken += 1
        self._on_gap(self._rest.redacted(f"an event was not understood: {why}"))

    def _up(self) -> None:
        if self._lost_why is not None:
            why, self._lost_why = self._lost_why, None
            self._on_gap(f"the user stream was lost and is back: {why}")

    def _down(self, why: str) -> None:
        self._lost_why = why

    async def keep_alive(self) -> None:
        """Keeps the listen key valid. Ends by being cancelled only."""
        if self._market == "spot":
            await asyncio.Event().wait()
        wait = self._keep_alive_s
        while True:
            await asyncio.sleep(wait)
            wait = self._keep_alive_s
            began = time.monotonic()
            try:
                await self._rest.keyed(Request("PUT", LISTEN_KEY, "order", 1))
            except VenueRefused as error:
                if self.line.line is not None:
                    self.line.line.end(f"the listen key is not valid any more ({error.code})")
            except KedgeError:
                wait = min(self._keep_alive_s, 10.0 + time.monotonic() - began)
