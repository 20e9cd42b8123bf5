"""The figures of a run, each with its formula: what the results and the report print.

`METRICS` is the list of all; `measure` computes them for the account or one strategy; `results` is their part of
`run.json`. A metric's docstring is what the report prints: its first paragraph says what it means, the one that begins
with "Formula:" how it is computed. What is undefined (fewer than two samples, no variance, no fill) is None.

Money is in quote currency. E is equity at the samples, Δ its change from one sample to the next, T their number.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from kedge.backtest import sharpe as statistics
from kedge.backtest import trades
from kedge.backtest.track import Tables, Track

Value = Decimal | float | int | datetime | None
Kind = Literal["money", "count", "share", "ratio", "bps", "seconds", "time"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: `name` in results, `label` and `unit` for people, what it means and how it is computed."""

    name: str
    label: str
    kind: Kind
    signed: bool
    meaning: str
    formula: str
    compute: Callable[[Track], Value]

    @property
    def unit(self) -> str:
        """The unit for the head of a column; money is in the run's quote currency."""
        units = {"money": "quote currency", "share": "%", "bps": "bps", "seconds": "s", "time": "UTC"}
        return units.get(self.kind, "")


METRICS: Final[list[Metric]] = []
"""All metrics, in the order they are printed."""


def _metric(label: str, kind: Kind, signed: bool = False) -> Callable[[Callable[[Track], Value]], Metric]:
    def register(compute: Callable[[Track], Value]) -> Metric:
        meaning, _, formula = (inspect.getdoc(compute) or "").partition("\n\nFormula: ")
        found = Metric(
            compute.__name__, label, kind, signed, " ".join(meaning.split()), " ".join(formula.split()), compute
        )
        METRICS.append(found)
        return found

    return register


def measure(run: Tables, strategy: str = "") -> dict[str, Value]:
    """Every metric by name, of one strategy, or of the whole account when `strategy` is empty.

    Raises `UsageError` if the run has no such strategy.
    """
    track = Track(run, strategy)
    return {metric.name: metric.compute(track) for metric in METRICS}


def results(run: Tables) -> dict[str, Any]:
    """The metrics as `run.json` holds them: the account's, and under `strategies` each strategy's with its position."""
    each = {
        name: {metric.name: metric.compute(track) for metric in METRICS} | {"position": track.position}
        for name, track in ((entry["name"], Track(run, entry["name"])) for entry in run.meta["strategies"])
    }
    return {**measure(run), "strategies": each}


# What it made


@_metric("Profit and loss", "money", signed=True)
def pnl(of: Track) -> Value:
    """What was made or lost, after fees, open positions valued at the mid.

    Formula: E at the last sample − E at the first.
    """
    return of.pnl


@_metric("Return", "share", signed=True)
def pnl_fraction(of: Track) -> Value:
    """Profit and loss for each unit of equity at the start.

    Formula: PnL / E at the first sample. Undefined if that is not positive.
    """
    return None if of.pnl is None or of.equity[0] <= 0 else float(of.pnl / of.equity[0])


@_metric("Spread earned", "money", signed=True)
def spread_earned(of: Track) -> Value:
    """What the fills earned (+) or paid (−) against the mid when we heard of each.

    Formula: Σ s · (m − price) · q over fills; s +1 buy, −1 sell; m the mid; q the quantity less a fee taken in base.
    """
    return of.part("spread")


@_metric("Adverse selection", "money", signed=True)
def adverse_selection(of: Track) -> Value:
    """What the mid did to the fills in the ten seconds after each; negative: who traded with us knew more.

    Formula: Σ s · (m 10 s later − m) · q over fills; the last mid where the run ends before.
    """
    return of.part("adverse_selection")


@_metric("Inventory", "money", signed=True)
def inventory_pnl(of: Track) -> Value:
    """What the mid did to positions held longer than that.

    Formula: Σ s · (last m − m 10 s later) · q; PnL = spread + adverse selection + inventory + funding − fees.
    """
    return of.part("inventory")


@_metric("Funding", "money", signed=True)
def funding(of: Track) -> Value:
    """Funding received (+) or paid (−).

    Formula: Σ of the ledger's funding payments.
    """
    return of.part("funding")


