"""Result lines as tables: for the terminal, and for `docs/speed.md`, whose tables are made of the newest lines.

    python -m benches.table

`make bench` does this at its end; a test holds the document to the lines.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benches.cases import GROUPS, Case
from benches.environments import ROOT
from benches.tick import compare as tick

Line = dict[str, Any]
Row = tuple[str, ...]

RESULTS = ROOT / "benches" / "results"
DOCUMENT = ROOT / "docs" / "speed.md"

NAMES = {
    "w1_replay": "W1 replay",
    "w1_mm": "W1 market making",
    "w1_cold": "W1 cold start",
    "raw_replay": "recorded book, repeated to 10 M rows",
    "w2_python": "W2 trades, Python",
    "w2_compiled": "W2 trades, compiled",
    "w2_loading": "W2 trades, Python with loading",
    "w3_python": "W3 bars, Python",
    "w3_compiled": "W3 bars, compiled",
    "w4_python": "W4 market making, Python",
    "w4_compiled": "W4 market making, compiled",
}
HEADINGS = (
    "workload",
    "against",
    "Kedge",
    "rival",
    "ratio",
    "goal",
    "requests",
    "fills",
    "position",
    "PnL",
)
TEXTS = 2


def key(line: Line) -> tuple[str, str, str]:
    """What a line is a line of; before rivals had several environments, a rival's name was its environment's."""
    return line["workload"], line["variant"], line.get("environment", line["rival"])


def case_key(case: Case) -> tuple[str, str, str]:
    """The same of a case."""
    return case.workload, case.variant, case.rival.environment


def newest() -> list[tuple[Case, Line]]:
    """Each case with the last line kept of it, in the cases' order; a case without a line is left out."""
    lines: dict[tuple[str, str, str], Line] = {}
    for file in sorted(RESULTS.glob("*.jsonl")):
        for text in file.read_text().splitlines():
            line = json.loads(text)
            if line.get("unit", "events/s") in ("events/s", "s") and "ratio" in line:
                lines[key(line)] = line
    cases = [case for group in GROUPS.values() for case in group.cases]
    return [(case, lines[case_key(case)]) for case in cases if case_key(case) in lines]


def row(line: Line, case: Case | None) -> Row:
    """One line's cells, as `HEADINGS` names them."""
    name = NAMES.get(line["workload"], line["workload"]) + (f" ({line['variant']})" if line["variant"] else "")
    rival = f"{line['rival']} {line['rival_version'] or ''}".strip()
    if line["kedge_rate"] is None:
        return (name, rival, *[""] * (len(HEADINGS) - TEXTS))
    rates = [_rate(line, side) for side in ("kedge", "rival")]
    ratio = f"{line['ratio']:.2f}× ({line['ratio_min']:.2f}–{line['ratio_max']:.2f})"
    counts = [f"{line['requests']:,}", f"{line['fills']:,}", f"{line['position']:g}", f"{line['pnl']:,.2f}"]
    return (name, rival, *rates, ratio, _goal(line, case), *counts)


def _rate(line: Line, side: str) -> str:
    found = line[f"{side}_rate"]
    return f"{found:.2f} s" if line.get("unit") == "s" else f"{found / 1e6:.2f}"


def _goal(line: Line, case: Case | None) -> str:
    """What was to be reached, and whether it was."""
    if case is None:
        return ""
    goal = case.goal
    if goal.ratio is not None:
        return _reached(f"{goal.ratio:g}×", line["ratio"] >= goal.ratio)
    if goal.rate is not None:
        return _reached(f"{goal.rate / 1e6:g}", line["kedge_rate"] >= goal.rate)
    if goal.seconds is not None:
        return _reached(f"{goal.seconds:g} s", line["kedge_rate"] <= goal.seconds)
    return ""


def _reached(goal: str, is_reached: bool) -> str:
    return goal if is_reached else f"{goal}, missed"


def remarks(line: Line) -> list[str]:
    """What differed in a line, and what a rule tells of it."""
    return [*line["differences"], *line.get("rules", [])]


def text(lines: Sequence[Line]) -> str:
    """Lines for a terminal: a row each, and below it what differed."""
    cases = {case_key(case): case for group in GROUPS.values() for case in group.cases}
    rates = [line for line in lines if "ratio" in line]
    latencies = [line for line in lines if "ratio" not in line]
    rows: list[tuple[Row, list[str]]] = [((*HEADINGS, "check"), [])]
    rows += [((*row(line, cases.get(key(line))), line["check"]), remarks(line)) for line in rates]
    parts = [_aligned(rows)] if rates else []
    if latencies:
        parts.append(_aligned([(cells, []) for cells in tick.table(latencies)]))
    return "\n\n".join(parts)


def _aligned(rows: Sequence[tuple[Row, list[str]]]) -> str:
    widths = [max(map(len, column)) for column in zip(*(cells for cells, _ in rows), strict=True)]
    told = []
    for cells, below in rows:
        placed = [
            cell.ljust(width) if at < TEXTS else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        told += ["  ".join(placed).rstrip(), *(f"  {line}" for line in below)]
    return "\n".join(told)


def markdown(found: Sequence[tuple[Case, Line]]) -> str:
    """The table of `docs/speed.md`, and below it what differed and by which rule."""
    rows = [HEADINGS, ("---",) * TEXTS + ("--:",) * (len(HEADINGS) - TEXTS)]
    rows += [row(line, case) for case, line in found]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    named: dict[str, list[str]] = {}
    for _, line in found:
        workload, rival, *_ = row(line, None)
        for remark in remarks(line):
            named.setdefault(remark, []).append(f"{workload} against {rival}")
    notes = [f"- {', '.join(where)}: {remark}." for remark, where in named.items()]
    days = sorted({f"[{line['at'][:10]}](../benches/results/{line['at'][:10]}.jsonl)" for _, line in found})
    return "\n\n".join([table, *(["\n".join(notes)] if notes else []), f"Measured on {', '.join(days)}."])


BEGIN, END = "<!-- made by benches/table.py -->", "<!-- end -->"


def document(now: str, found: Sequence[tuple[Case, Line]]) -> str:
    """The document with its table made anew."""
    before, _, rest = now.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{markdown(found)}\n\n{END}{after}"


def main() -> None:
    """Writes the table into the document."""
    DOCUMENT.write_text(document(DOCUMENT.read_text(), newest()))


if __name__ == "__main__":
    main()
