"""The errors a user can meet, and the exit code each ends in.

    KedgeError            1  failed
    ├── DataError         1  a file or a row is not what it should be
    ├── StrategyError     1  the strategy raised, looped or asked for what is not there
    ├── UsageError        2  a setting, an argument or a name is wrong
    ├── RefusedError      3  risk or permission says no
    ├── UnreachableError  4  a venue or another dependency does not answer
    └── UnsafeStateError  5  going on could lose or double something

A message says what, which value and which bound; the hint says what to do next.
"""

from __future__ import annotations


class KedgeError(Exception):
    """Something Kedge can explain. `exit_code` is what the command ends with."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def as_json(self) -> dict[str, object]:
        """The error as `--json` prints it."""
        return {"error": type(self).__name__, "message": self.message, "hint": self.hint, "exit_code": self.exit_code}


class DataError(KedgeError):
    """A file or a row is not what it should be."""


class StrategyError(KedgeError):
    """The strategy raised, looped or asked for what is not there."""


class UsageError(KedgeError):
    """A setting, an argument or a name is wrong."""

    exit_code = 2


class RefusedError(KedgeError):
    """Risk or permission says no."""

    exit_code = 3


class UnreachableError(KedgeError):
    """A venue or another dependency does not answer."""

    exit_code = 4


class UnsafeStateError(KedgeError):
    """Going on could lose or double something."""

    exit_code = 5
