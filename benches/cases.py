"""What is compared with what: each group of `make bench W=...`, its data and its pairs of Kedge and a rival."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benches.environments import KEDGE_PYTHON, ROOT, BenchError, rival_python, run_quietly
from benches.expected import W1, W1_SHA256, W1_WAKES, Figures
from benches.tick.compare import compare

DATA = ROOT / "benches" / "data"
WORKLOADS = ROOT / "benches" / "workloads"


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the results: a workload in one variant, run by Kedge and by one rival on the same data."""

    workload: str
    variant: str
    rival: str
    rival_module: str
    rival_arguments: Sequence[str]
    kedge_arguments: Sequence[str]
    expected: Figures = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """The cases of one name on the command line; `prepare` makes their data where it is missing or old.

    `latencies` is what a group has that measures times instead of rates: rounds → lines of results.
    """

    cases: Sequence[Case]
    prepare: Callable[[], None]
    latencies: Callable[[int], list[dict[str, Any]]] | None = None


def _l2(workload: str, variant: str, data: str, options: Sequence[str], expected: Figures) -> Case:
    """Both sides take the same arguments; hftbacktest keeps its books in flat arrays, its fastest form here."""
    arguments = (data, *options)
    return Case(workload, variant, "hftbacktest", "benches.rivals.hftbacktest_l2", arguments, arguments, expected)


def _w1_cases() -> list[Case]:
    cases = [_l2("w1_replay", "", "w1", ("--mode", "replay"), {"wakes": W1_WAKES})]
    for variant, figures in W1.items():
        queue, _, kept = variant.partition(", ")
        options = ("--mode", "mm_keep" if kept else "mm", "--queue", queue)
        cases.append(_l2("w1_mm", variant, "w1", options, {"wakes": W1_WAKES, **figures}))
    return cases


def _prepare_w1() -> None:
    made = DATA / "w1.json"
    changed = max((WORKLOADS / source).stat().st_mtime for source in ("w1.py", "columns.py"))
    if made.exists() and made.stat().st_mtime > changed and json.loads(made.read_text())["sha256"] == W1_SHA256:
        return
    print("bench: generating W1", file=sys.stderr)
    run_quietly([rival_python("hftbacktest"), "-m", "benches.workloads.w1"])


RECORDED = {
    "BTC/USDT@binance": "raw_spot_btcusdt",
    "ETH/USDT@binance": "raw_spot_ethusdt",
    "BTC/USDT:USDT@binance": "raw_usdm_btcusdt",
}


def _prepare_tick() -> None:
    if not KEDGE_PYTHON.exists():
        raise BenchError("Kedge is not installed in .venv. Run make setup.")


def _prepare_raw() -> None:
    folder = Path(os.environ.get("KEDGE_TEST_DATA", ROOT.parent / "shared" / "data")) / "binance_raw"
    if not folder.is_dir():
        raise BenchError(f"the recordings are not at {folder}. Set KEDGE_TEST_DATA to the folder above binance_raw.")
    if not KEDGE_PYTHON.exists():
        raise BenchError("Kedge is not installed in .venv. Run make setup.")
    print("bench: decoding the recordings", file=sys.stderr)
    run_quietly([KEDGE_PYTHON, "-m", "benches.workloads.raw", folder])


GROUPS = {
    "w1": Group(_w1_cases(), _prepare_w1),
    "raw": Group(
        [_l2("raw_replay", name, data, ("--mode", "replay"), {}) for name, data in RECORDED.items()], _prepare_raw
    ),
    "tick": Group((), _prepare_tick, compare),
}
