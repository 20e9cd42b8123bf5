"""A second reader of Binance messages, written from the venue's documents: json, Decimal, and no speed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from typing import Any, NoReturn

from kedge.model import columns

I64_MAX, U64_MAX = 2**63 - 1, 2**64 - 1
MESSAGE_BYTES_MAX, LEVELS_MAX = 8 << 20, 10_000
DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)
UNSIGNED = re.compile(r"0|[1-9][0-9]*", re.ASCII)
SURROGATE = re.compile("[\ud800-\udfff]")
EXACT = Context(prec=100)

# The keys that are read of each kind of message, and what their values must be.
FIELDS = {
    "depth": {"e": str, "E": int, "T": int, "s": str, "U": int, "u": int, "pu": int, "b": list, "a": list},
    "trade": {"e": str, "E": int, "T": int, "s": str, "p": str, "q": str, "m": bool, "X": str},
    "quote": {"e": str, "E": int, "T": int, "s": str, "b": str, "B": str, "a": str, "A": str},
    "mark": {"e": str, "E": int, "s": str, "p": str, "r": str},
    "snapshot": {"lastUpdateId": int, "E": int, "T": int, "bids": list, "asks": list},
}
REQUIRED = {
    "depth": ["E", "s", "U", "u", "b", "a"],
    "trade": ["E", "s", "p", "q"],
    "quote": ["s", "b", "B", "a", "A"],
    "mark": ["E", "s", "p"],
    "snapshot": ["lastUpdateId", "bids", "asks"],
}
NAMES = {
    "depthUpdate": "depth",
    "trade": "trade",
    "aggTrade": "trade",
    "bookTicker": "quote",
    "markPriceUpdate": "mark",
}


class RefusedError(Exception):
    """The message breaks a rule."""


class Number(str):
    """A JSON number as written."""


class Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys in order, repeated ones too."""

    def values_of(self, key: str) -> list[Any]:
        return [value for name, value in self if name == key]


def refuse(rule: str) -> NoReturn:
    raise RefusedError(rule)


JSON = json.JSONDecoder(object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=refuse)


@dataclass
class Message:
    """What `kedge._core.decode_binance` says of it."""

    message: str = "ignored"
    ids: tuple[int | None, int | None, int | None] = (None, None, None)
    sent: int | None = None
    off_step: int = 0
    rows: list[tuple[int, int, int, int]] = field(default_factory=list)


def read(market: str, definition: dict[str, Any], frame: bytes) -> Message:
    """One message. Raises `RefusedError`."""
    if len(frame) > MESSAGE_BYTES_MAX:
        refuse("too long")
    try:
        top = JSON.decode(frame.decode())
    except ValueError as error:
        raise RefusedError(str(error)) from error
    if not isinstance(top, Pairs):
        refuse("no object")
    _check_keys(top)
    wrapped = _only(top, "data")
    payload = top if wrapped is None else wrapped[0]
    if not isinstance(payload, Pairs):
        return Message()
    _check_keys(payload)
    kind = _kind(payload)
    if kind == "ignored":
        return Message()
    return _Reader(market, definition, kind, payload).message()


def _check_keys(pairs: Pairs) -> None:
    if any(SURROGATE.search(key) for key, _ in pairs):
        refuse("a key is no text")


def _only(pairs: Pairs, key: str) -> list[Any] | None:
    values = pairs.values_of(key)
    if len(values) > 1:
        refuse(f"{key} twice")
    if values and isinstance(values[0], str) and SURROGATE.search(values[0]):
        refuse(f"{key} is no text")
    if values and isinstance(values[0], Number) and float(values[0]) in (float("inf"), float("-inf")):
        refuse(f"{key} beyond a float")
    return values or None


def _kind(payload: Pairs) -> str:
    event = _only(payload, "e")
    if event is not None:
        if type(event[0]) is not str:
            refuse("e is no text")
        return NAMES.get(event[0], "ignored")
    keys = {key for key, _ in payload}
    if "lastUpdateId" in keys:
        return "snapshot"
    return "quote" if {"A", "B"} <= keys else "ignored"


