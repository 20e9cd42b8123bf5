"""What an answer means: a total table from (request, answer) to the outcome. docs/binance.md shows the same table.

`judge` is pure and never raises. A request that may change an order ends *accepted* or *rejected* only where the venue
says so in its own form; whatever else came after the request left is *unknown*. A request that only reads never ends
unknown: it can be asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import orjson


class Kind(Enum):
    """What was asked for."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    AMEND = "amend"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whole: its status, its body as received, and `Retry-After` in seconds where it had one."""

    status: int
    body: bytes
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """No whole answer. `sent` is false only where not a byte of the request can have left."""

    sent: bool
    why: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue did it. `order_id` is its own id of the order (0 for a read), `ts` its time of it in nanoseconds."""

    order_id: int
    ts: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The venue said no, and did nothing. `code` is its error code, 0 where we said no ourselves."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done or not. After `closes_ns` on our wall clock "there is no such order" is proof of not."""

    why: str
    closes_ns: int


@dataclass(frozen=True, slots=True)
class Retryable:
    """It was not done, and may be asked again after `after_s` seconds."""

    why: str
    after_s: float


Outcome = Accepted | Rejected | Unknown | Retryable

TOO_LONG_A_TEXT = 200
RETRY_S = 1.0
RATE_RETRY_S = 10.0
BAN_S = 120.0
LONGEST_WAIT_S = 3 * 86_400.0
"""Binance's longest ban."""

MAY_HAVE_BEEN_DONE = {-1000, -1001, -1006, -1007}
"""Codes of errors inside the venue: the order's status is not told by them, whatever the HTTP status."""
NOT_DONE_TRY_LATER = {-1003, -1008, -1015}
"""Codes of limits and load, answered before the order reached the matching engine."""
DUPLICATE_ID = {-4111, -4115, -4116}
"""USD-M: an order with this client id is there."""
NEW_ORDER_REJECTED = -2010
CLOCK_CODE = -1021


def judge(kind: Kind, answer: Answer | Failure, closes_ns: int = 0) -> Outcome:
    """The outcome of a request. `closes_ns` goes into an `Unknown`."""
    outcome = _judge(kind, answer, closes_ns)
    if kind is Kind.READ and isinstance(outcome, Unknown):
        return Retryable(outcome.why, RETRY_S)
    return outcome


def _judge(kind: Kind, answer: Answer | Failure, closes_ns: int) -> Outcome:
    if isinstance(answer, Failure):
        return Unknown(answer.why, closes_ns) if answer.sent else Retryable(answer.why, RETRY_S)
    status = answer.status
    if status == 418:
        return Retryable("HTTP 418: our address is banned", wait_s(answer.retry_after_s, BAN_S))
    if status == 429:
        return Retryable("HTTP 429: too many requests", wait_s(answer.retry_after_s, RATE_RETRY_S))
    body = _parsed(answer.body)
    if 200 <= status <= 299:
        return _success(kind, status, body, answer.body, closes_ns)
    if 400 <= status <= 499 and (error := error_of(body)) is not None:
        return _refusal(kind, error, answer.retry_after_s, closes_ns)
    return Unknown(f"HTTP {status}: {described(answer.body)}", closes_ns)


def _success(kind: Kind, status: int, body: object, raw: bytes, closes_ns: int) -> Outcome:
    if error_of(body) is not None:
        return Unknown(f"HTTP {status} with an error in it: {described(raw)}", closes_ns)
    if kind is Kind.READ:
        if isinstance(body, dict | list):
            return Accepted(0, 0)
        return Unknown(f"HTTP {status} without a usable answer: {described(raw)}", closes_ns)
    if isinstance(body, dict):
        order_id = _whole(body.get("orderId"))
        times = (_whole(body.get(key)) for key in ("transactTime", "updateTime", "time"))
        if order_id is not None:
            return Accepted(order_id, next((ts for ts in times if ts is not None), 0) * 1_000_000)
    return Unknown(f"HTTP {status} without an order id: {described(raw)}", closes_ns)


def _refusal(kind: Kind, error: tuple[int, str], retry_after_s: float | None, closes_ns: int) -> Outcome:
    code, message = error
    if code in MAY_HAVE_BEEN_DONE:
        return Unknown(f"{code} {message}", closes_ns)
    if code in NOT_DONE_TRY_LATER:
        return Retryable(f"{code} {message}", wait_s(retry_after_s, RATE_RETRY_S))
    duplicate = code in DUPLICATE_ID or (code == NEW_ORDER_REJECTED and "duplicate" in message.lower())
    if kind is Kind.SUBMIT and duplicate:
        return Unknown(f"{code} {message} An order of this id is open: ask for it", closes_ns)
    return Rejected(code, message)


def error_of(body: object) -> tuple[int, str] | None:
    """(code, message) of an error in Binance's form, which has a negative code. Anything else is none."""
    if not isinstance(body, dict):
        return None
    code, message = body.get("code"), body.get("msg")
    if type(code) is not int or not -(10**9) < code < 0:
        return None
    return code, shown(message if isinstance(message, str) else "")


def parsed(body: bytes) -> object:
    """The body as JSON, or None if it is not."""
    return _parsed(body)


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except (ValueError, RecursionError):
        return None


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 // 1_000_000 else None


def wait_s(retry_after_s: float | None, otherwise: float) -> float:
    """How long to wait: what the venue said, within what is sane."""
    if retry_after_s is None or not retry_after_s >= 0:
        return otherwise
    return min(max(retry_after_s, RETRY_S), LONGEST_WAIT_S)


def described(body: bytes) -> str:
    """A body in an error: what it looks like, short and printable."""
    if not body.strip():
        return "an empty body"
    start = shown(body[: TOO_LONG_A_TEXT * 4].decode("utf-8", "replace"))
    if body.lstrip()[:1] == b"<":
        return f"a page instead of JSON: {start}"
    return start


def shown(text: str) -> str:
    """A text of the venue's, as errors may show it: printable and short."""
    text = "".join(letter if letter.isprintable() else " " for letter in text[: TOO_LONG_A_TEXT + 1]).strip()
    return text if len(text) <= TOO_LONG_A_TEXT else text[: TOO_LONG_A_TEXT - 1] + "…"
