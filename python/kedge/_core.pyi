"""The compiled engine and journal, by file of crates/py/src; more in `_core_exchange.pyi`, `_core_features.pyi`
and `_core_live.pyi`."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypedDict, final

import numpy as np
from numpy.typing import NDArray

from kedge._core_exchange import Exchange as Exchange
from kedge._core_features import Adx as Adx
from kedge._core_features import Bands as Bands
from kedge._core_features import Features as Features
from kedge._core_features import Indicator as Indicator
from kedge._core_features import Macd as Macd
from kedge._core_features import Stochastic as Stochastic
from kedge._core_live import LiveReplay as LiveReplay
from kedge._core_live import LiveSession as LiveSession
from kedge._core_live import SessionFollower as SessionFollower
from kedge._core_live import recover_books as recover_books
from kedge.model.columns import MarketColumns
from kedge.strategies.strategy import Strategy, Ticks

# build_info.rs
__version__: str
__build__: str
"""`release` or `debug`."""

# backtest.rs
def run_backtest(
    settings: str,
    streams: Sequence[tuple[str, Sequence[MarketColumns]]],
    strategies: Sequence[tuple[int, str, Strategy | None, type[Strategy]]],
    step: bool,
    on_slice: Callable[[int, bytes], None] | None = None,
    alone: bool = False,
) -> dict[str, Any]:
    """Runs a backtest and returns its tables.

    `settings` is JSON (`kedge.backtest.run` makes it), `streams` (definition as JSON, blocks) of each instrument,
    `strategies` (index of the instrument, limits, `own_account` and `seed` as JSON, instance, base class; without an
    instance it is one more instrument of the one before).
    `on_slice(time, records)` is called between slices of the run. Raises `UsageError`, `DataError`, and whatever a
    strategy raises; with `alone` one that raises is stopped and listed under `stopped` as (index, exception), so long
    as another is left.
    """

# strategy.rs
def callback_count() -> int:
    """How many times a callback was begun or ended in this process; odd while one runs."""

# compiled.rs
def compiled_record() -> dict[str, Any]:
    """The record of compiled strategies: `fields` (name, NumPy format, offset), `size`, the names of `wakes` and
    `wishes` by code, and the addresses of the functions `uniform`, `normal` and `below` that draw random numbers.
    """

# kinds.rs
def built_in_strategies() -> list[dict[str, Any]]:
    """The built-in strategies: `name`, `about`, `parameters` (name, default, whether whole, low, high, unit)."""

# decision.rs
def describe_decision(record: bytes, instrument_json: str) -> str:
    """One recorded decision as a line, in the units of its instrument. Raises `DataError` if the bytes are none."""

# context.rs
_Price = float | Decimal | Ticks
"""A float near a tick is that tick, else it snaps away from the touch; an int or Decimal must be on a tick."""
_Size = float | Decimal
"""Base units. A float is rounded down to whole lots; an int or Decimal must be whole lots."""

@final
class Context(Features):
    """One strategy's window on the engine. Valid within a callback only, else `StrategyError`."""

    @property
    def now(self) -> int:
        """The engine's time, ns since the epoch, UTC."""
    @property
    def instrument(self) -> str:
        """Id of the instrument, for example `BTC/USDT@binance`."""
    @property
    def instruments(self) -> list[str]:
        """Ids of all the strategy's instruments."""
    def on(self, instrument: str) -> Context:
        """The same for another of the strategy's instruments: its book, position, orders, bars."""
    @property
    def portfolio(self) -> Portfolio:
        """The strategy's whole account."""
    @property
    def book(self) -> Book:
        """The book as we see it now."""
    @property
    def rng(self) -> Random:
        """The strategy's own seeded randomness."""
    @property
    def position(self) -> float:
        """Held, in base units; negative when short."""
    @property
    def average_price(self) -> float | None:
        """What the position cost on average, in quote currency; None without one."""
    @property
    def pnl(self) -> float:
        """Made so far after fees, in quote currency, at the middle of the book."""
    @property
    def cash(self) -> float:
        """Cash of the account in quote currency."""
    @property
    def orders(self) -> list[Order]:
        """The strategy's open orders, oldest first."""
    def buy(
        self,
        size: _Size,
        price: _Price | None = None,
        *,
        tif: str = "gtc",
        stop: _Price | None = None,
        take_profit: _Price | None = None,
        trailing: str | None = None,
        activate: _Price | None = None,
        trigger_by: str = "last",
        display: _Size | None = None,
        reduce_only: bool = False,
        until: int | str | None = None,
        group: int | None = None,
        self_trade: str | None = None,
    ) -> int:
        """Buys at market, or at `price` or better. Returns the order's id.

        `tif` is gtc, ioc, fok or post_only. The order waits at the venue for a price at `stop` or above, at
        `take_profit` or below, or that came back by `trailing` ("0.5%", "50bp") from its best, followed from `activate`
        on; `trigger_by` the last trade or the mark price. `display` is shown of it at a time; `reduce_only` never makes
        the position larger; `until` (ns since the epoch, or "30s" from now) ends it; of a `group` one happens;
        `self_trade` is expire_taker, expire_maker or expire_both.
        """
    def sell(
        self,
        size: _Size,
        price: _Price | None = None,
        *,
        tif: str = "gtc",
        stop: _Price | None = None,
        take_profit: _Price | None = None,
        trailing: str | None = None,
        activate: _Price | None = None,
        trigger_by: str = "last",
        display: _Size | None = None,
        reduce_only: bool = False,
        until: int | str | None = None,
        group: int | None = None,
        self_trade: str | None = None,
    ) -> int:
        """Sells, likewise: `stop` waits for a price at it or below, `take_profit` for one at it or above."""
    def oco(
        self,
        side: str,
        size: _Size,
        *,
        price: _Price,
        stop: _Price,
        stop_price: _Price | None = None,
        tif: str = "gtc",
        trigger_by: str = "last",
        reduce_only: bool = False,
        until: int | str | None = None,
    ) -> tuple[int, int]:
        """A limit order at `price` and a stop at `stop` (at market, or at `stop_price`), of which one happens.

        Once one of them executes, even in part, or ends, the other ends. Both pass the risk gate or neither does.
        Returns their ids, the limit order's first.
        """
    def group(self) -> int:
        """A number for `group=`: of the orders that have it, one may happen."""
    def cancel(self, order: int) -> None:
        """Asks for the end of an order; nothing comes of one that has ended."""
    def cancel_all(self) -> None:
        """Asks for the end of all open orders of the strategy."""
    def amend(self, order: int, price: _Price | None = None, size: _Size | None = None) -> None:
        """Asks for a new price and whole size of an order."""
    def quote(self, bid: _Price | None, ask: _Price | None, size: _Size) -> None:
        """Keeps a two-sided post-only quote; None, or a price made from an empty book (NaN), takes a side away.

        A side is renewed when its price changes or its order is gone; a price that would cross moves to the own touch;
        a side that balance, minimum or a limit forbids is withheld and counted once per change of the reason.
        """
    def target(self, size: _Size) -> None:
        """Brings the position to `size` base units (negative: short) by market orders."""

