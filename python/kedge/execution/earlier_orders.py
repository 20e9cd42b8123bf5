"""Orders that an earlier session sent and whose end it did not see: asked after, cancelled, their fills booked.

Each is asked after only once the window of its request has closed on the venue's clock, so that "not found" is proof.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from kedge._core import LiveSession
from kedge.execution.client_ids import client_id, order_of
from kedge.execution.order_follower import ENDED, Line, asked
from kedge.execution.reconciliation import Difference
from kedge.model.errors import UnsafeStateError
from kedge.venues.binance import VenueOrder, VenueTrade

CANCEL_PAUSE = 0.1
AT_ONCE = 16
"""Orders asked after together."""


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
    session: LiveSession,
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
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask_after(order: EarlierOrder) -> Ended:
        async with gate:
            return await _ended(lines[order.instrument], order, client_id(trader, order.order))

    ended = await asyncio.gather(*(ask_after(order) for order in orders))
    _book(session, ended)
    return Settled([*differences, *(one.difference() for one in ended)], len(orders), waited)


async def _cancel_strangers(lines: Sequence[Line], known: set[int], trader: str) -> list[Difference]:
    differences = []
    for line in lines:
        for found in await asked(_open_orders(line)):
            number = order_of(trader, found.client_id)
            if number is None or number in known:
                continue
            if found.filled != 0:
                raise UnsafeStateError(
                    f"the venue holds order {found.client_id}, executed for {found.filled}, which no journal knows",
                    "another trader uses the same `id` in [trader], or a journal was removed: look before you go on",
                )
            await line.venue.cancel(symbol=found.symbol, client_id=found.client_id)
            differences.append(Difference(f"order {found.client_id}", "unknown", found.status.lower(), "cancelled"))
    return differences


def _open_orders(line: Line) -> Callable[[float], Awaitable[list[VenueOrder]]]:
    return lambda _: line.venue.open_orders(line.symbol)


@dataclass(frozen=True, slots=True)
class Ended:
    """An order of an earlier session at its end. `status` None: the venue has never had it."""

    order: EarlierOrder
    line: Line
    name: str
    status: str | None
    missed: Sequence[VenueTrade]

    def difference(self) -> Difference:
        """What was found and done."""
        action = f"closed, {len(self.missed)} executions booked" if self.missed else "closed"
        return Difference(f"order {self.name}", self.order.state, (self.status or "never arrived").lower(), action)


async def _ended(line: Line, order: EarlierOrder, name: str) -> Ended:
    """The order once it has ended: cancelled if it is open."""
    while True:
        found = await asked(lambda s: line.venue.query(symbol=line.symbol, client_id=name, patience_s=s))
        if found is None:
            if Decimal(order.filled) != 0 or order.last_trade:
                raise UnsafeStateError(
                    f"the venue does not know order {name}, of which {order.filled} was executed",
                    "the journal is of another account: check the keys and [trader] data",
                )
            return Ended(order, line, name, None, ())
        if found.status in ENDED:
            break
        await line.venue.cancel(symbol=line.symbol, client_id=name)
        await asyncio.sleep(CANCEL_PAUSE)
    missed: list[VenueTrade] = []
    if Decimal(found.filled) > Decimal(order.filled):
        number = found.venue_order
        trades = await asked(lambda _: line.venue.trades(symbol=line.symbol, order_id=number))
        missed = [trade for trade in trades if trade.trade > order.last_trade]
    return Ended(order, line, name, found.status, missed)


def _book(session: LiveSession, ended: Sequence[Ended]) -> None:
    """Books what was missed in the order it happened in: the average price of a position depends on it."""
    fills = [(one.line.instrument, trade.trade, trade, one.order) for one in ended for trade in one.missed]
    for instrument, number, trade, order in sorted(fills, key=lambda fill: fill[:2]):
        session.earlier_fill(
            order.order,
            order.strategy,
            instrument,
            order.side,
            f"{trade.price:f}",
            f"{trade.quantity:f}",
            number,
            trade.maker,
            f"{trade.fee:f}",
            time.time_ns(),
        )
