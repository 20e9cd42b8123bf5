"""What is left of an edge when costs or latencies are twice what was assumed: the same run again over the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import numpy as np

from kedge.backtest import delays
from kedge.backtest.spec import RunSpec
from kedge.model.columns import NO_TIME, MarketColumns

COLUMNS: Final = (
    "pnl",
    "spread_earned",
    "adverse_selection",
    "inventory_pnl",
    "funding",
    "fees",
    "fills",
    "orders",
    "sharpe",
    "sharpe_se",
)
"""What of each run's results is kept."""


@dataclass(frozen=True, slots=True)
class Stress:
    """A way to be wrong: by how much fees and latencies are multiplied."""

    name: str
    fees: int
    latency: int

    def spec(self, spec: RunSpec) -> RunSpec:
        """The run under it. A rebate is not multiplied but taken away: what is paid to us is no cost."""
        engine = delays.scaled(spec.engine, self.latency)
        return replace(spec, engine=engine, instruments=[_dearer(entry, self.fees) for entry in spec.instruments])

    def blocks(self, spec: RunSpec, blocks: Sequence[Sequence[MarketColumns]]) -> Sequence[Sequence[MarketColumns]]:
        """The data under it: shared, but where the feed is as late as recorded, told later by as much again."""
        if self.latency == 1:
            return blocks
        recorded = [delays.is_recorded(spec.engine, definition) for definition in spec.instruments]
        return [
            [_later(block, self.latency) for block in own] if late else own
            for own, late in zip(blocks, recorded, strict=True)
        ]

    def row(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """A line of the table: what was assumed, and what came of it."""
        return {"name": self.name, "fees_times": self.fees, "latency_times": self.latency} | {
            column: results[column] for column in COLUMNS
        }


AS_ASSUMED: Final = Stress("as assumed", 1, 1)
STRESSES: Final = (Stress("fees × 2", 2, 1), Stress("latency × 2", 1, 2), Stress("fees and latency × 2", 2, 2))


def _dearer(definition: Mapping[str, Any], factor: int) -> dict[str, Any]:
    if factor == 1:
        return dict(definition)

    def dearer(rates: Mapping[str, Any], *keys: str) -> dict[str, Any]:
        paid = {key: max(Decimal(str(rates[key])), Decimal(0)) * factor for key in keys if key in rates}
        return {**rates, **{key: f"{rate:f}" for key, rate in paid.items()}}

    harder = dearer(definition, "maker_fee", "taker_fee", "liquidation_fee")
    if "fee_tiers" in definition:
        harder["fee_tiers"] = [dearer(tier, "maker", "taker") for tier in definition["fee_tiers"]]
    return harder


def _later(block: MarketColumns, factor: int) -> MarketColumns:
    waited = np.where(block.ts_event == NO_TIME, 0, np.maximum(block.ts_recv - block.ts_event, 0))
    return replace(block, ts_recv=block.ts_recv + (factor - 1) * waited)
