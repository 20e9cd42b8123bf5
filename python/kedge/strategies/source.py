"""A strategy file → its class → an instance with checked parameters."""

from __future__ import annotations

import difflib
import hashlib
import linecache
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import ModuleType

from kedge.model.errors import UsageError
from kedge.strategies import built_in
from kedge.strategies.faults import explain
from kedge.strategies.rules import rule_class
from kedge.strategies.strategy import Param, Strategy, declared

BUILT_IN = "rust:"
"""What the name of a strategy that is built in begins with."""


@dataclass(frozen=True, slots=True)
class StrategySource:
    """A strategy's file as it ran: its name in messages, its text, the text's SHA-256, and which class to take.

    `class_name` is empty where the file defines one strategy.
    """

    file: str
    text: str
    class_name: str = ""

    @property
    def stem(self) -> str:
        """A short name for tables and folders: of `examples/quoting.py` and of `rust:quoting`, `quoting`."""
        return Path(self.file.removeprefix(BUILT_IN)).stem.replace("_", "-")

    @property
    def file_name(self) -> str:
        """The file of a run folder that keeps its text."""
        return f"rust-{self.stem}.toml" if self.file.startswith(BUILT_IN) else Path(self.file).name

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_source(name: str) -> StrategySource:
    """Reads `FILE`, `FILE:CLASS` or `rust:NAME`. Raises `UsageError` if there is no such file or it is no text."""
    if name.startswith(BUILT_IN):
        return StrategySource(name, built_in.describe(name.removeprefix(BUILT_IN)))
    file, _, class_name = name.partition(".py:")
    path = Path(f"{file}.py" if class_name else name)
    try:
        return StrategySource(str(path), path.read_text(encoding="utf-8"), class_name)
    except FileNotFoundError:
        raise UsageError(f"strategy file {path} is not there", "kedge new-strategy makes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"strategy file {path} cannot be read: {error}", "make it a readable UTF-8 file") from None


def strategy_class(source: StrategySource) -> type[Strategy]:
    """Runs the file, or reads the rule (`.toml`), and returns the strategy it defines.

    Raises `StrategyError` with file and line if running it raises or a rule means nothing, `UsageError` if it does not
    define exactly one strategy, or not the one named.
    """
    if source.file.endswith(".toml"):
        return rule_class(source.file, source.text)
    if source.file.startswith(BUILT_IN):
        return built_in.strategy_class(source.file.removeprefix(BUILT_IN))
    module = ModuleType(f"kedge_strategy_{Path(source.file).stem}")
    module.__file__ = source.file
    # Tracebacks show the text that ran, also when it came from a journal.
    linecache.cache[source.file] = (len(source.text), None, source.text.splitlines(keepends=True), source.file)
    sys.modules[module.__name__] = module
    try:
        exec(compile(source.text, source.file, "exec"), module.__dict__)
    except Exception as error:
        raise explain(error, [source.file]) from None
    classes = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module.__name__
    }
    if source.class_name:
        if source.class_name not in classes:
            raise UsageError(
                f"{source.file} defines no strategy `{source.class_name}`",
                f"it defines: {', '.join(classes) or 'none'}",
            )
        return classes[source.class_name]
    if len(classes) != 1:
        raise UsageError(
            f"{source.file} must define one strategy, defines {len(classes)}"
            + (f": {', '.join(classes)}" if classes else ""),
            f"name one: {source.file}:{next(iter(classes))}" if classes else "derive a class from kedge.Strategy",
        )
    return next(iter(classes.values()))


def make(strategy: type[Strategy], values: Mapping[str, object], file: str) -> Strategy:
    """An instance with these parameter values over the defaults.

    Raises `UsageError` naming the parameter, its value and its bounds; `StrategyError` if its `__init__` raises.
    """
    params = declared(strategy)
    for name in values:
        if name not in params:
            near = difflib.get_close_matches(name, params, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"it has: {', '.join(params) or 'none'}"
            raise UsageError(f"{strategy.__name__} has no parameter `{name}`", hint)
    try:
        instance = strategy()
    except Exception as error:
        raise explain(error, [file]) from None
    for name, declaration in params.items():
        instance.__dict__[name] = _checked(strategy, declaration, values.get(name, declaration.default))
    return instance


def param_values(strategy: Strategy) -> dict[str, float]:
    """The parameter values an instance runs with."""
    return {name: getattr(strategy, name) for name in declared(type(strategy))}


def _checked(strategy: type[Strategy], declaration: Param, value: object) -> float:
    name = f"{strategy.__name__}.{declaration.name}"
    whole = isinstance(declaration.default, int)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or not math.isfinite(value):
        raise UsageError(f"parameter `{name}` must be a finite number, was {value!r}", "give a number")
    if whole and value != int(value):
        raise UsageError(f"parameter `{name}` must be a whole number, was {value}", "leave out the fraction")
    number = int(value) if whole else float(value)
    low, high = declaration.low, declaration.high
    if (low is not None and number < low) or (high is not None and number > high):
        bounds = " and ".join(
            part for part in (f"≥ {low}" if low is not None else "", f"≤ {high}" if high is not None else "") if part
        )
        raise UsageError(
            f"parameter `{name}` must be {bounds}{f' {declaration.unit}' if declaration.unit else ''}, was {number}",
            "the bounds are declared in the strategy file",
        )
    return number
