"""The Sharpe ratio of a series of changes, and how sure one can be of it.

Per sample, not annualised: multiply ratio and error by √(samples in a year) for that. The errors take the samples as
independent; quotes a second apart are not quite, so the true error is larger.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def sharpe_ratio(changes: NDArray[np.float64]) -> float | None:
    """Mean over standard deviation (ddof 1), risk-free rate 0.

    None with fewer than 2 changes or when all are equal.
    """
    if len(changes) < 2 or np.ptp(changes) == 0:
        return None
    changes = _scaled(changes)
    return float(changes.mean() / changes.std(ddof=1))


def skewness(changes: NDArray[np.float64]) -> float | None:
    """Third central moment over σ³ (population moments). None where the Sharpe ratio is None."""
    return _standardised_moment(changes, 3)


def kurtosis(changes: NDArray[np.float64]) -> float | None:
    """Fourth central moment over σ⁴ (population moments): 3 for a Normal. None where the Sharpe ratio is None."""
    return _standardised_moment(changes, 4)


def standard_error(ratio: float, count: int, skew: float, kurt: float) -> float | None:
    """√((1 − γ₃·SR + (γ₄ − 1)/4·SR²)/(T − 1)) for T changes. None with fewer than 2.

    Lo 2002 for Normal changes, Mertens 2002 for skewed ones with fat tails; T − 1 as in Bailey and López de Prado,
    "The Sharpe Ratio Efficient Frontier", 2012.
    """
    if count < 2:
        return None
    return math.sqrt(max(0.0, 1 - skew * ratio + (kurt - 1) / 4 * ratio**2) / (count - 1))


def probabilistic_sharpe(ratio: float, count: int, skew: float, kurt: float, benchmark: float = 0.0) -> float | None:
    """Φ((SR − SR*)/SE): how likely the true ratio is above `benchmark`. None where the error is undefined or 0.

    Bailey and López de Prado 2012.
    """
    error = standard_error(ratio, count, skew, kurt)
    return normal_cdf((ratio - benchmark) / error) if error else None


def normal_cdf(x: float) -> float:
    """Φ(x) of the standard Normal."""
    return (1 + math.erf(x / math.sqrt(2))) / 2


def _standardised_moment(changes: NDArray[np.float64], order: int) -> float | None:
    if len(changes) < 2 or np.ptp(changes) == 0:
        return None
    from_mean = _scaled(changes - changes.mean())
    return float(np.mean(from_mean**order) / np.mean(from_mean**2) ** (order / 2))


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divided by the largest: squares of values near 1e-170 would vanish, and no ratio here depends on scale."""
    return np.asarray(values / np.abs(values).max())
