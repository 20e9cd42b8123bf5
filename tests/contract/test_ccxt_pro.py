"""An unmodified ccxt.pro hears the market and its own orders, and places orders over WebSocket."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from tests.contract.served import Served

WAIT_S = 15
MARKETS = [("BTC/USDT", "spot", 0.01), ("ETH/USDT:USDT", "swap", 0.1)]
# ccxt asks for aggregates by itself.
SINGLE = {"spot": "publicGetTrades", "swap": "fapiPublicGetTrades"}
both = pytest.mark.parametrize(("symbol", "kind", "size"), MARKETS, ids=["spot", "perpetual"])


def trading(served: Served, body: Callable[[Any], Awaitable[None]]) -> None:
    async def run() -> None:
        exchange = ccxt.pro.binance(served.document["ccxt"])
        try:
            await exchange.load_markets()
            await asyncio.wait_for(body(exchange), WAIT_S)
        finally:
            await exchange.close()

    asyncio.run(run())


def number(text: str) -> float:
    return float(Decimal(text))


@both
def test_the_market_is_heard(served: Served, symbol: str, kind: str, size: float) -> None:
    async def body(exchange: Any) -> None:
        book = await exchange.watch_order_book(symbol)
        nonces = [book["nonce"]]
        while len(nonces) < 4:
            book = await exchange.watch_order_book(symbol)
            assert book["bids"][0][0] < book["asks"][0][0]
            nonces.append(book["nonce"])
        assert nonces == sorted(nonces)
        trades, ticker, candles = await asyncio.gather(
            exchange.watch_trades(symbol), exchange.watch_ticker(symbol), exchange.watch_ohlcv(symbol, "1m")
        )
        asked = await exchange.fetch_trades(symbol, limit=1000, params={"fetchTradesMethod": SINGLE[kind]})
        known = {trade["id"]: trade["price"] for trade in asked}
        assert [known[trade["id"]] for trade in trades] == [trade["price"] for trade in trades]
        assert ticker["low"] <= ticker["last"] <= ticker["high"]
        fetched = await exchange.fetch_ohlcv(symbol, "1m")
        assert candles[-1][:2] in [row[:2] for row in fetched]
        assert ticker["last"] == pytest.approx(book["bids"][0][0], rel=0.01)

    trading(served, body)


@both
def test_own_orders_trades_and_balance_are_heard(served: Served, symbol: str, kind: str, size: float) -> None:
    async def body(exchange: Any) -> None:
        heard = [
            asyncio.create_task(exchange.watch_orders(symbol)),
            asyncio.create_task(exchange.watch_my_trades(symbol)),
            asyncio.create_task(exchange.watch_balance({"type": kind})),
        ]
        await asyncio.sleep(1)
        placed = await exchange.create_order(symbol, "market", "buy", size)
        orders, trades, balance = await asyncio.gather(*heard)
        assert {order["id"] for order in orders} == {placed["id"]}
        order = orders[-1]
        while order["status"] != "closed":
            order = (await exchange.watch_orders(symbol))[-1]
        assert (order["filled"], order["clientOrderId"]) == (size, placed["clientOrderId"])
        assert await asyncio.to_thread(served.order, placed["id"], "FILLED")
        query = "SELECT * FROM fills WHERE order_id = ?"
        rows = {str(row["trade_id"]): row for row in served.rows(query, int(placed["id"]))}
        for trade in trades:
            row = rows[trade["id"]]
            assert (trade["price"], trade["amount"]) == (number(row["price"]), number(row["quantity"]))
            assert (trade["fee"]["cost"], trade["fee"]["currency"]) == (number(row["fee"]), row["fee_currency"])
        last = exchange.balance[kind if kind == "spot" else "linear"]
        wallet = "spot" if kind == "spot" else "futures"
        currency = "USDT"
        assert balance[currency]["total"] > 0
        assert last[currency]["total"] == pytest.approx(sum(map(number, served.balances(wallet)[currency])))

    trading(served, body)


@both
def test_orders_go_over_websocket(served: Served, symbol: str, kind: str, size: float) -> None:
    async def body(exchange: Any) -> None:
        book = await exchange.fetch_order_book(symbol, 5)
        price = float(exchange.price_to_precision(symbol, book["bids"][0][0] * 0.97))
        placed = await exchange.create_order_ws(symbol, "limit", "buy", size, price)
        truth = await asyncio.to_thread(served.order, placed["id"], "NEW")
        assert (number(truth["price"]), number(truth["quantity"])) == (price, size)
        assert (await exchange.fetch_order_ws(placed["id"], symbol))["status"] == "open"
        assert (await exchange.cancel_order_ws(placed["id"], symbol))["status"] == "canceled"
        await asyncio.to_thread(served.order, placed["id"], "CANCELED")
        via = served.rows("SELECT DISTINCT via FROM requests WHERE route LIKE '%/order' AND method = 'DELETE'")
        assert {"via": "socket"} in via
        with pytest.raises(ccxt.pro.ExchangeError, match="insufficient"):
            await exchange.create_order_ws(symbol, "limit", "buy", 1_000, price)

    trading(served, body)


def test_positions_and_marks_are_heard(served: Served) -> None:
    async def body(exchange: Any) -> None:
        symbol = "ETH/USDT:USDT"
        before = sum(Decimal(row["quantity"]) for row in served.rows("SELECT quantity FROM positions_now"))
        await exchange.watch_positions([symbol])  # the first answer is asked for, not heard
        watched = asyncio.create_task(exchange.watch_positions([symbol]))
        await asyncio.sleep(0.5)
        await exchange.create_order(symbol, "market", "buy", 0.2)
        expected = float(before + Decimal("0.2"))
        positions = await watched
        while positions[-1]["contracts"] != pytest.approx(abs(expected)):
            positions = await exchange.watch_positions([symbol])
        truth = served.until(lambda rows: number(rows[0]["quantity"]) == expected, "SELECT * FROM positions_now")[0]
        assert positions[-1]["entryPrice"] == number(truth["entry"])
        mark = await exchange.watch_mark_price(symbol)
        assert mark["markPrice"] == pytest.approx(positions[-1]["entryPrice"], rel=0.01)

    trading(served, body)


def test_a_gap_is_seen_and_the_book_is_had_again(served: Served) -> None:
    async def body(exchange: Any) -> None:
        await exchange.watch_order_book("BTC/USDT")

        async def watch() -> None:
            while True:
                await exchange.watch_order_book("BTC/USDT")

        watching = asyncio.create_task(watch())  # before the gap: ccxt tells of it only to who waits
        await asyncio.to_thread(served.fault, kind="gap", stream="btcusdt@depth*", count=1)
        with pytest.raises(ccxt.pro.ChecksumError):
            await watching
        for _ in range(3):
            book = await exchange.watch_order_book("BTC/USDT")
        fetched = await exchange.fetch_order_book("BTC/USDT", 5)
        assert book["bids"][0][0] == pytest.approx(fetched["bids"][0][0], rel=0.001)

    trading(served, body)
