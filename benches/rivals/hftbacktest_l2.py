"""hftbacktest on L2 columns: W1's market making and the replay of any columns under `benches/data`.

    python -m benches.rivals.hftbacktest_l2 w1 --mode mm|mm_keep|replay --queue power|log|risk --depth flat|hash
        [--strategy compiled|python] [--cold]

Timed: the strategy's loop only. Loading, conversion to hftbacktest's rows, building the backtest and the JIT
(paid on the first 50,000 rows) come before it. `--cold` leaves it to the run.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import time
from typing import Any

import numpy as np
from hftbacktest import (
    BUY,
    BUY_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.binding import event_dtype
from hftbacktest.data.validation import correct_event_order
from numba import njit
from numpy.typing import NDArray

from benches.workloads import columns

LATENCY_NS = 1_000_000
WAKE_NS = 100_000_000
MAKER_FEE, TAKER_FEE = 0.0002, 0.0005
ORDER_LOTS, MAX_LOTS, SKEW_TICKS, HALF_TICKS = 10, 100, 0.5, 0.5
WARM_UP_ROWS = 50_000


def to_events(rows: columns.Columns, instrument: dict[str, Any], depth_kind: int) -> NDArray[Any]:
    """hftbacktest's rows, without the flags that say whose view they belong to."""
    kind = rows.flags & columns.KIND
    if not np.isin(kind, [columns.DELTA, columns.TRADE, columns.LEVEL]).all():
        raise SystemExit("columns for hftbacktest must hold deltas, trades and snapshot levels only")
    events = np.zeros(len(rows), event_dtype)
    events["ev"] = np.where(kind == columns.TRADE, TRADE_EVENT, depth_kind)
    events["ev"] |= np.where(rows.flags & columns.SELL, SELL_EVENT, BUY_EVENT).astype(np.uint64)
    events["exch_ts"], events["local_ts"] = rows.ts_event, rows.ts_recv
    for field, steps, step in (
        ("px", rows.prices(), instrument["tick_size"]),
        ("qty", rows.quantities(), instrument["quantity_step_in_data"]),
    ):
        events[field] = np.round(steps * float(step), len(step.partition(".")[2]))
    return events


def load(name: str) -> tuple[NDArray[Any], NDArray[Any], dict[str, Any]]:
    """Events, repeated as often as the data says, the snapshot before them, and what is known about the data."""
    rows, about = columns.read(name)
    levels, _ = columns.read(f"{name}_snapshot")
    events = in_both_views(to_events(rows, about["instrument"], DEPTH_EVENT))
    repeated = np.tile(events, about["repeat"])
    shift = np.repeat(np.arange(about["repeat"]) * about["period_ns"], len(events))
    repeated["exch_ts"] += shift
    repeated["local_ts"] += shift
    snapshot = to_events(levels_only(levels), about["instrument"], DEPTH_SNAPSHOT_EVENT)
    snapshot["ev"] |= np.uint64(EXCH_EVENT | LOCAL_EVENT)
    return repeated, snapshot, about | {"events": len(rows) * about["repeat"]}


def in_both_views(events: NDArray[Any]) -> NDArray[Any]:
    """Events with the flags of the views they belong to; where a time runs back, a row becomes one for each view."""
    if np.any(np.diff(events["exch_ts"]) < 0) or np.any(np.diff(events["local_ts"]) < 0):
        by_venue = np.argsort(events["exch_ts"], kind="stable")
        by_receipt = np.argsort(events["local_ts"], kind="stable")
        return correct_event_order(events, by_venue, by_receipt)
    events["ev"] |= np.uint64(EXCH_EVENT | LOCAL_EVENT)
    return events


def levels_only(snapshot: columns.Columns) -> columns.Columns:
    """The snapshot without its leading `CLEAR`: hftbacktest starts from an empty book anyway."""
    times = snapshot.ts_event[1:], snapshot.ts_recv[1:]
    return columns.pack(*times, snapshot.prices()[1:], snapshot.quantities()[1:], snapshot.flags[1:])


def build(events: NDArray[Any], snapshot: NDArray[Any], about: dict[str, Any], depth: str, queue: str) -> Any:
    """A backtest of one linear asset: 1 ms order entry, 1 ms response, no partial fills."""
    instrument = about["instrument"]
    tick = float(instrument["tick_size"])
    asset = (
        BacktestAsset()
        .data(events)
        .initial_snapshot(snapshot)
        .linear_asset(1.0)
        .constant_order_latency(LATENCY_NS, LATENCY_NS)
        .trading_value_fee_model(MAKER_FEE, TAKER_FEE)
        .tick_size(tick)
        # Not the order's lot: a resting quantity below half a lot would count as none.
        .lot_size(float(instrument["quantity_step_in_data"]))
        .last_trades_capacity(0)
        .no_partial_fill_exchange()
    )
    if queue == "power":
        asset = asset.power_prob_queue_model(2.0)
    elif queue == "log":
        asset = asset.log_prob_queue_model2()
    else:
        asset = asset.risk_adverse_queue_model()
    if depth == "hash":
        return HashMapMarketDepthBacktest([asset])
    return ROIVectorMarketDepthBacktest(
        [asset.roi_lb(about["lowest_tick"] * tick).roi_ub(about["highest_tick"] * tick)]
    )


