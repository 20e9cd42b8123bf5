"""The report in a real browser without a network: charts drawn, table sorted, themes turned, nothing asked for."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl
import pytest

from kedge.backtest.run_folder import RunTables

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser(skip_or_fail: Callable[[str], NoReturn]) -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        skip_or_fail("playwright is not installed")
    if not CHROMIUM.exists():
        skip_or_fail(f"{CHROMIUM} is not there: install Debian's chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a report offline; when the test ends, nothing may have gone wrong and nothing been asked for."""
    contexts, trouble, asked = [], [], []

    def open_page(path: Path, width: int = 1440, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_offline(True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: trouble.append(dialog.message))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", timeout=30_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == len(contexts)


def column(page: Page, name: str) -> list[str]:
    """The texts in view of one column of the fills table."""
    heads = page.locator(".fills thead th")
    at = [head.get_attribute("data-key") for head in heads.all()].index(name) + 1
    return page.locator(f".fills tbody tr[aria-rowindex] td:nth-child({at})").all_inner_texts()


def numbers(texts: list[str]) -> list[float]:
    return [float(text.replace("−", "-").replace(",", "")) for text in texts if text != "–"]


def test_shows_charts_and_fills(visit: Callable[..., Page], written: Path, made: RunTables) -> None:
    page = visit(written)
    assert page.locator("#equity-chart canvas").count() > 2
    assert page.locator("#market-chart canvas").count() > 2
    assert page.locator(".empty").count() == 0
    fills = made.fills.sort("ts", maintain_order=True)
    assert column(page, "time")[0] == f"{fills['ts'][0]:%H:%M:%S.%f}"[:-3]
    assert numbers(column(page, "price"))[:10] == fills["price"].cast(pl.Float64).to_list()[:10]
    assert page.locator("#fills-table p").inner_text() == "400 fills."
    assert "Equity" in page.locator("#equity-legend").inner_text()


def test_charts_are_drawn(visit: Callable[..., Page], written: Path) -> None:
    page = visit(written)
    for chart in ("#equity-chart", "#market-chart"):
        colours = page.evaluate(
            """(chart) => Math.max(...[...document.querySelectorAll(`${chart} canvas`)].map((canvas) => {
                const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                return new Set(new Uint32Array(data.buffer)).size;
            }))""",
            chart,
        )
        assert colours > 10, chart


def test_sorts_by_a_click_on_the_head(visit: Callable[..., Page], written: Path) -> None:
    page = visit(written)
    for key in ("price", "realised", "markout60"):
        head = page.locator(f'th[data-key="{key}"]')
        head.locator("button").click()
        rising = numbers(column(page, key))
        assert rising == sorted(rising)
        assert head.get_attribute("aria-sort") == "ascending"
        head.locator("button").click()
        falling = numbers(column(page, key))
        assert falling == sorted(falling, reverse=True)
        assert falling[0] > rising[0]
    assert page.locator('th[aria-sort="none"]').count() == page.locator(".fills thead th").count() - 1


def test_filters_and_exports_what_is_shown(visit: Callable[..., Page], written: Path, made: RunTables) -> None:
    page = visit(written)
    page.select_option('select[data-filter="side"]', label="▼ sell")
    page.select_option('select[data-filter="strategy"]', label="cross-btc")
    wanted = made.fills.filter((pl.col("side") == "sell") & (pl.col("strategy") == "cross-btc")).sort("ts")
    assert page.locator("#fills-table p").inner_text() == f"{len(wanted)} of 400 fills."
    assert set(column(page, "side")) == {"▼ sell"}
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save as CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(caught.value.path()).read_text(encoding="utf-8"))))
    assert [float(row["price (USDT)"]) for row in rows] == wanted["price"].cast(pl.Float64).to_list()
    assert [row["time (UTC)"] for row in rows] == [f"{ts:%Y-%m-%dT%H:%M:%S.%f}Z" for ts in wanted["ts"]]
    assert {(row["strategy"], row["side"], row["liquidity"]) for row in rows} == {("cross-btc", "sell", "taker")}


