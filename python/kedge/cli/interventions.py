"""`kedge cancel`, `halt`, `resume`: what a person does to a trader, straight on its socket."""

from __future__ import annotations

from typing import Annotated

import typer

from kedge.cli.arguments import Data, Json, SettingsFile
from kedge.cli.output import show
from kedge.cli.trader_access import asked, found_folder, must_answer
from kedge.model.errors import UnsafeStateError, UsageError

RESTART = "start it with `kedge trader` or `kedge up`: it cancels what an earlier session left open"


def cancel(
    order: Annotated[
        str | None, typer.Argument(metavar="ORDER", help="An order's number, or its name at the venue.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Cancel every open order.")] = False,
    strategy: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --all: only those of this strategy.")
    ] = None,
    settings: SettingsFile = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Cancel an open order, or all of them.

    The strategies go on: `kedge halt` stops them too.

    \b
    Examples:
      kedge cancel 4294967301
      kedge cancel --all --strategy quoting-btc
    """
    from kedge.node.standing import standing

    if (order is None) is not everything or (strategy is not None and not everything):
        raise UsageError(
            "cancel takes either an order or --all, and --strategy only with --all", "`kedge orders` lists"
        )
    folder = found_folder(settings, data)
    if everything:
        answer = asked(folder, "cancel_all", strategy=strategy)
        result = must_answer(answer, folder, RESTART)
        show(as_json, result, f"cancelling {result['cancelling']} orders")
        return
    must_answer(asked(folder, "status"), folder, RESTART)
    number = next((o["id"] for o in standing(folder).orders if order in (str(o["id"]), o["client_id"])), None)
    if number is None:
        raise UsageError(f"no order {order} is open", "`kedge orders` lists those that are")
    must_answer(asked(folder, "cancel", order=number), folder, RESTART)
    show(as_json, {"cancelling": 1, "order": number}, f"cancelling order {number}")


def halt(settings: SettingsFile = None, data: Data = None, as_json: Json = False) -> None:
    """Stop all new orders and cancel the open ones, at once, until `kedge resume`.

    Needs no server. Where no trader answers, the next one starts halted; that one cancels what is still open at the
    venue, so until then this ends with 5.

    \b
    Example:
      kedge halt
    """
    folder = found_folder(settings, data)
    if not folder.root.is_dir():
        raise UsageError(f"{folder.root} is not there: no trader has run in it", "--data names a trader's folder")
    answer = asked(folder, "halt")
    if answer.result is not None:
        show(
            as_json, {"running": True, **answer.result}, f"halted; cancelling {answer.result['cancelling']} open orders"
        )
        return
    folder.halted.touch()
    document = {"running": False, "why": answer.why, "halted": True, "file": str(folder.halted)}
    line = f"{answer.why}: it will start halted, and cancel then what is still open at the venue"
    hint = RESTART if answer.gone else "end that process, then start the trader again"
    if answer.gone and (folder.root / "up.json").is_file():
        hint = f"`kedge up` begins anew elsewhere; in this folder: kedge trader --settings {folder.root / 'kedge.toml'}"
    show(as_json, document, line, f"next: {hint}")
    raise typer.Exit(UnsafeStateError.exit_code)


def resume(settings: SettingsFile = None, data: Data = None, as_json: Json = False) -> None:
    """Let orders pass again after a halt.

    \b
    Example:
      kedge resume
    """
    folder = found_folder(settings, data)
    answer = asked(folder, "resume")
    if answer.result is None:
        folder.halted.unlink(missing_ok=True)
    line = "orders pass again" if answer.running else f"{answer.why}: it will not start halted"
    show(as_json, {"running": answer.running, "halted": False}, line)