@njit
def quote(backtest: Any, keep: bool, tick: float, order_quantity: float) -> tuple[int, int, int]:
    """W1's rule, every 100 ms: cancel what can be cancelled, quote one tick around the mid, skewed by the position.

    With `keep`, an order already standing at the wanted price stays.
    """
    next_id, wakes, requests = 1, 0, 0
    most = MAX_LOTS / ORDER_LOTS * order_quantity - 1e-9
    while backtest.elapse(WAKE_NS) == 0:
        wakes += 1
        backtest.clear_inactive_orders(0)
        depth = backtest.depth(0)
        best_bid, best_ask = depth.best_bid_tick, depth.best_ask_tick
        position = backtest.position(0)
        centre = 0.5 * (best_bid + best_ask) - SKEW_TICKS * (position / order_quantity)
        bid = min(np.floor(centre - HALF_TICKS), best_bid)
        ask = max(np.ceil(centre + HALF_TICKS), best_ask)
        want_bid, want_ask = position < most, position > -most
        orders = backtest.orders(0).values()
        while orders.has_next():
            order = orders.get()
            if keep:
                if order.side == BUY and order.price_tick == bid and want_bid:
                    want_bid = False
                    continue
                if order.side != BUY and order.price_tick == ask and want_ask:
                    want_ask = False
                    continue
            if order.cancellable:
                backtest.cancel(0, order.order_id, False)
                requests += 1
        if want_bid:
            backtest.submit_buy_order(0, next_id, bid * tick, order_quantity, GTX, LIMIT, False)
            next_id += 1
            requests += 1
        if want_ask:
            backtest.submit_sell_order(0, next_id, ask * tick, order_quantity, GTX, LIMIT, False)
            next_id += 1
            requests += 1
    return wakes, requests, 0


@njit
def replay(backtest: Any, keep: bool, tick: float, order_quantity: float) -> tuple[int, int, int]:
    """Wakes every 100 ms and adds up the touch it sees: the sum holds every wake-up's view to the other engine's."""
    wakes, touch_sum = 0, 0
    while backtest.elapse(WAKE_NS) == 0:
        wakes += 1
        depth = backtest.depth(0)
        if depth.best_bid_tick > -(1 << 62) and depth.best_ask_tick < 1 << 62:
            touch_sum += depth.best_bid_tick + depth.best_ask_tick
    return wakes, 0, touch_sum


def main() -> None:
    """Runs once and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--mode", choices=("mm", "mm_keep", "replay"), default="mm")
    parser.add_argument("--queue", choices=("power", "log", "risk"), default="power")
    parser.add_argument("--depth", choices=("flat", "hash"), default="flat")
    parser.add_argument("--strategy", choices=("compiled", "python"), default="compiled")
    parser.add_argument("--cold", action="store_true", help="compile in the run, for whoever times the process")
    options = parser.parse_args()
    events, snapshot, about = load(options.data)
    tick = float(about["instrument"]["tick_size"])
    arguments = (options.mode == "mm_keep", tick, ORDER_LOTS * float(about["instrument"]["lot_size"]))
    strategy = replay if options.mode == "replay" else quote
    if options.strategy == "python":
        strategy = strategy.py_func
    if not options.cold:
        # A name for it: hftbacktest keeps only a pointer, and reads freed memory without end if nobody holds the array.
        first_rows = events[:WARM_UP_ROWS].copy()
        warm_up = build(first_rows, snapshot, about, options.depth, options.queue)
        strategy(warm_up, *arguments)
        warm_up.close()
    backtest = build(events, snapshot, about, options.depth, options.queue)
    wall, cpu = time.perf_counter(), time.process_time()
    wakes, requests, touch_sum = strategy(backtest, *arguments)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    state, depth = backtest.state_values(0), backtest.depth(0)
    mid = 0.5 * tick * (depth.best_bid_tick + depth.best_ask_tick)
    result = {
        "engine": "hftbacktest",
        "version": importlib.metadata.version("hftbacktest"),
        "events": about["events"],
        "cpu_s": round(cpu, 6),
        "wall_s": round(wall, 6),
        "wakes": int(wakes),
        "requests": int(requests),
        "fills": int(state.num_trades),
        "position": round(float(state.position), 9),
        "fees": round(float(state.fee), 4),
        "pnl": round(float(state.balance + state.position * mid - state.fee), 4),
        "best_bid_tick": int(depth.best_bid_tick),
        "best_ask_tick": int(depth.best_ask_tick),
        "touch_sum": int(touch_sum),
    }
    backtest.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
