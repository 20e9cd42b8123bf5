"""`kedge audit`: our journal beside the exchange's own file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import show, table
from kedge.model.errors import UnsafeStateError


def command(
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Data folder of the trader.")] = Path(
        "kedge-data/current"
    ),
    truth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The exchange's file.  [default: exchange.sqlite in the folder]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a trader's journal with the file of the simulated exchange it traded on.

    \b
    Example:
      kedge audit --data kedge-data/current
    """
    from kedge.node.audit import audit
    from kedge.node.folders import DataFolder

    found = audit(DataFolder(data), truth or data / "exchange.sqlite")
    counts = [(name, str(value)) for name, value in found.items() if name != "differences"]
    line = "our books and the exchange's are equal" if found["equal"] else "our books differ from the exchange's"
    show(as_json, found, line, table(("", ""), counts, left=1), "\n".join(found["differences"]))
    if not found["equal"]:
        raise typer.Exit(UnsafeStateError.exit_code)