def test_theme_and_colours_turn(visit: Callable[..., Page], written: Path) -> None:
    page = visit(written, color_scheme="light")
    surface = "getComputedStyle(document.body).backgroundColor"
    up = "getComputedStyle(document.querySelector('.fills .up')).color"
    light, teal = page.evaluate(surface), page.evaluate(up)
    page.click("#theme")
    dark = page.evaluate(surface)
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(16, 20, 23)")
    assert page.locator("#theme").inner_text() == "Light"
    page.click("#palette")
    assert page.evaluate(up) != teal
    page.click("#theme")
    assert page.evaluate(surface) == light


def test_follows_the_readers_scheme(visit: Callable[..., Page], written: Path) -> None:
    page = visit(written, color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 20, 23)"


def test_a_fill_is_shown_on_the_candles_of_its_instrument(visit: Callable[..., Page], written: Path) -> None:
    page = visit(written)
    assert page.locator('[role="tab"][aria-selected="true"]').inner_text() == "BTC/USDT@binance"
    page.select_option('select[data-filter="strategy"]', label="cross-btc")
    page.locator(".fills .go").first.click()
    assert page.locator('[role="tab"][aria-selected="true"]').inner_text() == "BTC/USDT:USDT@binance"


def test_the_legend_follows_the_crosshair(visit: Callable[..., Page], written: Path) -> None:
    page = visit(written)
    box = page.locator("#equity-chart").bounding_box()
    assert box is not None
    last = page.locator("#equity-legend").inner_text()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 100)
    page.wait_for_function("(last) => document.querySelector('#equity-legend').innerText !== last", arg=last)
    assert re.search(r"2024-08-08 12:\d\d:\d\d UTC", page.locator("#equity-legend").inner_text())


def test_times_have_the_local_one_on_hover(visit: Callable[..., Page], written: Path) -> None:
    page = visit(written, timezone_id="America/New_York", locale="en-US")
    assert "8:00:00" in (page.locator(".period time").first.get_attribute("title") or "")
    assert "local" in (page.locator(".fills .go").first.get_attribute("title") or "")


def test_focus_is_visible(visit: Callable[..., Page], written: Path) -> None:
    page = visit(written)
    for _ in range(5):
        page.keyboard.press("Tab")
        style = page.evaluate("(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])"
                              "(getComputedStyle(document.activeElement))")  # fmt: skip
        assert style == ["solid", "2px"]


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_fits_the_window(visit: Callable[..., Page], written: Path, width: int) -> None:
    page = visit(written, width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("h1").bounding_box()["x"] >= 0  # type: ignore[index]


def test_prints_charts_and_the_first_fills(visit: Callable[..., Page], written: Path) -> None:
    page = visit(written, color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("canvas.picture").count() == 2
    assert page.locator(".fills tbody tr").count() == 40
    assert "The first 40 are printed" in page.locator("#fills-table p").inner_text()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("canvas.picture").count() == 0
    assert page.evaluate("document.documentElement.dataset.theme") is None


@pytest.mark.slow
def test_a_hundred_thousand_fills_stay_smooth(visit: Callable[..., Page], many_fills: Path) -> None:
    page = visit(many_fills)
    assert page.locator(".fills tr").count() < 100
    for part in (0.3, 0.7, 1.0):
        page.evaluate(
            "(part) => { const f = document.querySelector('.fills-frame'); f.scrollTop = part * f.scrollHeight; }", part
        )
        page.wait_for_timeout(100)
        assert page.locator(".fills tr").count() < 100
    assert page.locator(".fills tbody tr[aria-rowindex]").last.get_attribute("aria-rowindex") == "100001"
    took = page.evaluate("""() => {
        const start = performance.now();
        document.querySelector('th[data-key="price"] button').click();
        return performance.now() - start;
    }""")
    assert took < 3_000
    prices = numbers(column(page, "price"))
    assert prices == sorted(prices)


def test_hostile_names_run_nothing(
    visit: Callable[..., Page], make: Callable[..., RunTables], write_run: Callable[[RunTables], Path]
) -> None:
    name = "=cmd|</script><script>document.title='got'</script><img src=x onerror=\"document.title='got'\">"
    page = visit(write_run(make(seconds=120, fills=20, names=(name, "other"))))
    assert "got" not in page.title()
    assert page.locator("main img").count() == 0
    assert name in column(page, "strategy")
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save as CSV").click()
    text = Path(caught.value.path()).read_text(encoding="utf-8")
    assert {row["strategy"] for row in csv.DictReader(io.StringIO(text))} == {f"'{name}", "other"}
