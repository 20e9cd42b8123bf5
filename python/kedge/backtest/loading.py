"""`kedge.load`: a run folder read back as polars frames."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from kedge.backtest.run_folder import META_KEYS, SCHEMA_VERSION, SCHEMAS, checked
from kedge.model.errors import DataError, UsageError

RUNS: Final = Path("runs")
"""Where runs are looked for by name: below the working folder."""

_AGAIN: Final = "`kedge backtest` writes it; run it again, the command is at the end of report.html"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: `meta` is `run.json` whole, `settings` and `results` are parts of it, the rest are its tables.

    Columns, types and units of the frames are in `kedge.backtest.run_folder.SCHEMAS`. In `results` amounts are decimal
    text and statistics are floats.
    """

    path: Path
    meta: dict[str, Any]
    settings: dict[str, Any]
    results: dict[str, Any]
    orders: pl.DataFrame
    fills: pl.DataFrame
    equity: pl.DataFrame
    positions: pl.DataFrame
    candles: pl.DataFrame

    def __repr__(self) -> str:
        return f"<Run {self.path.name}: {len(self.orders)} orders, {len(self.fills)} fills>"


def load(run: str | Path) -> Run:
    """Reads a run: a folder's path, the name of one below `runs`, or `latest`.

    Raises `UsageError` if there is no such run, `DataError` if a file of it is missing, damaged or of a schema that
    this version cannot read.
    """
    folder = find(run)
    meta = _read_meta(folder / "run.json")
    tables = {name: _read_table(folder, name) for name in SCHEMAS}
    return Run(folder, meta, meta["settings"], meta["results"], **tables)


def find(run: str | Path) -> Path:
    """The folder of a run by its path, its name below `runs`, or `latest`. Raises `UsageError` if there is none."""
    named = RUNS / run
    for folder in (Path(run), named):
        if folder.is_dir() and (folder / "run.json").exists():
            return folder
    known = sorted(path.parent.name for path in RUNS.glob("*/run.json") if not path.parent.name.startswith("."))
    if str(run) == "latest" and known:
        return RUNS / known[-1]
    for folder in (Path(run), named):
        if folder.is_dir():
            raise DataError(f"{folder / 'run.json'} is missing: the folder does not hold a run", _AGAIN)
    hint = f"the newest is {known[-1]}" if known else "there is none below ./runs yet: `kedge backtest` makes one"
    raise UsageError(f"run `{run}` is neither a folder nor the name of one below ./runs", hint)


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", _AGAIN) from None
    if not isinstance(meta, dict) or meta.get("schema") != SCHEMA_VERSION:
        was = meta.get("schema", "missing") if isinstance(meta, dict) else "no object"
        hint = f"this Kedge reads schema {SCHEMA_VERSION}: use the Kedge that wrote the run, or run it again"
        raise DataError(f"{path}: `schema` must be {SCHEMA_VERSION}, was {was}", hint)
    missing = [key for key in META_KEYS if key not in meta]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}", _AGAIN)
    return meta


def _read_table(folder: Path, name: str) -> pl.DataFrame:
    path = folder / f"{name}.parquet"
    if not path.exists():
        raise DataError(f"{path} is missing", _AGAIN)
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} cannot be read: {error}", _AGAIN) from None
    try:
        return checked(name, table)
    except DataError as error:
        raise DataError(f"{path}: {error.message}", _AGAIN) from None
