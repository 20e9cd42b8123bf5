"""Everything that decides a run, as one value: what the engine is given, and what a journal's header keeps of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kedge import _core
from kedge.model.columns import MarketColumns
from kedge.model.errors import KedgeError
from kedge.strategies.budget import CallbackBudget
from kedge.strategies.faults import TimeBudgetExceeded, explain
from kedge.strategies.source import StrategySource, make, param_values, strategy_class
from kedge.strategies.strategy import Strategy

SCHEMA = 1

OnSlice = Callable[[int, bytes], None]
"""Called between slices of a run with the time reached and the decisions recorded since."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One strategy on one instrument: `instrument` is an index into the run's instruments."""

    name: str
    source: StrategySource
    instrument: int
    params: Mapping[str, Any]
    limits: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What decides a run besides its data. `engine` is the engine's settings as it takes them (nanoseconds, text).

    `market` says where the data came from, and for the seeded market how to make it again.
    """

    engine: Mapping[str, Any]
    instruments: Sequence[Mapping[str, Any]]
    seats: Sequence[Seat]
    market: Mapping[str, Any]
    callback_seconds: float

    def header(self) -> dict[str, Any]:
        """The run as JSON values, with the strategies' sources in full."""
        return {
            "schema": SCHEMA,
            "engine": dict(self.engine),
            "instruments": [dict(definition) for definition in self.instruments],
            "market": dict(self.market),
            "callback_seconds": self.callback_seconds,
            "strategies": [
                {
                    "name": seat.name,
                    "file": seat.source.file,
                    "class": seat.source.class_name,
                    "sha256": seat.source.sha256,
                    "source": seat.source.text,
                    "instrument": seat.instrument,
                    "params": dict(seat.params),
                    "limits": dict(seat.limits),
                }
                for seat in self.seats
            ],
        }

    @staticmethod
    def from_header(header: Mapping[str, Any]) -> RunSpec:
        """The run a header tells of."""
        seats = [
            Seat(
                name=entry["name"],
                source=StrategySource(entry["file"], entry["source"], entry["class"]),
                instrument=entry["instrument"],
                params=entry["params"],
                limits=entry["limits"],
            )
            for entry in header["strategies"]
        ]
        return RunSpec(
            header["engine"], header["instruments"], seats, header["market"], float(header["callback_seconds"])
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the engine gave, and the strategies as they were at the end."""

    tables: Mapping[str, Any]
    strategies: Sequence[Strategy]


def instances(spec: RunSpec) -> list[Strategy]:
    """A strategy instance for each seat, its parameters checked."""
    return [make(strategy_class(seat.source), seat.params, seat.source.file) for seat in spec.seats]


def checked(spec: RunSpec) -> RunSpec:
    """The same run with every parameter written out. Raises what making the strategies raises."""
    made = instances(spec)
    seats = [
        Seat(seat.name, seat.source, seat.instrument, param_values(strategy), seat.limits)
        for seat, strategy in zip(spec.seats, made, strict=True)
    ]
    return RunSpec(spec.engine, spec.instruments, seats, spec.market, spec.callback_seconds)


def execute(
    spec: RunSpec, blocks: Sequence[Sequence[MarketColumns]], *, step: bool = False, on_slice: OnSlice | None = None
) -> Outcome:
    """Runs the engine over the blocks of each instrument.

    Raises `StrategyError` with file and line for whatever a strategy raises, and for a callback that does not end.
    """
    strategies = instances(spec)
    streams = [(json.dumps(definition), list(own)) for definition, own in zip(spec.instruments, blocks, strict=True)]
    seated = [
        (seat.instrument, json.dumps(seat.limits), strategy, Strategy)
        for seat, strategy in zip(spec.seats, strategies, strict=True)
    ]
    files = [seat.source.file for seat in spec.seats]
    try:
        with CallbackBudget(spec.callback_seconds, _core.callback_count):
            tables = _core.run_backtest(json.dumps(spec.engine), streams, seated, step, on_slice)
    except (KeyboardInterrupt, SystemExit):
        raise
    except TimeBudgetExceeded as error:
        raise explain(error, files) from None
    except KedgeError as error:
        raise (explain(error, files) if _in_strategy(error, files) else error) from None
    except Exception as error:
        if not _in_strategy(error, files):
            raise
        raise explain(error, files) from None
    return Outcome(tables, strategies)


def _in_strategy(error: BaseException, files: Sequence[str]) -> bool:
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename in files:
            return True
        frame = frame.tb_next
    return False
