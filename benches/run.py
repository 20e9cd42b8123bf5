"""Compares Kedge with its rivals: `make bench W=w1,raw JSON=1 ROUNDS=3`.

    .venv/bin/python -m benches.run [--work w1,raw] [--rounds 3] [--json]

Prints a table, or with `--json` one JSON line for each pair of workload and rival, and adds those lines to
`benches/results/<date>.jsonl`, of which the table in `docs/speed.md` is made. Progress goes to the error stream.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benches import scale
from benches.cases import GROUPS, Case
from benches.environments import BenchError, PythonMissingError, kedge_bench, rival_python
from benches.measure import Line, circumstances, compare, skipped
from benches.table import RESULTS, text
from benches.table import main as write_document
from benches.tick import compare as tick

FEWEST_ROUNDS = 3

# Rounds → lines of a group that compares no rates.
WITHOUT_CASES: dict[str, Callable[[int], list[Line]]] = {
    "many": scale.many,
    "stream": scale.stream,
    "tick": tick.compare,
}


def main() -> int:
    """The command; 0 also where a figure differs, as that is a finding; 1 where something could not be run."""
    options = _options()
    lines: list[Line] = []
    failed = False
    for name in options.work:
        try:
            lines += _run_group(name, options.rounds)
        except BenchError as error:
            print(f"bench: {name}: {error}", file=sys.stderr)
            failed = True
        # Also for whoever ends this before all groups have run.
        write_document()
    if options.json:
        for line in lines:
            print(json.dumps(line))
    else:
        print(text(lines))
    return int(failed)


def _options() -> argparse.Namespace:
    def groups(text: str) -> list[str]:
        names = text.replace(",", " ").split()
        if not names or not set(names) <= set(GROUPS):
            raise argparse.ArgumentTypeError(f"must name {', '.join(GROUPS)}, was `{text}`")
        return names

    def rounds(text: str) -> int:
        if not text.isdigit() or int(text) < FEWEST_ROUNDS:
            raise argparse.ArgumentTypeError(f"must be ≥ {FEWEST_ROUNDS}, was `{text}`")
        return int(text)

    parser = argparse.ArgumentParser(prog="make bench", description="Compares Kedge with its rivals on the same data.")
    parser.add_argument("--work", type=groups, default=list(GROUPS), help=f"of {','.join(GROUPS)}; all by default")
    parser.add_argument("--rounds", type=rounds, default=FEWEST_ROUNDS, help="fresh processes of each side")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of a table")
    return parser.parse_args()


def _run_group(name: str, rounds: int) -> list[Line]:
    """Runs the cases of a group; the lines of a batch are on disk before the next one begins."""
    group = GROUPS[name]
    group.prepare()
    if name in WITHOUT_CASES:
        return [_kept(line) for line in WITHOUT_CASES[name](rounds)]
    program = kedge_bench()
    lines: list[Line] = []
    for batch in group.batches:
        pythons, missing = _pythons(batch)
        lines += missing
        able = [case for case in batch if case.rival.environment in pythons]
        lines += [_kept(line) for line in compare(able, pythons, program, rounds)]
    return lines


def _pythons(batch: Sequence[Case]) -> tuple[dict[str, Path], list[Line]]:
    """The interpreter of each rival of a batch, and a line for each case whose rival has none here."""
    pythons: dict[str, Path] = {}
    lines: list[Line] = []
    for case in batch:
        try:
            pythons[case.rival.environment] = rival_python(case.rival.environment)
        except PythonMissingError as error:
            print(f"bench: {case.workload} against {case.rival.environment} is skipped: {error}", file=sys.stderr)
            lines.append(skipped(case, str(error)))
    return pythons, lines


def _kept(line: Line) -> Line:
    """The line with its circumstances, once it is on disk."""
    line = line | circumstances()
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{line['at'][:10]}.jsonl").open("a") as results:
        results.write(json.dumps(line) + "\n")
    return line


if __name__ == "__main__":
    sys.exit(main())
