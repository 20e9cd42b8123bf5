"""vectorbt on W3's bars: two averages that cross, as arrays.

    python -m benches.rivals.vectorbt_bars w3

Timed (`cpu_s`): averages, crossings, `from_signals` and the orders' count, after one call on 5,000 bars that compiles.
`load_cpu_s`: reading the columns. It opens only at the first cross, and values what is open at the last close.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
import vectorbt

from benches.workloads import columns

FAST, SLOW = 50, 200
CASH, FEE, SIZE = 1_000_000, 0.00018, 0.01
TICK = 0.1
WARM_UP_BARS = 5_000


def trade(close: Any) -> tuple[int, float, float]:
    """Orders, the position at the end and what was made."""
    quick = vectorbt.MA.run(close, FAST, ewm=True)
    calm = vectorbt.MA.run(close, SLOW, ewm=True)
    portfolio = vectorbt.Portfolio.from_signals(
        close,
        entries=quick.ma_crossed_above(calm),
        short_entries=quick.ma_crossed_below(calm),
        size=SIZE,
        size_type="amount",
        fees=FEE,
        init_cash=CASH,
        freq="1min",
    )
    value = portfolio.final_value
    orders = int(np.sum(portfolio.orders.count()))
    return orders, float(portfolio.assets().iloc[-1]), float(value() if callable(value) else value) - CASH


def main() -> None:
    """Runs once and prints one JSON line."""
    vectorbt.settings.caching["enabled"] = False
    name = f"{sys.argv[1]}_bars"
    begun = time.process_time()
    prices = np.round(columns.read_array(name, "close") * TICK, 1)
    close = pd.Series(prices, index=pd.to_datetime(columns.read_array(name, "ts")), name="close")
    loaded = time.process_time()
    trade(close[:WARM_UP_BARS])
    wall, cpu = time.perf_counter(), time.process_time()
    orders, position, pnl = trade(close)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    result = {
        "engine": "vectorbt",
        "version": vectorbt.__version__,
        "events": len(close),
        "cpu_s": cpu,
        "load_cpu_s": loaded - begun,
        "wall_s": wall,
        "requests": orders,
        "fills": orders,
        "position": round(position, 9),
        "pnl": round(pnl, 8),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
