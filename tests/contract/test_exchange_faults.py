"""Each fault does what it says, and the truth knows of it."""

import asyncio
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from tests.contract.served import Served

PATH = "/api/v3/order"
WISH = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "50000",
    "quantity": "0.001",
}


@pytest.fixture(autouse=True)
def _mended(served: Served) -> Any:
    yield
    served.mend()


def place(served: Served, client_id: str, **more: object) -> httpx.Response:
    return served.ask("POST", PATH, **{**WISH, "newClientOrderId": client_id, **more})


def known(served: Served, client_id: str) -> bool:
    answer = served.ask("GET", PATH, symbol="BTCUSDT", origClientOrderId=client_id)
    assert answer.status_code == 200 or answer.json()["code"] == -2013
    return answer.status_code == 200


def requests(served: Served, client_id: str) -> dict[str, Any]:
    query = "SELECT * FROM requests WHERE client_id = ? AND method = 'POST'"
    return served.until(lambda rows: len(rows) == 1, query, client_id)[0]


def test_a_dropped_request_is_never_executed(served: Served) -> None:
    number = served.fault(kind="drop", method="POST", route=PATH, count=1)
    with pytest.raises(httpx.TransportError):
        place(served, "dropped")
    assert not known(served, "dropped")
    row = requests(served, "dropped")
    assert (row["executed"], row["status"], row["fault"]) == (0, None, f"drop#{number}")
    assert served.rows("SELECT * FROM orders WHERE client_id = 'dropped'") == []
    assert place(served, "after").status_code == 200, "its count is spent"


def test_a_lost_answer_was_executed(served: Served) -> None:
    number = served.fault(kind="lost_answer", method="POST", route=PATH, count=1)
    with pytest.raises(httpx.TransportError):
        place(served, "lost")
    assert known(served, "lost")
    row = requests(served, "lost")
    assert (row["executed"], row["status"], row["fault"]) == (1, 200, f"lost_answer#{number}")


def test_an_answer_may_never_come(served: Served) -> None:
    served.fault(kind="lost_answer", method="POST", route=PATH, count=1, how="never")
    query = served.signed({**WISH, "newClientOrderId": "hangs"})
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{served.rest}{PATH}?{query}", headers={"X-MBX-APIKEY": served.key}, timeout=0.4)
    assert known(served, "hangs")


def test_a_late_request_is_executed_late_or_not_at_all(served: Served) -> None:
    served.fault(kind="delay", method="POST", route=PATH, delay_ms=[300, 300])
    started = time.monotonic()
    assert place(served, "late").status_code == 200
    assert time.monotonic() - started >= 0.3
    row = requests(served, "late")
    assert row["executed"] == 1
    order = served.order(served.ask("GET", PATH, symbol="BTCUSDT", origClientOrderId="late").json()["orderId"], "NEW")
    assert order["created_ms"] - row["received_ns"] // 1_000_000 >= 299
    too_late = place(served, "too-late", recvWindow=200)
    assert (too_late.status_code, too_late.json()["code"]) == (400, -1021)
    assert not known(served, "too-late"), "a request is not executed once its window has closed"


def test_a_late_request_is_executed_though_its_client_is_gone(served: Served) -> None:
    served.fault(kind="delay", method="POST", route=PATH, delay_ms=[500, 500], count=1)
    query = served.signed({**WISH, "newClientOrderId": "orphan"})
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{served.rest}{PATH}?{query}", headers={"X-MBX-APIKEY": served.key}, timeout=0.1)
    assert not known(served, "orphan")
    served.until(lambda rows: len(rows) == 1, "SELECT * FROM orders WHERE client_id = 'orphan'")


@pytest.mark.parametrize(
    ("answer", "status", "start"),
    [
        ("500", 500, b'{"code":-1000'),
        ("503", 503, b'{"code":-1008'),
        ("504", 504, b'{"code":-1007'),
        ("html", 502, b"<html>"),
        ("garbage", 200, b'{"orderId": 12, "stat\xff'),
        ("empty", 200, b""),
        ("error_200", 200, b'{"code":-1000'),
    ],
)
@pytest.mark.parametrize("executed", [True, False])
def test_an_error_says_nothing_of_what_happened(
    served: Served, answer: str, status: int, start: bytes, executed: bool
) -> None:
    served.fault(kind="error", method="POST", route=PATH, answer=answer, executed=executed, count=1)
    name = f"error-{answer}-{executed}"
    told = place(served, name)
    assert told.status_code == status
    assert told.content.startswith(start)
    assert bool(start) or told.content == b""
    assert known(served, name) is executed
    assert requests(served, name)["executed"] == int(executed)
    if executed:
        served.ask("DELETE", PATH, symbol="BTCUSDT", origClientOrderId=name)


def test_chances_are_drawn_the_same_way_from_the_same_seed(served: Served) -> None:
    def hits() -> list[bool]:
        number = served.fault(kind="error", route="/api/v3/time", probability=0.5, seed=3)
        found = [served.plain("/api/v3/time").status_code == 503 for _ in range(20)]
        httpx.delete(f"{served.rest}/admin/faults/{number}")
        return found

    first = hits()
    assert hits() == first
    assert 0 < sum(first) < 20


