"""Words, markup, thinning and colours of the report."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.backtest.report import graphics, words
from kedge.backtest.report.downsample import extremes
from kedge.backtest.report.markup import Markup, fill, inline, join, json_data, tag

VERDICT = {
    "pnl": Decimal("-12.349"), "pnl_fraction": -0.0012345, "max_drawdown": Decimal("20"), "fills": 10, "orders": 1200,
    "max_drawdown_fraction": 0.002, "sharpe": -3.04, "sharpe_se": 2.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "expected"),
    [
        (1234.5, 2, True, "+1,234.50"),
        (-0.1, 2, True, "−0.10"),
        (-0.001, 2, True, "0.00"),
        (0, 0, True, "0"),
        (Decimal("-1234567.891"), 1, False, "−1,234,567.9"),
        (None, 2, True, "–"),
    ],
)
def test_number(value: float | None, decimals: int, signed: bool, expected: str) -> None:
    assert words.number(value, decimals, signed) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.85, "850 ms"), (12.44, "12.4 s"), (60, "1 min"), (3599, "59 min 59 s"), (3600, "1 h"), (12_000, "3 h 20 min"),
     (187_200, "2 d 4 h"), (59.999, "60 s"), (None, "–")],
)  # fmt: skip
def test_duration(seconds: float | None, expected: str) -> None:
    assert words.duration(seconds) == expected


@pytest.mark.parametrize(
    "value", [datetime(2024, 8, 8, 12, tzinfo=UTC), "2024-08-08T14:00:00+02:00", "2024-08-08T12:00:00.123456789Z",
              1_723_118_400_000_000_999]
)  # fmt: skip
def test_when(value: datetime | str | int) -> None:
    assert words.when(value) == "2024-08-08 12:00:00"


def test_decimals() -> None:
    assert [words.money_decimals(value) for value in (1234, 12, 0.12, 0.0012, 1e-12, 0)] == [2, 2, 3, 5, 8, 2]
    assert words.money_decimals(None, Decimal("0.05")) == 4
    assert [words.step_decimals(step, 3) for step in ("0.01", "0.00010", "5", "10", None)] == [2, 4, 0, 0, 3]


def test_verdict() -> None:
    made, sure = words.verdict(VERDICT, "USDT", 3600, 2)
    assert made == "Lost 12.35 USDT (−0.12 %) in 1 h at a maximum drawdown of 20.00 USDT (0.20 %)."
    assert sure == "Sharpe −3.0 ± 2.0 a year: not distinguishable from zero."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sharpe": 4.0}, "Sharpe +4.0 ± 2.0 a year: 2.0 standard errors above zero, if this was the only try."),
        ({"sharpe": 3.99}, "Sharpe +4.0 ± 2.0 a year: not distinguishable from zero."),
        ({"sharpe": -5.0}, "Sharpe −5.0 ± 2.0 a year: 2.5 standard errors below zero, if this was the only try."),
        ({"sharpe": None}, "Sharpe ratio undefined: too few samples, or equity did not move."),
        ({"sharpe_se": 0.0}, "Sharpe −3.0 ± 0.0 a year: not distinguishable from zero."),
    ],
)
def test_certainty(change: dict[str, float | None], said: str) -> None:
    assert words.certainty(VERDICT | change) == said


def test_verdict_without_a_fill_or_a_sample() -> None:
    assert words.verdict(VERDICT | {"fills": 0}, "USDT", 60, 2)[0] == "Did not trade: 1,200 orders, no fill in 1 min."
    assert words.verdict(VERDICT | {"pnl": None}, "USDT", 0, 2)[0] == "No equity sample: nothing can be said."


class _Texts(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.found.append(data)


texts = st.text(st.characters(exclude_categories=("Cs", "Cc")))


@given(texts)
def test_any_text_comes_out_of_a_parser_as_it_went_in(text: str) -> None:
    parsed = _Texts(tag("p", text, title=text))
    assert "".join(parsed.found) == text
    assert parsed.attributes == [("title", text)]


@given(st.recursive(texts | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(texts, inner)))
def test_json_comes_back_and_cannot_leave_its_element(value: object) -> None:
    text = json_data(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_fill_does_not_look_into_values() -> None:
    assert fill("{{a}}-{{b}}", {"a": "{{b}}<", "b": Markup("<i>")}) == "{{b}}&lt;-<i>"
    with pytest.raises(KeyError):
        fill("{{a}}", {})
    with pytest.raises(ValueError, match="no place for b"):
        fill("{{a}}", {"a": "", "b": ""})


@pytest.mark.parametrize("code", ["a</SCRIPT >", "</style", "<!-- x"])
def test_inline_code_cannot_end_its_element(code: str) -> None:
    with pytest.raises(ValueError, match="must not hold"):
        inline(code)


def test_tag() -> None:
    assert tag("a", None, ["b", tag("br")], class_="x", hidden=True, id=None, aria_label="1") == (
        '<a class="x" hidden aria-label="1">b<br></a>'
    )
    assert join(None) == ""


@given(st.lists(st.floats(-1e9, 1e9), max_size=400), st.integers(4, 60), st.data())
def test_thinning_keeps_ends_and_extremes(values: list[float], limit: int, data: st.DataObject) -> None:
    keep = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=5)) if values else []
    rows = extremes(np.array(values), limit, keep)
    assert np.all(np.diff(rows) > 0)
    assert len(rows) <= limit + len(keep)
    if values:
        assert {0, len(values) - 1, *keep} <= set(rows.tolist())
        chosen = np.array(values)[rows]
        assert (chosen.min(), chosen.max()) == (min(values), max(values))


def test_thinning_is_even() -> None:
    rows = extremes(np.sin(np.arange(100_000) / 500), 1_000)
    assert 990 <= len(rows) <= 1_000
    assert np.diff(rows).max() <= 2 * 100_000 / 499


def test_drawings_stay_in_their_frame() -> None:
    for drawn in (graphics.signed_bar(-7.0, 5.0), graphics.interval(-10.0, 2.0, 14.0)):
        assert drawn is not None
        places = [float(x) for x in re.findall(r' (?:x|x1|x2|width)="([^"]+)"', drawn)]
        assert all(0 <= x <= 100 for x in places)
    assert graphics.signed_bar(None, 5.0) is None
    assert graphics.interval(1.0, None, 5.0) is None


# Contrast, WCAG 2.2 AA: 4.5 to 1 for text.


def _tokens() -> dict[str, list[tuple[str, str]]]:
    style = (files("kedge.backtest.report") / "report.css").read_text()
    found: dict[str, list[tuple[str, str]]] = {}
    for name, light, dark in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", style):
        found.setdefault(name, []).append((light, dark))
    return found


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", ["text", "muted", "accent", "up", "down", "warn", "bad"])
def test_every_colour_of_text_can_be_read(name: str) -> None:
    tokens = _tokens()
    assert {"surface", "line", "text", "muted", "accent", "up", "down", "warn", "bad"} <= tokens.keys()
    for pair in tokens[name]:
        for theme in (0, 1):
            for under in ("surface", "raised"):
                dark, light = sorted((_luminance(pair[theme]), _luminance(tokens[under][0][theme])))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, pair[theme], under)
