"""A part of `_core.pyi`: follower.rs, recovery.rs, live.rs and replay.rs. Nothing of this name exists at run time."""

from collections.abc import Sequence
from typing import Any, final

from kedge.strategies.strategy import Strategy

# follower.rs
@final
class SessionFollower:
    """Follows one session of the trader, live or over, never beyond its durable mark, and keeps its books.

    Raises `UnsafeStateError` naming file and offset of damage, `UsageError` where there is no session.
    """

    def __new__(cls, path: str) -> SessionFollower: ...
    @property
    def header(self) -> str:
        """The header's payload."""
    @property
    def opened(self) -> int:
        """When the session began."""
    @property
    def position(self) -> tuple[int, int]:
        """The last sequence read, and the wall clock when it was written."""
    @property
    def closed(self) -> bool:
        """Whether the session ended cleanly, as far as it was read."""
    def skip(self, until: int) -> None:
        """Takes everything up to a sequence in without telling of it."""
    def poll(
        self, limit: int, until: int = ...
    ) -> tuple[list[dict[str, Any]], list[tuple[int, int, int, int, int, int, int]], bool]:
        """Reads on, up to sequence `until`: what was decided, seconds of trades, whether there may be more.

        A second is (instrument, seconds since the epoch, open, high, low, close in ticks, volume in steps).
        """
    def finish(self) -> bool:
        """Lets a session that no writer holds be read to its end; whether it is over."""
    def book(self, instrument: int, depth: int) -> dict[str, Any]:
        """{state, updated, bid, ask, last, mark, bids, asks}; a level is (price, quantity, own, ahead)."""
    def positions(self, seats: Sequence[int]) -> list[tuple[str, str | None, str | None, str | None, str, str]]:
        """(quantity, average, mark, unrealised, realised, fees) of each strategy on the instruments `seats`."""

# recovery.rs
def recover_books(
    instruments: Sequence[str], seats: Sequence[int], records: Sequence[str | bytes]
) -> tuple[str, list[tuple[int, int, int, str, str, str, str, int]]]:
    """The books at the end of a session, as a checkpoint (JSON), and the orders whose end it did not see.

    `records` are in the order of their sequence, each a checkpoint (text) or a decision (bytes). An order is (id,
    strategy, instrument, side, whole quantity, filled, state, last trade). Raises `UnsafeStateError` if unfit.
    """

# live.rs
@final
class LiveSession:
    """The engine, its strategies and its journal, for one epoch of one account. See `kedge.node.trader`."""

    def __new__(
        cls,
        settings: str,
        streams: Sequence[tuple[str, str]],
        strategies: Sequence[tuple[int, str, Strategy, type[Strategy]]],
        folder: str,
        session_id: bytes,
        header: str,
        checkpoint: str | None,
        first_order: int,
        now: int,
    ) -> LiveSession: ...
    def start(self, now: int) -> None:
        """Wakes the strategies for the first time."""
    def message(self, instrument: int, frame: bytes, now: int) -> tuple[bool, bool, int | None]:
        """Takes one message: (about the book, needs a snapshot, when it was sent). Raises `DataError`."""
    def lost(self, instrument: int, now: int) -> None:
        """The connection of an instrument was lost."""
    def report(
        self,
        order: int,
        what: str,
        ts_venue: int,
        now: int,
        *,
        instrument: int = 0,
        price: str = "0",
        quantity: str = "0",
        trade: int = 0,
        maker: bool = False,
        fee: str = "0",
    ) -> None:
        """Takes one report of the venue."""
    def earlier_fill(
        self,
        order: int,
        strategy: int,
        instrument: int,
        side: str,
        price: str,
        quantity: str,
        trade: int,
        maker: bool,
        fee: str,
        now: int,
    ) -> bool:
        """Books an execution of an order of an earlier session."""
    def funding(self, instrument: int, amount: str, ts_venue: int, now: int) -> None:
        """Books a funding payment of the account (decimal text of the quote currency; negative: paid).

        It is shared between the strategies on the side of the account's net position in the instrument, by size.
        """
    def tick(self, now: int) -> None:
        """Time passed: fires the timers due by now."""
    def next_timer(self) -> int | None:
        """When the next timer is due."""
    def commands(self) -> list[dict[str, Any]]:
        """Hands over the commands made since the last call."""
    def durable(self) -> int:
        """The last sequence that a crash cannot take."""
    def waker(self) -> int:
        """A file descriptor that becomes readable after each commit."""
    def note(self, kind: int, json: str, now: int) -> None:
        """Notes a status or a reconciliation."""
    def checkpoint(self, now: int) -> str:
        """Writes a checkpoint of the books, with what the strategies save, into the journal and returns it."""
    def halt(self, now: int) -> None:
        """Stops all trading and cancels every open order."""
    def resume(self, now: int) -> None:
        """Lets orders pass again."""
    def end(self, now: int) -> None:
        """Tells the strategies that the session ends: `on_stop`."""
    def cancel(self, order: int, now: int) -> None:
        """Cancels one open order."""
    def stop_strategy(self, strategy: int, now: int) -> None:
        """Stops one strategy and cancels its orders."""
    def start_strategy(self, strategy: int, now: int) -> None:
        """Lets a stopped strategy be called again."""
    def open_orders(self) -> list[tuple[int, int, int, str, str, str, str, str]]:
        """(order, strategy, instrument, side, price, quantity, filled, state) of what is open."""
    def values(self) -> dict[str, Any]:
        """Values of every strategy and instrument now."""
    def faults(self) -> list[tuple[int, BaseException]]:
        """Strategies that raised since the last call, and what they raised."""
    def close(self, now: int) -> None:
        """Ends the session cleanly."""

# replay.rs
@final
class LiveReplay:
    """A live session's inputs taken again by the same engine: decisions come out, nothing is written or sent.

    `checkpoint` is the session's first one; `strategies` as `LiveSession` takes them. Raises `DataError` for a record
    that is no input, `UnsafeStateError` for books that do not fit.
    """

    def __new__(
        cls,
        settings: str,
        instruments: Sequence[str],
        strategies: Sequence[tuple[int, str, Strategy, type[Strategy]]],
        checkpoint: str,
    ) -> LiveReplay: ...
    def begin(self) -> list[bytes]:
        """The decisions made before the first input: deposits."""
    def fail_at(self, strategy: int, wake: int) -> None:
        """A strategy must fail at its wake-up of this number, whatever it does there."""
    def take(self, kind: int, ts_engine: int, payload: bytes) -> list[bytes]:
        """Takes the input of one record; returns the decisions that follow from it, in order."""
    def faults(self) -> list[tuple[int, BaseException]]:
        """What strategies raised since the last call."""
    def trace_hash(self) -> str:
        """The trace hash so far."""
