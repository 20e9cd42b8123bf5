"""Books, trades and mark prices of one symbol: bytes straight to `on_frame`, snapshots on request.

Each symbol has a connection of its own, so no byte has to be read to know whose message it is, and a symbol that is
lost or slow does not hold up another.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import orjson

from kedge.model.errors import KedgeError, UnreachableError
from kedge.venues.binance.addresses import Addresses, Market
from kedge.venues.binance.clock import VenueClock
from kedge.venues.binance.errors import RetryLater
from kedge.venues.binance.outcomes import error_of, parsed, shown
from kedge.venues.binance.websocket import Line, Pace, Reconnecting

LATENCIES_KEPT = 2_048
ANSWER_MAX = 512
"""The answer to a subscription is shorter; no market message has an `id`."""
SNAPSHOT_CALM_S = 10.0
SNAPSHOT_FIRST_S = 0.25
SNAPSHOT_MAX_S = 10.0

OnFrame = Callable[[str, bytes, int], None]
OnLost = Callable[[str, str], None]
Fetch = Callable[[str], Awaitable[bytes]]


class MarketStream:
    """The streams of one symbol. `fetch(symbol)` gets a REST depth body."""

    def __init__(
        self,
        market: Market,
        addresses: Addresses,
        symbol: str,
        clock: VenueClock,
        pace: Pace,
        *,
        on_frame: OnFrame,
        on_lost: OnLost,
        fetch: Fetch,
    ) -> None:
        self.symbol = symbol
        self._clock, self._on_frame, self._on_lost, self._fetch = clock, on_frame, on_lost, fetch
        self._messages = 0
        self._latencies: deque[int] = deque(maxlen=LATENCIES_KEPT)
        self._heard_ns = 0
        self._book_live = False
        self._snapshot: asyncio.Task[None] | None = None
        self._snapshot_wanted = False
        self._snapshot_tries = 0
        self._snapshot_mono = 0.0
        name, (book, mark) = symbol.lower(), addresses.streams(market)
        self._book = self._line(f"{symbol} stream", book, [f"{name}@depth@100ms", f"{name}@trade"], pace, True)
        self._mark: Reconnecting | None = None
        if market == "usdm":
            self._mark = self._line(f"{symbol} mark price", mark, [f"{name}@markPrice@1s"], pace, False)

    def _line(self, name: str, address: str, streams: list[str], pace: Pace, book: bool) -> Reconnecting:
        answers: asyncio.Queue[bytes] = asyncio.Queue(1)
        agreed = False

        async def at() -> str:
            nonlocal agreed
            agreed = False
            while not answers.empty():
                answers.get_nowait()
            return address

        async def opened(line: Line) -> None:
            nonlocal agreed
            line.send(orjson.dumps({"method": "SUBSCRIBE", "params": streams, "id": 1}))
            error = error_of(_error_part(parsed(await answers.get())))
            agreed = True
            if error is not None:
                raise UnreachableError(
                    f"{name}: the venue refused the subscription: {error[0]} {shown(error[1])}",
                    "check that the address speaks Binance's protocol for this market",
                )

        def message(frame: bytes, now: int) -> None:
            if not agreed and len(frame) <= ANSWER_MAX and _is_answer(frame):
                if answers.empty():
                    answers.put_nowait(frame)
                return
            self._message(frame, now, book)

        up, down = (self._up, self._down) if book else (_nothing, _nothing)
        return Reconnecting(f"{address} {name}", at, opened, message, up, down, pace)

    def lines(self) -> list[Reconnecting]:
        """What has to run for this symbol."""
        return [self._book, *([self._mark] if self._mark is not None else [])]

    def _message(self, frame: bytes, now: int, book: bool) -> None:
        # First to who trades on it, then to who counts.
        self._hand_over(frame, now)
        self._messages += 1
        self._heard_ns = now
        head = frame[:160]
        at = head.find(b'"E":')
        stamp = head[at + 4 : at + 18].lstrip()[:13]
        if at >= 0 and stamp.isdigit():
            self._latencies.append(now + self._clock.offset_ns - int(stamp) * 1_000_000)
        if book and not self._book_live and b'"depthUpdate"' in head:
            # From here on the core holds updates back, so a snapshot asked for now will join them.
            self._book_live = True
            self.want_snapshot()

    def _up(self) -> None:
        self._book_live = False

    def _down(self, why: str) -> None:
        self._book_live = False
        self._snapshot_wanted = False
        self._on_lost(self.symbol, why)

    def want_snapshot(self) -> None:
        """The book needs a snapshot: one is fetched, once at a time, later where there have been many."""
        self._snapshot_wanted = True
        if self._book_live and self._snapshot is None:
            self._snapshot = asyncio.get_running_loop().create_task(self._snapshots())

    async def _snapshots(self) -> None:
        try:
            while self._needs_snapshot():
                await asyncio.sleep(self._snapshot_delay())
                try:
                    body = await self._fetch(self.symbol)
                except RetryLater as error:
                    await asyncio.sleep(min(error.after_s, SNAPSHOT_MAX_S))
                    continue
                except KedgeError:
                    continue
                if self._needs_snapshot():
                    self._snapshot_wanted = False
                    # The core may find it too old and want another: then this loop goes on.
                    self._hand_over(body, time.time_ns())
        finally:
            self._snapshot = None

    def _needs_snapshot(self) -> bool:
        return self._snapshot_wanted and self._book_live

    def _hand_over(self, body: bytes, now: int) -> None:
        try:
            self._on_frame(self.symbol, body, now)
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"a message of {self.symbol} could not be handled", "exception": error}
            )

    def _snapshot_delay(self) -> float:
        now = time.monotonic()
        self._snapshot_tries = 0 if now - self._snapshot_mono > SNAPSHOT_CALM_S else self._snapshot_tries + 1
        self._snapshot_mono = now
        if self._snapshot_tries == 0:
            return 0.0
        return min(SNAPSHOT_MAX_S, SNAPSHOT_FIRST_S * 2.0 ** (self._snapshot_tries - 1))

    async def close(self) -> None:
        """Ends a snapshot under way."""
        self._book_live = False
        if self._snapshot is not None:
            self._snapshot.cancel()
            await asyncio.gather(self._snapshot, return_exceptions=True)

    def health(self) -> dict[str, object]:
        """state (connecting, live, lost), age_ms of the last message, messages, reconnects, latency_p50_ms and _p99_ms
        (venue's stamp to our receipt, on the venue's clock; None before the first)."""
        state = "connecting" if not self._book.connections else "live" if self._book.line is not None else "lost"
        latencies = sorted(self._latencies)

        def quantile(q: float) -> float | None:
            return round(latencies[int(q * (len(latencies) - 1))] / 1e6, 3) if latencies else None

        return {
            "state": state,
            "age_ms": (time.time_ns() - self._heard_ns) // 1_000_000 if self._heard_ns else None,
            "messages": self._messages,
            "reconnects": sum(max(0, line.connections - 1) for line in self.lines()),
            "latency_p50_ms": quantile(0.5),
            "latency_p99_ms": quantile(0.99),
        }


def _is_answer(frame: bytes) -> bool:
    body = parsed(frame)
    return isinstance(body, dict) and "id" in body and "e" not in body


def _error_part(body: object) -> object:
    """The error of an answer, in its newer form ({"error": {…}}) or its older one."""
    return body.get("error", body) if isinstance(body, dict) else body


def _nothing(*_: object) -> None:
    pass
