"""A strategy's limits as the engine takes them: the tighter of the account's and its own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kedge.model.settings import Limits, Settings


def tightest_limits(settings: Settings, own: Limits, capital: Decimal) -> dict[str, Any]:
    """The tighter of the account's and the strategy's own limits, as the engine takes them.

    `capital` is what a fraction of the balance is taken of, in quote currency.
    """
    account = settings.risk.model_dump()
    tightest: dict[str, Any] = {}
    for key, value in own.model_dump().items():
        bounds = [bound for bound in (value, account[key]) if bound is not None]
        if bounds:
            tightest[key] = min(bounds)
    if "daily_loss" in tightest:
        tightest["daily_loss"] *= capital
    if "stale_after" in tightest:
        tightest["stale_after_ns"] = tightest.pop("stale_after")
    tightest["leverage"] = settings.risk.leverage
    return {key: f"{value:f}" if isinstance(value, Decimal) else value for key, value in tightest.items()}


def quote_currency(definition: Mapping[str, Any]) -> str:
    """What profits are in: `USDT` of `BTC/USDT:USDT@binance`, `BTC` of the inverse `BTC/USD:BTC@binance`."""
    base, _, rest = str(definition["id"]).partition("@")[0].partition("/")
    return base if definition["kind"] == "inverse_perpetual" else rest.partition(":")[0]
