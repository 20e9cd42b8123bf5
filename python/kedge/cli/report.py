"""`kedge report`: a run's report, written again."""

from __future__ import annotations

from typing import Annotated

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import show
from kedge.cli.run_summary import strategies_table, verdict


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run folder, its name in runs, or latest.")],
    as_json: Json = False,
) -> None:
    """Write a run's report again.

    A report is one HTML file that opens without network.

    \b
    Example:
      kedge report latest
    """
    from kedge.backtest.loading import find, load
    from kedge.backtest.report import write

    path = find(run)
    record = load(path).meta
    file = write(path)
    show(
        as_json, {"run": str(path), "report": str(file)}, f"report: {file}", verdict(record), strategies_table([record])
    )
