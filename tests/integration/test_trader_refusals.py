"""What keeps a trader from starting: a clear message, the designed exit code, and nothing left behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from kedge.cli.app import run
from tests.running import RunningExchange
from tests.trading import RESTS, Desk, Seat

pytestmark = pytest.mark.slow

RESTING = Seat("rests", RESTS)
Here = Callable[[Mapping[str, str]], dict[str, Any]]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    running = RunningExchange(tmp_path_factory.mktemp("exchange"), "--seed", "7", "--limits", "20")
    yield running
    running.close()


@pytest.fixture
def desk(exchange: RunningExchange, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(exchange, tmp_path, [RESTING])
    yield made
    made.close()
    exchange.clear_faults()


@pytest.fixture
def here(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs the command itself, in this process, where what is refused needs no process of its own: the error that it
    ends with."""

    def refused(changed: Mapping[str, str]) -> dict[str, Any]:
        for name, value in {**desk.exchange.environment(desk.account), **changed}.items():
            monkeypatch.setenv(name, value)
        code = run(["trader", "--settings", str(desk.settings), "--json"])
        printed = capsys.readouterr()
        told = dict(json.loads(printed.out.splitlines()[-1]))
        assert told["exit_code"] == code
        assert f"error: {told['message']}" in printed.err
        assert "Traceback" not in printed.err
        assert "internal error" not in told["message"], told
        assert told["hint"]
        return told

    return refused


def test_streams_that_nobody_serves(desk: Desk) -> None:
    """Both in their own process, at once: each is tried for ten seconds."""
    nobody = "ws://127.0.0.1:9/ws"
    elsewhere = Desk(desk.exchange, desk.folder / "elsewhere", [RESTING])
    started = [
        desk.start({"KEDGE_VENUE_SPOT_STREAM": nobody}),
        elsewhere.start({"KEDGE_VENUE_SPOT_PRIVATE": nobody}),
    ]
    for trader in started:
        told = trader.refused()
        assert told["exit_code"] == 4, told
        assert nobody in told["message"]


def test_a_wrong_key(desk: Desk) -> None:
    told = desk.start({"KEDGE_VENUE_KEY": "nobody" * 8}).refused()
    assert told["exit_code"] == 2
    assert "the venue refused the API key: -2015" in told["message"]


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        ({"KEDGE_VENUE_KEY": "nobody" * 8}, 2, "the venue refused the API key: -2015"),
        ({"KEDGE_VENUE_SECRET": "nothing" * 8}, 2, "the venue refused the API key: -1022"),
        ({"KEDGE_VENUE_KEY": ""}, 2, "there is no key for the venue"),
        ({"KEDGE_VENUE_SPOT_REST": ""}, 2, "`venue.spot_rest` is not set"),
        ({"KEDGE_VENUE_SPOT_STREAM": "ftp://x"}, 2, "spot_stream"),
        ({"KEDGE_VENUE_SPOT_REST": "http://127.0.0.1:9"}, 4, "http://127.0.0.1:9"),
        ({"KEDGE_VENUE_NAME": "binance"}, 2, "but `venue.name` is binance"),
    ],
)
def test_settings_of_the_venue(here: Here, desk: Desk, changed: dict[str, str], code: int, message: str) -> None:
    told = here(changed)
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
def test_strategies(here: Here, desk: Desk, seats: list[Seat], code: int, message: str) -> None:
    desk.write(seats)
    told = here({})
    assert told["exit_code"] == code, told
    assert message in told["message"], told
    assert not list(desk.data.glob("journal/*"))


def test_the_venues_clock_is_off(desk: Desk) -> None:
    with desk.exchange.faulty(kind="clock", offset_ms=10_000):
        told = desk.start().refused()
    assert told["exit_code"] == 5
    assert re.search(r"our clock is off: the venue's is \+(10\.0|9\.9)", told["message"])
    assert "NTP" in told["hint"]


@pytest.mark.parametrize("answer", ["html", "garbage", "empty", "error_200", "503"])
def test_the_exchange_answers_badly(here: Here, desk: Desk, answer: str) -> None:
    with desk.exchange.faulty(kind="error", answer=answer):
        told = here({})
    assert told["exit_code"] == 4, told
    assert desk.exchange.told["rest"] in told["message"]


def test_another_server_is_at_the_address(here: Here) -> None:
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
        told = here({"KEDGE_VENUE_SPOT_REST": f"http://127.0.0.1:{server.server_port}"})
        server.shutdown()
        serving.join()
    assert told["exit_code"] == 4, told
    assert "a page instead of JSON" in told["message"]


def test_a_data_folder_that_is_none(here: Here, desk: Desk) -> None:
    desk.data.write_text("a file")
    told = here({})
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
