"""Kedge and ccxt, in turn, on one running exchange: how long an order takes to leave after the message it answers.

Each process gets an account and a folder of its own. Kedge's figures are its trader's own, `tick_to_order_us` of its
last status. The exchange has the first core for itself and the side that is measured the others: else the system likes
to run the exchange in the sender's place, as soon as an order has been written, and the writing seems to take as long
as the exchange does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benches.environments import KEDGE_PYTHON, ROOT, BenchError

SECONDS = 30.0
SYNCS = 200
STARTED_S = 60.0
WAYS = {"create_order": "rest", "create_order_ws": "websocket"}
STRATEGY = Path(__file__).with_name("far_order.py")
HUNDREDTHS = (50, 99)

Found = dict[str, float]
Told = dict[str, Any]


@contextlib.contextmanager
def exchange(folder: Path) -> Iterator[Told]:
    """An exchange while the block runs; what it printed."""
    command = [*kedge("exchange"), "--port", "0", "--seed", "1", "--truth", str(folder / "truth.sqlite"), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=on_cores(first=True)
    ) as process:
        assert process.stdout is not None
        try:
            yield said_by(process, "the exchange")
        finally:
            process.terminate()


def on_cores(first: bool) -> Callable[[], None]:
    """What a new process does first: it keeps to the exchange's core, or to the others."""
    cores = sorted(os.sched_getaffinity(0))
    mine = set(cores[:1] if first else cores[1:]) or set(cores)
    return lambda: os.sched_setaffinity(0, mine)


def kedge(command: str) -> list[str]:
    """How a command of Kedge is started."""
    return [str(KEDGE_PYTHON), "-c", "from kedge.cli import main; main()", command]


