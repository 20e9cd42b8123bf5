"""Sessions written and read from Python; damage, torn tails, versions; market blocks."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge import _core
from kedge.journal import Kind, Stream, market_block
from kedge.model.columns import WIDE, MarketColumns
from kedge.model.errors import DataError, KedgeError, UnsafeStateError, UsageError

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


def test_the_document_is_enough_to_read_a_file(tmp_path):
    data = (written(tmp_path / "j") / "decisions.kj").read_bytes()
    assert data[:8] == b"KEDGEJNL"
    assert struct.unpack_from("<HB", data, 8) == (1, Stream.DECISIONS)
    assert data[16:32] == SESSION
    assert struct.unpack_from("<I", data, 40)[0] == zlib.crc32(data[:40])
    at, sequences = market_block.PREAMBLE, []
    while at < len(data):
        crc, length, sequence, _durable, _engine, _wall, _kind = struct.unpack_from("<IIQQqqB", data, at)
        end = at + market_block.FRAME_HEAD + length
        assert crc == zlib.crc32(data[at + 4 : end])
        sequences.append(sequence)
        at = end
    assert sequences == sorted(sequences)
    assert sequences[:2] == [1, 2]


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
