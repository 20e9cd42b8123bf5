"""Moments as text: ISO 8601, UTC, to the nanosecond that the numbers carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(ns: int) -> str:
    """`2024-08-08T23:54:13.937085768Z` of nanoseconds since the epoch; every `int64` has a text."""
    seconds, rest = divmod(ns, 10**9)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
