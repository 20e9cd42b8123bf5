"""The benches' own arithmetic: what a ratio is, what passes, and columns that come back as they went."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benches import environments, scale, table
from benches.cases import GROUPS, LOADING, PROCESS, Case, Goal, Kedge, Rival
from benches.expected import COUNTED, RULES, SHARED, W1, W3, differences
from benches.measure import compare, skipped, summary
from benches.tick import compare as latencies
from benches.workloads import columns, raw, w2, w3

HFTBACKTEST = Rival("hftbacktest", "benches.rivals.hftbacktest_l2")
CASE = Case("w1_mm", "power", HFTBACKTEST, Kedge(()), W1["power"], goal=Goal(ratio=6))


def a_run(rate: float, **changes: Any) -> dict[str, Any]:
    run = {"events": 100, "engine": "hftbacktest", "version": "2.4.4", "cpu_s": 100 / rate}
    return dict.fromkeys(SHARED, 0) | W1["power"] | run | changes


def test_the_ratio_is_of_medians_and_its_bounds_are_pair_by_pair() -> None:
    line = summary(CASE, [a_run(60), a_run(90), a_run(80)], [a_run(10), a_run(30), a_run(20)])
    assert (line["kedge_rate"], line["rival_rate"], line["ratio"]) == (80, 20, 4.0)
    assert (line["ratio_min"], line["ratio_max"]) == (3.0, 6.0)
    assert (line["check"], line["differences"]) == ("PASS", [])
    assert "310,235" in table.text([line])


def test_loading_counts_where_it_is_asked_for_and_a_cold_start_is_told_in_seconds() -> None:
    ours, theirs = a_run(100, load_cpu_s=1.0, process_cpu_s=0.2), a_run(100, load_cpu_s=3.0, process_cpu_s=5.0)
    loading = Case("w2_loading", "", HFTBACKTEST, Kedge(()), timed=LOADING)
    line = summary(loading, [ours], [theirs])
    assert (line["kedge_rate"], line["rival_rate"], line["ratio"], line["unit"]) == (50, 25, 2.0, "events/s")
    cold = Case("w1_cold", "", HFTBACKTEST, Kedge(()), timed=PROCESS, goal=Goal(seconds=0.1))
    line = summary(cold, [ours], [theirs])
    assert (line["kedge_rate"], line["rival_rate"], line["ratio"], line["unit"]) == (0.2, 5.0, 25.0, "s")
    assert "0.1 s, missed" in table.row(line, cold)


def test_a_rule_tells_a_rivals_difference_and_never_kedges() -> None:
    case = Case("w3_compiled", "", Rival("vectorbt", ""), Kedge(()), W3, COUNTED, RULES["first cross"])
    ours = a_run(1, **W3)
    theirs = a_run(1, **W3 | {"requests": 6_288, "fills": 6_288, "pnl": -1_358.78})
    line = summary(case, [ours], [theirs])
    assert (line["check"], line["differences"]) == ("PASS", [])
    (told,) = line["rules"]
    assert told.startswith(
        "requests 6,288, Kedge 6,289; fills 6,288, Kedge 6,289; pnl -1,358.78, Kedge -1,361.19: it op"
    )
    line = summary(case, [ours | {"requests": 6_288}], [theirs])
    assert line["differences"] == ["requests 6,288, expected 6,289"]
    # A rule covers the figures it names and no other.
    line = summary(case, [ours], [theirs | {"position": -0.01}])
    assert line["differences"] == ["position 0.01, vectorbt -0.01", "vectorbt: position -0.01, expected 0.01"]


def test_cases_of_a_batch_share_their_runs(tmp_path: Path) -> None:
    log = tmp_path / "log"
    said = json.dumps(a_run(10))
    program, python = (tmp_path / name for name in ("kedge", "python"))
    for file in (program, python):
        file.write_text(f"#!/bin/sh\necho {file.name} >>{log}\necho '{said}'\n")
        file.chmod(0o755)
    cases = [Case("w1_mm", variant, HFTBACKTEST, Kedge(()), W1["power"]) for variant in ("power", "again")]
    lines = compare(cases, {"hftbacktest": python}, program, 3)
    assert [(line["variant"], line["rounds"], line["check"]) for line in lines] == [
        ("power", 3, "PASS"),
        ("again", 3, "PASS"),
    ]
    assert log.read_text().split() == ["python", "kedge", "kedge", "python", "python", "kedge"]


def steps(strategies: int, cpu_s: float, **changes: Any) -> dict[str, Any]:
    run = {
        "strategies": strategies,
        "events": 50,
        "steps": 10,
        "cpu_s": cpu_s,
        "step_us_p50": 2.0,
        "step_us_p99": 4000.0,
    }
    run |= {"requests": 3 * strategies, "fills": strategies, "position": 0.0, "pnl": -1.5, "rss_mb": 90.0}
    return run | changes


def test_a_thousand_strategies_cost_and_do_a_thousand_times_as_much() -> None:
    runs = {1: [steps(1, 0.1)], 100: [steps(100, 1.0)], 1000: [steps(1000, 12.0)]}
    line = scale.many_summary(runs)
    assert (line["check"], line["rival"], line["ratio"], line["requests"]) == ("PASS", None, None, 3_000)
    assert line["us_per_strategy_and_step"] == {"1": 10_000.0, "100": 1_000.0, "1000": 1_200.0}
    assert "p99 4.00 ms" in table.text([line])
    assert "| many | 100 ms of 1,000 strategies |" in table.markdown([], [line | {"at": "2026-01-01T00"}])
    slow = {**runs, 1000: [steps(1000, 13.0, step_us_p99=5_100.0, fills=999)]}
    assert scale.many_summary(slow)["differences"] == [
        "1000 strategies: fills 999, as often alone 1,000",
        "p99 of a step 5.10 ms, expected at most 5",
        "a strategy costs 1300.00 µs of 1,000 and 1000.00 µs of 100: not linear",
    ]


def test_a_stream_is_as_quick_and_as_small_at_its_end() -> None:
    run = a_run(10, block_s=[3.0, *[1.0] * 18, 1.05], rss_mb=[100.0] * 20, columns_mb=84.0)
    line = scale.stream_summary([run, run, run])
    assert (line["check"], line["block_s_early"], line["block_s_late"]) == ("PASS", 1.0, 1.025)
    growing = run | {"block_s": [1.0] * 10 + [1.2] * 10, "rss_mb": [*range(100, 120)]}
    assert scale.stream_summary([growing])["differences"] == [
        "a block took 1.200 s at the end and 1.000 s at the beginning: not linear",
        "memory was 119 MB at the end and 100 MB at the beginning: not flat",
        "memory was 119 MB for columns of 84 MB, at most 1.2 × is asked",
    ]


def test_a_rival_whose_python_is_missing_is_skipped_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(environments.PYTHONS_OF, "nautilus2", (99,))
    monkeypatch.setattr(environments, "RIVALS", tmp_path)
    with pytest.raises(environments.PythonMissingError, match=r"nautilus2 runs on Python 3\.99") as raised:
        environments.rival_python("nautilus2")
    case = Case("w2_python", "", Rival("nautilus2", ""), Kedge(()))
    line = skipped(case, str(raised.value))
    assert (line["check"], line["kedge_rate"]) == ("SKIPPED", None)
    assert "3.99" in table.text([line])


def test_a_python_that_is_only_a_name_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As pyenv has it: a name on the PATH for every version, of which only the chosen one works."""
    name, real = tmp_path / "bin" / "python3.13", tmp_path / "pyenv" / "versions" / "3.13.0" / "bin" / "python3"
    for python, does in ((name, "exit 127"), (real, "echo 13")):
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\n{does}\n")
        python.chmod(0o755)
    monkeypatch.setenv("PATH", str(name.parent), prepend=os.pathsep)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert environments.base_python("nautilus2") == str(real)


