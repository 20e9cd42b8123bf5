"""The venue's account messages: its documented examples, and any JSON at all raises nothing but `DataError`."""

import contextlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.model.errors import DataError, KedgeError
from kedge.venues.binance import AccountUpdate, Report, account, definitions
from kedge.venues.binance.addresses import MARKETS, Addresses, Market

SPOT_CANCEL = json.loads(
    '{"e":"executionReport","E":1499405658658,"s":"ETHBTC","c":"the-cancels-own","S":"SELL","o":"LIMIT","f":"GTC",'
    '"q":"1.00000000","p":"0.10264410","P":"0.00000000","F":"0.00000000","g":-1,"C":"kab7","x":"CANCELED",'
    '"X":"CANCELED","r":"NONE","i":4293153,"l":"0.00000000","z":"0.40000000","L":"0.00000000","n":"0","N":null,'
    '"T":1499405658657,"t":-1,"w":false,"m":false,"O":1499405658657,"Z":"0.00000000","Y":"0.00000000"}'
)
USDM_NEW = json.loads(
    '{"e":"ORDER_TRADE_UPDATE","E":1568879465651,"T":1568879465650,"o":{"s":"BTCUSDT","c":"TEST","S":"BUY",'
    '"o":"LIMIT","f":"GTC","q":"0.001","p":"9910","ap":"0","sp":"0","x":"NEW","X":"NEW","i":8886774,"l":"0","z":"0",'
    '"L":"0","N":"USDT","n":"0","T":1568879465650,"t":0,"b":"0","a":"9.91","m":false,"R":false,"rp":"0"}}'
)
USDM_FUNDING = json.loads(
    '{"e":"ACCOUNT_UPDATE","E":1564745798939,"T":1564745798938,"a":{"m":"FUNDING_FEE","B":[{"a":"USDT",'
    '"wb":"122624.12345678","cw":"100.12345678","bc":"-0.75000000"}],"P":[{"s":"BTCUSDT","pa":"-10","ep":"0.1",'
    '"cr":"200","up":"0","mt":"isolated","iw":"0","ps":"BOTH"}]}}'
)
SPOT_BALANCES = json.loads(
    '{"e":"outboundAccountPosition","E":1564034571105,"u":1564034571073,"B":[{"a":"ETH","f":"10000.000000","l":"0.5"}]}'
)
ORDER = json.loads(
    '{"symbol":"LTCBTC","orderId":7,"orderListId":-1,"clientOrderId":"myOrder1","price":"0.1","origQty":"1.0",'
    '"executedQty":"0.25","cummulativeQuoteQty":"0.0","status":"PARTIALLY_FILLED","timeInForce":"GTC","type":"LIMIT",'
    '"side":"BUY","time":1499827319559,"updateTime":1499827319560}'
)
SPOT_TRADE = json.loads(
    '{"symbol":"BNBBTC","id":28457,"orderId":100234,"orderListId":-1,"price":"4.00000100","qty":"12.00000000",'
    '"quoteQty":"48.000012","commission":"10.10000000","commissionAsset":"BNB","time":1499865549590,"isBuyer":true,'
    '"isMaker":false,"isBestMatch":true}'
)
USDM_TRADE = json.loads(
    '{"buyer":false,"commission":"-0.07819010","commissionAsset":"USDT","id":698759,"maker":false,"orderId":25851813,'
    '"price":"7819.01","qty":"0.002","quoteQty":"15.63802","realizedPnl":"-0.91539999","side":"SELL",'
    '"positionSide":"BOTH","symbol":"BTCUSDT","time":1569514978020}'
)


def test_a_cancel_is_told_under_the_orders_own_id() -> None:
    report = account.event("spot", SPOT_CANCEL)
    assert isinstance(report, Report)
    assert (report.client_id, report.what, report.side) == ("kab7", "canceled", "sell")
    assert (report.price, report.quantity, report.filled_total) == ("0.10264410", "1.00000000", "0.40000000")
    assert (report.trade, report.fee, report.fee_currency) == (0, "0", "")


def test_the_documented_events() -> None:
    report = account.event("usdm", USDM_NEW)
    assert isinstance(report, Report)
    assert (report.client_id, report.what, report.ts_ns) == ("TEST", "accepted", 1_568_879_465_650_000_000)
    assert account.event("usdm", USDM_FUNDING) == AccountUpdate(
        "FUNDING_FEE",
        1_564_745_798_938_000_000,
        {"USDT": (Decimal("122624.12345678"), Decimal("-0.75"))},
        {"BTCUSDT": (Decimal(-10), Decimal("0.1"))},
    )
    assert account.event("spot", SPOT_BALANCES) == AccountUpdate(
        "ORDER", 1_564_034_571_073_000_000, {"ETH": (Decimal(10_000), Decimal("0.5"))}, {}
    )
    for other in ("TRADE_LITE", "balanceUpdate", "MARGIN_CALL", None, 5):
        assert account.event("usdm", {"e": other}) is None
        assert account.event("spot", {"e": other}) is None


@pytest.mark.parametrize(
    ("execution", "what"),
    [
        ("NEW", "accepted"), ("TRADE", "filled"), ("CALCULATED", "filled"), ("CANCELED", "canceled"),
        ("EXPIRED", "expired"), ("REJECTED", "rejected"), ("AMENDMENT", "amended"), ("TRADE_PREVENTION", "expired"),
        ("SOMETHING_NEW", "other"),
    ],
)  # fmt: skip
def test_every_kind_of_execution_has_a_word(execution: str, what: str) -> None:
    report = account.event("usdm", {**USDM_NEW, "o": {**USDM_NEW["o"], "x": execution}})
    assert isinstance(report, Report)
    assert report.what == what


