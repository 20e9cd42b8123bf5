"""`kedge up`: the whole platform on this machine."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import show, table
from kedge.model.durations import SECOND, parse_duration
from kedge.model.errors import KedgeError, UnsafeStateError
from kedge.model.settings import FILE_NAME, Settings, load_settings

Result = TypeVar("Result")


def command(
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="End by itself after so long.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="Settings file.  [default: kedge.toml, if there]")
    ] = None,
    examples: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the examples are.")] = Path("examples"),
    as_json: Json = False,
) -> None:
    """Start an exchange, a trader and the page, and trade until Ctrl-C.

    The exchange is Kedge's own: a seeded market behind Binance's protocol, with an account of 10,000 USDT. Without
    strategies in the settings the two examples trade.

    \b
    Examples:
      kedge up
      kedge up --for 60s --json
    """
    if settings is None and Path(FILE_NAME).is_file():
        settings = Path(FILE_NAME)
    seconds = parse_duration(duration, "--for") / SECOND if duration else None
    result = asyncio.run(_up(load_settings(settings), settings, examples, seconds))
    show(as_json, result, _verdict(result), table(("", ""), _rows(result), left=2))
    if not result["reconciled"]:
        raise typer.Exit(UnsafeStateError.exit_code)


def _verdict(result: dict[str, Any]) -> str:
    equal = "our books and the exchange's are equal" if result["reconciled"] else "our books differ from the exchange's"
    return f"{result['orders']} orders, {result['fills']} fills, PnL {Decimal(result['pnl']):.2f} USDT; {equal}"


def _rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    took = {name: "–" if us is None else f"{us:,.0f} µs" for name, us in result["tick_to_order_us"].items()}
    return [
        ("events", f"{result['events']:,}"),
        ("gaps", str(result["gaps"])),
        ("outcomes unknown", str(result["unknown_orders"])),
        ("tick to order", f"{took['p50']} (p99 {took['p99']})"),
        ("… with the disk", f"{took['with_sync_p50']} (p99 {took['with_sync_p99']})"),
        ("restarts", str(result["restarts"])),
        ("trace hash", result["trace_hash"]),
        ("journal", result["journal"]),
    ]


async def _up(settings: Settings, given: Path | None, examples: Path, seconds: float | None) -> dict[str, Any]:
    from kedge.node.platform import Platform

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    platform = Platform(settings, given, examples, _say)
    try:
        page = await _unless(stop, platform.start())
        _say(f"page      {page['address']}   one-time code {page['code']}")
        _say(f"ends by itself after {seconds:g} s" if seconds else "Ctrl-C ends it")
        waiting = [asyncio.ensure_future(platform.wait(seconds)), asyncio.ensure_future(stop.wait())]
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()
    finally:
        last = await platform.stop()
    if "trace_hash" not in last:
        error = KedgeError(
            f"the trader did not end cleanly: {last.get('message', 'it was killed, or had just died')}",
            f"`kedge trader` goes on from its journal in {platform.folder}",
        )
        error.exit_code = int(last.get("exit_code", UnsafeStateError.exit_code))
        raise error
    audit = await platform.audit()
    return _result(last, audit, platform.restarts, str(platform.folder))


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives. Raises `KeyboardInterrupt` if it is stopped before."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    raise KeyboardInterrupt


def _result(last: dict[str, Any], audit: dict[str, Any], restarts: int, folder: str) -> dict[str, Any]:
    kept = ("events", "orders", "fills", "gaps", "unknown_orders", "tick_to_order_us", "trace_hash", "journal")
    imbalance = Decimal(last["ledger_imbalance"])
    return {
        **{name: last[name] for name in kept},
        "ledger_imbalance": int(imbalance) if imbalance == int(imbalance) else last["ledger_imbalance"],
        "reconciled": audit["equal"],
        "differences": audit["differences"],
        "pnl": last["pnl"],
        "restarts": restarts,
        "data": folder,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
