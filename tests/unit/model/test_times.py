"""Moments as text, to the nanosecond and over all of `int64`."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kedge.model.times import iso


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_the_text_is_numpys(ns: int) -> None:
    assert iso(ns) == f"{np.datetime64(ns, 'ns')}Z"


def test_the_text_is_read_by_the_standard_library() -> None:
    assert iso(1_723_161_254_208_085_768) == "2024-08-08T23:54:14.208085768Z"
    assert datetime.fromisoformat(iso(0)).timestamp() == 0
