"""REST against real sockets that misbehave: each row of the table of outcomes as it comes from the network."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from kedge.model.errors import KedgeError, UnreachableError, UsageError
from kedge.venues.binance import Accepted, Keys, Outcome, Rejected, Retryable, RetryLater, Unknown, VenueRefused
from kedge.venues.binance import rest as rest_module
from kedge.venues.binance.addresses import MARKETS
from kedge.venues.binance.asking import Asking
from kedge.venues.binance.budget import RateBudget
from kedge.venues.binance.clock import VenueClock
from kedge.venues.binance.outcomes import Kind
from kedge.venues.binance.rest import PROOF_MARGIN_NS, Request, Rest
from tests.unit.venues.raw_server import Step, answer, hang, raw, raw_server, reset, unused_port

KEYS = Keys("the-key-that-nobody-sees", "the-secret-that-nobody-sees")
ORDER = b'{"symbol":"BTCUSDT","orderId":28,"transactTime":1507725176595}'
SUBMIT = Request("POST", "/api/v3/order", "order", 1, counted=True)
CANCEL = Request("DELETE", "/api/v3/order", "cancel", 1)
AMEND = Request("PUT", "/fapi/v1/order", "order", 1)
QUERY = Request("GET", "/api/v3/order", "read", 4)


class Client:
    """A `Rest` with its clock measured, and whether it asked for another measurement."""

    def __init__(self, address: str, recv_window_ms: int = 100) -> None:
        self.clock = VenueClock()
        self.sample()
        self.budget = RateBudget(1_000, self.clock.now_venue)
        self.clock_wanted = asyncio.Event()
        self.rest = Rest(address, KEYS, self.clock, self.budget, recv_window_ms, self.clock_wanted)

    def sample(self) -> None:
        now = time.monotonic_ns()
        self.clock.sample(now - 1_000_000, now, time.time_ns() // 1_000_000)

    async def __aenter__(self) -> "Client":
        await self.rest.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.rest.close()

    async def submit(self) -> Outcome:
        return await self.rest.order(Kind.SUBMIT, SUBMIT, {"symbol": "BTCUSDT", "newClientOrderId": "kab1"})


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
NETWORK: list[tuple[str, Step, type[Outcome]]] = [
    ("an answer", answer(200, ORDER), Accepted),
    ("no answer", hang, Unknown),
    ("reset", reset, Unknown),
    ("closed", raw(b""), Unknown),
    ("no HTTP", raw(b"\x00\xff hello \r\n\r\n"), Unknown),
    ("half a head", raw(b"HTTP/1.1 200 OK\r\nConte"), Unknown),
    ("half a body", raw(HEAD + ORDER[:30]), Unknown),
    ("chunks cut", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{}"), Unknown),
    ("wrong gzip", raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"), Unknown),
    ("a head without end", raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000), Unknown),
    ("a page", answer(502, b"<html>Bad gateway</html>"), Unknown),
    ("a redirect", answer(307, b"", Location="http://127.0.0.1:1/"), Unknown),
    ("an error", answer(400, b'{"code":-1013,"msg":"Filter failure: LOT_SIZE"}'), Rejected),
    ("duplicate", answer(400, b'{"code":-2010,"msg":"Duplicate order sent."}'), Unknown),
    ("unknown", answer(503, b'{"code":-1007,"msg":"Timeout waiting for response from backend server."}'), Unknown),
    ("too many", answer(429, b"", **{"Retry-After": "3"}), Retryable),
    ("banned", answer(418, b"", **{"Retry-After": "60"}), Retryable),
]


@pytest.mark.parametrize(("step", "expected"), [row[1:] for row in NETWORK], ids=[row[0] for row in NETWORK])
@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "kept alive"])
def test_an_order_ends_as_the_table_says(step: Step, expected: type[Outcome], warm: bool) -> None:
    async def work() -> None:
        async with (
            raw_server(*([answer(200, b"{}")] if warm else []), step) as server,
            Client(server.address) as client,
        ):
            if warm:
                await client.rest.read(QUERY, {})
            before = time.time_ns()
            outcome = await client.submit()
            assert type(outcome) is expected, outcome
            if isinstance(outcome, Unknown):
                window = 100_000_000 + client.clock.bound_ns + PROOF_MARGIN_NS
                assert before + window - 1_000_000 < outcome.closes_ns < before + window + 50_000_000
            assert len(server.requests) == 1 + warm, "an order leaves once"
            assert server.connections == 1
            assert KEYS.key not in repr(outcome)
            assert "signature" not in repr(outcome)

    run(work())


@pytest.mark.parametrize("step", [reset, raw(b""), raw(HEAD)], ids=["reset", "closed", "cut"])
@pytest.mark.parametrize(("kind", "request_"), [(Kind.CANCEL, CANCEL), (Kind.AMEND, AMEND)])
def test_a_cancel_or_amendment_is_not_sent_again_unseen(step: Step, kind: Kind, request_: Request) -> None:
    async def work() -> None:
        async with raw_server(answer(200, b"{}"), step) as server, Client(server.address) as client:
            await client.rest.read(QUERY, {})
            outcome = await client.rest.order(kind, request_, {"symbol": "BTCUSDT"})
            assert isinstance(outcome, Unknown), outcome
            assert len(server.requests) == 2

    run(work())


def test_what_cannot_have_left_may_be_sent_again() -> None:
    async def work() -> None:
        async with Client(f"http://127.0.0.1:{unused_port()}") as client:
            assert isinstance(await client.submit(), Retryable)
        async with Client("http://" + "host.invalid") as client:
            assert isinstance(await client.submit(), Retryable)
        assert isinstance(await client.submit(), Retryable), "after close"

    run(work())


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_module, "BODY_MAX", 10_000)

    async def work() -> None:
        async with raw_server(answer(200, b"[" + b" " * 20_000 + b"]")) as server, Client(server.address) as client:
            assert isinstance(await client.submit(), Unknown)
            with pytest.raises(RetryLater):
                await client.rest.read(QUERY, {})

    run(work())


def test_the_signature_is_of_exactly_what_was_sent() -> None:
    from kedge.venues.binance.signing import sign

    async def work() -> None:
        async with raw_server(answer(200, ORDER)) as server, Client(server.address) as client:
            await client.submit()
            await client.rest.read(QUERY, {"symbols": '["BTCUSDT","ETH USDT"]', "x": "a+b&c=%20"}, signed=True)
            posted, asked = server.requests
            head, _, body = posted.partition(b"\r\n\r\n")
            assert head.startswith(b"POST /api/v3/order HTTP/1.1")
            query = asked.split(b" ")[1].partition(b"?")[2]
            for sent in (body, query):
                text, _, signature = sent.decode().rpartition("&signature=")
                assert signature == sign(KEYS.secret, text)
                assert "recvWindow=100" in text
                stamp = int(text.partition("timestamp=")[2])
                assert abs(stamp - time.time_ns() // 1_000_000) < 5_000
            assert b"X-MBX-APIKEY: " + KEYS.key.encode() in head
            assert KEYS.secret.encode() not in posted + asked

    run(work())


def test_limits_are_obeyed() -> None:
    async def work() -> None:
        async with (
            raw_server(answer(200, ORDER, **{"X-MBX-USED-WEIGHT-1M": "990"})) as server,
            Client(server.address) as client,
        ):
            assert isinstance(await client.submit(), Accepted)
            outcome = await client.submit()
            assert isinstance(outcome, Retryable)
            assert outcome.after_s <= 60
            assert len(server.requests) == 1
        for status, seconds in ((429, 7.0), (418, 600.0)):
            async with (
                raw_server(answer(status, b"", **{"Retry-After": f"{seconds:.0f}"})) as server,
                Client(server.address) as client,
            ):
                assert isinstance(await client.submit(), Retryable)
                for outcome in (await client.submit(), await client.rest.order(Kind.CANCEL, CANCEL, {})):
                    assert isinstance(outcome, Retryable)
                    assert seconds - 1 < outcome.after_s <= seconds
                with pytest.raises(RetryLater):
                    await client.rest.read(QUERY, {})
                assert len(server.requests) == 1
                assert client.budget.banned_until > time.time_ns()

    run(work())


def test_too_many_orders_still_lets_cancels_through() -> None:
    async def work() -> None:
        step = answer(429, b'{"code":-1015,"msg":"Too many new orders."}', **{"Retry-After": "5"})
        async with raw_server(step, answer(200, ORDER)) as server, Client(server.address) as client:
            assert isinstance(await client.submit(), Retryable)
            assert isinstance(await client.submit(), Retryable)
            assert isinstance(await client.rest.order(Kind.CANCEL, CANCEL, {}), Accepted)
            assert len(server.requests) == 2

    run(work())


def test_a_refused_time_stops_orders_until_the_clock_is_measured() -> None:
    async def work() -> None:
        refused = answer(400, b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}')
        async with raw_server(refused, answer(200, ORDER)) as server, Client(server.address) as client:
            assert isinstance(await client.submit(), Rejected)
            assert client.clock_wanted.is_set()
            assert isinstance(await client.submit(), Retryable)
            assert len(server.requests) == 1
            assert isinstance(await client.rest.order(Kind.CANCEL, CANCEL, {}), Accepted), "a cancel does not wait"
            client.sample()
            assert isinstance(await client.submit(), Accepted)

    run(work())


READS: list[tuple[str, Step, type[KedgeError]]] = [
    ("wrong key", answer(401, b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'), UsageError),
    ("wrong signature", answer(400, b'{"code":-1022,"msg":"Signature for this request is not valid."}'), UsageError),
    ("refused time", answer(400, b'{"code":-1021,"msg":"Timestamp."}'), RetryLater),
    ("refused", answer(400, b'{"code":-1121,"msg":"Invalid symbol."}'), VenueRefused),
    ("garbage", answer(200, b"\xff\xfe"), RetryLater),
    ("a page", answer(200, b"<html>hello</html>"), RetryLater),
    ("nothing", answer(200, b""), RetryLater),
    ("an error in 200", answer(200, b'{"code":-1,"msg":"no"}'), RetryLater),
    ("5xx", answer(504, b""), RetryLater),
    ("reset", reset, RetryLater),
]


@pytest.mark.parametrize(("step", "expected"), [row[1:] for row in READS], ids=[row[0] for row in READS])
def test_a_question_raises_what_is_declared(step: Step, expected: type[KedgeError]) -> None:
    async def work() -> None:
        async with raw_server(step) as server, Client(server.address) as client:
            with pytest.raises(expected) as raised:
                await client.rest.read(QUERY, {"symbol": "BTCUSDT"}, signed=True)
            assert type(raised.value) is expected
            assert "/api/v3/order" in raised.value.message
            assert "signature" not in str(raised.value)

    run(work())


def test_a_question_is_asked_once_more_over_a_new_connection() -> None:
    async def work() -> None:
        async with raw_server(answer(200, b"{}"), reset, answer(200, b'{"a":1}')) as server:
            async with Client(server.address) as client:
                await client.rest.read(QUERY, {})
                assert await client.rest.read(QUERY, {}) == {"a": 1}
            assert len(server.requests) == 3

    run(work())


VENUE_ORDER = (
    b'{"symbol":"BTCUSDT","orderId":7,"clientOrderId":"kab1","price":"1","origQty":"1","executedQty":"0",'
    b'"status":"NEW","side":"BUY","time":5,"updateTime":5}'
)


def test_only_the_venues_own_word_says_that_there_is_no_order() -> None:
    """Whoever reads None may send the order again: every other answer must not be taken for it."""

    async def work() -> None:
        none = answer(400, b'{"code":-2013,"msg":"Order does not exist."}')
        good = answer(200, VENUE_ORDER)
        for market in MARKETS:
            async with raw_server(none, good) as server, Client(server.address) as client:
                asking = Asking(market, client.rest)
                assert await asking.order("BTCUSDT", "kab1") is None
                found = await asking.order("BTCUSDT", "kab1")
                assert found is not None
                assert found.venue_order == 7
        odd = [
            answer(200, b'{"code":-2013,"msg":"Order does not exist."}'),
            answer(503, b'{"code":-2013,"msg":"Order does not exist."}'),
            answer(404, b"not found"),
            answer(200, b"null"),
            answer(200, b"[]"),
            answer(200, b"{}"),
            answer(400, b'{"code":-2011,"msg":"Unknown order sent."}'),
            answer(400, b'{"code":-1121,"msg":"Invalid symbol."}'),
            answer(200, VENUE_ORDER.replace(b"kab1", b"kab2")),
            answer(200, VENUE_ORDER.replace(b"BTC", b"ETH")),
            answer(200, VENUE_ORDER.replace(b'"1"', b'"NaN"', 1)),
        ]
        for step in odd:
            async with raw_server(step) as server, Client(server.address) as client:
                with pytest.raises(UnreachableError):
                    await Asking("spot", client.rest).order("BTCUSDT", "kab1")

    run(work())


def test_an_echoed_key_is_hidden() -> None:
    async def work() -> None:
        echo = f'{{"code":-1100,"msg":"bad key {KEYS.key} {KEYS.secret}"}}'.encode()
        for body, status in ((echo, 400), (echo, 503), (b"<html>" + echo, 200)):
            async with raw_server(answer(status, body)) as server, Client(server.address) as client:
                text = repr(await client.submit())
                with pytest.raises(KedgeError) as raised:
                    await client.rest.read(QUERY, {}, signed=True)
                text += f"{raised.value.as_json()} {raised.value!r}"
                assert KEYS.key not in text
                assert KEYS.secret not in text
                assert "(hidden)" in text

    run(work())
