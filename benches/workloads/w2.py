"""W2: five million trades of one instrument, from a seed. Runs in Kedge's own environment.

    python -m benches.workloads.w2

A random walk of whole ticks around 60,000.0, 1 to 20 ms apart (14.6 hours), 0.1 to 5 units each. There is no book:
whoever trades does so at the price of the last trade. The columns are held to a hash, because the figures of
`benches/expected.py` belong to this data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benches.expected import W2_SHA256
from benches.workloads import columns

TRADES, SEED = 5_000_000, 20240602
START_NS = 1_700_000_000_000_000_000

# NautilusTrader's definition of the perpetual has this fee.
INSTRUMENT = columns.PERPETUAL | {"taker_fee": "0.00018"}


def generate() -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8]]:
    """Time, tick, lots and side (1: a seller was the aggressor) of every trade."""
    rng = np.random.default_rng(SEED)
    ts = START_NS + np.cumsum(rng.integers(1_000_000, 20_000_000, TRADES, dtype=np.int64))
    tick = 600_000 + np.cumsum(rng.integers(-2, 3, TRADES, dtype=np.int64))
    lots = rng.integers(100, 5_000, TRADES, dtype=np.int64)
    return ts, tick.astype(np.int32), lots, rng.integers(0, 2, TRADES, dtype=np.uint8)


def main() -> None:
    """Generates, checks the hash and writes the columns."""
    ts, tick, lots, side = generate()
    columns.require("w2", columns.digest(ts, tick, lots, side), W2_SHA256)
    flags = np.uint8(columns.TRADE | columns.LAST) | side * np.uint8(columns.SELL)
    rows = columns.pack(ts, ts, tick.astype(np.int64), lots, flags, price_base=0)
    about: dict[str, Any] = {"instrument": INSTRUMENT, "sha256": W2_SHA256, "repeat": 1, "period_ns": 0}
    columns.write("w2", rows, about)


if __name__ == "__main__":
    main()
