"""Strategies built into the engine, by name: `rust:quoting` and the others."""

from __future__ import annotations

import difflib
from functools import cache
from typing import Any

from kedge._core import built_in_strategies
from kedge.model.errors import UsageError
from kedge.strategies.strategy import Param, Strategy, declared


class BuiltInStrategy(Strategy):
    """A strategy whose callbacks are in the engine. Made by `strategy_class`."""

    _built_in = ""

    @property
    def __built_in__(self) -> tuple[str, list[float]]:
        """Its name and its parameters' values, as the engine takes them."""
        return self._built_in, [float(getattr(self, name)) for name in declared(type(self))]


def strategy_class(name: str) -> type[Strategy]:
    """The class of the built-in strategy of this name, with its parameters. Raises `UsageError` if there is none."""
    found = _found(name)
    params: dict[str, Any] = {
        parameter: Param(int(default) if whole else default, low, high, unit)
        for parameter, default, whole, low, high, unit in found["parameters"]
    }
    return type(name, (BuiltInStrategy,), {"__doc__": found["about"], "_built_in": name, **params})


def describe(name: str) -> str:
    """What stands for its source in a run folder. Raises `UsageError` if there is none of this name."""
    found = _found(name)
    rows = [
        f"{parameter} = {int(default) if whole else default}  # {low:g} to {high:g}{f' {unit}' if unit else ''}"
        for parameter, default, whole, low, high, unit in found["parameters"]
    ]
    return "\n".join([f'strategy = "rust:{name}"', f'about = "{found["about"]}"', "", "[params]", *rows, ""])


@cache
def _known() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in built_in_strategies()}


def _found(name: str) -> dict[str, Any]:
    known = _known()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean `rust:{near[0]}`?" if near else f"there are {', '.join(f'rust:{n}' for n in known)}"
        raise UsageError(f"no strategy `rust:{name}` is built in", hint)
    return known[name]
