"""What a catalog takes in, refuses and gives back."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kedge.catalog import Catalog
from kedge.catalog.layout import instrument_folder, segment_name
from kedge.catalog.packing import identical
from kedge.model.errors import DataError, UsageError
from kedge.model.instruments import SIMULATED
from kedge.model.stream import RecordedStream

BTC = "BTC/USDT@simulated"
DAY = 86_400 * 10**9
START = 1_723_161_254_208_085_768


def test_the_layout_on_disk(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    perpetual = SIMULATED.find("BTC/USDT:USDT@simulated")
    catalog = Catalog(tmp_path / "new" / "catalog")
    [segment] = catalog.write(make_stream(("a.gz", market(START)), instrument=perpetual))
    files = {str(path.relative_to(catalog.path)) for path in catalog.path.rglob("*") if path.is_file()}
    folder = "simulated/BTC-USDT_USDT"
    assert files == {
        ".lock",
        "catalog.json",
        f"{folder}/instrument.json",
        f"{folder}/events/20240808T235414.208Z.parquet",
        f"{folder}/events/20240808T235414.208Z.json",
        f"{folder}/cache/20240808T235414.208Z-{segment.parquet_sha256[:8]}.arrow",
    }
    assert json.loads((catalog.path / "catalog.json").read_text()) == {"layout": 1}
    assert json.loads((catalog.path / folder / "instrument.json").read_text()) == perpetual.definition
    assert segment_name(-1) == "19691231T235959.999Z"
    assert instrument_folder(Path("c"), BTC) == Path("c/simulated/BTC-USDT")


def test_segments_come_in_time_order_with_their_sources(
    tmp_path: Path, make_stream: Callable, market: Callable
) -> None:
    catalog = Catalog(tmp_path)
    later, earlier = make_stream(("2.gz", market(START + DAY))), make_stream(("1.gz", market(START)))
    catalog.write(later)
    catalog.write(earlier)
    stream = catalog.read(BTC)
    assert [source["name"] for source in stream.sources] == ["1.gz", "2.gz"]
    assert stream.sources == earlier.sources + later.sources
    assert stream.instrument == later.instrument
    assert stream.rows == later.rows + earlier.rows
    assert [instrument.id for instrument in catalog.instruments()] == [BTC]
    [first, _] = catalog.segments(BTC)
    assert (first.start_ns, first.end_ns, first.rows) == (START, START + 49 * 10**6, 54)
    assert first.kinds == {"clear": 1, "delta": 24, "level": 4, "trade": 25}


def test_the_same_source_twice_changes_nothing(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    catalog = Catalog(tmp_path)
    stream = make_stream(("1.gz", market(START)))
    catalog.write(stream)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.name != ".lock"}
    [segment] = catalog.write(stream)
    assert segment.source["name"] == "1.gz"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    found = catalog.find_source(BTC, segment.source["sha256"])
    assert found is not None
    assert found.name == segment.name
    other = dataclasses.replace(stream, blocks=make_stream(("1.gz", market(START, 20))).blocks)
    with pytest.raises(
        DataError, match=r"1.gz is already imported, with other rows, as .*20240808T235414.208Z.parquet"
    ):
        catalog.write(other)


def test_other_data_for_the_same_time_is_refused(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(make_stream(("1.gz", market(START))))
    with pytest.raises(DataError, match=r"2.gz \(2024-08-08T23:54:14.25.* overlaps 1.gz") as caught:
        catalog.write(make_stream(("2.gz", market(START + 48 * 10**6))))
    assert "20240808T235414.208Z.json first" in caught.value.hint
    # One good block does not go in without the other.
    with pytest.raises(DataError, match="overlaps"):
        catalog.write(make_stream(("3.gz", market(START + DAY)), ("4.gz", market(START + DAY + 10**6))))
    assert len(catalog.segments(BTC)) == 1
    assert len(list(tmp_path.rglob("*.parquet*"))) == 1
    # Nor one instrument without the other.
    perpetual = SIMULATED.find("BTC/USDT:USDT@simulated")
    good, bad = make_stream(("5.gz", market(START)), instrument=perpetual), make_stream(("6.gz", market(START)))
    with pytest.raises(DataError, match="overlaps"):
        catalog.write_all([good, bad])
    assert [instrument.id for instrument in catalog.instruments()] == [BTC]


def test_an_overlap_by_the_correction_alone_is_none(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    # The clock offset is estimated anew for each file: the second seems to begin 5 ms before the first ends.
    catalog = Catalog(tmp_path)
    one, two = make_stream(("1.gz", market(START))), make_stream(("2.gz", market(START + 44 * 10**6)))
    one.sources[0].update(received_first_ns=START, received_last_ns=START + 49 * 10**6)
    two.sources[0].update(received_first_ns=START + 49 * 10**6, received_last_ns=START + 98 * 10**6)
    catalog.write(one)
    catalog.write(two)
    assert [source["name"] for source in catalog.read(BTC).sources] == ["1.gz", "2.gz"]


def test_another_definition_is_refused(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(make_stream(("1.gz", market(START))))
    other = make_stream(("2.gz", market(START + DAY)))
    other.instrument["taker_fee"] = "0.0009"
    with pytest.raises(UsageError, match=r"`taker_fee` must be 0.001, as .*instrument.json has it, was 0.0009"):
        catalog.write(other)
    other.instrument["taker_fee"] = "0.00100"
    assert len(catalog.write(other)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: {"ts_recv": c.ts_recv[::-1].copy()}, "1.gz: `ts_recv` must not run back, was back after row 0"),
        (lambda c: {"flags": c.flags | 15}, "1.gz: kind must be below 8, was 15"),
        (lambda c: {"qty": c.qty[:-1]}, "1.gz: columns must have one length"),
        (lambda c: {"price": c.price.astype("i8")}, "1.gz: column `price` must be one row of int32, was int64"),
        (lambda c: {"wide_price": c.ts_recv[:1], "wide_qty": c.ts_recv[:1]}, "1.gz: wide rows must be 1"),
        (lambda c: {"qty_scale": 0}, "1.gz: `qty_scale` must be at least 1, was 0"),
    ],
)
def test_columns_that_would_not_come_back_are_refused(
    tmp_path: Path, make_stream: Callable, market: Callable, change: Callable, message: str
) -> None:
    stream = make_stream(("1.gz", market(START)))
    [columns] = stream.blocks
    wrong = RecordedStream(stream.instrument, [dataclasses.replace(columns, **change(columns))], stream.sources)
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        Catalog(tmp_path).write(wrong)
    assert not list(tmp_path.rglob("*.parquet*"))


def test_a_catalog_that_cannot_be_written_is_still_read(
    tmp_path: Path, make_stream: Callable, market: Callable
) -> None:
    catalog = Catalog(tmp_path)
    stream = make_stream(("1.gz", market(START)))
    [segment] = catalog.write(stream)
    segment.cache.unlink()
    segment.cache.parent.rmdir()
    segment.cache.parent.touch()  # no folder can be made here, even by root
    block = catalog.read(BTC).blocks[0]
    assert identical(block, stream.blocks[0])
    assert not block.price.flags.writeable


def test_writers_wait_for_each_other(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    streams = [make_stream((f"{n}.gz", market(START + n * DAY))) for n in range(8)]
    failed: list[BaseException] = []

    def write(stream: RecordedStream) -> None:
        try:
            Catalog(tmp_path).write(stream)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert Catalog(tmp_path).verify().segments == 8


def test_a_file_without_a_row_is_kept(tmp_path: Path, make_stream: Callable) -> None:
    stream = make_stream(("1.gz", []))
    stream.sources[0].update(received_first_ns=START, received_last_ns=START + 1)
    catalog = Catalog(tmp_path)
    [segment] = catalog.write(stream)
    assert (segment.name, segment.rows) == ("20240808T235414.208Z", 0)
    assert len(catalog.read(BTC).blocks[0]) == 0
