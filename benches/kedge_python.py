"""Kedge's side where its strategy is a Python class: runs a workload once and prints one JSON line.

    python -m benches.kedge_python w1_first|w2|w3|w4

Timed (`cpu_s`): the whole of `kedge.backtest.spec.execute`, with the strategy's making, the layout of the columns for
venue and strategy, and the tables of the results. `load_cpu_s`: reading the columns from the disk before it. Risk gate,
ledger and trace hash are on.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from benches.environments import ROOT
from benches.workloads import columns
from kedge import _core
from kedge.backtest.spec import Outcome, RunSpec, Seat, execute
from kedge.model import money
from kedge.model.columns import MarketColumns
from kedge.strategies.source import read_source

STRATEGIES = {"w1_first": "quotes.py", "w2": "ema_trades.py", "w3": "ema_bars.py", "w4": "quotes.py"}
LATENCY_NS = {"w1_first": 1_000_000, "w2": 0, "w3": 0, "w4": 1_000_000}
QUANTITY_SCALE = 10**12

# Bounds that the workloads never meet: the gate looks at each of them for every order, and refuses none.
LIMITS = {
    "order_size": "0.02",
    "position": "0.2",
    "order_notional": "10000",
    "position_notional": "100000",
    "price_band": "0.01",
    "orders_per_second": 100,
    "stale_after_ns": 120_000_000_000,
    "leverage": "1",
    "short": True,
}


def read(name: str) -> tuple[MarketColumns, dict[str, Any]]:
    """The columns as Kedge takes them, read whole from the disk."""
    rows, about = columns.read(name)
    return MarketColumns(
        **{column: getattr(rows, column) for column in columns.SUFFIXES},
        price_base=rows.price_base,
        qty_scale=rows.qty_scale,
    ), about


def run_spec(workload: str, about: dict[str, Any]) -> RunSpec:
    """One strategy on one instrument, without sampling and without a journal."""
    latency = LATENCY_NS[workload]
    engine = {
        "seed": 1,
        "sample_ns": 0,
        "queue": "power",
        "queue_power": 2.0,
        "partial_fills": False,
        "feed_ns": None,
        "entry_ns": latency,
        "response_ns": latency,
        "balances": {"USDT": "1000000"},
        "keep_records": False,
    }
    source = read_source(str(ROOT / "benches" / "strategies" / STRATEGIES[workload]))
    seat = Seat(workload, source, 0, {}, LIMITS)
    return RunSpec(engine, [about["instrument"]], [seat], {}, 5.0)


def figures(outcome: Outcome) -> dict[str, Any]:
    """What the run gave. PnL is what was realised, less fees: the rivals' balances hold nothing else."""
    tables, strategy = outcome.tables, outcome.strategies[0]
    refused = dict(tables["tallies"][0][0])
    if refused or tables["imbalance"]:
        raise SystemExit(f"the run must refuse nothing and balance, refused {refused}, off by {tables['imbalance']}")
    fills = tables["fills"]

    def last(column: str) -> int:
        return int.from_bytes(fills[column][-16:], "little", signed=True)

    fees = last("fees")
    return {
        "requests": getattr(strategy, "requests", len(tables["orders"]["order_id"])),
        "fills": len(fills["ts"]),
        "position": last("position") / QUANTITY_SCALE,
        "fees": float(money.amount(fees)),
        "pnl": float(money.amount(last("realised") - fees)),
        "trace_hash": tables["trace_hash"],
    } | ({"wakes": strategy.wakes} if hasattr(strategy, "wakes") else {})


def main() -> None:
    """Runs once and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=sorted(STRATEGIES))
    workload = parser.parse_args().workload
    begun = time.process_time()
    rows, about = read(workload)
    blocks = [read(f"{workload}_snapshot")[0], rows] if STRATEGIES[workload] == "quotes.py" else [rows]
    loaded = time.process_time()
    wall = time.perf_counter()
    outcome = execute(run_spec(workload, about), [blocks])
    cpu, wall = time.process_time() - loaded, time.perf_counter() - wall
    result = {
        "engine": "kedge",
        "version": _core.__version__,
        "events": about.get("events", len(rows)),
        "cpu_s": cpu,
        "load_cpu_s": loaded - begun,
        "wall_s": wall,
    }
    print(json.dumps(result | figures(outcome)))


if __name__ == "__main__":
    main()
