"""Sessions written and read from Python; damage, torn tails, versions; market blocks."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge import _core
from kedge.journal import Kind, Stream, market_block
from kedge.model.columns import WIDE, MarketColumns
from kedge.model.errors import DataError, KedgeError, UnsafeStateError, UsageError

ROOT = Path(__file__).resolve().parents[3]
SESSION = bytes(range(16))


def written(folder: Path, records: int = 20, close: bool = True) -> Path:
    writer = _core.JournalWriter(str(folder), SESSION, '{"schema": 1}', 0, 1)
    writer.append(Stream.DECISIONS, Kind.CHECKPOINT, 0, 2, b"{}")
    for number in range(records):
        stream = Stream.INPUTS if number % 3 == 0 else Stream.DECISIONS
        kind = Kind.MARKET if stream is Stream.INPUTS else Kind.COMMAND
        writer.append(stream, kind, number, 3, f"payload {number}".encode())
        if number % 5 == 4:
            writer.commit()
    if close:
        writer.append(Stream.DECISIONS, Kind.CLOSED, 9, 9, b"{}")
    writer.close()
    return folder


def test_what_is_written_is_read_in_order(tmp_path):
    reader = _core.JournalReader(str(written(tmp_path / "j")))
    assert reader.header == '{"schema": 1}'
    records = list(reader)
    assert [record[0] for record in records] == list(range(1, 24))
    assert [record[2] for record in records[:3]] == [Kind.HEADER, Kind.CHECKPOINT, Kind.MARKET]
    assert records[2] == (3, Stream.INPUTS, Kind.MARKET, 0, 3, b"payload 0")
    assert records[-1][2] == Kind.CLOSED
    assert reader.torn is None


def test_the_kinds_are_those_of_the_files():
    assert {kind.name: int(kind) for kind in Kind} == dict(_core.JOURNAL_KINDS)


def documented() -> dict[str, Any]:
    """What the reader in docs/journal.md defines."""
    text = (ROOT / "docs" / "journal.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[0], names)
    return names


def test_the_documented_reader_reads_the_same(tmp_path):
    folder = written(tmp_path / "j")
    ours = [(seq, *times, kind, payload) for seq, _, kind, *times, payload in _core.JournalReader(str(folder))]
    assert documented()["records"](folder) == ours
    assert len(ours) == 23


def test_a_payload_changed_as_documented_is_read_as_it_is(tmp_path):
    folder = written(tmp_path / "j")
    reader = documented()
    at, *_, payload = next(frame for frame in reader["frames"](folder / "inputs-000001.kj") if frame[1] == 6)
    assert payload == b"payload 3"
    reader["replace"](folder / "inputs-000001.kj", at, b"changed 3")
    assert [record[5] for record in _core.JournalReader(str(folder))][5] == b"changed 3"


def test_the_durable_mark_is_as_documented(tmp_path):
    mark = (written(tmp_path / "j") / "durable").read_bytes()
    assert struct.unpack("<8s16sQI", mark) == (b"KEDGEDUR", SESSION, 23, zlib.crc32(mark[:32]))


def test_a_torn_tail_is_told_and_cut(tmp_path):
    folder = written(tmp_path / "j", close=False)
    file = folder / "decisions.kj"
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    (folder / "durable").unlink()
    reader = _core.JournalReader(str(folder))
    records = list(reader)
    assert reader.torn is not None
    assert (reader.torn["records"], len(records)) == (1, 21)
    writer, torn = _core.JournalWriter.reopen(str(folder))
    assert torn == reader.torn
    assert writer.append(Stream.DECISIONS, Kind.COMMAND, 0, 0, b"again") == len(records) + 1
    writer.close()
    assert len(list(_core.JournalReader(str(folder)))) == 22


def test_a_session_that_lost_durable_records_is_not_gone_on_with(tmp_path):
    folder = written(tmp_path / "j", close=False)
    file = folder / "decisions.kj"
    file.write_bytes(file.read_bytes()[:-5])
    reader = _core.JournalReader(str(folder))
    assert len(list(reader)) == 21
    assert reader.torn is not None
    assert reader.torn["durable_lost"] == 1
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UnsafeStateError, match="sequences 22 to 22 had been durable"):
        _core.JournalWriter.reopen(str(folder))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_threads_share_a_writer_and_a_reader(tmp_path):
    writer = _core.JournalWriter(str(tmp_path / "j"), SESSION, "{}", 0, 0)
    writer.append(Stream.DECISIONS, Kind.CHECKPOINT, 0, 0, b"{}")

    def write(number: int) -> list[int]:
        given = []
        for _ in range(100):
            given.append(writer.append(Stream.INPUTS, Kind.REPORT, 0, 0, bytes([number])))
            assert writer.commit() >= given[-1]
        return given

    with ThreadPoolExecutor(4) as pool:
        given = [sequence for part in pool.map(write, range(4)) for sequence in part]
    assert sorted(given) == list(range(3, 403))
    writer.close()
    reader = _core.JournalReader(str(tmp_path / "j"))
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda _: [record[0] for record in reader], range(4))
    assert sorted(sequence for part in parts for sequence in part) == list(range(1, 403))


def test_a_full_disk_is_told_and_nothing_is_tried_again(tmp_path):
    # The limit on a file's size fails a write as a full disk does, without filling one.
    script = """
