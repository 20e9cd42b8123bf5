"""An order laid beside the limits it had to keep, from what the journal says of that moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from kedge.api.sections import amount

Answer = dict[str, Any]
_ORDER = ("order_size", "order_notional", "position", "position_notional", "price_band", "order_rate")


def checks(life: Mapping[str, Sequence[Any]], book: Mapping[str, Any] | None) -> list[Answer]:
    """The limits that are set and that the order could be held against: used, bound, and their ratio.

    `position`: what the strategy would hold with this order filled, besides its other open ones.
    """
    limits = json.loads(life["strategy"][0]["limits"]) if life["strategy"] else {}
    used = _used(life, book)
    found = []
    for limit in _ORDER:
        bound = amount(limits.get(limit))
        if bound is None or used.get(limit) is None:
            continue
        share = float(used[limit] / Decimal(bound)) if Decimal(bound) else None
        shown = amount(used[limit].quantize(Decimal("1e-8")))
        found.append({"limit": limit, "used": shown, "bound": bound, "share": share})
    return found


def _used(life: Mapping[str, Sequence[Any]], book: Mapping[str, Any] | None) -> dict[str, Decimal]:
    order = life["order"][0]
    buys = order["side"] == "buy"
    quantity = Decimal(order["quantity"])
    opposite = (book or {}).get("ask" if buys else "bid")
    reference = order["price"] or opposite
    held = sum((_signed(fill) for fill in life["before"]), Decimal(0))
    after = abs(held + (quantity if buys else -quantity))
    used = {"order_size": quantity, "position": after, "order_rate": Decimal(len(life["within_second"]))}
    if reference is not None:
        price = Decimal(reference)
        used |= {"order_notional": quantity * price, "position_notional": after * price}
        if opposite is not None:
            beyond = price - Decimal(opposite) if buys else Decimal(opposite) - price
            used["price_band"] = max(Decimal(0), beyond / Decimal(opposite))
    return used


def _signed(fill: Any) -> Decimal:
    """What a fill changed the position by; a spot buyer's fee is taken from what was bought."""
    quantity = Decimal(fill["quantity"])
    if fill["side"] == "sell":
        return -quantity
    base = str(fill["instrument"]).partition("/")[0]
    return quantity - (Decimal(fill["fee"]) if fill["fee_currency"] == base else Decimal(0))
