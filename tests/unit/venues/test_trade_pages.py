"""Every execution is found, whatever the venue's pages: a server with the venue's own rules of paging."""

import asyncio
import time
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from kedge.venues.binance import Keys, RetryLater
from kedge.venues.binance import asking as asking_module
from kedge.venues.binance.addresses import MARKETS, Market
from kedge.venues.binance.asking import DAY_MS, Asking
from kedge.venues.binance.budget import RateBudget
from kedge.venues.binance.clock import VenueClock
from kedge.venues.binance.rest import Rest

NOW_MS = time.time_ns() // 1_000_000
PAGE = 5
BOTH = {"symbol": "BTCUSDT", "price": "1", "qty": "1", "commission": "0", "commissionAsset": "USDT"}
SPOT = {"isBuyer": True, "isMaker": False}
USDM = {"side": "BUY", "maker": False}


def page(trades: list[dict[str, Any]], asked: dict[str, str]) -> list[dict[str, Any]]:
    """What the venue answers: at most a day, oldest first from a time or an id, else the newest."""
    found = [t for t in trades if asked.get("orderId") in (None, str(t["orderId"]))]
    if "fromId" in asked:
        assert "startTime" not in asked
        return [t for t in found if t["id"] >= int(asked["fromId"])][:PAGE]
    if "startTime" in asked:
        start, end = int(asked["startTime"]), int(asked["endTime"])
        assert end - start < DAY_MS
        return [t for t in found if start <= t["time"] <= end][:PAGE]
    return found[-PAGE:]


async def ask(market: Market, trades: list[dict[str, Any]], **wish: Any) -> list[int]:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response(page(trades, dict(request.query)))

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    clock = VenueClock()
    budget = RateBudget(10**6, clock.now_venue)
    rest = Rest(f"http://127.0.0.1:{runner.addresses[0][1]}", Keys("k", "s"), clock, budget, 1_000, asyncio.Event())
    await rest.open()
    try:
        given_ = {"order_id": None, "from_id": None, "start_ns": None, **wish}
        found = await Asking(market, rest).trades("BTCUSDT", *given_.values(), NOW_MS * 1_000_000)
        return [trade.trade for trade in found]
    finally:
        await rest.close()
        await runner.cleanup()


@given(
    st.sampled_from(MARKETS),
    st.lists(st.sampled_from([0, 0, 0, 1, 50, 40_000_000]), min_size=1, max_size=30),
    st.integers(0, 30),
)
@settings(max_examples=25)
def test_none_is_lost_and_none_told_twice(market: Market, waits: list[int], at: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking_module, "PAGE", PAGE)
        first = NOW_MS - sum(waits) - 1
        times = [first + sum(waits[: n + 1]) for n in range(len(waits))]
        side = SPOT if market == "spot" else USDM
        trades = [{**BOTH, **side, "id": 10 + n, "orderId": n % 3, "time": ms} for n, ms in enumerate(times)]
        at = min(at, len(trades) - 1)
        since = times[at]
        later = [t["id"] for t in trades if t["time"] >= since]
        assert asyncio.run(ask(market, trades, start_ns=since * 1_000_000)) == later
        assert asyncio.run(ask(market, trades, from_id=10 + at)) == [t["id"] for t in trades[at:]]
        of_order = [t["id"] for t in trades if t["orderId"] == 0]
        assert asyncio.run(ask(market, trades, order_id=0, from_id=0)) == of_order
        assert asyncio.run(ask(market, trades)) == [t["id"] for t in trades[-PAGE:]]


def test_days_without_trades_are_passed() -> None:
    times = [NOW_MS - 5 * DAY_MS, NOW_MS - 3 * DAY_MS - 1, NOW_MS - 5]
    trades = [{**BOTH, **SPOT, "id": n, "orderId": 1, "time": ms} for n, ms in enumerate(times)]
    assert asyncio.run(ask("spot", trades, start_ns=times[0] * 1_000_000)) == [0, 1, 2]


def test_there_is_an_end_to_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking_module, "PAGE", PAGE)
    monkeypatch.setattr(asking_module, "PAGES_MAX", 3)
    trades = [{**BOTH, **SPOT, "id": n, "orderId": 1, "time": NOW_MS - 1_000 + n} for n in range(50)]
    for wish in ({"from_id": 0}, {"start_ns": (NOW_MS - 1_000) * 1_000_000}):
        with pytest.raises(RetryLater, match="3 pages"):
            asyncio.run(ask("spot", trades, **wish))
