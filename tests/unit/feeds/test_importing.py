"""Importing: together or one by one, again, after damage, in the wrong order, in part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kedge.catalog import Catalog
from kedge.catalog.packing import identical
from kedge.feeds import import_recordings, read
from kedge.model.errors import DataError, UsageError

START = 1_723_161_254_000_000_000
MINUTE = 60 * 10**9
BTC = "BTC/USDT@binance"


@pytest.fixture
def files(write_recording: Callable, minute: Callable) -> list[Path]:
    return [
        write_recording("one.gz", minute(START, 100)),
        write_recording("two.gz", minute(START + MINUTE, 3_090, with_snapshot=False)),
    ]


def test_what_is_read_from_a_catalog_is_what_is_read_from_the_files(tmp_path: Path, files: list[Path]) -> None:
    summary = import_recordings(reversed(files), tmp_path / "together")
    [raw] = read(files)
    for catalog in (Catalog(tmp_path / "together"), Catalog(tmp_path / "apart")):
        if not catalog.exists():
            for path in files:
                import_recordings([path], catalog)
        stream = catalog.read(BTC)
        assert stream.instrument == raw.instrument
        assert stream.sources == raw.sources
        assert all(identical(*pair) for pair in zip(stream.blocks, raw.blocks, strict=True))
    assert summary.imported == 2
    assert summary.rows == raw.rows
    [one, two] = summary.files
    assert (one.file, one.state, one.instrument, one.rows) == (str(files[0]), "imported", BTC, 602)
    assert (one.gaps, one.resyncs, one.clock_offset_ms, one.negative_latencies, one.in_sync) == (0, 0, 0.0, 0, True)
    assert one.segment == str(tmp_path / "together/binance/BTC-USDT/events/20240808T235414.000Z.parquet")
    assert one.segment_bytes == Path(one.segment).stat().st_size
    assert two.warnings == ()
    assert summary.as_json()["imported"] == 2


def test_importing_again_does_nothing(tmp_path: Path, files: list[Path]) -> None:
    import_recordings(files[:1], tmp_path / "c")
    again = import_recordings(files, tmp_path / "c")
    assert [(file.file, file.state) for file in again.files] == [(str(files[0]), "held"), (str(files[1]), "imported")]
    assert (again.imported, again.rows) == (1, 599)
    nothing = import_recordings(files, tmp_path / "c")
    assert (nothing.imported, nothing.rows) == (0, 0)
    assert {file.state for file in nothing.files} == {"held"}


def test_importing_again_repairs_a_damaged_segment(tmp_path: Path, files: list[Path]) -> None:
    catalog = Catalog(tmp_path / "c")
    import_recordings(files, catalog)
    [_, second] = catalog.segments(BTC)
    second.parquet.write_bytes(b"damaged")
    assert import_recordings(files, catalog).imported == 1
    assert catalog.verify().segments == 2


def test_one_bad_file_keeps_all_out(tmp_path: Path, files: list[Path]) -> None:
    files[1].write_bytes(files[1].read_bytes()[:-30])
    with pytest.raises(DataError, match=r"two.gz ends early"):
        import_recordings(files, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_file_that_overlaps_what_is_held_is_refused(
    tmp_path: Path, files: list[Path], write_recording: Callable, minute: Callable
) -> None:
    import_recordings(files, tmp_path / "c")
    between = write_recording("between.gz", minute(START + MINUTE // 2, 100))
    with pytest.raises(DataError, match=r"between.gz .* overlaps one.gz"):
        import_recordings([between], tmp_path / "c")
    assert len(Catalog(tmp_path / "c").segments(BTC)) == 2


def test_a_file_without_a_book_is_warned_of(tmp_path: Path, files: list[Path]) -> None:
    summary = import_recordings(files[1:], tmp_path / "c")
    [warning] = summary.files[0].warnings
    assert "the book is never in sync: 299 depth messages were dropped" in warning
    assert summary.files[0].rows == 300


def test_other_fees_than_those_held_are_refused(tmp_path: Path, files: list[Path]) -> None:
    import_recordings(files[:1], tmp_path / "c")
    definitions = tmp_path / "instruments.json"
    definitions.write_text(definitions.read_text().replace('"0.001"', '"0.0009"'))
    for paths in (files, files[:1]):
        with pytest.raises(UsageError, match=r"`maker_fee` must be 0.001, as .* has it, was 0.0009"):
            import_recordings(paths, tmp_path / "c")


def test_a_later_import_holds_its_first_rows_back(
    tmp_path: Path, write_recording: Callable, minute: Callable, diff: Callable
) -> None:
    # The second file's clock is found 4 ms less behind: corrected, it would begin before the first ends.
    ms = 10**6
    one = [diff(START + at * ms, 10 * at + 1, 10 * at + 10, START + at * ms + 8 * ms) for at in range(50)]
    two = [diff(START + at * ms, 10 * at + 1, 10 * at + 10, START + at * ms + 4 * ms) for at in range(50, 100)]
    [snapshot, *_] = minute(START, 1)
    files = [write_recording("one.gz", [snapshot, *one]), write_recording("two.gz", two)]
    [raw] = read(files)
    assert [source["clock_offset_ms"] for source in raw.sources] == [-8.0, -4.0]
    assert [len(block) for block in raw.blocks] == [53, 50]
    for path in files:
        import_recordings([path], tmp_path / "c")
    stream = Catalog(tmp_path / "c").read(BTC)
    assert all(identical(*pair) for pair in zip(stream.blocks, raw.blocks, strict=True))
