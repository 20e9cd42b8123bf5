"""The page in Chromium. It runs on the stand-in; `KEDGE_PAGE=ADDRESS KEDGE_PAGE_CODE=CODE` points it at `kedge up`.

The stand-in's faults (a missed number, a server gone, a strategy that raises) cannot be had from outside, so those
tests need it. `KEDGE_PAGE_ADMIN=ADDRESS` is the simulated exchange's own door, which makes the feed gap there.
"""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.e2e import page_steps as steps
from tests.e2e.conftest import unable
from tests.e2e.stand_in import CODE, PAGE, StandIn
from tests.e2e.stand_in_market import BTC

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SCRIPTS_GZIPPED_MAX = 400_000


@dataclass
class Desk:
    """A signed-in page and what it asked for meanwhile."""

    page: Page
    address: str
    served: StandIn | None
    seconds: float
    asked: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def gap(self) -> None:
        """Makes the feed of the first instrument miss an update."""
        if self.served:
            served, desk = self.served, self.served.desk
            served.loop.call_soon_threadsafe(desk.gap, BTC)
            threading.Timer(1.5, lambda: served.loop.call_soon_threadsafe(desk.gap, BTC, "in_sync")).start()
        else:
            fault = json.dumps({"kind": "gap", "stream": "btcusdt@depth*", "count": 1}).encode()
            asked = Request(os.environ["KEDGE_PAGE_ADMIN"] + "/faults", fault, {"Content-Type": "application/json"})
            with urlopen(asked, timeout=10) as answer:
                assert answer.status == 200


@pytest.fixture(scope="module")
def served() -> Iterator[StandIn | None]:
    """The stand-in, unless an address is given."""
    if "KEDGE_PAGE" in os.environ:
        yield None
        return
    if not (PAGE / "index.html").exists():
        unable("the page is not built: run make setup")
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def desk(browser: Browser, served: StandIn | None) -> Iterator[Desk]:
    """One page for all: the code works once."""
    address = served.address if served else os.environ["KEDGE_PAGE"]
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    made = Desk(page, address, served, 0.0)
    page.on("request", lambda request: made.asked.append(request.url))
    page.on("pageerror", lambda error: made.trouble.append(str(error)))
    page.on("console", lambda message: message.type == "error" and made.trouble.append(message.text))
    made.seconds = steps.sign_in(page, address, CODE if served else os.environ["KEDGE_PAGE_CODE"])
    # Before the login the page asks whether there is a session: that 401 is the answer it needs.
    made.trouble = [text for text in made.trouble if "401" not in text]
    yield made
    context.close()


@pytest.fixture
def only_here(served: StandIn | None) -> StandIn:
    """For what only the stand-in can be made to do."""
    if served is None:
        pytest.skip("a fault that cannot be had from outside")
    return served


def test_a_wrong_code_is_refused(browser: Browser, only_here: StandIn) -> None:
    context = browser.new_context()
    steps.refuses_a_wrong_code(context.new_page(), only_here.address)
    context.close()


def test_scripts_are_small() -> None:
    scripts = list((PAGE / "assets").glob("*.js"))
    assert scripts
    assert sum(len(gzip.compress(script.read_bytes())) for script in scripts) < SCRIPTS_GZIPPED_MAX


def test_price_moves(desk: Desk) -> None:
    steps.price_moves(desk.page)


def test_a_fill_appears_on_the_chart(desk: Desk) -> None:
    steps.fill_appears(desk.page)


def test_an_order_is_explained(desk: Desk) -> None:
    steps.explains_an_order(desk.page)


def test_a_strategy_is_stopped_and_started(desk: Desk) -> None:
    name = desk.page.locator(".strategies-all li b").first.inner_text()
    steps.strategy_stops_and_starts(desk.page, name)


def test_a_gap_shows_and_heals(desk: Desk) -> None:
    if desk.served is None and "KEDGE_PAGE_ADMIN" not in os.environ:
        pytest.skip("KEDGE_PAGE_ADMIN is not set: nothing makes a gap")
    steps.gap_shows_and_heals(desk.page, "BTC", desk.gap)


