"""Recorded files to streams: what is found in them, how they follow one another, and what is refused."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kedge.feeds.recorded import read
from kedge.model.errors import DataError, UsageError

START = 1_723_161_254_000_000_000
MS = 10**6
MINUTE = 60 * 10**9


def test_a_file_becomes_a_block_with_its_source(write_recording: Callable, minute: Callable) -> None:
    path = write_recording("a.gz", minute(START, 100))
    [stream] = read([path])
    assert stream.instrument["id"] == "BTC/USDT@binance"
    [block], [source] = stream.blocks, stream.sources
    assert source["name"] == "a.gz"
    assert source["bytes"] == path.stat().st_size
    assert len(source["sha256"]) == 64
    assert source["rows"] == len(block) == 3 + 300 + 299
    assert (source["lines"], source["depth"], source["trades"], source["snapshots"]) == (600, 299, 300, 1)
    assert (source["gaps"], source["resyncs"], source["in_sync"]) == (0, 0, True)
    assert (source["first_update_id"], source["last_update_id"]) == (100, 100 + 299 * 10 - 1)
    assert (source["received_first_ns"], source["received_last_ns"]) == (START, START + 59_900 * MS)
    assert source["continue_from"] is None
    assert source["clock_offset_ms"] == 0
    assert source["first"] == "2024-08-08T23:54:14.000000000Z"
    assert source["last"] == "2024-08-08T23:55:13.900000000Z"


def test_files_are_put_in_order_and_the_book_goes_on(write_recording: Callable, minute: Callable) -> None:
    one = write_recording("one.gz", minute(START, 100))
    two = write_recording("two.gz", minute(START + MINUTE, 3_090, with_snapshot=False))
    [stream] = read([two, one])
    assert [source["name"] for source in stream.sources] == ["one.gz", "two.gz"]
    assert [source["in_sync"] for source in stream.sources] == [True, True]
    assert stream.sources[1]["continue_from"] == stream.sources[0]["last_update_id"] == 3_089
    assert [len(block) for block in stream.blocks] == [602, 599]
    again = read([one, two])[0]
    assert again.sources == stream.sources
    assert all(np.array_equal(a.price, b.price) for a, b in zip(again.blocks, stream.blocks, strict=True))


def test_a_gap_is_counted_and_the_book_waits_for_a_snapshot(write_recording: Callable, minute: Callable) -> None:
    one = write_recording("one.gz", minute(START, 100))
    two = write_recording("two.gz", minute(START + MINUTE, 9_000, with_snapshot=False))
    [stream] = read([one, two])
    assert [source["gaps"] for source in stream.sources] == [0, 1]
    assert [source["in_sync"] for source in stream.sources] == [True, False]


def on_usdm(line: str) -> str:
    """The same message as the perpetual's market sends it (its sequence breaks, which is no error)."""
    line = re.sub(r'"E":(\d+),"s":"BTCUSDT","U":', r'"E":\1,"T":\1,"s":"BTCUSDT","pu":1,"U":', line)
    return line.replace('"M":true', '"X":"MARKET"').replace(".01000000", ".10000000")


def test_instruments_come_by_id(tmp_path: Path, write_recording: Callable, minute: Callable) -> None:
    spot = write_recording("spot.gz", minute(START, 100))
    usdm = write_recording("usdm.gz", map(on_usdm, minute(START, 100)))
    assert [s.instrument["id"] for s in read([spot, usdm])] == ["BTC/USDT:USDT@binance", "BTC/USDT@binance"]
    elsewhere = tmp_path / "definitions" / "mine.json"
    elsewhere.parent.mkdir()
    (tmp_path / "instruments.json").rename(elsewhere)
    assert len(read([spot, usdm], elsewhere)) == 2
    with pytest.raises(UsageError, match=f"no instrument definitions at {tmp_path}/instruments.json") as caught:
        read([spot, usdm])
    assert "--instruments FILE" in caught.value.hint


