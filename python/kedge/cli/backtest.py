"""`kedge backtest`: a strategy over recorded or seeded market data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from kedge.cli.arguments import Instruments, Json, named_values
from kedge.cli.output import print_warning, progress, show
from kedge.cli.run_summary import document, places_table, strategies_table, stress_table, verdict
from kedge.model.durations import parse_duration
from kedge.model.errors import UsageError
from kedge.model.settings import Settings, load_settings

Strategy = Annotated[
    Path | None,
    typer.Argument(metavar="STRATEGY", help="File with one Strategy class. Without it, those of the settings run."),
]
Data = Annotated[
    list[str] | None, typer.Option(metavar="FILE...", help="Recorded files in order of time, or CATALOG#INSTRUMENT.")
]
Instrument = Annotated[str | None, typer.Option(metavar="ID", help="Trade only this instrument of the data.")]
Seeded = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Use the seeded market for so long, instead of --data.")
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="Seed of the market and of ctx.rng.")]
Param = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE...", help="Parameters of the strategy.")]
Funding = Annotated[
    str | None, typer.Option(metavar="FILE", help="Funding rates from a file; none leaves funding out.")
]
Latency = Annotated[
    list[str] | None, typer.Option(metavar="NAME=DURATION...", help="Latencies: feed=, entry=, response=.")
]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="Settings file.  [default: kedge.toml, if there]")
]
Out = Annotated[str | None, typer.Option(metavar="FOLDER", help="Where the run folder goes.  [default: runs]")]
Journal = Annotated[bool, typer.Option("--journal", help="Keep a journal, so that the run can be replayed.")]
Stress = Annotated[
    bool, typer.Option("--stress", help="Run again with fees, latencies and both doubled: what survives.")
]
Step = Annotated[bool, typer.Option("--step", help="One event at a time, not in bulk: slower, the same trace.")]


def command(
    strategy: Strategy = None,
    data: Data = None,
    instruments: Instruments = None,
    instrument: Instrument = None,
    seeded: Seeded = None,
    seed: Seed = 1,
    param: Param = None,
    funding: Funding = None,
    latency: Latency = None,
    settings: SettingsFile = None,
    out: Out = None,
    journal: Journal = False,
    step: Step = False,
    stress: Stress = False,
    as_json: Json = False,
) -> None:
    """Run a strategy over recorded or seeded market data.

    Writes a run folder with the orders, fills, equity, positions and a report that opens without network.

    \b
    Examples:
      kedge backtest examples/quoting.py --seeded 10m --seed 7
      kedge backtest examples/quoting.py --data monday.gz tuesday.gz --param half_spread=2 --stress
      kedge backtest examples/ema_cross.py --data perpetual.gz --funding none --json
    """
    from kedge.backtest.loading import load
    from kedge.backtest.run import BacktestRequest, backtest

    if bool(data) == bool(seeded):
        raise UsageError(
            "a backtest takes either --data or --seeded" + (", not both" if data else ""),
            "try --seeded 10m, or name recorded files with --data",
        )
    request = BacktestRequest(
        strategy=strategy,
        data=tuple(data or ()),
        instruments=instruments,
        instrument=instrument,
        seeded=parse_duration(seeded, "--seeded") if seeded else None,
        seed=seed,
        params=named_values(param or (), "--param"),
        funding=funding,
        settings=override(load_settings(settings), latency or (), out),
        journal=journal,
        step=step,
        stress=stress,
    )
    with progress("4 runs" if stress else "backtest") as on_progress:
        path = backtest(request, on_progress)
    record = load(path).meta
    for warning in record["warnings"]:
        print_warning(warning)
    tables = [strategies_table([record]), *stress_table(record), places_table(path, record)]
    show(as_json, document(path, record), verdict(record), *tables)


def override(settings: Settings, latency: Sequence[str], out: str | None) -> Settings:
    """The settings with what the command line says over them. Raises `UsageError` for a value that is not allowed."""
    table = settings.model_dump(mode="json")
    given: Mapping[str, object] = named_values(latency, "--latency")
    for name, value in given.items():
        if name not in table["latency"]:
            raise UsageError(f"`--latency` must set feed, entry or response, was {name!r}", "for example entry=5ms")
        if value != "recorded" or name != "feed":
            parse_duration(str(value), f"--latency {name}")
        table["latency"][name] = value
    if out is not None:
        table["backtest"]["out"] = out
    return Settings.model_validate(table)
