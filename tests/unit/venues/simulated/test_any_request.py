"""Whatever a client sends, a handler answers with JSON or one of Binance's refusals, and the account stays whole."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.venues.simulated.calls import Route
from kedge.venues.simulated.errors import VenueError
from kedge.venues.simulated.routes import ROUTES
from tests.unit.venues.simulated.still_market import StillMarket, still_market

VALUES = {
    "symbol": ["BTCUSDT", "ETHUSDT", "btcusdt", "NOPE", "", "\x00"],
    "symbols": ['["BTCUSDT"]', '["ETHUSDT"]', "[]", "[1]", "BTCUSDT", '["NOPE"]'],
    "side": ["BUY", "SELL", "buy"],
    "type": ["LIMIT", "MARKET", "LIMIT_MAKER", "STOP"],
    "timeInForce": ["GTC", "IOC", "FOK", "GTX", "DAY"],
    "price": ["60000", "3000", "59000.00", "0", "-1", "1e5", "60000.001", "9" * 30, ".5"],
    "quantity": ["0.01", "0.1", "1", "0", "-1", "0.00000001", "0.000000001", "999999999999", "NaN"],
    "quoteOrderQty": ["100", "0", "x", "99999999999"],
    "orderId": ["1", "2", "0", "-1", "99999999999999999999", "x"],
    "origClientOrderId": ["a", "b", "é"],
    "newClientOrderId": ["a", "b", "too long " * 9, "é"],
    "cancelOrderId": ["1", "2", "-5", "99999999999999999999"],
    "cancelReplaceMode": ["STOP_ON_FAILURE", "ALLOW_FAILURE", "NO"],
    "newOrderRespType": ["ACK", "RESULT", "FULL", "ALL"],
    "reduceOnly": ["true", "false", "maybe"],
    "interval": ["1s", "1m", "1w", "1M", "7m"],
    "windowSize": ["1m", "2h", "3d", "0m", "9d", "x"],
    "limit": ["1", "5", "100", "0", "-3", "1000000", "x"],
    "startTime": ["0", "1789286400000", "99999999999999999999", "-1"],
    "endTime": ["0", "1789286400000", "99999999999999999999", "-1"],
    "fromId": ["0", "1", "-1", "99999999999999999999"],
    "leverage": ["1", "20", "126", "0", "x"],
    "marginType": ["CROSSED", "ISOLATED"],
    "dualSidePosition": ["true", "false", "x"],
    "incomeType": ["COMMISSION", "x"],
}


# Enough for every route: what is drawn goes over it, so that most requests are wrong in few things.
GOOD = {
    "spot": {"symbol": "BTCUSDT", "price": "59000", "quantity": "0.001"},
    "usdm": {"symbol": "ETHUSDT", "price": "2900", "quantity": "0.01"},
}
ALWAYS = {
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "interval": "1m",
    "leverage": "20",
    "marginType": "CROSSED",
    "dualSidePosition": "false",
    "cancelReplaceMode": "ALLOW_FAILURE",
    "cancelOrderId": "1",
    "origClientOrderId": "a",
}
names = st.lists(st.sampled_from(sorted(VALUES)), max_size=4, unique=True)
changed = names.flatmap(lambda few: st.fixed_dictionaries({name: st.sampled_from(VALUES[name]) for name in few}))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StillMarket]:
    folder: Path = tmp_path_factory.mktemp("still")
    with still_market(folder) as still:
        yield still


def answered(market: StillMarket, route: Route, changes: dict[str, str]) -> None:
    """One request with these changes is answered in JSON or refused, whatever they are."""
    market.wall += 10**6
    refused = None
    try:
        assert orjson.dumps(market.ask(route.method, route.path, **{**GOOD[route.market], **ALWAYS, **changes}))
    except VenueError as refusal:
        refused = (refusal.status, refusal.code)
    assert refused is None or (400 <= refused[0] < 500 and refused[1] < 0)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_parameter_may_be_wrong(market: StillMarket, route: Route) -> None:
    for name, values in VALUES.items():
        for value in values:
            answered(market, route, {name: value})


@given(st.sampled_from(ROUTES), changed)
def test_several_may_be_wrong_together(market: StillMarket, route: Route, changes: dict[str, str]) -> None:
    answered(market, route, changes)
    account = market.ask("GET", "/api/v3/account")
    assert all(Decimal(row["free"]) >= 0 and Decimal(row["locked"]) >= 0 for row in account["balances"])
