"""The page of the whole platform, driven as a trader would: every act has its effect at the exchange."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from kedge.node.control import ask
from kedge.node.processes import kedge_command
from tests.e2e import page_steps as steps

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


class Platform:
    """`kedge up` in a process of its own."""

    def __init__(self, data: Path) -> None:
        environment = {**os.environ, "KEDGE_TRADER_DATA": str(data), "KEDGE_SERVER_PORT": "0"}
        self._process = subprocess.Popen(
            kedge_command("up", "--json"),
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        said = ""
        while not said.startswith("page "):
            said = self._process.stderr.readline()
            assert said, "kedge up ended before its page was there"
        _, self.address, *_, self.code = said.split()
        self.data = data / "current"
        self.admin = json.loads((self.data / "up.json").read_text())["exchange"]["admin"]

    def gap(self) -> None:
        """Leaves one depth update of the spot instrument out."""
        fault = json.dumps({"kind": "gap", "stream": "btcusdt@depth*", "count": 1}).encode()
        with urlopen(
            Request(f"{self.admin}/faults", fault, {"Content-Type": "application/json"}), timeout=10
        ) as answer:
            assert answer.status == 200

    def end(self) -> dict[str, Any]:
        """Ctrl-C; what it printed last."""
        self._process.send_signal(signal.SIGINT)
        out, errors = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, errors
        return dict(json.loads(out.splitlines()[-1]))


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    started = Platform(tmp_path / "data")
    yield started
    if started._process.poll() is None:
        started._process.kill()
        started._process.communicate()


def test_a_trader_works_with_the_page(browser: Browser, platform: Platform, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page: Page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    steps.sign_in(page, platform.address, platform.code)
    steps.price_moves(page)
    steps.fill_appears(page)
    steps.explains_an_order(page)
    name = page.locator(".strategies-all li b").first.inner_text()
    steps.strategy_stops_and_starts(page, name)
    steps.gap_shows_and_heals(page, "BTC", platform.gap)
    folder = Path(os.environ.get("KEDGE_PAGE_SHOTS") or tmp_path / "shots")
    folder.mkdir(parents=True, exist_ok=True)
    steps.screenshots(page, folder)
    steps.halt_cancels_all(page)
    status = ask(platform.data.resolve() / "trader.sock", "status")
    assert status["halted"]
    assert [strategy["orders"] for strategy in status["strategies"]] == [0, 0]
    steps.resume(page)
    context.close()
    assert all(url.startswith((platform.address, "data:", "blob:")) for url in asked), asked
    ended = platform.end()
    assert (ended["reconciled"], ended["unknown_orders"], ended["ledger_imbalance"]) == (True, 0, 0)
    assert ended["gaps"] == 1
