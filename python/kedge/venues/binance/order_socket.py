"""One kept-open connection to the WebSocket API, for orders: requests go out at once, answers are found by their id.

A request that has left and gets no answer ends as a `Failure` that was sent: whether the connection was lost, the
answer was broken, or nobody answered in time. An answer to a request that nobody waits for any more is left out.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass

import orjson

from kedge.venues.binance.budget import RateBudget
from kedge.venues.binance.outcomes import Answer, Failure, parsed
from kedge.venues.binance.websocket import Line, Pace, Reconnecting

TIMED_OUT = "no answer in time"
BROKEN = "the answer has no status"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that has left: on which connection, when (`time.monotonic`), and its answer to come."""

    number: str
    line: Line
    mono: float
    answer: asyncio.Future[Answer | Failure]


class OrderSocket:
    """The connection. Numbers of requests are texts that are used once, also over reconnections."""

    def __init__(self, address: str, pace: Pace, budget: RateBudget) -> None:
        self._address = address
        self._budget = budget
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Answer | Failure]] = {}
        self._leaving = False
        self.line = Reconnecting(f"{address} orders", self._at, self._opened, self._message, _nothing, self._down, pace)

    @property
    def up(self) -> bool:
        """Whether a request can leave now."""
        line = self.line.line
        if line is None or line.why or self._leaving:
            return False
        return line.transport is not None and not line.transport.is_disconnected

    def number(self) -> str:
        """The number of a request, used once."""
        return str(next(self._numbers))

    def send(self, number: str, text: bytes) -> Sent:
        """Hands a request to the socket before it returns. Only where it is `up`."""
        assert self.line.line is not None
        return self._send(self.line.line, number, text)

    def _send(self, line: Line, number: str, text: bytes) -> Sent:
        answer: asyncio.Future[Answer | Failure] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        sent = Sent(number, line, time.monotonic(), answer)
        try:
            line.send(text)
        except Exception as error:
            # Part of it may have left.
            self._settle(number, Failure(True, f"the connection failed: {type(error).__name__}"))
        return sent

    async def answered(self, sent: Sent, patience_s: float) -> Answer | Failure:
        """What came back. A connection on which nothing at all came back meanwhile is taken for dead, and ended."""
        try:
            return await asyncio.wait_for(sent.answer, patience_s)
        except TimeoutError:
            if sent.line.heard_mono < sent.mono:
                sent.line.end(TIMED_OUT)
            return Failure(True, TIMED_OUT)
        finally:
            self._waiting.pop(sent.number, None)

    async def _at(self) -> str:
        self._leaving = False
        return self._address

    async def _opened(self, line: Line) -> None:
        # Any answer will do: who answers by number speaks this protocol, and is there.
        number = self.number()
        try:
            await self._send(line, number, orjson.dumps({"id": number, "method": "ping"})).answer
        finally:
            self._waiting.pop(number, None)

    def _message(self, frame: bytes, now: int) -> None:
        body = parsed(frame)
        if not isinstance(body, dict):
            return
        self._budget.learn_counts(body.get("rateLimits"))
        event = body.get("event", body)
        if isinstance(event, dict) and event.get("e") == "serverShutdown":
            self._leaving = True
        number = body.get("id")
        if isinstance(number, str):
            self._settle(number, answer_of(body))
        if self._leaving and not self._waiting and self.line.line is not None:
            self.line.line.end("the venue ends it")

    def _settle(self, number: str, answer: Answer | Failure) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _down(self, why: str) -> None:
        for number in list(self._waiting):
            self._settle(number, Failure(True, f"the connection was lost: {why}"))


def answer_of(body: dict[str, object]) -> Answer | Failure:
    """An answer in the form that REST's answers have: its status, and its result or error as the body."""
    status = body.get("status")
    if type(status) is not int or not 100 <= status <= 599:
        return Failure(True, BROKEN)
    error = body.get("error")
    part = error if error is not None else body.get("result")
    return Answer(status, orjson.dumps(part), _retry_after_s(error))


def _retry_after_s(error: object) -> float | None:
    """How long the venue wants us to wait: it tells two times, in ms."""
    told = error.get("data") if isinstance(error, dict) else None
    if not isinstance(told, dict):
        return None
    until, now = told.get("retryAfter"), told.get("serverTime")
    return max(0.0, (until - now) / 1e3) if type(until) is int and type(now) is int else None


def _nothing() -> None:
    pass
