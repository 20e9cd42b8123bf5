"""Whatever columns a decoder can give come back from the catalog to the bit, by cache and by Parquet alone."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kedge.catalog import Catalog
from kedge.catalog.packing import ARRAYS
from kedge.model.columns import LAST, NO_TIME, SELL, MarketColumns
from kedge.model.instruments import SIMULATED, from_definition
from kedge.model.stream import RecordedStream

INT64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([-(2**63), 2**63 - 1, 0, -1, 2**31, -(2**31) - 1]))
SCALES = st.sampled_from([1, 10, 1_000, 10**12])

SPOT = SIMULATED.find("BTC/USDT@simulated")
QUARTERS = from_definition(
    {
        **SPOT.definition,
        "id": "ODD/USDT@simulated",
        "tick_size": "0.25",
        "lot_size": "30",
        "quantity_step_in_data": "3",
    },
    "test",
)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[tuple[int, int, int, int, int]], int, int]:
    base, scale = draw(INT64), draw(SCALES)
    edges = st.sampled_from([-(2**31) - 1, -(2**31), 2**31 - 1, 2**31])
    near = (st.integers(-5, 5) | edges).map(lambda d: min(max(base + d, -(2**63)), 2**63 - 1))
    whole = (st.integers(-(2**31), 2**31 - 1) | edges).map(lambda q: min(max(q * scale, -(2**63)), 2**63 - 1))
    row = st.tuples(
        st.one_of(st.just(NO_TIME), INT64),
        st.builds(
            lambda kind, side, last: kind | side | last,
            st.integers(0, 7),
            *(st.sampled_from([0, b]) for b in (SELL, LAST)),
        ),
        st.one_of(near, INT64),
        st.one_of(whole, INT64),
    )
    rows = draw(st.lists(row, max_size=12))
    received = sorted(draw(st.lists(INT64, min_size=len(rows), max_size=len(rows))))
    return [(event, recv, *rest) for (event, *rest), recv in zip(rows, received, strict=True)], base, scale


def same_to_the_bit(a: MarketColumns, b: MarketColumns) -> None:
    assert (a.price_base, a.qty_scale) == (b.price_base, b.qty_scale)
    for name in ARRAYS:
        one, other = getattr(a, name), getattr(b, name)
        assert one.dtype == other.dtype, name
        assert one.tobytes() == other.tobytes(), name


@pytest.mark.parametrize("instrument", [SPOT, QUARTERS], ids=lambda i: i.id)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recording=recordings())
def test_columns_come_back_to_the_bit(recording, instrument, pack_slowly: Callable, source_of: Callable) -> None:
    columns = pack_slowly(*recording)
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog(folder)
        [segment] = catalog.write(RecordedStream(dict(instrument.definition), [columns], [source_of(columns, "a.gz")]))
        same_to_the_bit(catalog.read(instrument.id).blocks[0], columns)
        assert catalog.caches_rebuilt == 0
        segment.cache.unlink()
        same_to_the_bit(catalog.read(instrument.id).blocks[0], columns)
        assert catalog.caches_rebuilt == 1
        assert catalog.verify().rows == len(columns)


def test_blocks_are_mapped_and_not_copied(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    catalog = Catalog(tmp_path)
    events = [
        (*event[:3], event[3] + (2**40 if at == 3 else 0), event[4]) for at, event in enumerate(market(10**18, 5_000))
    ]
    [segment] = catalog.write(make_stream(("a.gz", events)))
    block = catalog.read("BTC/USDT@simulated").blocks[0]
    ranges = [
        tuple(int(end, 16) for end in line.split()[0].split("-"))
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(str(segment.cache))
    ]
    assert ranges
    for name in ARRAYS:
        array = getattr(block, name)
        address = array.ctypes.data
        assert len(array) > 0
        assert any(low <= address and address + array.nbytes <= high for low, high in ranges), name
        assert array.flags.c_contiguous
        assert array.flags.aligned
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_large_block_crosses_row_groups(tmp_path: Path, pack_slowly: Callable, source_of: Callable) -> None:
    count = (1 << 20) + 7
    rng = np.random.default_rng(5)
    small = pack_slowly([], 1_000, 1)
    columns = dataclasses.replace(
        small,
        ts_event=np.where(rng.random(count) < 0.3, NO_TIME, rng.integers(0, 2**62, count)),
        ts_recv=np.sort(rng.integers(0, 2**62, count)),
        price=rng.integers(-(2**31), 2**31, count).astype(np.int32),
        qty=rng.integers(-(2**31), 2**31, count).astype(np.int32),
        flags=rng.integers(0, 64, count).astype(np.uint8) & np.uint8(0b110111),
    )
    catalog = Catalog(tmp_path)
    [segment] = catalog.write(RecordedStream(dict(SPOT.definition), [columns], [source_of(columns, "a.gz")]))
    segment.cache.unlink()
    same_to_the_bit(catalog.read(SPOT.id).blocks[0], columns)


def test_a_stranger_reads_the_parquet(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    import polars as pl

    catalog = Catalog(tmp_path)
    funding = (10**18 + 10**9, 10**18 + 10**9, 6 | LAST, 0, 100_000)
    [segment] = catalog.write(make_stream(("a.gz", [*market(10**18), funding])))
    frame = pl.read_parquet(segment.parquet)
    assert frame.columns == ["ts_event", "ts_recv", "kind", "side", "price", "quantity", "funding_rate", "packet_end"]
    assert dict(frame.schema) | {} == {
        "ts_event": pl.Datetime("ns", "UTC"),
        "ts_recv": pl.Datetime("ns", "UTC"),
        "kind": pl.String(),
        "side": pl.String(),
        "price": pl.Decimal(18, 2),
        "quantity": pl.Decimal(18, 8),
        "funding_rate": pl.Decimal(18, 9),
        "packet_end": pl.Boolean(),
    }
    assert frame["ts_event"][:5].null_count() == 5
    assert frame.row(1, named=True) | {"ts_recv": None} == {
        "ts_event": None,
        "ts_recv": None,
        "kind": "level",
        "side": "buy",
        "price": pl.Series(["60000.00"]).str.to_decimal(scale=2)[0],
        "quantity": 5,
        "funding_rate": None,
        "packet_end": False,
    }
    rate = frame.filter(pl.col("kind") == "funding")
    assert str(rate["funding_rate"][0]) == "0.000100000"
    assert rate["quantity"][0] is None
    metadata = pl.read_parquet_metadata(segment.parquet)
    assert (metadata["tick_size"], metadata["quantity_step"]) == ("0.01", "0.00000001")
