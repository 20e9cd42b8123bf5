"""A small market in NumPy columns: a snapshot, then trades and level changes by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kedge.backtest.spec import Outcome, RunSpec, Seat, execute
from kedge.model.columns import CLEAR, DELTA, LAST, LEVEL, SELL, TRADE, MarketColumns
from kedge.strategies.source import StrategySource

MS = 1_000_000
START = 1_700_000_000_000_000_000

SPOT = {
    "id": "BTC/USDT@binance",
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
    "id": "BTC/USDT:USDT@binance",
    "symbol": "BTCUSDT",
    "kind": "linear_perpetual",
    "tick_size": "0.1",
    "lot_size": "0.001",
    "quantity_step_in_data": "0.001",
    "min_notional": "100",
    "maker_fee": "0.0002",
    "taker_fee": "0.0005",
    "settle": "USDT",
}


@dataclass
class SmallMarket:
    """Rows of (ms after the start, flags, price in ticks, quantity in steps)."""

    rows: list[tuple[int, int, int, int]] = field(default_factory=list)

    def snapshot(self, ms: int, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> SmallMarket:
        levels = [(LEVEL, *level) for level in bids] + [(LEVEL | SELL, *level) for level in asks]
        self.rows.append((ms, CLEAR, 0, 0))
        for at, (flags, price, quantity) in enumerate(levels):
            self.rows.append((ms, flags | (LAST if at == len(levels) - 1 else 0), price, quantity))
        return self

    def level(self, ms: int, side: int, price: int, quantity: int) -> SmallMarket:
        self.rows.append((ms, DELTA | side | LAST, price, quantity))
        return self

    def trade(self, ms: int, side: int, price: int, quantity: int) -> SmallMarket:
        self.rows.append((ms, TRADE | side | LAST, price, quantity))
        return self

    def columns(self) -> MarketColumns:
        ms, flags, price, quantity = (np.array(column) for column in zip(*self.rows, strict=True))
        times = (START + ms * MS).astype(np.int64)
        wide = np.zeros(0, np.int64)
        return MarketColumns(
            times,
            times + MS,
            price.astype(np.int32),
            quantity.astype(np.int32),
            flags.astype(np.uint8),
            wide,
            wide,
            0,
            1,
        )


def quiet_market(milliseconds: int = 2_000, base: int = 6_000_000) -> SmallMarket:
    """One unit on each side of 60,000.00 / 60,000.10 and a trade of 0.001 every 100 ms, buyers and sellers in turn."""
    market = SmallMarket().snapshot(0, [(base, 10**8), (base - 10, 10**8)], [(base + 10, 10**8), (base + 20, 10**8)])
    for at, ms in enumerate(range(100, milliseconds + 1, 100)):
        side = SELL if at % 2 else 0
        market.trade(ms, side, base if side else base + 10, 100_000)
    return market


def run_source(
    text: str,
    market: SmallMarket | None = None,
    instrument: dict[str, object] | None = None,
    *,
    file: str = "strategy_under_test.py",
    callback_seconds: float = 5.0,
    params: dict[str, float] | None = None,
    step: bool = False,
    **engine: object,
) -> Outcome:
    """Runs a strategy's source over a small market."""
    settings = {
        "seed": 1,
        "sample_ns": 10**9,
        "queue": "risk_averse",
        "queue_power": 2.0,
        "partial_fills": True,
        "feed_ns": None,
        "entry_ns": MS,
        "response_ns": MS,
        "balances": {"USDT": "10000"},
        "keep_records": False,
        **engine,
    }
    source = StrategySource(file, text)
    seat = Seat("under-test", source, 0, params or {}, {})
    spec = RunSpec(settings, [instrument or SPOT], [seat], {"seeded": None, "sources": []}, callback_seconds)
    return execute(spec, [[(market or quiet_market()).columns()]], step=step)
