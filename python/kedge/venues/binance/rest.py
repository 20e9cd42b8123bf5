"""One market's REST: signed requests on one kept-alive session, each answer whole and bounded, within the budget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from kedge.model.errors import KedgeError, UnreachableError, UsageError
from kedge.venues.binance.addresses import Keys
from kedge.venues.binance.budget import Purpose, RateBudget
from kedge.venues.binance.clock import VenueClock
from kedge.venues.binance.errors import RetryLater, VenueRefused
from kedge.venues.binance.outcomes import (
    CLOCK_CODE,
    Answer,
    Failure,
    Kind,
    Outcome,
    Rejected,
    Retryable,
    Unknown,
    error_of,
    judge,
    parsed,
    shown,
)
from kedge.venues.binance.signing import signed_query

BODY_MAX = 32 << 20
"""The exchange's information of every symbol has about 15 MiB."""
CONNECT_S = 2.0
READ_S = 5.0
KEEP_ALIVE_S = 45.0
PROOF_MARGIN_NS = 250_000_000
"""What the venue may need until an order it took at the last moment is found by a query."""
KEY_CODES = {-1022, -2014, -2015}
ORDERS_ONLY_CODE = -1015

Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `weight` as the venue counts it; `counted` if it is an order for the venue's count of orders."""

    method: str
    path: str
    purpose: Purpose
    weight: int
    counted: bool = False


