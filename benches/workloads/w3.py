"""W3: a million one-minute bars of one instrument, from a seed. Runs in Kedge's own environment.

    python -m benches.workloads.w3

Eight steps of up to 30 ticks a bar from 60,000.0 on, reflected at 30,000.0. The bars are kept as arrays for the
rivals. Kedge has their closes as trades, of which it makes bars of a minute; before them the first bar's open, because
a run begins with its first row. The bars are held to a hash, because the figures of `benches/expected.py` belong to
this data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benches.expected import W3_SHA256
from benches.workloads import columns
from benches.workloads.w2 import INSTRUMENT

BARS, SEED = 1_000_000, 20240603
START_NS, MINUTE_NS = 1_600_000_020_000_000_000, 60_000_000_000
STEPS, FIRST_TICK, LOWEST_TICK = 8, 600_000, 300_000


def generate() -> dict[str, NDArray[Any]]:
    """Close time, open, high, low and close in ticks, volume in lots of every bar."""
    rng = np.random.default_rng(SEED)
    steps = rng.integers(-30, 31, (BARS, STEPS), dtype=np.int64)
    path = FIRST_TICK + np.cumsum(steps.ravel()).reshape(BARS, STEPS)
    path = LOWEST_TICK + np.abs(path - LOWEST_TICK)
    close = path[:, -1]
    opened = np.concatenate([[FIRST_TICK], close[:-1]])
    prices = {
        "open": opened,
        "high": np.maximum(path.max(1), opened),
        "low": np.minimum(path.min(1), opened),
        "close": close,
    }
    ts = START_NS + np.arange(1, BARS + 1, dtype=np.int64) * MINUTE_NS
    volume = rng.integers(1_000, 100_000, BARS, dtype=np.int64)
    return {"ts": ts} | {name: ticks.astype(np.int32) for name, ticks in prices.items()} | {"volume": volume}


def main() -> None:
    """Generates, checks the hash and writes bars and columns."""
    bars = generate()
    columns.require("w3", columns.digest(*bars.values()), W3_SHA256)
    columns.write_arrays("w3_bars", bars)
    flags = np.full(BARS + 1, columns.TRADE | columns.LAST, np.uint8)
    times = np.concatenate([[START_NS], bars["ts"]])
    prices = np.concatenate([bars["open"][:1], bars["close"]]).astype(np.int64)
    volumes = np.concatenate([[1], bars["volume"]])
    rows = columns.pack(times, times, prices, volumes, flags, price_base=0)
    about: dict[str, Any] = {"instrument": INSTRUMENT, "sha256": W3_SHA256, "repeat": 1, "period_ns": 0}
    about |= {"events": BARS}
    columns.write("w3", rows, about)


if __name__ == "__main__":
    main()
