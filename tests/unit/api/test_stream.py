import asyncio
import contextlib
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from kedge.api import answers, hub
from kedge.api.live import FILLS
from tests.unit.api.serving import Running, running
from tests.unit.store.traded import Traded

ELSEWHERE = "http:" + "//evil.test"


def opened(server: Running, client: httpx.Client, **headers: str) -> ClientConnection:
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    return connect(
        f"ws://127.0.0.1:{server.port}/api/stream",
        origin=server.address,  # type: ignore[arg-type]
        additional_headers={"Cookie": cookie, **headers},
        compression=None,
    )


class Mirror:
    """What a page keeps of the stream: it guesses nothing."""

    def __init__(self) -> None:
        self.seq = -1
        self.state: dict[str, Any] = {}
        self.deltas = 0
        self.added: dict[str, list[Any]] = {"candles+": [], "equity+": [], "events+": []}

    def take(self, text: str | bytes) -> dict[str, Any]:
        message = json.loads(text)
        if message["type"] == "snapshot":
            answers.Snapshot.model_validate(message)
            self.seq, self.state = message["seq"], message["state"]
            return message
        answers.Delta.model_validate(message)
        assert message["seq"] == self.seq + 1
        self.seq = message["seq"]
        self.deltas += 1
        changes = dict(message["changes"])
        fills = changes.pop("fills+", [])
        for name in self.added:
            self.added[name] += changes.pop(name, [])
        self.state |= changes
        self.state["fills"] = (fills + self.state["fills"])[:FILLS]
        return message


