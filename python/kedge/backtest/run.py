"""One backtest from request to run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from kedge import _core
from kedge.backtest import clearing, frames, markets, memory, metrics, report, run_folder, seats, stress
from kedge.backtest.assumptions import assumptions, warnings
from kedge.backtest.delays import engine_latency
from kedge.backtest.journaling import RunJournal
from kedge.backtest.limits import quote_currency
from kedge.backtest.spec import Outcome, RunSpec, checked, execute
from kedge.catalog import candles
from kedge.model import money
from kedge.model.durations import SECOND
from kedge.model.errors import UsageError
from kedge.model.instruments import from_definition
from kedge.model.settings import Settings
from kedge.model.stream import RecordedStream

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """What to run: a strategy file (or, without it, the strategies of the settings) over files, catalogs or a seed."""

    settings: Settings
    strategy: Path | None = None
    data: Sequence[str] = ()
    instruments: Path | None = None
    instrument: str | None = None
    seeded: int | None = None
    seed: int = 1
    params: Mapping[str, object] = field(default_factory=dict)
    funding: str | None = None
    journal: bool = False
    step: bool = False
    stress: bool = False


def backtest(request: BacktestRequest, on_progress: Progress | None = None) -> Path:
    """Runs it and returns the run folder, with its report. Nothing is left behind if anything fails.

    Raises the errors of `kedge.model.errors`, each naming what, which value and which bound.
    """
    created = datetime.now(UTC)
    # A strategy that cannot be made should not wait for the data.
    _check_strategies(request)
    market = _market(request, on_progress)
    spec = checked(_spec(request, market))
    blocks = [stream.blocks for stream in market.streams]
    runs = 1 + len(stress.STRESSES) * request.stress
    with run_folder.draft(Path(request.settings.backtest.out)) as draft:
        journal = RunJournal(draft.path / "journal", spec, market, created) if request.journal else None
        on_slice = _slices(journal, blocks, _part(on_progress, 0, runs))
        outcome = execute(spec, blocks, step=request.step, on_slice=on_slice)
        if journal is not None:
            journal.close(outcome)
        tables = _tables(request, spec, market, outcome, created)
        if request.stress:
            tables = _stressed(request, spec, blocks, tables, on_progress)
        name = run_folder.folder_name(created, str(tables.meta["name"]), str(outcome.tables["trace_hash"]))
        folder = draft.publish(tables, name)
    report.write(folder)
    return folder


def _part(on_progress: Progress | None, part: int, parts: int) -> Progress | None:
    """The progress of one of several runs as that of all of them."""
    if on_progress is None:
        return None
    return lambda done, total: on_progress(part * total + done, parts * total)


def _stressed(
    request: BacktestRequest,
    spec: RunSpec,
    blocks: Sequence[Sequence[Any]],
    base: run_folder.RunTables,
    on_progress: Progress | None,
) -> run_folder.RunTables:
    """The tables with `stress` in their results: the same run under dearer fees and longer latencies."""
    rows = [stress.AS_ASSUMED.row(base.meta["results"])]
    for number, assumed in enumerate(stress.STRESSES, 1):
        harder, later = assumed.spec(spec), assumed.blocks(spec, blocks)
        on_slice = _slices(None, blocks, _part(on_progress, number, 1 + len(stress.STRESSES)))
        tables = _frames(request, harder, execute(harder, later, step=request.step, on_slice=on_slice), base.meta)
        rows.append(assumed.row(metrics.measure(replace(base, **tables))))
    return replace(base, meta={**base.meta, "results": {**base.meta["results"], "stress": rows}})


def _market(request: BacktestRequest, on_progress: Progress | None) -> markets.Market:
    bound = request.settings.backtest.memory_gb
    if request.seeded is not None:
        memory.require_for_seeded(request.instrument, request.seeded, request.seed, bound)
        return markets.seeded_market(request.instrument, request.seeded, request.seed, on_progress)
    memory.require_for_recorded(request.data, request.instruments, request.instrument, bound)
    return markets.recorded_market(request.data, request.instruments, request.instrument, on_progress)


def _check_strategies(request: BacktestRequest) -> None:
    if request.strategy is None and not request.settings.strategy:
        raise UsageError(
            "no strategy is given, and the settings name none",
            "give a strategy file, or add a [[strategy]] to kedge.toml",
        )
    if request.strategy is None and request.params:
        raise UsageError("`--param` needs a strategy file", "set `params` of the [[strategy]] in kedge.toml")


def _spec(request: BacktestRequest, market: markets.Market) -> RunSpec:
    settings = request.settings
    definitions = clearing.definitions(settings, market)
    engine = {
        "seed": request.seed,
        "sample_ns": settings.backtest.sample_seconds * SECOND,
        "queue": settings.backtest.queue,
        "queue_power": settings.backtest.queue_power,
        "fills": settings.backtest.fill_model,
        **engine_latency(settings.latency, market.streams),
        "balances": {currency: f"{amount:f}" for currency, amount in settings.account.balances.items()},
        "keep_records": request.journal,
        "clearing": clearing.clearing(settings, market, definitions, request.funding),
    }
    if request.strategy is not None:
        seated = seats.of_file(settings, str(request.strategy), request.params, definitions)
    else:
        seated = seats.of_settings(settings, request.seed, definitions)
    # Whoever tries one strategy wants its error; of many, one must not take the others with it.
    alone = request.strategy is None and len(seated) > 1
    return RunSpec(engine, definitions, seated, market.as_json(), settings.backtest.callback_seconds, alone)


def _slices(
    journal: RunJournal | None, blocks: Sequence[Sequence[Any]], on_progress: Progress | None
) -> Callable[[int, bytes], None]:
    times = [block.ts_recv for own in blocks for block in own if len(block)]
    first, last = min((int(t[0]) for t in times), default=0), max((int(t[-1]) for t in times), default=1)

    def on_slice(now: int, records: bytes) -> None:
        if journal is not None:
            journal.add(now, records)
        if on_progress is not None:
            on_progress(max(0, min(now, last) - first), max(1, last - first))

    return on_slice


def _capital(request: BacktestRequest, spec: RunSpec) -> frames.Capital:
    """What each strategy's account began with, and all accounts together."""
    each = seats.capital(request.settings, spec.instruments[0])
    accounts = sum(seat.own_account for seat in spec.seats) + any(not seat.own_account for seat in spec.seats)
    return frames.Capital(each, each * accounts)