# views.rs
@final
class Book:
    """The book as we see it. Prices are in quote currency, sizes in base units; NaN where a side is empty."""

    @property
    def bid(self) -> float:
        """Best bid."""
    @property
    def ask(self) -> float:
        """Best ask."""
    @property
    def bid_size(self) -> float:
        """Size at the best bid."""
    @property
    def ask_size(self) -> float:
        """Size at the best ask."""
    @property
    def bid_ticks(self) -> Ticks | None:
        """Best bid in ticks; None where there is none."""
    @property
    def ask_ticks(self) -> Ticks | None:
        """Best ask in ticks; None where there is none."""
    @property
    def mid(self) -> float:
        """Halfway between the bests."""
    @property
    def microprice(self) -> float:
        """(bid × ask size + ask × bid size) / (bid size + ask size)."""
    @property
    def spread(self) -> float:
        """Best ask less best bid."""
    @property
    def imbalance(self) -> float:
        """(bid size − ask size) / (bid size + ask size) at the bests."""
    @property
    def tick(self) -> float:
        """One tick."""
    @property
    def in_sync(self) -> bool:
        """Whether the book is the venue's: no order is let through while it is not."""
    def levels(self, side: str, depth: int = 10) -> list[tuple[float, float]]:
        """The best levels of a side ("bid" or "ask") as (price, size), best first."""

