"""A run with everything its report shows computed once: figures of the account and of each strategy, costs, units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kedge.backtest import trades
from kedge.backtest.loading import Run
from kedge.backtest.metrics import METRICS, Value
from kedge.backtest.report import words
from kedge.backtest.track import Track


@dataclass(frozen=True, slots=True)
class Cost:
    """What the fills of one liquidity, or all, cost and earned; money in quote currency, the rest in bps of it."""

    name: str
    fills: int
    turnover: float
    fees: float
    spread: float | None
    markouts: dict[int, float | None]
    errors: dict[int, float | None]

    def bps(self, amount: float | None) -> float | None:
        """An amount against the turnover."""
        return None if amount is None or not self.turnover else 1e4 * amount / self.turnover


class View:
    """What the sections of the report read. Raises what `Track` raises."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.names: list[str] = [entry["name"] for entry in run.meta["strategies"]]
        self.tracks = {name: Track(run, name) for name in ("", *self.names)}
        self.figures: dict[str, dict[str, Value]] = {
            name: {metric.name: metric.compute(track) for metric in METRICS} for name, track in self.tracks.items()
        }

    @property
    def account(self) -> dict[str, Value]:
        """The account's metrics by name."""
        return self.figures[""]

    @cached_property
    def currency(self) -> str:
        """What money is in: the settle currency of the first instrument, else its quote currency."""
        for instrument in self.instruments:
            return instrument.partition("@")[0].partition(":")[2] or trades.currencies(instrument)[1]
        return ""

    @cached_property
    def instruments(self) -> list[str]:
        """The instruments traded, in the order of the strategies."""
        return list(dict.fromkeys(entry["instrument"] for entry in self.run.meta["strategies"]))

    @cached_property
    def definitions(self) -> dict[str, dict[str, Any]]:
        """Instrument definitions by id."""
        return {entry["id"]: entry for entry in self.run.meta["instruments"]}

    @cached_property
    def decimals(self) -> int:
        """Decimals of money: three digits of the largest of profit, drawdown and fees."""
        figures: list[Any] = [self.account[name] for name in ("pnl", "max_drawdown", "fees")]
        return words.money_decimals(*figures)

    @cached_property
    def seconds(self) -> float:
        """From the first to the last sample."""
        times = self.tracks[""].samples["ts"]
        return float((times[-1] - times[0]).total_seconds()) if len(times) else 0.0

    @cached_property
    def span(self) -> tuple[str, str] | None:
        """First and last sample in ISO 8601, or None without a sample."""
        times = self.tracks[""].samples["ts"]
        return (times[0].isoformat(), times[-1].isoformat()) if len(times) else None

    def price_decimals(self, instrument: str) -> int:
        """Decimals of the instrument's tick."""
        return words.step_decimals(self.definitions.get(instrument, {}).get("tick_size"), 2)

    def quantity_decimals(self, instrument: str) -> int:
        """Decimals of the instrument's lot."""
        return words.step_decimals(self.definitions.get(instrument, {}).get("lot_size"), 6)

    def costs(self) -> Iterator[Cost]:
        """Maker fills, those of them that are toxic, taker fills, all fills."""
        track = self.tracks[""]
        liquidity = track.fills["liquidity"].to_numpy()
        yield _cost("maker", track, liquidity == "maker")
        toxic = track.fills["toxic"].fill_null(False).to_numpy()
        if toxic.any():
            yield _cost("toxic", track, toxic)
        yield _cost("taker", track, liquidity == "taker")
        yield _cost("all", track, np.ones(len(liquidity), dtype=np.bool_))


def _cost(name: str, track: Track, chosen: NDArray[np.bool_]) -> Cost:
    fills = track.fills.filter(pl.Series(chosen, dtype=pl.Boolean))
    quantity, price = trades.floats(fills, "quantity"), trades.floats(fills, "price")
    fees = sum(float(fee) for fee, on in zip(track.fees_each, chosen, strict=True) if on and fee is not None)
    earned = trades.edges(fills) * quantity
    spread = None if np.isnan(earned).any() or not len(fills) else float(earned.sum())
    after: dict[int, float | None] = {}
    errors: dict[int, float | None] = {}
    for horizon, all_fills in track.markouts.items():
        each, traded = all_fills[chosen], price * quantity
        known = ~np.isnan(each)
        after[horizon], errors[horizon] = _mean(each[known] / traded[known], traded[known])
    return Cost(name, len(fills), float((price * quantity).sum()), fees, spread, after, errors)


def _mean(shares: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Weighted mean in bps and its standard error, as if the fills were independent."""
    whole = float(weights.sum())
    if not whole:
        return None, None
    mean = float((shares * weights).sum()) / whole
    error = float(np.sqrt((weights**2 * (shares - mean) ** 2).sum())) / whole
    return 1e4 * mean, 1e4 * error if len(shares) > 1 else None
