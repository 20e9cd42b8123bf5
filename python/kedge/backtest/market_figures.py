"""How a market behaves, in figures: the same code measures a recorded market and a seeded one.

In: blocks of `MarketColumns` of one instrument, and its definition. Out: plain dicts of floats and lists of floats.
Units are in the labels: seconds, basis points of the mid, base units, ticks. A figure that the data cannot give (too
short, no book) is NaN. Times are the venue's, or ours where the venue told none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedge.model.columns import CLEAR, DELTA, KIND, LEVEL, NO_TIME, QUOTE, SELL, TRADE, WIDE, MarketColumns

Curve = list[list[float]]
"""x values, y values."""
Part = tuple[dict[str, float], dict[str, Curve]]
"""Figures and curves by name."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DEPTH_BP = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 25.0)
WINDOWS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
FAR_TICKS = 4_096

# key, what it is, unit: the order of the table.
FIGURES: tuple[tuple[str, str, str], ...] = (
    ("rows", "rows of data", "/s"),
    ("quotes", "changes of the best prices or their quantities", "/s"),
    ("moves", "changes of a best price", "/s"),
    ("spread", "spread, mean over time", "ticks"),
    ("tight", "share of time at one tick", ""),
    ("touch", "quantity at the best price, mean over time", "base"),
    ("depth_1bp", "quantity within 1 bp, a side, median", "base"),
    ("depth_5bp", "quantity within 5 bp, a side, median", "base"),
    ("depth_10bp", "quantity within 10 bp, a side, median", "base"),
    ("depth_25bp", "quantity within 25 bp, a side, median", "base"),
    ("levels_10bp", "levels within 10 bp, a side, median", ""),
    ("fills", "trades (fills)", "/s"),
    ("orders", "taker orders (fills of one side in one ms)", "/s"),
    ("volume", "traded", "base/s"),
    ("size_median", "taker order, median", "base"),
    ("size_p90", "taker order, 90th percentile", "base"),
    ("size_p99", "taker order, 99th percentile", "base"),
    ("fills_per_order", "fills an order, mean", ""),
    ("walking", "share of orders that reach a second price", ""),
    ("dispersion_100ms", "variance / mean of orders in 100 ms", ""),
    ("dispersion_1s", "variance / mean of orders in 1 s", ""),
    ("dispersion_10s", "variance / mean of orders in 10 s", ""),
    ("sign_1", "autocorrelation of order signs, lag 1", ""),
    ("sign_10", "autocorrelation of order signs, lag 10", ""),
    ("sign_50", "autocorrelation of order signs, lag 50", ""),
    ("deltas", "level updates", "/s"),
    ("removes", "share of level updates: level gone", ""),
    ("reduces", "share: less than before", ""),
    ("adds", "share: new level", ""),
    ("increases", "share: more than before", ""),
    ("flashes", "share: gone, and never seen", ""),
    ("lifetime_median", "life of a level, median", "s"),
    ("lifetime_p90", "life of a level, 90th percentile", "s"),
    ("within_1bp", "share of level updates within 1 bp of the mid", ""),
    ("within_10bp", "share within 10 bp", ""),
    ("far", "share beyond 4,096 ticks", ""),
    ("volatility_1s", "standard deviation of 1 s returns", "bp"),
    ("volatility_10s", "standard deviation of 10 s returns", "bp"),
    ("still_1s", "share of 1 s returns that are 0", ""),
    ("kurtosis_1s", "kurtosis of 1 s returns", ""),
    ("ratio_100ms", "variance ratio, 100 ms against 1 s", ""),
    ("ratio_10s", "variance ratio, 10 s against 1 s", ""),
    ("cluster_1", "autocorrelation of |1 s returns|, lag 1", ""),
    ("cluster_10", "the same, mean of lags 1 to 10", ""),
)


@dataclass(frozen=True, slots=True)
class Tape:
    """All rows of a market, widened: seconds from the first row, ticks, base units."""

    time: Floats
    kind: NDArray[np.uint8]
    sell: Bools
    price: Ints
    qty: Floats
    seconds: float


@dataclass(frozen=True, slots=True)
class Quotes:
    """Best prices (ticks) and quantities (base units) after each change of them."""

    time: Floats
    bid: Ints
    ask: Ints
    bid_qty: Floats
    ask_qty: Floats

    def mid(self, at: Floats) -> Floats:
        """Mid in ticks at moments; before the first quote, the first."""
        here = np.clip(np.searchsorted(self.time, at, side="right") - 1, 0, None)
        return 0.5 * np.asarray(self.bid + self.ask, dtype=np.float64)[here]


