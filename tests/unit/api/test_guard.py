import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kedge.api.errors import NotLoggedInError, TooManyTriesError
from kedge.api.guard import ALWAYS
from kedge.api.server import listening
from kedge.api.sessions import FREE_TRIES, IDLE_S, LONGEST_S, TRIES_MAX, Sessions
from scripts import openapi
from tests.unit.api.serving import Running, running
from tests.unit.store.traded import Traded

ROUTES = [
    (method.upper(), path.replace("{id}", "1").replace("{name}", "quoting"))
    for path, operations in openapi.document()["paths"].items()
    for method in operations
]
UNSAFE = [route for route in ROUTES if route[0] != "GET"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("data")
    Traded(folder).begin().run(10).close()
    page = tmp_path_factory.mktemp("built") / "web"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html><title>Kedge</title>")
    (page / "assets" / "app-1a2b.js").write_text("1")
    (page / "icon.svg").write_text("<svg/>")
    (page.parent / "secret.txt").write_text("secret")
    with running(folder, page=page) as started:
        yield started


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_all_but_health_and_login_need_a_session(server: Running, route: tuple[str, str]) -> None:
    with server.client() as client:
        for cookie in ("", "kedge_test=", "kedge_test=made-up", "kedge_test=%00; a=b"):
            answer = client.request(*route, headers={"Cookie": cookie})
            assert answer.status_code == {"/api/health": 200, "/api/login": 422}.get(route[1], 401), answer.text
            if answer.status_code == 401:
                assert set(answer.json()["error"]) == {"message", "hint"}


ELSEWHERE = "http:" + "//evil.test"
FORGED = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another port of this machine": {"Sec-Fetch-Site": "same-site"},
    "a link": {"Sec-Fetch-Site": "none"},
    "an origin against the header": {"Origin": ELSEWHERE},
    "no own header": {"X-Kedge": ""},
    "an old browser on another page": {"Sec-Fetch-Site": None, "Origin": ELSEWHERE},
    "nothing told": {"Sec-Fetch-Site": None, "Origin": None},
    "no origin to speak of": {"Sec-Fetch-Site": None, "Origin": "null"},
}


@pytest.mark.parametrize("route", UNSAFE, ids=" ".join)
@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_what_acts_is_refused_to_other_pages(
    server: Running, route: tuple[str, str], forged: dict[str, str | None]
) -> None:
    with server.logged_in() as client:
        for name, value in forged.items():
            client.headers.pop(name)
            if value is not None:
                client.headers[name] = value
        answer = client.request(*route, json={"code": "x"})
        assert answer.status_code == 403, answer.text
        assert client.get("/api/state").status_code == 200


def test_an_old_browser_on_our_page_may_act(server: Running) -> None:
    with server.client() as client:
        client.headers.pop("Sec-Fetch-Site")
        code = server.service.sessions.new_code()
        assert client.post("/api/login", json={"code": code.lower().replace("-", " ")}).status_code == 200
        assert client.post("/api/logout").status_code == 200
        assert client.get("/api/state").status_code == 401


@pytest.mark.parametrize("host", ["evil.test", "evil.test:80", "127.0.0.1.evil.test", "", "[::2]:80"])
def test_another_name_for_this_machine_is_refused(server: Running, host: str) -> None:
    with server.logged_in() as client:
        for path in ("/api/health", "/api/state", "/"):
            answer = client.get(path, headers={"Host": host})
            assert answer.status_code in (400, 421), answer.text


@pytest.mark.parametrize("path", ["/", "/orders", "/api/health", "/api/state", "/api/nothing", "/assets/none.js"])
def test_every_answer_forbids_other_hosts_and_frames(server: Running, path: str) -> None:
    with server.client() as client:
        answer = client.get(path)
    assert {name: answer.headers[name] for name in ALWAYS} == ALWAYS
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert "server" not in answer.headers
    if path.startswith("/api"):
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(server: Running) -> None:
    with server.client() as client:
        answer = client.post("/api/login", json={"code": server.service.sessions.new_code()})
    (cookie,) = answer.headers.get_list("set-cookie")
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= flags
    assert len(cookie.partition("=")[2].partition(";")[0]) >= 43


