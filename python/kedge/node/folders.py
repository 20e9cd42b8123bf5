"""The trader's data folder: one lock, one journal a session, the control socket."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from kedge.model.errors import UnsafeStateError, UsageError

# The longest path a unix socket may have on Linux, with its end.
SOCKET_PATH_MAX = 107


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where a trader of one account keeps everything."""

    root: Path

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def lock(self) -> Path:
        return self.root / "trader.lock"

    @property
    def socket(self) -> Path:
        """The control socket. Raises `UsageError` if its path is longer than a socket's may be."""
        path = (self.root / "trader.sock").resolve()
        if len(os.fsencode(path)) > SOCKET_PATH_MAX:
            raise UsageError(
                f"the control socket's path must have at most {SOCKET_PATH_MAX} bytes, was {path}",
                "choose a shorter folder in [trader] data",
            )
        return path

    @property
    def halted(self) -> Path:
        """While this file is there, the trader starts halted."""
        return self.root / "halted"

    def sessions(self) -> list[tuple[int, Path]]:
        """Sessions by epoch, oldest first."""
        found = [(int(path.name), path) for path in self.journal.glob("[0-9]*") if path.name.isdigit()]
        return sorted(found)

    def session(self, epoch: int) -> Path:
        """Where the session of an epoch is, or will be."""
        return self.journal / f"{epoch:06d}"


def data_folder(root: Path) -> DataFolder:
    """A trader's folder. In the folder of `kedge up`, which has one for each start, the newest."""
    current = root / "current"
    return DataFolder(current.resolve() if current.is_dir() and not (root / "journal").is_dir() else root)


def holder(folder: DataFolder) -> int | None:
    """The process that holds the account, whether it answers or not; None if none does."""
    try:
        with folder.lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read() or 0)
    except FileNotFoundError:
        pass
    return None


class AccountLock:
    """One trader per account: held while the block runs, released by the system if the process dies."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._file: int | None = None

    def __enter__(self) -> AccountLock:
        self._folder.root.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise UnsafeStateError(
                f"another trader holds {self._folder.root}",
                "stop it first (Ctrl-C or SIGTERM), or give this one another folder in [trader] data",
            ) from None
        os.truncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
