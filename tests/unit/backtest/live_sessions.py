"""Live sessions made by hand: the frames of two markets, a venue that answers as it likes, people who interfere."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from kedge import _core
from kedge.backtest.spec import RunSpec, Seat, instances
from kedge.journal import Kind
from kedge.journal.market_block import FRAME_HEAD, PREAMBLE
from kedge.strategies.source import StrategySource, read_source
from kedge.strategies.strategy import Strategy

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
START = 1_700_000_000_000_000_000
MS = 1_000_000

SPOT = {
    "id": "BTC/USDT@simulated",
    "symbol": "BTCUSDT",
    "kind": "spot",
    "tick_size": "0.01",
    "lot_size": "0.00001",
    "quantity_step_in_data": "0.00000001",
    "min_notional": "5",
    "maker_fee": "0.001",
    "taker_fee": "0.001",
}
PERPETUAL = {
    "id": "ETH/USDT:USDT@simulated",
    "symbol": "ETHUSDT",
    "kind": "linear_perpetual",
    "tick_size": "0.01",
    "lot_size": "0.001",
    "quantity_step_in_data": "0.001",
    "min_notional": "20",
    "maker_fee": "0.0002",
    "taker_fee": "0.0005",
    "settle": "USDT",
}
MIDDLE = {0: 60_000.0, 1: 3_000.0}

ANSWERS = (
    *("accepted", "accepted", "filled", "filled", "filled", "canceled", "expired", "rejected", "unknown"),
    *("cancel_rejected", "amended", "amend_rejected"),
)

RESTLESS = """
from kedge import Strategy

class Restless(Strategy):
    trades = 0

    def on_start(self, ctx):
        ctx.every("70ms")
        ctx.every("30ms")
        ctx.bars("100ms")

    def on_trade(self, ctx, trade):
        self.trades += 1
        ctx.buy(0.05, ctx.book.bid)
        if self.trades % 5 == 0:
            raise ValueError("five trades are too many")

    def on_book(self, ctx, book):
        draw = ctx.rng.random()
        if draw < 0.3 and book.bid > 0:
            ctx.buy(0.02, book.bid, tif="post_only")
        elif draw < 0.5:
            ctx.sell(0.02)
        elif draw < 0.7 and ctx.orders:
            ctx.amend(ctx.orders[0].id, book.bid, 0.03)

    def on_bar(self, ctx, bar):
        ctx.target(0.03 if bar.close > bar.open else -0.03)

    def on_timer(self, ctx, timer):
        for order in ctx.orders[4 * timer :]:
            ctx.cancel(order.id)

    def on_fill(self, ctx, fill):
        if ctx.pnl > 0:
            ctx.cancel_all()

    def on_order(self, ctx, order):
        if order.state == "canceled" and ctx.rng.random() < 0.5:
            ctx.buy(0.02, ctx.book.bid)

    def save(self):
        return str(self.trades).encode()

    def load(self, state):
        self.trades = int(state)
