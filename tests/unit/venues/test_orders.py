"""Orders of ours in the venue's words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.model.errors import UsageError
from kedge.venues.binance import orders
from kedge.venues.binance.addresses import MARKETS, Market

GOOD: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "client_id": "kab1z",
    "side": "buy",
    "kind": "limit",
    "tif": "gtc",
    "price": "100.5",
    "quantity": "0.01",
    "reduce_only": False,
}
ROWS = [
    ("spot", "limit", "gtc", {"type": "LIMIT", "timeInForce": "GTC", "price": "100.5"}),
    ("spot", "limit", "ioc", {"type": "LIMIT", "timeInForce": "IOC", "price": "100.5"}),
    ("spot", "limit", "fok", {"type": "LIMIT", "timeInForce": "FOK", "price": "100.5"}),
    ("spot", "limit", "post_only", {"type": "LIMIT_MAKER", "price": "100.5"}),
    ("spot", "market", "ioc", {"type": "MARKET"}),
    ("usdm", "limit", "gtc", {"type": "LIMIT", "timeInForce": "GTC", "price": "100.5"}),
    ("usdm", "limit", "post_only", {"type": "LIMIT", "timeInForce": "GTX", "price": "100.5"}),
    ("usdm", "market", "gtc", {"type": "MARKET"}),
]


@pytest.mark.parametrize(("market", "kind", "tif", "expected"), ROWS)
def test_each_kind_of_order(market: Market, kind: str, tif: str, expected: dict[str, str]) -> None:
    params = orders.submission(market, **{**GOOD, "kind": kind, "tif": tif})
    shared = {"symbol": "BTCUSDT", "side": "BUY", "newClientOrderId": "kab1z", "quantity": "0.01"}
    assert params == {**shared, "newOrderRespType": "ACK", **expected}


def test_reduce_only_and_sells() -> None:
    params = orders.submission("usdm", **{**GOOD, "side": "sell", "reduce_only": True})
    assert (params["side"], params["reduceOnly"]) == ("SELL", "true")


@given(st.sampled_from(MARKETS), st.sampled_from(["symbol", "client_id", "side", "kind", "tif", "price"]), st.text())
def test_a_word_it_does_not_know_never_leaves(market: Market, key: str, word: str) -> None:
    allowed = {"side": {"buy", "sell"}, "kind": {"limit"}, "tif": {"gtc", "ioc", "fok", "post_only"}}
    try:
        params = orders.submission(market, **{**GOOD, key: word, **({"price": ""} if word == "market" else {})})
    except UsageError:
        return
    assert word in allowed.get(key, {word})
    assert all(str(value).isascii() and not set(str(value)) & set("&=?#% \n") for value in params.values())
