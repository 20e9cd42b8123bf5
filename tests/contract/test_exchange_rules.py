"""Who may ask what, when and how often: keys, signatures, windows, limits, filters, and Binance's codes for a no."""

import hashlib
import hmac
import sqlite3
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from tests.contract.served import Served

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}


def code(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def test_a_signature_may_be_in_query_or_body_or_over_both(served: Served) -> None:
    headers = {"X-MBX-APIKEY": served.key, "Content-Type": "application/x-www-form-urlencoded"}
    address = f"{served.rest}/api/v3/order/test"
    whole = served.signed({**ORDER, "price": "50000"})
    assert httpx.post(f"{address}?{whole}", headers=headers).json() == {}
    assert httpx.post(address, content=whole, headers=headers).json() == {}
    query, body = urlencode(ORDER), urlencode({"price": "50000", "timestamp": served.now_ms()})
    signature = hmac.new(served.secret.encode(), f"{query}{body}".encode(), hashlib.sha256).hexdigest()
    both = httpx.post(f"{address}?{query}", content=f"{body}&signature={signature}", headers=headers)
    assert both.json() == {}
    changed = whole.replace("50000", "50001")
    assert code(httpx.post(f"{address}?{changed}", headers=headers)) == (400, -1022)


def test_keys_and_signatures_are_checked(served: Served) -> None:
    path = f"{served.rest}/api/v3/account"
    good = served.signed({})
    assert code(httpx.get(f"{path}?{good}")) == (401, -2014)
    assert code(httpx.get(f"{path}?{good}", headers={"X-MBX-APIKEY": "not a key"})) == (401, -2014)
    assert code(httpx.get(f"{path}?{good}", headers={"X-MBX-APIKEY": "abcdef"})) == (401, -2015)
    headers = {"X-MBX-APIKEY": served.key}
    assert code(httpx.get(f"{path}?{served.signed({}, 'another')}", headers=headers)) == (400, -1022)
    assert code(httpx.get(f"{path}?timestamp={served.now_ms()}", headers=headers)) == (400, -1102)
    assert code(httpx.get(f"{path}?signature=00", headers=headers)) == (400, -1102)
    assert httpx.get(f"{path}?{good}", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("shift_ms", "window", "answer"),
    [
        (0, 5_000, None),
        (-4_000, 5_000, None),
        (-4_000, 3_000, -1021),
        (900, 5_000, None),
        (3_000, 5_000, -1021),
        (0, 60_001, -1131),
    ],
)
def test_a_request_counts_only_in_its_window(served: Served, shift_ms: int, window: int, answer: int | None) -> None:
    asked = served.ask("GET", "/api/v3/account", timestamp=served.now_ms() + shift_ms, recvWindow=window)
    assert asked.json().get("code") == answer
    assert asked.status_code == (200 if answer is None else 400)


def test_missing_and_wrong_parameters_have_their_codes(served: Served) -> None:
    def refused(method: str = "POST", path: str = "/api/v3/order", **changes: object) -> int:
        wish = {name: value for name, value in {**ORDER, "price": "50000", **changes}.items() if value is not None}
        answer = served.ask(method, path, **wish)
        assert answer.status_code == 400, answer.text
        return int(answer.json()["code"])

    assert refused(symbol=None) == -1102
    assert refused(price=None) == -1102
    assert refused(symbol="NOPE") == -1121
    assert refused(side="HOLD") == -1117
    assert refused(type="STOP") == -1116
    assert refused(timeInForce="GTX") == -1115
    assert refused(price="abc") == -1100
    assert refused(price="50000.001") == -1013
    assert refused(quantity="0.000001") == -1013
    assert refused(quantity="0.00001") == -1013  # too little money
    assert refused(quantity="100") == -2010  # more than there is
    assert refused(newClientOrderId="with space") == -1100
    assert refused(price="100") == -1013
    assert refused(type="MARKET", timeInForce=None) == -1106
    assert refused(type="LIMIT_MAKER", timeInForce=None, price="70000") == -2010
    assert refused(method="GET", price=None, origClientOrderId="none") == -2013
    assert refused(method="DELETE", price=None, origClientOrderId="none") == -2011
    assert refused(method="GET", price=None) == -1102
    assert refused(method="GET", price=None, orderId="9" * 20) == -1130
    assert refused(method="GET", price=None, orderId="-1") == -1130
    assert refused(quantity="999999999999") == -1013
    assert refused(quantity="1e3") == -1100
    far = served.plain("/api/v3/klines", symbol="BTCUSDT", interval="1M", startTime=10**19, endTime=10**19)
    assert far.json() == []


def test_an_unknown_route_is_not_found(served: Served) -> None:
    assert code(served.plain("/api/v3/nothing")) == (404, -5000)
    assert code(served.ask("PATCH", "/fapi/v1/order")) == (404, -5000)


def test_client_ids_are_unique_among_open_orders_only(served: Served) -> None:
    for path, symbol, price, size, duplicate in (
        ("/api/v3/order", "BTCUSDT", "50000", "0.01", -2010),
        ("/fapi/v1/order", "ETHUSDT", "2500", "0.1", -4116),
    ):
        wish = {**ORDER, "symbol": symbol, "price": price, "quantity": size, "newClientOrderId": "same-id"}
        first = served.ask("POST", path, **wish).json()
        assert served.ask("POST", path, **wish).json()["code"] == duplicate
        ended = served.ask("DELETE", path, symbol=symbol, origClientOrderId="same-id")
        assert ended.json()["orderId"] == first["orderId"]
        second = served.ask("POST", path, **wish).json()
        assert second["orderId"] != first["orderId"]
        asked = served.ask("GET", path, symbol=symbol, origClientOrderId="same-id").json()
        assert asked["orderId"] == second["orderId"]
        served.ask("DELETE", path, symbol=symbol, orderId=second["orderId"])
        told = {served.order(one["orderId"], "CANCELED")["client_id"] for one in (first, second)}
        assert told == {"same-id"}


def test_orders_are_counted_in_the_headers(served: Served) -> None:
    wish = {**ORDER, "symbol": "ETHUSDT", "price": "2500", "quantity": "1"}
    counts = []
    for _ in range(3):
        answer = served.ask("POST", "/fapi/v1/order", **wish)
        counts.append((int(answer.headers["X-MBX-ORDER-COUNT-10S"]), int(answer.headers["X-MBX-ORDER-COUNT-1M"])))
        served.ask("DELETE", "/fapi/v1/order", symbol="ETHUSDT", orderId=answer.json()["orderId"])
    for of_interval in zip(*counts, strict=True):  # each begins again at most once meanwhile
        assert any(after == before + 1 for before, after in pairwise(of_interval))
    assert "X-MBX-ORDER-COUNT-10S" not in served.plain("/api/v3/time").headers


def test_an_account_sees_and_ends_only_its_own_orders(served: Served) -> None:
    other = httpx.post(f"{served.rest}/admin/accounts", json={"spot": {"USDT": "1000"}}).json()
    own = served.ask("POST", "/api/v3/order", **{**ORDER, "price": "50000"}).json()["orderId"]
    headers = {"X-MBX-APIKEY": other["key"]}
    query = served.signed({"symbol": "BTCUSDT", "orderId": own}, other["secret"])
    assert code(httpx.get(f"{served.rest}/api/v3/order?{query}", headers=headers)) == (400, -2013)
    assert code(httpx.delete(f"{served.rest}/api/v3/order?{query}", headers=headers)) == (400, -2011)
    account = httpx.get(f"{served.rest}/api/v3/account?{served.signed({}, other['secret'])}", headers=headers).json()
    assert {one["asset"]: one["free"] for one in account["balances"]}["USDT"] == "1000.00000000"
    assert served.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=own).json()["status"] == "CANCELED"


