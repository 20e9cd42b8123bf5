"""What the market of one instrument has told, read from the core's rows: trades, candles, best prices, funding."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kedge.model.columns import DELTA, FUNDING, KIND, MARK, QUOTE, SELL, TRADE, WIDE
from kedge.venues.simulated.candles import Candles
from kedge.venues.simulated.clock import MarketClock

TRADES_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Print:
    """One trade; price in ticks, quantity in steps, time of the wall clock."""

    id: int
    price: int
    quantity: int
    at_ms: int
    seller_took: bool


@dataclass(slots=True)
class Aggregate:
    """Trades of one moment, price and taker's side, as one."""

    id: int
    price: int
    quantity: int
    at_ms: int
    seller_took: bool
    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What one advance brought: changed levels as (sell, price, quantity) in order, and what else was told."""

    levels: list[tuple[bool, int, int]]
    first_update: int
    trades: list[Print]
    aggregates: list[Aggregate]
    quoted: bool
    marked: bool


class Tape:
    """The memory of one instrument. `update` is the id of the last change of the book that was read."""

    def __init__(self) -> None:
        self.update = 0
        self.trades: deque[Print] = deque(maxlen=TRADES_KEPT)
        self.aggregates: deque[Aggregate] = deque(maxlen=TRADES_KEPT)
        self.candles = Candles()
        self.bid = self.ask = (0, 0)
        self.mark = 0
        self.funding: deque[tuple[int, int, int]] = deque(maxlen=1_000)  # (market time, rate in 10⁻⁹, mark in ticks)
        self._trade_id = 0
        self._aggregate_id = 0
        self._open: tuple[int, int, bool] | None = None

    @property
    def last(self) -> Print | None:
        """The last trade."""
        return self.trades[-1] if self.trades else None

    def read(self, rows: Mapping[str, Any], clock: MarketClock) -> Changes:
        """Takes in the rows of one advance, in their order."""
        levels: list[tuple[bool, int, int]] = []
        trades: list[Print] = []
        first_update = self.update + 1
        told: list[Aggregate] = []
        self._open = None
        quoted = marked = False
        for at, price, quantity, flags in _widened(rows):
            kind = flags & KIND
            if kind == DELTA:
                self.update += 1
                levels.append((flags & SELL != 0, price, quantity))
            elif kind == TRADE:
                trades.append(self._trade(at, clock.wire_ms(at), price, quantity, flags & SELL != 0, told))
            elif kind == QUOTE:
                if flags & SELL:
                    self.ask = (price, quantity)
                else:
                    self.bid = (price, quantity)
                quoted = True
            elif kind == MARK:
                self.mark = price
                marked = True
            elif kind == FUNDING:
                self.funding.append((at, quantity, self.mark))
        return Changes(levels, first_update, trades, told, quoted, marked)

    def skip(self, rows: Mapping[str, Any], clock: MarketClock) -> None:
        """Takes in what came before anybody was connected: the same, but quick over the book."""
        kinds = rows["flags"] & KIND
        self.update += int((kinds == DELTA).sum())
        wanted = (kinds != DELTA) & (kinds <= MARK)
        kept = {name: rows[name][wanted] for name in ("ts_event", "price", "qty", "flags")}
        whole = ("wide_price", "wide_qty", "price_base", "qty_scale")
        self.read({**kept, **{name: rows[name] for name in whole}}, clock)

    def _trade(self, at: int, at_ms: int, price: int, quantity: int, seller_took: bool, told: list[Aggregate]) -> Print:
        self._trade_id += 1
        found = Print(self._trade_id, price, quantity, at_ms, seller_took)
        self.trades.append(found)
        self.candles.add(at_ms, price, quantity, not seller_took, found.id)
        same = (at, price, seller_took)
        if told and self._open == same:
            told[-1].quantity += quantity
            told[-1].last_id = found.id
        else:
            self._aggregate_id += 1
            told.append(Aggregate(self._aggregate_id, price, quantity, at_ms, seller_took, found.id, found.id))
            self.aggregates.append(told[-1])
            self._open = same
        return found


def _widened(rows: Mapping[str, Any]) -> list[tuple[int, int, int, int]]:
    """Rows as (time, price in ticks, quantity in steps, flags)."""
    prices = rows["price"].astype(np.int64) + rows["price_base"]
    quantities = rows["qty"].astype(np.int64) * rows["qty_scale"]
    wide = np.flatnonzero(rows["flags"] & WIDE)
    if len(wide):
        at = rows["price"][wide]
        prices[wide] = rows["wide_price"][at]
        quantities[wide] = rows["wide_qty"][at]
    return list(
        zip(rows["ts_event"].tolist(), prices.tolist(), quantities.tolist(), rows["flags"].tolist(), strict=True)
    )
