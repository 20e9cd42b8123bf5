"""Data without a book: what takers do to its price, and how sure the order of fills within a bar is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from kedge.catalog.packing import unpack
from kedge.model.columns import ADD, CLEAR, DELTA, KIND, LEVEL, TRADE
from kedge.model.durations import SECOND
from kedge.model.instruments import from_definition
from kedge.model.stream import RecordedStream

DAY = 86_400 * SECOND
_BOOK = (DELTA, CLEAR, LEVEL, ADD)


def impact(streams: Sequence[RecordedStream], scale: float) -> dict[str, Any]:
    """The square-root law's figures of each stream without a book, by instrument: `scale` (Y), `volatility` of a day,
    `volume` in base units a day; measured over the whole of the data, from a price a minute or a bar.
    """
    found = {}
    for stream in streams if scale > 0 else ():
        if any(np.isin(block.flags & KIND, _BOOK).any() for block in stream.blocks):
            continue
        rows = [unpack(block) for block in stream.blocks]
        traded = [(part.flags & KIND) == TRADE for part in rows]
        times, prices, quantities = (
            np.concatenate([getattr(part, name)[is_trade] for part, is_trade in zip(rows, traded, strict=True)])
            for name in ("ts_recv", "price", "qty")
        )
        every = max([60 * SECOND, *(source.get("bar_ns", 0) for source in stream.sources)])
        if len(times) < 2 or times[-1] - times[0] < 2 * every:
            continue
        lasts = prices[np.flatnonzero(np.diff(times // every, append=np.int64(-1)))]
        days = (int(times[-1]) - int(times[0])) / DAY
        volatility = math.sqrt(float(np.square(np.diff(np.log(lasts))).sum()) / days)
        step = float(from_definition(stream.instrument, "the data").quantity_step_in_data)
        volume = float(quantities.sum()) * step / days
        found[str(stream.instrument["id"])] = {"scale": scale, "volatility": volatility, "volume": volume}
    return found


def intrabar(streams: Sequence[RecordedStream], fills: pl.DataFrame) -> dict[str, Any]:
    """Of runs on bars: fills whose order is the path rule's and not the market's, and the PnL realised in them.

    Those are resting orders' fills on both sides within one bar: had the extremes been reached the other way round,
    they would have been filled the other way round, or not at all.
    """
    bars = {
        str(stream.instrument["id"]): (source["bar_first_ns"], source["bar_ns"])
        for stream in streams
        for source in stream.sources
        if "bar_ns" in source
    }
    if not bars:
        return {}
    count, pnl = 0, 0.0
    for (instrument,), own in fills.group_by(["instrument"]):
        if instrument not in bars:
            continue
        first, every = bars[str(instrument)]
        own = own.filter(pl.col("liquidity") == "maker").with_columns(
            bar=(pl.col("ts").dt.epoch("ns") - first) // every
        )
        both = own.filter(pl.col("side").n_unique().over("strategy", "bar") > 1)
        count += len(both)
        pnl += float(both["realised_pnl"].sum() or 0)
    return {"intrabar_fills": count, "intrabar_pnl": pnl}