@_metric("Fees", "money")
def fees(of: Track) -> Value:
    """Trading fees paid; a rebate is negative.

    Formula: Σ fee over fills; a fee in base is valued at the fill's price. Undefined if one is in a third currency.
    """
    return of.fees


@_metric("Turnover", "money")
def turnover(of: Track) -> Value:
    """How much was traded.

    Formula: Σ price · quantity over fills.
    """
    return of.turnover


@_metric("PnL per turnover", "bps", signed=True)
def pnl_per_turnover(of: Track) -> Value:
    """What each unit traded left in the end.

    Formula: 10⁴ · PnL / turnover. Undefined without a fill.
    """
    return None if of.pnl is None or not of.turnover else 1e4 * float(of.pnl / of.turnover)


# At which risk


@_metric("Maximum drawdown", "money")
def max_drawdown(of: Track) -> Value:
    """The deepest fall from a peak.

    Formula: max over t of (max of E up to t − E at t).
    """
    return of.drawdown.depth if of.drawdown else None


@_metric("Maximum drawdown, relative", "share")
def max_drawdown_fraction(of: Track) -> Value:
    """The deepest fall as a share of the peak before it.

    Formula: max over t of (peak − E at t) / peak, peak = max of E up to t. Undefined if a peak is not positive.
    """
    return of.drawdown.fraction if of.drawdown else None


@_metric("Deepest drawdown at", "time")
def max_drawdown_at(of: Track) -> Value:
    """When the maximum drawdown was reached.

    Formula: the first t at which the maximum drawdown is taken. Undefined if equity never fell.
    """
    return of.drawdown.trough if of.drawdown and of.drawdown.depth else None


@_metric("Time under its peak", "seconds")
def max_drawdown_seconds(of: Track) -> Value:
    """How long the maximum drawdown lasted, from its peak until equity was back there, or until the end.

    Formula: first t after the trough with E ≥ peak (else the last sample) − time of the peak.
    """
    return of.drawdown.seconds if of.drawdown and of.drawdown.depth else None


@_metric("Mean exposure", "money")
def exposure(of: Track) -> Value:
    """How much was at stake on average, long and short alike.

    Formula: mean over samples of Σ over strategies of |position| · price.
    """
    return float(of.exposure.mean()) if len(of.exposure) else None


@_metric("Maximum exposure", "money")
def exposure_max(of: Track) -> Value:
    """The most that was at stake at a sample.

    Formula: max over samples of Σ over strategies of |position| · price.
    """
    return float(of.exposure.max()) if len(of.exposure) else None


@_metric("Time in the market", "share")
def time_in_market(of: Track) -> Value:
    """How much of the time a position was held.

    Formula: samples with a position of at least one lot / samples.
    """
    return float(of.in_market.mean()) if len(of.in_market) else None


# How sure one can be


@_metric("Sharpe ratio, a year", "ratio", signed=True)
def sharpe(of: Track) -> Value:
    """What the run made for the risk it took, stretched to a year of 365 days.

    Formula: SR · √(samples in a year), SR per sample. Stretching a short run says nothing about the rest of the year.
    """
    return of.annual(statistics.sharpe_ratio(of.changes))


@_metric("Sharpe standard error, a year", "ratio")
def sharpe_se(of: Track) -> Value:
    """How far the Sharpe ratio a year may be off by chance alone; within two of them it is not told from zero.

    Formula: √((1 − γ₃·SR + (γ₄ − 1)/4·SR²)/(T − 1)) · √(samples in a year); Lo 2002, Mertens 2002, for independent Δ.
    """
    if of.moments is None:
        return None
    return of.annual(statistics.standard_error(of.moments.sharpe, len(of.changes), of.moments.skew, of.moments.kurt))


@_metric("Sharpe ratio, a sample", "ratio", signed=True)
def sharpe_per_sample(of: Track) -> Value:
    """What the run made for the risk it took, as it was sampled.

    Formula: SR = mean(Δ) / standard deviation(Δ), ddof 1, risk-free rate 0.
    """
    return statistics.sharpe_ratio(of.changes)


