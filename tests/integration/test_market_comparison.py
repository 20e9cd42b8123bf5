"""The seeded market beside the recorded ones, whole: figures within a factor, files written, errors named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kedge.backtest.market import compare
from kedge.model.errors import UsageError

SPOT = ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")
PERPETUAL = ("usdm_btcusdt_20240808.gz",)
# How many times more or less of it the seeded market may have. docs/seeded-market.md says how close it is.
FACTORS = {
    "rows": 1.3,
    "quotes": 1.3,
    "deltas": 1.3,
    "tight": 1.03,
    "touch": 2.0,
    "depth_5bp": 1.5,
    "depth_10bp": 1.4,
    "depth_25bp": 1.5,
    "levels_10bp": 1.25,
    "fills": 2.5,
    "orders": 1.8,
    "volume": 2.0,
    "size_median": 1.6,
    "size_p90": 1.8,
    "size_p99": 2.0,
    "dispersion_1s": 2.0,
    "removes": 1.4,
    "adds": 1.4,
    "within_10bp": 1.2,
    "far": 1.4,
    "volatility_1s": 2.0,
}


@pytest.fixture(scope="module", params=[SPOT, PERPETUAL], ids=["spot", "perpetual"])
def found(request: pytest.FixtureRequest, recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    files = [str(recorded / name) for name in request.param]
    return compare(files, None, None, 7, tmp_path_factory.mktemp("images"))


def test_the_seeded_market_is_within_a_factor_of_the_recorded_one(found: dict[str, Any]) -> None:
    table = {row["key"]: row for row in found["table"]}
    apart = {}
    for key, factor in FACTORS.items():
        ratio = table[key]["seeded"] / table[key]["recorded"]
        if not 1 / factor <= ratio <= factor:
            apart[key] = (ratio, factor)
    assert apart == {}


def test_the_sheet_is_written(found: dict[str, Any]) -> None:
    [sheet] = map(Path, found["plots"])
    assert sheet.is_file()
    assert found["seed"] == 7


def test_recorded_figures_are_those_counted_in_the_files(recorded: Path) -> None:
    found = compare([str(recorded / SPOT[0])], None, 10**10, 1, None)
    figures = {row["key"]: row["recorded"] for row in found["table"]}
    # 9,757 trade messages and 28,040 bookTicker messages in 345.9 seconds.
    assert figures["fills"] == pytest.approx(9_757 / 345.9, rel=1e-3)
    assert figures["quotes"] == pytest.approx(28_040 / 345.9, rel=1e-3)
    assert found["plots"] == []


def test_files_of_two_instruments_are_refused(recorded: Path) -> None:
    with pytest.raises(UsageError, match="must be of one instrument, was of BTC/USDT:USDT@binance, BTC/USDT@binance"):
        compare([str(recorded / name) for name in (SPOT[0], *PERPETUAL)], None, None, 1, None)
