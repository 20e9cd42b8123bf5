"""`kedge demo`: both examples over the seeded market."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import print_warning, progress, show, table
from kedge.cli.run_summary import document, strategies_table
from kedge.model.durations import parse_duration
from kedge.model.errors import UsageError
from kedge.model.settings import load_settings

EXAMPLES = {"quoting.py": "BTC/USDT@simulated", "ema_cross.py": "BTC/USDT:USDT@simulated"}


def command(
    duration: Annotated[str, typer.Option(metavar="DURATION", help="How much of the seeded market.")] = "1h",
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="Its seed.")] = 1,
    examples: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the examples are.")] = Path("examples"),
    as_json: Json = False,
) -> None:
    """Backtest both example strategies over the seeded market.

    \b
    Example:
      kedge demo --duration 10m --seed 7
    """
    from kedge.backtest.loading import load
    from kedge.backtest.run import BacktestRequest, backtest

    length, settings = parse_duration(duration, "--duration"), load_settings()
    runs = []
    for name, instrument in EXAMPLES.items():
        if not (examples / name).is_file():
            raise UsageError(f"{examples / name} is not there", "run it in Kedge's folder, or give --examples")
        request = BacktestRequest(
            strategy=examples / name,
            instrument=instrument,
            seeded=length,
            seed=seed,
            funding="none",
            settings=settings,
        )
        with progress(name) as on_progress:
            path = backtest(request, on_progress)
        record = load(path).meta
        for warning in record["warnings"]:
            print_warning(f"{name}: {warning}")
        runs.append((path, record))
    show(
        as_json,
        {"runs": [document(path, record) for path, record in runs]},
        f"two strategies over {duration} of the seeded market, seed {seed}",
        strategies_table([record for _, record in runs]),
        table(("", ""), [("report", str(path / "report.html")) for path, _ in runs], left=2),
    )