def compare(
    recorded: Sequence[MarketColumns], seeded: Sequence[MarketColumns], instrument: dict[str, Any]
) -> dict[str, Any]:
    """Figures of two markets of one instrument side by side.

    Returns `instrument` (its id), `table` (rows of `key, label, unit, recorded, seeded`) and `curves` (by name, each
    with `recorded` and `seeded` as `[x values, y values]`).
    """
    sides = {"recorded": measure(recorded, instrument), "seeded": measure(seeded, instrument)}
    table = [
        {"key": key, "label": label, "unit": unit, **{name: side["figures"][key] for name, side in sides.items()}}
        for key, label, unit in FIGURES
    ]
    names = sides["recorded"]["curves"]
    curves = {name: {side: measured["curves"][name] for side, measured in sides.items()} for name in names}
    return {"instrument": instrument["id"], "table": table, "curves": curves}


def measure(blocks: Sequence[MarketColumns], instrument: dict[str, Any]) -> dict[str, Any]:
    """Figures and curves of one market; blocks are consecutive. Raises ValueError where there are no quotes."""
    tape = _tape(blocks, instrument)
    quotes = _quotes(tape)
    figures = {"rows": len(tape.time) / tape.seconds}
    curves: dict[str, Curve] = {}
    for part in (_spread, _depth, _trades, _level_updates, _returns):
        part_figures, part_curves = part(tape, quotes)
        figures |= part_figures
        curves |= part_curves
    return {"figures": {key: float(figures.get(key, np.nan)) for key, _, _ in FIGURES}, "curves": curves}


def _tape(blocks: Sequence[MarketColumns], instrument: dict[str, Any]) -> Tape:
    times, prices, quantities = [], [], []
    for block in blocks:
        wide = (block.flags & WIDE) > 0
        price: Ints = block.price_base + block.price.astype(np.int64)
        steps: Ints = block.qty_scale * block.qty.astype(np.int64)
        price[wide] = block.wide_price[block.price[wide]]
        steps[wide] = block.wide_qty[block.price[wide]]
        times.append(np.where(block.ts_event == NO_TIME, block.ts_recv, block.ts_event))
        prices.append(price)
        quantities.append(steps)
    flags = np.concatenate([block.flags for block in blocks])
    time = np.concatenate(times)
    seconds: Floats = (time - time.min()).astype(np.float64) / 1e9
    qty: Floats = np.concatenate(quantities).astype(np.float64) * float(instrument["quantity_step_in_data"])
    return Tape(seconds, flags & np.uint8(KIND), (flags & SELL) > 0, np.concatenate(prices), qty, float(seconds.max()))


def _quotes(tape: Tape) -> Quotes:
    bids = np.flatnonzero((tape.kind == QUOTE) & ~tape.sell)
    if len(bids) < 2:
        raise ValueError("a market must have at least 2 quotes to be measured, had " + str(len(bids)))
    asks = bids + 1
    time = np.maximum.accumulate(tape.time[bids])
    return Quotes(time, tape.price[bids], tape.price[asks], tape.qty[bids], tape.qty[asks])


def _spread(tape: Tape, quotes: Quotes) -> Part:
    held = np.diff(quotes.time, append=tape.seconds)
    spread = quotes.ask - quotes.bid
    moved = (np.diff(quotes.bid) != 0) | (np.diff(quotes.ask) != 0)
    figures = {
        "quotes": len(quotes.time) / tape.seconds,
        "moves": np.count_nonzero(moved) / tape.seconds,
        "spread": np.average(spread, weights=held),
        "tight": np.average(spread == 1, weights=held),
        "touch": np.average(0.5 * (quotes.bid_qty + quotes.ask_qty), weights=held),
    }
    return figures, {}


