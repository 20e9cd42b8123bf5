"""The seeded run, in memory and on disk, for the tests of metrics, run folders and reports."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from kedge.backtest.report.page import chart_library
from kedge.backtest.run_folder import RunTables
from kedge.model.errors import UsageError
from tests.unit.backtest import seeded_run

@pytest.fixture(scope="session")
def skip_or_fail() -> Callable[[str], NoReturn]:
    """Ends a test that cannot run here: skipped with the reason, failed where CI is set."""

    def end(reason: str) -> NoReturn:
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    return end


@pytest.fixture(scope="session")
def made() -> RunTables:
    """An hour of two strategies on two instruments, one of them losing; without the metrics in its results."""
    return seeded_run.tables()


@pytest.fixture(scope="session")
def make() -> Callable[..., RunTables]:
    """Makes another: `make(seed=…, seconds=…, fills=…, names=(…, …))`."""
    return seeded_run.tables


@pytest.fixture(scope="session")
def chart_library_there(skip_or_fail: Callable[[str], NoReturn]) -> None:
    """The chart library that set-up puts beside the templates."""
    try:
        chart_library()
    except UsageError as error:
        skip_or_fail(f"{error.message}; {error.hint}")


@pytest.fixture
def write_run(tmp_path: Path, chart_library_there: None) -> Callable[[RunTables], Path]:
    """Writes tables as a run folder with its report; returns the report."""
    return lambda tables: seeded_run.write(tmp_path / "runs" / "a-run", tables)


@pytest.fixture(scope="session")
def written(made: RunTables, tmp_path_factory: pytest.TempPathFactory, chart_library_there: None) -> Path:
    """The report of the seeded run."""
    return seeded_run.write(tmp_path_factory.mktemp("seeded") / "a-run", made)


@pytest.fixture(scope="session")
def many_fills(tmp_path_factory: pytest.TempPathFactory, chart_library_there: None) -> Path:
    """The report of a run with 100,000 fills."""
    return seeded_run.write(tmp_path_factory.mktemp("many") / "a-run", seeded_run.tables(fills=100_000))
