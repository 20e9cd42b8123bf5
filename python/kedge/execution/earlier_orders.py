"""Orders that an earlier session sent and whose end it did not see: asked after, cancelled, their fills booked.

Each is asked after only once the window of its request has closed on the venue's clock, so that "not found" is proof.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeVar

from kedge import _core
from kedge.execution.client_ids import client_id, order_of
from kedge.execution.order_entry import ASK_AGAIN, ASK_AGAIN_MOST, ENDED, Line
from kedge.execution.reconciliation import Difference, venues
from kedge.model.errors import KedgeError, UnsafeStateError
from kedge.venues.binance import BinanceVenue, VenueOrder

CANCEL_PAUSE = 0.1
Answer = TypeVar("Answer")


class EarlierOrder(Protocol):
    """What the journal knows of it. Quantities are decimal text."""

    @property
    def order(self) -> int: ...
    @property
    def strategy(self) -> int: ...
    @property
    def instrument(self) -> int: ...
    @property
    def side(self) -> str: ...
    @property
    def filled(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def last_trade(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Settled:
    """What was found: differences, how many orders were asked after, seconds waited for windows to close."""

    differences: Sequence[Difference]
    asked: int
    waited_s: float


async def settle_earlier(
    session: _core.LiveSession,
    lines: Sequence[Line],
    orders: Sequence[EarlierOrder],
    trader: str,
    closes_ns: int,
) -> Settled:
    """Brings the account to rest: no order of ours is open at the venue, and every execution is in the books.

    `closes_ns`: when the windows of the last session's requests have all closed. Raises `UnsafeStateError` if the venue
    has an order with our prefix that no journal knows and that was executed.
    """
    known = {order.order for order in orders}
    differences = await _cancel_strangers(lines, known, trader)
    waited = 0.0
    in_doubt = [order for order in orders if order.state in ("submitted", "unknown", "intent")]
    if in_doubt:
        waited = max(0.0, (closes_ns - time.time_ns()) / 1e9)
        await asyncio.sleep(waited)
    for order in orders:
        line = lines[order.instrument]
        differences += await _settle(session, line, order, client_id(trader, order.order))
    return Settled(differences, len(orders), waited)


async def _cancel_strangers(lines: Sequence[Line], known: set[int], trader: str) -> list[Difference]:
    differences = []
    for venue in venues(lines).values():
        for found in await venue.open_orders():
            number = order_of(trader, found.client_id)
            if number is None or number in known:
                continue
            if Decimal(found.filled) != 0:
                raise UnsafeStateError(
                    f"the venue holds order {found.client_id}, executed for {found.filled}, which no journal knows",
                    "another trader uses the same `id` in [trader], or a journal was removed: look before you go on",
                )
            await venue.cancel(symbol=found.symbol, client_id=found.client_id)
            differences.append(Difference(f"order {found.client_id}", "unknown", found.status.lower(), "cancelled"))
    return differences


async def _settle(session: _core.LiveSession, line: Line, order: EarlierOrder, name: str) -> list[Difference]:
    found = await _ended(line.venue, line.symbol, name)
    if found is None:
        if Decimal(order.filled) != 0 or order.last_trade:
            raise UnsafeStateError(
                f"the venue does not know order {name}, of which {order.filled} was executed",
                "the journal is of another account: check the keys and [trader] data",
            )
        return [Difference(f"order {name}", order.state, "never arrived", "closed")]
    booked = 0
    if Decimal(found.filled) > Decimal(order.filled):
        trades = await _asked(lambda: line.venue.trades(symbol=line.symbol, order_id=found.venue_order))
        for trade in sorted(trades, key=lambda trade: trade.trade):
            if trade.trade > order.last_trade:
                session.earlier_fill(
                    order.order,
                    order.strategy,
                    line.instrument,
                    order.side,
                    trade.price,
                    trade.quantity,
                    trade.trade,
                    trade.maker,
                    trade.fee,
                    time.time_ns(),
                )
                booked += 1
    action = f"closed, {booked} executions booked" if booked else "closed"
    return [Difference(f"order {name}", order.state, found.status.lower(), action)]


async def _ended(venue: BinanceVenue, symbol: str, name: str) -> VenueOrder | None:
    """The order once it has ended: cancelled if it is open. None if the venue has never had it."""
    while True:
        found = await _asked(lambda: venue.query(symbol=symbol, client_id=name))
        if found is None or found.status in ENDED:
            return found
        await venue.cancel(symbol=symbol, client_id=name)
        await asyncio.sleep(CANCEL_PAUSE)


async def _asked(question: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer, asked for until there is one."""
    pause = ASK_AGAIN
    while True:
        try:
            return await question()
        except KedgeError:
            await asyncio.sleep(pause)
            pause = min(2 * pause, ASK_AGAIN_MOST)
