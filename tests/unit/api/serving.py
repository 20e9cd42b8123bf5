"""A real server on a free port in a thread, and a client that behaves as the page does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from kedge.api.app import create_app
from kedge.api.pages import Page
from kedge.api.server import Uvicorn, configured, listening
from kedge.api.service import Service
from kedge.api.watch import Watch
from kedge.node.control import ControlSocket, Handler
from kedge.node.folders import DataFolder


@dataclass
class Running:
    """A server that answers, with what a test asks of it."""

    service: Service
    watch: Watch
    port: int
    folder: DataFolder
    loop: asyncio.AbstractEventLoop

    def call(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Does something on the server's loop, and waits until it is done."""
        done = threading.Event()

        def act() -> None:
            work(*arguments)
            done.set()

        self.loop.call_soon_threadsafe(act)
        assert done.wait(5)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **headers: str) -> httpx.Client:
        """A client without a session, with the headers a browser adds for the page's own requests."""
        own = {"Sec-Fetch-Site": "same-origin", "Origin": self.address, "X-Kedge": "1"}
        return httpx.Client(base_url=self.address, headers={**own, **headers}, timeout=10, verify=False)

    @contextmanager
    def logged_in(self) -> Iterator[httpx.Client]:
        """A client with a session."""
        with self.client() as client:
            answer = client.post("/api/login", json={"code": self.service.sessions.new_code()})
            assert answer.status_code == 200, answer.text
            yield client


@contextmanager
def running(folder: Path, trader: Mapping[str, Handler] | None = None, page: Path | None = None) -> Iterator[Running]:
    """A server over a data folder, and beside it a trader's control socket where `trader` says what it answers."""
    data = DataFolder(folder)
    started: list[Running] = []
    ready, stop = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        service = Service(data)
        with Watch(data, service.publish_on(loop)) as watch:
            app = create_app(service, "kedge_test", Page(page) if page is not None else None)
            listener = listening(0)
            port = listener.getsockname()[1]
            server = Uvicorn(configured(app))
            serving = asyncio.ensure_future(server.serve([listener]))
            while not server.started:
                await asyncio.sleep(0.005)
            started.append(Running(service, watch, port, data, loop))
            async with _Trader(data, trader):
                ready.set()
                while not stop.is_set():
                    await asyncio.sleep(0.01)
                service.hub.closing.set()
                server.should_exit = True
                await serving
            listener.close()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(20)
    try:
        if failed:
            raise failed[0]
        yield started[0]
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
    if failed:
        raise failed[0]


class _Trader:
    """The trader's control socket, if there is a trader."""

    def __init__(self, data: DataFolder, trader: Mapping[str, Handler] | None) -> None:
        self._control = ControlSocket(data.socket, trader) if trader is not None else None

    async def __aenter__(self) -> None:
        if self._control is not None:
            await self._control.__aenter__()

    async def __aexit__(self, *_: Any) -> None:
        if self._control is not None:
            await self._control.__aexit__()
