"""`kedge store`: the tables that the page and the server read, made from the journals."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import show, table
from kedge.model.errors import UnsafeStateError, UsageError
from kedge.model.settings import load_settings

POLL_S = 0.2

app = typer.Typer(help="The tables made from the trader's journals.", no_args_is_help=True, rich_markup_mode=None)

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="Settings file.  [default: kedge.toml, if there]")
]
Data = Annotated[Path | None, typer.Option(metavar="FOLDER", help="The trader's data folder.")]


@app.command("rebuild")
def rebuild(settings: SettingsFile = None, data: Data = None, as_json: Json = False) -> None:
    """Drop the tables and make them again from the journals.

    Nothing is lost: they hold nothing that the journals do not say. A server that runs goes on with the new ones.

    \b
    Example:
      kedge store rebuild --data kedge-data
    """
    from kedge.execution.client_ids import client_id
    from kedge.store import follower
    from kedge.store.lock import StoreLock

    journal, database = _folder(settings, data)
    lock = StoreLock(database.parent)
    try:
        with lock:
            rows = follower.rebuild(journal, database, client_id)
    except UnsafeStateError:
        if lock.held:
            raise
        rows = _by_server(database.parent)
    document = {"database": str(database), "sessions": rows["sessions"], "rows": rows}
    shown = table(("table", "rows"), [(name, f"{count:,}") for name, count in rows.items()])
    show(as_json, document, f"made {database} again from {rows['sessions']} sessions", shown)


@app.command("check")
def check(settings: SettingsFile = None, data: Data = None, as_json: Json = False) -> None:
    """Make the tables a second time beside the first, and compare them.

    Ends with 5 if they differ, or if the file is damaged.

    \b
    Example:
      kedge store check --data kedge-data
    """
    from kedge.execution.client_ids import client_id
    from kedge.store import comparison

    journal, database = _folder(settings, data)
    with tempfile.TemporaryDirectory(prefix="kedge-store-") as folder:
        found = comparison.compare(journal, database, Path(folder) / "again.sqlite", client_id)
    line = f"{database} is what the journals say, up to record {found['seq']} of session {found['epoch']}"
    if found["differ"]:
        line = f"{database} is not what the journals say: {', '.join(found['differ'])}"
    rows = [(name, "differs" if name in found["differ"] else "equal") for name in found["tables"]]
    document: dict[str, Any] = {"database": str(database), "equal": not found["differ"], **found}
    show(as_json, document, line, table(("table", "state"), rows))
    if found["differ"]:
        raise typer.Exit(UnsafeStateError.exit_code)


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


def _folder(settings: Path | None, data: Path | None) -> tuple[Path, Path]:
    root = data if data is not None else Path(load_settings(settings).trader.data)
    current = root / "current"
    root = current.resolve() if current.is_dir() and not (root / "journal").is_dir() else root
    if not (root / "journal").is_dir():
        raise UsageError(f"{root} holds no journal", "`kedge up` or `kedge trader` writes one; --data names its folder")
    return root / "journal", root / "kedge.sqlite"
