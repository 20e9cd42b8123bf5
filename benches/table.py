"""Result lines as tables: for the terminal, and for `docs/speed.md`, whose tables are made of the newest lines.

    python -m benches.table

`make bench` does this at its end; a test holds the document to the lines.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benches import scale
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


def kept() -> dict[tuple[str, str, str], Line]:
    """The last line kept of each pair; those of latencies, which another table has, left out."""
    files = [file.read_text().splitlines() for file in sorted(RESULTS.glob("*.jsonl"))]
    lines = [json.loads(text) for file in files for text in file]
    return {key(line): line for line in lines if "ratio" in line}


def newest() -> list[tuple[Case, Line]]:
    """Each case with the last line kept of it, in the cases' order; a case without a line is left out."""
    lines = kept()
    cases = [case for group in GROUPS.values() for case in group.cases]
    return [(case, lines[case_key(case)]) for case in cases if case_key(case) in lines]


def newest_of_scale() -> list[Line]:
    """The last lines of what has no rival."""
    return [line for line in kept().values() if line["workload"] in ("many", "stream")]


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
    return f"{found:.3g} s" if line.get("unit") == "s" else f"{found / 1e6:.2f}"


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
    of_scale = [line for line in lines if line["workload"] in ("many", "stream")]
    latencies = [line for line in lines if "ratio" not in line]
    rates = [line for line in lines if line not in of_scale and line not in latencies]
    rows: list[tuple[Row, list[str]]] = [((*HEADINGS, "check"), [])]
    rows += [((*row(line, cases.get(key(line))), line["check"]), remarks(line)) for line in rates]
    parts = [_aligned(rows)] if rates else []
    if of_scale:
        parts.append(_aligned([(cells, []) for cells in scale.table(of_scale)]))
        parts += [f"  {line['workload']}: {remark}" for line in of_scale for remark in remarks(line)]
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


def markdown(found: Sequence[tuple[Case, Line]], of_scale: Sequence[Line]) -> str:
    """The tables of `docs/speed.md`, and below the first what differed and by which rule."""
    rows = [row(line, case) for case, line in found]
    tables = [_pipes([HEADINGS, ("---",) * TEXTS + ("--:",) * (len(HEADINGS) - TEXTS), *rows])]
    named: dict[str, list[str]] = {}
    for _, line in found:
        workload, rival, *_ = row(line, None)
        for remark in remarks(line):
            named.setdefault(remark, []).append(f"{workload} against {rival}")
    for line in of_scale:
        for remark in remarks(line):
            named.setdefault(remark, []).append(line["workload"])
    notes = [f"- {', '.join(where)}: {remark}." for remark, where in named.items()]
    if of_scale:
        headings, *figures = scale.table(of_scale)
        tables.append(_pipes([headings, ("---",) * len(headings), *figures]))
    lines = [*(line for _, line in found), *of_scale]
    days = sorted({f"[{line['at'][:10]}](../benches/results/{line['at'][:10]}.jsonl)" for line in lines})
    return "\n\n".join([*tables, *(["\n".join(notes)] if notes else []), f"Measured on {', '.join(days)}."])


def _pipes(rows: Sequence[Row]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


BEGIN, END = "<!-- made by benches/table.py -->", "<!-- end -->"


def document(now: str, found: Sequence[tuple[Case, Line]], of_scale: Sequence[Line]) -> str:
    """The document with its tables made anew."""
    before, _, rest = now.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{markdown(found, of_scale)}\n\n{END}{after}"


def main() -> None:
    """Writes the table into the document."""
    DOCUMENT.write_text(document(DOCUMENT.read_text(), newest(), newest_of_scale()))


if __name__ == "__main__":
    main()
