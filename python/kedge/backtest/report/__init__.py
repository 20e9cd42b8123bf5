"""The report of a run: one HTML file that opens without a network and holds every figure with its formula.

In: a run folder. Out: `report.html` in it. Units are in the heads of the columns; times are UTC.
Raises: `UsageError` if there is no such run or the chart library was not set up, `DataError` if a table is damaged.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kedge.backtest.loading import load
from kedge.backtest.report.page import render

__all__ = ["render", "write"]


def write(run_folder: Path) -> Path:
    """Writes `report.html` into the run folder, whole or not at all, over an older one; returns its path."""
    page = render(load(run_folder))
    target = run_folder / "report.html"
    handle, name = tempfile.mkstemp(prefix=".report-", suffix=".partial", dir=run_folder)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target
