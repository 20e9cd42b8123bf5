"""Compares Kedge with its rivals: `make bench W=w1,raw JSON=1 ROUNDS=3`.

    .venv/bin/python -m benches.run [--work w1,raw] [--rounds 3] [--json]

Prints a table, or with `--json` one JSON line for each pair of workload and rival, and adds those lines to
`benches/results/<date>.jsonl`. Progress goes to the error stream.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from benches.cases import GROUPS
from benches.environments import ROOT, BenchError, kedge_bench, rival_python
from benches.measure import Line, circumstances, compare
from benches.tick import compare as tick

RESULTS = ROOT / "benches" / "results"
FEWEST_ROUNDS = 3


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
    if options.json:
        for line in lines:
            print(json.dumps(line))
    else:
        rates = [line for line in lines if "ratio" in line]
        latencies = [line for line in lines if "ratio" not in line]
        print("\n\n".join([*([table(rates)] if rates else []), *([tick_table(latencies)] if latencies else [])]))
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
    """Runs the cases of a group; each line is on disk before the next case begins."""
    group = GROUPS[name]
    group.prepare()
    if group.latencies is not None:
        return [_kept(line) for line in group.latencies(rounds)]
    program = kedge_bench()
    return [_kept(compare(case, rival_python(case.rival), program, rounds)) for case in group.cases]


def _kept(line: Line) -> Line:
    """The line with its circumstances, once it is on disk."""
    line = line | circumstances()
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{line['at'][:10]}.jsonl").open("a") as results:
        results.write(json.dumps(line) + "\n")
    return line


def tick_table(lines: Sequence[Line]) -> str:
    """The lines of latencies for people."""
    rows = tick.table(lines)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


HEADINGS = ("workload", "variant", "rival", "Kedge M/s", "rival M/s", "ratio", "(rounds)", "requests", "fills")
TEXTS = 3


def table(lines: Sequence[Line]) -> str:
    """The lines for people: a row each, and below it what differed."""
    rows: list[tuple[str, ...]] = [(*HEADINGS, "position", "PnL", "check")]
    for line in lines:
        rates = [f"{line[f'{side}_rate'] / 1e6:.1f}" for side in ("kedge", "rival")]
        ratio, bounds = f"{line['ratio']:.2f}×", f"{line['ratio_min']:.2f}–{line['ratio_max']:.2f}"
        counts = [f"{line['requests']:,}", f"{line['fills']:,}", f"{line['position']:g}", f"{line['pnl']:,.2f}"]
        rival = f"{line['rival']} {line['rival_version']}"
        rows.append((line["workload"], line["variant"], rival, *rates, ratio, bounds, *counts, line["check"]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = []
    for at, row in enumerate(rows):
        cells = [
            cell.ljust(width) if place < TEXTS else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
        text += [f"  {difference}" for difference in (lines[at - 1]["differences"] if at else [])]
    return "\n".join(text)


if __name__ == "__main__":
    sys.exit(main())
