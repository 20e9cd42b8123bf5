"""NautilusTrader 1.221 on W2's trades and W3's bars: two averages that cross, a Python callback for each.

    python -m benches.rivals.nautilus_ema w2|w3 [--averages python|cython]

Timed (`cpu_s`): `engine.run()`. `load_cpu_s`: reading the columns, making the engine's objects of them and handing them
over. Logging, its risk engine and its analysis are off. `--averages cython` takes its own indicators.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import time
from decimal import Decimal
from typing import Any

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import Bar, BarType, TradeTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from benches.workloads import columns

INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()
BAR_TYPE = BarType.from_str(f"{INSTRUMENT.id}-1-MINUTE-LAST-EXTERNAL")
VENUE = Venue("BINANCE")
CASH = 100_000_000
PERIODS = {"w2": (2000, 10000), "w3": (50, 200)}
TICK, LOT = 0.1, 0.001


class Ema(Strategy):
    """Averages as plain Python floats."""

    def __init__(self, workload: str) -> None:
        super().__init__()
        self.workload = workload
        self.fast, self.slow = PERIODS[workload]

    def on_start(self) -> None:
        self.quick = self.calm = 0.0
        self.seen = self.side = self.orders = 0
        self.of_quick, self.of_calm = 2.0 / (self.fast + 1), 2.0 / (self.slow + 1)
        self.once, self.twice = INSTRUMENT.make_qty(0.01), INSTRUMENT.make_qty(0.02)
        if self.workload == "w2":
            self.subscribe_trade_ticks(INSTRUMENT.id)
        else:
            self.subscribe_bars(BAR_TYPE)

    def on_trade_tick(self, tick: Any) -> None:
        self.update(tick.price.as_double())

    def on_bar(self, bar: Any) -> None:
        self.update(bar.close.as_double())

    def update(self, price: float) -> None:
        seen = self.seen
        self.seen = seen + 1
        if seen == 0:
            self.quick = self.calm = price
            return
        quick = self.quick = self.quick + self.of_quick * (price - self.quick)
        calm = self.calm = self.calm + self.of_calm * (price - self.calm)
        if seen >= self.slow:
            self.cross(quick, calm)

    def cross(self, quick: float, calm: float) -> None:
        if quick > calm:
            if self.side <= 0:
                self.send(OrderSide.BUY, 1)
        elif quick < calm and self.side >= 0:
            self.send(OrderSide.SELL, -1)

    def send(self, side: OrderSide, then: int) -> None:
        quantity = self.once if self.side == 0 else self.twice
        self.submit_order(self.order_factory.market(INSTRUMENT.id, side, quantity))
        self.side = then
        self.orders += 1


class CompiledEma(Ema):
    """Averages by NautilusTrader's own indicators, which are compiled."""

    def on_start(self) -> None:
        super().on_start()
        self.quick_average = ExponentialMovingAverage(self.fast)
        self.calm_average = ExponentialMovingAverage(self.slow)

    def update(self, price: float) -> None:
        quick, calm = self.quick_average, self.calm_average
        quick.update_raw(price)
        calm.update_raw(price)
        self.seen += 1
        if self.seen > self.slow:
            self.cross(quick.value, calm.value)


def trades() -> list[Any]:
    """W2 as trade ticks."""
    rows, _ = columns.read("w2")
    times = rows.ts_event.astype(np.uint64)
    sides = np.where(rows.flags & columns.SELL, 2, 1).astype(np.uint8)
    prices, sizes = np.round(rows.prices() * TICK, 1), np.round(rows.quantities() * LOT, 3)
    ids = [str(i) for i in range(len(rows))]
    found: list[Any] = TradeTick.from_raw_arrays_to_list(INSTRUMENT.id, 1, 3, prices, sizes, sides, ids, times, times)
    return found


def bars() -> list[Any]:
    """W3 as bars."""
    prices = [np.round(columns.read_array("w3_bars", name) * TICK, 1) for name in ("open", "high", "low", "close")]
    volume = np.round(columns.read_array("w3_bars", "volume") * LOT, 3)
    times = columns.read_array("w3_bars", "ts").astype(np.uint64)
    found: list[Any] = Bar.from_raw_arrays_to_list(BAR_TYPE, 1, 3, *prices, volume, times, times)
    return found


def main() -> None:
    """Runs once and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=("w2", "w3"))
    parser.add_argument("--averages", choices=("python", "cython"), default="python")
    options = parser.parse_args()
    begun = time.process_time()
    data = trades() if options.workload == "w2" else bars()
    events = len(data)
    engine = BacktestEngine(
        config=BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True), run_analysis=False
        )
    )
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=None,
        starting_balances=[Money(CASH, USDT)],
        default_leverage=Decimal(10),
    )
    engine.add_instrument(INSTRUMENT)
    engine.add_data(data, sort=False)
    del data
    loaded = time.process_time()
    strategy = (CompiledEma if options.averages == "cython" else Ema)(options.workload)
    engine.add_strategy(strategy)
    wall, cpu = time.perf_counter(), time.process_time()
    engine.run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    balance = engine.cache.account_for_venue(VENUE).balance_total(USDT).as_double()
    result = {
        "engine": "nautilus_trader",
        "version": importlib.metadata.version("nautilus_trader"),
        "events": events,
        "cpu_s": cpu,
        "load_cpu_s": loaded - begun,
        "wall_s": wall,
        "requests": strategy.orders,
        "fills": sum(1 for order in engine.cache.orders() if order.filled_qty > 0),
        "position": float(engine.portfolio.net_position(INSTRUMENT.id) or 0),
        "pnl": round(float(balance) - CASH, 8),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
