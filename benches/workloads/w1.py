"""W1: ten million L2 events of one instrument, from a seed. Runs in hftbacktest's environment, which has numba.

    python -m benches.workloads.w1

8.48 M deltas and 1.518 M trades in 3.05 M packets over 10,477 s, tick 0.1, lot 0.001, around 60,000; a snapshot of
500 levels a side. Deltas lie within 299 ticks of the touch: real books do not, which is what `raw` is for.
Everything random is an integer, and the result is held to a hash: it is the data that the expected figures of
`benches/expected.py` belong to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benches.expected import W1_SHA256
from benches.workloads import columns

EVENTS, SEED = 10_000_000, 20240601
START_NS = 1_700_000_000_000_000_000
FEED_LATENCY_NS = 1_000_000

# Ticks of a level are its index in the arrays plus BASE; the walk may not come near the arrays' ends.
BASE, LEVELS, MID, MARGIN = 500_000, 200_000, 100_000, 600
DEPTH = 500
MASK = 4095
# Bits of the flags while generating; `_flags` translates them.
TRADE, ASK, LAST = 1, 2, 4

Ints = NDArray[np.int64]
Rows = tuple[Ints, NDArray[np.int32], Ints, NDArray[np.uint8]]
"""Time, tick, lots and flags of every event."""


@njit(cache=True)
def _put(rows: Rows, i: int, now: int, level: int, lots: int, flags: int) -> int:
    ts, tick, quantity, flag = rows
    ts[i], tick[i], quantity[i], flag[i] = now, level + BASE, lots, flags
    return i + 1


@njit(cache=True)
def _next_level(book: Ints, touch: int, away: int) -> int:
    touch += away
    while book[touch] == 0:
        touch += away
    return touch


@njit(cache=True)
def _trade_packet(rows: Rows, i: int, now: int, side: int, left: int, book: Ints, touch: int) -> tuple[int, int]:
    """An aggressor takes up to three levels of `side`: a print and the level's new quantity for each."""
    away = 2 * side - 1
    levels = 0
    while left > 0 and levels < 3 and i + 1 < len(rows[0]):
        taken = min(left, book[touch])
        i = _put(rows, i, now, touch, taken, TRADE | (ASK if side == 0 else 0))
        book[touch] -= taken
        i = _put(rows, i, now, touch, book[touch], ASK * side)
        if book[touch] == 0:
            touch = _next_level(book, touch, away)
        left -= taken
        levels += 1
    return i, touch


@njit(cache=True)
def _depth_row(
    rows: Rows,
    i: int,
    now: int,
    side: int,
    regime: int,
    draw: tuple[int, int, int],
    tables: tuple[Ints, Ints],
    book: Ints,
    touch: int,
    spread: int,
) -> tuple[int, int]:
    """One level changes: the touch improves, is cancelled, or a level at some distance gets another quantity."""
    distances, quantities = tables
    v, u, w = draw
    away = 2 * side - 1
    if spread > 1 and v < 300:
        touch -= away
        book[touch] = quantities[u & MASK]
        return _put(rows, i, now, touch, book[touch], ASK * side), touch
    if v >= 970 + (3 if side != regime else 0):
        book[touch] = 0
        i = _put(rows, i, now, touch, 0, ASK * side)
        return i, _next_level(book, touch, away)
    distance = distances[u & MASK]
    level = touch + away * distance
    gone = distance > 0 and book[level] > 0 and (w >> 16) % 100 < 12
    book[level] = 0 if gone else quantities[w & MASK]
    return _put(rows, i, now, level, book[level], ASK * side), touch


@njit(cache=True)
def _generate(
    draws: Ints,
    gaps: Ints,
    packets: Ints,
    trade_sizes: Ints,
    tables: tuple[Ints, Ints],
    bid: Ints,
    ask: Ints,
    rows: Rows,
) -> int:
    """Fills `rows`; the number of draws used, or −1 where the price left the arrays, −2 where the draws ran out."""
    n = len(rows[0])
    best_bid, best_ask = MID - 1, MID
    at = i = now = 0
    buyer = regime = 1
    while i < n:
        now += gaps[draws[at] & MASK]
        if draws[at + 1] % 20011 == 0:
            regime = 1 - regime
        start = i
        is_trade = draws[at + 2] % 1000 < 440
        at += 3
        if is_trade:
            if draws[at] % 100 < 25:
                buyer = 1 - buyer
            if draws[at] % 1000 > 985:
                buyer = regime
            size = trade_sizes[draws[at + 1] & MASK]
            at += 2
            if buyer == 1:
                i, best_ask = _trade_packet(rows, i, now, 1, size, ask, best_ask)
            else:
                i, best_bid = _trade_packet(rows, i, now, 0, size, bid, best_bid)
        else:
            count = packets[draws[at] & MASK]
            at += 1
            for _ in range(count):
                if i >= n:
                    break
                side = (draws[at] >> 7) & 1
                draw = (draws[at + 1] % 1000, draws[at + 2], draws[at + 3])
                at += 4
                gap = best_ask - best_bid
                if side == 1:
                    i, best_ask = _depth_row(rows, i, now, 1, regime, draw, tables, ask, best_ask, gap)
                else:
                    i, best_bid = _depth_row(rows, i, now, 0, regime, draw, tables, bid, best_bid, gap)
        if i > start:
            rows[3][i - 1] |= LAST
        if best_bid < MARGIN or best_ask > LEVELS - MARGIN:
            return -1
        if at > len(draws) - 4096:
            return -2
    return at