def _depth(tape: Tape, quotes: Quotes) -> Part:
    """Replays the book within reach of the mid and looks at it once a second."""
    mids = quotes.mid(tape.time)
    reach = int(mids.max() * DEPTH_BP[-1] * 1e-4) + 2
    low = int(mids.min()) - reach
    book = np.zeros((2, int(mids.max()) + reach - low + 1))
    rows = np.flatnonzero((tape.kind == DELTA) | (tape.kind == LEVEL))
    rows = rows[(tape.price[rows] >= low) & (tape.price[rows] < low + book.shape[1])]
    moments = np.arange(1.0, tape.seconds, 1.0)
    cuts = np.searchsorted(np.maximum.accumulate(tape.time[rows]), moments)
    quantities: list[list[float]] = []
    levels: list[int] = []
    start = 0
    for mid, cut in zip(quotes.mid(moments), cuts, strict=True):
        part = rows[start:cut]
        # Where a level changed twice, NumPy keeps the last assignment.
        book[tape.sell[part].astype(np.int64), tape.price[part] - low] = tape.qty[part]
        start = cut
        at = int(mid) - low
        for side in (book[0, : at + 1][::-1], book[1, at:]):
            ticks = [int(mid * bp * 1e-4) + 1 for bp in DEPTH_BP]
            total = np.cumsum(side[: ticks[-1]])
            quantities.append([float(total[tick - 1]) for tick in ticks])
            levels.append(int(np.count_nonzero(side[: ticks[DEPTH_BP.index(10.0)]])))
    if not quantities:
        return {}, {"depth": [[], []]}
    median = [float(value) for value in np.median(np.array(quantities), axis=0)]
    figures = {f"depth_{bp}bp": median[DEPTH_BP.index(float(bp))] for bp in (1, 5, 10, 25)}
    return figures | {"levels_10bp": float(np.median(levels))}, {"depth": [list(DEPTH_BP), median]}


def _trades(tape: Tape, quotes: Quotes) -> Part:
    rows = np.flatnonzero(tape.kind == TRADE)
    if len(rows) < 2:
        return {}, {"sizes": [[], []], "dispersion": [[], []], "signs": [[], []]}
    millisecond = np.floor(tape.time[rows] * 1e3)
    sell = tape.sell[rows]
    first = np.r_[True, (np.diff(millisecond) != 0) | (sell[1:] != sell[:-1])]
    order = np.cumsum(first) - 1
    sizes: Floats = np.bincount(order, tape.qty[rows]).astype(np.float64)
    last = np.r_[np.flatnonzero(first)[1:] - 1, len(rows) - 1]
    walked = tape.price[rows][first] != tape.price[rows][last]
    times = tape.time[rows][first]
    signs = np.where(sell[first], -1.0, 1.0)
    dispersion = [_dispersion(times, window, tape.seconds) for window in WINDOWS_S]
    figures = {
        "fills": len(rows) / tape.seconds,
        "orders": len(sizes) / tape.seconds,
        "volume": sizes.sum() / tape.seconds,
        "size_median": np.quantile(sizes, 0.5),
        "size_p90": np.quantile(sizes, 0.9),
        "size_p99": np.quantile(sizes, 0.99),
        "fills_per_order": len(rows) / len(sizes),
        "walking": np.mean(walked),
        "dispersion_100ms": dispersion[WINDOWS_S.index(0.1)],
        "dispersion_1s": dispersion[WINDOWS_S.index(1.0)],
        "dispersion_10s": dispersion[WINDOWS_S.index(10.0)],
        **{f"sign_{lag}": _autocorrelation(signs, lag) for lag in (1, 10, 50)},
    }
    lags = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100]
    curves = {
        "sizes": _tail(sizes),
        "dispersion": [list(WINDOWS_S), dispersion],
        "signs": [[float(lag) for lag in lags], [_autocorrelation(signs, lag) for lag in lags]],
    }
    return figures, curves


