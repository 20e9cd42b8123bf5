"""Candles against a plain loop over the trades, and the interval against the table of spans."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kedge.catalog import candles
from kedge.model.columns import LAST, NO_TIME, QUOTE, TRADE
from kedge.model.instruments import SIMULATED

SECOND = 10**9
SPOT = SIMULATED.find("BTC/USDT@simulated")


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (0, "1s"),
        (60 * SECOND, "1s"),
        (650 * SECOND, "1s"),
        (1_400 * SECOND, "1s"),  # 280 candles of 5 s would be nearer 600, but fewer than 300
        (3_600 * SECOND, "5s"),
        (86_400 * SECOND, "1m"),
        (7 * 86_400 * SECOND, "15m"),
        (30 * 86_400 * SECOND, "1h"),
        (180 * 86_400 * SECOND, "4h"),
        (3 * 365 * 86_400 * SECOND, "1d"),
        (20 * 365 * 86_400 * SECOND, "1d"),
    ],
)
def test_the_interval_for_a_span(span: int, expected: str) -> None:
    assert candles.interval_for(span) == expected


def test_some_interval_always_gives_300_to_1500_candles_up_to_four_years() -> None:
    # Between 4 h and 1 d lies a factor of six: there alone a span falls between them (250 to 300 days).
    for seconds in range(300, 4 * 365 * 86_400, 7_919):
        count = -(-seconds * SECOND // candles.INTERVALS[candles.interval_for(seconds * SECOND)])
        assert 300 <= count <= 1_500 or 250 * 86_400 <= seconds <= 300 * 86_400


trades = st.lists(
    st.tuples(
        st.integers(0, 200) | st.just(None),
        st.integers(0, 3),
        st.integers(5_900_000, 6_100_000),
        st.integers(1, 10**12),
        st.sampled_from([TRADE, TRADE, QUOTE]),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trades=trades, split=st.integers(0, 60))
def test_candles_are_those_of_a_loop(trades: list, split: int, pack_slowly: Callable) -> None:
    begin = 1_723_161_254 * SECOND
    events, now = [], begin
    expected: dict[int, list] = {}
    for event, wait, price, qty, kind in trades:
        now += wait * SECOND // 2
        time = NO_TIME if event is None else begin + event * SECOND // 2
        events.append((time, now, kind | LAST, price, qty))
        if kind == TRADE:
            known = now if time == NO_TIME else time
            candle = expected.setdefault(known // SECOND * SECOND, [price, price, price, price, 0])
            candle[1], candle[2], candle[3] = max(candle[1], price), min(candle[2], price), price
            candle[4] += qty
    frame = candles.build([pack_slowly(part, 6_000_000, 1) for part in (events[:split], events[split:])], SPOT)
    assert frame.schema == pl.Schema(candles.SCHEMA)
    rows = [
        (SPOT.id, start, *(float(Fraction(ticks, 100)) for ticks in prices), float(Fraction(qty, 10**8)))
        for start, (*prices, qty) in sorted(expected.items())
    ]
    assert frame.with_columns(pl.col("start").cast(pl.Int64)).rows() == rows


def test_an_hour_is_cut_at_round_times(pack_slowly: Callable) -> None:
    begin = 1_723_161_254 * SECOND
    events = [(begin + at * SECOND, begin + at * SECOND, TRADE | LAST, 6_000_000 + at, 10**8) for at in range(3_600)]
    frame = candles.build([pack_slowly(events, 6_000_000, 1)], SPOT)
    assert frame["start"][0] == datetime(2024, 8, 8, 23, 54, 10, tzinfo=UTC)
    assert frame.row(1)[2:] == (60_000.01, 60_000.05, 60_000.01, 60_000.05, 5.0)
    assert len(frame) == 721
