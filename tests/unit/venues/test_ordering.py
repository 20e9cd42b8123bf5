"""Orders over the WebSocket API against a server that misbehaves: the table of outcomes as it comes by that way."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from kedge.model.errors import UsageError
from kedge.venues.binance import Accepted, Keys, Outcome, Pace, Prepared, Rejected, Retryable, Unknown
from kedge.venues.binance import ordering as ordering_module
from kedge.venues.binance.addresses import Market
from kedge.venues.binance.budget import RateBudget
from kedge.venues.binance.clock import VenueClock
from kedge.venues.binance.order_socket import OrderSocket
from kedge.venues.binance.ordering import Ordering
from kedge.venues.binance.rest import PROOF_MARGIN_NS, Rest
from kedge.venues.binance.signing import Signer, sign, signed_params
from tests.unit.venues import raw_server
from tests.unit.venues.order_server import Asked, OrderServer, Step, answer, close, cut, order_server, silence, text

KEYS = Keys("the-key-that-%s-nobody-sees", "the-secret-that-nobody-sees")
WINDOW_MS = 100
DONE = {"orderId": 28, "transactTime": 1507725176595}
LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 321},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100, "count": 12},
    {"rateLimitType": "ORDERS", "interval": "FORTNIGHT", "intervalNum": True, "count": "x"},
    None,
]
PACE = Pace(stale_s=10.0, quiet=True, backoff_first_s=0.01, backoff_max_s=0.05)


@dataclass
class Client:
    """An `Ordering` with its connection up, and where it goes without one."""

    ordering: Ordering
    socket: OrderSocket
    clock: VenueClock
    budget: RateBudget
    by_rest: raw_server.RawServer
    sent: list[int] = field(default_factory=list)

    def prepare(self, client_id: str = "kab1") -> Prepared:
        return self.ordering.submission("BTCUSDT", client_id, "buy", "limit", "gtc", "61000.10", "0.010", False)

    async def submit(self, client_id: str = "kab1") -> Outcome:
        return await self.ordering.send(self.prepare(client_id), lambda: self.sent.append(time.monotonic_ns()))

    async def up(self, up: bool = True, patience_s: float = 5.0) -> None:
        end = time.monotonic() + patience_s
        while self.socket.up is not up:
            assert time.monotonic() < end
            await asyncio.sleep(0.005)


@asynccontextmanager
async def client(server: OrderServer, market: Market = "spot", patience_s: float = 5.0) -> AsyncIterator[Client]:
    clock = VenueClock()
    now = time.monotonic_ns()
    clock.sample(now - 1_000_000, now, time.time_ns() // 1_000_000)
    budget = RateBudget(6_000, clock.now_venue)
    budget.learn_limits(LIMITS)
    order = b'{"symbol":"BTCUSDT","orderId":77,"transactTime":1507725176595}'
    async with raw_server.raw_server(raw_server.answer(200, order)) as by_rest:
        rest = Rest(by_rest.address, KEYS, clock, budget, WINDOW_MS, asyncio.Event())
        await rest.open()
        socket = OrderSocket(server.address, PACE, budget)
        running = asyncio.create_task(socket.line.run())
        at = Client(Ordering(market, rest, budget, socket, KEYS), socket, clock, budget, by_rest)
        try:
            await at.up(patience_s=patience_s)
            yield at
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await rest.close()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def error(code: int, message: str = "x", **more: object) -> dict[str, object]:
    return {"code": code, "msg": message, **more}


async def for_another(socket: web.WebSocketResponse, asked: Asked) -> None:
    for number in (f"{asked['id']}0", int(asked["id"]), None, [asked["id"]], True):
        await socket.send_json({"id": number, "status": 200, "result": DONE})


async def binary(socket: web.WebSocketResponse, asked: Asked) -> None:
    await socket.send_bytes(b"\x00\xff")


RETRY = {"serverTime": 1_700_000_000_000, "retryAfter": 1_700_000_003_000}
TABLE: list[tuple[str, Step, type[Outcome]]] = [
    ("an answer", answer(200, result=DONE), Accepted),
    ("an answer in two halves", answer(200, result=DONE, error=None), Accepted),
    ("no answer", silence, Unknown),
    ("closed", close, Unknown),
    ("cut", cut, Unknown),
    ("for another", for_another, Unknown),
    ("no JSON", text('{"id":"'), Unknown),
    ("no object", text("[1]"), Unknown),
    ("a page", text("<html>"), Unknown),
    ("empty", text(""), Unknown),
    ("binary", binary, Unknown),
    ("nested without end", text("[" * 100_000), Unknown),
    ("an error for nobody", text('{"id":null,"status":503,"error":{"code":-1007,"msg":"Timeout"}}'), Unknown),
    ("no status", answer(None, result=DONE), Unknown),
    ("a status in letters", answer("200", result=DONE), Unknown),
    ("a status that is none", answer(True, result=DONE), Unknown),
    ("no result", answer(200), Unknown),
    ("no order id", answer(200, result={}), Unknown),
    ("an error that calls itself done", answer(200, error=error(-1013)), Unknown),
    ("done and an error", answer(200, result=DONE, error=error(-1013)), Unknown),
    ("an error", answer(400, error=error(-1013, "Filter failure: LOT_SIZE")), Rejected),
    ("duplicate", answer(400, error=error(-2010, "Duplicate order sent.")), Unknown),
    ("unknown", answer(503, error=error(-1007)), Unknown),
    ("unknown with another status", answer(400, error=error(-1006)), Unknown),
    ("no code", answer(403, error={"msg": "WAF"}), Unknown),
    ("too many", answer(429, error=error(-1003, data=RETRY)), Retryable),
    ("banned", answer(418, error=error(-1003, data={"retryAfter": "soon"})), Retryable),
]


@pytest.mark.parametrize(("step", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_an_order_ends_as_the_table_says(step: Step, expected: type[Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with order_server(step) as server, client(server) as at:
            at.ordering._rest.order_s = 0.3
            before = time.time_ns()
            outcome = await at.submit()
            assert type(outcome) is expected, outcome
            assert (len(server.orders), at.by_rest.requests, len(at.sent)) == (1, [], 1), "it leaves once"
            if isinstance(outcome, Unknown):
                window = WINDOW_MS * 1_000_000 + PROOF_MARGIN_NS
                assert before + window <= outcome.closes_ns <= time.time_ns() + window + 50_000_000
            if isinstance(outcome, Accepted):
                assert outcome == Accepted(28, 1507725176595 * 1_000_000)

    run(work())


def test_what_is_sent_is_what_the_venue_reads() -> None:
    async def work() -> None:
        async with order_server(answer(200, result=DONE)) as server, client(server, "usdm") as at:
            await at.submit("kab9")
            await at.ordering.send(at.ordering.cancel("BTCUSDT", "kab9"))
            await at.ordering.send(at.ordering.amendment("BTCUSDT", "kab9", "buy", "60999.9", "0.02"))
            market = at.ordering.submission("BTCUSDT", "kab8", "sell", "market", "ioc", "", "1", True)
            await at.ordering.send(market)
            assert [asked["method"] for asked in server.orders] == [
                "order.place",
                "order.cancel",
                "order.modify",
                "order.place",
            ]
            for asked in server.orders:
                params = asked["params"]
                assert (params["apiKey"], params["recvWindow"]) == (KEYS.key, WINDOW_MS)
                assert abs(params["timestamp"] - time.time_ns() // 1_000_000) < 5_000
                unsigned = {name: value for name, value in params.items() if name not in ("signature", "apiKey")}
                assert params == signed_params(KEYS, unsigned)
            placed, cancelled, amended, reduced = (asked["params"] for asked in server.orders)
            assert (placed["newClientOrderId"], placed["price"], placed["quantity"]) == ("kab9", "61000.10", "0.010")
            assert (placed["side"], placed["type"], placed["timeInForce"]) == ("BUY", "LIMIT", "GTC")
            assert (cancelled["symbol"], cancelled["origClientOrderId"]) == ("BTCUSDT", "kab9")
            assert (amended["price"], amended["quantity"], amended["side"]) == ("60999.9", "0.02", "BUY")
            assert (reduced["type"], reduced["reduceOnly"], "price" in reduced) == ("MARKET", "true", False)
            assert len({asked["id"] for asked in server.orders}) == 4

    run(work())


@pytest.mark.parametrize("secret", ["", "s", "y" * 64, "y" * 65, "ü" * 40])
def test_a_signer_signs_as_the_standard_does(secret: str) -> None:
    signer = Signer(secret)
    for signed in ("", "a=1", "x" * 1_000, "ä=%25"):
        assert signer.sign(signed) == sign(secret, signed)


@pytest.mark.parametrize(
    ("client_id", "price", "quantity", "named"),
    [
        ('a","price":"1', "1", "1", "newClientOrderId"),
        ("a&price=1", "1", "1", "newClientOrderId"),
        ("a 1", "1", "1", "newClientOrderId"),
        ("", "1", "1", "newClientOrderId"),
        ("ka", "1e5", "1", "price"),
        ("ka", "1 1", "1", "price"),
        ("ka", "%s", "1", "price"),
        ("ka", "1", "-1", "quantity"),
        ("ka", "1", "1\n", "quantity"),
    ],
)
def test_a_value_of_another_form_goes_into_no_message(client_id: str, price: str, quantity: str, named: str) -> None:
    async def work() -> None:
        async with order_server(silence) as server, client(server) as at:
            with pytest.raises(UsageError, match=named):
                at.ordering.submission("BTCUSDT", client_id, "buy", "limit", "gtc", price, quantity, False)
            with pytest.raises(UsageError, match="side"):
                at.ordering.submission("BTCUSDT", "ka", "long", "limit", "gtc", "1", "1", False)

    run(work())


def test_its_bytes_have_left_when_send_returns() -> None:
    async def work() -> None:
        async with order_server(answer(200, result=DONE)) as server, client(server) as at:
            prepared = at.prepare()
            waiting = at.ordering.send(prepared, lambda: at.sent.append(1))
            assert at.sent == [1], "on_sent is told before anybody waits for the outcome"
            for _ in range(50):
                await asyncio.sleep(0.01)
                if server.orders:
                    break
            assert len(server.orders) == 1
            assert isinstance(await waiting, Accepted)

    run(work())


def test_while_the_connection_is_down_orders_go_by_rest() -> None:
    async def work() -> None:
        async with order_server(cut, answer(200, result=DONE)) as server, client(server) as at:
            prepared = at.prepare("kab0")
            server.away = True
            assert isinstance(await at.submit("kab1"), Unknown)
            await at.up(False)
            assert at.ordering.way == "rest"
            assert await at.submit("kab2") == Accepted(77, 1507725176595 * 1_000_000)
            assert await at.ordering.send(prepared) == Accepted(77, 1507725176595 * 1_000_000)
            assert (len(server.orders), len(at.by_rest.requests), len(at.sent)) == (1, 2, 2)
            assert b"newClientOrderId=kab2" in at.by_rest.requests[0]
            assert b"newClientOrderId=kab0" in at.by_rest.requests[1]
            server.away = False
            await at.up()
            assert isinstance(await at.submit("kab3"), Accepted)
            assert (len(server.orders), len(at.by_rest.requests)) == (2, 2)

    run(work())


def test_a_late_answer_is_nobodys() -> None:
    """Neither on its own connection nor on the next may it answer a later order."""

    async def work() -> None:
        async with order_server(silence, silence, cut, silence) as server, client(server) as at:
            at.ordering._rest.order_s = 0.15
            assert isinstance(await at.submit("kab1"), Unknown)
            assert server.connections == 1 or at.socket.line.connections >= 1
            await at.up(False)
            await at.up()
            assert server.connections == 2, "a connection on which nothing came back is ended"
            first = server.orders[0]["id"]
            waiting = asyncio.create_task(at.submit("kab2"))
            await asyncio.sleep(0.05)
            await server.sockets[-1].send_json({"id": first, "status": 400, "error": error(-1013)})
            assert isinstance(await waiting, Unknown)
            assert isinstance(await at.submit("kab3"), Unknown)
            await at.up(False)
            await at.up()
            waiting = asyncio.create_task(at.submit("kab4"))
            await asyncio.sleep(0.05)
            for asked in server.orders[:3]:
                await server.sockets[-1].send_json({"id": asked["id"], "status": 200, "result": DONE})
            assert isinstance(await waiting, Unknown)
            assert len({asked["id"] for asked in server.orders}) == 4

    run(work())


def test_answers_find_their_orders_in_any_order() -> None:
    async def work() -> None:
        async with order_server(silence) as server, client(server) as at:
            waiting = [asyncio.create_task(at.submit(f"kab{n}")) for n in range(5)]
            while len(server.orders) < 5:
                await asyncio.sleep(0.005)
            for asked in reversed(server.orders):
                number = int(asked["params"]["newClientOrderId"][3:])
                await server.sockets[0].send_json({"id": asked["id"], "status": 200, "result": {"orderId": number}})
            outcomes = await asyncio.gather(*waiting)
            assert [o.order_id for o in outcomes if isinstance(o, Accepted)] == [0, 1, 2, 3, 4]

    run(work())


def test_counts_of_answers_are_learned_and_limits_are_heeded() -> None:
    async def work() -> None:
        steps = (
            answer(200, result=DONE, rateLimits=LIMITS),
            answer(429, error=error(-1015, data=RETRY), rateLimits="x"),
            answer(418, error=error(-1003, data=RETRY)),
        )
        async with order_server(*steps) as server, client(server) as at:
            await at.submit()
            assert at.budget.used == 321
            assert at.budget.orders == {10: (12, 100)}
            prepared = at.prepare("kab2")
            outcome = await at.submit("kab3")
            assert isinstance(outcome, Retryable)
            assert outcome.after_s == 3
            assert isinstance(await at.submit("kab4"), Retryable), "no new orders for three seconds"
            assert isinstance(await at.ordering.send(prepared), Retryable), "nor one that was signed before"
            assert len(server.orders) == 2
            assert isinstance(await at.ordering.send(at.ordering.cancel("BTCUSDT", "kab1")), Retryable)
            assert at.budget.banned_until > time.time_ns()
            assert isinstance(await at.ordering.send(at.ordering.cancel("BTCUSDT", "kab1")), Retryable)
            assert len(server.orders) == 3

    run(work())


def test_an_order_that_waited_is_signed_anew_and_a_doubted_clock_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with order_server(answer(200, result=DONE)) as server, client(server) as at:
            fresh, old, late = at.prepare("kab1"), at.prepare("kab2"), at.prepare("kab3")
            used = at.budget.used
            monkeypatch.setattr(ordering_module, "FRESH_NS", 60_000_000_000)
            await asyncio.sleep(0.02)
            stamped = json.loads(fresh.text)["params"]["timestamp"]
            await at.ordering.send(fresh)
            monkeypatch.setattr(ordering_module, "FRESH_NS", 0)
            before = old.closes_ns
            await at.ordering.send(old)
            assert old.closes_ns > before
            assert server.orders[0]["params"]["timestamp"] == stamped
            assert server.orders[1]["params"]["timestamp"] >= stamped + 20
            assert at.budget.used == used, "its weight was taken once"
            at.clock.doubted = True
            assert isinstance(await at.ordering.send(late), Retryable)
            assert isinstance(await at.submit("kab4"), Retryable)
            assert isinstance(await at.ordering.send(at.ordering.cancel("BTCUSDT", "kab1")), Accepted), "cancels go"
            assert len(server.orders) == 3

    run(work())


def test_before_a_shutdown_open_answers_are_waited_for() -> None:
    async def work() -> None:
        async with order_server(silence, answer(200, result=DONE)) as server, client(server) as at:
            waiting = asyncio.create_task(at.submit("kab1"))
            while not server.orders:
                await asyncio.sleep(0.005)
            await server.sockets[0].send_json({"event": {"e": "serverShutdown", "E": 1}})
            await at.up(False)
            assert isinstance(await at.submit("kab2"), Accepted)
            assert len(at.by_rest.requests) == 1, "no order goes over a connection that is about to end"
            await server.sockets[0].send_json({"id": server.orders[0]["id"], "status": 200, "result": DONE})
            assert isinstance(await waiting, Accepted)
            await at.up()
            assert server.connections == 2

    run(work())


def test_an_address_that_answers_nothing_is_never_up() -> None:
    async def work() -> None:
        async with order_server(answer(200, result=DONE)) as server:
            server.deaf = True
            with pytest.raises(AssertionError):
                async with client(server, patience_s=0.5):
                    pass
            assert server.orders == []

    run(work())


def test_a_rehearsal_sends_nothing_and_weighs_nothing() -> None:
    async def work() -> None:
        async with order_server(silence) as server, client(server) as at:
            before = (at.budget.used, at.budget.orders)
            for _ in range(200):
                at.ordering.rehearse("BTCUSDT")
            await asyncio.sleep(0.05)
            assert (at.budget.used, at.budget.orders) == before
            assert (server.orders, at.by_rest.requests) == ([], [])

    run(work())


def test_secrets_of_ours_are_in_no_outcome() -> None:
    async def work() -> None:
        said = f"{KEYS.secret} {KEYS.key}"
        async with order_server(answer(400, error=error(-1013, said))) as server, client(server) as at:
            outcome = await at.submit()
            assert isinstance(outcome, Rejected)
            assert outcome.message == "(hidden) (hidden)"

    run(work())


def test_without_keys_and_on_spot_what_cannot_be_is_not_sent() -> None:
    async def work() -> None:
        async with order_server(answer(200, result=DONE)) as server, client(server) as at:
            reduced = at.ordering.submission("BTCUSDT", "kab1", "sell", "market", "ioc", "", "1", True)
            assert isinstance(await at.ordering.send(reduced), Rejected)
            rest = Rest(at.by_rest.address, None, at.clock, at.budget, WINDOW_MS, asyncio.Event())
            keyless = Ordering("spot", rest, at.budget, at.socket, None)
            assert keyless.way == "rest"
            assert isinstance(await keyless.send(keyless.cancel("BTCUSDT", "kab1")), Rejected)
            assert (server.orders, at.by_rest.requests) == ([], [])

    run(work())
