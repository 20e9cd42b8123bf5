"""The Sharpe ratio and its errors against published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.backtest import sharpe

series = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60).map(np.array)


def test_probabilistic_sharpe_as_published() -> None:
    """Bailey and López de Prado 2012, SSRN 1821643: 0.982 in the paper."""
    assert sharpe.probabilistic_sharpe(0.458, 24, 0.0, 3.0) == pytest.approx(0.98167, abs=1e-4)


@pytest.mark.parametrize(
    ("ratio", "skew", "kurt", "expected"), [(0.7079, -0.225, 2.957, 0.10276), (0.8183, -1.4455, 7.0497, 0.15501)]
)
def test_standard_error_as_published(ratio: float, skew: float, kurt: float, expected: float) -> None:
    """The same paper, 134 months: 0.1028 and 0.1550."""
    assert sharpe.standard_error(ratio, 134, skew, kurt) == pytest.approx(expected, abs=1e-4)


def test_by_hand() -> None:
    changes = np.array([1.0, 2.0, 3.0, 6.0])
    # Mean 3, squared distances 4 + 1 + 0 + 9 = 14, cubed −8 − 1 + 0 + 27 = 18, fourth 16 + 1 + 0 + 81 = 98.
    assert sharpe.sharpe_ratio(changes) == pytest.approx(3 / math.sqrt(14 / 3))
    assert sharpe.skewness(changes) == pytest.approx((18 / 4) / (14 / 4) ** 1.5)
    assert sharpe.kurtosis(changes) == pytest.approx((98 / 4) / (14 / 4) ** 2)


@pytest.mark.parametrize("changes", [[], [1.0], [0.1, 0.1, 0.1], [0.0, 0.0]])
def test_undefined_is_none(changes: list[float]) -> None:
    values = np.array(changes)
    assert sharpe.sharpe_ratio(values) is None
    assert sharpe.skewness(values) is None
    assert sharpe.kurtosis(values) is None


@pytest.mark.parametrize("count", [0, 1])
def test_error_needs_two_changes(count: int) -> None:
    assert sharpe.standard_error(1.0, count, 0.0, 3.0) is None
    assert sharpe.probabilistic_sharpe(1.0, count, 0.0, 3.0) is None


@given(series, st.floats(0.001, 1000))
def test_scale_does_not_matter_and_sign_turns(changes: np.ndarray, scale: float) -> None:
    ratio = sharpe.sharpe_ratio(changes)
    largest = np.abs(changes).max(initial=0)
    # Below, a scaled float loses digits or becomes 0.
    if ratio is None or changes.std() < 1e-9 * largest or largest < 1e-290:
        return
    assert sharpe.sharpe_ratio(changes * scale) == pytest.approx(ratio, rel=1e-6)
    assert sharpe.sharpe_ratio(-changes) == pytest.approx(-ratio, rel=1e-6)


@given(series)
def test_defined_together_and_finite(changes: np.ndarray) -> None:
    ratio, skew, kurt = sharpe.sharpe_ratio(changes), sharpe.skewness(changes), sharpe.kurtosis(changes)
    if ratio is None or skew is None or kurt is None:
        assert ratio is skew is kurt is None
        return
    assert kurt >= 1 + skew**2 - 1e-6 * kurt
    error = sharpe.standard_error(ratio, len(changes), skew, kurt)
    assert error is not None
    assert math.isfinite(error)
    above = sharpe.probabilistic_sharpe(ratio, len(changes), skew, kurt)
    assert above is None or 0 <= above <= 1