def test_weights_are_counted_then_refused_then_banned(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        with httpx.Client(base_url=served.rest) as client:
            first = client.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 5000})
            assert first.headers["X-MBX-USED-WEIGHT-1M"] == "250"
            refused = first
            for _ in range(30):  # once more, should a minute begin between
                refused = client.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 5000})
                if refused.status_code != 200:
                    break
            assert code(refused) == (429, -1003)
            assert 1 <= int(refused.headers["Retry-After"]) <= 60
            assert client.get("/fapi/v1/time").status_code == 200, "USD-M counts apart"
            answers = [client.get("/api/v3/time") for _ in range(12)]
            banned = answers[-1]
            assert code(banned) == (418, -1003)
            assert 60 < int(banned.headers["Retry-After"]) <= 120
        assert served.stop() == (0, "")


def test_a_taken_port_ends_with_a_hint(served: Served, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("kedge")), "exchange", "--truth", str(tmp_path / "t.sqlite")]
    port = served.rest.rpartition(":")[2]
    ended = subprocess.run([*command, "--port", port], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 4
    assert f"port {port} of 127.0.0.1 is in use" in ended.stderr
    assert "--port 0" in ended.stderr


def test_two_exchanges_do_not_share_a_file(served: Served, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("kedge")), "exchange", "--port", "0", "--for", "1s", "--truth"]
    for file, said in ((served.path, "another exchange writes to"), (tmp_path, "must be a file")):
        ended = subprocess.run([*command, str(file)], capture_output=True, text=True, timeout=30, check=False)
        assert ended.returncode == 2
        assert said in ended.stderr
    assert served.ask("GET", "/api/v3/account").status_code == 200


def test_an_exchange_that_cannot_write_its_file_ends(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        with sqlite3.connect(served.path) as database:
            database.execute("DROP TABLE requests")
        database.close()
        served.plain("/api/v3/time")
        assert served.process.wait(timeout=10) == 1
        _, said = served.process.communicate()
        assert "the exchange cannot write its file any more: no such table: requests" in said
        assert "Traceback" not in said


def test_after_a_kill_the_file_lacks_at_most_a_tenth_of_a_second(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        placed = served.ask("POST", "/api/v3/order", **{**ORDER, "price": "50000"}).json()["orderId"]
        time.sleep(0.1)
        served.process.kill()
        served.process.communicate()
        assert [row["status"] for row in served.rows("SELECT status FROM orders WHERE order_id = ?", placed)] == ["NEW"]
        assert len(served.rows("SELECT * FROM requests WHERE executed AND method = 'POST'")) == 1
        assert served.rows("SELECT locked FROM balances_now WHERE currency = 'USDT' AND wallet = 'spot'") == [
            {"locked": "500.00000000"}
        ]


def test_admin_is_not_for_pages_of_a_browser(served: Served) -> None:
    address = f"{served.rest}/admin/faults"
    assert httpx.post(address, content="{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert httpx.get(address, headers={"Host": "evil.example"}).status_code == 403
    wrong = httpx.post(address, json={"kind": "drop", "probability": 2})
    assert wrong.status_code == 400
    assert wrong.json()["message"] == "`probability` must be from 0 to 1, was '2'"
    assert served.plain("/admin/health").json()["ok"]
