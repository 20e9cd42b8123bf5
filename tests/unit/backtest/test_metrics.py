"""Every metric against a run worked out by hand, and what holds for any run."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kedge.backtest import metrics
from kedge.backtest.run_folder import SCHEMAS, RunTables
from kedge.backtest.track import SECONDS_A_YEAR, Track
from kedge.model.errors import UsageError

START = datetime(2024, 8, 8, tzinfo=UTC)
SPOT = "BTC/USDT@binance"
META = {
    "strategies": [{"name": "a", "instrument": SPOT}],
    "instruments": [{"id": SPOT, "lot_size": "0.001"}],
}
SPLIT = {"spread": "2", "adverse_selection": "-1.5", "inventory": "4", "fees": "-0.5", "funding": "0"}


def run_of(
    equity: list[str], positions: list[str] | None = None, fills: list[dict[str, Any]] | None = None
) -> RunTables:
    """A run sampled every 10 s with one strategy that is the whole account; the mid is 100."""
    held = positions or ["0"] * len(equity)
    rows = []
    for number, (worth, position) in enumerate(zip(equity, held, strict=True)):
        common = {"ts": START + timedelta(seconds=10 * number), "equity": Decimal(worth), "cash": Decimal(worth)}
        rows.append(common | {"strategy": "", "position": None, "price": None})
        rows.append(common | {"strategy": "a", "position": Decimal(position), "price": 100.0})
    orders = [
        {
            "strategy": "a", "instrument": SPOT, "order_id": number, "side": "buy", "kind": "limit",
            "time_in_force": "GTC", "price": Decimal(100), "quantity": Decimal(1), "filled": Decimal(filled),
            "state": "filled", "reason": None, "created": START, "updated": START,
        }
        for number, filled in enumerate([1, 1, 0, 0])
    ]  # fmt: skip
    frames = {
        name: pl.DataFrame(made, schema=SCHEMAS[name])
        for name, made in {
            "orders": orders,
            "equity": rows,
            "fills": fills or [],
            "positions": [],
            "candles": [],
        }.items()
    }
    return RunTables(META, **frames)


def fill_at(seconds: float, side: str, price: str, quantity: str, position: str, **more: Any) -> dict[str, Any]:
    ts = START + timedelta(seconds=seconds)
    return {
        "ts": ts, "ts_recv": ts, "strategy": "a", "instrument": SPOT, "order_id": 1, "trade_id": 1, "side": side,
        "price": Decimal(price), "quantity": Decimal(quantity), "liquidity": "maker", "fee": Decimal("0.1"),
        "fee_currency": "USDT", "position": Decimal(position), "realised_pnl": Decimal(0), "queue_ahead": None,
        "mid": 100.0, **more,
    }  # fmt: skip


def worked() -> RunTables:
    """1 bought at 99 and sold at 102, 2 bought at 100 as a taker; equity 1000, 1003, 999, 1001, 1006, 1004."""
    fills = [
        fill_at(1, "buy", "99", "1", "1", toxic=False, markout_10s=Decimal(1), markout_60s=Decimal("0.5")),
        fill_at(21, "sell", "102", "1", "0", toxic=True, realised_pnl=Decimal(3), markout_10s=Decimal(2)),
        fill_at(30, "buy", "100", "2", "2", liquidity="taker", fee=Decimal("0.3"), mid=99.5, markout_10s=Decimal(0)),
    ]
    run = run_of(["1000", "1003", "999", "1001", "1006", "1004"], ["0", "1", "1", "0", "2", "2"], fills)
    return dataclasses.replace(run, meta={**run.meta, "splits": {"": SPLIT, "a": SPLIT}})


CHANGES = [3, -4, 2, 5, -2]
MEAN = 0.8
DEVIATION = math.sqrt(sum((change - MEAN) ** 2 for change in CHANGES) / 4)
MOMENTS = {order: sum((change - MEAN) ** order for change in CHANGES) / 5 for order in (2, 3, 4)}
SKEW, KURT = MOMENTS[3] / MOMENTS[2] ** 1.5, MOMENTS[4] / MOMENTS[2] ** 2
RATIO = MEAN / DEVIATION
ERROR = math.sqrt((1 - SKEW * RATIO + (KURT - 1) / 4 * RATIO**2) / 4)
YEAR = math.sqrt(SECONDS_A_YEAR / 10)

EXPECTED: dict[str, Any] = {
    "pnl": Decimal(4),
    "pnl_fraction": 0.004,
    "spread_earned": Decimal(2),
    "adverse_selection": Decimal("-1.5"),
    "inventory_pnl": Decimal(4),
    "funding": Decimal(0),
    "fees": Decimal("0.5"),
    "turnover": Decimal(401),
    "pnl_per_turnover": 1e4 * 4 / 401,
    "max_drawdown": Decimal(4),
    "max_drawdown_fraction": 4 / 1003,
    "max_drawdown_at": START + timedelta(seconds=20),
    "max_drawdown_seconds": 30.0,
    "exposure": 600 / 6,
    "exposure_max": 200.0,
    "time_in_market": 4 / 6,
    "sharpe": RATIO * YEAR,
    "sharpe_se": ERROR * YEAR,
    "sharpe_per_sample": RATIO,
    "sharpe_above_zero": (1 + math.erf(RATIO / ERROR / math.sqrt(2))) / 2,
    "skewness": SKEW,
    "kurtosis": KURT,
    "samples": 6,
    "sample_seconds": 10.0,
    "orders": 4,
    "orders_filled": 0.5,
    "fills": 3,
    "maker_share": 201 / 401,
    "round_trips": 1,
    "win_share": 1.0,
    "holding_seconds": 20.0,
    "toxic_share": 0.5,
    "markout_1s": None,
    "markout_10s": 1e4 * (1 + 2 + 0) / 401,
    "markout_60s": 1e4 * 0.5 / 99,
}


@pytest.mark.parametrize("strategy", ["", "a"])
def test_every_metric_by_hand(strategy: str) -> None:
    values = metrics.measure(worked(), strategy)
    assert list(values) == list(EXPECTED)
    for name, expected in EXPECTED.items():
        assert values[name] == (pytest.approx(expected) if isinstance(expected, float) else expected), name


def test_every_metric_says_what_it_is() -> None:
    assert len({metric.name for metric in metrics.METRICS}) == len(metrics.METRICS)
    for metric in metrics.METRICS:
        assert metric.label, metric.name
        assert metric.meaning.endswith("."), metric.name
        assert len(metric.formula) > 3, metric.name


def test_results_hold_what_the_run_folder_promises() -> None:
    promised = {"orders", "fills", "pnl", "fees", "turnover", "max_drawdown", "max_drawdown_fraction", "sharpe"}
    promised |= {"sharpe_se", "sharpe_per_sample", "sample_seconds", "samples"}
    results = metrics.results(worked())
    assert promised <= set(results)
    assert promised | {"position"} <= set(results["strategies"]["a"])
    assert results["strategies"]["a"]["position"] == 2


def test_unknown_strategy() -> None:
    with pytest.raises(UsageError, match="`b` is not in the run") as caught:
        metrics.measure(worked(), "b")
    assert "a" in caught.value.hint


@pytest.mark.parametrize("equity", [[], ["1000"], ["1000", "1000.1"], ["1000", "1000.1", "1000.2", "1000.3"]])
def test_undefined_is_none_never_nan(equity: list[str]) -> None:
    values = metrics.measure(run_of(equity))
    for name in ("sharpe", "sharpe_se", "sharpe_per_sample", "skewness", "kurtosis", "sharpe_above_zero"):
        assert values[name] is None, name
    for name in ("pnl_per_turnover", "maker_share", "win_share", "holding_seconds", "markout_10s"):
        assert values[name] is None, name
    assert_finite(values)


def assert_finite(values: dict[str, Any]) -> None:
    for name, value in values.items():
        assert not isinstance(value, float) or math.isfinite(value), name


def test_a_fee_that_cannot_be_valued_leaves_fees_undefined() -> None:
    values = metrics.measure(run_of(["1", "2"], fills=[fill_at(1, "buy", "99", "1", "1", fee_currency="BNB")]))
    assert values["fees"] is None


def test_drawdown_that_lasts_until_the_end() -> None:
    drawdown = Track(run_of(["10", "12", "12", "9", "11"])).drawdown
    assert drawdown is not None
    assert (drawdown.depth, drawdown.fraction, drawdown.recovered) == (3, 0.25, False)
    # From the last sample at the peak.
    assert drawdown.seconds == 20.0


def test_fraction_of_a_peak_that_is_not_positive_is_undefined() -> None:
    values = metrics.measure(run_of(["0", "5", "-5"]))
    assert values["max_drawdown"] == 10
    assert values["max_drawdown_fraction"] is None
    assert values["pnl_fraction"] is None


amounts = st.decimals(Decimal(1), Decimal(10**6), places=16)


@settings(max_examples=50)
@given(st.lists(amounts, min_size=1, max_size=30))
def test_drawdown_is_the_worst_of_all_pairs(equity: list[Decimal]) -> None:
    values = metrics.measure(run_of([str(worth) for worth in equity]))
    pairs = [(early, late) for at, early in enumerate(equity) for late in equity[at:]]
    assert values["max_drawdown"] == max(early - late for early, late in pairs)
    assert values["max_drawdown_fraction"] == pytest.approx(max(float((e - late) / e) for e, late in pairs), abs=1e-12)
    assert values["pnl"] == equity[-1] - equity[0]
    assert_finite(values)


def test_the_seeded_run_adds_up(made: RunTables) -> None:
    account = metrics.measure(made)
    each = [metrics.measure(made, entry["name"]) for entry in made.meta["strategies"]]
    for name in ("pnl", "fees", "turnover", "fills", "orders", "round_trips"):
        assert account[name] == sum(values[name] for values in each), name
    assert account["fees"] == made.fills["fee"].sum()
    for values in (account, *each):
        parts = [values[name] for name in ("spread_earned", "adverse_selection", "inventory_pnl", "funding")]
        assert sum(parts) - values["fees"] == values["pnl"]
    assert_finite(account)


def test_order_of_the_rows_does_not_matter(made: RunTables) -> None:
    mixed = dataclasses.replace(made, equity=made.equity.sample(fraction=1, shuffle=True, seed=1))
    assert metrics.measure(mixed) == metrics.measure(made)
    assert Track(mixed).exposure.tolist() == Track(made).exposure.tolist()
