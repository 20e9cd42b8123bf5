"""One writer of the tables at a time: held while the block runs, released by the system if the process dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from kedge.model.errors import UnsafeStateError


class StoreLock:
    """Of the tables in `folder`. Raises `UnsafeStateError` if another process has it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "store.lock"
        self._file: int | None = None
        self.taken = False
        """Whether this process had it."""

    def __enter__(self) -> StoreLock:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            self._file = None
            raise UnsafeStateError(
                f"another server shows {self._path.parent}",
                "use that one (`kedge server --new-code` prints a code for it), or stop it first",
            ) from None
        self.taken = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
