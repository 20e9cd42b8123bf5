"""A live session computed again from its journal, and compared with it, input by input."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedge import _core
from kedge.backtest.replay import Comparison, Progress, with_source
from kedge.backtest.spec import RunSpec, instances
from kedge.journal import SESSION_INPUTS, Kind
from kedge.journal.market_block import FRAME_HEAD
from kedge.model.errors import UnsafeStateError, UsageError
from kedge.strategies.budget import CallbackBudget
from kedge.strategies.source import read_source
from kedge.strategies.strategy import Strategy

Record = tuple[int, int, int, int, int, bytes]

_DECISIONS = frozenset({Kind.COMMAND, Kind.POSTING, Kind.REFUSAL, Kind.STOPPED})
CALLBACK_SECONDS = 2.0


@dataclass(slots=True)
class _Step:
    """One input with what the journal says came of it; the first step has no input."""

    input: Record | None
    faults: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class _Session:
    """A session's records in order, cut into steps."""

    folder: Path
    reader: _core.JournalReader
    books: str = ""
    inputs: dict[Kind, int] = field(default_factory=dict)
    decisions: dict[Kind, int] = field(default_factory=dict)
    trace_hash: str | None = None
    seq: int = 1
    bytes: int = 0

    def steps(self) -> Iterator[_Step]:
        """The steps, the one without an input first."""
        step = _Step(None)
        for record in self.reader:
            seq, _, code, _, _, payload = record
            kind = Kind(code)
            self._follow(seq, len(payload))
            if kind in SESSION_INPUTS:
                yield step
                step = _Step(record)
                self.inputs[kind] = self.inputs.get(kind, 0) + 1
            elif kind is Kind.FAULT:
                step.faults.append(json.loads(payload))
            elif kind in _DECISIONS:
                step.decisions.append(payload)
                self.decisions[kind] = self.decisions.get(kind, 0) + 1
            elif kind is Kind.CLOSED:
                self.trace_hash = json.loads(payload)["trace_hash"]
        yield step

    def begin(self) -> str:
        """Reads up to the first checkpoint and returns it. Raises `UnsafeStateError` if there is none."""
        for record in itertools.islice(self.reader, 2):
            self._follow(record[0], len(record[5]))
            if record[2] == Kind.CHECKPOINT:
                return record[5].decode()
        raise UnsafeStateError(
            f"{self.folder}: the session has no checkpoint", "it ended before it began: there is nothing to replay"
        )

    def _follow(self, seq: int, payload: int) -> None:
        if seq > self.seq + 1:
            raise UsageError(
                f"{self.folder}: the inputs {self.seq + 1} to {seq - 1} have been aged out",
                "a session can be replayed as long as its first inputs file is there",
            )
        self.seq = seq
        self.bytes += FRAME_HEAD + payload


def is_session(folder: Path) -> bool:
    """Whether a folder is a session of a live trader."""
    if not (folder / "decisions.kj").is_file():
        return False
    return bool(json.loads(_core.JournalReader(str(folder)).header).get("mode") == "live")


def replay_session(folder: Path, strategy: Path | None = None, on_progress: Progress | None = None) -> dict[str, Any]:
    """Computes the decisions of a live session again from the inputs and sources in its journal, up to its end.

    With `strategy`, its source instead. A session that was not closed (it runs, or crashed) is compared decision by
    decision as far as it goes; of its last input the journal may lack some. Raises `UnsafeStateError` for damage,
    `UsageError` where inputs have aged out, `DataError` for a record that is no input.
    """
    session = _Session(folder, _core.JournalReader(str(folder)))
    header = json.loads(session.reader.header)
    spec = RunSpec.from_header({"market": {}, "callback_seconds": CALLBACK_SECONDS, **header})
    if strategy is not None:
        spec = with_source(spec, read_source(str(strategy)))
    engine = _engine(spec, session.begin())
    comparison = Comparison(iter(()), [dict(definition) for definition in spec.instruments])
    whole = sum(file.stat().st_size for file in folder.glob("*.kj"))
    differs_at = None
    with CallbackBudget(spec.callback_seconds, _core.callback_count):
        # One step behind: of the last one the journal may have been cut short.
        for step, following in itertools.pairwise(itertools.chain(session.steps(), [None])):
            if step is None:
                continue
            at = _taken(engine, step, comparison, is_last=following is None)
            if at is not None and differs_at is None:
                differs_at = {"seq": at, **(comparison.difference or {})}
            if on_progress is not None:
                on_progress(min(session.bytes, whole), whole)
    return _result(folder, session, engine.trace_hash(), comparison, differs_at)


def _engine(spec: RunSpec, books: str) -> _core.LiveReplay:
    return _core.LiveReplay(
        json.dumps(spec.engine),
        [json.dumps(definition) for definition in spec.instruments],
        [
            (seat.instrument, json.dumps(seat.limits), strategy, Strategy)
            for seat, strategy in zip(spec.seats, instances(spec), strict=True)
        ],
        books,
    )


def _taken(engine: _core.LiveReplay, step: _Step, comparison: Comparison, *, is_last: bool) -> int | None:
    """Takes a step's input and compares what came of it. Returns the input's sequence if something differs."""
    for fault in step.faults:
        engine.fail_at(fault["strategy"], fault["wake"])
    if step.input is None:
        seq, made = 2, engine.begin()
    else:
        seq, _, kind, ts_engine, _, payload = step.input
        made = engine.take(kind, ts_engine, payload)
    for _, error in engine.faults():
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error
    if is_last:
        made = made[: len(step.decisions)]
    equal = [comparison.compare(was, now) for was, now in itertools.zip_longest(step.decisions, made)]
    return None if all(equal) else seq


def _result(
    folder: Path, session: _Session, made: str, comparison: Comparison, differs_at: dict[str, Any] | None
) -> dict[str, Any]:
    closed = session.trace_hash is not None
    equal = differs_at is None and session.trace_hash in (None, made)
    return {
        "run": str(folder),
        "commands_equal": equal,
        "trace_hash": made,
        "journal_trace_hash": session.trace_hash,
        "closed": closed,
        "inputs": sum(session.inputs.values()),
        "decisions": comparison.compared,
        "commands": session.decisions.get(Kind.COMMAND, 0),
        "reports": session.inputs.get(Kind.REPORT, 0) + session.inputs.get(Kind.EARLIER_FILL, 0),
        "postings": session.decisions.get(Kind.POSTING, 0),
        "differs_at": differs_at,
        "first_command_difference": comparison.command_difference,
    }
