"""The shapes of what the server answers. The page's client is generated from them, by way of `web/openapi.json`.

Money, prices and quantities are decimal text; times are ISO 8601 in UTC to the millisecond, and beside them the same in
nanoseconds since the epoch, as text, since JavaScript's numbers are too short for them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Amount = Annotated[str, Field(description="A decimal as text.", examples=["61837.63"])]
Time = Annotated[str, Field(description="ISO 8601, UTC, to the millisecond.", examples=["2026-11-21T10:11:12.345Z"])]
Nanoseconds = Annotated[
    str, Field(description="Nanoseconds since the epoch, UTC, as text.", examples=["1795255872345000000"])
]
OrderId = Annotated[
    str, Field(description="The order's number as text: the session's epoch × 2³² + a count.", examples=["12884901895"])
]
Side = Literal["buy", "sell"]
Interval = Literal["1s", "5s", "1m", "5m"]
Level = tuple[Amount, Amount, Amount, Amount | None]


class Shape(BaseModel):
    """What all have in common."""

    # A field with a default is always sent: the page need not ask whether it is there.
    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class ErrorText(Shape):
    """What went wrong, and what to do next."""

    message: str
    hint: str


class ErrorBody(Shape):
    """Every answer that is no success."""

    error: ErrorText


class Health(Shape):
    """The server answers; nothing about the account."""

    status: Literal["ok"] = "ok"
    version: str


class Login(Shape):
    """The one-time code that `kedge server` printed."""

    code: Annotated[str, Field(max_length=64)]


class LoggedIn(Shape):
    """When the session ends by itself: without a request or an open stream, and in any case."""

    idle_seconds: int
    ends: Time


class Done(Shape):
    """A command's outcome as the trader told it."""

    message: str
    result: dict[str, Any] = {}


class Trader(Shape):
    """Whether what is shown is live: the trader tells about itself every second."""

    state: Annotated[
        Literal["none", "loading", "live", "stale", "stopped", "broken"],
        Field(
            description="none: no session yet; loading: the journal is being read; stale: alive, but nothing new; "
            "stopped: ended, cleanly or not; broken: the journal cannot be read."
        ),
    ] = "none"
    message: Annotated[str, Field(description="A sentence for a person: what it is, and what to do.")] = ""
    last: Annotated[Time | None, Field(description="When the trader last wrote into its journal.")] = None
    last_ns: Nanoseconds | None = None


class Clock(Shape):
    """A venue's clock less ours, and how far that may be wrong."""

    venue: str
    offset_ms: float | None = None
    bound_ms: float | None = None


class Equity(Shape):
    """What the account is worth, in `currency`."""

    currency: str = "USDT"
    now: Amount | None = None
    start: Annotated[Amount | None, Field(description="When the account was first used.")] = None
    pnl: Annotated[Amount | None, Field(description="now − start.")] = None
    day_pnl: Annotated[Amount | None, Field(description="Since the first sample of the UTC day.")] = None
    peak: Amount | None = None
    drawdown: Annotated[float | None, Field(description="Fraction of the highest equity, 0 or more.")] = None


class Strategy(Shape):
    """One strategy on its instrument; `position` in base units, money in quote currency, `pnl` after fees."""

    name: str
    instrument: str
    state: Literal["running", "stopped", "failed"]
    position: Amount
    pnl: Amount | None = None
    fees: Amount | None = None
    orders: Annotated[int, Field(description="Open orders.")] = 0
    refusals: int = 0
    error: Annotated[str | None, Field(description="What it raised, if it failed.")] = None


class Instrument(Shape):
    """An instrument and its last prices; `state` is that of its book."""

    id: str
    symbol: str
    kind: Literal["spot", "linear_perpetual"]
    base: str
    quote: str
    tick: Amount
    lot: Amount
    state: Literal["syncing", "in_sync", "gap", "stale", "lost"]
    bid: Amount | None = None
    ask: Amount | None = None
    last: Annotated[Amount | None, Field(description="Price of the last trade.")] = None
    mark: Amount | None = None
    updated_ns: Annotated[Nanoseconds | None, Field(description="When its book last changed.")] = None
    age_ms: Annotated[int | None, Field(description="How long ago that was when this was sent.")] = None


class Book(Shape):
    """The best 12 levels of both sides, best first: [price, quantity, our quantity in it, quantity ahead of ours]."""

    bids: list[Level] = []
    asks: list[Level] = []


