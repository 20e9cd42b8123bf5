"""A trader's session without a network: Binance's frames built by hand, a venue that answers at once."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedge import _core
from kedge.backtest.spec import RunSpec, Seat, checked, instances
from kedge.journal import Kind
from kedge.strategies.source import read_source
from kedge.strategies.strategy import Strategy

ROOT = Path(__file__).resolve().parents[3]
START = 1_795_250_000_000_000_000
MS = 1_000_000
DEFINITIONS: list[dict[str, Any]] = [
    {
        "id": "BTC/USDT@simulated", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01", "lot_size": "0.00001",
        "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001", "taker_fee": "0.001",
    },
    {
        "id": "ETH/USDT:USDT@simulated", "symbol": "ETHUSDT", "kind": "linear_perpetual", "tick_size": "0.01",
        "lot_size": "0.001", "quantity_step_in_data": "0.001", "min_notional": "20", "maker_fee": "0.0002",
        "taker_fee": "0.0005", "settle": "USDT", "funding_interval_hours": 8,
    },
]  # fmt: skip
MARKETS = ("spot", "usdm")
MIDDLE = (6_000_000, 300_000)
Limits = tuple[dict[str, Any], dict[str, Any]]
"""Of the quoting strategy on spot, and of the crossing one on the perpetual."""
NONE: dict[str, Any] = {"feeds": [], "clock": [], "risk": []}


class Traded:
    """One session in `folder/journal/<epoch>`; `step` lets 100 ms pass, with a message of each kind, and answers."""

    def __init__(
        self, folder: Path, epoch: int = 1, now: int = START, seed: int = 1, limits: Limits = ({}, {})
    ) -> None:
        self.now = now
        self.epoch = epoch
        self.path = folder / "journal" / f"{epoch:06d}"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._random = random.Random(seed)
        self._update = [10, 10]
        self._trade = 0
        self._middle = list(MIDDLE)
        self._resting: dict[int, dict[str, Any]] = {}
        self.sent: list[int] = []
        spec = checked(_spec(limits))
        header = {**spec.header(), "mode": "live", "account": "simulated-test", "trader": "k1", "epoch": epoch}
        streams = [(json.dumps(one), market) for one, market in zip(DEFINITIONS, MARKETS, strict=True)]
        seats = [
            (seat.instrument, json.dumps(seat.limits), strategy, Strategy)
            for seat, strategy in zip(spec.seats, instances(spec), strict=True)
        ]
        self.session = _core.LiveSession(
            json.dumps(spec.engine), streams, seats, str(self.path), bytes([epoch]) * 16,
            json.dumps({**header, "venue": "simulated"}), None, (epoch << 32) + 1, now,
        )  # fmt: skip

    def begin(self) -> Traded:
        """Wakes the strategies and brings both books into sync."""
        self.session.start(self.now)
        for ix in range(2):
            self.snapshot(ix)
        return self

    def snapshot(self, ix: int) -> None:
        """A depth snapshot, and the first message behind it."""
        middle, step = self._middle[ix], 5 + ix * 5
        levels = [[(middle + side * (n + 1) * step) for n in range(20)] for side in (-1, 1)]
        bids, asks = ([[_price(at), "1.000"] for at in side] for side in levels)
        self.message(ix, {"lastUpdateId": self._update[ix], "bids": bids, "asks": asks})
        self.depth(ix, [], [])

    def depth(self, ix: int, bids: Sequence[Sequence[str]], asks: Sequence[Sequence[str]], skip: int = 0) -> None:
        """A depth message; `skip` leaves update ids out."""
        last = self._update[ix]
        first = last + 1 + skip
        self._update[ix] = first
        ms = self.now // MS
        message = {"e": "depthUpdate", "E": ms, "s": DEFINITIONS[ix]["symbol"], "U": first, "u": first}
        if ix == 1:
            message |= {"T": ms, "pu": last + skip}
        self.message(ix, {**message, "b": bids, "a": asks})

    def trade(self, ix: int, ticks: int, quantity: str, seller: bool) -> None:
        """A trade; whoever of us rests at that price or better is filled by it."""
        self._trade += 1
        ms = self.now // MS
        message = {"e": "trade", "E": ms, "s": DEFINITIONS[ix]["symbol"], "t": self._trade, "T": ms, "m": seller}
        self.message(ix, {**message, "p": _price(ticks), "q": quantity, **({"X": "MARKET"} if ix else {})})
        for order, command in list(self._resting.items()):
            price = int(command["price"].replace(".", ""))
            reached = price >= ticks if command["side"] == "buy" else price <= ticks
            if command["instrument"] == ix and reached and (command["side"] == "buy") == seller:
                self._fill(order, command, command["price"], maker=True)

    def message(self, ix: int, message: dict[str, Any]) -> None:
        """One message of an instrument's streams."""
        self.session.message(ix, json.dumps(message).encode(), self.now)

    def step(self) -> None:
        """100 ms: the market moves, timers fire, the venue answers."""
        for ix in range(2):
            self._move(ix)
            self.answer()
        self.now += 20 * MS
        self.session.tick(self.now)
        self.answer()

    def step_without_answers(self) -> None:
        """The same, while the venue is silent."""
        self._move(0)
        self._move(1)
        self.now += 20 * MS
        self.session.tick(self.now)

    def _move(self, ix: int) -> None:
        self.now += 40 * MS
        self._middle[ix] += self._random.randint(-4, 4)
        bid, ask = self._middle[ix] - 1, self._middle[ix] + 1
        self.depth(ix, [[_price(bid), "0.5"]], [[_price(ask), "0.7"]])
        seller = self._random.random() < 0.5
        self.trade(ix, bid if seller else ask, "0.020", seller)
        self.depth(ix, [[_price(bid), "0"]], [[_price(ask), "0"]])

    def run(self, steps: int) -> Traded:
        """So many steps, with a status each second."""
        for n in range(steps):
            self.step()
            if n % 10 == 9:
                self.status()
        self.commit()
        return self

    def answer(self) -> None:
        """The venue's answers to what was sent since."""
        for command in self.session.commands():
            order, name = command["order"], command["action"]
            self.now += MS // 4
            if name == "submit":
                self.sent.append(order)
                self.session.report(order, "accepted", self.now, self.now, instrument=command["instrument"])
                if command["kind"] == "market":
                    ticks = self._middle[command["instrument"]]
                    self._fill(order, command, _price(ticks), maker=False)
                else:
                    self._resting[order] = command
            elif name == "cancel" and self._resting.pop(order, None) is not None:
                self.session.report(order, "canceled", self.now, self.now)
            elif name == "cancel":
                self.session.report(order, "cancel_rejected", self.now, self.now)
            elif order in self._resting:
                told = {"price": command["price"], "quantity": command["quantity"]}
                self._resting[order] |= told
                self.session.report(
                    order, "amended", self.now, self.now, instrument=self._resting[order]["instrument"], **told
                )

    def _fill(self, order: int, command: dict[str, Any], price: str, maker: bool) -> None:
        self._trade += 1
        self._resting.pop(order, None)
        ix, rate = command["instrument"], ((0.001, 0.001), (0.0002, 0.0005))[command["instrument"]][not maker]
        base = ix == 0 and command["side"] == "buy"
        quantity = float(command["quantity"])
        fee = f"{rate * quantity * (1 if base else float(price)):.8f}"
        for _ in range(2):  # a venue may say it twice
            self.session.report(
                order, "filled", self.now, self.now, instrument=ix, price=price, quantity=command["quantity"],
                trade=self._trade, maker=maker, fee=fee,
            )  # fmt: skip

    def status(self, **more: Any) -> None:
        """A status as the trader's, from the session's own values."""
        values = self.session.values()
        names = ("quoting", "cross")
        strategies = [
            {"name": name, "instrument": DEFINITIONS[ix]["id"], "state": "running" if held[5] else "stopped",
             "position": held[0], "pnl": _money(held[1]), "fees": _money(held[2]), "orders": held[3],
             "refusals": held[4], "error": None}
            for ix, (name, held) in enumerate(zip(names, values["strategies"], strict=True))
        ]  # fmt: skip
        equity = 10_000 + sum(int(held[1]) for held in values["strategies"]) / 1e16
        status = {
            "ts": self.now, "mode": "live", "halted": False, "strategies": strategies, **NONE,
            "equity": f"{equity:.8f}", "start_equity": "10000", "peak_equity": f"{max(10_000, equity):.8f}",
            "balances": {code: _money(amount) for code, amount in values["balances"]}, "unknown_orders": 0,
            "tick_to_order_us": {"p50": 80.1, "p99": 200.0, "with_sync_p50": 300.0, "with_sync_p99": None},
            "events": sum(view[4] for view in values["instruments"]), "orders": len(self.sent),
            "fills": values["fills"], "ledger_imbalance": "0",
            "risk": [{"strategy": "quoting", "limit": "position_notional", "used": "120.5", "bound": "5000"}],
            "feeds": [{"instrument": DEFINITIONS[0]["id"], "state": "in_sync", "age_ms": 3.0, "gaps": 0, "resyncs": 1,
                       "reconnects": 0, "messages": 7, "latency_p50_ms": 0.4, "latency_p99_ms": None}],
            "clock": [{"venue": "spot", "offset_ms": 0.1, "bound_ms": 0.4}],
        }  # fmt: skip
        self.session.note(Kind.STATUS, json.dumps({**status, **more}), self.now)

    def reconcile(self, at: str, differences: Sequence[dict[str, str]] = ()) -> None:
        """A comparison with the venue."""
        found = {"ts": self.now, "at": at, "equal": not differences, "differences": list(differences), "took_ms": 2.5}
        self.session.note(Kind.RECONCILED, json.dumps(found), self.now)

    def commit(self) -> None:
        """Waits until everything is durable."""
        self.session.checkpoint(self.now)
        last = -1
        while (durable := self.session.durable()) != last:
            last = durable
            time.sleep(0.03)

    def close(self) -> None:
        """A clean end."""
        self.session.close(self.now)


def _spec(limits: Limits) -> RunSpec:
    examples = ROOT / "examples"
    seats = [
        Seat("quoting", read_source(str(examples / "quoting.py")), 0, {}, limits[0]),
        Seat("cross", read_source(str(examples / "ema_cross.py")), 1, {"fast": 2, "slow": 5}, limits[1]),
    ]
    engine = {
        "seed": 1, "sample_ns": 0, "queue": "risk_averse", "queue_power": 2.0, "partial_fills": True, "feed_ns": None,
        "entry_ns": 0, "response_ns": 0, "balances": {"BTC": "0.05", "USDT": "10000"}, "keep_records": True,
    }  # fmt: skip
    return RunSpec(engine, DEFINITIONS, seats, {"kind": "live", "venue": "simulated"}, 2.0)


def _price(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02d}"


def _money(units: Any) -> str:
    return f"{int(units) / 1e16:.8f}"
