"""A writer killed at any step leaves each segment whole or not there, and the next import puts all of it right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from kedge.catalog import Catalog
from kedge.catalog.packing import identical
from kedge.model.errors import DataError

BTC = "BTC/USDT@simulated"
DAY = 86_400 * 10**9
START = 1_723_161_254 * 10**9


def killed_copies(begun: Path, copies: Path) -> list[Path]:
    script = Path(__file__).with_name("killed_writer.py")
    run = subprocess.run([sys.executable, script, begun, copies], check=True, stdout=subprocess.PIPE)
    return [copies / str(step) for step in range(1, int(run.stdout) + 1)]


def test_killed_at_any_step(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    first = make_stream(("0.gz", market(START)))
    rest = make_stream(*((f"{n}.gz", market(START + n * DAY)) for n in (1, 2)))
    Catalog(tmp_path / "begun").write(first)
    copies = killed_copies(tmp_path / "begun", tmp_path / "copies")
    assert len(copies) > 15
    seen = []
    for folder in copies:
        held = Catalog(folder).segments(BTC)
        assert [segment.source["name"] for segment in held] == ["0.gz", "1.gz", "2.gz"][: len(held)]
        seen.append(len(held))
        assert Catalog(folder).verify().segments == len(held)
        read = Catalog(folder).read(BTC)
        assert all(identical(*pair) for pair in zip(read.blocks, first.blocks + rest.blocks, strict=False))
        for parquet in folder.rglob("*.parquet"):
            assert pq.read_metadata(parquet).num_rows == len(first.blocks[0])

        Catalog(folder).write(rest)
        assert Catalog(folder).verify().segments == 3
        assert not list(folder.rglob("*.part-*"))
    assert seen == sorted(seen)
    assert set(seen) == {1, 2, 3}


def test_killed_while_the_catalog_is_made(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    rest = make_stream(*((f"{n}.gz", market(START + n * DAY)) for n in (1, 2)))
    for folder in killed_copies(tmp_path / "none", tmp_path / "copies"):
        assert len(Catalog(folder).write(rest)) == 2
        assert Catalog(folder).verify().segments == 2


def test_a_disk_that_refuses_keeps_what_was_there(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    catalog = Catalog(tmp_path / "c")
    [held] = catalog.write(make_stream(("0.gz", market(START))))
    # A folder where the new Parquet is to go: the rename is refused, whoever runs the test.
    (held.parquet.parent / "20240809T235414.000Z.parquet" / "full").mkdir(parents=True)
    with pytest.raises(DataError, match=r"cannot be written|Is a directory"):
        catalog.write(make_stream(("1.gz", market(START + DAY))))
    assert [segment.name for segment in catalog.segments(BTC)] == [held.name]
    assert catalog.verify().segments == 1
    assert not list(tmp_path.rglob("*.part-*"))
