"""Damaged files are named, never read: a flipped byte, a cut, a wrong version, a file that is gone."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kedge.catalog import Catalog, Segment, cache, manifest
from kedge.catalog.packing import ARRAYS, identical
from kedge.model.errors import DataError, UsageError
from kedge.model.stream import RecordedStream

BTC = "BTC/USDT@simulated"
START = 1_723_161_254 * 10**9


@pytest.fixture
def stream(make_stream: Callable, market: Callable) -> RecordedStream:
    events = market(START, 20)
    events.append((*events[-1][:3], 2**50, 3))
    return make_stream(("spot.gz", events))


@pytest.fixture
def held(tmp_path: Path, stream: RecordedStream) -> Segment:
    [segment] = Catalog(tmp_path).write(stream)
    return segment


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]


def test_a_cache_with_any_byte_flipped_or_cut_is_not_read(stream: RecordedStream, held: Segment) -> None:
    good = held.cache.read_bytes()
    [block] = stream.blocks
    arrays = [getattr(block, name).tobytes() for name in ARRAYS[:5]]
    rows = {at for data in arrays for at in range(good.index(data), good.index(data) + len(data))}
    for at in range(len(good)):
        for data in (flipped(good, at), good[:at]):
            held.cache.unlink()
            held.cache.write_bytes(data)
            columns = cache.read(held.cache)
            # A byte of padding, or of the header that Arrow does not need, says nothing: the columns are whole.
            assert columns is None or (at not in rows and identical(columns, block))


def test_a_damaged_cache_is_made_again_and_counted(tmp_path: Path, stream: RecordedStream, held: Segment) -> None:
    good = held.cache.read_bytes()
    at = good.index(stream.blocks[0].ts_recv.tobytes())
    held.cache.write_bytes(flipped(good, at))
    catalog = Catalog(tmp_path)
    assert identical(catalog.read(BTC).blocks[0], stream.blocks[0])
    assert catalog.caches_rebuilt == 1
    assert held.cache.read_bytes() == good
    assert identical(catalog.read(BTC).blocks[0], stream.blocks[0])
    assert catalog.caches_rebuilt == 1


def test_a_manifest_with_any_byte_flipped_is_refused(tmp_path: Path, held: Segment) -> None:
    good = held.manifest.read_bytes()
    meaning = json.loads(good)
    for at in range(len(good)):
        data = flipped(good, at)
        held.manifest.write_bytes(data)
        try:
            if json.loads(data) == meaning:
                continue
        except ValueError:
            pass
        with pytest.raises(DataError) as caught:
            Catalog(tmp_path).read(BTC)
        assert str(held.manifest) in caught.value.message
    held.manifest.write_bytes(good[: len(good) // 2])
    with pytest.raises(DataError, match="is damaged"):
        Catalog(tmp_path).segments(BTC)


def test_a_parquet_with_any_byte_flipped_is_named_and_put_right_by_importing_again(
    tmp_path: Path, stream: RecordedStream, held: Segment
) -> None:
    good = held.parquet.read_bytes()
    catalog = Catalog(tmp_path)
    for at in range(0, len(good), 17):
        held.parquet.write_bytes(flipped(good, at))
        with pytest.raises(DataError) as caught:
            catalog.verify()
        assert str(held.parquet) in caught.value.message
        assert "sha256" in caught.value.message
        assert "import spot.gz again" in caught.value.hint
    held.cache.unlink()
    with pytest.raises(DataError, match="sha256"):
        catalog.read(BTC)
    [again] = catalog.write(stream)
    assert again.name == held.name
    assert catalog.verify().segments == 1
    assert identical(catalog.read(BTC).blocks[0], stream.blocks[0])


@pytest.mark.parametrize(
    "change", [lambda p: p.write_bytes(p.read_bytes()[:-5]), lambda p: p.unlink()], ids=["cut", "gone"]
)
def test_a_parquet_cut_or_gone_is_seen_though_the_cache_is_whole(
    tmp_path: Path, stream: RecordedStream, held: Segment, change: Callable[[Path], object]
) -> None:
    change(held.parquet)
    with pytest.raises(DataError) as caught:
        Catalog(tmp_path).read(BTC)
    assert str(held.parquet) in caught.value.message
    Catalog(tmp_path).write(stream)
    assert Catalog(tmp_path).verify().rows == len(stream.blocks[0])


@pytest.mark.parametrize("foreign", ["text", "other parquet"])
def test_a_foreign_file_in_the_place_of_the_parquet_is_refused(tmp_path: Path, held: Segment, foreign: str) -> None:
    if foreign == "text":
        held.parquet.write_text("no parquet at all")
    else:
        import polars as pl

        pl.DataFrame({"price": [1.0]}).write_parquet(held.parquet)
    held.cache.unlink()
    forged = dataclasses.replace(
        held, parquet_bytes=held.parquet.stat().st_size, parquet_sha256=manifest.sha256_of(held.parquet)
    )
    held.manifest.write_text(manifest.text(forged))
    with pytest.raises(DataError) as caught:
        Catalog(tmp_path).read(BTC)
    assert str(held.parquet) in caught.value.message


def test_a_stale_cache_is_not_read(tmp_path: Path, stream: RecordedStream, held: Segment, market: Callable) -> None:
    stale = held.cache.with_name(f"{held.name}-00000000.arrow")
    held.cache.rename(stale)
    catalog = Catalog(tmp_path)
    assert identical(catalog.read(BTC).blocks[0], stream.blocks[0])
    assert catalog.caches_rebuilt == 1
    assert not stale.exists()


def test_another_layout_is_refused(tmp_path: Path, held: Segment) -> None:
    path = tmp_path / "catalog.json"
    path.write_text('{"layout": 2}')
    with pytest.raises(DataError, match="`layout` must be 1, was 2"):
        Catalog(tmp_path).read(BTC)
    path.write_text("{")
    with pytest.raises(DataError, match=r"catalog.json is damaged"):
        Catalog(tmp_path).instruments()
    path.write_text('{"layout": 1}')
    held.manifest.write_text(held.manifest.read_text().replace('"layout": 1', '"layout": 7'))
    with pytest.raises(DataError, match="layout must be 1, was 7"):
        Catalog(tmp_path).read(BTC)


def test_a_definition_changed_by_hand_is_seen(tmp_path: Path, stream: RecordedStream, held: Segment) -> None:
    path = held.folder / "instrument.json"
    good = path.read_text()
    path.write_text(good.replace('"0.01"', '"0.1"'))
    with pytest.raises(DataError, match=r"`tick_size` must be 0.01, as .* was written, was 0.1"):
        Catalog(tmp_path).read(BTC)
    path.write_text(good.replace('"maker_fee": "0.001"', '"maker_fee": "0.0009"'))
    assert Catalog(tmp_path).read(BTC).instrument["maker_fee"] == "0.0009"
    path.write_text("{")
    for act in (lambda: Catalog(tmp_path).read(BTC), lambda: Catalog(tmp_path).write(stream)):
        with pytest.raises(DataError, match=r"instrument.json is damaged"):
            act()


def test_what_is_not_there(tmp_path: Path, held: Segment) -> None:
    with pytest.raises(UsageError, match="no catalog at") as caught:
        Catalog(tmp_path / "none").read(BTC)
    assert "kedge import" in caught.value.hint
    with pytest.raises(UsageError, match="unknown instrument `BTC/USD@simulated`") as caught:
        Catalog(tmp_path).read("BTC/USD@simulated")
    assert BTC in caught.value.hint
    for stretch in ({"end": START}, {"start": START + 10**12}):
        with pytest.raises(UsageError, match=r"held is 2024-08-08T23:54:14.000000000Z to"):
            Catalog(tmp_path).read(BTC, **stretch)
    with pytest.raises(UsageError, match="not a catalog"):
        Catalog(held.folder).write(RecordedStream(held.definition, [], []))
