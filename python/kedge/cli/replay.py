"""`kedge replay`: the commands of a run or of a live session, computed again from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import progress, show, table


def command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Run folder, its name in runs, latest, or the journal of a session.")
    ],
    strategy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Use this source instead of the one in the journal.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compute the commands of a run or of a live session again and compare.

    Takes the inputs and the strategy's source from the journal, so a run must have been made with --journal. A session
    of the trader that was not closed, because it runs or crashed, is compared as far as it goes. Ends with 1 if a
    command differs, and names the first.

    \b
    Examples:
      kedge replay latest
      kedge replay latest --strategy edited.py --json
      kedge replay kedge-data/journal/000001
    """
    from kedge.backtest.loading import find
    from kedge.backtest.replay import replay
    from kedge.backtest.session_replay import is_session, replay_session

    path = Path(run)
    live = is_session(path)
    path = path if live else find(run)
    with progress("replay") as on_progress:
        result = (replay_session if live else replay)(path, strategy, on_progress)
    equal = bool(result["commands_equal"])
    line = f"{path.name}: {'every command is equal' if equal else 'the commands differ'}"
    if not result.get("closed", True):
        line += "; the session was not closed"
    show(as_json, result, line, table(("", ""), [(key, str(value)) for key, value in result.items()], left=2))
    if not equal:
        raise typer.Exit(1)
