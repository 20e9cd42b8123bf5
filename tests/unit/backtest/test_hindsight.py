"""The report's second look: parts that add up in a drawing, a curve of markouts, and what survives."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kedge.backtest.loading import load
from kedge.backtest.report import graphics, hindsight
from kedge.backtest.report.view import View
from kedge.backtest.run_folder import RunTables


@pytest.fixture
def look(write_run: Callable[[RunTables], Path]) -> Callable[[RunTables], View]:
    return lambda tables: View(load(write_run(tables).parent))


def steps(drawn: str) -> list[tuple[float, float]]:
    """Where each bar begins and ends: one that rises goes to the right."""
    found = re.findall(r'<rect x="([\d.]+)" y="3" width="([\d.]+)" height="8" class="(up|down)"', drawn)
    ends = [(float(left), float(left) + float(width), way) for left, width, way in found]
    return [(left, right) if way == "up" else (right, left) for left, right, way in ends]


def test_the_steps_of_the_sum_meet(made: RunTables, look: Callable[[RunTables], View]) -> None:
    drawn = steps(hindsight.attribution(look(made)))
    assert len(drawn) >= 4
    zero = drawn[-1][0]
    for before, after in itertools.pairwise([(zero, zero), *drawn[:-1]]):
        assert after[0] == pytest.approx(before[1], abs=0.2), "a step begins where the one before it ended"
    assert drawn[-1][1] == pytest.approx(drawn[-2][1], abs=0.2), "and the last sum is the PnL"
    assert all(0 <= end <= 100.3 for step in drawn for end in step)


@pytest.mark.parametrize(("start", "end", "class_"), [(0, 3, "up"), (3, -2, "down"), (-2, -1, "up")])
def test_a_step_goes_from_one_sum_to_the_next(start: float, end: float, class_: str) -> None:
    drawn = graphics.waterfall(start, end, -5, 5) or ""
    assert steps(drawn)[0] == pytest.approx((1 + 9.8 * (start + 5), 1 + 9.8 * (end + 5)), abs=0.01)
    assert f'class="{class_}"' in drawn
    assert graphics.waterfall(0, 0, 0, 0) is None
    assert steps(graphics.waterfall(1, 1, 0, 2) or "") == []


def test_the_curve_says_what_it_draws(made: RunTables, look: Callable[[RunTables], View]) -> None:
    view = look(made)
    drawn = hindsight.markout_curve(view)
    maker = next(cost for cost in view.costs() if cost.name == "maker")
    assert maker.markouts[10] is not None
    assert f"{abs(maker.markouts[10]):.2f}" in drawn
    assert {"of-maker", "of-toxic", "of-taker"} <= set(re.findall(r"of-\w+", drawn))
    points = [float(y) for y in re.findall(r'cy="([\d.]+)"', drawn)]
    assert all(0 < y < graphics.HEIGHT for y in points)


def test_the_curve_needs_a_mid(made: RunTables, look: Callable[[RunTables], View]) -> None:
    import polars as pl

    columns = [f"markout_{seconds}s{unit}" for seconds in (1, 10, 60) for unit in ("", "_bps")]
    blind = made.fills.with_columns(pl.lit(None, made.fills.schema[name]).alias(name) for name in columns)
    assert "no markout curve" in hindsight.markout_curve(look(dataclasses.replace(made, fills=blind)))


def test_names_at_the_ends_of_lines_do_not_cover_each_other() -> None:
    lines = [graphics.Curve(name, [0.0, 1.0 + at / 100], [None, None]) for at, name in enumerate("abc")]
    drawn = graphics.curves(lines, ["at the fill", "1 s"], "bps")
    places = sorted(float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)">[abc] ', drawn))
    assert len(places) == 3
    assert all(after - before >= 15.9 for before, after in itertools.pairwise(places))


def row(name: str, pnl: str, fees: str = "1") -> dict[str, Any]:
    parts = dict.fromkeys(("spread_earned", "adverse_selection", "inventory_pnl", "funding"), "0.5")
    return {"name": name, "pnl": pnl, "fees": fees, "fills": 12, "sharpe": 1.5, "sharpe_se": None, **parts}


def test_without_harder_runs_the_report_says_how_to_make_them(
    made: RunTables, look: Callable[[RunTables], View]
) -> None:
    assert "Run it with --stress" in hindsight.survival(look(made))


def test_what_survives_is_one_table(made: RunTables, look: Callable[[RunTables], View]) -> None:
    rows = [row("as assumed", "5"), row("fees × 2", "-3"), row("latency × 2", "1"), row("both × 2", "-9")]
    results = {**made.meta["results"], "stress": rows}
    drawn = hindsight.survival(look(dataclasses.replace(made, meta={**made.meta, "results": results})))
    assert drawn.count("<tr") == 5
    assert "It does not survive fees × 2, nor both × 2." in drawn
    assert "−9.00" in drawn
