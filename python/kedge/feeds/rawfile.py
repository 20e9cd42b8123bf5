"""A recorded file, opened by what it holds: whole lines come out, hashed and counted as they pass."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from kedge.model.errors import DataError, UsageError

CHUNK_BYTES = 1 << 20
LINE_BYTES_MAX = 64 << 20

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(slots=True)
class RawFile:
    """One pass over a file. After the pass `sha256` is of the file's bytes, as they lie on disk."""

    path: Path
    on_bytes: Callable[[int], None] | None = None
    bytes_read: int = 0
    text_bytes: int = 0
    lines: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """Hash of what was read so far, in hexadecimal."""
        return self._hash.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """Whole lines, about a megabyte at a time, the last one ended by a newline even if the file's is not.

        Raises `UsageError` if the file cannot be opened, `DataError` if it ends early or is damaged, saying how far it
        could be read.
        """
        rest = b""
        with open_for_reading(self.path) as file:
            for text in self._text(file):
                self.text_bytes += len(text)
                cut = text.rfind(b"\n") + 1
                if cut:
                    yield self._counted(rest + text[:cut])
                    rest = text[cut:]
                    continue
                rest += text
                if len(rest) > LINE_BYTES_MAX:
                    raise DataError(
                        f"{self.path}: line {self.lines + 1:,}: must be at most {LINE_BYTES_MAX:,} bytes long, goes on",
                        "is this a recording?",
                    )
        if rest:
            yield self._counted(rest + b"\n")

    def _counted(self, chunk: bytes) -> bytes:
        self.lines += chunk.count(b"\n")
        return chunk

    def _text(self, file: BinaryIO) -> Iterator[bytes]:
        first = self._read(file)
        if first.startswith(_GZIP):
            return self._gunzip(first, file)
        if first.startswith(_ZSTD):
            return self._unzstd(first, file)
        return self._plain(first, file)

    def _read(self, file: BinaryIO) -> bytes:
        try:
            data = file.read(CHUNK_BYTES)
        except OSError as error:
            raise self._ends("cannot be read further", str(error.strerror)) from None
        self._hash.update(data)
        self.bytes_read += len(data)
        if self.on_bytes is not None and data:
            self.on_bytes(len(data))
        return data

    def _plain(self, data: bytes, file: BinaryIO) -> Iterator[bytes]:
        while data:
            yield data
            data = self._read(file)

    def _gunzip(self, data: bytes, file: BinaryIO) -> Iterator[bytes]:
        member, ended = zlib.decompressobj(wbits=31), False
        while True:
            if not data and not (data := self._read(file)):
                if ended:
                    return
                raise self._ends("ends early", "its gzip stream is cut off")
            if ended:
                # A gzip file may hold several members, and zeros after the last.
                if data := data.lstrip(b"\0"):
                    member, ended = zlib.decompressobj(wbits=31), False
                continue
            try:
                text = member.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise self._ends("is damaged", str(error)) from None
            ended = member.eof
            data = member.unused_data if ended else member.unconsumed_tail
            if text:
                yield text

    def _unzstd(self, data: bytes, file: BinaryIO) -> Iterator[bytes]:
        stream = pa.CompressedInputStream(pa.PythonFile(_Ahead(data, lambda: self._read(file)), "r"), "zstd")
        while True:
            try:
                text = stream.read(CHUNK_BYTES)
            except OSError as error:
                early = "runcated" in str(error)
                raise self._ends("ends early" if early else "is damaged", str(error)) from None
            if not text:
                return
            yield text

    def _ends(self, how: str, why: str) -> DataError:
        return DataError(
            f"{self.path} {how}: {why} after byte {self.bytes_read:,} of the file; {self.text_bytes:,} bytes of text "
            f"with {self.lines:,} whole lines could be read",
            "fetch or record the file again; nothing of it was kept",
        )


class _Ahead:
    """What `pyarrow` reads from: the first bytes already taken, then the rest of the file."""

    def __init__(self, first: bytes, read_on: Callable[[], bytes]) -> None:
        self._waiting = first
        self._read_on = read_on
        self.closed = False

    def read(self, size: int) -> bytes:
        if not self._waiting:
            self._waiting = self._read_on()
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken

    def close(self) -> None:
        self.closed = True


def open_for_reading(path: Path) -> BinaryIO:
    """The file's bytes. Raises `UsageError` if there is no such file or it may not be read."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise UsageError(f"no file at {path}", "give the path of a recorded file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be opened: {error.strerror}", "give a recorded file you may read") from None
