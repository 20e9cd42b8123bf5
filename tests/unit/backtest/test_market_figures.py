"""Figures of markets made by hand, where each can be counted on the fingers, and of the seeded one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from kedge import _core
from kedge.backtest.market_figures import FIGURES, compare, measure
from kedge.backtest.market_plots import PANELS, Axis, plots
from kedge.model.columns import CLEAR, DELTA, LAST, LEVEL, NO_TIME, QUOTE, SELL, TRADE, WIDE, MarketColumns
from kedge.model.instruments import SIMULATED

SECOND = 1_000_000_000
INSTRUMENT: dict[str, Any] = dict(SIMULATED.all[0].definition)
Row = tuple[float, int, int, float]


def block(rows: list[Row], *, start: int = 0) -> MarketColumns:
    """Rows of (seconds, flags, price in ticks, quantity in base units), each a packet of its own."""
    time = np.array([start + round(row[0] * SECOND) for row in rows], dtype=np.int64)
    flags = np.array([row[1] | LAST for row in rows], dtype=np.uint8)
    price = np.array([row[2] for row in rows], dtype=np.int64)
    qty = np.array([round(row[3] * 1e5) for row in rows], dtype=np.int64)
    empty = np.zeros(0, dtype=np.int64)
    base = int(price.max()) // 2
    narrow = (price - base).astype(np.int32)
    return MarketColumns(time, time, narrow, qty.astype(np.int32), flags, empty, empty, base, 1_000)


def quote(at: float, bid: int, ask: int, qty: float = 1.0) -> list[Row]:
    return [(at, QUOTE, bid, qty), (at, QUOTE | SELL, ask, qty)]


def figures(rows: list[Row]) -> dict[str, float]:
    found: dict[str, float] = measure([block(rows)], INSTRUMENT)["figures"]
    return found


BASE: list[Row] = [*quote(0, 1_000_000, 1_000_001, 2.0), *quote(8, 1_000_000, 1_000_005, 4.0)]


def test_spread_and_touch_are_means_over_time() -> None:
    found = figures([*BASE, (10, TRADE, 1_000_000, 1.0)])
    assert found["spread"] == pytest.approx((8 * 1 + 2 * 5) / 10)
    assert found["tight"] == pytest.approx(0.8)
    assert found["touch"] == pytest.approx(2.4)
    assert (found["quotes"], found["moves"]) == (pytest.approx(0.2), pytest.approx(0.1))


def test_depth_counts_what_lies_within_its_distance_of_the_mid() -> None:
    # One basis point of 1,000,000 ticks is 100 ticks.
    book = [(0, CLEAR, 0, 0.0), (0, LEVEL, 1_000_000, 1.0), (0, LEVEL, 999_950, 2.0), (0, LEVEL, 999_600, 4.0)]
    asks = [(0, LEVEL | SELL, 1_000_001, 1.0), (0, LEVEL | SELL, 1_000_051, 2.0), (0, LEVEL | SELL, 1_000_400, 4.0)]
    found = figures([*quote(0, 1_000_000, 1_000_001), *book, *asks, (4.5, TRADE, 1_000_000, 1.0), *quote(5, 1, 2)])
    assert (found["depth_1bp"], found["depth_5bp"], found["depth_25bp"]) == (3.0, 7.0, 7.0)
    assert found["levels_10bp"] == 3


def test_fills_of_one_side_in_one_millisecond_are_one_order() -> None:
    trades = [
        (1.0001, TRADE, 1_000_001, 0.5),
        (1.0004, TRADE, 1_000_003, 0.25),
        (1.0005, TRADE | SELL, 1_000_000, 1.0),
        (2.0, TRADE | SELL, 1_000_000, 2.0),
    ]
    found = figures([*BASE, *trades, (10, TRADE, 1_000_001, 1.0)])
    assert (found["fills"], found["orders"]) == (pytest.approx(0.5), pytest.approx(0.4))
    assert found["fills_per_order"] == pytest.approx(5 / 4)
    assert found["walking"] == pytest.approx(1 / 4)
    assert found["size_median"] == pytest.approx(1.0)
    assert found["volume"] == pytest.approx(4.75 / 10)


def test_level_updates_are_told_apart_and_lives_counted_from_birth() -> None:
    deltas = [
        (0.0, LEVEL, 999_000, 1.0),  # stood in the snapshot: its age is not known
        (1.0, DELTA, 999_990, 1.0),  # new
        (2.0, DELTA, 999_990, 3.0),  # more
        (3.0, DELTA, 999_990, 2.0),  # less
        (5.0, DELTA, 999_990, 0.0),  # gone, after 4 s
        (6.0, DELTA, 999_990, 1.0),  # new again
        (7.0, DELTA, 999_000, 0.0),  # gone
        (7.5, DELTA | SELL, 999_990, 0.0),  # gone and never seen: the other side is another level
        (8.0, DELTA, 990_000, 2.0),  # new, far
    ]
    found = figures([*BASE, *deltas, (10, TRADE, 1_000_000, 1.0)])
    shares = {key: found[key] * 8 for key in ("adds", "increases", "reduces", "removes", "flashes")}
    assert shares == pytest.approx({"adds": 3, "increases": 1, "reduces": 1, "removes": 2, "flashes": 1})
    assert found["lifetime_median"] == pytest.approx(4.0)
    assert found["far"] == pytest.approx(1 / 8)
    assert found["deltas"] == pytest.approx(0.8)


def test_returns_are_of_the_mid_at_whole_seconds() -> None:
    mids = [0, 100, 100, 50, 50, 150, 100, 100, 0, 0, 100, 50]
    rows = [row for second, mid in enumerate(mids) for row in quote(second, 1_000_000 + mid, 1_000_001 + mid)]
    found = figures([*rows, (len(mids), TRADE, 1_000_000, 1.0)])
    moves = np.diff(mids) / 100
    assert found["volatility_1s"] == pytest.approx(moves.std(), rel=1e-3)
    assert found["still_1s"] == pytest.approx(np.mean(moves == 0))


def test_wide_rows_and_times_the_venue_did_not_tell_are_read() -> None:
    rows = block([*BASE, (10, TRADE, 1_000_000, 1.0)])
    flags, price = rows.flags.copy(), rows.price.copy()
    flags[-1] |= WIDE
    price[-1] = 0
    unknown = np.full(len(rows), NO_TIME, dtype=np.int64)
    wide = MarketColumns(
        unknown, rows.ts_recv, price, rows.qty, flags, np.array([1_000_000]), np.array([7 * 10**8]), 500_002, 1_000
    )
    found = measure([wide], INSTRUMENT)["figures"]
    assert found["rows"] == pytest.approx(0.5)
    assert math.isnan(found["size_median"])
    assert measure([rows], INSTRUMENT)["figures"]["spread"] == found["spread"]


def test_a_market_without_quotes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 quotes to be measured, had 0"):
        measure([block([(0, TRADE, 100, 1.0)])], INSTRUMENT)


@pytest.fixture(scope="module")
def seeded() -> list[MarketColumns]:
    market = _core.SeededMarket(3, json.dumps(INSTRUMENT), 0)
    return [MarketColumns(**market.advance(second * SECOND)) for second in (30, 60)]


def test_the_seeded_market_has_every_figure(seeded: list[MarketColumns]) -> None:
    found = measure(seeded, INSTRUMENT)["figures"]
    assert list(found) == [key for key, _, _ in FIGURES]
    assert [key for key, value in found.items() if not math.isfinite(value)] == []
    kinds = ("removes", "reduces", "adds", "increases", "flashes")
    assert sum(found[kind] for kind in kinds) == pytest.approx(1.0, abs=0.02)


def test_blocks_are_one_market_however_it_was_cut(seeded: list[MarketColumns]) -> None:
    whole = MarketColumns(**_core.SeededMarket(3, json.dumps(INSTRUMENT), 0).advance(60 * SECOND))
    assert measure([whole], INSTRUMENT) == measure(seeded, INSTRUMENT)


def test_a_sheet_shows_both_markets_in_every_panel(seeded: list[MarketColumns], tmp_path: Path) -> None:
    found = compare(seeded, seeded[:1], INSTRUMENT)
    assert [row["key"] for row in found["table"]] == [key for key, _, _ in FIGURES]
    assert set(found["curves"]) == {panel.curve for panel in PANELS}
    [path] = plots(found, tmp_path / "images")
    assert path.name == "seeded-market-btc-usdt-simulated.svg"
    assert path.stat().st_size < 60_000
    sheet = ElementTree.parse(path).getroot()
    lines = [line for line in sheet.iter() if line.tag.endswith("polyline")]
    assert len(lines) == 2 * len(PANELS)
    texts = {text.text for text in sheet.iter() if text.tag.endswith("text")}
    assert {"recorded", "seeded", *(panel.title for panel in PANELS), *(panel.x for panel in PANELS)} <= texts


def test_a_market_too_short_for_a_curve_is_drawn_without_it(tmp_path: Path) -> None:
    rows = [block([*BASE, (10, TRADE, 1_000_000, 1.0)])]
    [path] = plots(compare(rows, rows, INSTRUMENT), tmp_path)
    assert "nan" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("low", "high", "log", "marks"),
    [
        (0.0, 100.0, False, [0, 20, 40, 60, 80, 100]),
        (-0.05, 0.12, False, [-0.05, 0.0, 0.05, 0.1]),
        (0.1, 25.0, True, [0.1, 1, 10]),
        (2.0, 40.0, True, [2, 5, 10, 20]),
    ],
)
def test_axes_are_marked_at_round_values(low: float, high: float, log: bool, marks: list[float]) -> None:
    assert Axis(low, high, 0, 100, log).marks() == pytest.approx(marks)