def _level_updates(tape: Tape, quotes: Quotes) -> Part:
    """What level updates do to their level, how far from the mid, and how long levels live."""
    rows = np.flatnonzero((tape.kind == DELTA) | (tape.kind == LEVEL))
    # A level's rows side by side, in their order; a new snapshot begins new levels.
    era = np.cumsum(tape.kind == CLEAR)[rows]
    order = np.lexsort((rows, tape.price[rows], tape.sell[rows], era))
    rows = rows[order]
    same = (
        (np.diff(tape.price[rows]) == 0) & (np.diff(tape.sell[rows].astype(np.int8)) == 0) & (np.diff(era[order]) == 0)
    )
    known = np.r_[False, same]
    qty = tape.qty[rows]
    before = np.where(known, np.r_[0.0, qty[:-1]], 0.0)
    delta = tape.kind[rows] == DELTA
    born, died = (qty > 0) & (before == 0), (qty == 0) & (before > 0)
    births, deaths = np.flatnonzero(born), np.flatnonzero(died)
    birth = births[np.searchsorted(births, deaths) - 1] if len(births) else births
    # The age of what stood in the snapshot is not known.
    seen = delta[birth]
    lives = (tape.time[rows[deaths]] - tape.time[rows[birth]])[seen]
    kinds = {
        "removes": died,
        "reduces": (qty > 0) & (qty < before),
        "adds": born,
        "increases": (before > 0) & (qty > before),
        "flashes": (qty == 0) & (before == 0),
    }
    at = np.flatnonzero(tape.kind == DELTA)
    mid = quotes.mid(tape.time[at])
    ticks = np.where(tape.sell[at], tape.price[at] - mid, mid - tape.price[at])
    distance = ticks / mid * 1e4
    total = max(len(at), 1)
    figures: dict[str, float] = {key: np.count_nonzero(kind & delta) / total for key, kind in kinds.items()}
    figures |= {
        "deltas": len(at) / tape.seconds,
        "lifetime_median": float(np.quantile(lives, 0.5)) if len(lives) else np.nan,
        "lifetime_p90": float(np.quantile(lives, 0.9)) if len(lives) else np.nan,
        "within_1bp": np.count_nonzero(distance <= 1) / total,
        "within_10bp": np.count_nonzero(distance <= 10) / total,
        "far": np.count_nonzero(ticks > FAR_TICKS) / total,
    }
    grid = np.geomspace(0.05, 5_000, 41)
    beyond = 1.0 - np.searchsorted(np.sort(distance), grid, side="right") / total
    return figures, {"distance": [grid.tolist(), beyond.tolist()], "lifetime": _tail(lives)}


def _returns(tape: Tape, quotes: Quotes) -> Part:
    """Returns of the mid at whole windows. Fewer than three of them say nothing."""
    second, tenth, ten = (_returns_bp(quotes, window, tape.seconds) for window in (1.0, 0.1, 10.0))
    moments = np.arange(0.0, tape.seconds, 1.0)
    mid = quotes.mid(moments)
    size = np.abs(second)
    lags = list(range(1, 31))
    clusters = [_autocorrelation(size, lag) for lag in lags]
    curves = {
        "path": [moments.tolist(), ((mid / mid[0] - 1.0) * 1e4).tolist()],
        "moves": _tail(size[size > 0]),
        "clusters": [[float(lag) for lag in lags], clusters],
    }
    variance = float(second.var()) if len(second) >= 3 else 0.0
    if variance == 0.0:
        return {}, curves
    figures = {
        "volatility_1s": float(np.sqrt(variance)),
        "still_1s": float(np.mean(second == 0)),
        "kurtosis_1s": float(np.mean((second - second.mean()) ** 4) / variance**2),
        "ratio_100ms": float(tenth.var() / 0.1 / variance),
        "cluster_1": clusters[0],
        "cluster_10": float(np.mean(clusters[:10])),
    }
    if len(ten) >= 3:
        figures |= {"volatility_10s": float(ten.std()), "ratio_10s": float(ten.var() / 10.0 / variance)}
    return figures, curves


def _returns_bp(quotes: Quotes, window: float, seconds: float) -> Floats:
    mid = quotes.mid(np.arange(0.0, seconds, window))
    return np.asarray(np.diff(np.log(mid)) * 1e4, dtype=np.float64)


def _autocorrelation(values: Floats, lag: int) -> float:
    if len(values) <= lag + 2 or np.std(values) == 0:
        return float("nan")
    centred = values - values.mean()
    return float(np.mean(centred[lag:] * centred[:-lag]) / np.mean(centred**2))


def _dispersion(times: Floats, window: float, seconds: float) -> float:
    counts = np.bincount((times / window).astype(np.int64), minlength=int(seconds / window))
    return float(counts.var() / counts.mean())


def _tail(values: Floats) -> Curve:
    """Share of values above x, at up to 60 points spread over the orders of magnitude."""
    ordered = np.sort(values[values > 0])
    if len(ordered) == 0:
        return [[], []]
    share = np.unique(np.geomspace(1, len(ordered), 60).astype(np.int64))
    return [ordered[len(ordered) - share].tolist()[::-1], (share / len(ordered)).tolist()[::-1]]