def test_a_fault_ends_with_its_duration(served: Served) -> None:
    served.fault(kind="error", route="/api/v3/time", duration_s=0.3)
    assert served.plain("/api/v3/time").status_code == 503
    time.sleep(0.35)
    assert served.plain("/api/v3/time").status_code == 200
    told = served.plain("/admin/faults").json()["faults"]
    assert [(one["kind"], one["hits"], one["live"]) for one in told] == [("error", 1, False)]


def test_a_clock_that_is_off(served: Served) -> None:
    served.fault(kind="clock", offset_ms=-10_000)
    assert abs(served.plain("/api/v3/time").json()["serverTime"] - served.now_ms() + 10_000) < 1_000
    assert served.ask("GET", "/api/v3/account").json()["code"] == -1021
    assert served.ask("GET", "/api/v3/account", timestamp=served.now_ms() - 10_000).status_code == 200
    served.mend()
    assert abs(served.plain("/api/v3/time").json()["serverTime"] - served.now_ms()) < 1_000


async def _events(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[dict[str, Any]]:
    return [json.loads(await socket.receive_str(timeout=5)) for _ in range(count)]


def _ws(served: Served, path: str) -> str:
    return served.rest.replace("http", "ws") + path


@pytest.mark.parametrize("path", ["/ws/btcusdt@depth@100ms", "/public/ws/ethusdt@depth@100ms"])
def test_a_gap_leaves_one_update_out(served: Served, path: str) -> None:
    async def body() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(_ws(served, path)) as socket:
            first, second = await _events(socket, 2)
            assert second["U"] == first["u"] + 1
            await asyncio.to_thread(served.fault, kind="gap", stream="*@depth@100ms", count=1)
            events = [second, *await _events(socket, 8)]
            breaks = [b for a, b in pairwise(events) if b["U"] != a["u"] + 1]
            assert len(breaks) == 1
            if "pu" in breaks[0]:
                assert breaks[0]["pu"] == breaks[0]["U"] - 1, "it tells of the update that was left out"

    asyncio.run(body())


def test_silence_leaves_the_connection_open(served: Served) -> None:
    async def body() -> None:
        address = _ws(served, "/ws/btcusdt@depth@100ms")
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
            await _events(socket, 1)
            await asyncio.to_thread(served.fault, kind="silence", market="spot", duration_s=0.8)
            started = time.monotonic()
            while time.monotonic() - started < 0.15:  # what was on its way
                try:
                    await socket.receive(timeout=0.1)
                except TimeoutError:
                    break
            with pytest.raises(TimeoutError):
                await socket.receive(timeout=0.4)
            await _events(socket, 1)
            assert not socket.closed

    asyncio.run(body())


def test_disconnected_connections_may_come_back_when_it_is_over(served: Served) -> None:
    async def body() -> None:
        async with aiohttp.ClientSession() as session:
            async with (
                session.ws_connect(_ws(served, "/ws/btcusdt@trade")) as spot,
                session.ws_connect(_ws(served, "/public/ws/ethusdt@bookTicker")) as futures,
            ):
                await asyncio.to_thread(served.fault, kind="disconnect", market="spot", duration_s=0.5)
                while (await spot.receive(timeout=5)).type == aiohttp.WSMsgType.TEXT:
                    pass
                assert spot.closed
                await _events(futures, 1)
            with pytest.raises(aiohttp.ClientError):
                await session.ws_connect(_ws(served, "/ws"))
            await asyncio.sleep(0.6)
            async with session.ws_connect(_ws(served, "/ws/btcusdt@depth@100ms")) as back:
                await _events(back, 1)

    asyncio.run(body())


def test_websocket_requests_have_the_same_faults(served: Served) -> None:
    async def body() -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.to_thread(served.fault, kind="lost_answer", route=PATH, method="POST", count=1)
            parameters = {**WISH, "newClientOrderId": "by-socket", "apiKey": served.key, "timestamp": served.now_ms()}
            payload = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()))
            signed = {**parameters, "signature": served.sign(payload)}
            async with session.ws_connect(_ws(served, "/ws-api/v3")) as socket:
                await socket.send_json({"id": 1, "method": "order.place", "params": signed})
                assert (await socket.receive(timeout=5)).type != aiohttp.WSMsgType.TEXT
        assert await asyncio.to_thread(known, served, "by-socket")
        assert requests(served, "by-socket")["via"] == "socket"

    asyncio.run(body())


def test_a_restart_begins_a_new_market_with_the_same_keys(tmp_path: Path) -> None:
    keys = ("--key", "testkey0001", "--secret", "testsecret0001")
    with Served(tmp_path, *keys) as first:
        placed = place(first, "before").json()["orderId"]
        assert first.stop() == (0, "")
        assert first.rows("SELECT status FROM orders WHERE order_id = ?", placed) == [{"status": "NEW"}]
        with Served(tmp_path, *keys, "--speed", "5") as second:
            assert (second.key, second.secret) == ("testkey0001", "testsecret0001")
            assert not known(second, "before")
            assert (tmp_path / "truth.1.sqlite").is_file()
            health = second.plain("/admin/health").json()
            assert health["speed"] == 5
            assert abs(second.plain("/api/v3/trades", symbol="BTCUSDT").json()[-1]["time"] - second.now_ms()) < 2_000
            assert second.stop() == (0, "")