@_metric("True Sharpe above zero", "share")
def sharpe_above_zero(of: Track) -> Value:
    """How likely it is that the result is more than luck, counting this run alone.

    Formula: Φ(SR / standard error of SR); Bailey and López de Prado 2012. Trying many settings makes it too high.
    """
    if of.moments is None:
        return None
    return statistics.probabilistic_sharpe(of.moments.sharpe, len(of.changes), of.moments.skew, of.moments.kurt)


@_metric("Skewness of changes", "ratio", signed=True)
def skewness(of: Track) -> Value:
    """Below zero, losses come in larger pieces than gains.

    Formula: γ₃ = mean((Δ − mean Δ)³) / σ³.
    """
    return statistics.skewness(of.changes)


@_metric("Kurtosis of changes", "ratio")
def kurtosis(of: Track) -> Value:
    """How much the rare large changes weigh; 3 for a Normal.

    Formula: γ₄ = mean((Δ − mean Δ)⁴) / σ⁴.
    """
    return statistics.kurtosis(of.changes)


@_metric("Samples", "count")
def samples(of: Track) -> Value:
    """How often equity was looked at.

    Formula: T + 1.
    """
    return len(of.equity)


@_metric("Between samples", "seconds")
def sample_seconds(of: Track) -> Value:
    """How far apart the samples are.

    Formula: median distance of consecutive samples; a year has 31,536,000 s divided by it.
    """
    return of.sample_seconds


# How it traded


@_metric("Orders", "count")
def orders(of: Track) -> Value:
    """How many orders were sent or refused.

    Formula: rows of orders.parquet.
    """
    return len(of.orders)


@_metric("Orders filled", "share")
def orders_filled(of: Track) -> Value:
    """How many of the orders traded at all.

    Formula: orders with filled > 0 / orders.
    """
    return float((of.orders["filled"] > 0).mean()) if len(of.orders) else None  # type: ignore[arg-type]


@_metric("Fills", "count")
def fills(of: Track) -> Value:
    """How many fills there were, partial ones each counted.

    Formula: rows of fills.parquet.
    """
    return len(of.fills)


@_metric("Maker share", "share")
def maker_share(of: Track) -> Value:
    """How much of the turnover waited in the book and was taken by others.

    Formula: turnover of maker fills / turnover.
    """
    made = trades.notional(of.fills.filter(of.fills["liquidity"] == "maker"))
    return float(made / of.turnover) if of.turnover else None


@_metric("Round trips", "count")
def round_trips(of: Track) -> Value:
    """How many positions were opened and closed again.

    Formula: times the position came back to flat (less than one lot) or turned, by strategy and instrument.
    """
    return len(of.trips)


@_metric("Round trips won", "share")
def win_share(of: Track) -> Value:
    """How many of the round trips made money after fees.

    Formula: round trips with Σ realised PnL − Σ fees > 0 / round trips.
    """
    return sum(trip.pnl > 0 for trip in of.trips) / len(of.trips) if of.trips else None


@_metric("Mean holding", "seconds")
def holding_seconds(of: Track) -> Value:
    """How long a position was held.

    Formula: mean over round trips of time of the closing fill − time of the opening fill.
    """
    return math.fsum(trip.seconds for trip in of.trips) / len(of.trips) if of.trips else None


@_metric("Toxic fills", "share")
def toxic_share(of: Track) -> Value:
    """How many of the maker fills came from so far back in the queue that only a sweep of the level reaches there.

    Formula: maker fills with more than ten orders of their own size ahead just before / maker fills.
    """
    makers = of.fills["toxic"].drop_nulls()
    return float(makers.mean()) if len(makers) else None  # type: ignore[arg-type]


@_metric("Markout after 1 s", "bps", signed=True)
def markout_1s(of: Track) -> Value:
    """Where the mid stood one second after a fill; negative: the market went on against it.

    Formula: 10⁴ · Σ side · (mid 1 s later − price) · quantity / Σ price · quantity, over fills with that mid.
    """
    return of.markout(1)


@_metric("Markout after 10 s", "bps", signed=True)
def markout_10s(of: Track) -> Value:
    """Where the mid stood ten seconds after a fill.

    Formula: as after 1 s, 10 s later.
    """
    return of.markout(10)


@_metric("Markout after 60 s", "bps", signed=True)
def markout_60s(of: Track) -> Value:
    """Where the mid stood a minute after a fill.

    Formula: as after 1 s, 60 s later.
    """
    return of.markout(60)
