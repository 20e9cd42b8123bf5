"""An unmodified ccxt trades here, on spot and on the perpetual; what it is told is what the exchange's file says."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.contract.served import Served


@dataclass(frozen=True)
class Market:
    """A market as ccxt calls it, and a size to trade in it."""

    symbol: str
    name: str
    id: str
    type: str
    size: float
    tick: str
    least: float
    trades: str  # the method that asks for single trades; ccxt asks for aggregates by itself


MARKETS = (
    Market("BTC/USDT", "spot", "BTCUSDT", "spot", 0.01, "0.01", 5.0, "publicGetTrades"),
    Market("ETH/USDT:USDT", "usdm", "ETHUSDT", "swap", 0.1, "0.01", 20.0, "fapiPublicGetTrades"),
)


@pytest.fixture(scope="module")
def exchange(served: Served) -> Iterator[Any]:
    client = ccxt.binance(served.document["ccxt"])
    client.load_markets()
    yield client
    client.close()


@pytest.fixture(params=MARKETS, ids=lambda market: market.name)
def market(request: pytest.FixtureRequest) -> Market:
    found: Market = request.param
    return found


def number(text: str) -> float:
    return float(Decimal(text))


def single_trades(exchange: Any, market: Market) -> list[Any]:
    """The newest public trades, oldest first."""
    trades: list[Any] = exchange.fetch_trades(market.symbol, limit=1000, params={"fetchTradesMethod": market.trades})
    return trades


def far_below(exchange: Any, market: Market) -> float:
    """A price at which a buy rests."""
    bid = exchange.fetch_order_book(market.symbol, 5)["bids"][0][0]
    return float(exchange.price_to_precision(market.symbol, bid * 0.97))


def test_markets_and_their_rules(exchange: Any) -> None:
    assert sorted(exchange.markets) == ["BTC/USDT", "ETH/USDT:USDT"]
    for market in MARKETS:
        found = exchange.market(market.symbol)
        assert (found["id"], found["type"], found["active"]) == (market.id, market.type, True)
        assert found["precision"]["price"] == float(market.tick)
        assert found["limits"]["cost"]["min"] == market.least
    assert exchange.market("ETH/USDT:USDT")["linear"]
    assert exchange.fetch_time() > 0


def test_book_trades_klines_and_ticker_agree(exchange: Any, market: Market) -> None:
    book = exchange.fetch_order_book(market.symbol, 100)
    assert len(book["bids"]) == len(book["asks"]) == 100
    assert book["bids"][0][0] < book["asks"][0][0]
    assert book["bids"] == sorted(book["bids"], reverse=True)
    trades = single_trades(exchange, market)
    ids = [int(trade["id"]) for trade in trades]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    minutes = exchange.fetch_ohlcv(market.symbol, "1m")
    opens = [row[0] for row in minutes]
    assert opens == list(range(opens[0], opens[-1] + 1, 60_000))
    whole = [row for row in minutes if trades[0]["timestamp"] < row[0] <= trades[-1]["timestamp"] - 60_000]
    for opened, first, high, low, last, volume in whole:
        inside = [trade for trade in trades if opened <= trade["timestamp"] < opened + 60_000]
        prices = [trade["price"] for trade in inside]
        assert (first, high, low, last) == (prices[0], max(prices), min(prices), prices[-1])
        assert volume == pytest.approx(sum(trade["amount"] for trade in inside))
    ticker = exchange.fetch_ticker(market.symbol)
    assert ticker["last"] in [trade["price"] for trade in exchange.fetch_trades(market.symbol, limit=1000)]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert list(exchange.fetch_tickers([market.symbol])) == [market.symbol]


def test_a_limit_order_lives_and_ends(exchange: Any, served: Served, market: Market) -> None:
    price = far_below(exchange, market)
    placed = exchange.create_order(market.symbol, "limit", "buy", market.size, price)
    truth = served.order(placed["id"], "NEW")
    assert (truth["symbol"], truth["client_id"], truth["type"]) == (market.id, placed["clientOrderId"], "LIMIT")
    assert (number(truth["price"]), number(truth["quantity"]), truth["side"]) == (price, market.size, "BUY")
    asked = exchange.fetch_order(placed["id"], market.symbol)
    assert (asked["status"], asked["price"], asked["amount"], asked["filled"]) == ("open", price, market.size, 0)
    assert asked["timestamp"] == truth["created_ms"]
    opened = exchange.fetch_open_orders(market.symbol)
    assert [order["id"] for order in opened] == [placed["id"]]
    by_name = exchange.fetch_order(None, market.symbol, {"origClientOrderId": placed["clientOrderId"]})
    assert by_name["id"] == placed["id"]
    ended = exchange.cancel_order(placed["id"], market.symbol)
    assert ended["status"] == "canceled"
    assert served.order(placed["id"], "CANCELED")["updated_ms"] == ended["lastUpdateTimestamp"]
    assert exchange.fetch_open_orders(market.symbol) == []
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(placed["id"], market.symbol)
    assert placed["id"] in [order["id"] for order in exchange.fetch_orders(market.symbol)]


def test_a_market_order_fills_as_the_file_says(exchange: Any, served: Served, market: Market) -> None:
    placed = exchange.create_order(market.symbol, "market", "buy", market.size)
    assert (placed["status"], placed["filled"]) == ("closed", market.size)
    truth = served.order(placed["id"], "FILLED")
    rows = served.rows("SELECT * FROM fills WHERE order_id = ? ORDER BY fill", int(placed["id"]))
    mine = [one for one in exchange.fetch_my_trades(market.symbol) if one["order"] == placed["id"]]
    assert [(one["id"], one["price"], one["amount"], one["fee"]["cost"], one["timestamp"]) for one in mine] == [
        (str(row["trade_id"]), number(row["price"]), number(row["quantity"]), number(row["fee"]), row["at_ms"])
        for row in rows
    ]
    assert {one["fee"]["currency"] for one in mine} == {"BTC" if market.name == "spot" else "USDT"}
    assert {one["takerOrMaker"] for one in mine} == {"taker"}
    value = sum(Decimal(row["price"]) * Decimal(row["quantity"]) for row in rows)
    assert Decimal(truth["quote"]) == value
    assert placed["average"] == pytest.approx(float(value) / market.size, rel=1e-9)
    public = {trade["id"]: trade for trade in single_trades(exchange, market)}
    for row in rows:
        seen = public[str(row["trade_id"])]
        assert (seen["price"], seen["amount"], seen["side"]) == (number(row["price"]), number(row["quantity"]), "buy")


def test_a_post_only_order_makes_or_is_not(exchange: Any, served: Served, market: Market) -> None:
    price = far_below(exchange, market)
    made = exchange.create_order(market.symbol, "limit", "buy", market.size, price, {"postOnly": True})
    truth = served.order(made["id"], "NEW")
    assert (truth["type"], truth["tif"]) == (("LIMIT_MAKER", "GTC") if market.name == "spot" else ("LIMIT", "GTX"))
    assert made["postOnly"]
    exchange.cancel_order(made["id"], market.symbol)
    taking = float(exchange.price_to_precision(market.symbol, price / 0.97 * 1.02))
    if market.name == "spot":
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            exchange.create_order(market.symbol, "limit", "buy", market.size, taking, {"postOnly": True})
    else:
        ended = exchange.create_order(market.symbol, "limit", "buy", market.size, taking, {"postOnly": True})
        assert ended["status"] == "expired"
        assert served.order(ended["id"], "EXPIRED")["filled"] == "0.000"


def test_an_order_is_amended(exchange: Any, served: Served, market: Market) -> None:
    """On USD-M it stays the same order; on spot it is cancelled and another placed."""
    price = far_below(exchange, market)
    placed = exchange.create_order(market.symbol, "limit", "buy", market.size, price)
    lower = float(exchange.price_to_precision(market.symbol, price * 0.999))
    changed = exchange.edit_order(placed["id"], market.symbol, "limit", "buy", market.size * 2, lower)
    query = "SELECT * FROM orders WHERE order_id = ? AND CAST(quantity AS REAL) = ?"
    truth = served.until(bool, query, int(changed["id"]), market.size * 2)[0]
    assert (number(truth["price"]), truth["status"]) == (lower, "NEW")
    if market.name == "spot":
        assert changed["id"] != placed["id"]
        served.order(placed["id"], "CANCELED")
    else:
        assert changed["id"] == placed["id"]
    exchange.cancel_all_orders(market.symbol)
    served.order(changed["id"], "CANCELED")


def test_balances_are_those_of_the_file(exchange: Any, served: Served) -> None:
    resting = exchange.create_order("BTC/USDT", "limit", "buy", 0.01, far_below(exchange, MARKETS[0]))
    locked = f"{resting['price'] * 0.01:.8f}"
    query = "SELECT * FROM balances_now WHERE wallet = 'spot' AND currency = 'USDT' AND locked = ?"
    served.until(lambda rows: len(rows) == 1, query, locked)
    told = exchange.fetch_balance()
    for currency, (free, used) in served.balances("spot").items():
        assert (told[currency]["free"], told[currency]["used"]) == (number(free), number(used))
    exchange.cancel_order(resting["id"], "BTC/USDT")
    futures = exchange.fetch_balance({"type": "swap"})
    wallet = number(served.balances("futures")["USDT"][0])
    account = served.ask("GET", "/fapi/v3/account").json()
    assert number(account["totalWalletBalance"]) == wallet
    assert futures["USDT"]["total"] == pytest.approx(wallet, abs=5)


def test_positions_leverage_and_funding(exchange: Any, served: Served) -> None:
    symbol = "ETH/USDT:USDT"
    exchange.create_order(symbol, "market", "sell", 0.3)
    position = exchange.fetch_positions([symbol])[0]
    truth = served.until(lambda rows: len(rows) == 1 and number(rows[0]["quantity"]) < 0, "SELECT * FROM positions_now")
    assert (position["side"], position["contracts"]) == ("short", -number(truth[0]["quantity"]))
    assert position["entryPrice"] == number(truth[0]["entry"])
    assert position["markPrice"] > 0
    assert exchange.set_leverage(5, symbol)["leverage"] == 5
    assert exchange.fetch_leverage(symbol)["longLeverage"] == 5
    asked = served.until(bool, "SELECT parameters FROM requests WHERE route = '/fapi/v1/leverage'")
    assert '"leverage":"5"' in asked[0]["parameters"]
    assert exchange.fetch_positions([symbol])[0]["initialMargin"] == pytest.approx(
        position["initialMargin"] * 4, rel=0.01
    )
    rate = exchange.fetch_funding_rate(symbol)
    assert abs(rate["fundingRate"]) < 0.02
    assert rate["fundingTimestamp"] % (8 * 3_600_000) == 0
    assert rate["markPrice"] == pytest.approx(position["markPrice"], rel=0.01)
    assert exchange.fetch_position_mode(symbol)["hedged"] is False
    assert exchange.fetch_open_interest(symbol)["openInterestAmount"] > 0
    closing = exchange.create_order(symbol, "market", "buy", position["contracts"], None, {"reduceOnly": True})
    assert closing["status"] == "closed"
    served.until(lambda rows: number(rows[0]["quantity"]) == 0, "SELECT * FROM positions_now")
    with pytest.raises(ccxt.ExchangeError, match="ReduceOnly Order is rejected"):
        exchange.create_order(symbol, "market", "buy", 0.1, None, {"reduceOnly": True})
    income = exchange.fetch_ledger("USDT", params={"type": "swap"})
    fees = sum(Decimal(row["fee"]) for row in served.rows("SELECT fee FROM fills WHERE market = 'usdm'"))
    assert sum(one["amount"] for one in income if one["type"] == "commission") == pytest.approx(float(fees))


def test_refusals_are_ccxts_own_errors(exchange: Any, market: Market) -> None:
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("999999", market.symbol)
    price = far_below(exchange, market)
    # ccxt knows the codes of USD-M by its host, which is another here: it raises their parent.
    poor = ccxt.InsufficientFunds if market.name == "spot" else ccxt.ExchangeError
    with pytest.raises(poor, match="insufficient"):
        exchange.create_order(market.symbol, "limit", "buy", 1_000, price)
    with pytest.raises(ccxt.InvalidOrder):
        exchange.create_order(market.symbol, "limit", "buy", market.size, price * 100)
    wrong = ccxt.binance({"apiKey": exchange.apiKey, "secret": "wrong", "urls": {"api": exchange.urls["api"]}})
    with pytest.raises(ccxt.AuthenticationError):
        wrong.fetch_balance()


def test_fees_are_told(exchange: Any) -> None:
    assert exchange.fetch_trading_fee("BTC/USDT")["taker"] == 0.001
    fee = exchange.fetch_trading_fee("ETH/USDT:USDT")
    assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)


def test_what_is_printed_for_people_runs_as_it_is(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("kedge")), "exchange", "--port", "0", "--start-balance", "321"]
    options = ["--for", "30s", "--truth", str(tmp_path / "truth.sqlite")]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = []
        while not printed or not printed[-1].startswith("print("):
            printed.append(process.stdout.readline())
        program = "".join(printed[printed.index("import ccxt\n") :])
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
        process.terminate()
        process.stdout.read()
    assert process.returncode == 0
    assert "'USDT': {'free': 160.5, 'used': 0.0, 'total': 160.5}" in ran.stdout
