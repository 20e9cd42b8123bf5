"""Ends a callback that does not end: first by an exception raised in it, then by ending the process."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType

from kedge.strategies.faults import TimeBudgetExceeded

_POLLS_PER_BUDGET = 8


class CallbackBudget:
    """Watches the engine's callbacks while the block runs.

    A callback that takes longer than `seconds` has `TimeBudgetExceeded` raised in it; one that swallows even that, or
    sits in C code, ends the process with `exit_code` after another `seconds`.
    """

    def __init__(self, seconds: float, callback_count: Callable[[], int], exit_code: int = 1) -> None:
        self._seconds = seconds
        self._count = callback_count
        self._exit_code = exit_code
        self._done = threading.Event()
        self._watched = threading.get_ident()
        self._watcher = threading.Thread(target=self._watch, name="kedge-callback-budget", daemon=True)

    def __enter__(self) -> CallbackBudget:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        seen, polls = 0, 0
        while not self._done.wait(self._seconds / _POLLS_PER_BUDGET):
            count = self._count()
            # An odd count means that a callback runs; the same odd count again, that it is the same one.
            polls = polls + 1 if count == seen and count % 2 else 0
            seen = count
            if polls == _POLLS_PER_BUDGET:
                self._raise()
            elif polls == 2 * _POLLS_PER_BUDGET:
                self._end()

    def _raise(self) -> None:
        seconds = self._seconds

        class Exceeded(TimeBudgetExceeded):
            def __init__(self) -> None:
                super().__init__(seconds)

        # The interpreter makes the instance itself, so the class must need no arguments.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._watched), ctypes.py_object(Exceeded))

    def _end(self) -> None:
        sys.stderr.write(
            f"error: a strategy's callback did not end within {2 * self._seconds:g} s and could not be interrupted\n"
            "hint: it swallows every exception, or waits in code that Python cannot interrupt: do less in it\n"
        )
        sys.stderr.flush()
        os._exit(self._exit_code)
