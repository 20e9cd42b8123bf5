"""NautilusTrader 1.221 on W4: W1's market making over deltas and trades.

    python -m benches.rivals.nautilus_l2 w4

Timed (`cpu_s`): `engine.run()`. `load_cpu_s`: reading the columns, making the engine's objects of them and handing them
over. Latency 1 ms for orders and cancels; its risk engine, logging and analysis are off. Its book is `L2_MBP`, its
strategy is woken every 100 ms; this is the fastest of its forms here. It knows no place in the queue.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import sys
import time
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, BookAction, BookType, OmsType, OrderSide
from nautilus_trader.model.identifiers import TradeId, Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from benches.workloads import columns

INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()
VENUE = Venue("BINANCE")
CASH = 1_000_000
LATENCY_NS = 1_000_000
# Its raw numbers count 10⁻¹⁶: a tick of 0.1 and a lot of 0.001 in them.
RAW_TICK, RAW_LOT = 10**15, 10**13
TICK = 0.1
LAST_OF_PACKET = 128


class Maker(Strategy):
    """W1's rule: cancel what is open, quote 0.01 on both sides, leaning against the position."""

    def on_start(self) -> None:
        self.requests = self.wakes = self.fills = self.lots = 0
        self.bid = self.ask = None
        self.size = Quantity(0.01, 3)
        self.subscribe_order_book_at_interval(INSTRUMENT.id, BookType.L2_MBP, interval_ms=100)

    def on_order_book(self, book: Any) -> None:
        bid, ask = book.best_bid_price(), book.best_ask_price()
        if bid is None or ask is None:
            return
        self.wakes += 1
        bid, ask = round(bid.as_double() / TICK), round(ask.as_double() / TICK)
        centre = 0.5 * (bid + ask) - 0.5 * (self.lots / 10)
        for order in (self.bid, self.ask):
            if order is not None and order.is_open:
                self.cancel_order(order)
                self.requests += 1
        if self.lots < 100:
            self.bid = self.quote(OrderSide.BUY, min(math.floor(centre - 0.5), bid))
        if self.lots > -100:
            self.ask = self.quote(OrderSide.SELL, max(math.ceil(centre + 0.5), ask))

    def quote(self, side: OrderSide, tick: int) -> Any:
        price = Price(tick * TICK, 1)
        order = self.order_factory.limit(INSTRUMENT.id, side, self.size, price, post_only=True)
        self.submit_order(order)
        self.requests += 1
        return order

    def on_order_filled(self, event: Any) -> None:
        self.fills += 1
        lots = round(event.last_qty.as_double() * 1000)
        self.lots += lots if event.order_side == OrderSide.BUY else -lots


def delta(flags: int, tick: int, lots: int, event: int, receipt: int, action: BookAction) -> Any:
    """One level's new quantity."""
    side = OrderSide.SELL if flags & columns.SELL else OrderSide.BUY
    last = LAST_OF_PACKET if flags & columns.LAST else 0
    return OrderBookDelta.from_raw(
        INSTRUMENT.id, action, side, tick * RAW_TICK, 1, lots * RAW_LOT, 3, tick, last, 0, event, receipt
    )


def trade(flags: int, tick: int, lots: int, event: int, receipt: int, number: int) -> Any:
    """One trade."""
    side = AggressorSide.SELLER if flags & columns.SELL else AggressorSide.BUYER
    identity = TradeId(str(number))
    return TradeTick.from_raw(INSTRUMENT.id, tick * RAW_TICK, 1, lots * RAW_LOT, 3, side, identity, event, receipt)


def as_lists(rows: columns.Columns) -> Any:
    """Flags, ticks, lots, venue and receipt time of every row, as Python numbers."""
    parts = (rows.flags, rows.prices(), rows.quantities(), rows.ts_event, rows.ts_recv)
    return zip(*(part.tolist() for part in parts), strict=True)


def load(name: str) -> tuple[list[Any], int]:
    """The snapshot, then deltas and trades in their order; and how many events they are."""
    rows, _ = columns.read(name)
    snapshot, _ = columns.read(f"{name}_snapshot")
    first = int(rows.ts_event[0]) - 1
    levels = [OrderBookDelta.clear(INSTRUMENT.id, 0, first, first)]
    for flags, tick, lots, _, _ in list(as_lists(snapshot))[1:]:
        levels.append(delta(flags, tick, lots, first, first, BookAction.ADD))
    data: list[Any] = [OrderBookDeltas(INSTRUMENT.id, levels)]
    for number, (flags, tick, lots, event, receipt) in enumerate(as_lists(rows)):
        if flags & columns.KIND == columns.TRADE:
            data.append(trade(flags, tick, lots, event, receipt, number))
        else:
            action = BookAction.UPDATE if lots else BookAction.DELETE
            data.append(delta(flags, tick, lots, event, receipt, action))
    return data, len(rows)


def main() -> None:
    """Runs once and prints one JSON line."""
    begun = time.process_time()
    data, events = load(sys.argv[1])
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
        book_type=BookType.L2_MBP,
        trade_execution=False,
        latency_model=LatencyModel(base_latency_nanos=LATENCY_NS),
    )
    engine.add_instrument(INSTRUMENT)
    engine.add_data(data, sort=False)
    del data
    loaded = time.process_time()
    strategy = Maker()
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
        "wakes": strategy.wakes,
        "requests": strategy.requests,
        "fills": strategy.fills,
        "position": strategy.lots / 1000,
        "pnl": round(float(balance) - CASH, 8),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