class Position(Shape):
    """A strategy's position; money in quote currency."""

    strategy: str
    instrument: str
    quantity: Annotated[Amount, Field(description="Base units, negative when short.")]
    average: Amount | None = None
    mark: Annotated[Amount | None, Field(description="The price it is valued at.")] = None
    unrealised: Amount | None = None
    realised: Amount = "0"
    fees: Amount = "0"


class Order(Shape):
    """One order as it stands. `price` is null for a market order."""

    id: OrderId
    client_id: Annotated[str, Field(description="As the venue knows it.")]
    strategy: str
    instrument: str
    side: Side
    kind: Literal["limit", "market"]
    tif: Literal["gtc", "ioc", "fok", "post_only"]
    price: Amount | None
    quantity: Amount
    filled: Amount
    state: Literal["submitted", "accepted", "partially_filled", "filled", "canceled", "rejected", "expired", "unknown"]
    pending: Annotated[Literal["", "cancel", "amend"], Field(description="Asked for and not answered.")] = ""
    reason: str = ""
    queue_ahead: Annotated[Amount | None, Field(description="Ahead of it on its level; null where not known.")] = None
    created: Time
    created_ns: Nanoseconds
    updated: Time
    updated_ns: Nanoseconds


class Fill(Shape):
    """One execution."""

    id: str
    order: OrderId
    trade_id: str
    strategy: str
    instrument: str
    side: Side
    price: Amount
    quantity: Amount
    liquidity: Literal["maker", "taker"]
    fee: Amount
    fee_currency: str
    realised: Annotated[Amount, Field(description="Made by what it closed, before fees, in quote currency.")] = "0"
    at: Annotated[Time, Field(description="When its report reached us.")]
    at_ns: Nanoseconds
    venue_ns: Annotated[Nanoseconds | None, Field(description="The venue's time of it.")] = None


class Feed(Shape):
    """One market connection's health."""

    instrument: str
    state: Literal["in_sync", "syncing", "gap", "stale", "lost"]
    age_ms: float | None = None
    gaps: int = 0
    resyncs: int = 0
    reconnects: int = 0
    messages: int = 0
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None


class RiskUse(Shape):
    """How much of a limit is used."""

    strategy: str
    limit: str
    used: Amount
    bound: Amount | None
    share: Annotated[float | None, Field(description="used ÷ bound; null without a bound.")] = None


class Difference(Shape):
    """One thing that we and the venue saw differently, and what was done."""

    what: str
    ours: str
    venue: str
    action: str


class Reconciliation(Shape):
    """The last comparison with the venue."""

    at: Annotated[str, Field(description="start, periodic or asked.")]
    equal: bool
    ts: Time
    ts_ns: Nanoseconds
    took_ms: float | None = None
    differences: list[Difference] = []


class Process(Shape):
    """One supervised process."""

    name: str
    pid: int | None = None
    state: str
    since: Time | None = None
    restarts: int = 0


class Counts(Shape):
    """What the trader counted since its session began."""

    events: int = 0
    orders: int = 0
    fills: int = 0
    unknown_orders: int = 0
    ledger_imbalance: Amount = "0"


class State(Shape):
    """Everything the page shows at first; the stream replaces its sections."""

    mode: Literal["none", "backtest", "paper", "live"] = "none"
    account: str = ""
    epoch: Annotated[int, Field(description="Number of the trader's session; 0 before the first.")] = 0
    halted: bool = False
    connected: Annotated[bool, Field(description="The trader answers commands.")] = False
    trader: Trader = Trader()
    clock: list[Clock] = []
    equity: Equity = Equity()
    counts: Counts = Counts()
    strategies: list[Strategy] = []
    instruments: list[Instrument] = []
    books: Annotated[dict[str, Book], Field(description="By the instrument's id.")] = {}
    positions: list[Position] = []
    orders: Annotated[list[Order], Field(description="Open orders, newest first; at most 500.")] = []
    fills: Annotated[list[Fill], Field(description="The last 50, newest first.")] = []
    feeds: list[Feed] = []
    risk: list[RiskUse] = []
    reconciliation: Reconciliation | None = None
    balances: Annotated[dict[str, Amount], Field(description="Cash by currency.")] = {}
    processes: list[Process] = []
    tick_to_order_us: Annotated[dict[str, float | None], Field(description="p50, p99, with_sync_p50, …")] = {}
    durable_seq: Annotated[int, Field(description="The journal's sequence that this state stands at.")] = 0


