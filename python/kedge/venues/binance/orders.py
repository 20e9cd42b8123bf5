"""Orders of ours in the venue's words: the requests and parameters of order entry, for both markets."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kedge.model.errors import UsageError
from kedge.venues.binance.addresses import Market
from kedge.venues.binance.rest import Request

CLIENT_ID = re.compile(r"[.A-Za-z0-9:/_-]{1,36}")
SYMBOL = re.compile(r"[A-Z0-9_]{1,30}")
_AMOUNT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
FORMS: Mapping[str, re.Pattern[str]] = {
    "symbol": SYMBOL,
    "newClientOrderId": CLIENT_ID,
    "origClientOrderId": CLIENT_ID,
    "price": _AMOUNT,
    "quantity": _AMOUNT,
}
TIMES_IN_FORCE = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK"}

ORDER: Mapping[Market, str] = {"spot": "/api/v3/order", "usdm": "/fapi/v1/order"}


def submit(market: Market) -> Request:
    """The request that places an order."""
    return Request("POST", ORDER[market], "order", 1, counted=True)


def cancel(market: Market) -> Request:
    """The request that cancels one."""
    return Request("DELETE", ORDER[market], "cancel", 1)


def amend(market: Market) -> Request:
    """The request that changes one."""
    return Request("PUT", ORDER[market], "order", 1, counted=True)


def submission(
    market: Market,
    *,
    symbol: str,
    client_id: str,
    side: str,
    kind: str,
    tif: str,
    price: str,
    quantity: str,
    reduce_only: bool,
) -> dict[str, str | int]:
    """The parameters of an order: `side` buy or sell, `kind` limit or market, `tif` gtc, ioc, fok or post_only (of
    limit orders). Raises `UsageError` for anything else."""
    params: dict[str, str | int] = {
        "symbol": _checked("symbol", symbol, SYMBOL),
        "side": _side(side),
        "newClientOrderId": _checked("client_id", client_id, CLIENT_ID),
        "quantity": _checked("quantity", quantity, _AMOUNT),
        "newOrderRespType": "ACK",
    }
    if kind == "market":
        params["type"] = "MARKET"
    elif kind != "limit":
        raise UsageError(f"`kind` of an order must be limit or market, was `{kind}`")
    else:
        params["price"] = _checked("price", price, _AMOUNT)
        if tif == "post_only":
            params |= {"type": "LIMIT_MAKER"} if market == "spot" else {"type": "LIMIT", "timeInForce": "GTX"}
        elif tif in TIMES_IN_FORCE:
            params |= {"type": "LIMIT", "timeInForce": TIMES_IN_FORCE[tif]}
        else:
            raise UsageError(f"`tif` of an order must be gtc, ioc, fok or post_only, was `{tif}`")
    if reduce_only:
        params["reduceOnly"] = "true"
    return params


def named(symbol: str, client_id: str) -> dict[str, str | int]:
    """The parameters that name an order by its client id."""
    return {"symbol": _checked("symbol", symbol, SYMBOL), "origClientOrderId": _checked("id", client_id, CLIENT_ID)}


def amendment(*, symbol: str, client_id: str, side: str, price: str, quantity: str) -> dict[str, str | int]:
    """The parameters that change an order's price and quantity."""
    return {
        **named(symbol, client_id),
        "side": _side(side),
        "price": _checked("price", price, _AMOUNT),
        "quantity": _checked("quantity", quantity, _AMOUNT),
    }


def _side(side: str) -> str:
    if side not in ("buy", "sell"):
        raise UsageError(f"`side` of an order must be buy or sell, was `{side}`")
    return side.upper()


def require(name: str, value: str) -> None:
    """Raises `UsageError` for a value that is not of its parameter's form."""
    _checked(name, value, FORMS[name])


def _checked(name: str, value: str, form: re.Pattern[str]) -> str:
    if form.fullmatch(value) is None:
        raise UsageError(f"`{name}` of an order must match {form.pattern}, was `{value[:60]}`")
    return value
