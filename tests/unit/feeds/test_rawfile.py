"""Raw files: what form they have, how far they could be read, what they hash to."""

from __future__ import annotations

import gzip
import hashlib
import random
import zlib
from pathlib import Path

import pyarrow as pa
import pytest

from kedge.feeds import rawfile
from kedge.feeds.rawfile import RawFile
from kedge.model.errors import DataError, UsageError

TEXT = b"".join(b"%d %s\n" % (n, bytes([97 + n % 26]) * (n % 90)) for n in range(200_000))


def zstd(data: bytes) -> bytes:
    packed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return packed


FORMS = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT, 6),
    "gzip in members": gzip.compress(TEXT[:1_000_003]) + gzip.compress(b"") + gzip.compress(TEXT[1_000_003:]),
    "gzip with zeros after it": gzip.compress(TEXT) + b"\0" * 3_000_000,
    "zstd": zstd(TEXT),
    "zstd in frames": zstd(TEXT[:999_999]) + zstd(TEXT[999_999:]),
}


def read_all(path: Path) -> tuple[RawFile, list[bytes]]:
    raw = RawFile(path)
    return raw, list(raw.chunks())


@pytest.mark.parametrize("form", FORMS)
def test_whole_lines_come_out_of_each_form(tmp_path: Path, form: str) -> None:
    path = tmp_path / "recorded"
    path.write_bytes(FORMS[form])
    seen: list[int] = []
    raw = RawFile(path, seen.append)
    chunks = list(raw.chunks())
    assert b"".join(chunks) == TEXT
    assert len(chunks) > 3
    assert all(chunk.endswith(b"\n") for chunk in chunks)
    assert raw.lines == 200_000
    assert raw.text_bytes == len(TEXT)
    assert raw.bytes_read == sum(seen) == path.stat().st_size
    assert raw.sha256 == hashlib.sha256(FORMS[form]).hexdigest()


def test_the_last_line_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "recorded"
    path.write_bytes(b"1 a\n2 b")
    assert read_all(path)[1] == [b"1 a\n", b"2 b\n"]
    path.write_bytes(b"")
    raw, chunks = read_all(path)
    assert chunks == []
    assert raw.lines == 0


@pytest.mark.parametrize("form", ["gzip", "zstd"])
def test_a_file_cut_anywhere_says_how_far_it_could_be_read(tmp_path: Path, form: str) -> None:
    path = tmp_path / "recorded"
    data = FORMS[form]
    for length in [5, 1_000, len(data) // 2, len(data) - 9, len(data) - 1]:
        path.write_bytes(data[:length])
        raw, read = RawFile(path), 0

        def count(raw: RawFile = raw) -> None:
            nonlocal read
            for chunk in raw.chunks():
                read += chunk.count(b"\n")

        with pytest.raises(DataError) as caught:
            count()
        message = caught.value.message
        assert message.startswith(f"{path} ends early: ")
        assert f"after byte {length:,} of the file; {raw.text_bytes:,} bytes of text" in message
        assert f"with {read:,} whole lines could be read" in message
    assert read > 150_000


def test_damage_inside_gzip_is_seen(tmp_path: Path) -> None:
    # A zstd file need not carry a checksum (`zstd` writes one, `pyarrow` does not).
    path = tmp_path / "recorded"
    chance = random.Random(3)
    refused = 0
    for _ in range(25):
        data = bytearray(FORMS["gzip"])
        data[chance.randrange(4, len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        try:
            text = b"".join(read_all(path)[1])
        except DataError:
            refused += 1
        else:
            assert text == TEXT  # a byte that carries nothing, such as gzip's time
    assert refused > 20


def test_what_follows_a_gzip_stream_must_be_gzip(tmp_path: Path) -> None:
    path = tmp_path / "recorded"
    path.write_bytes(gzip.compress(b"1 a\n") + b"2 b\n")
    with pytest.raises(DataError, match="is damaged"):
        read_all(path)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rawfile, "LINE_BYTES_MAX", 3 << 20)
    path = tmp_path / "bomb.gz"
    packer = zlib.compressobj(wbits=31)
    path.write_bytes(packer.compress(b"1 a\n" + b"0" * (64 << 20)) + packer.flush())
    raw = RawFile(path)
    with pytest.raises(DataError, match=r"line 2: must be at most 3,145,728 bytes long"):
        list(raw.chunks())
    assert raw.text_bytes < 6 << 20


def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"no file at {tmp_path}/none"):
        read_all(tmp_path / "none")
    with pytest.raises(UsageError, match="cannot be opened: Is a directory"):
        read_all(tmp_path)
