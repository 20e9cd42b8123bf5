"""Orders that have not ended, followed from their intent to their end: what the venue says of them becomes reports."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from kedge._core import LiveSession
from kedge.execution.client_ids import order_of
from kedge.model.errors import KedgeError
from kedge.venues.binance import BinanceVenue, Report, VenueOrder, VenueTrade

ENDED = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"})
ASK_AGAIN, ASK_AGAIN_MOST = 0.1, 2.0
PATIENCE = 0.5
PATIENCE_MOST = 8.0
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Line:
    """Where the orders of one instrument go."""

    instrument: int
    symbol: str
    market: str
    base: str
    quote: str
    venue: BinanceVenue
    strategies: tuple[int, ...]


@dataclass(slots=True)
class Working:
    """An order that has not ended, as the venue's client follows it."""

    order: int
    line: Line
    name: str
    side: str
    sent_ns: int = 0
    acknowledged: bool = False
    unknown: bool = False
    ended: bool = False
    asking: bool = False
    canceling: bool = False
    trades: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Found:
    """What the venue says of an order when asked; `order` None: it has never had it."""

    working: Working
    order: VenueOrder | None
    trades: Sequence[VenueTrade]


async def asked(question: Callable[[float], Awaitable[Answer]]) -> Answer:
    """The venue's answer, asked for until there is one. The question is told how many seconds to wait for it."""
    patience, pause = PATIENCE, ASK_AGAIN
    while True:
        try:
            return await question(patience)
        except KedgeError:
            await asyncio.sleep(pause)
            patience, pause = min(2 * patience, PATIENCE_MOST), min(2 * pause, ASK_AGAIN_MOST)


async def ask_about(working: Working) -> Found:
    """What the venue says of an order, asked for until it does."""
    line = working.line
    order = await asked(lambda s: line.venue.query(symbol=line.symbol, client_id=working.name, patience_s=s))
    if order is None or Decimal(order.filled) == 0:
        return Found(working, order, ())
    number = order.venue_order
    trades = await asked(lambda _: line.venue.trades(symbol=line.symbol, order_id=number))
    return Found(working, order, trades)


class OrderFollower:
    """Turns what a venue says of our orders into reports of the session, each once.

    `changed` is called after each report that the session took, since it may have made new commands.
    """

    def __init__(self, session: LiveSession, trader: str, changed: Callable[[], None]) -> None:
        self._session = session
        self._trader = trader
        self._changed = changed
        self.working: dict[int, Working] = {}
        self.odd_fees: list[str] = []
        self._held: dict[str, list[Report]] = {}
        self._holds: Counter[str] = Counter()

    @property
    def unknown(self) -> int:
        """Orders whose outcome is not known now."""
        return sum(working.unknown for working in self.working.values())

    def on_report(self, market: str, report: Report) -> None:
        """Takes one report of a market's user stream."""
        if market in self._held:
            self._held[market].append(report)
            return
        order = order_of(self._trader, report.client_id)
        working = self.working.get(order) if order is not None else None
        if working is None:
            return
        self._acknowledge(working, report.ts_ns)
        if report.what == "filled":
            self._fill(working, report)
            if report.status == "FILLED":
                self._end(working, "", report.ts_ns)
        elif report.what in ("canceled", "expired", "rejected"):
            self._end(working, report.what, report.ts_ns)
        elif report.what == "amended":
            self._report(working, "amended", report.ts_ns, price=report.price, quantity=report.quantity)

    def hold(self, market: str) -> None:
        """From here on the reports of a market wait."""
        self._holds[market] += 1
        self._held.setdefault(market, [])

    def release(self, market: str) -> None:
        """The reports that waited are taken, once as often as `hold` was called."""
        self._holds[market] -= 1
        if not self._holds[market]:
            for report in self._held.pop(market):
                self.on_report(market, report)

    def _acknowledge(self, working: Working, ts: int) -> None:
        if not working.acknowledged and not working.ended:
            working.acknowledged, working.unknown = True, False
            self._report(working, "accepted", ts)

    def _fill(self, working: Working, told: Report | VenueTrade) -> None:
        if told.trade in working.trades:
            return
        working.trades.add(told.trade)
        line, fee = working.line, Decimal(told.fee)
        expected = line.base if line.market == "spot" and working.side == "buy" else line.quote
        if told.fee_currency != expected and fee:
            self.odd_fees.append(f"{working.name}: fee {fee} {told.fee_currency}, expected in {expected}")
        self._report(
            working,
            "filled",
            told.ts_ns,
            price=f"{Decimal(told.price):f}",
            quantity=f"{Decimal(told.quantity):f}",
            trade=told.trade,
            maker=told.maker,
            fee=f"{fee:f}",
        )

    def _end(self, working: Working, what: str, ts: int) -> None:
        if working.ended:
            return
        working.ended = True
        self.working.pop(working.order, None)
        if what:
            self._report(working, what, ts)

    def _report(self, working: Working, what: str, ts: int, **amounts: Any) -> None:
        now = time.time_ns()
        self._session.report(working.order, what, ts or now, now, instrument=working.line.instrument, **amounts)
        self._changed()

    def settle(self, found: Sequence[Found]) -> None:
        """Brings orders to where the venue has them. Their fills are booked in the order they happened in: the
        average price of a position depends on it."""
        known = [one for one in found if not one.working.ended]
        for one in known:
            if one.order is not None:
                self._acknowledge(one.working, one.order.updated_ns)
            elif not one.working.acknowledged:
                self._end(one.working, "rejected", 0)
        fills = [(trade.trade, trade, one.working) for one in known for trade in one.trades]
        for _, trade, working in sorted(fills, key=lambda fill: fill[0]):
            self._fill(working, trade)
        for one in known:
            if one.order is not None and one.order.status in ENDED:
                self._end(one.working, "" if one.order.status == "FILLED" else "canceled", one.order.updated_ns)
