"""The run folder: what a backtest leaves behind, written whole or not at all.

    <UTC yyyymmddThhmmss>-<name>-<first 8 of the trace hash>/
        run.json                what was run, on which data, under which assumptions, and its results
        orders.parquet fills.parquet equity.parquet positions.parquet candles.parquet
        strategies/<file>       the sources, as they ran
        report.html             written by `kedge.backtest.report`
        journal/                only where the run was journaled

`RunTables` is all of it as plain values. The folder is put together beside its place under a hidden name, synced, and
renamed: a run that failed half-way leaves nothing, and a folder that is there already is never touched.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from kedge.model.errors import DataError, UsageError

SCHEMA_VERSION: Final = 2
SOURCES: Final = (".py", ".toml")
"""What the names of strategies' sources end in."""

_Kinds = dict[str, pl.DataType | type[pl.DataType]]

_TIME: Final = pl.Datetime("ns", "UTC")
_AMOUNT: Final = pl.Decimal(38, 12)
_MONEY: Final = pl.Decimal(38, 16)

_COLUMNS: Final[dict[str, _Kinds]] = {
    "orders": {
        "strategy": pl.String,
        "instrument": pl.String,
        "order_id": pl.UInt64,
        "side": pl.String,
        "kind": pl.String,
        "time_in_force": pl.String,
        "price": _AMOUNT,
        "quantity": _AMOUNT,
        "filled": _AMOUNT,
        "state": pl.String,
        "reason": pl.String,
        "created": _TIME,
        "updated": _TIME,
    },
    "fills": {
        "ts": _TIME,
        "ts_recv": _TIME,
        "strategy": pl.String,
        "instrument": pl.String,
        "order_id": pl.UInt64,
        "trade_id": pl.UInt64,
        "side": pl.String,
        "price": _AMOUNT,
        "quantity": _AMOUNT,
        "liquidity": pl.String,
        "fee": _MONEY,
        "fee_currency": pl.String,
        "position": _AMOUNT,
        "realised_pnl": _MONEY,
        "queue_ahead": _AMOUNT,
        "queue_ahead_at_fill": _AMOUNT,
        "toxic": pl.Boolean,
        "mid": pl.Float64,
        "markout_1s": _MONEY,
        "markout_10s": _MONEY,
        "markout_60s": _MONEY,
        "markout_1s_bps": pl.Float64,
        "markout_10s_bps": pl.Float64,
        "markout_60s_bps": pl.Float64,
    },
    "equity": {
        "ts": _TIME,
        "strategy": pl.String,
        "equity": _MONEY,
        "cash": _MONEY,
        "position": _AMOUNT,
        "price": pl.Float64,
    },
    "positions": {
        "ts": _TIME,
        "strategy": pl.String,
        "instrument": pl.String,
        "position": _AMOUNT,
        "average_price": pl.Float64,
        "realised_pnl": _MONEY,
        "unrealised_pnl": _MONEY,
        "fees": _MONEY,
    },
    "candles": {
        "instrument": pl.String,
        "start": _TIME,
        "open": pl.Float64,
        "high": pl.Float64,
        "low": pl.Float64,
        "close": pl.Float64,
        "volume": pl.Float64,
    },
}

SCHEMAS: Final[dict[str, pl.Schema]] = {name: pl.Schema(columns) for name, columns in _COLUMNS.items()}
"""Columns and types of each table. Prices and money are in quote currency, quantities and positions in base units.

- orders: `side` buy or sell; `price` is null for a market order; `reason` says why it was refused or cancelled.
- fills: `ts` the venue's time; `liquidity` maker or taker; `fee` paid is positive; `position` after the fill;
  `realised_pnl` of this fill, fees apart; `mid` of the venue's book just before it. Null for takers: `queue_ahead` when
  the order came to rest, in base units, `queue_ahead_at_fill` just before what filled it, `toxic` whether more than ten
  orders of its own size stood ahead then. `markout_1s` is side · (mid 1 s later − price) · quantity, `markout_1s_bps`
  the same in bps of price · quantity; null where the run ended before, or the book was out of sync then.
- equity: one row a sample for the account (`strategy` empty, position and price null) and one for each strategy, whose
  `equity` is the account's at the start plus the strategy's PnL; `price` is the mid used to value its position.
- positions: at each fill and at the end; `realised_pnl` and `fees` so far; `average_price` is null when flat.
- candles: of trades, `volume` in base units; an interval that covers the run in 300 to 1500 of them.
"""

NULLABLE: Final[dict[str, frozenset[str]]] = {
    "orders": frozenset({"price", "reason"}),
    "fills": frozenset(
        {"queue_ahead", "queue_ahead_at_fill", "toxic", "mid"}
        | {f"markout_{seconds}s{unit}" for seconds in (1, 10, 60) for unit in ("", "_bps")}
    ),
    "equity": frozenset({"position", "price"}),
    "positions": frozenset({"average_price"}),
    "candles": frozenset(),
}
"""The columns of each table that may hold nulls. A NaN in one of them is written as null; elsewhere it is refused."""

META_KEYS: Final = (
    "kedge",
    "created",
    "name",
    "strategies",
    "data",
    "settings",
    "assumptions",
    "warnings",
    "results",
    "instruments",
)
"""What `run.json` must hold beside `schema`.

Optional are `command` (the argument list that made the run) and `splits` (the parts of the PnL, of the account under ""
and of each strategy).
"""