class Candle(Shape):
    """Trades of [`time`, `time` + interval), seconds since the epoch."""

    time: int
    open: Amount
    high: Amount
    low: Amount
    close: Amount
    volume: Annotated[Amount, Field(description="Base units.")]


class CandleChange(Candle):
    """A candle that is new or changed: replaces the one of the same instrument, interval and time."""

    instrument: str
    interval: Interval


class Candles(Shape):
    """Candles of one instrument, oldest first; the last one is not closed yet. Without trades there is no candle."""

    instrument: str
    interval: Interval
    candles: list[Candle]


class Orders(Shape):
    """Orders, newest first; `total` counts those that fit the question, not only those given."""

    orders: list[Order]
    total: int
    next: Annotated[OrderId | None, Field(description="Give it as `before` for the next page; null at the end.")]


class Fills(Shape):
    """Fills, newest first."""

    fills: list[Fill]
    total: int


class EquitySample(Shape):
    """The account's worth at a moment."""

    at: Time
    at_ns: Nanoseconds
    equity: Amount
    drawdown: float | None


class EquitySamples(Shape):
    """Samples, oldest first, thinned to at most `limit` over all that there are."""

    currency: str
    samples: list[EquitySample]


class Event(Shape):
    """One line worth reading: a gap, a resync, a refusal, a stop, a halt, a reconciliation."""

    id: str
    at: Time
    at_ns: Nanoseconds
    epoch: int
    seq: Annotated[int, Field(description="The journal's sequence of it.")]
    kind: str
    level: Literal["info", "warn", "bad"]
    text: str
    strategy: str | None = None
    instrument: str | None = None
    order: OrderId | None = None


class Events(Shape):
    """Events, newest first."""

    events: list[Event]


class Step(Shape):
    """One moment in an order's life."""

    at: Time
    at_ns: Nanoseconds
    us: Annotated[float | None, Field(description="Since the event that woke the strategy, in µs, on our clock.")]
    what: Literal[
        "market", "wake", "risk", "refusal", "command", "durable", "cancel_asked", "amend_asked", "accepted", "fill",
        "posting", "amended", "amend_refused", "cancel_refused", "unknown", "end",
    ]  # fmt: skip
    text: Annotated[str, Field(description="A sentence.")]
    details: dict[str, Any] = {}


class Explanation(Shape):
    """The life of one order, and why it was."""

    order: Order
    steps: list[Step]


class Changes(Shape):
    """Sections of the state that are replaced whole, and lists that are added to. What is absent did not change."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=False)

    mode: Literal["none", "backtest", "paper", "live"] | None = None
    account: str | None = None
    epoch: int | None = None
    halted: bool | None = None
    connected: bool | None = None
    trader: Trader | None = None
    clock: list[Clock] | None = None
    equity: Equity | None = None
    counts: Counts | None = None
    strategies: list[Strategy] | None = None
    instruments: list[Instrument] | None = None
    books: Annotated[dict[str, Book] | None, Field(description="All instruments, at most ten times a second.")] = None
    positions: list[Position] | None = None
    orders: list[Order] | None = None
    fills: Annotated[list[Fill] | None, Field(description="With a new session only; else see `fills+`.")] = None
    feeds: list[Feed] | None = None
    risk: list[RiskUse] | None = None
    reconciliation: Reconciliation | None = None
    balances: dict[str, Amount] | None = None
    processes: list[Process] | None = None
    tick_to_order_us: dict[str, float | None] | None = None
    durable_seq: int | None = None
    fills_added: Annotated[
        list[Fill] | None,
        Field(alias="fills+", description="Newest first: put before `fills`, which keeps its newest 50."),
    ] = None
    candles_added: Annotated[list[CandleChange] | None, Field(alias="candles+")] = None
    equity_added: Annotated[list[EquitySample] | None, Field(alias="equity+", description="Oldest first.")] = None
    events_added: Annotated[list[Event] | None, Field(alias="events+", description="Newest first.")] = None


class Snapshot(Shape):
    """The first message of the stream, and the answer to a resync: the whole state."""

    seq: int
    type: Literal["snapshot"] = "snapshot"
    state: State


class Delta(Shape):
    """What changed. `seq` is one more than the last message's; if it is not, ask for a resync and never guess."""

    seq: int
    type: Literal["delta"] = "delta"
    changes: Changes


class Resync(Shape):
    """The only thing a client sends into the stream."""

    type: Literal["resync"] = "resync"


STREAM = (Snapshot, Delta, Resync)
