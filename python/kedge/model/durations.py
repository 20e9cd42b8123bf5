"""Durations as people write them: `250us`, `100ms`, `1s`, `5m`, `1h`, `2d`. In nanoseconds inside."""

from __future__ import annotations

import re
from decimal import Decimal

from kedge.model.errors import UsageError

SECOND = 10**9
UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
UNITS["d"] = 24 * UNITS["h"]
LONGEST = 3660 * UNITS["d"]

_FORM = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*([a-zµ]+)", re.ASCII)


def parse_duration(text: str, name: str = "duration") -> int:
    """Nanoseconds in a duration, 0 to ten years; `name` is what the error calls it.

    Raises `UsageError` if the text has no unit, an unknown unit, a sign, or is no whole number of nanoseconds.
    """
    form = _FORM.fullmatch(text.strip().replace("μ", "µ"))
    if form is None or form[2] not in UNITS:
        raise UsageError(
            f"`{name}` must be a number ≥ 0 with a unit ({', '.join(UNITS)}), was {text!r}",
            "write for example 50ms, 1s or 5m",
        )
    nanoseconds = Decimal(form[1]) * UNITS[form[2]]
    if nanoseconds != nanoseconds.to_integral_value():
        raise UsageError(f"`{name}` must be a whole number of nanoseconds, was {text!r}", "drop the last digits")
    if nanoseconds > LONGEST:
        raise UsageError(f"`{name}` must be at most 3660d, was {text!r}", "check the unit")
    return int(nanoseconds)


def duration_text(nanoseconds: int) -> str:
    """The shortest exact text of a duration: 5_000_000_000 → `5s`."""
    for unit in ("d", "h", "m", "s", "ms", "us"):
        if nanoseconds and nanoseconds % UNITS[unit] == 0:
            return f"{nanoseconds // UNITS[unit]}{unit}"
    return f"{nanoseconds}ns" if nanoseconds else "0s"
