"""The end of a session whose journal cannot be written: what is open is cancelled straight at the venue.

Nothing is booked here. The next start asks after every order that the journal holds without an end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from kedge.execution.client_ids import order_of
from kedge.execution.order_follower import Line, Working
from kedge.model.errors import KedgeError

AGAIN = 0.1
PATIENCE = 8.0


async def give_up(lines: Sequence[Line], working: Sequence[Working], trader: str, recv_window: int) -> str:
    """Cancels every open order of the trader's, also one that was on its way: it is looked for until it can arrive no
    more. Returns what became of them, in words."""
    began = time.monotonic()
    # In parallel and by name: what is known to be open must not wait for a list of it.
    await asyncio.gather(
        *(one.line.venue.cancel(symbol=one.line.symbol, client_id=one.name) for one in working), return_exceptions=True
    )
    closes = max((one.sent_ns for one in working if not one.acknowledged), default=0) + recv_window
    while True:
        left, why = await _cancel_open(lines, trader)
        if not left and not why and time.time_ns() > closes:
            return "no order of ours is open at the venue"
        if time.monotonic() - began > PATIENCE:
            return f"ORDERS MAY BE OPEN AT THE VENUE: {why or f'{left} could not be cancelled'}"
        await asyncio.sleep(AGAIN)


async def _cancel_open(lines: Sequence[Line], trader: str) -> tuple[int, str]:
    """How many were open just now, each of which is asked to be cancelled; and why it could not be seen."""
    count = 0
    for line in lines:
        try:
            found = await line.venue.open_orders(line.symbol)
        except KedgeError as error:
            return count, error.message
        ours = [order for order in found if order_of(trader, order.client_id) is not None]
        count += len(ours)
        await asyncio.gather(*(line.venue.cancel(symbol=line.symbol, client_id=order.client_id) for order in ours))
    return count, ""
