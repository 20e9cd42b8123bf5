"""The trader's control socket: JSON lines over a unix socket, answered in the order asked.

Asked: `{"id": 1, "command": "halt", …}`. Answered: `{"id": 1, "ok": true, "result": …}` or
`{"id": 1, "ok": false, "error": {"message", "hint", "exit_code"}}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kedge.model.errors import KedgeError, UnreachableError, UsageError

LINE_MAX = 1 << 16

Handler = Callable[[Mapping[str, Any]], dict[str, Any]]


class ControlSocket:
    """Serves commands while the block runs. Only this user may connect."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> ControlSocket:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LINE_MAX)
        self._path.chmod(0o600)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.LimitOverrunError, ValueError):
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        number: object = None
        try:
            asked = json.loads(line)
            if not isinstance(asked, dict):
                raise UsageError("a command must be a JSON object")
            number = asked.get("id")
            handler = self._handlers.get(str(asked.get("command")))
            if handler is None:
                raise UsageError(f"no command `{asked.get('command')}`", f"there are: {', '.join(self._handlers)}")
            return {"id": number, "ok": True, "result": handler(asked)}
        except KedgeError as error:
            return {"id": number, "ok": False, "error": error.as_json()}
        except Exception as error:
            # Whatever it is, whoever asked gets an answer.
            wrong = UsageError(f"the command cannot be read: {error!r}")
            return {"id": number, "ok": False, "error": wrong.as_json()}


def ask(path: Path, command: str, timeout: float = 5.0, **fields: object) -> Any:
    """Asks a running trader. Raises `UnreachableError` if none answers, the trader's own error if it refuses."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(json.dumps({"id": 1, "command": command, **fields}).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline() or b"null")
    except (OSError, ValueError) as error:
        raise UnreachableError(
            f"no trader answers at {path}: {error}", "start one with `kedge up` or `kedge trader`"
        ) from None
    if not isinstance(answer, dict):
        raise UnreachableError(f"the trader at {path} closed the connection", "ask again")
    if not answer["ok"]:
        refused = KedgeError(answer["error"]["message"], answer["error"]["hint"])
        refused.exit_code = answer["error"]["exit_code"]
        raise refused
    return answer["result"]