def test_the_page_comes_with_how_long_it_may_be_kept(server: Running) -> None:
    with server.client() as client:
        assert client.get("/").headers["Cache-Control"] == "no-cache"
        assert client.get("/orders").text.startswith("<!doctype html>")
        asset = client.get("/assets/app-1a2b.js")
        assert "immutable" in asset.headers["Cache-Control"]
        assert "javascript" in asset.headers["Content-Type"]
        assert client.get("/icon.svg").headers["Cache-Control"] == "public, max-age=3600"
        assert client.get("/assets/none.js").status_code == 404
        assert client.post("/").status_code == 405


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/assets/../../secret.txt", "/%00.x"],
)
def test_nothing_outside_the_page_is_served(server: Running, path: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    assert answer.split(b" ")[1] == b"404"
    assert not answer.endswith(b"secret")


def test_a_page_that_is_not_built_says_how(tmp_path: Path) -> None:
    with running(tmp_path, page=tmp_path / "none") as server, server.client() as client:
        answer = client.get("/")
        assert answer.status_code == 503
        assert "make setup" in answer.text


def test_errors_have_one_shape(server: Running) -> None:
    with server.logged_in() as client:
        wrong = {
            "/api/orders?scope=some": 422,
            "/api/orders?limit=0": 422,
            "/api/orders?limit=1000000": 422,
            "/api/fills?limit=x": 422,
            "/api/candles": 422,
            "/api/candles?instrument=NO/NE@x": 404,
            "/api/candles?instrument=x&interval=2s": 422,
            "/api/orders/123/explain": 404,
            "/api/orders/one/explain": 422,
            "/api/orders/99999999999999999999/explain": 422,
            "/api/nothing": 404,
        }
        for path, status in wrong.items():
            answer = client.get(path)
            assert answer.status_code == status, (path, answer.text)
            assert set(answer.json()) == {"error"}
            assert set(answer.json()["error"]) == {"message", "hint"}
        assert client.delete("/api/state").status_code in (404, 405)
        assert client.post("/api/login", content=b"{").status_code == 422
        assert client.post("/api/login", json={"code": "x", "more": 1}).status_code == 422


def test_long_bodies_are_refused(server: Running) -> None:
    with server.client() as client:
        assert client.post("/api/login", content=b"x" * 70_000).status_code == 413
        # One that does not say how long it is, is cut off where it becomes too long.
        try:
            status = client.post("/api/login", content=(b"x" * 1_000 for _ in range(70))).status_code
        except httpx.HTTPError:
            status = 0
        assert status in (0, 400, 413)
        assert client.get("/api/health").status_code == 200


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_code_opens_one_session() -> None:
    sessions = Sessions()
    with pytest.raises(NotLoggedInError):
        sessions.login("")
    first, second = sessions.new_code(), sessions.new_code()
    with pytest.raises(NotLoggedInError):
        sessions.login(first)
    token = sessions.login(second)
    assert sessions.use(token)
    with pytest.raises(NotLoggedInError):
        sessions.login(second)
    sessions.end(token)
    assert not sessions.use(token)


def test_sessions_end_by_themselves() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    idle, busy = (sessions.login(sessions.new_code()) for _ in range(2))
    while clock.now < LONGEST_S - IDLE_S:
        clock.now += IDLE_S - 1
        assert sessions.use(busy)
    assert not sessions.use(idle)
    clock.now = LONGEST_S + 1
    assert not sessions.use(busy)


def test_guessing_is_held_back_and_at_last_in_vain() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    code = sessions.new_code()
    for _ in range(FREE_TRIES):
        with pytest.raises(NotLoggedInError):
            sessions.login("AAAA-AAAA")
    with pytest.raises(TooManyTriesError) as held:
        sessions.login(code)
    assert held.value.after_s == 1
    waits, tries = [], FREE_TRIES
    while tries < TRIES_MAX:
        try:
            sessions.login("AAAA-AAAA")
        except TooManyTriesError as error:
            waits.append(error.after_s)
            clock.now += error.after_s
        except NotLoggedInError:
            tries += 1
            # The window is long: all tries fall into it.
            clock.now = min(clock.now, 600.0) if tries < 12 else clock.now
        if len(waits) > 200:
            break
    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert max(waits) <= 300


def test_wrong_codes_are_told_so_with_when_to_come_again(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client() as client:
        code = server.service.sessions.new_code()
        statuses = [client.post("/api/login", json={"code": "WRONG"}).status_code for _ in range(FREE_TRIES + 1)]
        assert statuses == [401] * FREE_TRIES + [429]
        answer = client.post("/api/login", json={"code": code})
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) >= 1
        assert "--new-code" in answer.json()["error"]["hint"]
        again = server.service.sessions.new_code()
        assert client.post("/api/login", json={"code": again}).status_code == 200
        assert json.loads(client.get("/api/state").content)["mode"] == "none"


def test_answers_do_not_wait_for_the_other_side() -> None:
    with listening(0) as listener:
        # Without it the loop leaves Nagle's algorithm on: 40 ms for each answer.
        assert listener.proto == socket.IPPROTO_TCP