def test_the_document_holds_the_newest_lines() -> None:
    document = table.DOCUMENT.read_text()
    assert document == table.document(document, table.newest(), table.newest_of_scale()), (
        "run `python -m benches.table`"
    )


def test_the_newest_line_of_a_pair_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    case = next(case for case in GROUPS["w1"].cases if (case.workload, case.variant) == ("w1_mm", "power"))
    for day, rates in (("2026-01-02", (70, 80)), ("2026-01-01", (90,))):
        lines = [summary(case, [a_run(rate)], [a_run(10)]) | {"at": f"{day}T00:00:00"} for rate in rates]
        (tmp_path / f"{day}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    ((found, line),) = table.newest()
    assert (found, line["kedge_rate"]) == (case, 80)
    told = table.markdown([(found, line)], [])
    assert "| W1 market making (power) | hftbacktest 2.4.4 | 0.00 | 0.00 | 8.00× (8.00–8.00) | 6× |" in told
    assert "2026-01-02" in told


def test_the_generated_workloads_are_those_of_the_expected_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "DATA", tmp_path)
    w3.main()
    rows, about = columns.read("w3")
    np.testing.assert_array_equal(rows.prices()[1:], columns.read_array("w3_bars", "close"))
    np.testing.assert_array_equal(rows.ts_event[1:], columns.read_array("w3_bars", "ts"))
    assert (rows.ts_event[0] % w3.MINUTE_NS, about["events"], about["rows"]) == (0, w3.BARS, w3.BARS + 1)
    monkeypatch.setattr(w2, "TRADES", 1_000)
    with pytest.raises(SystemExit, match="w2: the generated data must have the SHA-256"):
        w2.main()