def test_progress_counts_the_bytes_of_all_files(write_recording: Callable, minute: Callable) -> None:
    paths = [
        write_recording("one.gz", minute(START, 100)),
        write_recording("two.gz", minute(START + MINUTE, 3_090, False)),
    ]
    total = sum(path.stat().st_size for path in paths)
    seen: list[tuple[int, int]] = []
    read(paths, on_progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_a_garbage_line_is_named_with_its_file(write_recording: Callable, minute: Callable) -> None:
    for wrong, shown in [("garbage", "garbage"), (f"{START + MINUTE // 2} {{", "{"), ("", "``")]:
        lines = minute(START, 100)
        lines.insert(300, wrong)
        path = write_recording("a.gz", lines)
        with pytest.raises(DataError) as caught:
            read([path])
        assert caught.value.message.startswith(f"{path}: line 301: ")
        assert shown in caught.value.message
        assert caught.value.exit_code == 1


def test_a_price_off_the_tick_is_named(write_recording: Callable, minute: Callable) -> None:
    lines = minute(START, 100)
    lines[41] = lines[41].replace("61000.01000000", "61000.01500000")
    path = write_recording("a.gz", lines)
    with pytest.raises(DataError, match=r"a.gz: line 42: .*61000.015"):
        read([path])


def test_data_running_back_in_time_is_refused(write_recording: Callable, minute: Callable, diff: Callable) -> None:
    lines = minute(START, 100)
    path = write_recording("a.gz", [*lines[:300], diff(START, 5_000, 5_001), *lines[300:]])
    with pytest.raises(DataError, match=r"a.gz: line 301: .*back") as caught:
        read([path])
    assert str(START) in caught.value.message


def test_overlapping_files_are_refused_with_their_times(write_recording: Callable, minute: Callable) -> None:
    one = write_recording("one.gz", minute(START, 100))
    two = write_recording("two.gz", minute(START + MINUTE // 2, 100))
    with pytest.raises(DataError) as caught:
        read([two, one])
    assert "two.gz begins at 2024-08-08T23:54:44.000000000Z, before " in caught.value.message
    assert "one.gz ends at 2024-08-08T23:55:13.900000000Z" in caught.value.message
    with pytest.raises(UsageError, match="given twice"):
        read([one, one.parent / "." / one.name])
    copy = one.with_name("copy.gz")
    copy.write_bytes(one.read_bytes())
    with pytest.raises(DataError, match="begins at"):
        read([one, copy])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.gz is empty"),
        (gzip.compress(b""), "a.gz is empty"),
        (b"time,price\n1,2\n", "a.gz: line 1: must be `<receive time in ns> <json>`, was `time,price`"),
        (b"\x00\xff\n", r"line 1: .* was `\\x00\\xff`"),
        (b"1723161254000000000 {}\n" * 3, "none of its first 3 lines tells a Binance spot or USD-M market"),
        (b"1723161254000000000 {}\n" * 5_000, "none of its first 1,000 lines tells"),
        (b"12345678901234567890 {}\n", "line 1: must be"),
    ],
)
def test_what_is_no_recording(write_recording: Callable, minute: Callable, data: bytes, message: str) -> None:
    path = write_recording("a.gz", minute(START, 100))
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        read([path])


def test_a_truncated_file_is_refused_whole(write_recording: Callable, minute: Callable) -> None:
    path = write_recording("a.gz", minute(START, 100))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"a.gz ends early: its gzip stream is cut off after byte .* whole lines"):
        read([path])


def test_an_unknown_instrument_is_named_with_the_known_ones(write_recording: Callable, minute: Callable) -> None:
    path = write_recording("a.gz", [line.replace("BTCUSDT", "BTCUSDC") for line in minute(START, 100)])
    with pytest.raises(UsageError, match=r"unknown binance spot symbol `BTCUSDC`: .*instruments.json has `BTCUSDT`"):
        read([path])
    with pytest.raises(UsageError, match="no file is given"):
        read([])


def test_two_definitions_of_one_instrument_are_refused(
    tmp_path: Path, write_recording: Callable, minute: Callable
) -> None:
    one = write_recording("one.gz", minute(START, 100))
    folder = tmp_path / "other"
    folder.mkdir()
    two = write_recording("two.gz", minute(START + MINUTE, 3_090, False)).rename(folder / "two.gz")
    definitions = json.loads((tmp_path / "instruments.json").read_text())
    definitions[0]["taker_fee"] = "0.0007"
    (folder / "instruments.json").write_text(json.dumps(definitions))
    with pytest.raises(UsageError, match="defined otherwise beside"):
        read([one, two])
    assert len(read([one, two], tmp_path / "instruments.json")[0].blocks) == 2
