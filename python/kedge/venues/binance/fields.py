"""Fields of the venue's JSON, each checked: what is not of its documented form raises `DataError` only."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal

from kedge.model.errors import DataError

Object = Mapping[str, object]

TEXT_MAX = 64
_DECIMAL = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,20})?")
_MS_MAX = 2**63 // 1_000_000


def obj(value: object, what: str) -> Object:
    """A JSON object."""
    if not isinstance(value, dict):
        raise _wrong(what, value, "an object")
    return value


def rows(value: object, what: str, most: int = 100_000) -> list[Object]:
    """A JSON list of at most `most` objects."""
    if not isinstance(value, list) or len(value) > most:
        raise _wrong(what, value, f"a list of at most {most} objects")
    return [obj(row, what) for row in value]


def text(row: Object, key: str, most: int = TEXT_MAX) -> str:
    """A short printable text."""
    value = row.get(key)
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise _wrong(key, value, f"a printable text of at most {most} characters")
    return value


def one_of(row: Object, key: str, words: Collection[str]) -> str:
    """A text that is one of `words`."""
    value = text(row, key)
    if value not in words:
        raise _wrong(key, value, "one of " + ", ".join(words))
    return value


def decimal_text(row: Object, key: str) -> str:
    """A decimal, as text."""
    value = row.get(key)
    if not isinstance(value, str) or _DECIMAL.fullmatch(value) is None:
        raise _wrong(key, value, 'a decimal as text, such as "0.01"')
    return value


def decimal(row: Object, key: str) -> Decimal:
    """A decimal given as text."""
    return Decimal(decimal_text(row, key))


def whole(row: Object, key: str) -> int:
    """A whole number of 63 bits, not negative."""
    value = row.get(key)
    if type(value) is not int or not 0 <= value < 2**63:
        raise _wrong(key, value, "a whole number of 63 bits")
    return value


def time_ns(row: Object, key: str) -> int:
    """A time given in milliseconds, in nanoseconds."""
    value = whole(row, key)
    if value >= _MS_MAX:
        raise _wrong(key, value, "a time in milliseconds before the year 2262")
    return value * 1_000_000


def flag(row: Object, key: str) -> bool:
    """True or false."""
    value = row.get(key)
    if not isinstance(value, bool):
        raise _wrong(key, value, "true or false")
    return value


def _wrong(what: str, value: object, rule: str) -> DataError:
    seen = repr(value)
    return DataError(f"the venue's `{what}` must be {rule}, was {seen if len(seen) <= 80 else seen[:79] + '…'}")
