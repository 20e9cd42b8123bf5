"""A run computed again from its journal, and compared with it, decision by decision."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kedge import _core
from kedge.backtest.journaling import KIND_OF_TAG, split_records
from kedge.backtest.markets import seeded_stream
from kedge.backtest.spec import RunSpec, checked, execute
from kedge.journal import Kind, market_block
from kedge.model.columns import MarketColumns
from kedge.model.errors import UnsafeStateError, UsageError
from kedge.model.instruments import from_definition
from kedge.strategies.source import StrategySource, read_source

Progress = Callable[[int, int], None]

COMMANDS = {tag for tag, kind in KIND_OF_TAG.items() if kind is Kind.COMMAND}


@dataclass(slots=True)
class Comparison:
    """Decisions of a journal held against those made now, in order; the first that differs and the first command."""

    expected: Iterator[bytes]
    definitions: list[dict[str, Any]]
    compared: int = 0
    commands: int = 0
    difference: dict[str, Any] | None = None
    command_difference: dict[str, Any] | None = None
    _instrument_of: dict[int, int] = field(default_factory=dict)

    def take(self, records: Iterator[bytes]) -> None:
        """Compares what was made now."""
        for made in records:
            self.compare(next(self.expected, None), made)

    def finish(self) -> None:
        """Whatever the journal still holds was not made now."""
        for was in self.expected:
            self.compare(was, None)

    def compare(self, was: bytes | None, made: bytes | None) -> bool:
        """Compares one decision of the journal with the one made now. Returns whether they are equal."""
        self._learn(was)
        self._learn(made)
        commands = [record is not None and record[0] in COMMANDS for record in (was, made)]
        if was != made:
            found = {"index": self.compared, "journal": self._text(was), "replay": self._text(made)}
            self.difference = self.difference or found
            if any(commands):
                self.command_difference = self.command_difference or {**found, "index": self.commands}
        self.compared += 1
        self.commands += any(commands)
        return was == made

    def _learn(self, record: bytes | None) -> None:
        if record is not None and record[0] == 1:
            self._instrument_of[int.from_bytes(record[9:17], "little")] = int.from_bytes(record[19:21], "little")

    def _text(self, record: bytes | None) -> str | None:
        if record is None:
            return None
        order = int.from_bytes(record[9:17], "little")
        instrument = int.from_bytes(record[19:21], "little") if record[0] == 6 else self._instrument_of.get(order, 0)
        return str(_core.describe_decision(record, json.dumps(self.definitions[instrument])))


def replay(run: Path, strategy: Path | None = None, on_progress: Progress | None = None) -> dict[str, Any]:
    """Computes the decisions of a run again from the inputs and sources in its journal.

    With `strategy`, its source instead. Returns `commands_equal` (every command, report and posting is the journal's),
    the trace hash now and in the journal, and the first decision and command that differ.
    Raises `UsageError` if the run has no journal, `UnsafeStateError` if it is damaged or was not closed.
    """
    folder = run / "journal"
    if not folder.is_dir():
        raise UsageError(f"{run.name} has no journal", "run it again with --journal")
    reader = _core.JournalReader(str(folder))
    spec = RunSpec.from_header(json.loads(reader.header))
    if strategy is not None:
        spec = with_source(spec, read_source(str(strategy)))
    blocks = _market(spec, reader)
    comparison = Comparison(_decisions(folder), [dict(definition) for definition in spec.instruments])
    times = [int(block.ts_recv[at]) for own in blocks for block in own if len(block) for at in (0, -1)]

    def on_slice(now: int, records: bytes) -> None:
        comparison.take(split_records(records))
        if on_progress is not None and times:
            on_progress(max(0, min(now, max(times)) - min(times)), max(1, max(times) - min(times)))

    outcome = execute(spec, blocks, on_slice=on_slice)
    comparison.finish()
    closed = _closed(folder)
    made = outcome.tables["trace_hash"]
    return {
        "run": str(run),
        "commands_equal": comparison.difference is None and made == closed["trace_hash"],
        "trace_hash": made,
        "journal_trace_hash": closed["trace_hash"],
        "decisions": comparison.compared,
        "commands": comparison.commands,
        "first_difference": comparison.difference,
        "first_command_difference": comparison.command_difference,
    }


def with_source(spec: RunSpec, source: StrategySource) -> RunSpec:
    """The same run with another source for its strategies. Raises `UsageError` where they are of several files."""
    files = {seat.source.file for seat in spec.seats}
    if len(files) > 1:
        raise UsageError(
            f"the run has strategies of {len(files)} files", "--strategy replaces the source of a run with one"
        )
    return checked(replace(spec, seats=[replace(seat, source=source) for seat in spec.seats]))


def _market(spec: RunSpec, reader: Any) -> list[list[MarketColumns]]:
    seeded = spec.market["seeded"]
    if seeded is not None:
        return [
            list(seeded_stream(from_definition(definition, "the journal"), seeded["duration"], seeded["seed"]).blocks)
            for definition in spec.instruments
        ]
    blocks: list[list[MarketColumns]] = [[] for _ in spec.instruments]
    for record in reader:
        if record[2] == Kind.MARKET:
            stream, block = market_block.decode(record[5])
            blocks[stream].append(block)
    return blocks


def _decisions(folder: Path) -> Iterator[bytes]:
    kinds = {int(kind) for kind in KIND_OF_TAG.values()}
    return (record[5] for record in _core.JournalReader(str(folder)) if record[2] in kinds)


def _closed(folder: Path) -> dict[str, Any]:
    last = next(iter(itertools.islice((r for r in _core.JournalReader(str(folder)) if r[2] == Kind.CLOSED), 1)), None)
    if last is None:
        raise UnsafeStateError(f"{folder} was not closed: the run did not end", "run the backtest again with --journal")
    found: dict[str, Any] = json.loads(last[5])
    return found