"""


def specification(sources: Sequence[tuple[str, StrategySource, int, dict[str, Any]]] | None = None) -> RunSpec:
    """Both examples and a restless strategy over a spot and a perpetual market."""
    quoting, crossing = (read_source(str(EXAMPLES / f"{name}.py")) for name in ("quoting", "ema_cross"))
    chosen = sources or [
        ("quoting", quoting, 0, {"short": False, "stale_after_ns": 5 * 10**9}),
        ("crossing", crossing, 1, {}),
        ("restless", StrategySource("restless.py", RESTLESS), 1, {"leverage": "10"}),
    ]
    params = {"crossing": {"fast": 2, "slow": 5}}
    seats = [Seat(name, source, ix, params.get(name, {}), limits) for name, source, ix, limits in chosen]
    engine = {
        "seed": 3,
        "sample_ns": 10**9,
        "queue": "risk_averse",
        "queue_power": 2.0,
        "partial_fills": True,
        "feed_ns": None,
        "entry_ns": 0,
        "response_ns": 0,
        "balances": {"USDT": "10000"},
        "keep_records": True,
    }
    return RunSpec(engine, [SPOT, PERPETUAL], seats, {"kind": "live"}, 2.0)


def opened(spec: RunSpec, folder: Path, books: str | None = None, epoch: int = 1, now: int = START) -> Any:
    """A session of the core over the specification, as the trader opens it."""
    header = {**spec.header(), "mode": "live", "account": "a", "trader": "k1", "epoch": epoch, "venue": "simulated"}
    strategies = [
        (seat.instrument, json.dumps(seat.limits), strategy, Strategy)
        for seat, strategy in zip(spec.seats, instances(spec), strict=True)
    ]
    markets = ["spot", "usdm"]
    streams = [(json.dumps(definition), market) for definition, market in zip(spec.instruments, markets, strict=True)]
    return _core.LiveSession(
        json.dumps(spec.engine),
        streams,
        strategies,
        str(folder),
        bytes(16),
        json.dumps(header),
        books,
        epoch << 32,
        now,
    )


@dataclass
class Day:
    """Drives a session with what a seed draws."""

    session: Any
    random: Random
    now: int = START
    update: dict[int, int] = field(default_factory=lambda: {0: 100, 1: 100})
    trades: int = 0
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    fills: int = 0

    def run(self, steps: int) -> None:
        """Begins the session and lets `steps` things happen."""
        self.session.start(self.now)
        for instrument in (0, 1):
            self.snapshot(instrument)
        happenings = {
            self.depth: 40,
            self.trade: 25,
            self.report: 60,
            self.tick: 30,
            self.gap: 2,
            self.lose: 1,
            self.ignored: 5,
            self.person: 4,
            self.money: 2,
            self.notes: 2,
        }
        for _ in range(steps):
            self.now += self.random.choice([0, 1, 999, MS, 17 * MS, 60 * MS, 150 * MS, -3 * MS])
            happening = self.random.choices(list(happenings), list(happenings.values()))[0]
            happening()
            for command in self.session.commands():
                if command["action"] == "submit":
                    self.orders[command["order"]] = command

    def _hear(self, instrument: int, message: dict[str, Any]) -> None:
        _, wants_snapshot, _ = self.session.message(instrument, json.dumps(message).encode(), self.now)
        if wants_snapshot and self.random.random() < 0.7:
            self.now += MS
            body = json.dumps(self._levels(instrument) | {"lastUpdateId": self.update[instrument]})
            self.session.message(instrument, body.encode(), self.now)

    def _level(self, instrument: int, offset: int) -> list[str]:
        size = self.random.choice(["0.50000000", "1.25000000", "12.00000000"] if instrument == 0 else ["3.000", "0.5"])
        return [f"{MIDDLE[instrument] + offset / 100:.2f}", size]

    def _levels(self, instrument: int) -> dict[str, Any]:
        bids = [self._level(instrument, -offset) for offset in range(1, 6)]
        return {"bids": bids, "asks": [self._level(instrument, offset) for offset in range(1, 6)]}

    def _about(self, instrument: int, event: str) -> dict[str, Any]:
        return {"e": event, "E": self.now // MS, "s": (SPOT, PERPETUAL)[instrument]["symbol"]}

    def snapshot(self, instrument: int) -> None:
        """A body as REST gives it."""
        body = self._levels(instrument) | {"lastUpdateId": self.update[instrument]}
        self.session.message(instrument, json.dumps(body).encode(), self.now)

    def depth(self, skipped: int = 0) -> None:
        """A diff that follows the one before it, or `skipped` updates later."""
        instrument = self.random.randrange(2)
        previous = self.update[instrument]
        first = previous + 1 + skipped
        last = self.update[instrument] = first + self.random.randrange(3)
        side = self.random.choice([-1, 1])
        levels = [
            self._level(instrument, side * self.random.randrange(1, 8)) for _ in range(self.random.randrange(1, 4))
        ]
        prices = {price: [price, size] for price, size in levels}
        book = {"b": list(prices.values()), "a": []} if side < 0 else {"b": [], "a": list(prices.values())}
        linked = {"pu": previous + skipped, "T": self.now // MS} if instrument == 1 else {}
        data = {**self._about(instrument, "depthUpdate"), "U": first, "u": last, **linked, **book}
        self._hear(instrument, {"stream": "x@depth@100ms", "data": data})

    def trade(self, instrument: int | None = None) -> None:
        """Somebody's trade, of any instrument where none is given."""
        instrument = self.random.randrange(2) if instrument is None else instrument
        self.trades += 1
        price, size = self._level(instrument, self.random.randrange(-3, 4))
        data = {"p": price, "q": size, "T": self.now // MS, "m": self.random.random() < 0.5}
        number = {"t": self.trades, "M": True} if instrument == 0 else {"a": self.trades, "f": 1, "l": 2}
        event = "trade" if instrument == 0 else "aggTrade"
        self._hear(instrument, {"stream": "x@trade", "data": {**self._about(instrument, event), **number, **data}})

    def gap(self) -> None:
        self.depth(skipped=5)

    def lose(self) -> None:
        self.session.lost(self.random.randrange(2), self.now)

    def ignored(self) -> None:
        self.session.message(0, b'{"result":null,"id":7}', self.now)

    def tick(self) -> None:
        self.session.tick(self.now)

    def report(self) -> None:
        """What the venue says of one of our orders, whether it fits its life or not."""
        if not self.orders:
            return
        # Mostly of a new one, sometimes of any, rarely of none.
        newest = list(self.orders)[-8:]
        order = self.random.choice([*newest, *newest, next(iter(self.orders)), 12_345])
        command = self.orders.get(order, {"quantity": "1", "price": "1", "instrument": 0})
        price = command["price"] or f"{MIDDLE[command['instrument']]:.2f}"
        what = self.random.choice(ANSWERS)
        amounts: dict[str, Any] = {}
        if what == "filled":
            self.fills += self.random.choice([0, 1, 1, 1])
            fee = self.random.choice(["0", "0.01", "0.00001"])
            amounts = {"trade": self.fills, "maker": self.random.random() < 0.5, "fee": fee}
        quantity = (
            command["quantity"] if self.random.random() < 0.6 else ("0.001" if command["instrument"] else "0.00001")
        )
        if what in ("filled", "amended"):
            amounts |= {"instrument": command["instrument"], "price": price, "quantity": quantity}
        self.session.report(order, what, self.now - MS, self.now, **amounts)

    def person(self) -> None:
        act = self.random.choice(["halt", "resume", "resume", "cancel", "stop", "start", "start", "start"])
        if act in ("halt", "resume"):
            getattr(self.session, act)(self.now)
        elif act == "cancel":
            self.session.cancel(self.random.choice([*self.orders, 999]), self.now)
        else:
            getattr(self.session, f"{act}_strategy")(self.random.randrange(3), self.now)

    def money(self) -> None:
        if self.random.random() < 0.5:
            self.session.funding(1, self.random.choice(["-0.12345678", "3.5", "0.00000001"]), self.now - MS, self.now)
            return
        strategy = self.random.choice([0, 1, 2, 9])
        instrument, quantity = (0, "0.01") if strategy == 0 else (1, "0.5")
        side, price = self.random.choice(["buy", "sell"]), f"{MIDDLE[instrument]:.2f}"
        # Spot is only bought: what earlier sessions sold they had.
        side = "buy" if instrument == 0 else side
        self.fills += 1
        self.session.earlier_fill(7, strategy, instrument, side, price, quantity, self.fills, True, "0", self.now)

    def notes(self) -> None:
        self.session.note(Kind.STATUS, '{"ts": 1}', self.now)
        if self.random.random() < 0.5:
            self.session.checkpoint(self.now)
        self.session.faults()


def as_a_crash_leaves_it(folder: Path, to: Path, share: float) -> Path:
    """A copy of a session whose writer is at work: what a crash at this moment may leave on the disk.

    Of the decisions that no record calls durable, only a share is left.
    """
    to.mkdir()
    for name in ("durable", "decisions.kj"):
        shutil.copy(folder / name, to / name)
    for file in sorted(folder.glob("inputs-*.kj")):
        shutil.copy(file, to / file.name)
    (durable,) = struct.unpack_from("<Q", (to / "durable").read_bytes(), 24)
    durable = max([durable, 2, *(told for file in to.glob("inputs-*.kj") for _, _, told in _frames(file))])
    ends = [end for end, seq, _ in _frames(to / "decisions.kj") if seq <= durable]
    whole = (to / "decisions.kj").read_bytes()
    (to / "decisions.kj").write_bytes(whole[: max(ends) + int((len(whole) - max(ends)) * share)])
    return to


def _frames(file: Path) -> list[tuple[int, int, int]]:
    """End, sequence and durable sequence of each whole frame, as docs/journal.md has them."""
    data = file.read_bytes()
    found, at = [], PREAMBLE
    while at + FRAME_HEAD <= len(data):
        length, seq, durable = struct.unpack_from("<IQQ", data, at + 4)
        at += FRAME_HEAD + length
        if at <= len(data):
            found.append((at, seq, durable))
    return found