def test_the_book_is_greyed_while_its_feed_has_a_gap(desk: Desk, only_here: StandIn) -> None:
    desk.page.locator(".candles .choice button").filter(has_text="BTC").click()
    only_here.loop.call_soon_threadsafe(only_here.desk.gap, BTC)
    desk.page.locator('.ladder[data-out="true"]').filter(has_text="gap").wait_for()
    desk.page.locator(".rail a[href='#health'] .mark").wait_for()
    only_here.loop.call_soon_threadsafe(only_here.desk.gap, BTC, "in_sync")
    desk.page.locator('.ladder[data-out="false"]').wait_for()


def test_halt_cancels_everything_and_resume_goes_on(desk: Desk) -> None:
    steps.halt_cancels_all(desk.page)
    steps.resume(desk.page)


def test_a_missed_number_is_asked_for_again(desk: Desk, only_here: StandIn) -> None:
    sent: list[str] = []
    received: list[str] = []

    def note(frame: str | bytes, into: list[str]) -> None:
        into.append(str(frame)[:40])

    with desk.page.expect_websocket(timeout=steps.WAIT_MS) as opened:
        desk.page.reload()
    opened.value.on("framesent", lambda frame: note(frame, sent))
    opened.value.on("framereceived", lambda frame: note(frame, received))
    desk.page.locator(".ladder").wait_for()
    only_here.skip = 1
    steps.wait_until(desk.page, lambda: sent == ['{"type":"resync"}'], "no resync was asked for")
    steps.wait_until(desk.page, lambda: any('"snapshot"' in frame for frame in received[-40:]), "no snapshot came")
    steps.price_moves(desk.page)
    assert desk.page.locator(".frame").get_attribute("data-stale") == "false"


def test_all_is_stale_while_the_server_says_nothing(desk: Desk, only_here: StandIn) -> None:
    only_here.muted = True
    desk.page.locator('.frame[data-stale="true"]').wait_for()
    desk.page.locator(".foot").filter(has_text="Stale for").wait_for()
    only_here.muted = False
    # The numbers that were not sent were not missed: the stream goes on where it was.
    desk.page.locator('.frame[data-stale="false"]').wait_for()


def test_a_strategy_that_raised_says_what(desk: Desk, only_here: StandIn) -> None:
    only_here.loop.call_soon_threadsafe(only_here.desk.fail, "ema-eth")
    line = desk.page.locator(".strategies-all li").filter(has_text="ema-eth")
    line.filter(has_text="half_spread is 0, must be above 0").wait_for()
    desk.page.locator(".rail a[href='#strategies'] .mark").wait_for()
    line.get_by_role("button", name="Start").click()
    line.locator(".state").filter(has_text="running").wait_for()


def test_the_keyboard_finds_pages_and_acts(desk: Desk) -> None:
    page = desk.page
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("heal")
    page.keyboard.press("Enter")
    page.locator(".rail a[href='#health'][aria-current]").wait_for()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("halt")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").filter(has_text="Halt trading?").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.evaluate("location.hash = 'overview'")
    page.locator(".candles canvas").first.wait_for()


def test_the_first_tab_leads_past_the_bars(desk: Desk) -> None:
    page = desk.page
    page.reload()
    page.locator(".ladder").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


PAGES = ("overview", "orders", "fills", "strategies", "health", "events")


def test_every_page_fits_both_widths_in_both_themes(desk: Desk, tmp_path: Path) -> None:
    folder = Path(os.environ.get("KEDGE_PAGE_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    assert len(steps.screenshots(desk.page, folder, PAGES)) == len(PAGES) * 4


def test_nothing_moves_while_figures_change(desk: Desk) -> None:
    """Layout shifts, as the browser counts them, over three seconds of live prices."""
    shift: Callable[[], float] = lambda: desk.page.evaluate("""() => new Promise((done) => {
        let moved = 0;
        new PerformanceObserver((list) => { for (const one of list.getEntries()) moved += one.value; })
            .observe({ type: "layout-shift" });
        setTimeout(() => done(moved), 3000);
    })""")  # noqa: E731
    assert shift() < 0.02


def test_no_other_host_was_asked_and_nothing_went_wrong(desk: Desk) -> None:
    host = urlsplit(desk.address).netloc
    assert {urlsplit(url).netloc for url in desk.asked} <= {host, ""}
    assert desk.trouble == []


def test_signing_out_shows_the_door(desk: Desk) -> None:
    desk.page.get_by_role("button", name="Sign out").click()
    desk.page.get_by_label("One-time code").wait_for()
    desk.page.reload()
    desk.page.get_by_label("One-time code").wait_for()
