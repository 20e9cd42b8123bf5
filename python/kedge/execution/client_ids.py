"""What our orders are called at a venue: `k`, the trader's two characters, the order's id in base 36.

An order's id carries the epoch of the session that made it in its upper bits, so ids of different sessions never meet.
"""

from __future__ import annotations

import re

from kedge.model.errors import UsageError

EPOCH_SHIFT = 32
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"k([a-z0-9]{2})([0-9a-z]{1,13})")
_TRADER = re.compile(r"[a-z0-9]{2}")


def first_order(epoch: int) -> int:
    """The first order id of a session. Raises `UsageError` for an epoch outside 1..2^31."""
    if not 1 <= epoch < 2**31:
        raise UsageError(f"epoch must be 1 to {2**31 - 1}, was {epoch}")
    return (epoch << EPOCH_SHIFT) + 1


def client_id(trader: str, order: int) -> str:
    """The name of an order at the venue: at most 16 of the 32 characters that every venue takes."""
    if not _TRADER.fullmatch(trader):
        raise UsageError(f"`trader.id` must be two of a-z and 0-9, was {trader!r}", 'for example id = "a1"')
    digits = ""
    while order:
        order, digit = divmod(order, 36)
        digits = _DIGITS[digit] + digits
    return f"k{trader}{digits or '0'}"


def order_of(trader: str, name: str) -> int | None:
    """The order a venue calls `name`; None if it is not one of this trader's."""
    match = _FORM.fullmatch(name)
    if match is None or match[1] != trader:
        return None
    return int(match[2], 36)
