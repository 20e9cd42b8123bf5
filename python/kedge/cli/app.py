"""Joins the commands, starts them, and turns whatever ends them into an exit code and two lines.

A command imports the rooms it uses when it runs: `--help` stays quick, and `kedge doctor` works where the engine does
not.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from kedge.cli import (
    audit,
    backtest,
    demo,
    doctor,
    exchange,
    holdings,
    import_recordings,
    interventions,
    market,
    new_strategy,
    replay,
    report,
    server,
    status,
    store,
    trader,
    up,
)
from kedge.cli.arguments import ManyValues
from kedge.cli.output import print_error, print_json
from kedge.model.errors import DataError, KedgeError, UsageError

INTERRUPTED = 130

app = typer.Typer(
    name="kedge",
    help="Record crypto markets, research strategies honestly and trade them live with one engine.",
    epilog="\b\nExample:\n  kedge backtest examples/quoting.py --seeded 10m",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help"], "max_content_width": 100},
)
app.command("import", cls=ManyValues)(import_recordings.command)
app.command("backtest", cls=ManyValues)(backtest.command)
app.command("replay")(replay.command)
app.command("report")(report.command)
app.command("new-strategy")(new_strategy.command)
app.command("market", cls=ManyValues)(market.command)
app.command("demo")(demo.command)
app.command("up")(up.command)
app.command("exchange")(exchange.command)
app.command("trader")(trader.command)
app.command("audit")(audit.command)
app.command("server")(server.command)
app.command("store")(store.command)
app.command("status")(status.command)
app.command("orders")(holdings.orders)
app.command("positions")(holdings.positions)
app.command("balances")(holdings.balances)
app.command("fills")(holdings.fills)
app.command("cancel")(interventions.cancel)
app.command("halt")(interventions.halt)
app.command("resume")(interventions.resume)
app.command("doctor")(doctor.command)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"kedge {version('kedge')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """The command. Never returns; see the package's docstring for the exit codes."""
    _fix_hash_seed()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str], commands: typer.Typer = app) -> int:
    """Runs one command and returns its exit code. Errors are printed; nothing is raised."""
    as_json = "--json" in arguments
    try:
        code = commands(arguments or ["--help"], prog_name="kedge", standalone_mode=False)
    except SystemExit as error:  # typer, when the reader of our output has gone
        return error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        return _explain(error, as_json)
    if code == INTERRUPTED:  # typer turns Ctrl+C into this code
        return _explain(KeyboardInterrupt(), as_json)
    return code if isinstance(code, int) else 0


def _explain(error: BaseException, as_json: bool) -> int:
    shown = _as_kedge_error(error)
    code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else shown.exit_code
    print_error(shown)
    if as_json:
        print_json({**shown.as_json(), "exit_code": code})
    return code


def _as_kedge_error(error: BaseException) -> KedgeError:
    match error:
        case KedgeError():
            return error
        case typer.TyperException():
            context = getattr(error, "ctx", None)
            command = context.command_path if context is not None else "kedge"
            return UsageError(_sentence(error.format_message()), f"{command} --help shows what it takes")
        case KeyboardInterrupt():
            return KedgeError("interrupted")
        case OSError(filename=str() as file, strerror=str() as reason):
            return DataError(f"{file}: {reason.lower()}", "check the path, its permissions and the free disk space")
        case _:
            return KedgeError(
                f"internal error ({type(error).__name__}), saved in {_save_traceback(error)}",
                "this is a fault in Kedge: please report it with that file",
            )


def _sentence(message: str) -> str:
    """Click's words in our form: no capital at the start, no full stop at the end."""
    return message[:1].lower() + message[1:].removesuffix(".")


def _save_traceback(error: BaseException) -> str:
    with tempfile.NamedTemporaryFile("w", prefix="kedge-error-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(f"kedge {version('kedge')}, Python {sys.version}\n{sys.argv}\n\n")
        traceback.print_exception(error, file=file)
    return file.name


def _fix_hash_seed() -> None:
    """Starts Python again with its string hashes fixed, so that the order of a set is the same in each run."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