@pytest.mark.parametrize(
    ("kedge", "rival", "said"),
    [
        ({"requests": 310_236}, {}, ["requests 310,236, expected 310,235", "requests 310,236, hftbacktest 310,235"]),
        ({"pnl": -13_132.02}, {}, ["pnl -13,132.02, expected -13,132.03", "pnl -13,132.02, hftbacktest -13,132.03"]),
        ({"touch_sum": 5}, {}, ["touch_sum 5, hftbacktest 0"]),
        ({}, {"fills": 1}, ["fills 109,381, hftbacktest 1", "hftbacktest: fills 1, expected 109,381"]),
    ],
)
def test_a_difference_is_said_with_both_numbers(kedge: dict[str, Any], rival: dict[str, Any], said: list[str]) -> None:
    line = summary(CASE, [a_run(1, **kedge)], [a_run(1, **rival)])
    assert (line["check"], line["differences"]) == ("DIFFERS", said)
    assert said[0] in table.text([line])


def test_rounds_that_disagree_do_not_pass() -> None:
    line = summary(CASE, [a_run(1), a_run(1, wakes=7)], [a_run(1), a_run(1)])
    assert line["differences"] == ["Kedge, another round: wakes 7, first 0"]


def test_money_is_held_to_the_cent_and_counts_exactly() -> None:
    assert differences({"pnl": -13_132.0295, "fills": 5}, {"pnl": -13_132.03, "fills": 5}, "expected") == []
    assert differences({}, {"fills": 5}, "expected") == ["fills missing, expected 5"]


def test_each_case_has_a_script_and_a_locked_environment() -> None:
    benches = Path(columns.__file__).parents[1]
    for case in (case for group in GROUPS.values() for case in group.cases):
        modules = [module for module in (case.rival.module, case.kedge.module) if module]
        assert all((benches.parent / module.replace(".", "/")).with_suffix(".py").exists() for module in modules)
        assert case.rival.environment in environments.PYTHONS_OF
        locked = (benches / "rivals" / f"{case.rival.environment}.txt").read_text()
        assert "--hash=sha256:" in locked
        assert "://" not in locked


def test_latencies_are_medians_of_percentiles_and_ratios_are_the_rivals_over_ours() -> None:
    ours = [
        {
            "p50": p,
            "p99": 10 * p,
            "with_sync_p50": 2 * p,
            "with_sync_p99": 20 * p,
            "sync_p50": p,
            "sync_p99": p,
            "orders": 7,
        }
        for p in (3, 1, 2)
    ]
    theirs: list[dict[str, Any]] = [{"p50": p, "p99": p * 5, "orders": 5, "version": "4.5"} for p in (30, 10, 20)]
    line = latencies.summary("create_order", ours, theirs)
    assert line["kedge_us"] == {"p50": 2, "p99": 20, "with_sync_p50": 4, "with_sync_p99": 40}
    assert line["rival_us"] == {"p50": 20, "p99": 100}
    ratios = [line[f"ratio_{name}"] for name in ("p50", "p99", "with_sync_p50", "with_sync_p99")]
    assert ratios == [10, 5, 5, 2.5]
    assert (line["kedge_p50_bounds"], line["samples"], line["rival_samples"]) == ([1, 3], 21, 15)
    assert "10.00×" in table.text([line])
    assert latencies.percentiles([*range(1_000, 101_000, 1_000)]) == {"p50": 50.0, "p99": 99.0}


