"""`kedge up` and `kedge exchange` where something is in their way, or dies under them: told, and nobody left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.running import ROOT, Running, until

pytestmark = pytest.mark.slow


class Up(Running):
    """`kedge up` in a folder of its own."""

    def __init__(self, folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.data = folder / "data"
        given = {"KEDGE_TRADER_DATA": str(self.data), "KEDGE_SERVER_PORT": "0", **(environment or {})}
        super().__init__(folder, "up", "--json", *options, environment=given, cwd=folder)

    def state(self) -> dict[str, Any]:
        """What `up.json` says; empty before there is one."""
        path = self.data / "current" / "up.json"
        return dict(json.loads(path.read_text())) if path.is_file() else {}

    def process_of(self, name: str) -> dict[str, Any]:
        """One of its processes; empty before there is one."""
        return next((dict(one) for one in self.state().get("processes", ()) if one["name"] == name), {})

    def running(self, name: str) -> int:
        """The process's id, once it is ready."""
        return int(until(lambda: (one := self.process_of(name)).get("state") == "running" and one["pid"], 60.0))

    def children(self) -> list[int]:
        """The ids of its processes that live."""
        return [one["pid"] for one in self.state().get("processes", ()) if one["pid"] and alive(one["pid"])]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield int(server.getsockname()[1])


def examples() -> tuple[str, str]:
    return "--examples", str(ROOT / "examples")


def test_the_pages_port_is_taken(tmp_path: Path, taken: int) -> None:
    up = Up(tmp_path, *examples(), environment={"KEDGE_SERVER_PORT": str(taken)})
    told = up.refused(60.0)
    assert told["exit_code"] == 4, told
    assert str(taken) in told["message"], told
    assert up.children() == []


def test_the_exchanges_port_is_taken(tmp_path: Path, taken: int) -> None:
    told = Running(
        tmp_path, "exchange", "--port", str(taken), "--json", "--truth", str(tmp_path / "t.sqlite")
    ).refused()
    assert told["exit_code"] == 4, told
    assert str(taken) in told["message"], told


def test_nothing_to_trade(tmp_path: Path) -> None:
    """A folder without examples; a strategy whose file is not there; settings of another venue."""
    told = Up(tmp_path).refused()
    assert told["exit_code"] == 2
    assert "quoting.py is not there, and the settings name no strategy" in told["message"]

    strategy = '[[strategy]]\nname = "a"\nfile = "nowhere.py"\ninstrument = "BTC/USDT@simulated"\n'
    (tmp_path / "kedge.toml").write_text(strategy)
    told = Up(tmp_path).refused(60.0)
    assert told["exit_code"] == 2
    assert told["message"].startswith("trader: ")
    assert "nowhere.py" in told["message"]

    (tmp_path / "kedge.toml").write_text('[venue]\nname = "binance"\n')
    told = Up(tmp_path).refused()
    assert told["exit_code"] == 2
    assert "`venue.name` is binance" in told["message"]


def test_ctrl_c_while_it_starts(tmp_path: Path) -> None:
    up = Up(tmp_path, *examples())
    until(lambda: up.process_of("trader").get("pid"), 60.0)
    children = up.children()
    up.process.send_signal(signal.SIGINT)
    told = up.refused()
    assert (told["exit_code"], told["message"]) == (130, "interrupted")
    assert not any(map(alive, children))


def test_the_trader_dies_and_comes_back(tmp_path: Path) -> None:
    """And with settings of the folder's own: a strategy by its relative path."""
    (tmp_path / "mine.py").write_text((ROOT / "tests/chaos/busy.py").read_text())
    (tmp_path / "kedge.toml").write_text(
        '[venue]\nrecv_window = "500ms"\n[[strategy]]\nname = "mine"\nfile = "mine.py"\n'
        'instrument = "ETH/USDT:USDT@simulated"\n'
    )
    up = Up(tmp_path)
    first = up.running("trader")
    up.running("server")
    os.kill(first, signal.SIGKILL)
    until(lambda: up.process_of("trader").get("restarts") == 1)
    assert up.running("trader") != first
    assert "code -9" in up.process_of("trader")["trouble"]
    children = up.children()
    last = up.end()
    assert (last["reconciled"], last["restarts"], last["unknown_orders"]) == (True, 1, 0), last
    assert not any(map(alive, children))


def test_it_is_killed_itself(tmp_path: Path) -> None:
    up = Up(tmp_path, *examples())
    up.running("trader")
    children = up.children()
    assert len(children) >= 2
    up.kill()
    until(lambda: not any(map(alive, children)), 20.0)


def test_the_exchange_dies(tmp_path: Path) -> None:
    up = Up(tmp_path, *examples())
    up.running("trader")
    up.running("server")
    children = up.children()
    os.kill(up.running("exchange"), signal.SIGKILL)
    told = up.refused(60.0)
    assert told["exit_code"] == 5
    assert "the exchange ended, and its market with it" in told["message"]
    assert not any(map(alive, children))