def said_by(process: subprocess.Popen[str], who: str) -> Told:
    """The next line that a process prints, as JSON. Raises `BenchError` if it ends instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise BenchError(f"{who} ended with exit code {process.wait(10)} before it said anything")
    return dict(json.loads(line))


def account(told: Told) -> Told:
    """Key and secret of a new account."""
    body = json.dumps({"futures": {"USDT": "5000"}, "spot": {"USDT": "5000"}}).encode()
    request = urllib.request.Request(told["admin"] + "/accounts", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))


def run_kedge(told: Told, folder: Path, seconds: float) -> Found:
    """One trader: percentiles in µs, and how many orders."""
    keys = account(told)
    settings = folder / "kedge.toml"
    settings.write_text(
        f'[[strategy]]\nname = "far"\nfile = {json.dumps(str(STRATEGY))}\ninstrument = "ETH/USDT:USDT@simulated"\n',
        encoding="utf-8",
    )
    environment = {
        "KEDGE_VENUE_KEY": keys["key"],
        "KEDGE_VENUE_SECRET": keys["secret"],
        "KEDGE_TRADER_DATA": str(folder / "data"),
        "KEDGE_VENUE_SPOT_REST": told["rest"],
        "KEDGE_VENUE_SPOT_STREAM": told["spot_stream"],
        "KEDGE_VENUE_SPOT_PRIVATE": told["spot_ws_api"],
        "KEDGE_VENUE_USDM_REST": told["usdm_rest"],
        "KEDGE_VENUE_USDM_STREAM": told["usdm_stream"],
        "KEDGE_VENUE_USDM_PRIVATE": told["usdm_stream"],
        "KEDGE_VENUE_USDM_ORDER": told["usdm_ws_api"],
    }
    command = [*kedge("trader"), "--settings", str(settings), "--json"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
        preexec_fn=on_cores(first=False),
    ) as process:
        said_by(process, "the trader")
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        last = said_by(process, "the trader")
    if process.returncode or not last["orders"]:
        raise BenchError(f"the trader sent {last['orders']} orders and ended with exit code {process.returncode}")
    disk = {f"sync_{name}": took for name, took in sync(folder).items()}
    return {**last["tick_to_order_us"], **disk, "orders": last["orders"]}


def sync(folder: Path) -> Found:
    """What the disk takes for 4 KiB more of a file, in µs: a commit of the journal is two of these."""
    took = []
    with (folder / "synced").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(4096))
            began = time.perf_counter_ns()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter_ns() - began)
    return percentiles(took)


def run_ccxt(told: Told, way: str, seconds: float) -> Found:
    """One process of ccxt's: percentiles in µs, how many orders, and its version."""
    keys = account(told)
    config = {**told["ccxt"], "apiKey": keys["key"], "secret": keys["secret"]}
    done = subprocess.run(
        [str(KEDGE_PYTHON), "-m", "benches.rivals.ccxt_tick", way, str(seconds)],
        input=json.dumps(config),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=seconds + STARTED_S,
        preexec_fn=on_cores(first=False),
        check=False,
    )
    if done.returncode:
        raise BenchError(f"ccxt ended with exit code {done.returncode}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return {**percentiles(found["took_ns"]), "orders": len(found["took_ns"]), "version": found["version"]}


def percentiles(took_ns: Sequence[int]) -> Found:
    """In µs, by the nearest rank."""
    if not took_ns:
        raise BenchError("nothing was measured")
    ranked = sorted(took_ns)
    return {f"p{h}": round(ranked[max(0, -(-h * len(ranked) // 100) - 1)] / 1e3, 1) for h in HUNDREDTHS}


def compare(rounds: int, seconds: float = SECONDS) -> list[Told]:
    """The lines of results: Kedge against each way in which ccxt can send an order."""
    ours: list[Found] = []
    theirs: dict[str, list[Found]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as home, exchange(Path(home)) as told:
        for at in range(rounds):
            folder = Path(home) / f"round-{at}"
            folder.mkdir()
            sides = ["kedge", *WAYS]
            for side in sides if at % 2 == 0 else reversed(sides):
                if side == "kedge":
                    ours.append(run_kedge(told, folder, seconds))
                else:
                    theirs[side].append(run_ccxt(told, WAYS[side], seconds))
            shown = {"kedge": ours[-1], **{name: runs[-1] for name, runs in theirs.items()}}
            print(
                f"bench: tick_to_order round {at + 1} of {rounds}: "
                + ", ".join(f"{side} p50 {found['p50']:.0f} µs" for side, found in shown.items()),
                file=sys.stderr,
            )
    return [summary(name, ours, theirs[name]) for name in WAYS]


def summary(variant: str, ours: Sequence[Found], theirs: Sequence[Found]) -> Told:
    """One line: medians over the processes of each one's percentiles; the ratio is the rival's over Kedge's."""

    def middle(runs: Sequence[Found], name: str) -> float:
        return round(median(run[name] for run in runs), 1)

    kedge_us = {name: middle(ours, name) for name in ("p50", "p99", "with_sync_p50", "with_sync_p99")}
    rival_us = {name: middle(theirs, name) for name in ("p50", "p99")}
    ratios = {
        f"ratio_{name}": round(rival_us[of] / kedge_us[name], 2)
        for name, of in (("p50", "p50"), ("p99", "p99"), ("with_sync_p50", "p50"), ("with_sync_p99", "p99"))
    }
    return {
        "workload": "tick_to_order",
        "variant": variant,
        "rival": "ccxt",
        "rival_version": theirs[0]["version"],
        "kedge_us": kedge_us,
        "rival_us": rival_us,
        "sync_us": {name: middle(ours, f"sync_{name}") for name in ("p50", "p99")},
        **ratios,
        "kedge_p50_bounds": [min(run["p50"] for run in ours), max(run["p50"] for run in ours)],
        "rival_p50_bounds": [min(run["p50"] for run in theirs), max(run["p50"] for run in theirs)],
        "samples": sum(int(run["orders"]) for run in ours),
        "rival_samples": sum(int(run["orders"]) for run in theirs),
        "rounds": len(ours),
        "load": round(os.getloadavg()[0], 2),
    }


HEADINGS = ("workload", "variant", "side", "p50 µs", "p99 µs", "ratio p50", "ratio p99")


def table(lines: Sequence[Told]) -> list[tuple[str, ...]]:
    """The lines for people: ccxt, Kedge without the wait for the disk, and with it."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    for line in lines:
        ours, rival = line["kedge_us"], line["rival_us"]
        name = (line["workload"], line["variant"])
        rows.append((*name, f"ccxt {line['rival_version']}", f"{rival['p50']:,.0f}", f"{rival['p99']:,.0f}", "", ""))
        for side, prefix in (("Kedge", ""), ("Kedge with sync", "with_sync_")):
            figures = [f"{ours[f'{prefix}p{h}']:,.0f}" for h in HUNDREDTHS]
            ratios = [f"{line[f'ratio_{prefix}p{h}']:.2f}×" for h in HUNDREDTHS]
            rows.append((*name, side, *figures, *ratios))
    return rows
