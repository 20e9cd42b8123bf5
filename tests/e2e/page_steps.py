"""What a trader does on the page, step by step, with an address and a code: on the stand-in or on `kedge up`.

Each step leaves the page on the overview, so that they can be put together in any order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WIDTHS = ((1440, 900), (390, 844))
THEMES = ("dark", "light")
WAIT_MS = 30_000
HIDDEN_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def sign_in(page: Page, address: str, code: str) -> float:
    """By the one-time code; the seconds from the click until the book is drawn."""
    page.goto(address)
    page.get_by_label("One-time code").fill(code)
    begun = time.monotonic()
    page.get_by_role("button", name="Sign in").click()
    page.locator(".ladder").wait_for(timeout=WAIT_MS)
    page.locator(".candles canvas").first.wait_for(timeout=WAIT_MS)
    return time.monotonic() - begun


def refuses_a_wrong_code(page: Page, address: str) -> None:
    """Says so, and stays at the door."""
    page.goto(address)
    page.get_by_label("One-time code").fill("not-the-code")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").filter(has_text="code").wait_for(timeout=WAIT_MS)
    assert page.locator(".frame").count() == 0


def price_moves(page: Page) -> None:
    """The last price becomes another one."""
    changes(page, page.locator(".candles .last"))


def fill_appears(page: Page) -> None:
    """A new fill: on top of the table, and one mark more on the chart of its instrument."""
    show_busiest(page)
    before = marks(page)
    changes(page, page.locator(".fills-last .meta"))
    wait_until(page, lambda: marks(page) > before, "no mark more on the chart")
    assert page.locator(".fills-last tbody tr").count() > 0


def strategy_stops_and_starts(page: Page, name: str) -> None:
    """Asked once, told what it does, its orders gone; then running again with orders."""
    line = page.locator(".strategies-all li").filter(has_text=name)
    line.get_by_role("button", name="Stop").click()
    dialog = page.get_by_role("dialog")
    assert "Cancels" in dialog.inner_text() or "No order is open" in dialog.inner_text()
    dialog.get_by_role("button", name="Stop it").click()
    dialog.locator(".outcome b").filter(has_text="✓").wait_for(timeout=WAIT_MS)
    dialog.get_by_role("button", name="Close").click()
    line.locator(".state").filter(has_text="stopped").wait_for(timeout=WAIT_MS)
    wait_until(page, lambda: "0 orders" in line.inner_text(), "its orders are still open")
    line.get_by_role("button", name="Start").click()
    line.locator(".state").filter(has_text="running").wait_for(timeout=WAIT_MS)


def gap_shows_and_heals(page: Page, instrument: str, make_gap: Callable[[], None]) -> None:
    """The feed's row counts it; while it lasts the page says so and greys the book; then it is in sync again."""
    row = page.locator(".panel[aria-label=Feeds] tbody tr").filter(has_text=instrument)
    gaps = row.locator("td").nth(3)
    before = int(gaps.inner_text())
    make_gap()
    wait_until(page, lambda: int(gaps.inner_text()) > before, "the gap is not counted")
    row.filter(has_text="in sync").wait_for(timeout=WAIT_MS)


def explains_an_order(page: Page) -> None:
    """From a fill: a drawer with sentences in the order of time, and the keyboard closes it."""
    opener = page.locator(".fills-last button.act").first
    opener.focus()
    opener.press("Enter")
    drawer = page.get_by_role("dialog", name="Explain this order")
    drawer.locator(".steps li").first.wait_for(timeout=WAIT_MS)
    assert drawer.locator(".steps li").count() >= 4
    page.keyboard.press("Escape")
    drawer.wait_for(state="detached")


def halt_cancels_all(page: Page) -> None:
    """By keyboard alone: asked once, every order gone, the page says halted."""
    page.locator(".bar > .halt").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert "Stops new orders" in dialog.inner_text()
    page.keyboard.press("Enter")
    dialog.locator(".outcome b").filter(has_text="✓").wait_for(timeout=WAIT_MS)
    dialog.get_by_text("No order is open.", exact=False).last.wait_for(timeout=WAIT_MS)
    page.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    assert page.locator(".orders-open tbody tr").count() == 0
    page.locator(".foot").filter(has_text="Halted").wait_for(timeout=WAIT_MS)


def resume(page: Page) -> None:
    """Orders come again."""
    page.locator(".bar > .halt.resume").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Resume trading").click()
    dialog.locator(".outcome b").filter(has_text="✓").wait_for(timeout=WAIT_MS)
    dialog.get_by_role("button", name="Close").click()
    page.locator(".orders-open tbody tr").first.wait_for(timeout=WAIT_MS)


def screenshots(page: Page, folder: Path, pages: tuple[str, ...] = ("overview",)) -> list[Path]:
    """Each page at both widths in both themes. Nothing may stick out to the side."""
    taken = []
    for name in pages:
        for width, height in WIDTHS:
            for theme in THEMES:
                page.set_viewport_size({"width": width, "height": height})
                page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
                page.evaluate(f"location.hash = '{name}'")
                page.evaluate("document.activeElement?.blur()")
                page.wait_for_timeout(1_200)
                assert page.evaluate(HIDDEN_OVERFLOW) <= 0, f"{name} sticks out at {width} px"
                taken.append(folder / f"{name}-{width}-{theme}.png")
                page.screenshot(path=taken[-1])
    page.set_viewport_size({"width": 1440, "height": 900})
    page.evaluate("location.hash = 'overview'")
    page.locator(".candles canvas").first.wait_for()
    return taken


def marks(page: Page) -> int:
    """Fills that the chart marks."""
    return int(page.locator(".candles .chart").get_attribute("data-fills") or 0)


def show_busiest(page: Page) -> None:
    """The chart of the instrument of the newest fill."""
    fills = page.locator(".fills-last tbody tr")
    if fills.count():
        base = fills.first.locator(".market").inner_text().split("/")[0]
        page.locator(".candles .choice button").filter(has_text=base).first.click()
    page.locator(".candles canvas").first.wait_for()


def changes(page: Page, place: Locator) -> None:
    """Its text becomes another one."""
    before = place.inner_text(timeout=WAIT_MS)
    wait_until(page, lambda: place.inner_text() != before, f"“{before}” does not change")


def wait_until(page: Page, condition: Callable[[], bool], otherwise: str) -> None:
    """Asks again and again, at most `WAIT_MS`."""
    end = time.monotonic() + WAIT_MS / 1000
    while not condition():
        assert time.monotonic() < end, otherwise
        page.wait_for_timeout(50)
