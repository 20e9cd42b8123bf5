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
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from kedge.model.errors import KedgeError

READY_WITHIN = 60.0
BACKOFF = 0.25
BACKOFF_MOST = 15.0
STABLE_AFTER = 30.0
ERROR_LINES = 20
ERROR_MAX = 500
LINE_MAX = 1 << 20
"""Longest line that a child may print; a longer one is thrown away."""
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
        """The last object it printed, of the child that runs now or ran last."""
        self.trouble = ""
        """Why it ended last, if it was not stopped."""
        self.ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self._command = command
        self._environment = environment
        self._changed = changed
        self._restart = restart
        self._stopping = asyncio.Event()
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
            "trouble": self.trouble,
        }

    async def stop(self, wait: float) -> dict[str, Any]:
        """Ends it: SIGTERM, and SIGKILL after `wait` seconds. Returns the last object it printed."""
        self._stopping.set()
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(self._watch), wait)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await asyncio.gather(self._watch, return_exceptions=True)
        return self.said

    def _signal(self, number: int) -> None:
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)

    async def _run(self) -> None:
        backoff = BACKOFF
        while True:
            began = time.monotonic()
            try:
                why = self._explain(await self._once())
            except Exception as error:
                # It could not be started, or its output could not be read: nothing of it may go on unwatched.
                self._signal(signal.SIGKILL)
                why = KedgeError(f"{self.name} could not be run: {error}", "free memory, processes or file descriptors")
            if self._stopping.is_set():
                self._refuse(KedgeError(f"{self.name} was stopped before it was ready"))
                self._becomes("stopped")
                return
            if not self.ready.done():
                self._refuse(why)
                self._becomes("failed")
                return
            self.trouble = why.message
            if not self._restart:
                self._becomes("failed")
                self.gone.set()
                return
            backoff = BACKOFF if time.monotonic() - began > STABLE_AFTER else min(2 * backoff, BACKOFF_MOST)
            self.restarts += 1
            self._becomes("restarting")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), backoff)
                self._becomes("stopped")
                return

    def _refuse(self, why: KedgeError) -> None:
        if not self.ready.done():
            self.ready.set_exception(why)
            # Who does not wait for it any more need not hear of it.
            self.ready.exception()

    async def _once(self) -> int:
        self._child = child = await asyncio.create_subprocess_exec(
            *self._command(),
            env={**os.environ, "PYTHONHASHSEED": "0", **self._environment()},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_end_with_parent,
            limit=LINE_MAX,
        )
        self.pid, self.said = child.pid, {}
        self._errors.clear()
        self._changed()
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        late = asyncio.get_running_loop().call_later(READY_WITHIN, self._too_late, child.pid)
        try:
            await asyncio.gather(self._listen(child.stdout), self._collect(child.stderr))
            return await child.wait()
        finally:
            late.cancel()
            self.pid = None

    def _too_late(self, pid: int) -> None:
        """A child that is not ready by now is ended, and started again if it had been ready once."""
        if self.pid == pid and self.state != "running":
            self._errors.append(f"it was not ready within {READY_WITHIN:g} s")
            self._signal(signal.SIGKILL)

    async def _listen(self, stream: asyncio.StreamReader | None) -> None:
        async for line in _lines(stream):
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(said, dict):
                self.said = said
                if "error" in said:
                    continue
                self._becomes("running")
                if not self.ready.done():
                    self.ready.set_result(said)

    async def _collect(self, stream: asyncio.StreamReader | None) -> None:
        async for line in _lines(stream):
            self._errors.append(line.decode("utf-8", "replace").rstrip()[:ERROR_MAX])

    def _explain(self, code: int) -> KedgeError:
        if "error" in self.said and "message" in self.said:
            error = KedgeError(f"{self.name}: {self.said['message']}", str(self.said.get("hint", "")))
            error.exit_code = int(self.said.get("exit_code", 1))
            return error
        told = "; ".join(self._errors) or "it said nothing"
        return KedgeError(f"{self.name} ended with code {code}: {told}", "run it by itself to see")

    def _becomes(self, state: str) -> None:
        if state != self.state:
            self.state, self.since = state, time.time()
            self._changed()


async def _lines(stream: asyncio.StreamReader | None) -> AsyncIterator[bytes]:
    """What a child prints, line by line, without lines that are too long: it must never wait for us to read."""
    while stream is not None:
        try:
            line = await stream.readline()
        except ValueError:
            continue
        if not line:
            return
        yield line


def _end_with_parent() -> None:
    """Asks the system to end this process when the one that started it dies, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
