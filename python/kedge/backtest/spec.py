"""Everything that decides a run, as one value: what the engine is given, and what a journal's header keeps of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kedge import _core
from kedge.model.columns import MarketColumns
from kedge.model.errors import KedgeError, StrategyError
from kedge.model.times import iso
from kedge.strategies.budget import CallbackBudget
from kedge.strategies.faults import TimeBudgetExceeded, explain
from kedge.strategies.source import StrategySource, make, param_values, strategy_class
from kedge.strategies.strategy import Strategy

SCHEMA = 1

OnSlice = Callable[[int, bytes], None]
"""Called between slices of a run with the time reached and the decisions recorded since."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One strategy on one instrument: `instrument` is an index into the run's instruments.

    With `own_account` its balances and its orders at the venue meet no other strategy's. `seed` is its randomness's;
    without it the run's and its place among the seats count.
    """

    name: str
    source: StrategySource
    instrument: int
    params: Mapping[str, Any]
    limits: Mapping[str, Any]
    own_account: bool = False
    seed: int | None = None


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
    alone: bool = False
    """Whether a strategy that raises stops alone; else the run ends with it."""

    def header(self) -> dict[str, Any]:
        """The run as JSON values, with the strategies' sources in full."""
        return {
            "schema": SCHEMA,
            "engine": dict(self.engine),
            "instruments": [dict(definition) for definition in self.instruments],
            "market": dict(self.market),
            "callback_seconds": self.callback_seconds,
            "alone": self.alone,
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
                    "own_account": seat.own_account,
                    "seed": seat.seed,
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
                own_account=entry.get("own_account", False),
                seed=entry.get("seed"),
            )
            for entry in header["strategies"]
        ]
        return RunSpec(
            header["engine"],
            header["instruments"],
            seats,
            header["market"],
            float(header["callback_seconds"]),
            bool(header.get("alone", False)),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the engine gave, and the strategies as they were at the end."""

    tables: Mapping[str, Any]
    strategies: Sequence[Strategy]
    stopped: Mapping[str, Mapping[str, Any]]
    """Strategies that raised: `at` (ISO 8601) and `why`."""


def instances(spec: RunSpec) -> list[Strategy]:
    """A strategy instance for each seat, its parameters checked."""
    classes: dict[StrategySource, type[Strategy]] = {}
    for seat in spec.seats:
        if seat.source not in classes:
            classes[seat.source] = strategy_class(seat.source)
    return [make(classes[seat.source], seat.params, seat.source.file) for seat in spec.seats]


def checked(spec: RunSpec) -> RunSpec:
    """The same run with every parameter written out. Raises what making the strategies raises."""
    made = instances(spec)
    seats = [replace(seat, params=param_values(strategy)) for seat, strategy in zip(spec.seats, made, strict=True)]
    return replace(spec, seats=seats)


def execute(
    spec: RunSpec, blocks: Sequence[Sequence[MarketColumns]], *, step: bool = False, on_slice: OnSlice | None = None
) -> Outcome:
    """Runs the engine over the blocks of each instrument.

    Raises `StrategyError` with file and line for whatever a strategy raises, and for a callback that does not end.
    """
    strategies = instances(spec)
    streams = [(json.dumps(definition), list(own)) for definition, own in zip(spec.instruments, blocks, strict=True)]
    seated = [
        (seat.instrument, json.dumps(_seat(seat)), strategy, Strategy)
        for seat, strategy in zip(spec.seats, strategies, strict=True)
    ]
    files = [seat.source.file for seat in spec.seats]
    try:
        with CallbackBudget(spec.callback_seconds, _core.callback_count):
            tables = _core.run_backtest(json.dumps(spec.engine), streams, seated, step, on_slice, spec.alone)
    except (KeyboardInterrupt, SystemExit):
        raise
    except TimeBudgetExceeded as error:
        raise _named(spec, error, explain(error, files)) from None
    except Exception as error:
        if not _in_strategy(error, files):
            raise
        raise _named(spec, error, explain(error, files)) from None
    return Outcome(tables, strategies, _stopped(spec, tables["stopped"], files))


def _seat(seat: Seat) -> dict[str, Any]:
    return {**seat.limits, "own_account": seat.own_account, "seed": seat.seed}


def _stopped(
    spec: RunSpec, raised: Sequence[tuple[int, BaseException]], files: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """What became of those that raised, by name."""
    told: dict[str, Mapping[str, Any]] = {}
    for at, error in raised:
        known = not _in_strategy(error, files) and isinstance(error, KedgeError)
        why = error.message if known and isinstance(error, KedgeError) else explain(error, files).message
        time = getattr(error, "kedge_time", None)
        told[spec.seats[at].name] = {"at": None if time is None else iso(time), "why": why}
    return told


def _named(spec: RunSpec, error: BaseException, told: StrategyError) -> StrategyError:
    """The error with the strategy's name before it, where the run has several of one source."""
    at = getattr(error, "kedge_seat", None)
    if at is None or len(spec.seats) == 1:
        return told
    return StrategyError(f"{spec.seats[at].name}: {told.message}", told.hint)


def _in_strategy(error: BaseException, files: Sequence[str]) -> bool:
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename in files:
            return True
        frame = frame.tb_next
    return False