import resource, signal, sys
from kedge import _core
from kedge.model.errors import KedgeError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = _core.JournalWriter(sys.argv[1], bytes(16), "{}", 0, 0)
writer.append(1, 2, 0, 0, b"{}")
durable = writer.commit()
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
writer.append(1, 5, 0, 0, bytes(1000))
told = []
for again in (writer.commit, writer.commit, lambda: writer.append(1, 5, 0, 0, b""), writer.close):
    try:
        again()
    except KedgeError as error:
        told.append((type(error).__name__, error.exit_code, error.message))
assert len(told) == 4 and len(set(told)) == 1, told
assert told[0][:2] == ("KedgeError", 1) and "decisions.kj: write failed" in told[0][2], told
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "j")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    writer, torn = _core.JournalWriter.reopen(str(tmp_path / "j"))
    assert torn is not None
    assert (torn["after_seq"], torn["records"], torn["durable_lost"]) == (2, 1, 0)
    writer.close()


def test_damage_in_the_middle_names_file_and_byte(tmp_path):
    file = written(tmp_path / "j") / "decisions.kj"
    whole = file.read_bytes()
    file.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    with pytest.raises(UnsafeStateError, match=r"decisions\.kj: damaged at byte \d+") as caught:
        list(_core.JournalReader(str(tmp_path / "j")))
    assert caught.value.exit_code == 5


def test_another_version_is_refused(tmp_path):
    file = written(tmp_path / "j") / "decisions.kj"
    data = bytearray(file.read_bytes())
    struct.pack_into("<H", data, 8, 2)
    struct.pack_into("<I", data, 40, zlib.crc32(data[:40]))
    file.write_bytes(data)
    with pytest.raises(UsageError, match="format version must be 1, was 2"):
        _core.JournalReader(str(tmp_path / "j"))


def test_wrong_use_is_refused(tmp_path):
    folder = written(tmp_path / "j")
    with pytest.raises(UsageError):
        _core.JournalWriter(str(folder), SESSION, "{}", 0, 0)
    with pytest.raises(UsageError, match="no journal session"):
        _core.JournalReader(str(tmp_path))
    writer = _core.JournalWriter(str(tmp_path / "k"), SESSION, "{}", 0, 0)
    with pytest.raises(UnsafeStateError, match="another writer"):
        _core.JournalWriter.reopen(str(tmp_path / "k"))
    with pytest.raises(UsageError, match="`stream` must be 0 or 1, was 2"):
        writer.append(2, Kind.COMMAND, 0, 0, b"")
    writer.append(Stream.DECISIONS, Kind.CHECKPOINT, 0, 0, b"{}")
    writer.close()
    with pytest.raises(KedgeError, match="closed"):
        writer.commit()


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1), st.integers(0, 63), st.booleans()
        ),
        max_size=30,
    ),
    st.data(),
)
def test_a_part_of_a_block_comes_back_as_it_was(rows, data):
    times = np.array([row[0] for row in rows], np.int64)
    wide = np.array([row[3] for row in rows], bool)
    price = np.array([row[1] for row in rows], np.int32)
    price[wide] = np.arange(wide.sum())
    flags = np.array([row[2] | (WIDE if row[3] else 0) for row in rows], np.uint8)
    long = np.arange(wide.sum(), dtype=np.int64) * 2**40
    block = MarketColumns(times, times, price, np.ones(len(rows), np.int32), flags, long, -long, 7, 10)
    start = data.draw(st.integers(0, len(rows)))
    stop = data.draw(st.integers(start, len(rows)))
    stream, back = market_block.decode(market_block.encode(3, block, start, stop))
    assert (stream, back.price_base, back.qty_scale) == (3, 7, 10)

    def read(columns: MarketColumns, at: int) -> tuple[int, ...]:
        price = int(columns.price[at])
        where = (
            (int(columns.wide_price[price]), int(columns.wide_qty[price])) if columns.flags[at] & WIDE else (price, 1)
        )
        return (int(columns.ts_event[at]), int(columns.ts_recv[at]), int(columns.flags[at]), *where)

    assert [read(back, at) for at in range(len(back))] == [read(block, at) for at in range(start, stop)]


def test_a_block_of_the_wrong_length_is_refused():
    with pytest.raises(DataError, match="must have 26 bytes, had 27"):
        market_block.decode(bytes(27))
    with pytest.raises(DataError, match="at least 26 bytes, had 3"):
        market_block.decode(b"abc")