@final
class Portfolio:
    """The strategy's account: all instruments, others' positions where it is shared. Money is quote currency."""

    @property
    def equity(self) -> float:
        """What it is worth at the middle of the books."""
    @property
    def cash(self) -> dict[str, float]:
        """Cash by currency."""
    @property
    def positions(self) -> dict[str, float]:
        """What is held by instrument, in base units."""
    @property
    def exposure(self) -> float:
        """Notional of all positions together."""
    @property
    def net_exposure(self) -> float:
        """Notional of the long positions less that of the short ones."""

@final
class Random:
    """Seeded randomness of one strategy, untouched by what other strategies draw."""

    def random(self) -> float:
        """Uniform in [0, 1)."""
    def normal(self, mean: float = 0.0, deviation: float = 1.0) -> float:
        """Normal with this mean and standard deviation."""
    def integer(self, low: int, high: int) -> int:
        """Uniform whole number from `low` up to, but not, `high`."""

# rules.rs
def check_rule(definition: str, parameters: dict[str, float]) -> None:
    """Raises `StrategyError` where a rule (JSON of its keys) means nothing with these values of its parameters."""

# happenings.rs
@final
class Bar:
    """A closed bar: the trades that reached us in (start, end], ns since the epoch."""

    start: int
    end: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    buy_volume: float
    trades: int

@final
class Trade:
    """Somebody's trade; `side` is the aggressor's, `time` the venue's (None where it does not tell)."""

    price: float
    size: float
    side: str
    time: int | None

@final
class Quote:
    """The venue's best prices and sizes, as it quotes them apart from the book."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float

@final
class Order:
    """One of the strategy's orders, as it was when this was made. `price` is None for a market order."""

    id: int
    side: str
    price: float | None
    size: float
    filled: float
    state: str
    tif: str
    reason: str
    created: int
    trigger: str | None
    trigger_price: float | None
    triggered: bool
    display: float | None
    reduce_only: bool
    until: int | None
    group: int | None

@final
class Fill:
    """An execution of one of the strategy's orders. `fee` is in base currency for a spot buy, else in quote."""

    order_id: int
    trade_id: int
    side: str
    price: float
    size: float
    liquidity: str
    fee: float
    order_state: str

# columns.rs
class _Columns(TypedDict):
    """The fields of `kedge.model.columns.MarketColumns`."""

    ts_event: NDArray[np.int64]
    ts_recv: NDArray[np.int64]
    price: NDArray[np.int32]
    qty: NDArray[np.int32]
    flags: NDArray[np.uint8]
    wide_price: NDArray[np.int64]
    wide_qty: NDArray[np.int64]
    price_base: int
    qty_scale: int

# recording.rs
def detect_recording(line: bytes) -> tuple[str, str] | None:
    """("spot" or "usdm", symbol) of one recorded line; None if the line alone cannot tell."""

def decode_binance(market: str, instrument_json: str, frame: bytes) -> dict[str, Any]:
    """One message: {message, ids: (first, last, previous), sent, off_step, rows: [(ts_event, price, qty, flags), …]}.

    `message` is depth, snapshot, trade, quote, mark or ignored; what it lacks is None. Raises `DataError` naming field,
    value and rule.
    """

