"""Children that are no good: each is told of, ended and waited for."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kedge.model.errors import KedgeError, UsageError
from kedge.node import processes
from kedge.node.processes import Process

READY = 'import json, signal, sys, time; print(json.dumps({"ready": 1}), flush=True)\n'


def watched(text: str, check: Callable[[Process], Awaitable[Any]], restart: bool = True) -> Any:
    """What `check` gives of a child that runs `text`."""

    async def run() -> Any:
        process = Process("child", lambda: [sys.executable, "-S", "-c", text], dict, lambda: None, restart)
        try:
            return await check(process)
        finally:
            await process.stop(2.0)
            assert process.pid is None

    return asyncio.run(asyncio.wait_for(run(), 20))


async def refusal(process: Process) -> KedgeError:
    with pytest.raises(KedgeError) as refused:
        await process.ready
    return refused.value


async def ready(process: Process) -> dict[str, Any]:
    return await process.ready


def test_a_child_that_dies_at_once_is_quoted() -> None:
    error = watched('import sys; sys.exit("no such thing")', refusal)
    assert error.message == "child ended with code 1: no such thing"


def test_a_childs_own_error_keeps_its_exit_code() -> None:
    told = '{"error": "UsageError", "message": "bad key", "hint": "set it", "exit_code": 2}'
    text = f"import sys; print({told!r}); sys.exit(2)"
    error = watched(text, refusal)
    assert (error.message, error.hint, error.exit_code) == ("child: bad key", "set it", UsageError.exit_code)


def test_a_child_that_shouts_is_heard_to_the_end() -> None:
    """More than a line may have, on both outputs: it is thrown away, and the child never waits for a reader."""
    text = (
        f'import sys; print("x" * {3 * processes.LINE_MAX}); sys.stderr.write("y" * {3 * processes.LINE_MAX})\n' + READY
    )
    assert watched(text + "time.sleep(60)", ready) == {"ready": 1}


def test_a_child_that_cannot_be_run() -> None:
    async def run() -> KedgeError:
        process = Process("child", lambda: ["/nowhere/to/be/found"], dict, lambda: None)
        return await refusal(process)

    assert "child could not be run" in asyncio.run(run()).message


def test_a_child_that_is_never_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "READY_WITHIN", 0.3)
    error = watched("import time; time.sleep(60)", refusal)
    assert "it was not ready within 0.3 s" in error.message


def test_a_child_that_ignores_its_end_is_killed() -> None:
    async def check(process: Process) -> float:
        await process.ready
        began = time.monotonic()
        await process.stop(0.3)
        assert process.state == "stopped"
        return time.monotonic() - began

    assert (
        watched("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY + "time.sleep(60)", check) < 2
    )


def test_a_child_that_is_waited_for_is_not_started_again_by_a_stop() -> None:
    async def check(process: Process) -> tuple[bool, str]:
        await process.ready
        while process.state != "restarting":
            await asyncio.sleep(0.01)
        began = time.monotonic()
        await process.stop(2.0)
        return time.monotonic() - began < 1.5 * processes.BACKOFF, process.state

    assert watched(READY, check) == (True, "stopped")


def test_a_child_that_is_only_being_started_is_stopped() -> None:
    async def check(process: Process) -> float:
        await asyncio.sleep(0)
        began = time.monotonic()
        await process.stop(5.0)
        return time.monotonic() - began

    assert watched("import time; time.sleep(60)", check) < 2
