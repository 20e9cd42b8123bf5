"""The recorded files, raw and through the catalog: the same columns to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kedge.catalog import Catalog, candles
from kedge.catalog.packing import identical, unpack
from kedge.feeds import import_recordings, read
from kedge.model.columns import KIND, TRADE
from kedge.model.stream import RecordedStream

SPOT = ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")
ALL = (*SPOT, "spot_ethusdt_20240808.gz", "usdm_btcusdt_20240808.gz")


@pytest.fixture(scope="module")
def raw(recorded: Path) -> list[RecordedStream]:
    return read([recorded / name for name in ALL])


@pytest.fixture(scope="module")
def catalog(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    # One by one, as files come in day by day.
    made = Catalog(tmp_path_factory.mktemp("recorded"))
    for name in ALL:
        import_recordings([recorded / name], made)
    return made


def test_the_catalog_gives_what_the_files_give(raw: list[RecordedStream], catalog: Catalog) -> None:
    assert [instrument.id for instrument in catalog.instruments()] == [stream.instrument["id"] for stream in raw]
    for stream in raw:
        held = catalog.read(str(stream.instrument["id"]))
        assert held.instrument == stream.instrument
        assert held.sources == stream.sources
        assert all(identical(*pair) for pair in zip(held.blocks, stream.blocks, strict=True))
    assert catalog.caches_rebuilt == 0
    assert catalog.verify().rows == sum(stream.rows for stream in raw)


def test_what_the_recordings_are_known_to_hold(raw: list[RecordedStream]) -> None:
    lines = {source["name"]: source["lines"] for stream in raw for source in stream.sources}
    assert lines == dict(zip(ALL, (41_249, 58_325, 33_618, 93_954), strict=True))
    for source in (source for stream in raw for source in stream.sources):
        assert (source["gaps"], source["resyncs"], source["in_sync"]) == (0, 0, True)
        assert -1_277 <= source["clock_offset_ms"] <= -1_227
    spot = next(stream for stream in raw if stream.instrument["id"] == "BTC/USDT@binance")
    assert [source["snapshots"] for source in spot.sources] == [1, 0]
    assert spot.sources[1]["continue_from"] == spot.sources[0]["last_update_id"] == 50_093_421_584
    received = np.concatenate([block.ts_recv for block in spot.blocks])
    assert bool((np.diff(received) >= 0).all())


def test_a_stranger_sums_the_same_trades(catalog: Catalog, raw: list[RecordedStream]) -> None:
    [spot] = [stream for stream in raw if stream.instrument["id"] == "BTC/USDT@binance"]
    steps = 0
    for block in spot.blocks:
        rows = unpack(block)
        steps += int(rows.qty[(rows.flags & KIND) == TRADE].sum())
    frame = pl.scan_parquet(catalog.path / "binance/BTC-USDT/events/*.parquet").filter(pl.col("kind") == "trade")
    volume = frame.select(pl.col("quantity").sum()).collect().item()
    assert int(volume.scaleb(8)) == steps
    made = candles.build(spot.blocks, catalog.instrument("BTC/USDT@binance"))
    assert made["volume"].sum() == pytest.approx(float(volume))
    assert 300 <= len(made) <= 1_500


def test_importing_again_has_nothing_to_do(recorded: Path, catalog: Catalog) -> None:
    again = import_recordings([recorded / name for name in ALL], catalog)
    assert (again.imported, {file.state for file in again.files}) == (0, {"held"})
