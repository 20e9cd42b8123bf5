"""What has no rival: a thousand strategies on one market, and a billion events. Lines as those of `measure`, with
`rival` null and figures of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median

from benches.environments import kedge_bench
from benches.expected import differences
from benches.measure import FIGURES, Command, Line, Run, run_once

STRATEGIES = (1, 10, 100, 500, 1000)
STEP_P99_MS = 5.0
BLOCKS = 100
# How far the time of a block may grow and be called linear, and memory and be called flat.
GROWTH = 1.1
# How much a process may hold, of the columns it reads.
MOST_MEMORY = 1.2
# The same of a strategy's cost from the last but one number of them to the last. From 100 to 500 it grows more, because
# the caches no longer hold what all of them know.
COST_GROWTH = 1.25


def many(rounds: int) -> list[Line]:
    """W1's market making over its first rows: 1 to 1,000 strategies, each with an account of its own."""
    program = kedge_bench()
    options = ("w1_first", "--mode", "mm", "--queue", "power")
    commands: dict[int, Command] = {count: (program, *options, "--strategies", str(count)) for count in STRATEGIES}
    runs: dict[int, list[Run]] = {count: [] for count in STRATEGIES}
    for at in range(rounds):
        for count, command in commands.items():
            runs[count].append(run_once(command))
            told = f"{count} strategies: p99 of a step {runs[count][-1]['step_us_p99'] / 1000:.2f} ms"
            print(f"bench: many round {at + 1} of {rounds}: {told}", file=sys.stderr)
    return [many_summary(runs)]


def many_summary(runs: dict[int, Sequence[Run]]) -> Line:
    """Medians over the rounds. All strategies must have done, together, what one does as often."""
    least, most = min(runs), max(runs)
    alone, last = runs[least][0], runs[most][0]
    cost = {count: median(run["cpu_s"] / run["steps"] / count for run in found) * 1e6 for count, found in runs.items()}
    p99 = median(run["step_us_p99"] for run in runs[most]) / 1000
    found = []
    for count, of_count in runs.items():
        expected = {key: alone[key] * count for key in ("requests", "fills")}
        expected |= {key: alone[key] for key in ("position", "pnl")}
        for run in of_count:
            found += [f"{count} strategies: {line}" for line in differences(run, expected, "as often alone")]
    if p99 > STEP_P99_MS:
        found.append(f"p99 of a step {p99:.2f} ms, expected at most {STEP_P99_MS:g}")
    compared = sorted(runs)[-2:]
    if cost[compared[1]] > COST_GROWTH * cost[compared[0]]:
        less, more = (f"{cost[count]:.2f} µs of {count:,}" for count in compared)
        found.append(f"a strategy costs {more} and {less}: not linear")
    rate = median(run["strategies"] * run["events"] / run["cpu_s"] for run in runs[most])
    return _line("many", rate, runs[most], found) | {
        "requests": last["requests"],
        "strategies": most,
        "steps": last["steps"],
        "step_ms_p50": round(median(run["step_us_p50"] for run in runs[most]) / 1000, 3),
        "step_ms_p99": round(p99, 3),
        "us_per_strategy_and_step": {str(count): round(figure, 3) for count, figure in cost.items()},
        "rss_mb": round(median(run["rss_mb"] for run in runs[most])),
    }


def stream(rounds: int) -> list[Line]:
    """W1's columns again and again, each time later: a billion events, and what each repetition took."""
    command: Command = (kedge_bench(), "w1", "--mode", "replay", "--blocks", str(BLOCKS))
    runs = []
    for at in range(rounds):
        runs.append(run_once(command))
        print(f"bench: stream round {at + 1} of {rounds}: {runs[-1]['cpu_s']:.1f} s", file=sys.stderr)
    return [stream_summary(runs)]


def stream_summary(runs: Sequence[Run]) -> Line:
    """Time per repetition and memory after it, early and late; the first repetition warms the caches."""
    blocks = [median(run["block_s"][at] for run in runs) for at in range(len(runs[0]["block_s"]))]
    memory = [median(run["rss_mb"][at] for run in runs) for at in range(len(blocks))]
    tenth = max(1, len(blocks) // 10)
    early, late = median(blocks[1 : 1 + tenth]), median(blocks[-tenth:])
    found = []
    if late > GROWTH * early:
        found.append(f"a block took {late:.3f} s at the end and {early:.3f} s at the beginning: not linear")
    if memory[-1] > GROWTH * memory[0]:
        found.append(f"memory was {memory[-1]:.0f} MB at the end and {memory[0]:.0f} MB at the beginning: not flat")
    columns = runs[0]["columns_mb"]
    if memory[-1] > MOST_MEMORY * columns:
        held = f"memory was {memory[-1]:.0f} MB for columns of {columns:.0f} MB"
        found.append(f"{held}, at most {MOST_MEMORY:g} × is asked")
    return _line("stream", median(run["events"] / run["cpu_s"] for run in runs), runs, found) | {
        "blocks": len(blocks),
        "block_s_early": round(early, 4),
        "block_s_late": round(late, 4),
        "rss_mb_first": round(memory[0]),
        "rss_mb_last": round(memory[-1]),
        "columns_mb": round(columns),
    }


def _line(workload: str, rate: float, runs: Sequence[Run], found: list[str]) -> Line:
    line: Line = {"workload": workload, "variant": "", "unit": "events/s", "kedge_rate": round(rate)}
    line |= dict.fromkeys(("rival", "rival_version", "environment", "rival_rate", "ratio"))
    line |= {"rounds": len(runs), "events": runs[0]["events"]} | {figure: runs[0][figure] for figure in FIGURES}
    return line | {"check": "DIFFERS" if found else "PASS", "differences": found, "rules": []}


HEADINGS = ("workload", "figure", "value", "bound", "check")


def table(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """The lines for people."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    for line in lines:
        rows += [(line["workload"], *cells, line["check"]) for cells in _figures(line)]
    return rows


def _figures(line: Line) -> list[tuple[str, str, str]]:
    rate = f"{line['kedge_rate'] / 1e6:.1f} M/s"
    if line["workload"] == "stream":
        block = f"{line['block_s_early']:.3f} s early, {line['block_s_late']:.3f} s late"
        memory = f"{line['rss_mb_first']:,} MB first, {line['rss_mb_last']:,} MB last"
        bound = f"flat, ≤ {MOST_MEMORY:g} × {line['columns_mb']:,} MB"
        events = f"{line['events'] / 1e6:,.0f} M events in {line['blocks']} blocks"
        return [(events, rate, ""), ("a block", block, "within 10 %"), ("memory", memory, bound)]
    cost = ", ".join(f"{figure:.2f} of {int(count):,}" for count, figure in line["us_per_strategy_and_step"].items())
    p99 = f"{line['step_ms_p50']:.2f} ms, p99 {line['step_ms_p99']:.2f} ms"
    return [
        (f"100 ms of {line['strategies']:,} strategies", p99, f"p99 ≤ {STEP_P99_MS:g} ms"),
        ("µs a strategy and step", cost, "linear"),
        ("events times strategies", rate, ""),
        ("memory", f"{line['rss_mb']:,} MB", ""),
    ]
