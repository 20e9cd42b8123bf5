"""Runs the server until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from kedge.api.app import create_app
from kedge.api.service import Service
from kedge.api.watch import Watch
from kedge.model.errors import UnreachableError, UsageError
from kedge.node.control import ControlSocket, Handler, ask
from kedge.node.folders import SOCKET_PATH_MAX, DataFolder
from kedge.store.lock import StoreLock

HOST = "127.0.0.1"
GRACE_S = 2
MESSAGE_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Ready:
    """The server answers: where, and the code that opens one session."""

    address: str
    code: str
    data: str

    def as_json(self) -> dict[str, Any]:
        """As `kedge server --json` prints it."""
        return {"address": self.address, "code": self.code, "data": self.data}


def server_socket(folder: DataFolder) -> Path:
    """Where the server itself can be asked. Raises `UsageError` if its path is longer than a socket's may be."""
    path = (folder.root / "server.sock").resolve()
    if len(str(path).encode()) > SOCKET_PATH_MAX:
        raise UsageError(f"the path of a socket must have at most {SOCKET_PATH_MAX} bytes, was {path}", "shorten it")
    return path


def new_code(folder: DataFolder) -> dict[str, Any]:
    """Asks the folder's running server for a new one-time code. Raises `UnreachableError` if none runs."""
    try:
        return dict(ask(server_socket(folder), "new_code"))
    except UnreachableError:
        raise UnreachableError(f"no server runs on {folder.root}", "start one with `kedge server`") from None


async def serve(folder: DataFolder, port: int, on_ready: Callable[[Ready], None]) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises `UnreachableError` if the port is taken, `UnsafeStateError` if another server shows the folder, `KedgeError`
    if the tables cannot be made.
    """
    folder.root.mkdir(parents=True, exist_ok=True)
    with StoreLock(folder.root), listening(port) as listener:
        port = listener.getsockname()[1]
        service = Service(folder)
        address = f"http://127.0.0.1:{port}/"

        def told() -> dict[str, Any]:
            return Ready(address, service.sessions.new_code(), str(folder.root)).as_json()

        watch = Watch(folder, service.publish_on(asyncio.get_running_loop()))
        handlers: dict[str, Handler] = {
            "new_code": lambda _: told(),
            "rebuild": lambda _: watch.rebuild(),
            "store": lambda _: watch.store(),
        }
        control = ControlSocket(server_socket(folder), handlers)
        server = Uvicorn(configured(create_app(service, f"kedge_{port}")))
        with watch:
            async with control:
                serving = asyncio.ensure_future(server.serve([listener]))
                while not server.started and not serving.done():
                    await asyncio.sleep(0.005)
                stop = _stop_on_signal(server, service)
                if server.started:
                    on_ready(Ready(address, service.sessions.new_code(), str(folder.root)))
                try:
                    await serving
                finally:
                    stop()


class Uvicorn(uvicorn.Server):
    """Leaves the signals to us: a second Ctrl-C during an orderly end must not be lost."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def configured(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn runs the application: small messages, nothing compressed, nothing said of itself."""
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        ws_max_size=MESSAGE_MAX,
        ws_max_queue=4,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_S,
    )


def _stop_on_signal(server: uvicorn.Server, service: Service) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def end() -> None:
        service.hub.closing.set()
        server.should_exit = True

    handled = []
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not in the main thread: whoever started the server there ends it another way.
        with contextlib.suppress(RuntimeError, ValueError):
            loop.add_signal_handler(number, end)
            handled.append(number)

    def restore() -> None:
        for number in handled:
            loop.remove_signal_handler(number)

    return restore


def listening(port: int) -> socket.socket:
    """A socket that listens on this machine alone. Raises `UnreachableError` if the port is taken."""
    # The protocol is named, or the loop would not switch Nagle's delay off: 40 ms on each answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # A port that was let go a moment ago may be taken again; one that somebody listens on may not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UnreachableError(
            f"port {port} of {HOST} cannot be used: {(error.strerror or str(error)).lower()}",
            "stop what uses it, or take another with --port (0: any that is free)",
        ) from None
    listener.setblocking(False)
    return listener
