"""Processes that are watched: started, waited for until they say they are ready, and started again if they die.

A process says that it is ready by one line of JSON on its standard output; its last such line is its result.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kedge.model.errors import KedgeError

READY_WITHIN = 60.0
BACKOFF = 0.25
BACKOFF_MOST = 15.0
STABLE_AFTER = 30.0
ERROR_LINES = 20
PR_SET_PDEATHSIG = 1


def kedge_command(*arguments: str) -> list[str]:
    """This very command, in a process of its own."""
    return [sys.executable, "-c", "from kedge.cli import main; main()", *arguments]


class Process:
    """One process under watch. `changed` is called whenever its state has."""

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        environment: Callable[[], Mapping[str, str]],
        changed: Callable[[], None],
        restart: bool = True,
    ) -> None:
        self.name = name
        self.state = "starting"
        self.since = time.time()
        self.restarts = 0
        self.pid: int | None = None
        self.said: dict[str, Any] = {}
        """The last object it printed."""
        self.ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self._command = command
        self._environment = environment
        self._changed = changed
        self._restart = restart
        self._stopping = False
        self._errors: deque[str] = deque(maxlen=ERROR_LINES)
        self._child: asyncio.subprocess.Process | None = None
        self._watch = asyncio.get_running_loop().create_task(self._run())

    def as_json(self) -> dict[str, Any]:
        """As the page and `up.json` show it."""
        return {
            "name": self.name,
            "pid": self.pid,
            "state": self.state,
            "since": round(self.since, 3),
            "restarts": self.restarts,
        }

    async def stop(self, wait: float) -> dict[str, Any]:
        """Ends it: SIGTERM, and SIGKILL after `wait` seconds. Returns the last object it printed."""
        self._stopping = True
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(self._watch), wait)
        except TimeoutError:
            if self._child is not None and self._child.returncode is None:
                self._child.kill()
            await asyncio.gather(self._watch, return_exceptions=True)
        return self.said

    async def _run(self) -> None:
        backoff = BACKOFF
        while True:
            began = time.monotonic()
            code = await self._once()
            if self._stopping:
                self._becomes("stopped")
                return
            if not self.ready.done():
                self.ready.set_exception(self._explain(code))
                self._becomes("failed")
                return
            if not self._restart:
                self._becomes("failed")
                self.gone.set()
                return
            backoff = BACKOFF if time.monotonic() - began > STABLE_AFTER else min(2 * backoff, BACKOFF_MOST)
            self.restarts += 1
            self._becomes("restarting")
            await asyncio.sleep(backoff)

    async def _once(self) -> int:
        self._child = child = await asyncio.create_subprocess_exec(
            *self._command(),
            env={**os.environ, "PYTHONHASHSEED": "0", **self._environment()},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        self.pid = child.pid
        self._changed()
        await asyncio.gather(self._listen(child.stdout), self._collect(child.stderr))
        code = await child.wait()
        self.pid = None
        return code

    async def _listen(self, stream: asyncio.StreamReader | None) -> None:
        while stream is not None and (line := await stream.readline()):
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict):
                    self.said = said
                    self._becomes("running")
                    if not self.ready.done() and "error" not in said:
                        self.ready.set_result(said)

    async def _collect(self, stream: asyncio.StreamReader | None) -> None:
        while stream is not None and (line := await stream.readline()):
            self._errors.append(line.decode("utf-8", "replace").rstrip())

    def _explain(self, code: int) -> KedgeError:
        if "error" in self.said and "message" in self.said:
            error = KedgeError(f"{self.name}: {self.said['message']}", str(self.said.get("hint", "")))
            error.exit_code = int(self.said.get("exit_code", 1))
            return error
        told = "; ".join(self._errors) or "it said nothing"
        return KedgeError(f"{self.name} ended with code {code} before it was ready: {told}", "run it by itself to see")

    def _becomes(self, state: str) -> None:
        if state != self.state:
            self.state, self.since = state, time.time()
            self._changed()


def _end_with_parent() -> None:
    """Asks the system to end this process when the one that started it dies, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