class _Reader:
    def __init__(self, market: str, definition: dict[str, Any], kind: str, payload: Pairs) -> None:
        self.market, self.symbol, self.kind = market, definition["symbol"], kind
        self.tick, self.step = Decimal(definition["tick_size"]), Decimal(definition["quantity_step_in_data"])
        self.order = [key for key, _ in payload]
        self.fields = {key: value for key, value in payload if key in FIELDS[kind]}
        for key, wanted in FIELDS[kind].items():
            if self.order.count(key) > 1:
                refuse(f"{key} twice")
            if key in self.fields:
                self.fields[key] = _typed(key, self.fields[key], wanted)
        for key in REQUIRED[kind]:
            if key not in self.fields:
                refuse(f"{key} is missing")
        if kind != "snapshot" and self.fields["s"] != self.symbol:
            refuse("another symbol")
        self.sent, self.matched = self.time("E"), self.time("T")
        self.at = next((t for t in (self.matched, self.sent) if t is not None), columns.NO_TIME)
        self.found = Message(kind, sent=None if kind == "snapshot" else self.sent)

    def message(self) -> Message:
        with localcontext(EXACT):
            getattr(self, self.kind)()
        rows = self.found.rows
        if rows:
            at, price, qty, flags = rows[-1]
            rows[-1] = (at, price, qty, flags | columns.LAST)
        return self.found

    def row(self, kind: int, sell: bool, price: int, qty: int) -> None:
        self.found.rows.append((self.at, price, qty, kind | (columns.SELL if sell else 0)))

    def depth(self) -> None:
        first, last = self.update_id("U"), self.update_id("u")
        if first > last:
            refuse("U above u")
        previous = None
        if self.market == "usdm":
            if "pu" not in self.fields:
                refuse("pu is missing")
            previous = self.update_id("pu")
        self.found.ids = (first, last, previous)
        self.levels(columns.DELTA, {"b": False, "a": True})

    def snapshot(self) -> None:
        self.found.ids = (None, self.update_id("lastUpdateId"), None)
        self.row(columns.CLEAR, False, 0, 0)
        self.levels(columns.LEVEL, {"bids": False, "asks": True})

    def levels(self, kind: int, sides: dict[str, bool]) -> None:
        levels = [(sides[key], level) for key in self.order if key in sides for level in self.fields[key]]
        if len(levels) > LEVELS_MAX:
            refuse("too many levels")
        for sell, level in levels:
            if not isinstance(level, list) or isinstance(level, Pairs) or len(level) != 2:
                refuse("no level")
            if [type(part) for part in level] != [str, str]:
                refuse("no decimal text")
            self.row(kind, sell, self.price(level[0]), self.qty(level[1]))

    def trade(self) -> None:
        if self.market == "usdm" and self.fields.get("X", "MARKET") != "MARKET":
            self.found.message = "ignored"
            return
        if "m" not in self.fields:
            refuse("m is missing")
        price, qty = self.price(self.fields["p"]), self.qty(self.fields["q"])
        if qty == 0:
            refuse("nothing traded")
        self.row(columns.TRADE, self.fields["m"], price, qty)

    def quote(self) -> None:
        for sell, price, qty in ((False, "b", "B"), (True, "a", "A")):
            self.row(columns.QUOTE, sell, self.price(self.fields[price]), self.qty(self.fields[qty]))

    def mark(self) -> None:
        value = _decimal(self.fields["p"], places=18)
        price = int((value / self.tick + Decimal("0.5")).to_integral_value("ROUND_FLOOR"))
        if not 1 <= price <= I64_MAX:
            refuse("no price")
        self.row(columns.MARK, False, price, 0)
        if rate := self.fields.get("r"):
            units = _decimal(rate) * 10**9
            if units != int(units) or abs(units) > I64_MAX:
                refuse("no rate")
            self.row(columns.FUNDING, False, 0, int(units))

    def price(self, text: str) -> int:
        ticks, rest = _steps(text, self.tick)
        if rest or ticks <= 0:
            refuse("off tick or not above 0")
        return ticks

    def qty(self, text: str) -> int:
        steps, rest = _steps(text, self.step)
        if steps < 0 or rest < 0:
            refuse("below 0")
        if rest:
            _decimal(text, places=18)
            self.found.off_step += 1
            return max(steps, 1)
        return steps

    def update_id(self, key: str) -> int:
        value: int = self.fields[key]
        return value if value <= I64_MAX else refuse("beyond 63 bits")

    def time(self, key: str) -> int | None:
        stamp = self.fields.get(key)
        if stamp is None:
            return None
        nanos: int = stamp * (1_000_000 if stamp < 10**14 else 1_000)
        return nanos if nanos <= I64_MAX else refuse("beyond the year 2262")


def _typed(key: str, value: Any, wanted: type) -> Any:
    if wanted is int:
        if isinstance(value, Number) and UNSIGNED.fullmatch(value) and int(value[:21]) <= U64_MAX:
            return int(value)
        refuse(f"{key} is no whole number")
    if type(value) is not wanted:
        refuse(f"{key} has another type")
    if isinstance(value, str) and SURROGATE.search(value):
        refuse(f"{key} is no text")
    return value


def _decimal(text: str, places: int | None = None) -> Decimal:
    """The decimal of a text whose digits, without trailing zeros behind the point, fit 63 bits."""
    parts = DECIMAL.fullmatch(text)
    if parts is None:
        refuse("no decimal")
    behind = (parts[3] or "").rstrip("0")
    if len((parts[2] + behind).lstrip("0")) > 19 or int((parts[2] + behind).lstrip("0") or 0) > I64_MAX:
        refuse("too many digits")
    if places is not None and len(behind) > places:
        refuse("too many places")
    return Decimal(f"{parts[1]}{parts[2]}.{behind}")


def _steps(text: str, step: Decimal) -> tuple[int, Decimal]:
    value = _decimal(text)
    units = value.scaleb(-step.as_tuple().exponent)  # type: ignore[operator]
    if units == units.to_integral_value() and abs(units) > I64_MAX:
        refuse("beyond 64 bits")
    steps, rest = divmod(value, step)
    return int(steps), rest
