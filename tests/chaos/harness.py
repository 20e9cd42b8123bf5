"""One exchange with faults, one account, one data folder, and a trader that is killed again and again.

Kills are at random moments and at the named points; half of them take what was not durable yet, too, as a power cut
would. Each life begins with the recovery of the one before. At the end a last life ends cleanly, and its books are laid
beside the exchange's own file.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedge.node.audit import audit
from kedge.node.folders import DataFolder
from kedge.node.sessions import last_session
from tests.chaos.trader import POINTS
from tests.running import RunningExchange

ROOT = Path(__file__).parents[2]
FAULTS = (
    {"kind": "drop", "probability": 0.10, "how": "never"},
    {"kind": "lost_answer", "probability": 0.10, "how": "never"},
    {"kind": "lost_answer", "probability": 0.03, "how": "close"},
    {"kind": "delay", "probability": 0.15, "delay_ms": [20, 400]},
)
# A fault of a route hits its requests over WebSocket, too. Each life sends its orders one of the two ways.
ROUTES = ("/api/v3/order", "/fapi/v1/order")
WAYS = ("socket", "rest")
IN_DOUBT = ("intent", "submitted", "unknown")
READY_WITHIN = 60.0
QUIET_LIFE = 2.0
# Seconds that a trader lives: too short to learn what became of a lost request, and long enough.
SHORT, LONG = (0.2, 1.5), (2.0, 4.0)
PREAMBLE, FRAME = 44, 41


@dataclass(slots=True)
class Tally:
    """What happened over all lives."""

    kills: int = 0
    between: int = 0
    recoveries: list[float] = field(default_factory=list)
    points: dict[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def exchange(folder: Path, seed: int) -> Iterator[RunningExchange]:
    """An exchange while the block runs."""
    # A trader that starts every few seconds asks more than Binance would let it.
    started = RunningExchange(folder, "--seed", str(seed), "--limits", "20")
    try:
        yield started
    finally:
        started.close()


class Life:
    """One life of the trader."""

    def __init__(
        self, data: Path, settings: Path, environment: dict[str, str], point: str, passes: int, plant: str
    ) -> None:
        command = [sys.executable, "-m", "tests.chaos.trader", str(settings), str(data), point, str(passes), plant]
        self._errors = (data / "errors.txt").open("ab")
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0", **environment},
        )

    def ready(self, wait: float) -> dict[str, Any] | None:
        """What it says when it has recovered; None if it died before."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], wait)[0]:
            self.kill()
            raise AssertionError(f"the trader was not ready within {wait} s")
        line = self.process.stdout.readline()
        return dict(json.loads(line)) if line else None

    def kill(self) -> None:
        """kill -9."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self._over()

    def lives(self, seconds: float) -> bool:
        """Waits so long; whether it is still alive."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
            return False
        return True

    def end(self) -> dict[str, Any]:
        """SIGTERM; its last words."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        self._over()
        assert self.process.returncode == 0, (self.process.returncode, out)
        return dict(json.loads(out.splitlines()[-1]))

    def _over(self) -> None:
        self.process.wait(20)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()


def settings_file(folder: Path) -> Path:
    """Two busy strategies, spot and perpetual."""
    path = folder / "kedge.toml"
    busy = json.dumps(str(Path(__file__).with_name("busy.py")))
    path.write_text(
        '[venue]\nrecv_window = "500ms"\n'
        f'[[strategy]]\nname = "spot"\nfile = {busy}\ninstrument = "BTC/USDT@simulated"\nparams = {{ size = 0.001 }}\n'
        f'[[strategy]]\nname = "perp"\nfile = {busy}\ninstrument = "ETH/USDT:USDT@simulated"\n'
        "params = { size = 0.01 }\n",
        encoding="utf-8",
    )
    return path


def chaos(folder: Path, kills: int, seed: int, plant: str = "", say: Any = lambda _: None) -> dict[str, Any]:
    """Runs it all. Returns the counts."""
    draw = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    data, settings, tally = folder / "data", settings_file(folder), Tally()
    data.mkdir()
    with exchange(folder, seed) as venue:
        for fault in FAULTS:
            for route in ROUTES:
                venue.fault(**fault, route=route, seed=draw.randrange(2**31))
        while tally.kills < kills:
            _one_life(data, settings, venue, draw, plant, tally)
            say(tally)
        venue.clear_faults()
        last = Life(data, settings, venue.environment(), "", 0, "")
        ready = last.ready(READY_WITHIN)
        assert ready is not None, (data / "errors.txt").read_text()
        tally.recoveries.append(ready["recovery_ms"] / 1e3)
        time.sleep(QUIET_LIFE)
        words = last.end()
    found = audit(DataFolder(data), venue.truth)
    slowest = sorted(tally.recoveries)
    return {
        "intents": found["intents"],
        "kills": tally.kills,
        "between": tally.between,
        "lost": found["lost"],
        "doubled": found["doubled"],
        "unresolved": found["unresolved"] + words["unknown_orders"],
        "equal": found["equal"],
        "recovery_p99_s": round(slowest[int(0.99 * (len(slowest) - 1))], 3),
        "executions": found["executions"],
        "ways": ways(venue.truth),
        "points": tally.points,
        "differences": found["differences"][:10],
    }


def ways(truth: Path) -> dict[str, int]:
    """How many orders came each way, by the exchange's own file."""
    with contextlib.closing(sqlite3.connect(f"file:{truth}?mode=ro", uri=True)) as database:
        query = "SELECT via, count(*) FROM requests WHERE method = 'POST' AND route LIKE '%/order' GROUP BY via"
        return dict(database.execute(query).fetchall())


def cut_power(data: Path) -> None:
    """What a power cut may take beside the process: every byte of the newest session that was not durable yet."""
    folder = max((data / "journal").iterdir())
    durable = int.from_bytes((folder / "durable").read_bytes()[24:32], "little")
    for path in folder.glob("*.kj"):
        frames, at = path.read_bytes(), PREAMBLE
        while at + FRAME <= len(frames) and int.from_bytes(frames[at + 8 : at + 16], "little") <= durable:
            at += FRAME + int.from_bytes(frames[at + 4 : at + 8], "little")
        os.truncate(path, min(at, len(frames)))


def _one_life(
    data: Path, settings: Path, venue: RunningExchange, draw: random.Random, plant: str, tally: Tally
) -> None:
    # Where a planted rule does its harm: right after a send, or in a life that sees its requests time out.
    points = {"journal after send": ("between send and reply",), "new id on timeout": ("",)}
    lives = (LONG,) if plant == "new id on timeout" else (SHORT, SHORT, LONG)
    point = draw.choice(points.get(plant, (*POINTS, "", "")))
    # A start passes its point once, the others many times.
    passes = 1 if point == "during recovery" else draw.randint(1, 12)
    way = WAYS[tally.kills % len(WAYS)]
    life = Life(data, settings, venue.environment(way=way), point, passes, plant)
    ready = life.ready(READY_WITHIN)
    if ready is not None:
        tally.recoveries.append(ready["recovery_ms"] / 1e3)
        life.lives(draw.uniform(*draw.choice(lives)))
    life.kill()
    if life.process.returncode != -signal.SIGKILL:
        raise AssertionError((data / "errors.txt").read_text()[-4000:])
    if draw.random() < 0.5 or plant:
        cut_power(data)
    tally.kills += 1
    where = point or "any moment"
    tally.points[where] = tally.points.get(where, 0) + 1
    tally.between += any(order.state in IN_DOUBT for order in last_session(DataFolder(data)).orders)
