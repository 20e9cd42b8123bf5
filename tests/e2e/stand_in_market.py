"""The market, account and strategies that the stand-in makes up: just enough to look alive."""

from __future__ import annotations

import random
import time
from collections import deque
from decimal import Decimal
from typing import Any

SECONDS = {"1s": 1, "5s": 5, "1m": 60, "5m": 300}
BTC, ETH = "BTC/USDT@simulated", "ETH/USDT:USDT@simulated"
EPOCH = 3


def iso(ns: int) -> str:
    """UTC to the millisecond."""
    millis = ns // 1_000_000
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(millis // 1000)) + f".{millis % 1000:03}Z"


def moment(name: str, ns: int) -> dict[str, str]:
    """A time as the server tells it: readable, and in nanoseconds."""
    return {name: iso(ns), f"{name}_ns": str(ns)}


class Market:
    """One instrument: a walk of its middle, a book around it, candles of what traded."""

    def __init__(self, instrument: str, value: float, tick: str, lot: str, seed: int) -> None:
        self.instrument, self.tick, self.lot = instrument, Decimal(tick), Decimal(lot)
        self.random = random.Random(seed)
        self.middle, self.state, self.gaps, self.messages = value, "in_sync", 0, 0
        self.last = self.price(value)
        self.candles: dict[str, dict[int, dict[str, Any]]] = {interval: {} for interval in SECONDS}
        self.levels: dict[str, list[tuple[Decimal, Decimal]]] = {}
        self.make_levels()

    def price(self, value: float) -> Decimal:
        """On the tick."""
        return Decimal(round(value / float(self.tick))) * self.tick

    def move(self, ns: int) -> list[dict[str, Any]]:
        """A step of the walk, perhaps a trade; the candles that changed."""
        self.messages += self.random.randrange(1, 6)
        self.middle *= 1 + self.random.gauss(0, 0.00002)
        self.make_levels()
        if self.random.random() > 0.6:
            return []
        side = self.random.choice(["bids", "asks"])
        self.last = self.levels[side][0][0]
        return [self.trade(ns, interval) for interval in SECONDS]

    def make_levels(self) -> None:
        """Twelve levels a side, sizes that change a little."""
        half = self.tick * self.random.choice([1, 1, 1, 2])
        middle = self.price(self.middle)
        for side, sign in (("bids", -1), ("asks", 1)):
            sizes = [Decimal(max(1, int(self.random.lognormvariate(4.2, 0.8)))) * self.lot for _ in range(12)]
            prices = [middle + sign * (half + self.tick * index) for index in range(12)]
            self.levels[side] = list(zip(prices, sizes, strict=True))

    def trade(self, ns: int, interval: str) -> dict[str, Any]:
        """The candle of one interval after a trade at `last`."""
        start = ns // 1_000_000_000 // SECONDS[interval] * SECONDS[interval]
        candles, price = self.candles[interval], str(self.last)
        candle = candles.setdefault(
            start, {"time": start, "open": price, "high": price, "low": price, "close": price, "volume": "0"}
        )
        candle["high"] = str(max(Decimal(candle["high"]), self.last))
        candle["low"] = str(min(Decimal(candle["low"]), self.last))
        candle["close"], candle["volume"] = price, str(Decimal(candle["volume"]) + self.lot * 40)
        return {**candle, "instrument": self.instrument, "interval": interval}


class Desk:
    """Account, strategies and orders on the markets: just enough to look alive."""

    def __init__(self) -> None:
        self.random = random.Random(7)
        self.markets = {
            BTC: Market(BTC, 61_837.6, "0.01", "0.00001", 1),
            ETH: Market(ETH, 3_000.0, "0.01", "0.001", 2),
        }
        self.number, self.halted, self.connected = 0, False, True
        self.start = time.time_ns() - 1_800_000_000_000
        self.strategies = {
            "quoting-btc": {"instrument": BTC, "state": "running", "held": Decimal("0.021"), "error": None},
            "ema-eth": {"instrument": ETH, "state": "running", "held": Decimal("-0.150"), "error": None},
        }
        self.cash, self.pnl = Decimal("10000"), Decimal("0")
        self.open: list[dict[str, Any]] = []
        self.ended: deque[dict[str, Any]] = deque(maxlen=5_000)
        self.fills: deque[dict[str, Any]] = deque(maxlen=5_000)
        self.events: deque[dict[str, Any]] = deque(maxlen=1_000)
        self.samples: list[dict[str, Any]] = []
        self.peak = self.cash
        self.pending: dict[str, list[Any]] = {}
        for step in range(1_800 * 4):
            self.step(self.start + step * 250_000_000)
        self.note(self.start, "reconciled", "info", "At the start everything was equal with the venue.")
        self.pending.clear()

    def add(self, section: str, value: Any) -> None:
        """To be told with the next delta."""
        self.pending.setdefault(section, []).append(value)

    def note(self, ns: int, kind: str, level: str, text: str, **of: str) -> None:
        """An event worth reading."""
        event = {"id": f"{EPOCH}-{ns}", **moment("at", ns), "epoch": EPOCH, "seq": ns % 10**9, "kind": kind}
        event |= {"level": level, "text": text, "strategy": None, "instrument": None, "order": None, **of}
        self.events.appendleft(event)
        self.add("events+", event)

    def step(self, ns: int) -> None:
        """A quarter of a second."""
        for market in self.markets.values():
            for candle in market.move(ns):
                self.add("candles+", candle)
        for name, strategy in self.strategies.items():
            if strategy["state"] == "running" and not self.halted:
                self.quote(name, strategy["instrument"], ns)
        for order in [order for order in self.open if self.random.random() < 0.008]:
            held = self.strategies[order["strategy"]]["held"]
            if (held > 0) is (order["side"] == "sell") or self.random.random() < 0.4:
                self.fill(order, ns)
        if ns // 1_000_000_000 != (ns - 250_000_000) // 1_000_000_000:
            self.sample(ns)

    def quote(self, name: str, instrument: str, ns: int) -> None:
        """Both sides at the touch, renewed now and then."""
        market = self.markets[instrument]
        for side, levels in (("buy", "bids"), ("sell", "asks")):
            own = [order for order in self.open if order["strategy"] == name and order["side"] == side]
            if own and self.random.random() > 0.25:
                continue
            for order in own:
                self.end(order, ns, "canceled", "the strategy moved its quote")
            self.place(name, instrument, side, market.levels[levels][self.random.choice([0, 0, 1, 2])], ns)

    def place(self, name: str, instrument: str, side: str, level: tuple[Decimal, Decimal], ns: int) -> None:
        """A resting order behind what is on its level."""
        self.number += 1
        price, ahead = level
        quantity = Decimal("0.01") if instrument == BTC else Decimal("0.150")
        order = {"id": str((EPOCH << 32) + self.number), "client_id": f"kk1{self.number:07x}", "strategy": name}
        order |= {"instrument": instrument, "side": side, "kind": "limit", "tif": "post_only", "price": str(price)}
        order |= {"quantity": str(quantity), "filled": "0", "state": "accepted", "pending": "", "reason": ""}
        order |= {"queue_ahead": str(ahead), **moment("created", ns), **moment("updated", ns)}
        self.open.append(order)

    def end(self, order: dict[str, Any], ns: int, state: str, reason: str = "") -> None:
        """The order is open no longer."""
        if order in self.open:
            self.open.remove(order)
        order.update(state=state, reason=reason, queue_ahead=None, **moment("updated", ns))
        self.ended.appendleft(order)

    def fill(self, order: dict[str, Any], ns: int) -> None:
        """All of it, as maker."""
        strategy = self.strategies[order["strategy"]]
        sign = 1 if order["side"] == "buy" else -1
        quantity, price = Decimal(order["quantity"]), Decimal(order["price"])
        strategy["held"] += sign * quantity
        realised = Decimal(str(round(self.random.gauss(0.02, 0.12), 4)))
        self.pnl += realised
        spot_buy = order["instrument"] == BTC and sign > 0
        fee = (quantity if spot_buy else quantity * price) * Decimal("0.0002")
        fill = {"id": f"{order['id']}-1", "order": order["id"], "trade_id": str(self.number), **moment("at", ns)}
        fill |= {"strategy": order["strategy"], "instrument": order["instrument"], "side": order["side"]}
        fill |= {"price": order["price"], "quantity": order["quantity"], "liquidity": "maker"}
        fill |= {"fee": f"{fee:.8f}", "fee_currency": "BTC" if spot_buy else "USDT", "realised": str(realised)}
        self.fills.appendleft(fill | {"venue_ns": str(ns - 900_000)})
        self.add("fills+", self.fills[0])
        order["filled"] = order["quantity"]
        self.end(order, ns, "filled")

    def sample(self, ns: int) -> None:
        """The account's worth, each second."""
        equity = self.equity()
        self.peak = max(self.peak, equity)
        drawdown = float(1 - equity / self.peak)
        self.samples.append({**moment("at", ns), "equity": str(equity), "drawdown": drawdown})
        self.add("equity+", self.samples[-1])

    def equity(self) -> Decimal:
        """Cash, what was made, and what is held at the middle."""
        held = sum(
            strategy["held"] * Decimal(str(self.markets[strategy["instrument"]].middle - value))
            for strategy, value in zip(self.strategies.values(), (61_837.6, 3_000.0), strict=True)
        )
        return (self.cash + self.pnl + held).quantize(Decimal("0.00000001"))

    def command(self, what: str, name: str = "") -> str:
        """What a trader's command does; a sentence about it."""
        ns = time.time_ns()
        if what in ("halt", "resume"):
            self.halted = what == "halt"
            gone = self.cancel_all(ns, "") if self.halted else 0
            text = f"Halted; {gone} orders cancelled." if self.halted else "Resumed."
            self.note(ns, what, "bad" if self.halted else "info", text)
            return text
        if what in ("start", "stop"):
            self.strategies[name]["state"] = "running" if what == "start" else "stopped"
            gone = self.cancel_all(ns, name) if what == "stop" else 0
            text = f"{name} started." if what == "start" else f"{name} stopped; {gone} orders cancelled."
            self.note(ns, what, "warn" if what == "stop" else "info", text, strategy=name)
            return text
        for order in [order for order in self.open if order["id"] == name]:
            self.end(order, ns, "canceled", "asked on the page")
            return "Cancelled."
        raise KeyError(name)

    def cancel_all(self, ns: int, strategy: str) -> int:
        """Every open order, or every one of a strategy."""
        doomed = [order for order in self.open if strategy in ("", order["strategy"])]
        for order in doomed:
            self.end(order, ns, "canceled", "halted" if not strategy else "strategy stopped")
        return len(doomed)

    def gap(self, instrument: str, state: str = "gap") -> None:
        """The feed misses an update, or is whole again (`in_sync`)."""
        market = self.markets[instrument]
        market.gaps += state == "gap"
        market.state = state
        self.note(time.time_ns(), state, "warn" if state == "gap" else "info", f"{instrument}: {state}.")

    def fail(self, name: str) -> None:
        """A strategy raises."""
        self.strategies[name].update(
            state="failed", error="ValueError: half_spread is 0, must be above 0\nquoting.py:14"
        )
        self.cancel_all(time.time_ns(), name)