def drain(stream: ClientConnection, mirror: Mirror, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            mirror.take(stream.recv(timeout=left))
        except TimeoutError:
            return


@contextmanager
def trading(folder: Path, seed: int) -> Iterator[tuple[Traded, Callable[[], None]]]:
    """A session that goes on in another thread, with gaps and stops among its steps, and what brings it to rest."""
    traded = Traded(folder, now=time.time_ns(), seed=seed).begin().run(20)
    chance, stop = random.Random(seed), threading.Event()

    def go_on() -> None:
        while not stop.wait(0.02):
            traded.step()
            match chance.randrange(40):
                case 0:
                    traded.depth(0, [], [], skip=2)
                case 1:
                    traded.snapshot(0)
                case 2:
                    traded.session.stop_strategy(0, traded.now)
                case 3:
                    traded.session.start_strategy(0, traded.now)
                case 4:
                    traded.reconcile("periodic")
                case 5 | 6 | 7 | 8:
                    traded.status()

    thread = threading.Thread(target=go_on)
    thread.start()

    def come_to_rest() -> None:
        stop.set()
        thread.join()
        traded.commit()

    try:
        yield traded, come_to_rest
    finally:
        come_to_rest()


@pytest.mark.parametrize("seed", range(3))
def test_a_snapshot_and_its_deltas_make_the_next_snapshot(tmp_path: Path, seed: int) -> None:
    mirror = Mirror()
    compared = 0
    with (
        trading(tmp_path, seed) as (traded, come_to_rest),
        running(tmp_path) as server,
        server.logged_in() as client,
        opened(server, client) as stream,
    ):
        mirror.take(stream.recv())
        for _ in range(4):
            drain(stream, mirror, 0.4)
            stream.send(json.dumps({"type": "resync"}))
            while (before := dict(mirror.state)) is not None and (text := stream.recv()):
                seq = mirror.seq
                if mirror.take(text)["type"] == "snapshot":
                    assert mirror.seq == seq
                    assert mirror.state == before
                    compared += 1
                    break
        come_to_rest()
        drain(stream, mirror, 1.0)
        # The sum of all changes is what the tables say, and what the engine holds.
        assert mirror.state["orders"] == client.get("/api/orders?scope=open").json()["orders"]
        assert mirror.state["fills"] == client.get("/api/fills?limit=50").json()["fills"]
        held = [Decimal(value[0]) for value in traded.session.values()["strategies"]]
        assert [Decimal(position["quantity"]) for position in mirror.state["positions"]] == held
    assert compared == 4
    assert mirror.deltas > 8
    assert mirror.state["fills"]
    assert mirror.added["candles+"]
    assert mirror.added["equity+"]


def test_two_clients_get_the_same_bytes_and_rest_is_what_rest_says(tmp_path: Path) -> None:
    with trading(tmp_path, 7), running(tmp_path) as server, server.logged_in() as client:
        with opened(server, client) as one, opened(server, client) as two:
            first, second = Mirror(), Mirror()
            first.take(one.recv())
            second.take(two.recv())
            drain(one, first, 0.5)
            drain(two, second, 0.5)
            while first.seq < second.seq:
                first.take(one.recv())
            while second.seq < first.seq:
                second.take(two.recv())
            assert first.state == second.state
        answers.State.model_validate(client.get("/api/state").json())


def test_a_page_that_missed_a_number_asks_and_goes_on_from_the_snapshot(tmp_path: Path) -> None:
    with (
        trading(tmp_path, 3),
        running(tmp_path) as server,
        server.logged_in() as client,
        opened(server, client) as stream,
    ):
        mirror = Mirror()
        mirror.take(stream.recv())
        drain(stream, mirror, 0.3)
        missed = json.loads(stream.recv())
        with pytest.raises(AssertionError):
            mirror.take(json.dumps({**missed, "seq": missed["seq"] + 1}))
        stream.send('{"type": "resync"}')
        while json.loads(text := stream.recv())["type"] != "snapshot":
            pass
        mirror.take(text)
        drain(stream, mirror, 0.3)
        assert mirror.seq > missed["seq"]


def test_a_stream_needs_a_session_and_our_own_page(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client() as stranger, server.logged_in() as client:
        for who, headers, origin, status in (
            (stranger, {}, server.address, 401),
            (client, {}, ELSEWHERE, 403),
            (client, {}, None, 403),
            (client, {"Sec-Fetch-Site": "cross-site"}, server.address, 403),
        ):
            cookie = "; ".join(f"{name}={value}" for name, value in who.cookies.items())
            with (
                pytest.raises(InvalidStatus) as refused,
                connect(
                    f"ws://127.0.0.1:{server.port}/api/stream",
                    origin=origin,  # type: ignore[arg-type]
                    additional_headers={"Cookie": cookie, **headers},
                ),
            ):
                pass
            assert refused.value.response.status_code == status


@pytest.mark.parametrize("message", ["hello", "{}", '{"type": "resync", "more": 1}', "[1]", b"\x00"])
def test_a_client_that_says_anything_else_is_sent_away(tmp_path: Path, message: str | bytes) -> None:
    with running(tmp_path) as server, server.logged_in() as client, opened(server, client) as stream:
        stream.recv()
        stream.send(message)
        assert how_it_ends(stream) == hub.NOT_UNDERSTOOD


def test_logging_out_ends_the_stream(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.logged_in() as client, opened(server, client) as stream:
        stream.recv()
        client.post("/api/logout")
        began = time.monotonic()
        assert how_it_ends(stream) == hub.LOGGED_OUT
        assert time.monotonic() - began < 2


def test_a_client_that_never_reads_is_dropped_and_the_others_are_not(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.logged_in() as client, opened(server, client) as good:
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        lazy.connect(("127.0.0.1", server.port))
        lazy.sendall(
            f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {server.address}\r\n"
            f"Cookie: {cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        mirror = Mirror()
        mirror.take(good.recv())
        served = server.service.hub
        wait(lambda: len(served.clients) == 2)
        for n in range(400):
            # As large as a busy second, many times over.
            changes = {"account": f"{n}" + "x" * 60_000}
            server.call(served.publish, {**served.state, **changes}, changes)
            mirror.take(good.recv(timeout=5))
        wait(lambda: served.dropped == 1)
        wait(lambda: len(served.clients) == 1)
        server.call(served.publish, {**served.state, "account": "still"}, {"account": "still"})
        while mirror.state["account"] != "still":
            mirror.take(good.recv(timeout=5))
        lazy.close()


def test_too_many_streams_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "CLIENTS_MAX", 1)
    with running(tmp_path) as server, server.logged_in() as client, opened(server, client) as first:
        first.recv()
        with opened(server, client) as second:
            assert how_it_ends(second) == hub.TOO_MANY


def test_what_waits_for_a_client_is_bounded() -> None:
    async def fill(message: bytes) -> tuple[int, bool]:
        client = hub.Client()
        count = 0
        while not client.over.is_set():
            client.put(message)
            count += 1
        assert await client.take() is None
        return count, not client.waiting

    assert asyncio.run(fill(b"x")) == (hub.QUEUE_MESSAGES + 1, True)
    assert asyncio.run(fill(b"x" * 1_000_000)) == (5, True)


def how_it_ends(stream: ClientConnection) -> int:
    """The code a stream is closed with."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            stream.recv(timeout=5)
    assert stream.close_code is not None
    return stream.close_code


def wait(until: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.01)