def test_the_documented_answers() -> None:
    order = account.order(ORDER)
    assert (order.client_id, order.venue_order, order.filled) == ("myOrder1", 7, Decimal("0.25"))
    assert (order.created_ns, order.updated_ns) == (1_499_827_319_559_000_000, 1_499_827_319_560_000_000)
    (spot,) = account.trades("spot", [SPOT_TRADE])
    assert (spot.side, spot.maker, spot.fee, spot.fee_currency) == ("buy", False, Decimal("10.1"), "BNB")
    (usdm,) = account.trades("usdm", [USDM_TRADE])
    assert (usdm.side, usdm.trade, usdm.fee) == ("sell", 698_759, Decimal("-0.0781901"))
    first, second = account.trades("spot", [{**SPOT_TRADE, "id": 9}, {**SPOT_TRADE, "id": 3}])
    assert (first.trade, second.trade) == (3, 9)


READERS: list[tuple[Callable[[Any], object], Any]] = [
    *((lambda v, m=market: account.event(m, v), good) for market, good in [
        ("spot", SPOT_CANCEL), ("spot", SPOT_BALANCES), ("usdm", USDM_NEW), ("usdm", USDM_FUNDING)]),
    (account.order, ORDER),
    (account.orders, [ORDER]),
    (lambda v: account.trades("spot", v), [SPOT_TRADE]),
    (lambda v: account.trades("usdm", v), [USDM_TRADE]),
    (lambda v: account.balances("spot", v), {"balances": [{"asset": "BTC", "free": "1", "locked": "0"}]}),
    (lambda v: account.balances("usdm", v), [{"asset": "BTC", "balance": "1", "availableBalance": "0"}]),
    (account.positions, [{"symbol": "BTCUSDT", "positionAmt": "1.0", "entryPrice": "5"}]),
    (definitions.symbols_of, {"symbols": [{"symbol": "BTCUSDT"}]}),
]  # fmt: skip


@pytest.mark.parametrize("odd", [0.1, 1, "NaN", "Infinity", "1e3", "-", "", "1.", ".5", "٣", "9" * 40, None])
def test_an_amount_is_plain_decimal_text(odd: object) -> None:
    for key in ("price", "qty", "commission"):
        with pytest.raises(DataError, match=f"`{key}` must be a decimal"):
            account.trades("spot", [{**SPOT_TRADE, key: odd}])
    for key in ("l", "L", "z"):
        with pytest.raises(DataError, match=f"`{key}` must be a decimal"):
            account.event("usdm", {**USDM_NEW, "o": {**USDM_NEW["o"], "x": "TRADE", key: odd}})


odd = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({}), st.just("1e9"),
    st.just("NaN"), st.just("Infinity"), st.just("-0"), st.just("9" * 40), st.just(2**63), st.just("\ud800x\x00"),
)  # fmt: skip
anything = st.recursive(odd, lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=3), s), max_leaves=6)


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value with one of its parts lost or replaced."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        rest = {name: part for name, part in value.items() if name != key}
        return rest if draw(st.booleans()) and draw(st.booleans()) else {**rest, key: draw(mutated(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        return [draw(mutated(value[0])), *value[1:]]
    return draw(anything)


@given(st.data())
def test_no_json_raises_anything_but_a_data_error(data: st.DataObject) -> None:
    reader, good = data.draw(st.sampled_from(READERS))
    reader(good)
    value = data.draw(st.one_of(anything, mutated(good)))
    said = ""
    try:
        reader(value)
    except DataError as error:
        said = error.message
    assert len(said) < 300
    assert said.isprintable()


@given(st.sampled_from(MARKETS), st.data())
def test_no_information_of_a_symbol_raises_anything_but_what_is_declared(market: Market, data: st.DataObject) -> None:
    row = {
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT",
        "baseAssetPrecision": 8,
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"}, {"filterType": "LOT_SIZE", "stepSize": "0.001"},
            {"filterType": "NOTIONAL", "minNotional": "5"}, {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
    }  # fmt: skip
    found = definitions.definition(market, "binance", row, ("0.1", "0.1"))
    assert found["tick_size"] == "0.01"
    changed = data.draw(mutated(row))
    with contextlib.suppress(KedgeError):
        definitions.require({"BTCUSDT": changed if isinstance(changed, dict) else {}}, ["BTCUSDT"], "here")
        definitions.definition(market, "binance", changed if isinstance(changed, dict) else {}, ("0.1", "0.1"))


def test_addresses_are_taken_as_people_write_them() -> None:
    plain = Addresses("http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1")
    for base in ("ws://127.0.0.1:1", "ws://127.0.0.1:1/", "ws://127.0.0.1:1/ws", "ws://127.0.0.1:1/public/ws"):
        assert Addresses("", base, "").streams("usdm") == plain.streams("usdm")
    for base in ("ws://127.0.0.1:1/private/ws", "ws://127.0.0.1:1/private", "ws://127.0.0.1:1/ws/"):
        assert Addresses("", "", base).user("usdm") == "ws://127.0.0.1:1/private/ws"
    assert Addresses("", "ws://127.0.0.1:1/stream/ws/", "x/ws-api/v3").user("spot") == "x/ws-api/v3"
    assert plain.streams("usdm") == ("ws://127.0.0.1:1/public/ws", "ws://127.0.0.1:1/market/ws")
