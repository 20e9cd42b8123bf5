"""The seeded run, in memory and on disk, for the tests of metrics, run folders and reports."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from kedge.backtest.report.page import chart_library
from kedge.backtest.run_folder import RunTables
from kedge.model.errors import UsageError

# The machine may be busy: how long one example takes says nothing.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: opens the report in Chromium")


def _load_seeded_run() -> ModuleType:
    path = Path(__file__).with_name("seeded_run.py")
    spec = importlib.util.spec_from_file_location("seeded_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


seeded_run = _load_seeded_run()


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
