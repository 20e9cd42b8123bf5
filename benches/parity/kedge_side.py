"""Kedge's side: runs one case through the same call that `kedge backtest` makes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benches.parity.cases import FIELDS, HALF_TICKS, MAX_ORDERS, QUIET_NS, SKEW_TICKS, STATES, Case, market
from benches.workloads.columns import Columns
from kedge.backtest.spec import RunSpec, Seat, execute
from kedge.model.columns import MarketColumns
from kedge.strategies.source import read_source

MAKER = Path(__file__).with_name("maker.py")
PLACES = Decimal(10) ** 12
MONEY = Decimal(10) ** 16


def run(case: Case, lot_as_data: bool) -> tuple[NDArray[np.int64], Decimal, int]:
    """The orders of one case (see `FIELDS`), their fees in quote currency, and the fees that were paid in base.

    With `lot_as_data` an order may be as fine as the data, as in hftbacktest.
    """
    rows, snapshot, about = market(case.data)
    definition: dict[str, Any] = dict(about["instrument"])  # type: ignore[call-overload]
    size = Decimal(definition["lot_size"]) * case.order_lots
    if lot_as_data:
        definition["lot_size"] = definition["quantity_step_in_data"]
    params = {
        "half_ticks": HALF_TICKS,
        "skew_ticks": SKEW_TICKS,
        "size": float(size),
        "most_orders": MAX_ORDERS,
        "last": int(rows.ts_recv.max()) - QUIET_NS,
    }
    engine = {
        "seed": 1,
        "sample_ns": 0,
        "queue": case.queue,
        "queue_power": 2.0,
        "partial_fills": False,
        "feed_ns": None,
        "entry_ns": case.entry,
        "response_ns": case.response,
        "balances": {"USDT": "10000000", "BTC": "100", "ETH": "1000"},
        "keep_records": False,
    }
    seat = Seat("maker", read_source(str(MAKER)), 0, params, {"leverage": "100"})
    spec = RunSpec(engine, [definition], [seat], {}, 10.0)
    outcome = execute(spec, [[_block(snapshot), _block(rows)]])
    return orders(outcome.tables, definition, case.response)


def orders(tables: Any, definition: dict[str, Any], response: int) -> tuple[NDArray[np.int64], Decimal, int]:
    """The engine's tables as rows of `FIELDS`, and the fees."""
    table, fills = tables["orders"], tables["fills"]
    tick, step = Decimal(definition["tick_size"]), Decimal(definition["quantity_step_in_data"])
    found = np.zeros((len(table["order_id"]), len(FIELDS)), np.int64)
    found[:, 0] = table["created"]
    found[:, 1] = [side == "sell" for side in table["side"]]
    found[:, 2] = [int(value / (tick * PLACES)) for value in _decimals(table["price"])]
    found[:, 3] = [int(value / (step * PLACES)) for value in _decimals(table["quantity"])]
    found[:, 4] = [STATES.index(state) if state in STATES else 0 for state in table["state"]]
    found[:, 5] = np.where(found[:, 4] > 0, np.asarray(table["updated"]) - response, 0)
    row_of = {int(order): row for row, order in enumerate(table["order_id"])}
    fees, in_base = Decimal(0), 0
    prices, amounts = _decimals(fills["price"]), _decimals(fills["fee"])
    for at, order in enumerate(fills["order_id"]):
        row, price = row_of[int(order)], prices[at] / PLACES
        found[row, 5], found[row, 6] = fills["ts"][at], int(price / tick)
        is_base = definition["kind"] == "spot" and fills["side"][at] == "buy"
        fees += amounts[at] / MONEY * (price if is_base else 1)
        in_base += is_base
    return found, fees, in_base


def _decimals(raw: bytes) -> list[int]:
    return [int.from_bytes(raw[at : at + 16], "little", signed=True) for at in range(0, len(raw), 16)]


def _block(rows: Columns) -> MarketColumns:
    names = ("ts_event", "ts_recv", "price", "qty", "flags", "wide_price", "wide_qty", "price_base", "qty_scale")
    return MarketColumns(**{name: getattr(rows, name) for name in names})
