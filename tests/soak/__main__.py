"""`python -m tests.soak --minutes 30 --speed 10`: `kedge up`, sampled every ten seconds; one JSON object last.

Each figure is the median of the first and of the last third of the samples, and the line through all of them in units
an hour, for each process: resident memory, open files, CPU; and the trader's own tick to order.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from kedge.node.control import ask
from kedge.node.processes import kedge_command

ROOT = Path(__file__).parents[2]
EVERY = 10.0
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
WARM_UP = 60.0


def main() -> int:
    """Exit code 0 if the platform ended well and its books were equal to the exchange's."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=30.0, help="how long after a minute of warming up")
    asked.add_argument("--speed", type=float, default=10.0, help="how much faster than real the market runs")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        seconds = int(WARM_UP + given.minutes * 60)
        environment = {
            "KEDGE_EXCHANGE_SPEED": str(given.speed),
            "KEDGE_TRADER_DATA": str(data),
            "KEDGE_SERVER_PORT": "0",
        }
        platform = subprocess.Popen(
            kedge_command("up", "--for", f"{seconds}s", "--json"),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        samples = _samples(platform, data / "current", seconds)
        out, _ = platform.communicate(timeout=120)
    result = json.loads(out.splitlines()[-1])
    kept = ("events", "orders", "fills", "gaps", "unknown_orders", "reconciled", "restarts", "tick_to_order_us")
    print(json.dumps({**{name: result[name] for name in kept}, "samples": len(samples), "flat": _flat(samples)}))
    return int(platform.returncode != 0)


def _samples(platform: subprocess.Popen[str], data: Path, seconds: int) -> list[dict[str, Any]]:
    samples: list[dict[str, Any]] = []
    begun = time.monotonic()
    while platform.poll() is None and time.monotonic() - begun < seconds - EVERY:
        time.sleep(EVERY)
        passed = time.monotonic() - begun
        if passed < WARM_UP:
            continue
        sample = _sample(data)
        samples.append({"at": passed, **sample})
        print(f"\r{passed:.0f} of {seconds} s", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return samples


def _sample(data: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for process in json.loads((data / "up.json").read_text())["processes"]:
        proc = Path("/proc") / str(process["pid"])
        name = process["name"]
        found[f"{name}_rss_mb"] = int((proc / "statm").read_text().split()[1]) * PAGE_MB
        found[f"{name}_files"] = len(list((proc / "fd").iterdir()))
        ticks = (proc / "stat").read_text().rpartition(")")[2].split()[11:13]
        found[f"{name}_cpu_s"] = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    told = ask(data / "trader.sock", "status")
    found["events"] = told["events"]
    for key, value in told["tick_to_order_us"].items():
        if value is not None:
            found[f"{key}_us"] = value
    return found


def _flat(samples: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    hours = np.array([sample["at"] for sample in samples]) / 3_600
    third = max(1, len(samples) // 3)
    flat = {}
    for name in samples[0]:
        if name == "at":
            continue
        values = np.array([sample.get(name, np.nan) for sample in samples])
        flat[name] = {
            "first": round(float(np.nanmedian(values[:third])), 3),
            "last": round(float(np.nanmedian(values[-third:])), 3),
            "an_hour": round(float(np.polyfit(hours, values, 1)[0]), 3),
        }
    return flat


if __name__ == "__main__":
    sys.exit(main())
