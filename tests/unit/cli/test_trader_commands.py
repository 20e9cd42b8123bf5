"""Commands about a trader: those it answers itself, and those that its journal answers when it is gone."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from kedge.cli.app import run
from kedge.execution.client_ids import client_id
from kedge.journal import Kind
from kedge.model.errors import UsageError
from kedge.node.control import ControlSocket
from kedge.node.folders import AccountLock, DataFolder
from tests.unit.backtest.live_sessions import MS, Day, opened, specification

STATUS = {
    "ts": 1_700_000_009_123_456_789,
    "halted": False,
    "equity": "10010.5",
    "pnl": "10.5",
    "orders": 4,
    "fills": 2,
    "unknown_orders": 1,
    "strategies": [
        {
            "name": "quoting",
            "instrument": "BTC/USDT@simulated",
            "state": "failed",
            "position": "0.01",
            "pnl": "10.5",
            "fees": "0.1",
            "orders": 2,
            "refusals": 3,
            "error": "quoting.py, line 5: it broke",
        }
    ],
    "feeds": [],
    "risk": [{"strategy": "quoting", "limit": "position", "used": "0.0100", "bound": "2"}],
    "notices": {"bad message": "BTCUSDT: it is no JSON"},
}
Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kedge.toml").write_text('[trader]\ndata = "mine"\n')
    (tmp_path / "mine").mkdir()
    return DataFolder(tmp_path / "mine")


@pytest.fixture
def ask(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command with --json: its exit code and its object."""

    def asked(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = run([*arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return asked


def traded(folder: DataFolder, epoch: int = 1, seed: int = 4, books: str | None = None) -> tuple[Day, dict[str, Any]]:
    """A session in its folder that stopped in the middle of its orders; what it said of itself."""
    folder.journal.mkdir(exist_ok=True)
    session = opened(specification(), folder.session(epoch), books, epoch)
    day = Day(session, Random(seed))
    day.run(300)
    session.resume(day.now)
    for strategy in range(3):
        session.start_strategy(strategy, day.now)
    for _ in range(40):
        day.now += 20 * MS
        day.depth()
    session.note(Kind.STATUS, json.dumps(STATUS), day.now)
    said = {**session.values(), "open": session.open_orders(), "books": session.checkpoint(day.now)}
    session.close(day.now)
    return day, said


@contextmanager
def answering(folder: DataFolder, answers: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """A trader that answers on its socket, and what it was asked."""
    heard: list[dict[str, Any]] = []
    loop = asyncio.new_event_loop()
    stop, ready = asyncio.Event(), threading.Event()

    def handler(name: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        def answer(asked: Mapping[str, Any]) -> dict[str, Any]:
            heard.append({key: value for key, value in asked.items() if key != "id"})
            if isinstance(answers[name], Exception):
                raise answers[name]
            return dict(answers[name])

        return answer

    async def serve() -> None:
        async with ControlSocket(folder.socket, {name: handler(name) for name in answers}):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(5)
        yield heard
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def test_a_trader_that_is_gone_is_read_from_its_journal(folder, ask, capsys):
    _, said = traded(folder)
    code, status = ask("status")
    assert (code, status["running"], status["closed"], status["starts_halted"]) == (4, False, True, False)
    assert status["equity"] == "10010.5"
    code, orders = ask("orders")
    assert (code, orders["running"], orders["epoch"]) == (0, False, 1)
    shown = [(o["id"], o["side"], Decimal(o["quantity"]), Decimal(o["filled"])) for o in orders["orders"]]
    assert shown == sorted((row[0], row[3], Decimal(row[5]), Decimal(row[6])) for row in said["open"])
    assert len(shown) > 2
    assert orders["orders"][0]["client_id"] == client_id("k1", shown[0][0])
    code, balances = ask("balances")
    ours = {currency: Decimal(int(amount)).scaleb(-16) for currency, amount in said["balances"]}
    assert {currency: Decimal(amount) for currency, amount in balances["balances"].items()} == ours
    code, positions = ask("positions")
    held = [(held["strategy"], Decimal(held["quantity"])) for held in positions["positions"]]
    names = ["quoting", "crossing", "restless"]
    assert held == [(name, Decimal(row[0])) for name, row in zip(names, said["strategies"], strict=True)]
    assert run(["status"]) == 4
    told = capsys.readouterr().out
    assert "not running" in told
    assert "it broke" in told
    assert "no JSON" in told


def test_what_a_crash_left_behind_the_durable_mark_counts(folder, ask):
    traded(folder)
    whole = ask("orders")[1]["orders"]
    mark = folder.session(1) / "durable"
    begun = mark.read_bytes()[:24] + struct.pack("<Q", 2)
    mark.write_bytes(begun + struct.pack("<I", zlib.crc32(begun)))
    assert ask("orders")[1]["orders"] == whole != []


def test_fills_reach_into_earlier_sessions(folder, ask):
    _, first = traded(folder)
    _, second = traded(folder, 2, 9, first["books"])
    _, few = ask("fills", "--limit", "3")
    _, all_of_them = ask("fills", "--limit", "100000")
    assert few["fills"] == all_of_them["fills"][:3]
    orders = [fill["order"] >> 32 for fill in all_of_them["fills"] if fill["order"] != 7]
    assert orders == sorted(orders, reverse=True)
    assert len(orders) == first["fills"] + second["fills"]
    assert set(orders) == {1, 2}


def test_tables_are_for_people(folder, capsys):
    traded(folder)
    for command in ("orders", "positions", "balances", "fills"):
        assert run([command]) == 0
        told = capsys.readouterr().out
        assert "the trader is not running: as of 2023-11-14T22:" in told
        lines = told.splitlines()[1:]
        assert len({len(line.rstrip()) for line in lines}) <= 2, told


def test_a_trader_that_runs_is_asked(folder, ask):
    traded(folder)
    answers = {"status": STATUS, "halt": {"halted": True, "cancelling": 2}, "resume": {"halted": False}}
    with answering(folder, {**answers, "cancel": {"done": True}, "cancel_all": {"cancelling": 5}}) as heard:
        code, status = ask("status")
        assert (code, status["running"], status["equity"]) == (0, True, "10010.5")
        assert ask("orders")[1]["running"]
        heard.clear()
        assert ask("halt") == (0, {"running": True, "halted": True, "cancelling": 2})
        assert ask("resume") == (0, {"running": True, "halted": False})
        assert heard == [{"command": "halt"}, {"command": "resume"}]
        assert not folder.halted.exists(), "the trader keeps that file itself"


def test_orders_are_cancelled_by_number_or_name(folder, ask):
    traded(folder)
    answers = {"status": STATUS, "cancel": {"done": True}, "cancel_all": {"cancelling": 5}}
    with answering(folder, answers) as heard:
        first, second, *_ = ask("orders")[1]["orders"]
        assert ask("cancel", str(first["id"])) == (0, {"cancelling": 1, "order": first["id"]})
        assert ask("cancel", second["client_id"])[1]["order"] == second["id"]
        asked = [told for told in heard if told["command"] == "cancel"]
        assert [told["order"] for told in asked] == [first["id"], second["id"]]
        assert ask("cancel", "--all", "--strategy", "quoting") == (0, {"cancelling": 5})
        assert heard[-1] == {"command": "cancel_all", "strategy": "quoting"}
        for wrong in (["cancel"], ["cancel", "1"], ["cancel", "1", "--all"], ["cancel", "1", "--strategy", "x"]):
            assert ask(*wrong)[0] == 2
    code, refused = ask("cancel", "--all")
    assert (code, refused["error"]) == (4, "UnreachableError")
    assert "cancels what an earlier session left open" in refused["hint"]


def test_what_a_trader_refuses_is_handed_on(folder, ask):
    traded(folder)
    refused = UsageError("there is no strategy `x`", "there are: quoting")
    with answering(folder, {"status": STATUS, "cancel_all": refused}):
        code, told = ask("cancel", "--all", "--strategy", "x")
    assert (code, told["message"], told["hint"]) == (2, "there is no strategy `x`", "there are: quoting")


def test_a_halt_of_a_dead_trader_waits_for_the_next_one(folder, ask, capsys):
    traded(folder)
    code, told = ask("halt")
    assert (code, told["running"], told["halted"]) == (5, False, True)
    assert folder.halted.exists()
    assert ask("status")[1]["starts_halted"]
    assert run(["halt"]) == 5
    assert "cancels what an earlier session left open" in capsys.readouterr().out
    assert ask("resume") == (0, {"running": False, "halted": False})
    assert not folder.halted.exists()


def test_a_trader_that_holds_the_account_and_does_not_answer_is_named(folder, ask):
    traded(folder)
    with AccountLock(folder, "simulated-1"):
        code, told = ask("halt")
        assert code == 5
        assert "runs as process" in told["why"]
        assert folder.halted.exists()
        assert "runs as process" in ask("status")[1]["why"]
    assert ask("status")[1]["why"] == "the trader is not running"


def test_the_newest_folder_of_up_is_found(folder, ask):
    deeper = DataFolder(folder.root / "20261121T080147")
    deeper.root.mkdir()
    (folder.root / "current").symlink_to(deeper.root.name)
    traded(deeper)
    assert ask("orders")[1]["journal"] == str(deeper.session(1).resolve())
    assert ask("orders", "--data", str(deeper.root))[1]["epoch"] == 1


@pytest.mark.parametrize("command", ["status", "orders", "positions", "balances", "fills"])
def test_a_folder_without_a_journal_says_what_to_do(folder, ask, command):
    code, told = ask(command)
    assert code == 2
    assert "no journal of a trader" in told["message"]
    assert "--data" in told["hint"]


def test_a_halt_where_no_trader_ever_ran_is_a_mistake(folder, ask):
    code, told = ask("halt", "--data", "elsewhere")
    assert code == 2
    assert not Path("elsewhere").exists()
    assert "elsewhere" in told["message"]
