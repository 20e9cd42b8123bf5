"""The venue's clock: the true offset is always within the bound, and a clock that cannot be trusted stamps nothing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.venues.binance.clock import VenueClock

MS = 1_000_000


def take(clock: VenueClock, offset_ms: float, there_ms: float, back_ms: float) -> None:
    """A round trip that ended now, to a venue whose clock is `offset_ms` ahead."""
    got = time.monotonic_ns()
    sent = got - int((there_ms + back_ms) * MS)
    at_venue = time.time_ns() - int(back_ms * MS) + int(offset_ms * MS)
    clock.sample(sent, got, at_venue // MS)


@given(
    st.floats(-4_000, 4_000),
    st.lists(st.tuples(st.floats(0, 200), st.floats(0, 200)), min_size=1, max_size=6),
)
def test_the_true_offset_lies_within_the_bound(offset_ms: float, trips: list[tuple[float, float]]) -> None:
    clock = VenueClock()
    for there, back in trips:
        take(clock, offset_ms, there, back)
    assert abs(clock.offset_ns - offset_ms * MS) <= clock.bound_ns + MS
    best = min(there + back for there, back in trips)
    assert clock.bound_ns <= best / 2 * MS + 2 * MS
    assert clock.objection() is None
    assert abs(clock.now_venue() - time.time_ns() - offset_ms * MS) <= clock.bound_ns + MS


def test_before_the_first_sample_nothing_is_stamped() -> None:
    assert "has not been measured" in str(VenueClock().objection())


@pytest.mark.parametrize("offset_ms", [5_100, -10_000])
def test_a_clock_that_is_off_names_its_offset(offset_ms: int) -> None:
    clock = VenueClock()
    take(clock, offset_ms, 1, 1)
    objection = str(clock.objection())
    assert f"{offset_ms / 1e3:+.1f}" in objection
    assert "±5 s" in objection


def test_a_clock_that_was_set_counts_at_once() -> None:
    clock = VenueClock()
    take(clock, 0, 0.5, 0.5)
    take(clock, 300, 20, 20)
    assert abs(clock.offset_ns - 300 * MS) <= clock.bound_ns
    assert clock.bound_ns > 20 * MS


def test_a_worse_sample_does_not_replace_a_better_one() -> None:
    clock = VenueClock()
    take(clock, 0, 0.5, 0.5)
    take(clock, 0, 40, 40)
    assert clock.bound_ns < 3 * MS


def test_a_doubted_clock_stamps_nothing_until_it_is_measured_again() -> None:
    clock = VenueClock()
    take(clock, 0, 1, 1)
    clock.doubted = True
    assert "measured again" in str(clock.objection())
    take(clock, 0, 50, 50)
    assert clock.objection() is None


def test_the_bound_grows_with_age() -> None:
    clock = VenueClock()
    old = time.monotonic_ns() - 3_600_000_000_000
    clock.sample(old - MS, old, time.time_ns() // MS - 3_600_000)
    assert clock.bound_ns >= 3_600 * 200_000
    assert abs(clock.offset_ns) <= clock.bound_ns
