"""The trader's data folder: one lock, one journal a session, the control socket."""

from __future__ import annotations

import fcntl
import os
import socket
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
    """One trader per folder and, on this machine, per account, wherever its folder is: held while the block runs,
    released by the system if the process dies.

    The account is held by a socket's name without a file (Linux's abstract namespace), which one process can have.
    """

    def __init__(self, folder: DataFolder, account: str) -> None:
        self._folder = folder
        self._account = account
        self._file: int | None = None
        self._name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> AccountLock:
        try:
            self._hold_folder()
            self._hold_account()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _hold_account(self) -> None:
        try:
            self._name.bind(f"\0kedge-trader-{os.getuid()}-{self._account}")
        except OSError:
            raise UnsafeStateError(
                f"another trader trades this account ({self._account}) on this machine, from another folder",
                "stop it first: two traders of one account would count each other's orders as their own",
            ) from None

    def _hold_folder(self) -> None:
        self._folder.root.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UnsafeStateError(
                f"another trader holds {self._folder.root}",
                "stop it first (Ctrl-C or SIGTERM), or give this one another folder in [trader] data",
            ) from None
        os.truncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._name.close()
        if self._file is not None:
            os.close(self._file)
            self._file = None
