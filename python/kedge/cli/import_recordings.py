"""`kedge import`: raw recordings into a catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedge.cli.arguments import Instruments, Json
from kedge.cli.output import print_warning, progress, show, table


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recorded files.")],
    catalog: Annotated[Path, typer.Option(metavar="FOLDER", help="The catalog to add to.")] = Path("data"),
    instruments: Instruments = None,
    as_json: Json = False,
) -> None:
    """Add raw recordings to a catalog.

    A catalog holds Parquet with a manifest of hashes, and a mapped cache beside it. All files or none are added; one
    that is held already is left as it is. A backtest reads a catalog faster than raw files, with the same result.

    \b
    Example:
      kedge import recordings/spot_btcusdt_20240808.gz --catalog data
    """
    from kedge.feeds import import_recordings

    with progress("import") as on_progress:
        summary = import_recordings(files, catalog, instruments, on_progress)
    heads = ("file", "instrument", "state", "events", "gaps", "resyncs", "clock offset ms", "negative latencies")
    rows = [
        (
            file.file,
            file.instrument,
            file.state,
            f"{file.rows:,}",
            f"{file.gaps:,}",
            f"{file.resyncs:,}",
            f"{file.clock_offset_ms:,.1f}",
            f"{file.negative_latencies:,}",
        )
        for file in summary.files
    ]
    for file in summary.files:
        for warning in file.warnings:
            print_warning(f"{file.file}: {warning}")
    line = f"{summary.catalog}: {summary.rows:,} events added from {summary.imported} of {len(files)} files"
    next_one = f"next: kedge backtest examples/quoting.py --data '{summary.catalog}#{summary.files[0].instrument}'"
    show(as_json, summary.as_json(), line, table(heads, rows, left=3), next_one)
