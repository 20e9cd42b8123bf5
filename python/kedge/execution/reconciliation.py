"""Our books beside the venue's: what differs, and by which rule it is resolved.

Policy: an order of ours that the venue still holds and we do not is cancelled. An order we hold and the venue does not
is asked after, and ends as the venue says. Balances and positions must be equal to the last unit; a balance that
differs is shown and trading goes on, a position that differs halts trading until a person has looked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from kedge._core import LiveSession
from kedge.execution.client_ids import order_of
from kedge.execution.order_entry import OrderEntry
from kedge.execution.order_follower import ENDED, Line
from kedge.model import money
from kedge.venues.binance import BinanceVenue

QUIET_TRIES = 5
QUIET_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not equal, and what was done about it."""

    what: str
    ours: str
    venue: str
    action: str

    def as_json(self) -> dict[str, str]:
        """As a reconciliation's record keeps it."""
        return {"what": self.what, "ours": self.ours, "venue": self.venue, "action": self.action}


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One comparison: equal if nothing differs. `unsafe` says that trading must not go on."""

    at: str
    ts: int
    took_ms: float
    differences: Sequence[Difference]
    unsafe: bool
    settled: Sequence[Difference] = ()
    """What differed and was resolved just before."""

    def as_json(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {
            "ts": self.ts,
            "at": self.at,
            "equal": not self.differences,
            "differences": [difference.as_json() for difference in self.differences],
            "settled": [difference.as_json() for difference in self.settled],
            "took_ms": self.took_ms,
        }


async def reconcile(
    session: LiveSession,
    lines: Sequence[Line],
    entry: OrderEntry,
    trader: str,
    at: str,
    settled: Sequence[Difference] = (),
) -> Reconciliation:
    """Compares orders, balances and positions. Where they differ, it asks after every order, since its reports may have
    been missed, and looks again, a few times: fills cross the comparison. What differs at the last look is unsafe only
    if no fill came meanwhile and no order's outcome is open."""
    begun = time.perf_counter_ns()
    differences = await _orders(lines, entry, trader)
    holdings: list[Difference] = []
    unsafe, sure = False, True
    for attempt in range(QUIET_TRIES):
        if attempt:
            await entry.ask_after([working for working in entry.working.values() if working.acknowledged])
            await asyncio.sleep(QUIET_PAUSE)
        before = session.values()["fills"]
        sure = not any(working.sent_ns and not working.acknowledged for working in entry.working.values())
        holdings, unsafe = await _holdings(session, lines)
        if not holdings:
            break
        sure = sure and session.values()["fills"] == before
    if unsafe and not sure:
        holdings = [replace(one, action="shown: an order was under way") for one in holdings]
        unsafe = False
    took = round((time.perf_counter_ns() - begun) / 1e6, 1)
    return Reconciliation(at, time.time_ns(), took, [*differences, *holdings], unsafe, settled)


async def _orders(lines: Sequence[Line], entry: OrderEntry, trader: str) -> list[Difference]:
    differences = []
    for line in lines:
        held_before = {number for number, working in entry.working.items() if working.line is line}
        found = {order_of(trader, order.client_id): order for order in await line.venue.open_orders(line.symbol)}
        for number, order in found.items():
            if number is not None and number not in held_before and number not in entry.working:
                # It may have come and gone while the venue answered.
                again = await line.venue.query(symbol=line.symbol, client_id=order.client_id)
                if again is None or again.status in ENDED:
                    continue
                await line.venue.cancel(symbol=line.symbol, client_id=order.client_id)
                state = order.status.lower()
                differences.append(Difference(f"order {order.client_id}", "not open", state, "cancelled"))
        missing = [entry.working[number] for number in held_before - set(found) if number in entry.working]
        await entry.ask_after([working for working in missing if working.acknowledged])
    return differences


def venues(lines: Sequence[Line]) -> dict[str, BinanceVenue]:
    """The venue of each market."""
    return {line.market: line.venue for line in lines}


async def held_at(lines: Sequence[Line]) -> dict[str, Decimal]:
    """What the venue holds for the account by currency, over its markets; only of the currencies of our instruments."""
    totals: dict[str, Decimal] = {}
    wanted = {line.quote for line in lines} | {line.base for line in lines if line.market == "spot"}
    for market, venue in venues(lines).items():
        for currency, (first, second) in (await venue.balances()).items():
            if currency in wanted:
                # Spot tells what is free and what is locked; USD-M the wallet, and what of it is available.
                held = first + second if market == "spot" else first
                totals[currency] = totals.get(currency, Decimal(0)) + held
    return totals


async def _holdings(session: LiveSession, lines: Sequence[Line]) -> tuple[list[Difference], bool]:
    differences, unsafe = [], False
    at_venue = await held_at(lines)
    positions = {
        (market, symbol): quantity
        for market, venue in venues(lines).items()
        if market != "spot"
        for symbol, (quantity, _) in (await venue.positions()).items()
    }
    values = session.values()
    # A perpetual's realised PnL may round by one unit of what settles at each fill.
    rounding = {line.quote: money.SETTLED * int(values["fills"]) for line in lines if line.market != "spot"}
    for currency, units in values["balances"]:
        ours, theirs = money.amount(units), at_venue.get(currency, Decimal(0))
        if abs(ours - theirs) > rounding.get(currency, 0):
            differences.append(Difference(f"balance {currency}", f"{ours:f}", f"{theirs:f}", "shown"))
    for line in lines:
        if line.market == "spot":
            continue
        held = ours_of(values, line)
        theirs = positions.get((line.market, line.symbol), Decimal(0))
        if held != theirs:
            differences.append(Difference(f"position {line.symbol}", f"{held:f}", f"{theirs:f}", "halted"))
            unsafe = True
    return differences, unsafe


def ours_of(values: Mapping[str, Any], line: Line) -> Decimal:
    """The position of all strategies in an instrument."""
    return sum((Decimal(values["strategies"][strategy][0]) for strategy in line.strategies), Decimal(0))
