"""`kedge store`: the tables that the server reads, made from the journals."""

from __future__ import annotations

import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from kedge.cli.arguments import Data, Json, SettingsFile
from kedge.cli.output import show, table
from kedge.cli.trader_access import found_folder
from kedge.model.errors import UnsafeStateError, UsageError

POLL_S = 0.2


class Action(StrEnum):
    """What to do with the tables."""

    REBUILD = "rebuild"
    CHECK = "check"


def command(
    action: Annotated[Action, typer.Argument(metavar="ACTION", help="rebuild or check.")],
    data: Data = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Make the server's tables again from the journals, or check that they are what the journals say.

    Nothing is lost by a rebuild: the tables hold nothing that the journals do not say. A check makes them a second
    time, beside the first, and ends with 5 if they differ.

    \b
    Examples:
      kedge store rebuild
      kedge store check --data kedge-data
    """
    journal, database = _folder(settings, data)
    if action == Action.REBUILD:
        _rebuild(journal, database, as_json)
    else:
        _check(journal, database, as_json)


def _rebuild(journal: Path, database: Path, as_json: bool) -> None:
    from kedge.execution.client_ids import client_id
    from kedge.store import follower
    from kedge.store.lock import StoreLock

    lock = StoreLock(database.parent)
    try:
        with lock:
            rows = follower.rebuild(journal, database, client_id)
    except UnsafeStateError:
        if lock.taken:
            raise
        rows = _by_server(database.parent)
    document = {"database": str(database), "sessions": rows["sessions"], "rows": rows}
    shown = table(("table", "rows"), [(name, f"{count:,}") for name, count in rows.items()])
    show(as_json, document, f"made {database} again from {rows['sessions']} sessions", shown)


def _by_server(root: Path) -> dict[str, int]:
    """Lets the server that has the tables open make them again, and waits for it."""
    from kedge.node.control import ask

    socket = root / "server.sock"
    before = ask(socket, "rebuild")["made"]
    while True:
        told = ask(socket, "store")
        if told["made"] > before and told["rows"]:
            return dict(told["rows"])
        time.sleep(POLL_S)


def _check(journal: Path, database: Path, as_json: bool) -> None:
    from kedge.execution.client_ids import client_id
    from kedge.store import comparison

    with tempfile.TemporaryDirectory(prefix="kedge-store-") as folder:
        found = comparison.compare(journal, database, Path(folder) / "again.sqlite", client_id)
    line = f"{database} is what the journals say, up to record {found['seq']} of session {found['epoch']}"
    if found["differ"]:
        line = f"{database} is not what the journals say: {', '.join(found['differ'])}"
    rows = [(name, "differs" if name in found["differ"] else "equal") for name in found["tables"]]
    document: dict[str, Any] = {"database": str(database), "equal": not found["differ"], **found}
    show(as_json, document, line, table(("table", "state"), rows, left=2))
    if found["differ"]:
        raise typer.Exit(UnsafeStateError.exit_code)


def _folder(settings: Path | None, data: Path | None) -> tuple[Path, Path]:
    """The journals and the tables of a data folder."""
    folder = found_folder(settings, data)
    if not folder.journal.is_dir():
        hint = "`kedge up` or `kedge trader` writes one; --data names its folder"
        raise UsageError(f"{folder.root} holds no journal", hint)
    return folder.journal, folder.root / "kedge.sqlite"
