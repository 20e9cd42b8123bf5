"""The exchange's information → instrument definitions as `kedge.model.instruments` reads them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from decimal import Decimal

from kedge.model.errors import DataError, UsageError
from kedge.venues.binance.addresses import Market
from kedge.venues.binance.fields import Object, decimal, obj, rows, text, whole

FUNDING_HOURS = 8
DEFAULT_FEES = {"spot": ("0.001", "0.001"), "usdm": ("0.0002", "0.0005")}
"""Maker and taker fee where there is no key to ask for the account's own."""


def definition(market: Market, venue: str, row: Object, fees: tuple[str, str]) -> dict[str, object]:
    """One symbol's definition. Raises `DataError` for information that is not of the documented form."""
    filters = {text(part, "filterType"): part for part in rows(row.get("filters"), "filters", 100)}
    base, quote = text(row, "baseAsset"), text(row, "quoteAsset")
    lot = plain(decimal(_of(filters, "LOT_SIZE"), "stepSize"))
    found: dict[str, object] = {
        "symbol": text(row, "symbol"),
        "tick_size": plain(decimal(_of(filters, "PRICE_FILTER"), "tickSize")),
        "lot_size": lot,
        "maker_fee": fees[0],
        "taker_fee": fees[1],
    }
    if market == "spot":
        notional = filters.get("NOTIONAL") or _of(filters, "MIN_NOTIONAL")
        places = whole(row, "baseAssetPrecision")
        return {
            "id": f"{base}/{quote}@{venue}",
            "kind": "spot",
            "quantity_step_in_data": plain(Decimal(1).scaleb(-min(places, 12))),
            "min_notional": plain(decimal(notional, "minNotional")),
            **found,
        }
    settle = text(row, "marginAsset")
    return {
        "id": f"{base}/{quote}:{settle}@{venue}",
        "kind": "linear_perpetual",
        "quantity_step_in_data": lot,
        "min_notional": plain(decimal(_of(filters, "MIN_NOTIONAL"), "notional")),
        "contract_multiplier": "1",
        "settle": settle,
        "funding_interval_hours": FUNDING_HOURS,
        **found,
    }


def symbols_of(information: object) -> dict[str, Object]:
    """The symbols of the exchange's information, by name. Raises `DataError`."""
    return {text(row, "symbol"): row for row in rows(obj(information, "exchangeInfo").get("symbols"), "symbols")}


def require(known: Mapping[str, Object], wanted: Iterable[str], where: str) -> None:
    """Raises `UsageError` for a symbol that the venue does not have or does not trade now."""
    for symbol in wanted:
        if symbol not in known:
            near = difflib.get_close_matches(symbol, known, n=1, cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else "take a symbol that the venue lists"
            raise UsageError(f"{where} has no symbol `{symbol}`", hint)
        status = known[symbol].get("status", known[symbol].get("contractStatus"))
        if status != "TRADING":
            raise UsageError(f"`{symbol}` is not traded at {where} now", "wait until it is, or take another symbol")


def plain(number: Decimal) -> str:
    """A decimal as text without zeros at its end: `0.01` of `0.01000000`."""
    text_of = f"{number:f}"
    return text_of.rstrip("0").rstrip(".") if "." in text_of else text_of


def _of(filters: Mapping[str, Object], name: str) -> Object:
    if name not in filters:
        raise DataError(f"the venue's symbol has no filter {name}")
    return filters[name]
