"""Input that a run can honestly go on with is counted at the head of its report; what needs too much is refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kedge.backtest import loading, markets, memory
from kedge.backtest.run import BacktestRequest, backtest
from kedge.catalog import Catalog
from kedge.model.errors import DataError, UsageError
from kedge.model.settings import Settings
from tests.unit.feeds import conftest as recording

QUIET = """from kedge import Strategy

class Quiet(Strategy):
    def on_start(self, ctx):
        ctx.every("1s")

    def on_timer(self, ctx, timer):
        {line}
"""


@pytest.fixture
def run(tmp_path: Path, chart_library_there: None) -> Callable[..., loading.Run]:
    """Runs a line of strategy over recorded lines or the seeded market, and loads what it leaves."""

    def run(line: str = "pass", lines: Sequence[str] | None = None, **more: Any) -> loading.Run:
        strategy = tmp_path / "quiet.py"
        strategy.write_text(QUIET.format(line=line))
        settings = Settings.model_validate({"backtest": {"out": str(tmp_path / "runs"), **more.pop("backtest", {})}})
        if lines is not None:
            more["data"] = [str(write(tmp_path, lines))]
        return loading.load(backtest(BacktestRequest(settings=settings, strategy=strategy, **more)))

    return run


def write(folder: Path, lines: Sequence[str]) -> Path:
    """A recording of the lines, with the definitions beside it."""
    (folder / "instruments.json").write_text(json.dumps(recording.DEFINITIONS))
    path = folder / "lines.gz"
    path.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode()))
    return path


def test_an_order_below_the_minimum_is_counted_with_the_bound(run: Callable[..., loading.Run]) -> None:
    made = run("ctx.buy(0.00001, 60000)", seeded=5 * 10**9)
    assert made.results["refusals"] == {"below_min_notional": 4}
    assert made.meta["warnings"] == [
        "4 orders were not sent: less than the least notional (5 of BTC/USDT@simulated) (`below_min_notional`)."
    ]
    assert "4 orders were not sent" in (made.path / "report.html").read_text(encoding="utf-8")


def test_a_clock_set_back_is_counted(run: Callable[..., loading.Run]) -> None:
    lines = recording.a_minute(recording.START, 1_000)
    when, _, rest = lines[300].partition(" ")
    back = f"{int(when) - 150 * recording.MS} {rest}"
    made = run(lines=[*lines[:300], back, *lines[301:]])
    assert any("1 messages were received before one ahead" in text for text in made.meta["warnings"])


def test_a_gap_in_the_middle_is_counted(run: Callable[..., loading.Run]) -> None:
    lines = recording.a_minute(recording.START, 1_000)
    made = run("ctx.buy(0.001, 60000)", lines=[*lines[:200], *lines[260:]])
    assert made.results["gaps"] == 1
    assert any("The recording has 1 gaps" in text for text in made.meta["warnings"])
    assert made.results["refusals"]["book_not_in_sync"] > 30


def test_data_that_runs_back_names_file_row_value_and_rule(run: Callable[..., loading.Run]) -> None:
    lines = recording.a_minute(recording.START, 1_000)
    early = recording.START - 60 * 10**9
    with pytest.raises(DataError) as caught:
        run(lines=[*lines[:100], recording.trade(early, 5), *lines[100:]])
    assert "lines.gz: line 101: `receive time`" in caught.value.message
    assert str(early) in caught.value.message
    assert "run back by at most" in caught.value.message


@pytest.mark.parametrize(
    "more", [{"seeded": 10 * 3_600 * 10**9}, {"lines": recording.a_minute(recording.START, 1_000)}]
)
def test_memory_is_refused_before_the_run(
    run: Callable[..., loading.Run], more: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        run(backtest={"memory_gb": 0.00002}, **more)
    assert "of memory for" in caught.value.message
    assert "20.0 kB are allowed by `memory_gb` in [backtest]" in caught.value.message
    assert "shorter stretch" in caught.value.hint
    assert list((tmp_path / "runs").glob("*")) == []


def test_what_is_needed_is_near_what_is_read() -> None:
    """An hour of the seeded market, guessed from its first minute."""
    with pytest.raises(UsageError) as caught:
        memory.require_for_seeded(None, 3_600 * 10**9, 7, 0.01)
    rows = int(caught.value.message.partition(" rows")[0].rpartition(" ")[2].replace(",", ""))
    assert 2_000_000 < rows < 4_500_000


def test_what_a_catalog_maps_needs_no_columns(tmp_path: Path) -> None:
    """Of the whole catalog, and of one instrument of it."""
    stream = markets.seeded_market(None, 5 * 10**9, 7, None).streams[0]
    Catalog(tmp_path).write(stream)
    rows = sum(map(len, stream.blocks))
    enough = rows * memory.RUN_BYTES
    for name in (str(tmp_path), f"{tmp_path}#{stream.instrument['id']}"):
        memory.require_for_recorded([name], None, None, enough / memory.GB)
        with pytest.raises(UsageError, match=f"for {rows:,} rows"):
            memory.require_for_recorded([name], None, None, (enough - 1) / memory.GB)
    with pytest.raises(UsageError):
        memory.require(rows, rows, enough / memory.GB)


def test_the_largest_file_is_decoded_before_the_run() -> None:
    """Two files of a row each need less at once than one of two."""
    column, run, decoding = memory.COLUMN_BYTES, memory.RUN_BYTES, memory.DECODING_BYTES
    for decoded, needed in ((2, 2 * column + 2 * decoding), (1, 2 * column + decoding), (0, 2 * column + 2 * run)):
        memory.require(2, 2, needed / memory.GB, decoded)
        with pytest.raises(UsageError):
            memory.require(2, 2, (needed - 1) / memory.GB, decoded)


def test_what_the_machine_has_free_is_known() -> None:
    assert (memory.available() or 0) > 10**6
