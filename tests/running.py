"""Kedge's own commands in processes of their own, for tests that start, break, kill and question them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
READY_S = 60.0
END_S = 30.0


def until(holds: Callable[[], Any], seconds: float = 10.0, pause: float = 0.05) -> Any:
    """What `holds` gives once it is true; fails if it is not within `seconds`."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"it did not come to pass within {seconds} s"
        time.sleep(pause)
    return found


class Running:
    """`kedge …` as a process. What it says on standard error goes to a file, `said` reads it."""

    def __init__(self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, **how: Any) -> None:
        self._errors = folder / f"errors-{time.monotonic_ns()}.txt"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from kedge.cli import main; main()", *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=how.pop("cwd", ROOT),
                env={**os.environ, "PYTHONHASHSEED": "0", **(environment or {})},
                **how,
            )
        self.lines: list[str] = []
        self._rest = b""

    def line(self, wait: float = READY_S) -> dict[str, Any] | None:
        """The next object it prints; None if it ended without one."""
        assert self.process.stdout is not None
        end = time.monotonic() + wait
        while b"\n" not in self._rest:
            if not select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                raise AssertionError(f"nothing within {wait} s; it said: {self.said()}")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                return None
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        self.lines.append(line.decode())
        return dict(json.loads(line))

    def said(self) -> str:
        """Its standard error so far."""
        return self._errors.read_text(encoding="utf-8", errors="replace")

    def ended(self, wait: float = END_S) -> int:
        """Its exit code, once it has ended; what it printed until then is in `lines`."""
        with contextlib.suppress(AssertionError):
            while self.line(wait) is not None:
                pass
        try:
            return self.process.wait(wait)
        finally:
            self.drop()

    def end(self, number: int = signal.SIGTERM, wait: float = END_S) -> dict[str, Any]:
        """Sends a signal, expects exit code 0, returns the last object it printed."""
        self.process.send_signal(number)
        code = self.ended(wait)
        assert code == 0, (code, self.said())
        return dict(json.loads(self.lines[-1]))

    def refused(self, wait: float = END_S) -> dict[str, Any]:
        """It is to end by itself with an error: the object it printed last, which tells the exit code too. Its own
        words must be the same, in two lines, and no stack trace."""
        code = self.ended(wait)
        told: dict[str, Any] = json.loads(self.lines[-1])
        said = self.said()
        assert told["exit_code"] == code, (told, code)
        assert "Traceback" not in said, said
        assert "internal error" not in told["message"], told
        assert f"error: {told['message']}" in said, (said, told)
        assert told["hint"] or code == 130, told
        return told

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(END_S)
        self.drop()

    def drop(self) -> None:
        """Ends it if it lives, and closes its pipe."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(END_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def cpu_s(self) -> float:
        """Seconds of the processor that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class RunningExchange(Running):
    """`kedge exchange` on a free port. `told` is the line it printed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.truth = folder / "exchange.sqlite"
        port = () if "--port" in options else ("--port", "0")
        super().__init__(folder, "exchange", *port, "--json", "--truth", str(self.truth), *options)
        told = self.line()
        assert told is not None, self.said()
        self.told = told

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """A call at the exchange's own door."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.told["admin"] + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def account(self, spot: str = "5000", futures: str = "5000") -> dict[str, Any]:
        """A new account: its number, key and secret."""
        opened = self.admin("POST", "/accounts", {"spot": {"USDT": spot}, "futures": {"USDT": futures}})
        return dict(opened)

    def fault(self, **wish: object) -> int:
        """Asks for a fault; its number."""
        return int(self.admin("POST", "/faults", wish)["id"])

    def clear_faults(self) -> None:
        """Takes every fault away."""
        self.admin("DELETE", "/faults")

    @contextmanager
    def faulty(self, **wish: object) -> Iterator[None]:
        """Something goes wrong within the block."""
        number = self.fault(**wish)
        try:
            yield
        finally:
            self.admin("DELETE", f"/faults/{number}")

    def environment(self, account: Mapping[str, Any] | None = None, way: str = "socket") -> dict[str, str]:
        """The settings that lead a trader here, and its orders over the WebSocket API or by REST."""
        told, keys = self.told, account or self.told["account"]
        return {
            "KEDGE_VENUE_KEY": keys["key"],
            "KEDGE_VENUE_SECRET": keys["secret"],
            "KEDGE_VENUE_SPOT_REST": told["rest"],
            "KEDGE_VENUE_SPOT_STREAM": told["spot_stream"],
            "KEDGE_VENUE_SPOT_PRIVATE": told["spot_ws_api"],
            "KEDGE_VENUE_SPOT_ORDER": told["spot_ws_api" if way == "socket" else "rest"],
            "KEDGE_VENUE_USDM_REST": told["usdm_rest"],
            "KEDGE_VENUE_USDM_STREAM": told["usdm_stream"],
            "KEDGE_VENUE_USDM_PRIVATE": told["usdm_stream"],
            "KEDGE_VENUE_USDM_ORDER": told["usdm_ws_api" if way == "socket" else "usdm_rest"],
        }

    def close(self) -> None:
        """Ends it cleanly, so that its file is whole."""
        self.process.terminate()
        assert self.ended() == 0, self.said()
