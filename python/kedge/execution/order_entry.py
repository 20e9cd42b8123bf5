"""Orders out and reports in: from the engine's commands to requests at the venue, and back.

A submit leaves when its intent is durable; a cancel leaves at once, and takes back a submit that has not left yet.
An order whose request got no answer is *unknown* until the venue, asked after the request's window has closed, tells.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from kedge._core import LiveSession
from kedge.execution.client_ids import client_id, order_of
from kedge.model.errors import KedgeError
from kedge.venues.binance import Accepted, BinanceVenue, Outcome, Rejected, Report, Unknown, VenueOrder, VenueTrade

ENDED = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"})
ASK_AGAIN, ASK_AGAIN_MOST = 0.1, 2.0
PATIENCE = 0.5
PATIENCE_MOST = 8.0
CANCEL_TOLD = 1.0
CANCEL_AGAIN_MOST = 2.0
IN_FLIGHT = 0.02
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


class OrderEntry:
    """Follows every order of a session from its intent to its end.

    `changed` is called after each report that the session took, since it may have made new commands. `on_sent` is told
    (ns from the event to the command, ns waited for the disk, ns to hand it over) of each submit.
    """

    def __init__(
        self,
        session: LiveSession,
        lines: Sequence[Line],
        trader: str,
        changed: Callable[[], None],
        on_sent: Callable[[int, int, int], None],
    ) -> None:
        self._session = session
        self._lines = lines
        self._trader = trader
        self._changed = changed
        self._on_sent = on_sent
        self._by_symbol = {(line.market, line.symbol): line for line in lines}
        self._waiting: deque[tuple[dict[str, Any], int, int]] = deque()
        self.working: dict[int, Working] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.strays = 0
        self.odd_fees: list[str] = []
        self.notices: dict[str, str] = {}
        """What was refused last, in words."""
        self.on_failed: Callable[[BaseException], None] = lambda _: None

    # Out ----------------------------------------------------------------------------------------------------------

    def take(self, commands: Sequence[dict[str, Any]], heard: int) -> None:
        """Takes commands made by an event heard at `heard` (ns of `time.perf_counter_ns`)."""
        made = time.perf_counter_ns()
        for command in commands:
            if command["action"] == "submit":
                line = self._lines[command["instrument"]]
                order = command["order"]
                name = client_id(self._trader, order)
                self.working[order] = Working(order, line, name, command["side"])
                self._waiting.append((command, heard, made))
            elif command["action"] == "amend":
                self._waiting.append((command, heard, made))
            else:
                self._cancel_now(command["order"])
        self.flush()

    def flush(self) -> None:
        """Sends what has become durable."""
        if not self._waiting:
            return
        durable = self._durable()
        while self._waiting and self._waiting[0][0]["after_seq"] <= durable:
            command, heard, made = self._waiting.popleft()
            working = self.working.get(command["order"])
            if working is None:
                continue
            seen = time.perf_counter_ns()
            if command["action"] == "amend":
                self._run(self._amend(working, command))
                continue
            working.sent_ns = time.time_ns()
            self.sent += 1
            self._run(self._submit(working, command, made - heard, seen - made))

    def _durable(self) -> int:
        return self._session.durable()

    def _cancel_now(self, order: int) -> None:
        working = self.working.get(order)
        if working is None:
            return
        if not working.sent_ns:
            self._waiting = deque(entry for entry in self._waiting if entry[0]["order"] != order)
            self._end(working, "canceled", 0)
            return
        self._run(self._cancel(working))

    async def _submit(self, working: Working, command: dict[str, Any], engine: int, disk: int) -> None:
        begun = time.perf_counter_ns()
        outcome = await self._request(
            working.line, working.name, command, lambda: self._sent(engine, disk, time.perf_counter_ns() - begun)
        )
        if working.acknowledged or working.ended:
            return
        if isinstance(outcome, Accepted):
            self._acknowledge(working, outcome.ts)
        elif isinstance(outcome, Unknown):
            # Silence is no answer: the order counts as open until the venue tells.
            working.unknown = True
            self._report(working, "unknown", 0)
            await self._find_out(working, outcome.closes_ns)
        else:
            self._notice("order refused", working, outcome)
            self._end(working, "rejected", 0)

    def _notice(self, what: str, working: Working, outcome: Outcome) -> None:
        why = f"{outcome.code} {outcome.message}" if isinstance(outcome, Rejected) else getattr(outcome, "why", "")
        self.notices[what] = f"{working.name}: {why}"

    async def _request(self, line: Line, name: str, command: dict[str, Any], on_sent: Callable[[], None]) -> Outcome:
        return await line.venue.submit(
            symbol=line.symbol,
            client_id=name,
            side=command["side"],
            kind=command["kind"],
            tif=command["tif"],
            price=command["price"],
            quantity=command["quantity"],
            on_sent=on_sent,
        )

    def _sent(self, engine: int, disk: int, sending: int) -> None:
        self._on_sent(engine, disk, sending)

    async def _amend(self, working: Working, command: dict[str, Any]) -> None:
        outcome = await working.line.venue.amend(
            symbol=working.line.symbol,
            client_id=working.name,
            side=working.side,
            price=command["price"],
            quantity=command["quantity"],
        )
        if isinstance(outcome, Unknown):
            await self._find_out(working, outcome.closes_ns)
        elif not isinstance(outcome, Accepted) and not working.ended:
            self._report(working, "amend_rejected", 0)

    async def _cancel(self, working: Working) -> None:
        """Until the order has ended: a cancel may come before its order, meet a venue that is away, or be lost."""
        if working.canceling:
            return
        working.canceling = True
        pause = ASK_AGAIN
        while not working.ended:
            outcome = await working.line.venue.cancel(symbol=working.line.symbol, client_id=working.name)
            if working.ended:
                break
            if isinstance(outcome, Accepted):
                # The end itself comes by the user stream, after the last fills; ask if it does not.
                await asyncio.sleep(CANCEL_TOLD)
                await self._find_out(working, 0)
                continue
            self._notice("cancel refused", working, outcome)
            if isinstance(outcome, Rejected) and not working.acknowledged:
                await self._taken(working)
                continue
            if isinstance(outcome, Rejected):
                await self._find_out(working, 0)
            if not working.ended:
                await asyncio.sleep(pause)
            pause = min(2 * pause, CANCEL_AGAIN_MOST)
        self.notices.pop("cancel refused", None)

    # What became of it --------------------------------------------------------------------------------------------

    async def _find_out(self, working: Working, closes_ns: int) -> None:
        """Asks the venue, after its window has closed, until there is an answer."""
        if working.asking:
            return
        working.asking = True
        try:
            await asyncio.sleep(max(0.0, (closes_ns - time.time_ns()) / 1e9))
            if not working.ended:
                self.settle([await self._ask_about(working)])
        finally:
            working.asking = False

    async def _ask_about(self, working: Working) -> Found:
        line = working.line
        order = await asked(lambda s: line.venue.query(symbol=line.symbol, client_id=working.name, patience_s=s))
        if order is None or Decimal(order.filled) == 0:
            return Found(working, order, ())
        number = order.venue_order
        trades = await asked(lambda _: line.venue.trades(symbol=line.symbol, order_id=number))
        return Found(working, order, trades)

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

    async def ask_after(self, orders: Sequence[Working]) -> None:
        """Asks after orders whose reports may have been missed."""
        self.settle(await asyncio.gather(*(self._ask_about(working) for working in orders)))

    async def catch_up(self, market: str) -> None:
        """Asks after every order of a market that was sent: at once if the venue has taken it, else when it has."""
        sent = [w for w in self.working.values() if w.line.market == market and w.sent_ns]
        for working in sent:
            if not working.acknowledged:
                self._run(self._ask_once_taken(working))
        await self.ask_after([working for working in sent if working.acknowledged])

    async def _ask_once_taken(self, working: Working) -> None:
        await self._taken(working)
        if not working.ended:
            await self.ask_after([working])

    async def _taken(self, working: Working) -> None:
        """Returns when the venue has taken the order, or it has ended."""
        while not (working.acknowledged or working.ended):
            await asyncio.sleep(IN_FLIGHT)

    # In -----------------------------------------------------------------------------------------------------------

    def on_report(self, market: str, report: Report) -> None:
        """Takes one report of a market's user stream."""
        order = order_of(self._trader, report.client_id)
        working = self.working.get(order) if order is not None else None
        if working is None:
            self.strays += order is not None and report.what == "filled"
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

    # Tasks --------------------------------------------------------------------------------------------------------

    @property
    def unknown(self) -> int:
        """Orders whose outcome is not known now."""
        return sum(working.unknown for working in self.working.values())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed = error
            self.on_failed(error)

    failed: BaseException | None = None
    """What broke a task: the session cannot go on."""

    async def close(self) -> None:
        """Ends every task; outcomes not known by then are found at the next start."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
