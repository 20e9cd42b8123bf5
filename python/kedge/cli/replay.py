"""`kedge replay`: a run's commands, computed again from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import progress, show, table


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run folder, its name in runs, or latest.")],
    strategy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Use this source instead of the one in the journal.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compute a run's commands again and compare.

    Takes the inputs and the strategy's source from the journal, so the run must have been made with --journal.
    Ends with 1 if a command differs, and names the first.

    \b
    Examples:
      kedge replay latest
      kedge replay latest --strategy edited.py --json
    """
    from kedge.backtest.loading import find
    from kedge.backtest.replay import replay

    path = find(run)
    with progress("replay") as on_progress:
        result = replay(path, strategy, on_progress)
    equal = bool(result["commands_equal"])
    line = f"{path.name}: {'every command is equal' if equal else 'the commands differ'}"
    show(as_json, result, line, table(("", ""), [(key, str(value)) for key, value in result.items()], left=2))
    if not equal:
        raise typer.Exit(1)
