"""Times as the page takes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(ns: int) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    at = _EPOCH + timedelta(microseconds=ns // 1_000)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1_000:03d}Z"