def test_columns_come_back_as_they_went(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "DATA", tmp_path)
    times = np.arange(5, dtype=np.int64)
    prices = np.array([6_183_763, 1, 2**40, 6_183_764, 7], np.int64)
    quantities = np.array([378_826_000, 0, 1_000, 2**50 * 1_000, 5_000], np.int64)
    flags = np.array([0, columns.SELL, columns.TRADE, columns.LAST, columns.TRADE | columns.LAST], np.uint8)
    packed = columns.pack(times, times + 9, prices, quantities, flags, price_base=6_183_763)
    assert packed.qty_scale == 1_000
    columns.write("five", packed, {"repeat": 2})
    read, about = columns.read("five")
    assert (about["repeat"], about["rows"]) == (2, 5)
    for was, expected in ((read.prices(), prices), (read.quantities(), quantities), (read.ts_recv, times + 9)):
        np.testing.assert_array_equal(was, expected)
    np.testing.assert_array_equal(np.flatnonzero(read.flags & columns.WIDE), [2, 3])
    np.testing.assert_array_equal(read.flags & ~np.uint8(columns.WIDE), flags)


def book_after(book: dict[tuple[int, int], int], rows: columns.Columns) -> dict[tuple[int, int], int]:
    """The naive book: every row by itself. Fails where the touch is crossed."""
    book = dict(book)
    for flags, tick, qty in zip(rows.flags.tolist(), rows.prices().tolist(), rows.quantities().tolist(), strict=True):
        if flags & columns.KIND == columns.TRADE:
            continue
        book[flags & columns.SELL, tick] = qty
        book = {level: left for level, left in book.items() if left}
        bids, asks = ([tick for at, tick in book if at == side] for side in (0, columns.SELL))
        assert not bids or not asks or max(bids) < min(asks)
    return book


def test_a_recorded_period_can_follow_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "DATA", tmp_path)
    random = np.random.default_rng(3)
    rows = [(columns.TRADE | columns.LAST, 100, 5), (columns.CLEAR, 0, 0)]
    rows += [(columns.LEVEL, tick, 10) for tick in range(90, 100)]
    rows += [(columns.LEVEL | columns.SELL, tick, 10) for tick in range(101, 111)]
    rows[-1] = (rows[-1][0] | columns.LAST, *rows[-1][1:])
    middle = 100
    for _ in range(300):
        # The market moves one tick: its side gives way, then the other follows.
        up = bool(random.integers(2))
        gone, next_side = (columns.SELL, 0) if up else (0, columns.SELL)
        rows += [(gone, middle + (1 if up else -1), 0), (next_side, middle, int(random.integers(1, 9)))]
        middle += 1 if up else -1
        rows += [(gone, middle + (1 if up else -1), 4), (next_side, middle, 0)]
        rows += [(columns.QUOTE, middle, 1), (columns.TRADE | columns.LAST, middle, 2)]
    flags, ticks, quantities = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    times = np.arange(len(rows), dtype=np.int64)
    blocks = [
        columns.pack(times[part], times[part] - 5, ticks[part], quantities[part], flags[part].astype(np.uint8))
        for part in (slice(0, 500), slice(500, None))
    ]
    raw.write("raw_some", blocks, {"id": "A/B@c"})
    snapshot, _ = columns.read("raw_some_snapshot")
    period, about = columns.read("raw_some")
    start = book_after({}, snapshot)
    assert len(start) == 20
    assert book_after(start, period) == start
    kinds = period.flags & columns.KIND
    assert np.count_nonzero(kinds == columns.TRADE) == 300
    assert len(period) == 300 * 5 + about["closing_rows"]
    assert about["repeat"] * len(period) >= raw.EVENTS
    assert np.all(period.ts_recv >= period.ts_event)
    assert np.all(np.diff(period.ts_recv) >= 0)
    assert about["period_ns"] > period.ts_recv[-1] - period.ts_event[0]
