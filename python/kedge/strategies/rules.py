"""A rule: a strategy without code. A TOML file of conditions over indicators, which the core reads and trades."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final

from kedge._core import check_rule
from kedge.model.errors import StrategyError
from kedge.strategies.strategy import Param, Strategy, declared

_NEEDED: Final = ("bars", "size")
_CONDITIONS: Final = ("enter", "exit", "enter_short", "exit_short")
_DISTANCES: Final = ("stop", "target")
_KEYS: Final = (*_NEEDED, *_CONDITIONS, *_DISTANCES, "params")
_PARAM_KEYS: Final = ("default", "low", "high", "unit")


class Rule(Strategy):
    """A strategy made by `rule_class`: the core trades it, and none of its callbacks is called."""

    _file: ClassVar[str]
    _definition: ClassVar[str]

    @property
    def __rule__(self) -> tuple[str, str, dict[str, float]]:
        """What the engine needs: the file's name, the rule as JSON, the values of its parameters."""
        return self._file, self._definition, {name: float(getattr(self, name)) for name in declared(type(self))}


def rule_class(file: str, text: str) -> type[Strategy]:
    """The strategy that a rule's text describes.

    Raises `StrategyError` naming the file, the key and, within a condition, the column and what was expected there.
    """
    try:
        keys = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise StrategyError(f"{file}: {error}", "correct the line") from None
    _known(file, keys, _KEYS, "key")
    for key in _NEEDED:
        if key not in keys:
            raise StrategyError(f"{file}: `{key}` is missing", 'a rule needs bars = "1m" and size = "0.01"')
    params = {name: _param(file, name, given) for name, given in _table(file, keys.get("params", {})).items()}
    definition = {key: _text(file, key, value) for key, value in keys.items() if key != "params"}
    _check(file, definition, {name: float(param.default) for name, param in params.items()})
    body: dict[str, Any] = {"__doc__": "A rule.", "_file": file, "_definition": json.dumps(definition), **params}
    return type("Rule", (Rule,), body)


def _check(file: str, definition: Mapping[str, str], values: dict[str, float]) -> None:
    try:
        check_rule(json.dumps(definition), values)
    except StrategyError as error:
        raise StrategyError(f"{file}: {error.message}", error.hint) from None


def _known(file: str, given: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"there is: {', '.join(known)}"
            raise StrategyError(f"{file}: there is no {what} `{name}`", hint)


def _table(file: str, given: object) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise StrategyError(f"{file}: params must be a table, was {given!r}", "[params], then fast = 20")
    return given


def _text(file: str, key: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if key not in _CONDITIONS and isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    raise StrategyError(f"{file}: {key} must be text, was {value!r}", f'write {key} = "…"')


def _param(file: str, name: str, given: object) -> Param:
    table = given if isinstance(given, Mapping) else {"default": given}
    _known(file, table, _PARAM_KEYS, f"key of params.{name}")
    default, low, high = (_number(f"{file}: params.{name}: {key}", table.get(key)) for key in _PARAM_KEYS[:3])
    if default is None:
        raise StrategyError(f"{file}: params.{name}: default must be a number, was None", f"{name} = 20")
    return Param(default, low, high, str(table.get("unit", "")))


def _number(place: str, value: object) -> float | None:
    """A whole number stays one: it makes a whole-number parameter."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, Decimal):
        return float(value)
    raise StrategyError(f"{place} must be a number, was {value!r}", "fast = 20")
