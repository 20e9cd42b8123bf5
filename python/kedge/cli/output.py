"""How a result is shown: its line first, then a table; or one JSON object and nothing else on standard output."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from kedge.model.errors import KedgeError

# Wide enough that no cell is ever cut; a terminal wraps what it cannot hold.
_WIDTH = 10_000


class OnProgress(Protocol):
    """Told how much of how much is done, in one unit of the caller's choice."""

    def __call__(self, done: int, total: int) -> None:
        """Called often; cheap."""


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> Table:
    """Aligned columns, the first `left` of them to the left, figures to the right; no heads where all are empty."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=any(heads))
    for index, head in enumerate(heads):
        shown.add_column(Text(head), justify="left" if index < left else "right", no_wrap=True)
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    return shown


def show(as_json: bool, document: Mapping[str, Any], line: str, *tables: Table | str) -> None:
    """Prints a result: the line and what follows it, or the document alone."""
    if as_json:
        print_json(document)
        return
    console = Console(width=_WIDTH, highlight=False, markup=False)
    console.print(line, soft_wrap=True)
    for part in tables:
        console.print(part, soft_wrap=True)


def print_json(document: Mapping[str, Any]) -> None:
    """One object on one line. Decimals and paths are text; what is no number is null."""
    print(json.dumps(_plain(document), ensure_ascii=False, allow_nan=False), flush=True)


def print_error(error: KedgeError) -> None:
    """What went wrong and what to do next, on standard error."""
    console = Console(stderr=True, width=_WIDTH, highlight=False, markup=False)
    console.print(Text.assemble(("error:", "bold red"), f" {error.message}"), soft_wrap=True)
    if error.hint:
        console.print(Text.assemble(("hint:", "bold"), f" {error.hint}"), soft_wrap=True)


def print_warning(message: str) -> None:
    """What a person should know though nothing failed, on standard error."""
    console = Console(stderr=True, width=_WIDTH, highlight=False, markup=False)
    console.print(Text.assemble(("warning:", "bold yellow"), f" {message}"), soft_wrap=True)


@contextmanager
def progress(what: str) -> Iterator[OnProgress]:
    """A bar with rate and remaining time on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case float() if not math.isfinite(value):
            return None
        case Decimal():
            return f"{value:f}"
        case Path():
            return str(value)
        case _:
            return value
