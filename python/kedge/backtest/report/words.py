"""Numbers, times and sentences as a trader reads them.

A real minus sign, thousands set apart by commas, a sign always where a value may be negative; None is "–".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from kedge.backtest.metrics import Kind, Metric, Value

NONE: Final = "–"
MINUS: Final = "\u2212"


def number(value: Decimal | float | None, decimals: int, signed: bool = False) -> str:
    """`+1,234.50`, `−0.10`, `0.00` (no sign once it rounds to zero), `–` for None."""
    if value is None:
        return NONE
    text = f"{abs(value):,.{decimals}f}"
    if not text.strip("0.,"):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def money_decimals(*values: Decimal | float | None) -> int:
    """How many decimals show three significant digits of the largest of the values: 2 to 8."""
    largest = max((abs(float(value)) for value in values if value is not None), default=0.0)
    return 2 if largest == 0 else min(8, max(2, 2 - math.floor(math.log10(largest))))


def step_decimals(step: str | Decimal | None, default: int) -> int:
    """How many decimals a tick or lot has: `0.01` → 2."""
    if step is None:
        return default
    exponent = Decimal(str(step)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else default


def percent(share: float | None, decimals: int = 2, signed: bool = False) -> str:
    """`+0.12` of a share of .0012: the unit is said apart."""
    return number(None if share is None else share * 100, decimals, signed)


def duration(seconds: float | None) -> str:
    """`850 ms`, `12.4 s`, `59 min 59 s`, `3 h 20 min`, `2 d 4 h`."""
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for size, unit, part, smaller in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def moment(value: datetime | str | int) -> datetime:
    """A time in UTC of an aware `datetime`, ISO 8601 text or ns since the epoch."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value // 10**9, UTC).replace(microsecond=value % 10**9 // 1000)
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def when(value: datetime | str | int | None) -> str:
    """`2024-08-08 12:00:00`, in UTC."""
    return NONE if value is None else f"{moment(value):%Y-%m-%d %H:%M:%S}"


def shown(kind: Kind, value: Value, signed: bool, decimals: int) -> str:
    """A metric's value without its unit (durations carry theirs)."""
    if value is None:
        return NONE
    if isinstance(value, datetime):
        return when(value)
    if kind == "seconds":
        return duration(float(value))
    if kind == "count":
        return f"{value:,}"
    if kind == "share":
        return percent(float(value), 2, signed)
    if kind == "money":
        return number(value, decimals, signed)
    return number(value, 2 if abs(float(value)) >= 0.1 else 4, signed)


def unit(metric: Metric, currency: str) -> str:
    """The unit of a metric with the run's currency in place; durations carry theirs."""
    return currency if metric.kind == "money" else "" if metric.kind == "seconds" else metric.unit


def verdict(values: dict[str, Any], currency: str, seconds: float, decimals: int) -> tuple[str, str]:
    """Two sentences for a trader: what it made at which drawdown, and how much that says."""
    gain, span = values["pnl"], duration(seconds)
    if gain is None:
        return "No equity sample: nothing can be said.", ""
    if not values["fills"]:
        return f"Did not trade: {values['orders']:,} orders, no fill in {span}.", ""
    said = "Made" if gain > 0 else "Lost" if gain < 0 else "Came out even,"
    amount = f"{number(abs(gain), decimals)} {currency}"
    share = values["pnl_fraction"]
    part = "" if share is None else f" ({percent(share, _share_decimals(share), signed=True)} %)"
    fall = f"{number(values['max_drawdown'], decimals)} {currency}"
    if values["max_drawdown_fraction"] is not None:
        fell = values["max_drawdown_fraction"]
        fall += f" ({percent(fell, _share_decimals(fell))} %)"
    return f"{said} {amount}{part} in {span} at a maximum drawdown of {fall}.", certainty(values)


def certainty(values: dict[str, Any]) -> str:
    """The Sharpe ratio with its error, and whether that is told from zero."""
    ratio, error = values["sharpe"], values["sharpe_se"]
    if ratio is None or error is None:
        return "Sharpe ratio undefined: too few samples, or equity did not move."
    head = f"Sharpe {number(ratio, 1, signed=True)} ± {number(error, 1)} a year"
    if indistinct(values):
        return f"{head}: not distinguishable from zero."
    side = "above" if ratio > 0 else "below"
    return f"{head}: {abs(ratio) / error:.1f} standard errors {side} zero, if this was the only try."


def survival(rows: Sequence[Mapping[str, Any]], currency: str, decimals: int) -> str:
    """What the table of harder assumptions comes to, in a sentence or two."""
    base = rows[0]
    made, fees = float(base["pnl"]), float(base["fees"])
    before = made + fees
    if before <= 0:
        lost = number(abs(before), decimals)
        return f"It loses {lost} {currency} before any fee: dearer or slower trading is not what kills it."
    bears = f"It makes {number(before, decimals)} {currency} before fees"
    bears += f" and breaks even where they are {before / fees:.2g} times what was assumed." if fees > 0 else "."
    dead = [row["name"] for row in rows[1:] if float(row["pnl"]) <= 0]
    if made <= 0:
        return f"{bears} It does not survive its own costs."
    return f"{bears} " + (f"It does not survive {', nor '.join(dead)}." if dead else "It survives all of them.")


def indistinct(values: dict[str, Any]) -> bool:
    """Whether the Sharpe ratio is undefined or within two standard errors of zero."""
    ratio, error = values["sharpe"], values["sharpe_se"]
    return ratio is None or error is None or not error or abs(ratio) < 2 * error


def _share_decimals(share: float) -> int:
    return 2 if share == 0 else min(6, max(2, 1 - math.floor(math.log10(abs(share) * 100))))