class Rest:
    """Requests to one market. `keys` may be missing: then nothing is signed."""

    def __init__(
        self,
        base: str,
        keys: Keys | None,
        clock: VenueClock,
        budget: RateBudget,
        recv_window_ms: int,
        clock_wanted: asyncio.Event,
    ) -> None:
        self.base = base.rstrip("/")
        self.keys = keys
        self._clock = clock
        self._budget = budget
        self.recv_window_ms = recv_window_ms
        self._clock_wanted = clock_wanted
        self.order_s = recv_window_ms / 1e3 + 1.0
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Opens the session. Nothing is connected yet."""
        connector = aiohttp.TCPConnector(limit=64, keepalive_timeout=KEEP_ALIVE_S, ttl_dns_cache=300)
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "kedge"},
            trace_configs=[_tell_sent()],
        )
        # aiohttp sends a PUT or DELETE again, unseen, if a kept-alive connection breaks: each must leave once.
        session._retry_connection = False
        self._session = session

    async def close(self) -> None:
        """Ends the session and its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def order(
        self, kind: Kind, request: Request, params: Params, on_sent: Callable[[], None] | None = None
    ) -> Outcome:
        """Sends a request that may change an order. Never raises for what the venue does."""
        refusal = self.objection(kind, request)
        if refusal is not None:
            return refusal
        stamp_ms, closes_ns = self.stamped()
        answer = await self._send(request, self._signed(params, stamp_ms), self.order_s, on_sent)
        return self.judged(kind, answer, closes_ns)

    def objection(self, kind: Kind, request: Request) -> Outcome | None:
        """Why a request that may change an order must not leave now; None: it may, and its weight is taken."""
        if self.keys is None:
            return Rejected(0, "no API key is set, so nothing can be ordered")
        untimely = self.untimely(kind)
        if untimely is not None:
            return untimely
        wait = self._budget.take(request.purpose, request.weight, request.counted)
        return Retryable(self._budget.why_blocked, wait) if wait else None

    def untimely(self, kind: Kind) -> Outcome | None:
        """Why a request must not be stamped by our clock now."""
        # A cancel with a wrong time is refused by the venue and doubles nothing, so only orders wait for the clock.
        if kind is not Kind.CANCEL and (objection := self._clock.objection()) is not None:
            self._clock_wanted.set()
            return Retryable(objection, 1.0)
        return None

    def stamped(self) -> tuple[int, int]:
        """The venue's time in ms to sign a request with, and when its window has closed on our wall clock."""
        stamp_ns = self._clock.now_venue()
        closes_ns = time.time_ns() + self.recv_window_ms * 1_000_000 + self._clock.bound_ns + PROOF_MARGIN_NS
        return stamp_ns // 1_000_000, closes_ns

    def judged(self, kind: Kind, answer: Answer | Failure, closes_ns: int) -> Outcome:
        """What an answer to such a request means, after what follows from it for the clock and the budget."""
        outcome = judge(kind, answer, closes_ns)
        self._heed(answer, outcome)
        return self._without_secrets(outcome)

    async def read(
        self, request: Request, params: Params, *, signed: bool = False, patience_s: float = READ_S
    ) -> object:
        """Asks for JSON. A broken connection is tried once more.

        Raises `RetryLater`, `UsageError` for a wrong key, `VenueRefused` with the code for any other refusal.
        """
        return parsed(await self.read_body(request, params, signed=signed, patience_s=patience_s))

    async def read_body(
        self, request: Request, params: Params, *, signed: bool = False, patience_s: float = READ_S
    ) -> bytes:
        """As `read`, the body as received."""
        if signed and self.keys is None:
            raise UsageError(f"{request.path} needs an API key", "set the venue's key and secret")
        for attempt in (1, 2):
            wait = self._budget.take(request.purpose, request.weight)
            if wait:
                raise RetryLater(f"{self.base}: {self._budget.why_blocked}", wait)
            query = self._signed(params, self._clock.now_venue() // 1_000_000) if signed else urlencode(params)
            answer = await self._send(request, query, patience_s)
            outcome = judge(Kind.READ, answer)
            self._heed(answer, outcome)
            if isinstance(answer, Answer) and not isinstance(outcome, Rejected | Retryable):
                return answer.body
            if attempt == 2 or not isinstance(answer, Failure) or not answer.sent or answer.why == TIMED_OUT:
                break
        raise self._raised(request, self._without_secrets(outcome))

    async def keyed(self, request: Request) -> object:
        """Asks for JSON with the key alone, as for listen keys. Raises as `read`."""
        wait = self._budget.take(request.purpose, request.weight)
        if wait:
            raise RetryLater(f"{self.base}: {self._budget.why_blocked}", wait)
        answer = await self._send(request, "", READ_S)
        outcome = judge(Kind.READ, answer)
        self._heed(answer, outcome)
        if isinstance(answer, Answer) and not isinstance(outcome, Rejected | Retryable):
            return parsed(answer.body)
        raise self._raised(request, self._without_secrets(outcome))

    def _signed(self, params: Params, timestamp_ms: int) -> str:
        assert self.keys is not None
        return signed_query(self.keys, {**params, "recvWindow": self.recv_window_ms, "timestamp": timestamp_ms})

    async def _send(
        self, request: Request, query: str, total_s: float, on_sent: Callable[[], None] | None = None
    ) -> Answer | Failure:
        session = self._session
        if session is None:
            return Failure(False, "the client is closed")
        in_body = request.method in ("POST", "PUT")
        url = self.base + request.path + ("" if in_body or not query else f"?{query}")
        headers = {"X-MBX-APIKEY": self.keys.key} if self.keys is not None else {}
        if in_body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            async with session.request(
                request.method,
                URL(url, encoded=True),
                data=query.encode() if in_body else None,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=total_s, connect=CONNECT_S),
                trace_request_ctx=on_sent,
            ) as response:
                self._budget.learn(response.headers)
                body = await _bounded(response)
                if body is None:
                    return Failure(True, f"HTTP {response.status} with more than {BODY_MAX} bytes")
                return Answer(response.status, body, _seconds(response.headers.get("Retry-After")))
        except Exception as error:
            return failure(error)

    def _heed(self, answer: Answer | Failure, outcome: Outcome) -> None:
        if isinstance(outcome, Rejected) and outcome.code == CLOCK_CODE:
            self._clock.doubted = True
            self._clock_wanted.set()
        if not isinstance(answer, Answer) or not isinstance(outcome, Retryable):
            return
        if answer.status in (418, 429):
            error = error_of(parsed(answer.body))
            orders_only = answer.status == 429 and error is not None and error[0] == ORDERS_ONLY_CODE
            self._budget.block(outcome.after_s, banned=answer.status == 418, orders_only=orders_only)

    def _raised(self, request: Request, outcome: Outcome) -> KedgeError:
        where = f"{self.base}{request.path}"
        if isinstance(outcome, Retryable):
            return RetryLater(f"{where}: {outcome.why}", outcome.after_s)
        if isinstance(outcome, Rejected) and outcome.code == CLOCK_CODE:
            return RetryLater(f"{where}: the venue refused our time: its clock is measured again", 1.0)
        if isinstance(outcome, Rejected) and outcome.code in KEY_CODES:
            return UsageError(
                f"{where}: the venue refused the API key: {outcome.code} {outcome.message}",
                "check the key and its secret, that the key may trade, and that it allows this address",
            )
        if isinstance(outcome, Rejected):
            return VenueRefused(f"{where}: refused: {outcome.code} {outcome.message}", outcome.code)
        return UnreachableError(f"{where}: no usable answer")

    def _without_secrets(self, outcome: Outcome) -> Outcome:
        """The outcome with nothing in its text that only the two of us may know, should the venue echo it."""
        if self.keys is None:
            return outcome
        if isinstance(outcome, Rejected):
            return Rejected(outcome.code, self.redacted(outcome.message))
        if isinstance(outcome, Unknown):
            return Unknown(self.redacted(outcome.why), outcome.closes_ns)
        if isinstance(outcome, Retryable):
            return Retryable(self.redacted(outcome.why), outcome.after_s)
        return outcome

    def redacted(self, text: str) -> str:
        """A text of the venue's without our key and secret."""
        for hidden in (self.keys.secret, self.keys.key) if self.keys is not None else ():
            if hidden:
                text = text.replace(hidden, "(hidden)")
        return text


TIMED_OUT = "no answer in time"


def _tell_sent() -> aiohttp.TraceConfig:
    async def body_leaves(
        _session: aiohttp.ClientSession, context: SimpleNamespace, _sent: aiohttp.TraceRequestChunkSentParams
    ) -> None:
        # The library tells just before it writes, and writes before it gives the loop back.
        if context.trace_request_ctx is not None:
            asyncio.get_running_loop().call_soon(context.trace_request_ctx)

    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(body_leaves)
    return trace


def failure(error: Exception) -> Failure:
    """What an exception of a request means. Its own text is left out: it may hold the signed address."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    detail = shown(getattr(cause, "strerror", None) or "")
    named = type(error).__name__ + (f" ({detail})" if detail else "")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Failure(False, "no connection in time")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.InvalidURL):
        return Failure(False, f"not connected: {named}")
    if isinstance(error, asyncio.TimeoutError):
        return Failure(True, TIMED_OUT)
    return Failure(True, f"the connection was lost or its answer is broken: {named}")


async def _bounded(response: aiohttp.ClientResponse) -> bytes | None:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > BODY_MAX:
            response.close()
            return None
        parts.append(part)
    return b"".join(parts)


def _seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds; its other form, a date, is not used by this venue."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return float(text)
