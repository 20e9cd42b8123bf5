"""What a run's reader is warned of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kedge.backtest.assumptions import warnings
from kedge.backtest.markets import Market
from kedge.backtest.spec import RunSpec
from kedge.model.columns import DELTA, LAST, LEVEL, SELL, TRADE, MarketColumns
from kedge.model.stream import RecordedStream

NOTHING: dict[str, Any] = {
    "refusals": {},
    "stopped": {},
    "liquidations": 0,
    "unknown_funding_rates": 0,
    "gaps": 0,
    "resyncs": 0,
    "negative_latencies": 0,
    "levels_ignored": 0,
    "ledger_imbalance": 0,
}


def block(*kinds: int) -> MarketColumns:
    times, flags = np.arange(len(kinds), dtype=np.int64), np.array(kinds, np.uint8) | np.uint8(LAST)
    ones, none = np.ones(len(kinds), np.int32), np.empty(0, np.int64)
    return MarketColumns(times, times, ones, ones, flags, none, none, 0, 1)


@pytest.mark.parametrize(
    ("blocks", "has_book"),
    [
        ([block(TRADE, TRADE | SELL)], False),
        ([block(), block(TRADE)], False),
        ([block(TRADE), block(TRADE, DELTA | SELL)], True),
        ([block(LEVEL, TRADE)], True),
    ],
)
def test_data_without_a_book_is_told_of(blocks: list[MarketColumns], has_book: bool) -> None:
    definition = {"id": "BTC/USDT@somewhere", "kind": "spot", "min_notional": "0"}
    stream = RecordedStream(definition, blocks, [])
    said = warnings(Market([stream], None), NOTHING, RunSpec({}, [definition], [], {}, 1.0))
    assert [text.partition(" has ")[0] for text in said] == ([] if has_book else ["The data of BTC/USDT@somewhere"])
