"""The same run under dearer fees and longer latencies: what is doubled, what is shared, and what the table says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kedge.backtest import loading, stress
from kedge.backtest.report import words
from kedge.backtest.run import BacktestRequest, backtest
from kedge.backtest.spec import RunSpec
from kedge.cli.run_summary import stress_table
from kedge.model.columns import NO_TIME, MarketColumns
from kedge.model.settings import Settings

QUOTING = Path(__file__).resolve().parents[3] / "examples" / "quoting.py"
PERPETUAL = {"maker_fee": "0.0002", "taker_fee": "0.0005", "id": "BTC/USDT:USDT@binance"}
ENGINE = {"feed_ns": None, "entry_ns": 5, "response_ns": 7, "seed": 3}


@pytest.fixture(scope="module")
def stressed(tmp_path_factory: pytest.TempPathFactory, chart_library_there: None) -> loading.Run:
    """Two minutes of quotes on the seeded perpetual, whose fees no strategy can see."""
    return made(tmp_path_factory.mktemp("stressed"), stress=True)


def made(folder: Path, on_progress: Callable[[int, int], None] | None = None, **more: Any) -> loading.Run:
    settings = Settings.model_validate({"backtest": {"out": str(folder)}})
    asked = {"seeded": 120 * 10**9, "instrument": "BTC/USDT:USDT@simulated", "funding": "none", **more}
    return loading.load(backtest(BacktestRequest(settings=settings, strategy=QUOTING, **asked), on_progress))


def test_the_first_row_is_the_run_itself(stressed: loading.Run) -> None:
    rows = stressed.results["stress"]
    assert [(row["fees_times"], row["latency_times"]) for row in rows] == [(1, 1), (2, 1), (1, 2), (2, 2)]
    assert {name: rows[0][name] for name in stress.COLUMNS} == {name: stressed.results[name] for name in stress.COLUMNS}


def test_twice_the_fees_of_the_same_trades(stressed: loading.Run) -> None:
    base, dearer, later, both = stressed.results["stress"]
    assert float(dearer["fees"]) == pytest.approx(2 * float(base["fees"]), abs=1e-6)
    for name in ("fills", "spread_earned", "adverse_selection", "inventory_pnl"):
        assert dearer[name] == base[name], name
        assert both[name] == later[name], name
    assert later["fills"] != base["fills"], "who is slower trades otherwise"


def test_every_row_adds_up(stressed: loading.Run) -> None:
    for row in stressed.results["stress"]:
        parts = ("spread_earned", "adverse_selection", "inventory_pnl", "funding")
        assert sum(Decimal(row[part]) for part in parts) - Decimal(row["fees"]) == Decimal(row["pnl"])


def test_the_parts_of_two_strategies_are_those_of_the_account(tmp_path: Path, chart_library_there: None) -> None:
    entry = {"file": str(QUOTING), "instrument": "BTC/USDT:USDT@simulated"}
    both = [{"name": "near", **entry}, {"name": "far", **entry, "params": {"half_spread": 3.0}}]
    settings = Settings.model_validate({"backtest": {"out": str(tmp_path)}, "strategy": both})
    run = loading.load(backtest(BacktestRequest(settings=settings, seeded=120 * 10**9, instrument=entry["instrument"])))
    splits = {name: {part: Decimal(made) for part, made in own.items()} for name, own in run.meta["splits"].items()}
    assert set(splits) == {"", "near", "far"}
    assert all(splits[""][part] == splits["near"][part] + splits["far"][part] for part in splits[""])
    assert splits["near"] != splits["far"]
    for name, own in splits.items():
        assert own.pop("unexplained") == 0
        made = run.results["strategies"][name]["pnl"] if name else run.results["pnl"]
        assert sum(own.values()) == Decimal(made)


def test_the_run_is_the_same_with_and_without_and_progress_never_falls(stressed: loading.Run, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    alone = made(tmp_path / "a", lambda done, total: told.append((done, total)))
    assert alone.results["trace_hash"] == stressed.results["trace_hash"]
    assert "stress" not in alone.results
    told.clear()
    made(tmp_path / "b", lambda done, total: told.append((done, total)), stress=True)
    running = [done / total for done, total in told[len(told) - 4 * 202 :]]
    assert running == sorted(running)
    assert running[-1] == 1.0


def test_a_rebate_is_taken_away() -> None:
    tiers = [{"volume": "0", "maker": "0.0001", "taker": "0.0004"}, {"volume": "9", "maker": "-0.0001", "taker": "0"}]
    spec = RunSpec(ENGINE, [{**PERPETUAL, "maker_fee": "-0.0001", "fee_tiers": tiers}], [], {}, 1.0)
    harder = stress.Stress("", 2, 2).spec(spec)
    assert (harder.instruments[0]["maker_fee"], harder.instruments[0]["taker_fee"]) == ("0", "0.0010")
    rates = [(tier["volume"], tier["maker"], tier["taker"]) for tier in harder.instruments[0]["fee_tiers"]]
    assert rates == [("0", "0.0002", "0.0008"), ("9", "0", "0")]
    assert harder.engine == {"feed_ns": None, "entry_ns": 10, "response_ns": 14, "seed": 3}
    assert stress.AS_ASSUMED.spec(spec) == spec


def test_a_recorded_feed_is_told_later_by_as_much_again() -> None:
    times = np.array([100, 200, NO_TIME, 300])
    wide = np.zeros(0, np.int64)
    rows = np.zeros(4, np.int32)
    heard = np.array([110, 205, 206, 299])
    block = MarketColumns(times, heard, rows, rows, np.zeros(4, np.uint8), wide, wide, 0, 1)
    spec = RunSpec(ENGINE, [PERPETUAL], [], {}, 1.0)
    assert stress.Stress("", 1, 2).blocks(spec, [[block]])[0][0].ts_recv.tolist() == [120, 210, 206, 299]
    assert stress.Stress("", 2, 1).blocks(spec, [[block]])[0][0] is block
    constant = replace(spec, engine={**ENGINE, "feed_ns": 3})
    assert stress.Stress("", 1, 2).blocks(constant, [[block]])[0][0] is block


def test_the_table_of_the_terminal(stressed: loading.Run) -> None:
    [table] = stress_table(stressed.meta)
    assert table.row_count == 4
    assert stress_table({"results": {}}) == []


@pytest.mark.parametrize(
    ("pnl", "fees", "harder", "said"),
    [
        ("-5", "3", ["-8"], "It loses 2.00 USDT before any fee: dearer or slower trading is not what kills it."),
        ("-1", "4", ["-5"], "It makes 3.00 USDT before fees and breaks even where they are 0.75 times what was "
         "assumed. It does not survive its own costs."),
        ("2", "4", ["-2", "1"], "It makes 6.00 USDT before fees and breaks even where they are 1.5 times what was "
         "assumed. It does not survive a."),
        ("9", "4", ["5", "1"], "It makes 13.00 USDT before fees and breaks even where they are 3.2 times what was "
         "assumed. It survives all of them."),
    ],
)  # fmt: skip
def test_a_sentence_says_how_the_pnl_dies(pnl: str, fees: str, harder: list[str], said: str) -> None:
    rows = [{"name": "as assumed", "pnl": pnl, "fees": fees}]
    rows += [{"name": name, "pnl": worse} for name, worse in zip("ab", harder, strict=False)]
    assert words.survival(rows, "USDT", 2) == said


def test_fees_by_tiers_and_of_liquidations_are_dearer_too() -> None:
    tiers = [{"volume": "0", "maker": "-0.0001", "taker": "0.0004"}]
    definition = {**PERPETUAL, "fee_tiers": tiers, "liquidation_fee": "0.0125"}
    spec = RunSpec(ENGINE, [definition], [], {}, 2.0)
    [harder] = stress.Stress("", 2, 1).spec(spec).instruments
    assert harder["fee_tiers"] == [{"volume": "0", "maker": "0", "taker": "0.0008"}]
    assert harder["liquidation_fee"] == "0.0250"
