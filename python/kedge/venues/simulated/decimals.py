"""Decimal text of whole numbers of steps, and back: no float on the way."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12}")


def fixed(units: int, places: int) -> str:
    """`units` of 10⁻ᵖˡᵃᶜᵉˢ: `fixed(150, 2)` is "1.50"."""
    if places == 0:
        return str(units)
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), 10**places)
    return f"{sign}{whole}.{rest:0{places}d}"


def places_of(step: Decimal) -> int:
    """Decimal places of a step: 2 of 0.01."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def steps(text: str, step: Decimal) -> int | None:
    """How many steps a number is; None if it is none, negative, or lies between two steps."""
    if _NUMBER.fullmatch(text) is None:
        return None
    number = Decimal(text)
    if number % step != 0:
        return None
    return int(number / step)


def is_number(text: str) -> bool:
    """Whether a text is a decimal that is not negative."""
    return _NUMBER.fullmatch(text) is not None


def places(amount: str, count: int) -> str:
    """Decimal text at a fixed number of places: `places("5000", 8)` is "5000.00000000"."""
    return f"{Decimal(amount):.{count}f}"
