"""Candles of recorded trades, for reports: floats, never for the engine (its bars are built in the core)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kedge.catalog.packing import unpack
from kedge.model.columns import KIND, NO_TIME, TRADE, MarketColumns
from kedge.model.durations import SECOND
from kedge.model.instruments import Instrument

INTERVALS = {
    "1s": SECOND,
    "5s": 5 * SECOND,
    "15s": 15 * SECOND,
    "1m": 60 * SECOND,
    "5m": 300 * SECOND,
    "15m": 900 * SECOND,
    "1h": 3_600 * SECOND,
    "4h": 14_400 * SECOND,
    "1d": 86_400 * SECOND,
}

SCHEMA = {
    "instrument": pl.String(),
    "start": pl.Datetime("ns", "UTC"),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
}


def interval_for(span_ns: int, target: int = 600) -> str:
    """The name of the interval that cuts `span_ns` into the number of candles nearest `target` (by ratio).

    One that gives from half to two and a half times the target goes before one that does not.
    """

    def distance(name: str) -> tuple[bool, float]:
        count = max(1, math.ceil(span_ns / INTERVALS[name]))
        return not target / 2 <= count <= target * 2.5, abs(math.log(count / target))

    return min(INTERVALS, key=distance)


def build(blocks: Iterable[MarketColumns], instrument: Instrument, target: int = 600) -> pl.DataFrame:
    """Candles of the trades in `blocks`: instrument, start, open, high, low, close (quote), volume (base).

    A trade's time is the venue's, or ours where the venue told none. An interval without a trade has no row; without
    any trade the frame is empty. `interval_for` picks the interval.
    """
    times, prices, quantities = [], [], []
    for block in blocks:
        rows = unpack(block)
        trade = (rows.flags & KIND) == TRADE
        event, received = rows.ts_event[trade], rows.ts_recv[trade]
        times.append(np.where(event == NO_TIME, received, event))
        prices.append(rows.price[trade])
        quantities.append(rows.qty[trade])
    if not sum(map(len, times)):
        return pl.DataFrame(schema=SCHEMA)
    time = np.concatenate(times)
    every = INTERVALS[interval_for(int(time.max()) - int(time.min()), target)]
    trades = pl.DataFrame(
        {
            "start": time // every * every,
            "price": _floats(np.concatenate(prices), instrument.tick_size),
            "qty": np.concatenate(quantities),
        }
    )
    price = pl.col("price")
    candles = trades.group_by("start", maintain_order=True).agg(
        open=price.first(), high=price.max(), low=price.min(), close=price.last(), qty=pl.col("qty").sum()
    )
    volume = pl.Series("volume", _floats(candles["qty"].to_numpy(), instrument.quantity_step_in_data))
    return (
        candles.with_columns(
            volume,
            instrument=pl.lit(instrument.id),
            start=pl.col("start").cast(pl.Datetime("ns", "UTC")),
        )
        .select(*SCHEMA)
        .sort("start")
    )


def _floats(steps: NDArray[np.int64], step: Decimal) -> NDArray[np.float64]:
    """Steps as the floats nearest their decimals: integers below 2⁵³, divided once (polars would multiply)."""
    numerator, denominator = step.as_integer_ratio()
    return np.asarray(steps * float(numerator) / float(denominator), np.float64)
