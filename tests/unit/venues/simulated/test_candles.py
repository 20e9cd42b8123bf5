"""Candles of every interval are those of the trades, flat where none were, and end where the calendar says."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.venues.simulated.candles import INTERVALS, Candles, closing, opening

START_MS = 1_700_000_000_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("interval", "at", "opens", "closes"),
    [
        ("1m", "2026-02-28T23:59:59.999", "2026-02-28T23:59:00", "2026-02-28T23:59:59.999"),
        ("3m", "2026-02-28T00:05:59", "2026-02-28T00:03:00", "2026-02-28T00:05:59.999"),
        ("1d", "2026-02-28T05:00:00", "2026-02-28T00:00:00", "2026-02-28T23:59:59.999"),
        ("1w", "2026-03-01T12:00:00", "2026-02-23T00:00:00", "2026-03-01T23:59:59.999"),
        ("1M", "2026-12-31T12:00:00", "2026-12-01T00:00:00", "2026-12-31T23:59:59.999"),
    ],
)
def test_candles_open_and_close_with_the_calendar(interval: str, at: str, opens: str, closes: str) -> None:
    assert opening(interval, ms(at)) == ms(opens)
    assert closing(interval, ms(opens)) == ms(closes)


trades = st.lists(
    st.tuples(st.integers(0, 200_000), st.integers(1, 1_000), st.integers(1, 50), st.booleans()),
    min_size=1,
    max_size=80,
)


@given(trades, st.sampled_from(["1s", "1m", "3m", "5m"]))
def test_an_interval_is_what_was_traded_in_it(steps: list[tuple[int, int, int, bool]], interval: str) -> None:
    candles, at_ms, told = Candles(), START_MS, []
    for number, (wait, price, quantity, bought) in enumerate(steps):
        at_ms += wait
        candles.add(at_ms, price, quantity, bought, number)
        told.append((at_ms, price, quantity, bought, number))
    candles.roll(at_ms)
    found = candles.of(interval, 0, 2**62, 100_000, newest=True)
    opens = [candle.open_ms for candle in found]
    kept = [row for row in told if row[0] >= opens[0]]
    assert opens == list(range(opens[0], opens[-1] + 1, INTERVALS[interval])), "no hole"
    assert sum(candle.trades for candle in found) == len(kept)
    close = None
    for candle in found:
        own = [row for row in kept if opening(interval, row[0]) == candle.open_ms]
        if own:
            prices = [row[1] for row in own]
            assert (candle.open, candle.high, candle.low, candle.close) == (
                prices[0],
                max(prices),
                min(prices),
                prices[-1],
            )
            assert candle.volume == sum(row[2] for row in own)
            assert candle.value == sum(row[1] * row[2] for row in own)
            assert candle.taker_volume == sum(row[2] for row in own if row[3])
            assert (candle.first_id, candle.last_id) == (own[0][4], own[-1][4])
        elif close is not None:
            assert (candle.open, candle.close, candle.volume, candle.trades) == (close, close, 0, 0)
        close = candle.close


def test_the_newest_and_the_oldest_are_told_apart() -> None:
    candles = Candles()
    for minute in range(10):
        candles.add(START_MS + minute * 60_000, 100 + minute, 1, True, minute)
    opens = [candle.open_ms for candle in candles.of("1m", 0, 2**62, 100, newest=True)]
    assert [candle.open_ms for candle in candles.of("1m", 0, 2**62, 3, newest=True)] == opens[-3:]
    assert [candle.open_ms for candle in candles.of("1m", opens[2], 2**62, 3, newest=False)] == opens[2:5]
    assert [candle.open_ms for candle in candles.of("1m", opens[2], opens[3], 9, newest=False)] == opens[2:4]
    five = candles.of("5m", 0, 2**62, 1, newest=True)[0]
    whole = [candle for candle in candles.of("1m", 0, 2**62, 100, newest=True) if candle.open_ms >= five.open_ms]
    assert (five.open, five.close, five.trades) == (whole[0].open, whole[-1].close, len(whole))
    day = candles.since(START_MS + 600_000 - 86_400_000)
    assert day is not None
    assert (day.open, day.high, day.close, day.trades) == (100, 109, 109, 10)
