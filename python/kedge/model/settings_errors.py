"""From what pydantic found to what a person can act on: file, line, key, value, bound, next step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from kedge.model.errors import UsageError

Place = tuple[str | int, ...]

_BOUNDS = {"greater_than": ("gt", ">"), "greater_than_equal": ("ge", "≥"), "less_than_equal": ("le", "≤")}
_KINDS = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "string_type": "must be text in quotes",
    "string_too_short": "must not be empty",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "tuple_type": "must be a list of tables, each headed [[strategy]]",
}
_PATTERNS = {
    "instrument": "must be an instrument id such as BTC/USDT@binance or BTC/USDT:USDT@binance",
    "name": "must be letters, digits, `_`, `-` or `.`, at most 64",
    "balances": "must have currencies such as USDT as keys",
}


def explain(
    error: ValidationError, settings: type[BaseModel], file: str, text: str, variables: Mapping[tuple[str, str], str]
) -> UsageError:
    """The first thing wrong. `variables` tells which settings came from the environment."""
    found = error.errors(include_url=False)[0]
    place = tuple(part for part in found["loc"] if part not in ("[key]", "function-before") and "[" not in str(part))
    variable = variables.get((str(place[0]), str(place[1]))) if len(place) > 1 else None
    if variable:
        where = f"environment variable {variable}"
    else:
        line = line_of(text, place)
        where = f"{file}:{line}" if line else file
    key = dotted(place)
    model, field = _model_at(settings, place)
    if found["type"] == "extra_forbidden":
        return UsageError(f"{where}: `{key}` is not a setting{_value(found['input'])}", _nearest(place, model))
    if found["type"] == "missing":
        return UsageError(f"{where}: `{key}` is missing", _example(model, field))
    if found["type"] == "value_error" and not place:
        return UsageError(f"{where}: {found['ctx']['error']}", "give each [[strategy]] a name of its own")
    return UsageError(f"{where}: `{key}` {_rule(found, str(field))}{_value(found['input'])}", _example(model, field))


def unknown_variable(variable: str, sections: Mapping[str, type[BaseModel]]) -> UsageError:
    """The error for a `KEDGE_` variable that names no setting."""
    known = [f"KEDGE_{name}_{key}".upper() for name, section in sections.items() for key in section.model_fields]
    near = get_close_matches(variable, known, 1)
    hint = f"did you mean {near[0]}?" if near else "unset it; docs/settings.md lists the settings"
    return UsageError(f"environment variable {variable} is not a setting", hint)


def dotted(place: Place) -> str:
    """`("strategy", 0, "limits", "position")` → `strategy[0].limits.position`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def line_of(text: str, place: Place) -> int | None:
    """The line (from 1) that sets what stands at a place, or that of its table, or None."""
    tables: list[tuple[Place, int]] = []  # each header or key seen, and its line
    current: Place = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[\s*([\w.-]+)\s*\]\]", line):
            index = counts[header[1]] = counts.get(header[1], -1) + 1
            current = (header[1], index)
        elif header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            names = header[1].split(".")
            current = tuple(names) if names[0] not in counts else (names[0], counts[names[0]], *names[1:])
        elif key := re.match(r"\s*([\w.-]+)\s*=", line):
            tables.append(((*current, *key[1].split(".")), number))
            continue
        else:
            continue
        tables.append((current, number))
    fitting = [(len(path), -line) for path, line in tables if path and place[: len(path)] == path]
    return -max(fitting)[1] if fitting else None


def _rule(found: Any, field: str) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if kind in _BOUNDS:
        bound, sign = _BOUNDS[kind]
        return f"must be {sign} {context[bound]}"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(field, "has a form that is not allowed")
    return _KINDS.get(kind, str(found["msg"]).replace("Input should", "must", 1))


def _value(value: object) -> str:
    if isinstance(value, dict | list):
        return ""
    shown = f"{value!r}" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else f"{value}"
    return f", was {shown}"


def _model_at(settings: type[BaseModel], place: Place) -> tuple[type[BaseModel], str | None]:
    """The table that a place lies in, and the name of its field there."""
    model, name = settings, None
    for part in place:
        if isinstance(part, int):
            continue
        if name is not None:
            inner = _table(model.model_fields[name].annotation) if name in model.model_fields else None
            if inner is None:
                break
            model = inner
        name = part
    return model, name


def _table(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((table for part in get_args(annotation) if (table := _table(part))), None)


def _nearest(place: Place, model: type[BaseModel]) -> str:
    near = get_close_matches(str(place[-1]), model.model_fields, 1)
    return (f"did you mean `{near[0]}`? " if near else "") + f"known here: {', '.join(model.model_fields)}"


def _example(model: type[BaseModel], field: str | None) -> str:
    known = model.model_fields.get(field or "")
    if known is None or not known.examples:
        return "docs/settings.md shows the form"
    return f"for example {field} = {known.examples[0]}"
