"""Kedge's side where its strategy is written in Python: runs a workload once and prints one JSON line.

    python -m benches.kedge_python w1_first|w2|w3|w4 [--strategy class|numba]

A class is called back; a function compiled by numba is called through its pointer. Timed (`cpu_s`): the run, and the
tables of its results. `load_cpu_s`: before it, reading the columns from the disk, laying them out for venue and
strategy, and making the strategy, compiled or not. Risk gate, ledger and trace hash are on.
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
from kedge.strategies.compiled import CompiledStrategy
from kedge.strategies.source import read_source

STRATEGIES = {
    "class": {"w1_first": "quotes.py", "w2": "ema_trades.py", "w3": "ema_bars.py", "w4": "quotes.py"},
    "numba": {"w2": "ema_trades_numba.py", "w3": "ema_bars_numba.py", "w4": "quotes_numba.py"},
}
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


def run_spec(workload: str, kind: str, about: dict[str, Any]) -> RunSpec:
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
    source = read_source(str(ROOT / "benches" / "strategies" / STRATEGIES[kind][workload]))
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

    def counted(name: str) -> int | None:
        memory = strategy.state if isinstance(strategy, CompiledStrategy) else None
        names = () if memory is None else memory.dtype.names
        return int(memory[name]) if name in names else getattr(strategy, name, None)

    fees, wakes = last("fees"), counted("wakes")
    return {
        "requests": counted("requests") or len(tables["orders"]["order_id"]),
        "fills": len(fills["ts"]),
        "position": last("position") / QUANTITY_SCALE,
        "fees": float(money.amount(fees)),
        "pnl": float(money.amount(last("realised") - fees)),
        "trace_hash": tables["trace_hash"],
    } | ({} if wakes is None else {"wakes": wakes})


def main() -> None:
    """Runs once and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=sorted(LATENCY_NS))
    parser.add_argument("--strategy", choices=sorted(STRATEGIES), default="class")
    options = parser.parse_args()
    begun = time.process_time()
    rows, about = read(options.workload)
    has_book = LATENCY_NS[options.workload] > 0
    blocks = [read(f"{options.workload}_snapshot")[0], rows] if has_book else [rows]
    ready: list[float] = []

    def on_slice(now: int, records: bytes) -> None:
        if not ready:
            ready.extend((time.process_time(), time.perf_counter()))

    outcome = execute(run_spec(options.workload, options.strategy, about), [blocks], on_slice=on_slice)
    cpu, wall = time.process_time() - ready[0], time.perf_counter() - ready[1]
    result = {
        "engine": "kedge",
        "version": _core.__version__,
        "events": about.get("events", len(rows)),
        "cpu_s": cpu,
        "load_cpu_s": ready[0] - begun,
        "wall_s": wall,
    }
    print(json.dumps(result | figures(outcome)))


if __name__ == "__main__":
    main()
