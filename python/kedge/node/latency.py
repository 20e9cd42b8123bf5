"""Latencies of the last while: kept as they are, told as percentiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Latencies:
    """A ring of the last `size` durations in ns."""

    def __init__(self, size: int = 4_096) -> None:
        self._ring: NDArray[np.int64] = np.zeros(size, np.int64)
        self._count = 0

    def add(self, nanoseconds: int) -> None:
        self._ring[self._count % len(self._ring)] = nanoseconds
        self._count += 1

    def __len__(self) -> int:
        return min(self._count, len(self._ring))

    def percentile(self, share: float) -> float | None:
        """In ns; None without a duration."""
        return float(np.percentile(self._ring[: len(self)], share)) if self._count else None

    def microseconds(self, share: float) -> float | None:
        """As `percentile`, in µs, to a tenth."""
        value = self.percentile(share)
        return None if value is None else round(value / 1e3, 1)
