"""Bars from files: the trades they stand for, the rules they are held to, and a run over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kedge.backtest import bookless
from kedge.backtest.run import BacktestRequest, backtest
from kedge.catalog.packing import unpack
from kedge.feeds import bars
from kedge.model.columns import SELL
from kedge.model.errors import DataError, UsageError
from kedge.model.settings import Settings

MINUTE = 60 * 10**9
START = 1_700_000_040 * 10**9
DEFINITION = {
    "id": "BTC/USDT@binance",
    "symbol": "BTCUSDT",
    "kind": "spot",
    "tick_size": "0.1",
    "lot_size": "0.001",
    "quantity_step_in_data": "0.001",
    "min_notional": "5",
    "maker_fee": "0",
    "taker_fee": "0",
}
HEAD = "time,open,high,low,close,volume"
# The first is nearer its high, the second its low.
ROWS = [f"{START},100,101,97,99,8.002", f"{START + MINUTE},99,104,98,103,4"]


def written(folder: Path, rows: list[str], head: str = HEAD) -> Path:
    (folder / "instruments.json").write_text(json.dumps([DEFINITION]))
    path = folder / "bars.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def trades(path: Path, rule: bars.BarPath) -> tuple[list[float], list[int], list[bool], list[int]]:
    (block,) = bars.read(str(path), None, None, rule).blocks
    rows = unpack(block)
    return (
        (rows.price / 10).tolist(),
        rows.qty.tolist(),
        ((rows.flags & SELL) != 0).tolist(),
        ((rows.ts_event - START) // 10**9).tolist(),
    )


def test_a_bar_is_four_trades_along_its_path(tmp_path: Path) -> None:
    path = written(tmp_path, ROWS)
    prices, quantities, sells, seconds = trades(path, "nearer_first")
    assert prices == [100, 101, 97, 99, 99, 98, 104, 103]
    assert quantities == [2000, 2000, 2000, 2002, 1000, 1000, 1000, 1000]
    assert sells == [False, False, True, False, False, True, False, True]
    assert seconds == [0, 20, 40, 59, 60, 80, 100, 119]
    assert trades(path, "farther_first")[0] == [100, 97, 101, 99, 99, 104, 98, 103]
    assert trades(path, "high_first")[0] == [100, 101, 97, 99, 99, 104, 98, 103]
    assert trades(path, "low_first")[0] == [100, 97, 101, 99, 99, 98, 104, 103]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{t},nan,104,98,103,4", "row 3: `open` must be a finite number above 0, was nan"),
        ("{t},99,104,98,,4", "row 3: `close` must be a finite number above 0, was None"),
        ("{t},99,97,98,98,4", "row 3: `high` must not be below `low`, was 97"),
        ("{t},99,104,98,105,4", "row 3: `close` must lie between `low` and `high`, was 105"),
        ("{t},99,104,98,103,-1", "row 3: `volume` must be a finite number, 0 or more, was -1.0"),
        ("1699999999000000000,99,104,98,103,4", "row 3: `time` must be after that of the row before"),
    ],
)
def test_a_bar_that_cannot_be_is_refused_by_file_row_value_and_rule(tmp_path: Path, row: str, said: str) -> None:
    path = written(tmp_path, [ROWS[0], row.format(t=START + MINUTE)])
    with pytest.raises(DataError) as refusal:
        bars.read(str(path), None, None, "nearer_first")
    assert refusal.value.message.startswith(f"{path}, ")
    assert said in refusal.value.message


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no column time, volume; it has day, open"):
        bars.read(str(written(tmp_path, ["1,1,1,1,1"], "day,open,high,low,close")), None, None, "nearer_first")
    (tmp_path / "bars.csv").unlink()
    with pytest.raises(UsageError, match=r"is not there"):
        bars.read(str(tmp_path / "bars.csv"), None, None, "nearer_first")


def test_parquet_and_other_times_read_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, ROWS)
    frame = pl.read_csv(path)
    expected = trades(path, "nearer_first")
    for column in (frame["time"] // 10**6, frame["time"].cast(pl.Datetime("ns", "UTC")).dt.to_string("iso:strict")):
        other = tmp_path / "bars.parquet"
        frame.with_columns(column.alias("time")).write_parquet(other)
        assert trades(other, "nearer_first") == expected


def test_what_the_law_of_impact_takes_from_the_data(tmp_path: Path) -> None:
    prices = [100 * 1.001 ** (-1) ** n for n in range(1440)]
    rows = [f"{START + n * MINUTE},{p:.1f},{p:.1f},{p:.1f},{p:.1f},10" for n, p in enumerate(prices)]
    stream = bars.read(str(written(tmp_path, rows)), None, None, "nearer_first")
    law = bookless.impact([stream], 1.0)["BTC/USDT@binance"]
    assert law["volume"] == pytest.approx(14_400, rel=1e-3)
    assert law["volatility"] == pytest.approx(0.002 * np.sqrt(1440), rel=2e-2)
    assert bookless.impact([stream], 0.0) == {}


STRATEGY = """
from kedge import Strategy

class Both(Strategy):
    def on_start(self, ctx):
        ctx.bars("1m")

    def on_bar(self, ctx, bar):
        ctx.cancel_all()
        ctx.buy(0.5, bar.close - 1.5)
        ctx.sell(0.5, bar.close + 1.5)
        ctx.buy(2.0)
"""


def run(folder: Path, path: Path, **settings: Any) -> dict[str, Any]:
    (folder / "both.py").write_text(STRATEGY)
    backtest_settings = {"out": str(folder / "runs"), "fills": "whole", **settings}
    whole = Settings.model_validate(
        {
            "account": {"balances": {"USDT": "100000", "BTC": "10"}},
            "backtest": backtest_settings,
            "latency": {"entry": "0ns", "response": "0ns"},
            "risk": {"stale_after": "1h"},
        }
    )
    made = backtest(BacktestRequest(whole, strategy=folder / "both.py", data=[str(path)]))
    meta: dict[str, Any] = json.loads((made / "run.json").read_text())
    return meta | {"fills": pl.read_parquet(made / "fills.parquet")}


def test_a_run_over_bars_says_what_their_order_decided(tmp_path: Path) -> None:
    closes = [100.0, 100.5]
    rows = [f"{START + n * MINUTE},{closes[n % 2]},103,97,{closes[1 - n % 2]},60" for n in range(30)]
    path = written(tmp_path, [row for n, row in enumerate(rows) if n != 9])
    found = run(tmp_path, path)
    results, fills = found["results"], found["fills"]
    makers = fills.filter(pl.col("liquidity") == "maker")
    assert len(makers) > 50
    assert results["intrabar_fills"] == len(makers)
    assert results["intrabar_pnl"] == pytest.approx(float(makers["realised_pnl"].sum()))
    said = " ".join(found["warnings"])
    assert "fills fell on both sides within one bar" in said
    assert "1 bars are missing in the middle" in said

    def paid(fills: pl.DataFrame) -> set[float]:
        return set(fills.filter(pl.col("liquidity") == "taker")["price"].cast(pl.Float64))

    assert paid(run(tmp_path, path, impact=0)["fills"]) == set(closes)
    assert min(paid(fills)) > min(closes), "a taker moves the price"
    assert max(paid(fills)) > max(closes)
