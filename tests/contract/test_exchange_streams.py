"""Streams as clients build them: books that follow from their snapshots, trades, candles, marks, accounts, pings."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import httpx
import pytest

from tests.contract.served import Served

WAIT_S = 8
# market → (symbol, depth request)
MARKETS = {"spot": ("BTCUSDT", "/api/v3/depth"), "usdm": ("ETHUSDT", "/fapi/v1/depth")}


class Line:
    """A connection that is read as JSON."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def next(self) -> Any:
        """The next message."""
        return json.loads(await self.socket.receive_str(timeout=WAIT_S))

    async def until(self, **fields: object) -> dict[str, Any]:
        """The next message with these values."""
        while True:
            message = await self.next()
            if isinstance(message, dict) and all(message.get(name) == value for name, value in fields.items()):
                return message

    async def ask(self, method: str, *params: object, number: object = 1) -> dict[str, Any]:
        """What a control message is answered; streams between are skipped."""
        await self.socket.send_json({"method": method, "params": params, "id": number})
        return await self.until(id=number)


@asynccontextmanager
async def line(served: Served, path: str) -> AsyncIterator[Line]:
    async with aiohttp.ClientSession() as session:
        address = served.rest.replace("http", "ws") + path
        async with session.ws_connect(address, autoping=False, max_msg_size=0) as socket:
            yield Line(socket)


def run(body: Any) -> None:
    asyncio.run(asyncio.wait_for(body, 60))


@pytest.mark.parametrize("path", ["/ws", "/ws/0", "/stream/ws", "/stream/ws/3", "/public/ws", "/public/ws/1"])
def test_every_address_takes_subscriptions(served: Served, path: str) -> None:
    async def body() -> None:
        symbol = "ethusdt" if path.startswith("/public") else "btcusdt"
        async with line(served, path) as one:
            assert await one.ask("SUBSCRIBE", f"{symbol}@depth@100ms", number="a") == {"result": None, "id": "a"}
            assert (await one.until(e="depthUpdate"))["s"] == symbol.upper()
            assert await one.ask("SUBSCRIBE", f"{symbol}@depth@100ms", number=2) == {"result": None, "id": 2}
            listed = (await one.ask("LIST_SUBSCRIPTIONS", number=3))["result"]
            assert [name for name in listed if not name.isdigit()] == [f"{symbol}@depth@100ms"]
            first = await one.until(e="depthUpdate")
            second = await one.until(e="depthUpdate")
            assert second["U"] == first["u"] + 1, "one feed, though it was asked for twice"
            assert await one.ask("UNSUBSCRIBE", f"{symbol}@depth@100ms", number=4) == {"result": None, "id": 4}
            with pytest.raises(TimeoutError):
                await one.socket.receive(timeout=0.3)

    run(body())


