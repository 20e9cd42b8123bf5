"""Fewer points that draw the same line: the lowest and the highest of each stretch of time are kept."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def extremes(values: NDArray[np.float64], limit: int, keep: Iterable[int] = ()) -> NDArray[np.intp]:
    """Row numbers, rising, of at most `limit` points (plus those in `keep`) that draw the line of `values`.

    Rows are cut into equal stretches, each gives two points: its lowest and highest (first and last where it is
    flat), so that points stay evenly spread in time. First and last row are always there. With no more than `limit`
    rows all are. Raises `ValueError` if `limit` is below 4.
    """
    if limit < 4:
        raise ValueError(f"`limit` must be at least 4, was {limit}")
    count = len(values)
    if count <= limit:
        return np.arange(count)
    edges = np.linspace(0, count, (limit - 2) // 2 + 1).astype(np.intp)
    picked = {0, count - 1, *keep}
    for start, end in pairwise(edges.tolist()):
        part = values[start:end]
        low, high = start + int(part.argmin()), start + int(part.argmax())
        picked.update((low, high) if low != high else (start, end - 1))
    return np.array(sorted(picked), dtype=np.intp)
