"""`kedge market`: how close the seeded market comes to a recorded one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from kedge.cli.arguments import Instruments, Json
from kedge.cli.output import progress, show, table
from kedge.model.durations import parse_duration


def command(
    data: Annotated[list[str], typer.Option(metavar="FILE...", help="Recorded files of one instrument.")],
    instruments: Instruments = None,
    duration: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How much of the seeded market.  [default: as long as the data]"),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="Its seed.")] = 1,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write plots of the comparison there.")] = None,
    as_json: Json = False,
) -> None:
    """Measure how close the seeded market comes.

    Spread, depth, trades, cancellations and volatility of the seeded market beside those of recorded data.

    \b
    Example:
      kedge market --data recordings/spot_btcusdt_20240808.gz --duration 5m
    """
    from kedge.backtest.market import compare

    length = None if duration is None else parse_duration(duration, "--duration")
    with progress("market") as on_progress:
        found = compare(tuple(data), instruments, length, seed, out, on_progress)
    rows = [(row["label"], row["unit"], _figure(row["recorded"]), _figure(row["seeded"])) for row in found["table"]]
    line = f"{found['instrument']}: {len(rows)} figures of the recorded market and of the seeded one, seed {seed}"
    show(as_json, found, line, table(("figure", "unit", "recorded", "seeded"), rows, left=2))


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:,.4g}"