@pytest.mark.parametrize(
    "path",
    ["/ws/btcusdt@trade", "/stream?streams=btcusdt@trade/btcusdt@bookTicker", "/public/stream?streams=ethusdt@trade"],
)
def test_streams_in_the_address(served: Served, path: str) -> None:
    async def body() -> None:
        async with line(served, path) as one:
            message = await one.next()
            if "stream?" in path:
                assert set(message) == {"stream", "data"}
                assert message["stream"].partition("@")[2] in ("trade", "bookTicker")
            else:
                assert message["e"] == "trade"

    run(body())


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_a_book_follows_from_snapshot_and_updates(served: Served, market: str) -> None:
    """Binance's procedure; at the end the book is that of a later snapshot, level by level."""
    symbol, depth = MARKETS[market]

    async def body() -> None:
        path = ("/ws/" if market == "spot" else "/public/ws/") + f"{symbol.lower()}@depth@100ms"
        async with line(served, path) as one:
            events = [await one.next() for _ in range(2)]
            snapshot = served.plain(depth, symbol=symbol, limit=1000).json()
            books = {side: dict(snapshot[name]) for side, name in (("b", "bids"), ("a", "asks"))}
            last, started = snapshot["lastUpdateId"], False
            for _ in range(12):
                events.append(await one.next())
            final = served.plain(depth, symbol=symbol, limit=20).json()
            while events[-1]["u"] < final["lastUpdateId"]:
                events.append(await one.next())
            for event in events:
                assert len(event["b"]) + len(event["a"]) <= event["u"] - event["U"] + 1
                if event["u"] <= last:
                    continue
                if market == "spot":
                    assert event["U"] == last + 1 if started else event["U"] <= last + 1
                    assert "pu" not in event
                    assert "T" not in event
                else:
                    assert event["pu"] == last if started else event["U"] <= last + 1
                started, last = True, event["u"]
                for side, book in books.items():
                    for price, quantity in event[side]:
                        book[price] = quantity
                if last == final["lastUpdateId"]:
                    break
            assert last == final["lastUpdateId"], "a snapshot is the state after an event"
            for side, name in (("b", "bids"), ("a", "asks")):
                levels = [pair for pair in books[side].items() if Decimal(pair[1]) > 0]
                levels.sort(key=lambda pair: Decimal(pair[0]), reverse=side == "b")
                assert [list(pair) for pair in levels[:20]] == final[name]

    run(body())


def test_a_stream_that_nobody_heard_for_a_while_goes_on_with_the_right_numbers(served: Served) -> None:
    async def body() -> None:
        path = "/public/ws/ethusdt@depth@100ms"
        async with line(served, path) as one:
            await one.next()
        await asyncio.sleep(0.4)
        async with line(served, path) as one:
            await one.next()
            known = served.plain("/fapi/v1/depth", symbol="ETHUSDT", limit=5).json()["lastUpdateId"]
            event = await one.next()
            while event["u"] < known:
                event = await one.next()
            assert event["u"] == known or event["pu"] == known, "a snapshot is the state after an event"

    run(body())


def test_every_kind_of_stream_tells_what_it_should(served: Served) -> None:
    keys = {
        "btcusdt@trade": "e E s t p q T m M",
        "btcusdt@aggTrade": "e E s a p q f l T m M",
        "btcusdt@bookTicker": "u s b B a A",
        "btcusdt@miniTicker": "e E s c o h l v q",
        "btcusdt@ticker": "e E s p P w x c Q b B a A o h l v q O C F L n",
        "btcusdt@kline_1s": "e E s k",
        "btcusdt@kline_1m": "e E s k",
        "btcusdt@depth5@100ms": "lastUpdateId bids asks",
        "btcusdt@depth": "e E s U u b a",
    }
    futures = {
        "ethusdt@trade": "e E T s t p q X m",
        "ethusdt@bookTicker": "e u E T s b B a A",
        "ethusdt@depth@500ms": "e E T s U u pu b a",
        "ethusdt@depth10": "e E T s U u pu b a",
    }
    marks = {
        "ethusdt@markPrice@1s": "e E s p i P r T",
        "ethusdt@aggTrade": "e E s a p q f l T m",
        "ethusdt@kline_5m": "e E s k",
        "ethusdt@ticker": "e E s p P w c Q o h l v q O C F L n",
    }

    async def hear(base: str, wanted: dict[str, str]) -> None:
        async with line(served, f"{base}?streams={'/'.join(wanted)}") as one:
            missing = dict(wanted)
            while missing:
                message = await one.next()
                shown = missing.pop(message["stream"], None)
                assert shown is None or set(message["data"]) == set(shown.split()), message

    async def body() -> None:
        await asyncio.gather(hear("/stream", keys), hear("/public/stream", futures), hear("/market/stream", marks))

    run(body())


def test_what_a_connection_cannot_do_is_said(served: Served) -> None:
    async def body() -> None:
        async with line(served, "/ws") as one:
            await one.socket.send_str("{not json")
            assert (await one.next())["error"]["code"] == 3
            assert (await one.ask("SUBSCRIBED", number=7))["error"]["code"] == 2
            assert (await one.ask("SUBSCRIBE", 5, number=8))["error"]["code"] == 2
            assert (await one.ask("GET_PROPERTY", "combined", number=9))["result"] is False

    run(body())


