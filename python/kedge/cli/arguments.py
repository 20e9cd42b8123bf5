"""What several commands take: `--json`, several values after one flag, `name=value`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from kedge.model.errors import UsageError
from kedge.model.settings import setting_value

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, last and alone on standard output.")]
Instruments = Annotated[
    Path | None,
    typer.Option(
        "--instruments", metavar="FILE", help="Instrument definitions.  [default: instruments.json by the data]"
    ),
]

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="Settings file.  [default: kedge.toml, if there]")
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="FOLDER", help="The trader's folder.  [default: `data` in [trader]]")
]

# Flags that take every value up to the next one they cannot take.
MANY: dict[str, Callable[[str], bool]] = {
    "--data": lambda value: not value.endswith((".py", ".toml")),
    "--param": lambda value: "=" in value,
    "--latency": lambda value: "=" in value,
}


class ManyValues(TyperCommand):
    """A command whose flags in `MANY` take several values: `--data A B` is `--data A --data B`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the arguments with their values spread."""
        return super().parse_args(ctx, spread(args))


def spread(arguments: Sequence[str]) -> list[str]:
    """Repeats a flag of `MANY` before each of its values."""
    spread: list[str] = []
    flag: str | None = None
    for index, argument in enumerate(arguments):
        if argument == "--":
            return [*spread, *arguments[index:]]
        if argument.startswith("-"):
            flag = argument if argument in MANY else None
        elif flag is not None and spread[-1] != flag:
            if MANY[flag](argument):
                spread.append(flag)
            else:
                flag = None
        spread.append(argument)
    return spread


def named_values(pairs: Iterable[str], flag: str) -> dict[str, bool | int | float | str]:
    """`["half_spread=1.5"]` → `{"half_spread": 1.5}`. Raises `UsageError` where there is no name or no value."""
    values: dict[str, bool | int | float | str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier() or not text:
            raise UsageError(f"`{flag}` must be name=value, was {pair!r}", f"for example {flag} half_spread=1.5")
        if name in values:
            raise UsageError(f"`{flag}` sets `{name}` twice", "give it once")
        value = setting_value(text)
        if isinstance(value, Decimal):
            value = float(value)
        values[name] = value if isinstance(value, (bool, int, float, str)) else text
    return values