def _frames(request: BacktestRequest, spec: RunSpec, outcome: Outcome, meta: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine left as frames, and `meta` with the parts of the PnL."""
    names, table = [seat.name for seat in spec.seats], outcome.tables
    kinds = [str(spec.instruments[seat.instrument]["kind"]) for seat in spec.seats]
    fills = frames.fills_frame(table["fills"], names, spec.instruments)
    return {
        "meta": {**meta, "splits": frames.splits(table["splits"], names)},
        "orders": frames.orders_frame(table["orders"], names, [str(entry["id"]) for entry in spec.instruments]),
        "fills": fills,
        "equity": frames.equity_frame(table["samples"], names, kinds, _capital(request, spec)),
        "positions": frames.positions_frame(table["fills"], fills),
    }


def _tables(
    request: BacktestRequest, spec: RunSpec, market: markets.Market, outcome: Outcome, created: datetime
) -> run_folder.RunTables:
    quotes = {quote_currency(definition) for definition in spec.instruments}
    if len(quotes) != 1:
        raise UsageError(f"instruments of one run must share their quote currency, were in {', '.join(sorted(quotes))}")
    built = [_candles(stream) for stream in market.streams]
    tables = run_folder.RunTables(
        **_frames(request, spec, outcome, _meta(request, spec, market, created)),
        candles=built[0].vstack(built[1]) if len(built) == 2 else built[0],
        sources={seat.source.file_name: seat.source.text for seat in spec.seats},
    )
    results = metrics.results(tables) | _engine_results(market, outcome, [seat.name for seat in spec.seats])
    results["start"], results["end"] = tables.equity["ts"].min(), tables.equity["ts"].max()
    meta = {**tables.meta, "results": results, "warnings": warnings(market, results, spec)}
    return replace(tables, meta=meta)


def _candles(stream: RecordedStream) -> Any:
    return candles.build(stream.blocks, from_definition(stream.instrument, "the data"))


def _engine_results(market: markets.Market, outcome: Outcome, names: Sequence[str]) -> dict[str, Any]:
    table = outcome.tables
    refused: dict[str, int] = {}
    withheld: dict[str, int] = {}
    for own_refused, own_withheld in table["tallies"]:
        for total, own in ((refused, own_refused), (withheld, own_withheld)):
            for reason, count in own:
                total[reason] = total.get(reason, 0) + count
    sources = [source for stream in market.streams for source in stream.sources]
    return {
        "events": sum(count[0] for count in table["counts"]),
        "orders": len(table["orders"]["order_id"]),
        "fills": len(table["fills"]["ts"]),
        "gaps": sum(count[1] for count in table["counts"]),
        "resyncs": sum(count[2] for count in table["counts"]),
        "stopped": {name: dict(told) for name, told in outcome.stopped.items()},
        "levels_ignored": sum(count[3] for count in table["counts"]),
        "liquidations": len(table["clearing"]["liquidations"]),
        "unknown_funding_rates": table["clearing"]["unknown_rates"],
        "refusals": refused,
        "withheld": withheld,
        "ledger_imbalance": _plain(table["imbalance"]),
        "clock_offset_ms": {source["name"]: source["clock_offset_ms"] for source in sources},
        "negative_latencies": sum(source["negative_latencies"] for source in sources),
        "balances": {code: money.amount(units) for code, units in table["balances"]},
        "trace_hash": table["trace_hash"],
        "engine": _core.__version__,
    }


def _plain(units: int) -> int | Decimal:
    """0 as a number, so that nobody has to parse it; anything else exactly."""
    return money.amount(units) if units else 0


def _meta(request: BacktestRequest, spec: RunSpec, market: markets.Market, created: datetime) -> dict[str, Any]:
    data = [{**source, "instrument": stream.instrument["id"]} for stream in market.streams for source in stream.sources]
    name = spec.seats[0].source.stem if request.strategy is not None else "strategies"
    return {
        "kedge": _core.__version__,
        "created": created,
        "name": name,
        "command": _command(request),
        "strategies": [
            {
                "name": seat.name,
                "file": seat.source.file_name,
                "sha256": seat.source.sha256,
                "instrument": spec.instruments[seat.instrument]["id"],
                "params": dict(seat.params),
                "limits": dict(seat.limits),
            }
            for seat in spec.seats
        ],
        "data": data,
        "settings": request.settings.model_dump(mode="json"),
        "assumptions": assumptions(request.settings, spec, market),
        "warnings": [],
        "results": {},
        "instruments": [dict(definition) for definition in spec.instruments],
    }


def _command(request: BacktestRequest) -> list[str]:
    """The command line that runs this again."""
    command = ["kedge", "backtest"]
    command += [str(request.strategy)] if request.strategy is not None else []
    command += ["--data", *request.data] if request.data else []
    command += ["--seeded", f"{(request.seeded or 0) // 1_000_000}ms"] if request.seeded is not None else []
    command += ["--seed", str(request.seed)] if request.seed != 1 else []
    command += ["--instrument", request.instrument] if request.instrument is not None else []
    command += ["--instruments", str(request.instruments)] if request.instruments is not None else []
    command += ["--param", *(f"{name}={value}" for name, value in request.params.items())] if request.params else []
    command += ["--funding", request.funding] if request.funding is not None else []
    command += ["--stress"] if request.stress else []
    return command
