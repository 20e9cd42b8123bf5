"""What one strategy, or the whole account, did in a run: the input of every metric, computed once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kedge.backtest import sharpe, trades
from kedge.model.errors import UsageError

SECONDS_A_YEAR: Final = 365 * 86_400
"""Markets for crypto do not close."""


class Tables(Protocol):
    """What metrics read of a run: `RunTables` before it is written, `Run` after."""

    @property
    def meta(self) -> Mapping[str, Any]: ...
    @property
    def orders(self) -> pl.DataFrame: ...
    @property
    def fills(self) -> pl.DataFrame: ...
    @property
    def equity(self) -> pl.DataFrame: ...


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of equity below its running peak, and how long it lasted."""

    depth: Decimal
    fraction: float | None
    trough: datetime
    seconds: float
    recovered: bool


@dataclass(frozen=True, slots=True)
class Moments:
    """Sharpe ratio, skewness and kurtosis of the changes, per sample."""

    sharpe: float
    skew: float
    kurt: float


class Track:
    """Samples, fills and orders of `strategy`, or of the account if it is empty.

    Raises `UsageError` if the run has no such strategy.
    """

    def __init__(self, run: Tables, strategy: str = "") -> None:
        known = [entry["name"] for entry in run.meta["strategies"]]
        if strategy and strategy not in known:
            raise UsageError(f"strategy `{strategy}` is not in the run", f"it has {', '.join(known)}")
        everything = pl.lit(True)
        own = pl.col("strategy") == strategy if strategy else everything
        self.strategy = strategy
        self.orders = run.orders.filter(own)
        self.fills = run.fills.filter(own).sort("ts", maintain_order=True)
        self.samples = run.equity.filter(pl.col("strategy") == strategy).sort("ts")
        self.equity = self.samples["equity"]
        self._holdings = run.equity.filter(pl.col("strategy") != "").filter(own).sort("ts", "strategy")
        self._meta = run.meta

    @property
    def pnl(self) -> Decimal | None:
        """Equity at the last sample less that at the first; None without a sample."""
        return self.equity[-1] - self.equity[0] if len(self.equity) else None

    @cached_property
    def changes(self) -> NDArray[np.float64]:
        """Equity's change from one sample to the next, exact before it becomes a float."""
        return self.equity.diff()[1:].cast(pl.Float64).to_numpy()

    @cached_property
    def sample_seconds(self) -> float | None:
        """The median distance of the samples."""
        spacing = trades.sample_spacing(self.samples)
        return None if spacing is None else spacing / 1e9

    @cached_property
    def moments(self) -> Moments | None:
        """None with fewer than two changes or when all are equal."""
        ratio = sharpe.sharpe_ratio(self.changes)
        skew, kurt = sharpe.skewness(self.changes), sharpe.kurtosis(self.changes)
        return None if ratio is None or skew is None or kurt is None else Moments(ratio, skew, kurt)

    def annual(self, per_sample: float | None) -> float | None:
        """A ratio per sample stretched to a year: times √(samples in a year)."""
        if per_sample is None or not self.sample_seconds:
            return None
        return per_sample * math.sqrt(SECONDS_A_YEAR / self.sample_seconds)

    @cached_property
    def drawdown(self) -> Drawdown | None:
        """The deepest fall; None without a sample."""
        if not len(self.equity):
            return None
        peaks = self.equity.cum_max()
        falls = peaks - self.equity
        at = falls.arg_max() or 0
        after = self.equity[at:] >= peaks[at]
        back = after.arg_true()
        end = at + int(back[0]) if len(back) else len(self.equity) - 1
        start = (self.equity[: at + 1] == peaks[at]).arg_true()[-1]
        times = self.samples["ts"]
        seconds = (times[end] - times[int(start)]).total_seconds()
        shares = falls.cast(pl.Float64) / peaks.cast(pl.Float64)
        fraction = float(shares.max()) if peaks[0] > 0 else None  # type: ignore[arg-type]
        return Drawdown(falls[at], fraction, times[at], seconds, bool(len(back)))

    @cached_property
    def lots(self) -> dict[str, Decimal]:
        """The lot of each instrument; what is smaller counts as flat."""
        return {entry["id"]: Decimal(str(entry.get("lot_size", 0))) for entry in self._meta["instruments"]}

    @cached_property
    def trips(self) -> list[trades.RoundTrip]:
        """The closed round trips."""
        return trades.round_trips(self.fills, self.fees_each, self.lots)

    @cached_property
    def turnover(self) -> Decimal:
        """Everything traded, in quote currency."""
        return trades.notional(self.fills)

    @cached_property
    def fees_each(self) -> list[Decimal | None]:
        """The fee of each fill in quote currency; None where it cannot be valued."""
        return trades.quote_fees(self.fills)

    @cached_property
    def fees(self) -> Decimal | None:
        """All fees in quote currency; None if one cannot be valued."""
        known = [fee for fee in self.fees_each if fee is not None]
        return sum(known, trades.ZERO) if len(known) == len(self.fees_each) else None

    @cached_property
    def position(self) -> Decimal | None:
        """The position at the last sample, in base units; None for the account, which may hold several."""
        return self.samples["position"][-1] if self.strategy and len(self.samples) else None

    @cached_property
    def exposure(self) -> NDArray[np.float64]:
        """Σ |position| · price at each sample."""
        worth = pl.col("position").abs().cast(pl.Float64) * pl.col("price")
        return self._holdings.group_by("ts", maintain_order=True).agg(worth.sum())["position"].to_numpy()

    @cached_property
    def in_market(self) -> NDArray[np.bool_]:
        """Whether at least one lot was held, at each sample."""
        instruments = {entry["name"]: entry["instrument"] for entry in self._meta["strategies"]}
        lots = {name: float(self.lots.get(instrument, trades.ZERO)) for name, instrument in instruments.items()}
        lot = pl.col("strategy").replace_strict(lots, default=0.0, return_dtype=pl.Float64)
        size = pl.col("position").abs().cast(pl.Float64)
        held = self._holdings.select("ts", held=(size > 0) & (size >= lot * (1 - 1e-9)))
        return held.group_by("ts", maintain_order=True).agg(pl.col("held").any())["held"].to_numpy()

    @cached_property
    def markouts(self) -> dict[int, NDArray[np.float64]]:
        """Markout of each fill by horizon in seconds, in quote currency; NaN where the mid is not known."""
        return trades.markouts(self.fills)

    def markout(self, horizon: int) -> float | None:
        """The mean markout in bps of the price, weighted by notional; None if no fill has one."""
        after = self.markouts[horizon]
        known = ~np.isnan(after)
        traded = trades.floats(self.fills, "quantity")[known] * trades.floats(self.fills, "price")[known]
        return float(1e4 * after[known].sum() / traded.sum()) if known.any() else None

    def part(self, name: str) -> Decimal | None:
        """A part of the PnL, with its sign in it; None where the run was not taken apart."""
        split = self._meta.get("splits", {}).get(self.strategy)
        return None if split is None else Decimal(str(split[name]))
