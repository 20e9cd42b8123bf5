"""What a strategy raised, told as file, line and what to do, without a stack trace."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Sequence
from typing import Any

from kedge.model.errors import KedgeError, StrategyError


class TimeBudgetExceeded(BaseException):
    """Raised within a callback that ran longer than it may."""


def explain(error: BaseException, files: Sequence[str]) -> StrategyError:
    """The error as a user should read it; `files` are the strategy files, of which the innermost frame is named."""
    place = _place(error, files)
    if isinstance(error, SyntaxError):
        return StrategyError(f"{error.filename}, line {error.lineno}: {error.msg}", "correct the line")
    if isinstance(error, TimeBudgetExceeded):
        return StrategyError(
            f"{place}: a callback ran longer than the {error.args[0]:g} s it may",
            "do less in it, or raise `callback_seconds` in [backtest]",
        )
    if isinstance(error, KedgeError):
        return StrategyError(f"{place}: {error.message}", error.hint)
    text = str(error).replace("'kedge._core.", "'")
    return StrategyError(f"{place}: {type(error).__name__}: {text}", _hint(error))


def _place(error: BaseException, files: Sequence[str]) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename in files]
    if not mine:
        return files[0] if files else "strategy"
    return f"{mine[-1].filename}, line {mine[-1].lineno}, in {mine[-1].name}"


def _hint(error: BaseException) -> str:
    if not isinstance(error, AttributeError) or error.obj is None:
        return "correct the line; `kedge backtest --help` shows how to run it again"
    names = [name for name in dir(error.obj) if not name.startswith("_")]
    near = difflib.get_close_matches(error.name or "", names, 1)
    known: Any = ", ".join(names)
    return f"did you mean `{near[0]}`? It has: {known}" if near else f"it has: {known}"
