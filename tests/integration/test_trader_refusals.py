"""What keeps a trader from starting: a clear message, the designed exit code, and nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.running import RunningExchange
from tests.trading import RESTS, Desk, Seat

pytestmark = pytest.mark.slow

RESTING = Seat("rests", RESTS)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    running = RunningExchange(tmp_path_factory.mktemp("exchange"), "--seed", "7")
    yield running
    running.close()


@pytest.fixture
def desk(exchange: RunningExchange, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(exchange, tmp_path, [RESTING])
    yield made
    made.close()
    exchange.clear_faults()


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        ({"KEDGE_VENUE_KEY": "nobody" * 8}, 2, "the venue refused the API key: -2015"),
        ({"KEDGE_VENUE_SECRET": "nothing" * 8}, 2, "the venue refused the API key: -1022"),
        ({"KEDGE_VENUE_KEY": ""}, 2, "there is no key for the venue"),
        ({"KEDGE_VENUE_SPOT_REST": ""}, 2, "`venue.spot_rest` is not set"),
        ({"KEDGE_VENUE_SPOT_STREAM": "ftp://x"}, 2, "spot_stream"),
        ({"KEDGE_VENUE_SPOT_REST": "http://127.0.0.1:9"}, 4, "http://127.0.0.1:9"),
        ({"KEDGE_VENUE_SPOT_STREAM": "ws://127.0.0.1:9/ws"}, 4, "ws://127.0.0.1:9"),
        ({"KEDGE_VENUE_SPOT_PRIVATE": "ws://127.0.0.1:9/ws"}, 4, "ws://127.0.0.1:9"),
        ({"KEDGE_VENUE_NAME": "binance"}, 2, "but `venue.name` is binance"),
    ],
)
def test_settings_of_the_venue(desk: Desk, changed: dict[str, str], code: int, message: str) -> None:
    told = desk.start(changed).refused()
    assert told["exit_code"] == code, told
    assert message in told["message"], told
    assert desk.account["secret"] not in str(told)
    assert not list(desk.data.glob("journal/*"))


@pytest.mark.parametrize(
    ("seats", "code", "message"),
    [
        ([], 2, "the settings name no strategy"),
        ([Seat("a", RESTS, "DOGE/USDT@simulated")], 2, "DOGEUSDT"),
        ([Seat("a", RESTS, "DOGE/USDT:USDT@simulated")], 2, "DOGEUSDT"),
        ([Seat("a", Path("nowhere.py"))], 2, "nowhere.py"),
        ([Seat("a", "this is no Python")], 1, "a.py, line 1"),
        ([Seat("a", "raise ValueError('at import')")], 1, "a.py, line 1"),
        ([Seat("a", RESTS, size=100.0)], 2, "parameter `Rests.size` must be"),
    ],
)
def test_strategies(desk: Desk, seats: list[Seat], code: int, message: str) -> None:
    desk.write(seats)
    told = desk.start().refused()
    assert told["exit_code"] == code, told
    assert message in told["message"], told
    assert not list(desk.data.glob("journal/*"))


def test_the_venues_clock_is_off(desk: Desk) -> None:
    with desk.exchange.faulty(kind="clock", offset_ms=10_000):
        told = desk.start().refused()
    assert told["exit_code"] == 5
    assert "our clock is off: the venue's is +10." in told["message"]
    assert "NTP" in told["hint"]


@pytest.mark.parametrize("answer", ["html", "garbage", "empty", "error_200", "503"])
def test_the_exchange_answers_badly(desk: Desk, answer: str) -> None:
    with desk.exchange.faulty(kind="error", answer=answer):
        told = desk.start().refused()
    assert told["exit_code"] == 4, told
    assert desk.exchange.told["rest"] in told["message"]


def test_another_server_is_at_the_address(desk: Desk) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html><body>Welcome</body></html>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        told = desk.start({"KEDGE_VENUE_SPOT_REST": f"http://127.0.0.1:{server.server_port}"}).refused()
        server.shutdown()
        serving.join()
    assert told["exit_code"] == 4, told
    assert "a page instead of JSON" in told["message"]


def test_a_data_folder_that_is_none(desk: Desk) -> None:
    desk.data.write_text("a file")
    told = desk.start().refused()
    assert told["exit_code"] in (1, 2), told
    assert str(desk.data) in told["message"]


def test_a_second_trader(desk: Desk, tmp_path: Path) -> None:
    """On the same folder, and with another folder on the same account."""
    first = desk.ready()
    told = desk.start().refused()
    assert told["exit_code"] == 5
    assert f"another trader holds {desk.data}" in told["message"]
    elsewhere = Desk(desk.exchange, tmp_path / "elsewhere", [RESTING])
    elsewhere.account = desk.account
    told = elsewhere.start().refused()
    assert told["exit_code"] == 5
    assert "another trader trades this account" in told["message"]
    assert not list(elsewhere.data.glob("journal/*"))
    first.kill()
    assert desk.ready().end()["open_orders"] == 0


def test_what_the_last_session_left_is_not_ours(desk: Desk) -> None:
    """A journal of another account, of other strategies, and one that is damaged."""
    desk.ready().end()
    another = desk.exchange.account()
    told = desk.start({"KEDGE_VENUE_KEY": another["key"], "KEDGE_VENUE_SECRET": another["secret"]}).refused()
    assert told["exit_code"] == 5
    assert "holds the journal of account simulated-" in told["message"]

    desk.write([Seat("renamed", RESTS)])
    told = desk.start().refused()
    assert told["exit_code"] == 5
    assert "the last session traded rests on BTC/USDT@simulated, the settings say renamed" in told["message"]

    desk.write([RESTING])
    decisions = desk.data / "journal" / "000001" / "decisions.kj"
    whole = decisions.read_bytes()
    middle = len(whole) // 2
    decisions.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :])
    told = desk.start().refused()
    assert told["exit_code"] == 5
    assert f"{decisions}: damaged at byte " in told["message"]
    decisions.write_bytes(whole)
    desk.ready().end()
    desk.audited()
