"""What a correct engine gets on each workload, and whether an engine got it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Figures = Mapping[str, Any]

# SHA-256 over W1 as generated: venue time, our time, tick, lots and flags of the events, then tick, lots and flags of
# the snapshot. The figures below belong to this data and to no other.
W1_SHA256 = "644529b91aea6dae05f4a586d1899739b1b0bc68cf4f3c61158c6f87d3aaa17d"
# The same over W2 (time, tick, lots, side) and W3 (close time, open, high, low, close, volume).
W2_SHA256 = "06005589dda515d82b9aee03db243dc09481991440e3811de9be92b1ce6ade4d"
W3_SHA256 = "9da71c45d058950bc7bbb10a019e0b996157a4eb2346073bf7de40d2957db509"
W4_EVENTS = 1_178_541

# EXPECTED.md, "What a correct engine gets", rows "W1 power / log / risk-averse queue" and "W1, unchanged quotes kept":
# hftbacktest 2.4.4, reproduced by an independent engine from its written rules, and measured again with
# `hftbacktest_l2`. What the table leaves out (position and PnL with the risk-averse queue) is held to the rival's run.
W1_WAKES = 104_773
W1: dict[str, Figures] = {
    "power": {"requests": 310_235, "fills": 109_381, "position": -0.01, "pnl": -13_132.03, "fees": 13_130.11},
    "log": {"requests": 310_181, "fills": 109_425},
    "risk": {"requests": 310_559, "fills": 109_049},
    "power, quotes kept": {"requests": 255_479, "fills": 110_947, "position": -0.01, "pnl": -13_317.29},
}

# The same table's rows W2 (trades), W3 (event loop) and W4: NautilusTrader 1.221 and 2.0, and hftbacktest, measured
# again with the scripts in `rivals`. PnL is what was realised, less fees: a balance holds nothing else.
W2: Figures = {"requests": 727, "fills": 727, "position": 0.01, "pnl": -157.73}
W3: Figures = {"requests": 6_289, "fills": 6_289, "position": 0.01, "pnl": -1_361.19}
W4: Figures = {"requests": 36_529, "fills": 12_900, "position": 0.0, "pnl": -1_548.66}

# Where a rival counts by another rule, the rule, for each figure that it changes.
_NO_QUEUE = (
    "it keeps no place in the queue and hears no trades: an order fills when the opposite side's book reaches its price"
)
_FIRST_CROSS = (
    "it opens only at the first cross after the averages are warm, one order fewer, and values what is open at the last"
    " close"
)
_BUILT_IN = (
    "its built-in EmaCross hears quotes alone, and buys or sells 0.01 at a cross where W2 turns from long to short"
)
RULES: dict[str, dict[str, str]] = {
    "no queue": dict.fromkeys(("requests", "fills", "pnl"), _NO_QUEUE),
    "first cross": dict.fromkeys(("requests", "fills", "pnl"), _FIRST_CROSS),
    "built-in cross": dict.fromkeys(("requests", "fills", "position", "pnl"), _BUILT_IN),
}

# Position in base units and money to the cent; everything else is a count and has none.
TOLERANCE = {"position": 1e-9, "pnl": 0.005, "fees": 0.005}

# What two engines on the same data must agree on. `touch_sum` is the sum of best bid and best ask in ticks over all
# wake-ups: it holds every view of the book, not only the last one.
SHARED = ("events", "wakes", "requests", "fills", "position", "pnl", "best_bid_tick", "best_ask_tick", "touch_sum")

# What engines agree on that do not tell their views of the book.
COUNTED = ("events", "requests", "fills", "position", "pnl")


def differences(found: Figures, expected: Figures, against: str) -> list[str]:
    """One line for each expected figure that `found` lacks or has otherwise, with both numbers."""
    lines = []
    for key, value in expected.items():
        was = found.get(key)
        if was is None or abs(was - value) > TOLERANCE.get(key, 0):
            lines.append(f"{key} {_shown(was)}, {against} {_shown(value)}")
    return lines


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else "missing"
