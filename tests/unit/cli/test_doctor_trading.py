"""What the doctor says of live trading: each thing well, and each thing wrong with its next step."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from kedge.cli import doctor_trading as doctor
from kedge.model.settings import Settings
from kedge.node.folders import AccountLock, DataFolder
from tests.unit.backtest.live_sessions import Day, opened, specification


@contextmanager
def answering(bodies: dict[str, bytes]) -> Iterator[str]:
    """A server that answers these paths, and its address."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = bodies.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def venue(rest: str, **more: str) -> Settings:
    given = {f"{market}_{part}": rest for market in ("spot", "usdm") for part in ("rest", "stream", "private")}
    return Settings.model_validate({"venue": {**given, **more}})


def told(offset_s: float = 0.0) -> dict[str, bytes]:
    body = json.dumps({"serverTime": int((time.time() + offset_s) * 1e3)}).encode()
    return {"/api/v3/time": body, "/fapi/v1/time": body}


def test_a_venue_that_answers_is_well_and_a_clock_that_is_off_is_not():
    with answering(told()) as address:
        found = doctor.check_connections(venue(address), time.time)
    assert [(check.check, check.ok) for check in found] == [("connection", True)] * 2
    with answering(told(offset_s=-10)) as address:
        found = doctor.check_connections(venue(address), time.time)
    assert not any(check.ok for check in found)
    assert "clock -10" in found[0].value or "clock -9" in found[0].value
    assert "NTP" in found[0].next


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"serverTime": null}', b"[]", b""])
def test_something_else_at_the_venues_address_is_found(body):
    with answering({"/api/v3/time": body, "/fapi/v1/time": body}) as address:
        found = doctor.check_connections(venue(address), time.time)
    assert all(not check.ok and "not as Binance does" in check.value for check in found)
    assert "spot_rest" in found[0].next


def test_nobody_at_the_venues_address_is_found():
    with answering({}) as address:
        unknown = doctor.check_connections(venue(address), time.time)
    gone = doctor.check_connections(venue(address), time.time)
    assert not any(check.ok for check in (*unknown, *gone))
    assert "refused" in gone[0].value


def test_no_venue_is_no_fault_but_half_of_one_is():
    assert all(check.ok for check in doctor.check_connections(Settings(), time.time))
    half = Settings.model_validate({"venue": {"spot_rest": "http://127.0.0.1:1"}})
    spot, usdm = doctor.check_connections(half, time.time)
    assert (spot.ok, usdm.ok) == (False, True)
    assert "spot_" in spot.next


def test_keys_for_binance_are_asked_for():
    with answering(told()) as address:
        found = doctor.check_connections(venue(address, name="binance"), time.time)
        named = doctor.check_connections(venue(address, name="binance", key="a", secret="b"), time.time)
    assert [check.check for check in found if not check.ok] == ["keys"]
    assert all(check.ok for check in named)


def test_a_port_is_free_ours_or_somebody_elses():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        taken.settimeout(0)
        found = doctor.check_port(0)
        assert found.ok
    assert doctor.check_port(port).ok
    with answering({"/api/health": b'{"ok": true}'}) as address:
        assert "own server" in doctor.check_port(int(address.rpartition(":")[2])).value
    with answering({"/api/health": b"<html>"}) as address:
        found = doctor.check_port(int(address.rpartition(":")[2]))
    assert not found.ok
    assert "[server]" in found.next


def test_a_trader_that_hangs_is_found(tmp_path):
    folder = DataFolder(tmp_path)
    assert doctor.check_trader(folder).ok
    folder.halted.touch()
    assert "starts halted" in doctor.check_trader(folder).value
    with AccountLock(folder, "simulated-1"):
        found = doctor.check_trader(folder)
    assert not found.ok
    assert "does not answer" in found.value
    assert not doctor.check_trader(DataFolder(tmp_path / ("long" * 40))).ok


def test_a_journal_is_read_to_its_end(tmp_path):
    folder = DataFolder(tmp_path)
    assert "none yet" in doctor.check_journal(folder).value
    folder.journal.mkdir()
    session = opened(specification(), folder.session(1))
    day = Day(session, Random(3))
    day.run(100)
    session.close(day.now)
    assert "ended cleanly" in doctor.check_journal(folder).value
    decisions, durable = folder.session(1) / "decisions.kj", folder.session(1) / "durable"
    whole, mark = decisions.read_bytes(), durable.read_bytes()
    decisions.write_bytes(whole[:-3])
    found = doctor.check_journal(folder)
    assert not found.ok, "what was on the disk is gone"
    assert "by hand" in found.next
    durable.unlink()
    found = doctor.check_journal(folder)
    assert found.ok
    assert "bytes that do not count" in found.value
    durable.write_bytes(mark)
    decisions.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
    found = doctor.check_journal(folder)
    assert not found.ok
    assert "damaged at byte" in found.value
    assert found.next


def test_a_page_that_was_not_built_is_found(tmp_path: Path):
    assert not doctor.check_page(tmp_path).ok
    (tmp_path / doctor.PAGE).parent.mkdir()
    (tmp_path / doctor.PAGE).touch()
    assert doctor.check_page(tmp_path).ok
    assert doctor.check_live_packages().ok
