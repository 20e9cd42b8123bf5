"""Rounds of fresh processes, rivals' and Kedge's in turn, and the lines of results made of them."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benches.cases import PROCESS, Case, Kedge
from benches.environments import KEDGE_PYTHON, ROOT, run_quietly
from benches.expected import differences

Run = dict[str, Any]
Line = dict[str, Any]
Command = tuple[str | Path, ...]

FIGURES = ("requests", "fills", "position", "pnl")

# Neither side may spread over cores: what is compared is CPU seconds on one.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def run_once(command: Command) -> Run:
    """One fresh process: what it says of its run in the last line it prints, and the CPU seconds of all of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found: Run = json.loads(run_quietly(command, **ONE_THREAD).splitlines()[-1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found | {"process_cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def rival_command(case: Case, python: Path) -> Command:
    """How the rival's side of a case is run."""
    return (python, "-m", case.rival.module, *case.rival.arguments)


def kedge_command(kedge: Kedge, program: Path) -> Command:
    """How Kedge's side of a case is run."""
    start: Command = (KEDGE_PYTHON, "-m", kedge.module) if kedge.module else (program,)
    return (*start, *kedge.arguments)


def compare(batch: Sequence[Case], pythons: Mapping[str, Path], program: Path, rounds: int) -> list[Line]:
    """Runs what the cases need `rounds` times, each command once a round, in the other order every second round."""
    sides = [
        (rival_command(case, pythons[case.rival.environment]), kedge_command(case.kedge, program)) for case in batch
    ]
    runs: dict[Command, list[Run]] = {command: [] for pair in sides for command in pair}
    for at in range(rounds):
        for command in [*runs][:: -1 if at % 2 else 1]:
            runs[command].append(run_once(command))
            shown = " ".join(map(str, command[1:])) or str(command[0])
            cpu = runs[command][-1]["cpu_s"]
            print(f"bench: round {at + 1} of {rounds}: {shown}: {cpu:.3f} s", file=sys.stderr)
    return [summary(case, runs[ours], runs[theirs]) for case, (theirs, ours) in zip(batch, sides, strict=True)]


def rate(case: Case, run: Run) -> float:
    """Events per CPU second of what the case times; of a whole process, its CPU seconds."""
    seconds = float(sum(run[part] for part in case.timed))
    return seconds if case.timed == PROCESS else float(run["events"]) / seconds


def summary(case: Case, kedge: Sequence[Run], rival: Sequence[Run]) -> Line:
    """One line of results. The ratio is that of the medians; its bounds are those of the rounds taken pair by pair."""
    rates = {side: [rate(case, run) for run in runs] for side, runs in (("kedge", kedge), ("rival", rival))}
    in_seconds = case.timed == PROCESS

    def ratio(ours: float, theirs: float) -> float:
        return theirs / ours if in_seconds else ours / theirs

    pairs = [ratio(*pair) for pair in zip(rates["kedge"], rates["rival"], strict=True)]
    medians = {side: median(found) for side, found in rates.items()}
    places = 4 if in_seconds else None
    line: Line = {
        "workload": case.workload,
        "variant": case.variant,
        "rival": rival[0]["engine"],
        "rival_version": rival[0]["version"],
        "environment": case.rival.environment,
        "unit": "s" if in_seconds else "events/s",
        "kedge_rate": round(medians["kedge"], places),
        "rival_rate": round(medians["rival"], places),
        "ratio": round(ratio(medians["kedge"], medians["rival"]), 2),
        "ratio_min": round(min(pairs), 2),
        "ratio_max": round(max(pairs), 2),
    }
    for side, found in rates.items():
        line |= {f"{side}_rate_min": round(min(found), places), f"{side}_rate_max": round(max(found), places)}
    line |= {"rounds": len(pairs), "events": kedge[0]["events"]}
    line |= {figure: kedge[0][figure] for figure in FIGURES}
    line |= {f"rival_{figure}": rival[0][figure] for figure in FIGURES}
    found, named = verdict(case, kedge, rival)
    return line | {"check": "DIFFERS" if found else "PASS", "differences": found, "rules": named}


def skipped(case: Case, reason: str) -> Line:
    """The line of a case that cannot be run here, and why."""
    line: Line = {"workload": case.workload, "variant": case.variant, "rival": case.rival.environment}
    line |= {"environment": case.rival.environment, "check": "SKIPPED", "differences": [reason], "rules": []}
    return line | dict.fromkeys(("rival_version", "kedge_rate", "rival_rate", "ratio", *FIGURES))


def verdict(case: Case, kedge: Sequence[Run], rival: Sequence[Run]) -> tuple[list[str], list[str]]:
    """What is not as expected (against the known figures, the rival, and from round to round), and what a rule tells.

    Of Kedge nothing is told by a rule: it must have the expected figures.
    """
    theirs = {key: rival[0][key] for key in case.shared}
    lines = differences(kedge[0], case.expected, "expected")
    without_rule = {key: value for key, value in theirs.items() if key not in case.rules}
    lines += differences(kedge[0], without_rule, case.rival.environment)
    expected = {key: value for key, value in case.expected.items() if key not in case.rules}
    lines += [f"{case.rival.environment}: {line}" for line in differences(rival[0], expected, "expected")]
    for name, runs in (("Kedge", kedge), (case.rival.environment, rival)):
        first = {key: runs[0][key] for key in case.shared}
        lines += [f"{name}, another round: {line}" for run in runs[1:] for line in differences(run, first, "first")]
    named: dict[str, list[str]] = {}
    for figure, rule in case.rules.items():
        told = differences(rival[0], {figure: kedge[0].get(figure)}, "Kedge") if figure in rival[0] else []
        named.setdefault(rule, []).extend(told)
    return lines, [f"{'; '.join(told)}: {rule}" for rule, told in named.items() if told]


def circumstances() -> Line:
    """When, where and of which source: the end of every line of results."""
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        models = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")]
        cpu = models[0].partition(":")[2].strip() if models else cpu
    # Lines of results that this very command adds are no change of the source.
    changed = _git("status", "--porcelain", "--", ".", ":!benches/results")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "commit": _git("rev-parse", "--short=12", "HEAD") + ("-changed" if changed else ""),
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
