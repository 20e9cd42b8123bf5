"""The seeded market as Python sees it: columns, errors, and that no lock is held."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kedge import _core
from kedge.model.columns import CLEAR, FUNDING, KIND, LEVEL, MARK, QUOTE, MarketColumns
from kedge.model.errors import UsageError
from kedge.model.instruments import SIMULATED

SECOND = 1_000_000_000
SPOT, PERPETUAL = SIMULATED.all[:2]


def rows(seed: int, seconds: int, *, cuts: int = 1, json_text: str = SPOT.to_json()) -> list[MarketColumns]:
    market = _core.SeededMarket(seed, json_text, 0)
    return [MarketColumns(**market.advance(seconds * SECOND * cut // cuts)) for cut in range(1, cuts + 1)]


def test_a_block_is_columns_that_begin_with_a_snapshot() -> None:
    [block] = rows(1, 5)
    assert (block.ts_event.dtype, block.price.dtype, block.flags.dtype) == (np.int64, np.int32, np.uint8)
    kinds = block.flags & KIND
    assert (kinds[0], kinds[1]) == (CLEAR, LEVEL)
    assert (np.diff(block.ts_event) >= 0).all()
    assert (block.ts_event == block.ts_recv).all()
    assert block.ts_event[-1] < 5 * SECOND
    assert block.qty_scale == 1_000
    assert len(block.wide_price) == len(block.wide_qty) == 0


def test_a_seed_is_one_market_however_it_is_asked_for() -> None:
    [whole], parts, [other] = rows(1, 6), rows(1, 6, cuts=4), rows(2, 6)
    for name in ("ts_event", "flags"):
        assert (np.concatenate([getattr(part, name) for part in parts]) == getattr(whole, name)).all()
    prices = np.concatenate([part.price_base + part.price.astype(np.int64) for part in parts])
    assert (prices == whole.price_base + whole.price.astype(np.int64)).all()
    assert len(other) != len(whole) or (other.ts_event != whole.ts_event).any()


def test_nothing_is_handed_out_twice() -> None:
    market = _core.SeededMarket(1, SPOT.to_json(), 0)
    assert len(market.advance(SECOND)["flags"]) > 0
    for until in (SECOND, 0):
        assert len(market.advance(until)["flags"]) == 0


def test_the_perpetual_has_marks_and_funding() -> None:
    [block] = rows(1, 3, json_text=PERPETUAL.to_json())
    kinds = (block.flags & KIND).tolist()
    assert (kinds.count(MARK), kinds.count(FUNDING)) == (3, 1)


def test_it_starts_at_the_value_given() -> None:
    market = _core.SeededMarket(1, SPOT.to_json(), 0, 0, value=2_500.0)
    block = MarketColumns(**market.advance(SECOND))
    [first, *_] = np.flatnonzero((block.flags & KIND) == QUOTE)
    assert block.price_base + int(block.price[first]) == pytest.approx(250_000, rel=0.01)


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({"tick_size": "0"}, {}, "`0` is not a decimal number"),
        ({"id": "BTCUSDT"}, {}, "BASE/QUOTE"),
        ({}, {"depth_every_ns": -1}, "`depth_every_ns` must be ≥ 0, was -1"),
        ({}, {"value": 0.0}, "`value` must be 10 to 10¹³ ticks of 0.01, was 0"),
        ({}, {"value": float("nan")}, "was NaN"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, str], arguments: dict[str, float], message: str) -> None:
    definition = json.dumps({**SPOT.definition, **change})
    with pytest.raises(UsageError, match=message) as raised:
        _core.SeededMarket(1, definition, 0, **arguments)  # type: ignore[arg-type]
    assert raised.value.hint
