"""Rounds of fresh processes, a rival's and Kedge's in turn, and the line of results made of them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benches.cases import Case
from benches.environments import ROOT, run_quietly
from benches.expected import SHARED, differences

Run = dict[str, Any]
Line = dict[str, Any]

# Neither side may spread over cores: what is compared is CPU seconds on one.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def run_once(command: Sequence[str | Path]) -> Run:
    """One fresh process; what it says of its timed part in the last line it prints, and `rate` in events per CPU s."""
    found: Run = json.loads(run_quietly(command, **ONE_THREAD).splitlines()[-1])
    return found | {"rate": found["events"] / found["cpu_s"]}


def compare(case: Case, rival_python: Path, kedge_bench: Path, rounds: int) -> Line:
    """Runs both sides `rounds` times, the side that goes first changing from round to round."""
    commands: dict[str, list[str | Path]] = {
        "rival": [rival_python, "-m", case.rival_module, *case.rival_arguments],
        "kedge": [kedge_bench, *case.kedge_arguments],
    }
    runs: dict[str, list[Run]] = {"rival": [], "kedge": []}
    for at in range(rounds):
        for side in ("rival", "kedge") if at % 2 == 0 else ("kedge", "rival"):
            runs[side].append(run_once(commands[side]))
        shown = ", ".join(f"{side} {runs[side][-1]['rate'] / 1e6:.1f} M/s" for side in runs)
        print(f"bench: {case.workload} {case.variant} round {at + 1} of {rounds}: {shown}", file=sys.stderr)
    return summary(case, runs["kedge"], runs["rival"])


def summary(case: Case, kedge: Sequence[Run], rival: Sequence[Run]) -> Line:
    """One line of results. The ratio is that of the medians; its bounds are those of the rounds taken pair by pair."""
    rates = {side: [run["rate"] for run in runs] for side, runs in (("kedge", kedge), ("rival", rival))}
    pairs = [ours / theirs for ours, theirs in zip(rates["kedge"], rates["rival"], strict=True)]
    medians = {side: median(found) for side, found in rates.items()}
    line: Line = {
        "workload": case.workload,
        "variant": case.variant,
        "rival": case.rival,
        "rival_version": rival[0]["version"],
        "kedge_rate": round(medians["kedge"]),
        "rival_rate": round(medians["rival"]),
        "ratio": round(medians["kedge"] / medians["rival"], 2),
        "ratio_min": round(min(pairs), 2),
        "ratio_max": round(max(pairs), 2),
    }
    for side, found in rates.items():
        line |= {f"{side}_rate_min": round(min(found)), f"{side}_rate_max": round(max(found))}
    line |= {"rounds": len(pairs), "events": kedge[0]["events"]}
    figures = ("requests", "fills", "position", "pnl")
    line |= {figure: kedge[0][figure] for figure in figures}
    line |= {f"rival_{figure}": rival[0][figure] for figure in figures}
    found = verdict(case, kedge, rival)
    return line | {"check": "DIFFERS" if found else "PASS", "differences": found}


def verdict(case: Case, kedge: Sequence[Run], rival: Sequence[Run]) -> list[str]:
    """What is not as expected: against the known figures, against the rival, and from round to round."""
    theirs = {key: rival[0][key] for key in SHARED}
    lines = differences(kedge[0], case.expected, "expected")
    lines += differences(kedge[0], theirs, case.rival)
    lines += [f"{case.rival}: {line}" for line in differences(rival[0], case.expected, "expected")]
    for name, runs in (("Kedge", kedge), (case.rival, rival)):
        first = {key: runs[0][key] for key in SHARED}
        lines += [f"{name}, another round: {line}" for run in runs[1:] for line in differences(run, first, "first")]
    return lines


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
        "commit": _git("rev-parse", "--short=12", "HEAD") + ("-changed" if changed else ""),
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
