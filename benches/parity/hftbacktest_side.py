"""hftbacktest's side: runs every case and writes its orders.

.rivals/hftbacktest/bin/python -m benches.parity.hftbacktest_side FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from hftbacktest import BUY, DEPTH_EVENT, DEPTH_SNAPSHOT_EVENT, EXCH_EVENT, GTX, LIMIT, LOCAL_EVENT, BacktestAsset
from hftbacktest import HashMapMarketDepthBacktest as Backtest
from hftbacktest.order import CANCELED, EXPIRED, FILLED, REJECTED
from numba import njit
from numpy.typing import NDArray

from benches.parity.cases import FIELDS, HALF_TICKS, MAX_ORDERS, QUIET_NS, SKEW_TICKS, WAKE_NS, Case, cases, market
from benches.rivals.hftbacktest_l2 import in_both_views, levels_only, to_events

QUEUE_METHODS = {
    "risk_averse": ("risk_adverse_queue_model", ()),
    "power": ("power_prob_queue_model", (2.0,)),
    "power_of_level": ("power_prob_queue_model2", (2.0,)),
    "power_not_ahead": ("power_prob_queue_model3", (2.0,)),
    "log": ("log_prob_queue_model2", ()),
    "log_of_both": ("log_prob_queue_model", ()),
}
ROWS = 100_000


def main() -> None:
    """Runs the cases and writes `<case>.npy` (an order a row, see `FIELDS`) and `<case>.json` (the sum of fees)."""
    folder, held = Path(sys.argv[1]), ("", None)
    for case in cases():
        if held[0] != case.data:
            held = case.data, events_of(case.data)
        orders, fees = run(case, *held[1])
        np.save(folder / f"{case.name}.npy", orders)
        (folder / f"{case.name}.json").write_text(json.dumps({"fees": fees}))


def events_of(name: str) -> tuple[NDArray[Any], NDArray[Any], dict[str, Any]]:
    """Events and snapshot in hftbacktest's form."""
    rows, levels, about = market(name)
    snapshot = to_events(levels_only(levels), about["instrument"], DEPTH_SNAPSHOT_EVENT)
    snapshot["ev"] |= np.uint64(EXCH_EVENT | LOCAL_EVENT)
    return in_both_views(to_events(rows, about["instrument"], DEPTH_EVENT)), snapshot, about


def run(case: Case, events: NDArray[Any], snapshot: NDArray[Any], about: dict[str, Any]) -> tuple[NDArray[Any], float]:
    """The orders of one case, and the fees they paid."""
    instrument = about["instrument"]
    tick, step = float(instrument["tick_size"]), float(instrument["quantity_step_in_data"])
    queue, arguments = QUEUE_METHODS[case.queue]
    asset = (
        BacktestAsset()
        .data(events)
        .initial_snapshot(snapshot)
        .linear_asset(1.0)
        .constant_order_latency(case.entry, case.response)
        .trading_value_fee_model(float(instrument["maker_fee"]), float(instrument["taker_fee"]))
        .tick_size(tick)
        # Not the order's lot: a level of less than half a lot would count as none.
        .lot_size(step)
        .last_trades_capacity(0)
        .no_partial_fill_exchange()
    )
    backtest = Backtest([getattr(asset, queue)(*arguments)])
    found = np.zeros((ROWS, len(FIELDS)), np.int64)
    quantity = case.order_lots * float(instrument["lot_size"])
    last = int(events["local_ts"].max()) - QUIET_NS
    count = quote(backtest, found, tick, step, quantity, last)
    fees = float(backtest.state_values(0).fee)
    backtest.close()
    return found[:count], fees


@njit
def quote(backtest: Any, found: Any, tick: float, step: float, quantity: float, last: int) -> int:
    """Every 100 ms both sides of the mid, skewed by the position; an order that stands at its price stays."""
    next_id, count = 1, 0
    wanted = np.zeros(2, np.int64)
    wants = np.zeros(2, np.bool_)
    while backtest.elapse(WAKE_NS) == 0:
        orders = backtest.orders(0).values()
        while orders.has_next():
            order = orders.get()
            ended = 0
            if order.status == FILLED:
                ended = 1
            elif order.status == CANCELED:
                ended = 2
            elif order.status == EXPIRED:
                ended = 3
            elif order.status == REJECTED:
                ended = 4
            if ended:
                row = int(order.order_id) - 1
                found[row, 4] = ended
                found[row, 5] = order.exch_timestamp
                found[row, 6] = order.exec_price_tick if ended == 1 else 0
        backtest.clear_inactive_orders(0)
        depth = backtest.depth(0)
        best_bid, best_ask = depth.best_bid_tick, depth.best_ask_tick
        held = np.round(backtest.position(0) / quantity)
        centre = 0.5 * (best_bid + best_ask) - SKEW_TICKS * held
        wanted[0] = min(np.floor(centre - HALF_TICKS), best_bid)
        wanted[1] = max(np.ceil(centre + HALF_TICKS), best_ask)
        quoting = backtest.current_timestamp <= last
        wants[0], wants[1] = quoting and held < MAX_ORDERS, quoting and held > -MAX_ORDERS
        orders = backtest.orders(0).values()
        while orders.has_next():
            order = orders.get()
            at = 0 if order.side == BUY else 1
            if wants[at] and order.price_tick == wanted[at]:
                wants[at] = False
            elif order.cancellable:
                backtest.cancel(0, order.order_id, False)
        for side in range(2):
            if not wants[side]:
                continue
            if side:
                backtest.submit_sell_order(0, next_id, wanted[side] * tick, quantity, GTX, LIMIT, False)
            else:
                backtest.submit_buy_order(0, next_id, wanted[side] * tick, quantity, GTX, LIMIT, False)
            found[count, 0] = backtest.current_timestamp
            found[count, 1] = side
            found[count, 2] = wanted[side]
            found[count, 3] = np.round(quantity / step)
            next_id += 1
            count += 1
    return count


if __name__ == "__main__":
    main()