def _erfinv(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Winitzki's approximation: only the shape of the quantity's distribution hangs on it."""
    a = 0.147
    ln = np.log(1 - x * x)
    t = 2 / (np.pi * a) + ln / 2
    return np.sign(x) * np.sqrt(np.sqrt(t * t - ln / a) - t)


def generate() -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """The events and the snapshot before them, as `ts`, `tick`, `lots` and `flags` of the generator."""
    rng = np.random.default_rng(SEED)
    draws = rng.integers(0, 2**32, size=EVENTS * 5, dtype=np.uint32).astype(np.int64)
    q = (np.arange(MASK + 1) + 0.5) / (MASK + 1)
    log, z = -np.log1p(-q), np.sqrt(2) * _erfinv(2 * q - 1)
    gaps = np.maximum(1000, np.round(log * 3_300.0)).astype(np.int64) * 1000
    sizes = np.maximum(1, np.round(np.exp(6.2 + 0.9 * z))).astype(np.int64)
    trade_sizes = np.maximum(1, np.round(np.exp(3.6 + 1.6 * z))).astype(np.int64)
    distances = np.minimum(299, np.floor(log * 25.0)).astype(np.int64)
    packets = np.minimum(40, 1 + np.floor(log * 3.55)).astype(np.int64)
    bid, ask = np.zeros(LEVELS, np.int64), np.zeros(LEVELS, np.int64)
    resting = sizes[rng.integers(0, MASK + 1, 2 * DEPTH)]
    bid[MID - DEPTH : MID], ask[MID : MID + DEPTH] = resting[:DEPTH], resting[DEPTH:]
    levels = np.concatenate([np.arange(MID - 1, MID - DEPTH - 1, -1), np.arange(MID, MID + DEPTH)])
    snapshot = {
        "tick": (levels + BASE).astype(np.int32),
        "lots": np.concatenate([bid[MID - DEPTH : MID][::-1], ask[MID : MID + DEPTH]]),
        "flags": np.repeat(np.array([0, ASK], np.uint8), DEPTH),
    }
    ts, lots = np.empty(EVENTS, np.int64), np.empty(EVENTS, np.int64)
    rows = (ts, np.empty(EVENTS, np.int32), lots, np.zeros(EVENTS, np.uint8))
    used = _generate(draws, gaps, packets, trade_sizes, (distances, sizes), bid, ask, rows)
    if used < 0:
        raise SystemExit(f"w1: the generator ran out of {'levels' if used == -1 else 'draws'}")
    return {"ts": ts + START_NS, "tick": rows[1], "lots": lots, "flags": rows[3]}, snapshot


def _flags(generated: NDArray[np.uint8]) -> NDArray[np.uint8]:
    kinds = np.where(generated & TRADE, columns.TRADE, columns.DELTA)
    sides = np.where(generated & ASK, columns.SELL, 0)
    return (kinds | sides | np.where(generated & LAST, columns.LAST, 0)).astype(np.uint8)


def main() -> None:
    """Generates, checks the hash and writes the columns."""
    events, snapshot = generate()
    ts = events["ts"]
    parts = [ts, ts + FEED_LATENCY_NS, events["tick"], events["lots"], events["flags"], *snapshot.values()]
    columns.require("w1", columns.digest(*parts), W1_SHA256)
    about: dict[str, Any] = {"instrument": columns.PERPETUAL, "sha256": W1_SHA256, "repeat": 1, "period_ns": 0}
    # The range that hftbacktest keeps as flat arrays; the data itself stays within 599,423 to 600,904.
    about |= {"lowest_tick": BASE, "highest_tick": BASE + LEVELS}
    first = np.full(2 * DEPTH + 1, ts[0] - 1_000_000, np.int64)
    flags = np.concatenate([[columns.CLEAR], snapshot["flags"] // ASK * columns.SELL | columns.LEVEL]).astype(np.uint8)
    flags[-1] |= columns.LAST
    levels = columns.pack(
        first,
        first + FEED_LATENCY_NS,
        np.concatenate([[0], snapshot["tick"].astype(np.int64)]),
        np.concatenate([[0], snapshot["lots"]]),
        flags,
        price_base=0,
    )
    columns.write("w1_snapshot", levels, about)
    rows = columns.pack(
        ts, ts + FEED_LATENCY_NS, events["tick"].astype(np.int64), events["lots"], _flags(events["flags"]), price_base=0
    )
    columns.write("w1", rows, about)


if __name__ == "__main__":
    main()
