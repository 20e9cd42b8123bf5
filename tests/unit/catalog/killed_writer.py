"""Adds two segments to copies of a catalog; in the n-th copy it dies, without a word, before the n-th disk step.

    python killed_writer.py BEGUN COPIES

Run by `test_crash.py`. Leaves COPIES/1, COPIES/2, … and prints how many; the last copy was written to the end.
"""

from __future__ import annotations

import builtins
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pyarrow.compute  # noqa: F401  (once here, not in every child)

from kedge.catalog import Catalog

STEPS = ("replace", "rename", "fsync", "mkdir", "unlink", "open")
KILLED = 9


def markets_of_the_tests() -> ModuleType:
    spec = importlib.util.spec_from_file_location("markets", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def die_before(step: int) -> None:
    left = step

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*args: object, **kwargs: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(KILLED)
            return call(*args, **kwargs)

        return wrapped

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    builtins.open = counted(builtins.open)  # type: ignore[assignment]


def main(begun: str, copies: str) -> int:
    markets = markets_of_the_tests()
    day = 86_400 * markets.SECOND
    stream = markets.stream_of(*((f"{n}.gz", markets.trading(markets.START + n * day)) for n in (1, 2)))
    for step in range(1, 1_000):
        folder = Path(copies) / str(step)
        if Path(begun).exists():
            shutil.copytree(begun, folder)
        child = os.fork()
        if child == 0:
            die_before(step)
            Catalog(folder).write(stream)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != KILLED:
            sys.stdout.write(f"{step}\n")
            return code
    return 1


sys.exit(main(*sys.argv[1:]))
