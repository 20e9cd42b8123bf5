"""The run folder is written whole or not at all, and `kedge.load` reads back what was written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.backtest import loading, run_folder
from kedge.backtest.run_folder import NULLABLE, SCHEMAS, RunTables
from kedge.model.errors import DataError, UsageError


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_read_back_as_written(made: RunTables, tmp_path: Path) -> None:
    folder = run_folder.write(made, tmp_path / "runs" / "a-run")
    run = loading.load(folder)
    for name in SCHEMAS:
        assert getattr(run, name).equals(getattr(made, name)), name
    assert run.meta["schema"] == run_folder.SCHEMA_VERSION
    assert run.settings["capital"] == {"USDT": "10000"}
    assert run.results["start"] == "2024-08-08T12:00:00Z"
    assert (folder / "strategies" / "quoting.py").read_text() == "# quoting\n"
    assert repr(run) == f"<Run a-run: {len(made.orders)} orders, {len(made.fills)} fills>"


def test_files_are_those_promised(made: RunTables, tmp_path: Path) -> None:
    folder = run_folder.write(made, tmp_path / "runs" / "a-run")
    assert {path.name for path in folder.iterdir()} == {
        "run.json",
        "strategies",
        *(f"{name}.parquet" for name in SCHEMAS),
    }
    assert [path.name for path in folder.parent.iterdir()] == ["a-run"]
    assert folder.stat().st_mode & 0o777 == 0o755


def test_nullable_columns_are_columns() -> None:
    assert NULLABLE.keys() == SCHEMAS.keys()
    for name, columns in NULLABLE.items():
        assert columns <= set(SCHEMAS[name])


def test_a_folder_that_is_there_is_not_touched(made: RunTables, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a-run"
    folder.mkdir(parents=True)
    with pytest.raises(UsageError, match="is there already"):
        run_folder.write(made, folder)
    assert list(folder.iterdir()) == []
    assert list(folder.parent.iterdir()) == [folder]


def with_table(made: RunTables, name: str, table: pl.DataFrame) -> RunTables:
    return dataclasses.replace(made, **{name: table})


BROKEN: list[tuple[str, Callable[[pl.DataFrame], pl.DataFrame], str]] = [
    ("fills", lambda table: table.drop("mid"), "table `fills` lacks mid"),
    ("orders", lambda table: table.with_columns(extra=1), "table `orders` has unknown extra"),
    ("equity", lambda table: table.cast({"equity": pl.Float64}), "`equity` must be Decimal.* was Float64"),
    ("fills", lambda table: table.with_columns(fee=pl.lit(None, SCHEMAS["fills"]["fee"])), "`fee` must have a value"),
    ("candles", lambda table: table.with_columns(close=pl.lit(float("nan"))), "`close` must have a value"),
]


@pytest.mark.parametrize(("name", "damage", "said"), BROKEN)
def test_a_wrong_table_leaves_nothing(
    made: RunTables, tmp_path: Path, name: str, damage: Callable[[pl.DataFrame], pl.DataFrame], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        run_folder.write(with_table(made, name, damage(getattr(made, name))), tmp_path / "runs" / "a-run")
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"results": {"sharpe": float("nan")}}, r"`results\.sharpe` must be a finite number.*nan"),
        ({"data": [{"rows": object()}]}, r"`data\[0\]\.rows`"),
        ({"created": datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)}, "`created` must be"),
        ({"schema": 1}, "`schema` must be 2, was 1"),
    ],
)
def test_wrong_meta_leaves_nothing(made: RunTables, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        run_folder.write(dataclasses.replace(made, meta={**made.meta, **change}), tmp_path / "runs" / "a-run")
    assert list((tmp_path / "runs").iterdir()) == []


def test_meta_must_be_whole(made: RunTables, tmp_path: Path) -> None:
    for key in run_folder.META_KEYS:
        short = {name: value for name, value in made.meta.items() if name != key}
        with pytest.raises(DataError, match=f"lacks {key}"):
            run_folder.write(dataclasses.replace(made, meta=short), tmp_path / "runs" / "a-run")


@pytest.mark.parametrize("name", ["../evil.py", "a/b.py", "notes.txt", ".."])
def test_sources_stay_in_their_folder(made: RunTables, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="plain file name"):
        run_folder.write(dataclasses.replace(made, sources={name: ""}), tmp_path / "runs" / "a-run")


def test_nan_becomes_null_where_null_may_be(made: RunTables, tmp_path: Path) -> None:
    table = made.fills.with_columns(mid=pl.lit(float("nan")))
    run = loading.load(run_folder.write(with_table(made, "fills", table), tmp_path / "runs" / "a-run"))
    assert run.fills["mid"].null_count() == len(run.fills)


def test_a_draft_vanishes_when_the_run_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), run_folder.draft(tmp_path / "runs") as draft:
        (draft.path / "journal").write_text(str(1 / 0))
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_journal_written_into_the_draft_is_published(made: RunTables, tmp_path: Path) -> None:
    with run_folder.draft(tmp_path / "runs") as draft:
        (draft.path / "journal").mkdir()
        (draft.path / "journal" / "0.log").write_bytes(b"x")
        folder = draft.publish(made, "a-run")
    assert (folder / "journal" / "0.log").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("quoting", "20240808T120000-quoting-1a2b3c4d"),
        ("../../Été & <b>", "20240808T120000-t-b-1a2b3c4d"),
        ("***", "20240808T120000-run-1a2b3c4d"),
    ],
)
def test_folder_name(name: str, expected: str) -> None:
    assert run_folder.folder_name(datetime(2024, 8, 8, 12, tzinfo=UTC), name, "1a2b3c4d5e6f") == expected


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_are_written_as_plain_exact_text(value: Decimal) -> None:
    text = run_folder.as_json(value)
    assert Decimal(text) == value
    assert "e" not in text.lower()
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")


def test_numpy_scalars_are_numbers() -> None:
    assert run_folder.as_json({"a": np.int64(3), "b": (np.float64(0.5), np.bool_(True))}) == {"a": 3, "b": [0.5, True]}


# Loading


def test_by_path_by_name_and_latest(made: RunTables, tmp_path: Path) -> None:
    for name in ("20240808T120000-a-00000000", "20240809T120000-b-00000000"):
        run_folder.write(made, tmp_path / "runs" / name)
    (tmp_path / "runs" / ".run-x.partial").mkdir()
    assert loading.load("20240808T120000-a-00000000").path.name == "20240808T120000-a-00000000"
    assert loading.load(tmp_path / "runs" / "20240808T120000-a-00000000").path.name == "20240808T120000-a-00000000"
    assert loading.load("latest").path.name == "20240809T120000-b-00000000"


def test_no_such_run(made: RunTables, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run `gone` is neither") as caught:
        loading.load("gone")
    assert "kedge backtest" in caught.value.hint
    with pytest.raises(UsageError, match="run `latest`"):
        loading.load("latest")
    run_folder.write(made, tmp_path / "runs" / "a-run")
    with pytest.raises(UsageError) as caught:
        loading.load("gone")
    assert "a-run" in caught.value.hint


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match=r"run\.json is missing"):
        loading.load(tmp_path / "other")


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_missing_table_is_named_with_what_writes_it(made: RunTables, tmp_path: Path, name: str) -> None:
    folder = run_folder.write(made, tmp_path / "runs" / "a-run")
    (folder / f"{name}.parquet").unlink()
    with pytest.raises(DataError, match=rf"{name}\.parquet is missing") as caught:
        loading.load(folder)
    assert "kedge backtest" in caught.value.hint


def test_a_damaged_table(made: RunTables, tmp_path: Path) -> None:
    folder = run_folder.write(made, tmp_path / "runs" / "a-run")
    (folder / "fills.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"fills\.parquet cannot be read"):
        loading.load(folder)
    made.fills.drop("mid").write_parquet(folder / "fills.parquet")
    with pytest.raises(DataError, match=r"fills\.parquet: table `fills` lacks mid"):
        loading.load(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "was no object"),
        ("{}", "was missing"),
        (json.dumps({"schema": 1}), "must be 2, was 1"),
        (json.dumps({"schema": 2, "name": "x"}), "lacks kedge, created"),
    ],
)
def test_a_damaged_run_json(made: RunTables, tmp_path: Path, text: str, said: str) -> None:
    folder = run_folder.write(made, tmp_path / "runs" / "a-run")
    (folder / "run.json").write_text(text)
    with pytest.raises(DataError, match=said):
        loading.load(folder)
