"""`kedge market`: how close the seeded market comes to a recorded one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedge.cli.arguments import Instruments, Json
from kedge.cli.output import progress, show, table
from kedge.model.durations import parse_duration


def command(
    duration: Annotated[str, typer.Option(metavar="DURATION", help="How much of the seeded market.")] = "10m",
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="Its seed.")] = 1,
    data: Annotated[
        list[str] | None, typer.Option(metavar="FILE...", help="Recorded files to compare it with.")
    ] = None,
    instruments: Instruments = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write the plots there.")] = None,
    as_json: Json = False,
) -> None:
    """Measure how close the seeded market comes.

    Spread, depth, trades, cancellations and volatility, beside those of recorded data if given.

    \b
    Example:
      kedge market --duration 10m --data recordings/spot_btcusdt_20240808.gz
    """
    from kedge.backtest.market import compare

    with progress("market") as on_progress:
        result = compare(
            parse_duration(duration, "--duration"),
            seed,
            tuple(data or ()),
            instruments,
            out,
            on_progress,
        )
    show(as_json, result.document, result.line, table(result.heads, result.rows))