def test_pings_are_answered_and_chatter_ends_the_connection(served: Served) -> None:
    async def body() -> None:
        async with line(served, "/ws") as one:
            await one.socket.ping(b"here?")
            answer = await one.socket.receive(timeout=WAIT_S)
            assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"here?")
            for number in range(12):
                await one.socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
            while (await one.socket.receive(timeout=WAIT_S)).type == aiohttp.WSMsgType.TEXT:
                pass
            assert one.socket.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION

    run(body())


def test_an_account_hears_of_its_spot_orders(served: Served) -> None:
    async def body() -> None:
        async with line(served, "/ws-api/v3") as one:
            parameters = {"apiKey": served.key, "timestamp": served.now_ms()}
            payload = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()))
            await one.socket.send_json(
                {
                    "id": "u",
                    "method": "userDataStream.subscribe.signature",
                    "params": {**parameters, "signature": served.sign(payload)},
                }
            )
            number = (await one.until(id="u"))["result"]["subscriptionId"]
            wish = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "50000.00"}
            placed = served.ask("POST", "/api/v3/order", **wish, quantity="0.01", newClientOrderId="mine").json()
            report = await one.next()
            assert report["subscriptionId"] == number
            assert report["event"] == report["event"] | {
                "e": "executionReport",
                "x": "NEW",
                "X": "NEW",
                "i": placed["orderId"],
                "c": "mine",
                "C": "",
                "q": "0.01000000",
                "p": "50000.00000000",
            }
            locked = (await one.until(subscriptionId=number))["event"]
            assert locked["e"] == "outboundAccountPosition"
            assert {one["a"]: one["l"] for one in locked["B"]}["USDT"] == "500.00000000"
            served.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"], newClientOrderId="end")
            events = [(await one.until(subscriptionId=number))["event"] for _ in range(2)]
            ended = next(event for event in events if event["e"] == "executionReport")
            assert (ended["x"], ended["c"], ended["C"]) == ("CANCELED", "end", "mine")

    run(body())


def test_an_account_hears_of_its_futures_orders(served: Served) -> None:
    async def body() -> None:
        address, headers = f"{served.rest}/fapi/v1/listenKey", {"X-MBX-APIKEY": served.key}
        assert httpx.put(address, headers=headers).json()["code"] == -1125
        key = httpx.post(address, headers=headers).json()["listenKey"]
        assert httpx.put(address, headers=headers).json() == {"listenKey": key}
        async with line(served, f"/private/ws?listenKey={key}") as one:
            wish = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1", "newClientOrderId": "long"}
            placed = served.ask("POST", "/fapi/v1/order", **wish, newOrderRespType="RESULT").json()
            assert placed["status"] == "FILLED"
            new = await one.until(e="ORDER_TRADE_UPDATE")
            assert (new["o"]["x"], new["o"]["c"], new["o"]["i"]) == ("NEW", "long", placed["orderId"])
            filled, update = Decimal(0), {}
            while filled < Decimal("0.1"):
                message = await one.next()
                if message["e"] == "ACCOUNT_UPDATE":
                    update = message["a"]
                elif message["e"] == "ORDER_TRADE_UPDATE":
                    filled += Decimal(message["o"]["l"])
                    assert message["o"]["x"] == "TRADE"
            while not update or Decimal(update["P"][0]["pa"]) != Decimal("0.1"):
                update = (await one.until(e="ACCOUNT_UPDATE"))["a"]
            assert update["m"] == "ORDER"
            wallet = served.ask("GET", "/fapi/v3/account").json()["totalWalletBalance"]
            assert update["B"][0]["wb"] == wallet
            httpx.delete(address, headers=headers)
            assert (await one.until(e="listenKeyExpired"))["listenKey"] == key

    run(body())
