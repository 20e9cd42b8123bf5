import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.model.durations import LONGEST, duration_text, parse_duration
from kedge.model.errors import UsageError


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("250us", 250_000),
        ("250µs", 250_000),
        ("100ms", 100_000_000),
        ("1s", 1_000_000_000),
        (" 5m ", 300_000_000_000),
        ("1.5 h", 5_400_000_000_000),
        ("1d", 86_400_000_000_000),
        ("0s", 0),
        ("0.5us", 500),
        ("3660d", LONGEST),
    ],
)
def test_a_duration_is_exact_nanoseconds(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "+1s", "1 parsec", "1e3s", "1_000s", "nans", "1s2s", "1S", "٣s"])
def test_what_is_no_duration_is_refused_with_its_value(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_duration(text, "latency.entry")
    assert error.value.message.startswith("`latency.entry` must be a number")
    assert repr(text) in error.value.message
    assert "50ms" in error.value.hint


@pytest.mark.parametrize(("text", "rule"), [("0.5ns", "whole number of nanoseconds"), ("3661d", "at most 3660d")])
def test_a_duration_has_bounds(text: str, rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        parse_duration(text)


@given(st.integers(0, LONGEST))
def test_a_duration_survives_its_text(nanoseconds: int) -> None:
    assert parse_duration(duration_text(nanoseconds)) == nanoseconds


def test_the_text_takes_the_largest_whole_unit() -> None:
    texts = [duration_text(parse_duration(text)) for text in ("60s", "1500ms", "24h", "0ms", "1000ns")]
    assert texts == ["1m", "1500ms", "1d", "0s", "1us"]
