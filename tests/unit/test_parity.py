"""The comparison with hftbacktest: what counts as a difference, and what a rule explains."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from benches.environments import BenchError
from benches.parity import cases as parity_cases
from benches.parity.compare import RULES, differing, line_of, report
from kedge.model.settings import BacktestSettings

CASE = next(parity_cases.cases())
ROWS = np.array([[100, 0, 50, 7, 1, 120, 50], [100, 1, 52, 7, 2, 210, 0], [200, 1, 53, 7, 3, 201, 0]], np.int64)


def changed(row: int, field: str, value: int) -> np.ndarray:
    rows = ROWS.copy()
    rows[row, parity_cases.FIELDS.index(field)] = value
    return rows


@pytest.mark.parametrize("field", ["tick", "steps", "state", "ended", "filled_tick"])
def test_everything_about_an_order_counts(field: str) -> None:
    assert differing(ROWS, changed(1, field, 3)) == {(100, 1): (True, True)}
    assert differing(ROWS, ROWS[::-1]) == {}


def test_an_order_of_one_side_only_is_a_difference_of_one() -> None:
    assert differing(ROWS, ROWS[:2]) == {(200, 1): (True, False)}
    assert differing(ROWS[:2], ROWS) == {(200, 1): (False, True)}
    with pytest.raises(BenchError, match="twice at one moment"):
        differing(np.concatenate([ROWS, ROWS]), ROWS)


def test_what_is_left_with_the_rivals_lot_is_explained_by_no_rule() -> None:
    fees = Decimal("1.5")
    same = line_of(CASE, (changed(0, "ended", 125), fees, 1), (ROWS, fees, 1), ROWS, fees)
    assert (same["equal"], same["rules"], same["unexplained"]) == (2, {"lot": 1, "fee_in_base": 1}, [])
    assert (same["orders"], same["rival_orders"], same["fills"], same["rival_fills"]) == (3, 3, 1, 1)
    wrong = line_of(CASE, (ROWS, fees, 0), (changed(0, "state", 2), fees, 0), ROWS, fees)
    assert wrong["unexplained"] == ["order (100, 0)"]
    dearer = line_of(CASE, (ROWS, fees, 0), (ROWS, fees, 0), ROWS, fees + 1)
    assert dearer["unexplained"] == ["fees 1.50000000, hftbacktest 2.50000000"]
    text = report([same, wrong])
    assert "unexplained, BTC/USDT@binance risk_averse: order (100, 0)" in text
    assert all(f"{rule}: " in text for rule in RULES)


def test_every_queue_model_of_the_settings_is_compared() -> None:
    for queue in parity_cases.QUEUES:
        assert BacktestSettings(queue=queue).queue == queue
    assert {case.queue for case in parity_cases.cases()} == set(parity_cases.QUEUES)
    assert replace(CASE, entry=2_000_000).name.endswith("-2ms")
