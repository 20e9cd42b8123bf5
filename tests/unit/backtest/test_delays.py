"""The legs of `[latency]` as the engine takes them, and what a run makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kedge.backtest.delays import described, engine_latency, is_recorded, scaled
from kedge.backtest.run import BacktestRequest, backtest
from kedge.model.columns import NO_TIME, MarketColumns
from kedge.model.errors import DataError, UsageError
from kedge.model.latency import LegModel
from kedge.model.settings import LatencySettings, Settings
from kedge.model.stream import RecordedStream

MS = 1_000_000
ROOT = Path(__file__).parents[3]


def stream(venue: str, told: list[tuple[int, int]]) -> RecordedStream:
    rows = np.array(told, np.int64).reshape(-1, 2)
    column = np.zeros(len(rows), np.int32)
    wide = np.zeros(0, np.int64)
    flags = np.zeros(len(rows), np.uint8)
    block = MarketColumns(rows[:, 0].copy(), rows[:, 1].copy(), column, column, flags, wide, wide, 0, 1)
    return RecordedStream({"id": f"BTC/USDT@{venue}"}, [block], [])


SECOND = 1_000_000_000
TOLD = [(1 * SECOND, 1 * SECOND + 30), (1 * SECOND + 5, 1 * SECOND + 15), (1 * SECOND + 6, 1 * SECOND + 26)]
FEED = [*TOLD, (NO_TIME, 7), (3 * SECOND, 3 * SECOND - 9)]


def engine(streams: list[RecordedStream], **legs: Any) -> dict[str, Any]:
    return engine_latency(LatencySettings.model_validate(legs), streams)


def test_constants_are_nanoseconds_for_all_venues() -> None:
    both = [stream("binance", FEED), stream("okx", FEED)]
    assert engine(both, entry="2ms") == {"feed_ns": None, "entry_ns": 2 * MS, "response_ns": 50 * MS}
    assert engine(both, feed="1ms")["feed_ns"] == MS


def test_a_venue_has_what_its_own_table_says() -> None:
    both = [stream("binance", FEED), stream("okx", FEED)]
    found = engine(both, feed="1ms", entry={"venue": "own"}, venues={"okx": {"feed": "recorded", "response": "9ms"}})
    own = {"venue": "binance", "times": 1.0}
    assert found["venues"] == {
        "binance": {"feed_ns": MS, "entry_ns": own, "response_ns": 50 * MS},
        "okx": {"feed_ns": "recorded", "entry_ns": {**own, "venue": "okx"}, "response_ns": 9 * MS},
    }
    assert [is_recorded(found, part.instrument) for part in both] == [False, True]
    twice = scaled(found, 2)
    assert twice["venues"]["okx"] == {
        "feed_ns": "recorded",
        "entry_ns": {"venue": "okx", "times": 2.0},
        "response_ns": 18 * MS,
    }
    with pytest.raises(UsageError, match=r"`latency\.entry` takes the default of its venue, and `simulated` has none"):
        engine([stream("simulated", FEED)], entry={"venue": "own"})


def test_the_feeds_own_latency_is_the_median_of_each_second() -> None:
    found = engine([stream("binance", FEED)], entry={"feed": True, "times": 1.5})
    points = [[SECOND + SECOND // 2, 20], [3 * SECOND + SECOND // 2, 0]]
    assert found["entry_ns"] == {"points": points, "times": 1.5}
    with pytest.raises(DataError, match=r"does not tell when its messages were sent"):
        engine([stream("binance", [(NO_TIME, 5)])], response={"feed": True})


def test_files_are_read(tmp_path: Path) -> None:
    samples, quantiles = tmp_path / "late.csv", tmp_path / "quantiles.csv"
    samples.write_text("time,latency\n5,1.5\n9,2\n")
    quantiles.write_text("1\n\n4.25\n")
    found = engine([stream("binance", FEED)], entry={"samples": str(samples)}, response={"quantiles": str(quantiles)})
    assert found["entry_ns"]["points"] == [[5, 1_500_000], [9, 2 * MS]]
    assert found["response_ns"]["quantiles"] == [MS, 4_250_000]


def test_a_wrong_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    for text, said in (("1,2\n3,-1\n", "2: latency must be 0 ms or more, was -1"), ("1,nan\n2,1\n3\n", "3: must be")):
        path.write_text(text)
        with pytest.raises(DataError) as refusal:
            engine([stream("binance", FEED)], entry={"samples": str(path)})
        assert refusal.value.message.startswith(f"{path}:{said}")
    with pytest.raises(UsageError, match=r"cannot be read"):
        engine([stream("binance", FEED)], entry={"quantiles": str(tmp_path / "none.csv")})


def test_a_leg_is_described_in_words() -> None:
    said = [
        described(leg)
        for leg in (
            50 * MS,
            LegModel(venue="own"),
            LegModel(feed=True, times=2.0),
            LegModel(samples="a.csv"),
            LegModel(median="7ms", spike_every=9, spike="1s"),
        )
    ]
    assert said == [
        "50 ms",
        "a time drawn from the default of its venue",
        "as long as the market data took at that time, 2 times over",
        "a time as measured in a.csv",
        "a drawn time, 7 ms in the median, one in 9 by 1000 ms more",
    ]


LEGS = [
    {"entry": {"venue": "binance"}, "response": {"venue": "coinbase", "times": 0.1}},
    {"feed": {"median": "5ms", "sigma": 1.0, "spike_every": 20, "spike": "50ms"}},
    {"entry": {"feed": True, "times": 2.0}, "response": {"quantiles": "q.csv"}},
]


@pytest.mark.parametrize("legs", LEGS, ids=["venues", "feed", "measured"])
def test_a_run_with_drawn_times_is_the_same_in_bulk_by_step_and_again(
    legs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("q.csv").write_text("latency\n1\n5\n90\n")
    quoting = ROOT / "examples" / "quoting.py"

    def trace(seed: int, step: bool, out: str) -> str:
        settings = Settings.model_validate({"latency": legs, "backtest": {"out": out}})
        request = BacktestRequest(settings, quoting, seeded=20 * SECOND, seed=seed, step=step)
        run = json.loads((backtest(request) / "run.json").read_text())
        assert run["results"]["orders"] > 20
        return str(run["results"]["trace_hash"])

    traces = {trace(1, False, "bulk"), trace(1, True, "step"), trace(1, False, "again")}
    assert len(traces) == 1
    assert trace(2, False, "other") not in traces