@final
class BinanceRecording:
    """Decodes recorded lines of one instrument, keeping the book's sequence contract.

    `continue_from` is the last update id of a book in sync that the first file goes on from. Raises `DataError` naming
    line, value and rule.
    """

    def __new__(cls, market: str, instrument_json: str, continue_from: int | None = None) -> BinanceRecording: ...
    def feed(self, lines: bytes) -> None:
        """Reads whole lines, each ended by a line feed."""
    def end_file(self) -> dict[str, Any]:
        """Closes the file: corrects its rows' `ts_recv` by its clock offset and says what it held.

        Counts: lines, rows, depth, trades, quotes, marks, snapshots, ignored, gaps, resyncs, snapshots_refused,
        stale_dropped, overflow_dropped, off_step, recv_backwards, timed (messages that tell when they were sent),
        negative_latencies. Nanoseconds: clock_offset_ns (the 0.1 % quantile of received − sent where that is negative,
        else 0), min_latency_ns, median_latency_ns. The book: first_update_id, last_update_id (0: none), in_sync.
        """
    def take(self) -> _Columns:
        """The rows of all files ended since the last call."""

# market.rs
@final
class SeededMarket:
    """A market that makes itself, fixed by its seed: participants around a moving value in a matching engine.

    `instrument_json` is a definition as in `instruments.json`; `value` the price it starts at, in quote currency
    (60,000 where it is not given). Depth is told every `depth_every_ns` (0: after each change of the book), trades and
    quotes at once. Raises `UsageError` for a wrong definition, interval or value.
    """

    def __new__(
        cls,
        seed: int,
        instrument_json: str,
        start_ns: int,
        depth_every_ns: int = 100_000_000,
        value: float | None = None,
    ) -> SeededMarket: ...
    def advance(self, until_ns: int) -> _Columns:
        """Rows from where the last call ended until before `until_ns`, the first of all being a snapshot.

        However time is cut into calls, the rows are the same. `ts_recv` equals `ts_event`. An hour of a busy market is
        millions of rows, 65 bytes each while they are made: ask for minutes.
        """

# journal.rs
JOURNAL_KINDS: list[tuple[str, int]]
"""Every kind of record with its code."""

@final
class JournalWriter:
    """The only writer of a session. What was not committed when it is dropped is lost, as in a crash.

    Raises `UsageError` if something is in the folder, `UnsafeStateError` if another writer holds it, `KedgeError` if
    the disk fails: then nothing is tried again. Threads may share it; it waits for the disk without the GIL.
    """

    def __new__(cls, path: str, session_id: bytes, header_json: str, ts_engine: int, ts_wall: int) -> JournalWriter: ...
    @staticmethod
    def reopen(path: str) -> tuple[JournalWriter, dict[str, Any] | None]:
        """Goes on with a session whose writer is gone; also what was cut, if anything."""
    def append(self, stream: int, kind: int, ts_engine: int, ts_wall: int, payload: bytes) -> int:
        """Adds a record to what the next commit writes; returns its sequence."""
    def commit(self) -> int:
        """Makes all that was appended durable; returns the last durable sequence."""
    def close(self) -> None:
        """Commits and lets the session go, also where the commit fails."""

@final
class JournalReader:
    """A session read from its beginning as (seq, stream, kind, ts_engine, ts_wall, payload).

    Each record is checked when it is reached. Raises `UnsafeStateError` naming file and offset of damage,
    `UsageError` for another version.
    """

    def __new__(cls, path: str) -> JournalReader: ...
    @property
    def header(self) -> str:
        """The header's payload."""
    @property
    def torn(self) -> dict[str, Any] | None:
        """What a crash left behind the last record; known once all have been read."""
    def __iter__(self) -> JournalReader: ...
    def __next__(self) -> tuple[int, int, int, int, int, bytes]: ...
