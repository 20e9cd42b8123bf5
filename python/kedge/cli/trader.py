"""`kedge trader`: trades the strategies of the settings, live."""

from __future__ import annotations

import asyncio
import gc
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import print_json, show, table
from kedge.model.errors import KedgeError
from kedge.model.settings import Settings, load_settings


def command(
    settings: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="Settings file.  [default: kedge.toml, if there]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Trade the strategies of the settings, live, until Ctrl-C or SIGTERM.

    Keys come from KEDGE_VENUE_KEY and KEDGE_VENUE_SECRET. Every order is journaled before it leaves. `kedge up` starts
    an exchange of its own and this beside it.

    \b
    Example:
      kedge trader --settings kedge.toml
    """
    last = run(load_settings(settings), as_json)
    figures = ("events", "orders", "fills", "gaps", "unknown_orders", "open_orders", "equity", "trace_hash", "journal")
    show(as_json, last, "the trader has ended cleanly", table(("", ""), [(f, str(last[f])) for f in figures], left=2))


def run(settings: Settings, as_json: bool) -> dict[str, Any]:
    """Runs a trader on a loop of its own until it is told to stop."""
    import uvloop

    from kedge.node.folders import DataFolder
    from kedge.node.trader import Trader

    async def trade() -> dict[str, Any]:
        def ready(told: dict[str, Any]) -> None:
            # What start-up made stays: the collector need not look at it again.
            gc.collect()
            gc.freeze()
            if as_json:
                print_json(told)
            else:
                print(f"ready after {told['recovery_ms']:.0f} ms; Ctrl-C ends it")

        trader = Trader(settings, DataFolder(Path(settings.trader.data)), ready)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, trader.stop)
        return await trader.run()

    try:
        return uvloop.run(trade())
    except* KedgeError as group:
        raise _first(group) from None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
