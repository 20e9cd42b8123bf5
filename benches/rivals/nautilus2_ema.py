"""NautilusTrader 2.0 on W2's trades and W3's bars: two averages that cross, a Python callback for each.

    python -m benches.rivals.nautilus2_ema w2|w2_quotes|w3 [--strategy python|rust]

Timed (`cpu_s`): `engine.run()`. `load_cpu_s`: reading the columns, making the engine's objects of them and handing them
over. Logging, its risk engine and its analysis are off. `--strategy rust` takes the `EmaCross` it has built in, which
hears nothing but quotes: `w2_quotes` gives it W2's trades as quotes one tick wide.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import time
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.model import (
    AccountType,
    AggressorSide,
    Bar,
    BarType,
    Currency,
    Money,
    OmsType,
    OrderSide,
    Price,
    Quantity,
    QuoteTick,
    TradeId,
    TradeTick,
    Venue,
)
from nautilus_trader.risk import RiskEngineConfig
from nautilus_trader.testkit.providers import TestInstrumentProvider
from nautilus_trader.trading import EmaCrossConfig, Strategy

from benches.workloads import columns

INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()
BAR_TYPE = BarType.from_str(f"{INSTRUMENT.id}-1-MINUTE-LAST-EXTERNAL")
USDT = Currency.from_str("USDT")
CASH = 1_000_000
PERIODS = {"w2": (2000, 10000), "w2_quotes": (2000, 10000), "w3": (50, 200)}
# Its raw numbers count 10⁻¹⁶: a tick of 0.1 and a lot of 0.001 in them.
RAW_TICK, RAW_LOT = 10**15, 10**13


class Ema(Strategy):
    """Averages as plain Python floats."""

    def __init__(self, config: Any = None) -> None:
        super().__init__()
        self.quick = self.calm = 0.0
        self.seen = self.side = self.orders = 0
        self.once, self.twice = Quantity.from_str("0.010"), Quantity.from_str("0.020")

    def begin(self, workload: str) -> None:
        """What to hear, and how slow the averages are; its base class takes no arguments."""
        self.workload = workload
        fast, self.slow = PERIODS[workload]
        self.of_quick, self.of_calm = 2.0 / (fast + 1), 2.0 / (self.slow + 1)

    def on_start(self) -> None:
        if self.workload == "w2":
            self.subscribe_trades(INSTRUMENT.id)
        elif self.workload == "w2_quotes":
            self.subscribe_quotes(INSTRUMENT.id)
        else:
            self.subscribe_bars(BAR_TYPE)

    def on_trade(self, trade: Any) -> None:
        self.update(trade.price.as_double())

    def on_quote(self, quote: Any) -> None:
        self.update(quote.bid_price.as_double())

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
        if seen < self.slow:
            return
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


def trades() -> list[Any]:
    """W2 as trade ticks."""
    rows, _ = columns.read("w2")
    sides = [AggressorSide.SELL if flags & columns.SELL else AggressorSide.BUY for flags in rows.flags.tolist()]
    parts = (rows.prices(), rows.quantities(), rows.ts_event)
    listed = zip(*(part.tolist() for part in parts), sides, strict=True)
    make, identity = TradeTick.from_raw, INSTRUMENT.id
    return [
        make(identity, tick * RAW_TICK, 1, lots * RAW_LOT, 3, side, TradeId(str(number)), ts, ts)
        for number, (tick, lots, ts, side) in enumerate(listed)
    ]


def quotes() -> list[Any]:
    """W2's trades as quotes: the trade's price bid, one tick more asked."""
    rows, _ = columns.read("w2")
    make, identity = QuoteTick.from_raw, INSTRUMENT.id
    return [
        make(identity, tick * RAW_TICK, (tick + 1) * RAW_TICK, 1, 1, lots * RAW_LOT, lots * RAW_LOT, 3, 3, ts, ts)
        for tick, lots, ts in zip(
            *(part.tolist() for part in (rows.prices(), rows.quantities(), rows.ts_event)), strict=True
        )
    ]


def bars() -> list[Any]:
    """W3 as bars."""
    parts = [columns.read_array("w3_bars", name).tolist() for name in ("open", "high", "low", "close", "volume", "ts")]
    price, quantity = Price.from_raw, Quantity.from_raw
    return [
        Bar(BAR_TYPE, *(price(tick * RAW_TICK, 1) for tick in prices), quantity(lots * RAW_LOT, 3), ts, ts)
        for *prices, lots, ts in zip(*parts, strict=True)
    ]


def build(data: list[Any]) -> Any:
    """The engine with one venue, its account and the data."""
    quiet = BacktestEngineConfig(
        logging=LoggerConfig(bypass_logging=True), run_analysis=False, risk_engine=RiskEngineConfig(bypass=True)
    )
    engine = BacktestEngine(quiet)
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(float(CASH), USDT)],
        default_leverage=Decimal(10),
        fee_model=MakerTakerFeeModel(Decimal("0.0002"), Decimal("0.00018")),
    )
    engine.add_instrument(INSTRUMENT)
    engine.add_data(data, sort=False)
    engine.sort_data()
    return engine


def main() -> None:
    """Runs once and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=sorted(PERIODS))
    parser.add_argument("--strategy", choices=("python", "rust"), default="python")
    options = parser.parse_args()
    begun = time.process_time()
    data = {"w2": trades, "w2_quotes": quotes, "w3": bars}[options.workload]()
    events = len(data)
    engine = build(data)
    del data
    loaded = time.process_time()
    if options.strategy == "rust":
        fast, slow = PERIODS[options.workload]
        once = Quantity.from_str("0.010")
        config = EmaCrossConfig(instrument_id=INSTRUMENT.id, trade_size=once, fast_period=fast, slow_period=slow)
        engine.add_builtin_strategy("EmaCross", config)
    else:
        strategy = Ema()
        strategy.begin(options.workload)
        engine.add_strategy(strategy)
    wall, cpu = time.perf_counter(), time.process_time()
    engine.run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    told = engine.get_result().summary
    filled = [order for order in engine.cache.orders() if float(str(order.filled_qty)) > 0]
    result = {
        "engine": "nautilus_trader",
        "version": importlib.metadata.version("nautilus_trader"),
        "events": events,
        "cpu_s": cpu,
        "load_cpu_s": loaded - begun,
        "wall_s": wall,
        "requests": int(told["orders.total"]),
        "fills": len(filled),
        "position": sum(position.signed_qty for position in engine.cache.positions_open()),
        "pnl": round(float(told["account.BINANCE.balance.USDT.total"].split()[0]) - CASH, 8),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
