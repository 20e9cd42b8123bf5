"""A timer of the system's for one moment of our wall clock: the loop's own timers know whole milliseconds only."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import time
from collections.abc import Callable

from kedge.model.durations import SECOND

ABSOLUTE = 1  # TFD_TIMER_ABSTIME of timerfd_settime(2)
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Moment(ctypes.Structure):
    """`struct itimerspec`: how often again (never), and when first."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "first_s", "first_ns")]


class Alarm:
    """Calls `ring` at the moment it was last set to, once, on the running loop. Raises `OSError` for no descriptor."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._due: int | None = None
        self._fd = _LIBC.timerfd_create(time.CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        asyncio.get_running_loop().add_reader(self._fd, self._rang)

    def set(self, due: int | None) -> None:
        """Sets it to `due` (ns since the epoch; at once if that is past), or to never."""
        if due == self._due or self._fd < 0:
            return
        self._due = due
        seconds, nanoseconds = divmod(0 if due is None else max(due, 1), SECOND)
        moment = _Moment(0, 0, seconds, nanoseconds)
        if _LIBC.timerfd_settime(self._fd, ABSOLUTE, ctypes.byref(moment), None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def _rang(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)
            self._due = None
            self._ring()

    def close(self) -> None:
        """It rings no more."""
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1
