"""`kedge exchange` as a process of its own, its file of the truth, and a client that signs, for tests against them."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

START_S = 30
WRITTEN_S = 3


class Served:
    """A running exchange, until the end of its block. `document` is the line it printed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.path = folder / "truth.sqlite"
        command = [str(Path(sys.executable).with_name("kedge")), "exchange", "--port", "0", "--json"]
        self.process = subprocess.Popen(
            [*command, "--truth", str(self.path), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.stop()
        self.document: dict[str, Any] = json.loads(line)
        self.rest: str = self.document["rest"]
        self.key: str = self.document["account"]["key"]
        self.secret: str = self.document["account"]["secret"]

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def stop(self) -> tuple[int, str]:
        """Ends it as a person would; its exit code and what it said on standard error."""
        self.process.send_signal(signal.SIGTERM)
        try:
            _, said = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, said = self.process.communicate()
        return self.process.returncode, said

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """What the truth says now."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as database:
            database.row_factory = sqlite3.Row
            found = [dict(row) for row in database.execute(query, values)]
        database.close()
        return found

    def until(self, holds: Callable[[list[dict[str, Any]]], bool], query: str, *values: object) -> list[dict[str, Any]]:
        """The rows once they are as they should be: the truth is written a little after the answer."""
        deadline = time.monotonic() + WRITTEN_S
        while not holds(found := self.rows(query, *values)):
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        return found

    def order(self, order_id: int | str, status: str) -> dict[str, Any]:
        """An order of the truth, once it has this status."""
        query = "SELECT * FROM orders WHERE order_id = ?"
        return self.until(lambda rows: bool(rows) and rows[0]["status"] == status, query, int(order_id))[0]

    def fills(self, order_id: int | str, count: int) -> list[dict[str, Any]]:
        """The fills of an order, once there are so many."""
        query = "SELECT * FROM fills WHERE order_id = ? ORDER BY fill"
        return self.until(lambda rows: len(rows) == count, query, int(order_id))

    def balances(self, wallet: str) -> dict[str, tuple[str, str]]:
        """Free and locked by currency, as they are now; wait first for the change that is looked for."""
        found = self.rows("SELECT * FROM balances_now WHERE wallet = ? AND account = 0", wallet)
        return {row["currency"]: (row["free"], row["locked"]) for row in found}

    def now_ms(self) -> int:
        """Our clock."""
        return time.time_ns() // 1_000_000

    def signed(self, parameters: dict[str, object], secret: str | None = None) -> str:
        """A query string with timestamp and signature."""
        query = urlencode({"timestamp": self.now_ms(), **parameters})
        return f"{query}&signature={self.sign(query, secret)}"

    def sign(self, payload: str, secret: str | None = None) -> str:
        """HMAC-SHA256 with the test account's secret, or another."""
        return hmac.new((secret or self.secret).encode(), payload.encode(), hashlib.sha256).hexdigest()

    def ask(self, method: str, path: str, **parameters: object) -> httpx.Response:
        """A signed request of the test account, its parameters in the query."""
        address = f"{self.rest}{path}?{self.signed(parameters)}"
        return httpx.request(method, address, headers={"X-MBX-APIKEY": self.key}, timeout=10)

    def plain(self, path: str, **parameters: object) -> httpx.Response:
        """An unsigned GET."""
        return httpx.get(f"{self.rest}{path}", params={k: str(v) for k, v in parameters.items()}, timeout=10)

    def fault(self, **wish: object) -> int:
        """Asks for a fault; its number."""
        answer = httpx.post(f"{self.rest}/admin/faults", json=wish, timeout=10)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["id"])

    def mend(self) -> None:
        """Takes all faults away."""
        httpx.delete(f"{self.rest}/admin/faults", timeout=10)
