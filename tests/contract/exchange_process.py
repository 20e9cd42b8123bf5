"""A running `kedge exchange` for a test, and a trader's desk at one of its markets: client, core, what was heard."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from kedge._core import LiveSession
from kedge.venues.binance import AccountUpdate, Addresses, BinanceVenue, Keys, Pace, Report
from tests.running import RunningExchange

SYMBOLS = {"spot": "BTCUSDT", "usdm": "ETHUSDT"}
ENGINE = {"seed": 1, "sample_ns": 0, "queue": "risk_averse", "partial_fills": True, "entry_ns": 0, "response_ns": 0}


class Exchange(RunningExchange):
    """A running exchange, and how our client is pointed at it."""

    def addresses(self, market: str, way: str = "websocket") -> Addresses:
        """How our client is pointed at it; orders go over the WebSocket API or by `rest`."""
        told = self.told
        order = told["rest"] if way == "rest" else told[f"{market}_ws_api"]
        if market == "spot":
            return Addresses(told["rest"], told["spot_stream"], told["spot_ws_api"], order)
        return Addresses(told["usdm_rest"], told["usdm_stream"], told["usdm_stream"], order)

    def keys(self) -> Keys:
        """The keys of a new account with 5,000 USDT in each wallet."""
        account = self.account()
        return Keys(account["key"], account["secret"])


@contextmanager
def exchange_process(folder: Path) -> Iterator[Exchange]:
    """`kedge exchange` on a free port, ended after the block."""
    started = Exchange(folder, "--seed", "7")
    try:
        yield started
    finally:
        started.close()


@dataclass
class Desk:
    """A client at one market with the core behind it."""

    exchange: Exchange
    market: str
    venue: BinanceVenue
    session: LiveSession
    reports: list[Report] = field(default_factory=list)
    updates: list[AccountUpdate] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    @property
    def symbol(self) -> str:
        """What is traded here."""
        return SYMBOLS[self.market]

    def book(self) -> tuple[str, Decimal, Decimal]:
        """State of the book in the core, best bid and best ask (0 where there is none)."""
        state, _, bid, ask, *_ = self.session.values()["instruments"][0]
        return state, Decimal(bid or 0), Decimal(ask or 0)

    def of(self, client_id: str, what: str) -> list[Report]:
        """The reports of an order, of one kind."""
        return [report for report in self.reports if report.client_id == client_id and report.what == what]


async def until(holds: Callable[[], object], seconds: float = 10.0) -> None:
    """Waits until it holds; fails if it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def desk(
    exchange: Exchange, market: str, folder: Path, keys: Keys | None = None, way: str = "websocket"
) -> AsyncIterator[Desk]:
    """A desk whose book is in sync, and whose orders go their `way`."""
    heard: list[Desk] = []

    def on_frame(symbol: str, frame: bytes, now: int) -> None:
        assert symbol == SYMBOLS[market]
        if heard[0].session.message(0, frame, now)[1]:
            venue.want_snapshot(symbol)

    def on_lost(symbol: str, why: str) -> None:
        heard[0].lost.append(why)
        heard[0].session.lost(0, time.time_ns())

    venue = BinanceVenue(
        market,
        exchange.addresses(market, way),
        keys or exchange.keys(),
        on_frame=on_frame,
        on_lost=on_lost,
        on_report=lambda report: heard[0].reports.append(report),
        on_account=lambda update: heard[0].updates.append(update),
        on_gap=lambda why: heard[0].gaps.append(why),
        venue="simulated",
        pace=Pace(stale_s=2.0, backoff_first_s=0.05),
    )
    definition = (await venue.definitions([SYMBOLS[market]]))[0]
    engine = json.dumps({**ENGINE, "balances": {}, "keep_records": False})
    session = LiveSession(
        engine,
        [(json.dumps(definition), market)],
        [],
        str(folder / f"journal-{time.monotonic_ns()}"),
        b"a" * 16,
        "{}",
        None,
        1,
        time.time_ns(),
    )
    heard.append(Desk(exchange, market, venue, session))
    await venue.start([SYMBOLS[market]])
    try:
        await until(lambda: heard[0].book()[0] == "in_sync")
        assert venue.ordering.way == way
        yield heard[0]
    finally:
        await venue.close()
        session.close(time.time_ns())
