"""`kedge server` and `kedge store` as processes, as a person starts and ends them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.store.traded import Traded

KEDGE = str(Path(sys.executable).parent / "kedge")


@contextmanager
def server(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A server that answers, and what it said."""
    command = [KEDGE, "server", "--data", str(folder), "--port", "0", "--json", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=folder) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr is not None else ""
            yield process, json.loads(line)
        finally:
            if process.poll() is None:
                process.kill()


def kedge(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the object printed, standard error."""
    done = subprocess.run(
        [KEDGE, *arguments, "--data", str(folder), "--json"],
        capture_output=True, text=True, check=False, timeout=60, cwd=folder,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}, done.stderr


@contextmanager
def logged_in(address: str, code: str) -> Iterator[httpx.Client]:
    """A client with a session."""
    base = address.rstrip("/")
    with httpx.Client(base_url=base, headers={"Origin": base, "X-Kedge": "1"}, timeout=10, verify=False) as client:
        assert client.post("/api/login", json={"code": code}).status_code == 200
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Traded(tmp_path, now=time.time_ns() - 5_000_000_000).begin().run(30).close()
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_is_used_and_ended(folder: Path, number: signal.Signals) -> None:
    with server(folder) as (process, said):
        assert set(said) == {"address", "code", "data"}
        assert said["address"].startswith("http://127.0.0.1:")
        assert said["code"] not in said["address"]
        with logged_in(said["address"], said["code"]) as client:
            end = time.monotonic() + 10
            while client.get("/api/state").json()["epoch"] != 1:
                assert time.monotonic() < end
                time.sleep(0.05)
            code, told, _ = kedge(folder, "server", "--new-code")
            assert code == 0
            with logged_in(told["address"], told["code"]) as other:
                assert other.get("/api/orders?scope=all").json()["total"] > 10
        process.send_signal(number)
        out, errors = process.communicate(timeout=10)
        assert (process.returncode, out, errors) == (0, "", "")
        assert not (folder / "server.sock").exists()
    # Started again, it goes on with the tables that are there.
    with server(folder) as (_, said), logged_in(said["address"], said["code"]) as client:
        assert client.get("/api/fills").json()["total"] > 5


def test_a_port_that_is_taken_and_a_second_server_are_refused(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, told, errors = kedge(folder, "server", "--port", str(taken.getsockname()[1]))
        assert (code, told["error"]) == (4, "UnreachableError")
        assert "--port" in errors
    with server(folder):
        code, told, _ = kedge(folder, "server", "--port", "0")
        assert (code, told["error"]) == (5, "UnsafeStateError")
        assert "another server" in told["message"]
    code, told, _ = kedge(folder, "server", "--new-code")
    assert code == 4
    assert "kedge server" in told["hint"]


def test_tables_are_rebuilt_and_checked_with_and_without_a_server(folder: Path) -> None:
    code, told, _ = kedge(folder, "store", "check")
    assert code == 2, told
    code, built, _ = kedge(folder, "store", "rebuild")
    assert (code, built["sessions"]) == (0, 1)
    assert built["rows"]["fills"] > 5
    code, told, _ = kedge(folder, "store", "check")
    assert (code, told["equal"], told["differ"]) == (0, True, [])
    with server(folder) as (_, said), logged_in(said["address"], said["code"]) as client:
        code, again, errors = kedge(folder, "store", "rebuild")
        assert code == 0, errors
        assert again["rows"] == built["rows"]
        assert client.get("/api/events").json()["events"][0]["text"].endswith("a person asked for it")
        assert kedge(folder, "store", "check")[1]["equal"] is True
    for file in folder.glob("kedge.sqlite*"):
        file.unlink()
    (folder / "kedge.sqlite").write_bytes(os.urandom(10_000))
    code, told, _ = kedge(folder, "store", "check")
    assert code == 5
    assert "rebuild" in told["hint"]
    assert kedge(folder, "store", "rebuild")[0] == 0
    assert kedge(folder, "store", "check")[1]["equal"] is True


def test_a_killed_server_leaves_nothing_in_the_way(folder: Path) -> None:
    with server(folder) as (process, _):
        process.kill()
        process.wait()
    with server(folder) as (_, said), logged_in(said["address"], said["code"]) as client:
        assert client.get("/api/health").json()["status"] == "ok"


def test_a_folder_without_a_journal_waits_for_one(tmp_path: Path) -> None:
    assert kedge(tmp_path, "store", "rebuild")[0] == 2
    with server(tmp_path) as (_, said), logged_in(said["address"], said["code"]) as client:
        end = time.monotonic() + 10
        while (state := client.get("/api/state").json())["trader"]["state"] != "none":
            assert time.monotonic() < end
            time.sleep(0.05)
        assert "kedge up" in state["trader"]["message"]
        Traded(tmp_path, now=time.time_ns()).begin().run(3).close()
        while client.get("/api/state").json()["epoch"] != 1:
            assert time.monotonic() < end
            time.sleep(0.05)
