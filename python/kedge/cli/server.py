"""`kedge server`: the page, and what it asks."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import print_json, show
from kedge.model.errors import UsageError
from kedge.model.settings import load_settings


def command(
    settings: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="Settings file.  [default: kedge.toml, if there]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0 takes a free one.  [default: 8420]")
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The trader's data folder.")] = None,
    new_code: Annotated[bool, typer.Option("--new-code", help="Print a new code of the server that runs.")] = False,
    as_json: Json = False,
) -> None:
    """Serve the page on this machine, and print a code that opens it once.

    It only reads the trader's journal, and sends commands to its socket: it may come and go while the trader trades.

    \b
    Examples:
      kedge server
      kedge server --new-code
    """
    from kedge.node.folders import data_folder

    read = load_settings(settings)
    # Commands and the server do not import each other: this is the one place where they meet.
    server = importlib.import_module("kedge.api.server")
    folder = data_folder(data if data is not None else Path(read.trader.data))
    if new_code:
        if port is not None:
            raise UsageError("--new-code asks the server that runs: it takes no --port", "leave --port out")
        told = server.new_code(folder)
        show(as_json, told, f"{told['address']}   one-time code {told['code']}")
        return

    def ready(told: Any) -> None:
        if as_json:
            print_json(told.as_json())
        else:
            print(f"{told.address}   one-time code {told.code}", flush=True)
            print(f"shows {told.data}; Ctrl-C ends it", flush=True)

    asyncio.run(server.serve(folder, read.server.port if port is None else port, ready))