@dataclass(frozen=True, slots=True)
class RunTables:
    """Everything a run folder holds, as plain values.

    `meta` is `run.json` without its `schema`: JSON values, and `Decimal` (written as text) and aware `datetime` (as
    ISO 8601) where they come handy. `sources` maps a file name (`quoting.py`) to its text.
    """

    meta: Mapping[str, Any]
    orders: pl.DataFrame
    fills: pl.DataFrame
    equity: pl.DataFrame
    positions: pl.DataFrame
    candles: pl.DataFrame
    sources: Mapping[str, str] = field(default_factory=dict)


class Draft:
    """A run folder being put together: `path` is where a journal may be written before the tables are there."""

    def __init__(self, path: Path, runs: Path) -> None:
        self.path = path
        self._runs = runs

    def publish(self, tables: RunTables, name: str) -> Path:
        """Writes the tables, syncs everything and gives the folder its name; returns where it is.

        Raises `UsageError` if a folder of that name is there, `DataError` if a table or `meta` is not as it must be.
        """
        target = self._runs / name
        if target.exists():
            raise UsageError(f"run folder {target} is there already", "give the run another name, or move the old one")
        _write_files(tables, self.path)
        _sync_tree(self.path)
        try:
            self.path.rename(target)
        except OSError as error:
            message = f"run folder {target} cannot be made: {error.strerror}"
            raise UsageError(message, "see whether another run writes there") from None
        _sync(self._runs)
        return target


@contextmanager
def draft(runs: Path) -> Iterator[Draft]:
    """A hidden folder in `runs` (made if missing) that vanishes unless it is published before the block ends."""
    runs.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=".run-", suffix=".partial", dir=runs))
    path.chmod(0o755)
    try:
        yield Draft(path, runs)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write(tables: RunTables, folder: Path) -> Path:
    """Writes a run folder in one piece; returns `folder`. Raises what `Draft.publish` raises."""
    with draft(folder.parent) as new:
        return new.publish(tables, folder.name)


def folder_name(created: datetime, name: str, trace_hash: str) -> str:
    """`20240808T120000-quoting-1a2b3c4d`: sorts by time, says what ran, tells two runs apart."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-") or "run"
    return f"{created.astimezone(UTC):%Y%m%dT%H%M%S}-{words}-{trace_hash[:8]}"


def checked(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """The table if it has exactly the columns, types and nulls it may have, NaN turned to null where null may be.

    Raises `DataError` naming table, column, what it was and what it must be.
    """
    schema = SCHEMAS[name]
    missing = [column for column in schema if column not in table.columns]
    unknown = [column for column in table.columns if column not in schema]
    if missing or unknown:
        said = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has unknown {', '.join(unknown)}"] * bool(unknown)
        raise DataError(f"table `{name}` {' and '.join(said)}", f"its columns are {', '.join(schema)}")
    for column, kind in schema.items():
        if table.schema[column] != kind:
            raise DataError(f"table `{name}`, column `{column}` must be {kind}, was {table.schema[column]}")
    table = table.select(list(schema)).with_columns(
        pl.col(column).fill_nan(None) for column, kind in schema.items() if kind == pl.Float64
    )
    for column, nulls in table.null_count().row(0, named=True).items():
        if nulls and column not in NULLABLE[name]:
            raise DataError(f"table `{name}`, column `{column}` must have a value in every row, {nulls} had none")
    return table


def _write_files(tables: RunTables, folder: Path) -> None:
    for name in SCHEMAS:
        checked(name, getattr(tables, name)).write_parquet(folder / f"{name}.parquet")
    (folder / "strategies").mkdir()
    for file, source in tables.sources.items():
        if Path(file).name != file or not file.endswith(SOURCES):
            raise DataError(f"source `{file}` must be a plain file name ending in {' or '.join(SOURCES)}")
        (folder / "strategies" / file).write_text(source, encoding="utf-8")
    text = json.dumps(_checked_meta(tables.meta), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "run.json").write_text(text + "\n", encoding="utf-8")


def _checked_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    missing = [key for key in META_KEYS if key not in meta]
    if missing:
        raise DataError(f"run.json lacks {', '.join(missing)}", f"it must hold {', '.join(META_KEYS)}")
    if meta.get("schema", SCHEMA_VERSION) != SCHEMA_VERSION:
        raise DataError(f"run.json: `schema` must be {SCHEMA_VERSION}, was {meta['schema']}")
    return {"schema": SCHEMA_VERSION} | {key: as_json(value, key) for key, value in meta.items() if key != "schema"}


def as_json(value: object, where: str = "value") -> Any:
    """The value as JSON has it: decimals as text, times in ISO 8601 UTC, NumPy scalars as numbers.

    Raises `DataError` naming the place of what JSON cannot hold (NaN, an infinity, an object).
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): as_json(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, Sequence):
        return [as_json(item, f"{where}[{at}]") for at, item in enumerate(value)]
    raise DataError(f"run.json: `{where}` must be a finite number, text, time, list or object, was {value!r}")


def _sync_tree(folder: Path) -> None:
    for path, _, files in os.walk(folder):
        for file in files:
            _sync(Path(path) / file)
        _sync(Path(path))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
