"""The report as a file: whole, self-contained, and safe with whatever names a run has."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kedge.backtest import report
from kedge.backtest.metrics import METRICS
from kedge.backtest.report import page
from kedge.backtest.report.markup import VOID
from kedge.backtest.run_folder import RunTables
from kedge.model.errors import DataError, UsageError

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)>{{data}}&amp;\u2028"
LOADING = {"src", "srcset", "href", "action", "data", "poster", "xlink:href", "formaction", "background"}


class Page(HTMLParser):
    """Elements with their attributes, text by element, and whether every element was closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self) -> str:
        return "".join(data for tag, data in self.texts if tag not in ("script", "style"))

    def of(self, tag: str) -> list[str]:
        return [data for name, data in self.texts if name == tag]

    def run_data(self) -> dict[str, Any]:
        return json.loads(next(text for text in self.of("script") if text.startswith('{"currency"')))


@pytest.fixture
def read(write_run: Callable[[RunTables], Path]) -> Callable[[RunTables], str]:
    return lambda tables: write_run(tables).read_text(encoding="utf-8")


def test_is_one_document_with_every_metric_and_formula(made: RunTables, read: Callable[[RunTables], str]) -> None:
    page = Page(read(made))
    rows = [attributes["data-metric"] for tag, attributes in page.elements if "data-metric" in attributes]
    assert rows == [metric.name for metric in METRICS]
    text = page.text()
    for metric in METRICS:
        for said in (metric.label, metric.meaning, metric.formula):
            assert said in text, metric.name
    assert "NaN" not in text
    assert "None" not in text.replace("None.", "")


def test_says_all_that_the_run_says(made: RunTables, read: Callable[[RunTables], str]) -> None:
    meta, text = made.meta, Page(read(made)).text()
    for said in [*meta["assumptions"], *meta["warnings"], meta["name"], meta["results"]["trace_hash"]]:
        assert said in text
    for counts in (meta["results"]["refusals"], meta["results"]["withheld"]):
        assert all(reason in text for reason in counts)
    for source in meta["data"]:
        assert source["name"] in text
        assert source["sha256"] in text
    assert "−1,273.412" in text
    for entry in meta["strategies"]:
        assert all(f"params.{key}" in text for key in entry["params"])
    assert "kedge backtest examples/quoting.py --data" in text
    assert "TradingView Lightweight Charts" in text
    assert "Apache License 2.0" in text


def test_loads_nothing(made: RunTables, read: Callable[[RunTables], str]) -> None:
    text = read(made)
    page = Page(text)
    for tag, attributes in page.elements:
        for name in LOADING & attributes.keys():
            value = attributes[name] or ""
            link = tag == "a" and value in ("https://www.tradingview.com/",)
            assert link or value.startswith(("#", "data:")), (tag, name, value)
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
    for style in page.of("style"):
        assert not re.search(r"url\(|@import|http", style)
    own = page.of("script")[-1]
    assert not re.search(r"https?:|\bfetch\(|XMLHttpRequest|WebSocket|import\(", own)


def test_policy_lets_only_its_own_code_run(made: RunTables, read: Callable[[RunTables], str]) -> None:
    page = Page(read(made))
    policy = next(attributes["content"] for tag, attributes in page.elements if attributes.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    code = [text for text in page.of("script") if not text.startswith('{"currency"')] + page.of("style")
    assert {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in code} == allowed
    assert len(code) == 3


def named(made: RunTables, text: str) -> RunTables:
    """The run with `text` wherever a person or a file can put words."""
    names = {entry["name"]: text + entry["name"] for entry in made.meta["strategies"]}
    entries = [entry | {"name": names[entry["name"]], "params": {text: text}} for entry in made.meta["strategies"]]
    results = made.meta["results"] | {"refusals": {text: 1}, "trace_hash": text}
    data = [source | {"name": text, "sha256": text} for source in made.meta["data"]]
    meta = made.meta | {"strategies": entries, "name": text, "warnings": [text], "assumptions": [text]}
    meta |= {"results": results, "data": data, "settings": {text: text}, "command": [text], "kedge": text}
    rename = pl.col("strategy").replace(names)
    frames = {name: getattr(made, name).with_columns(rename) for name in ("orders", "fills", "equity", "positions")}
    return dataclasses.replace(made, meta=meta, **frames)


def test_hostile_names_stay_text(made: RunTables, write_run: Callable[[RunTables], Path]) -> None:
    path = write_run(named(made, HOSTILE))
    page = Page(path.read_text(encoding="utf-8"))
    shutil.rmtree(path.parent)
    harmless = Page(write_run(named(made, "harmless")).read_text(encoding="utf-8"))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    assert page.text().count(HOSTILE) > 15
    assert page.run_data()["fills"]["strategies"][0].startswith(HOSTILE)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    return iter(())


@pytest.mark.slow
def test_a_hundred_thousand_fills_stay_small(many_fills: Path) -> None:
    text = many_fills.read_text(encoding="utf-8")
    assert len(text) < 12_000_000
    data = Page(text).run_data()
    assert {len(data["fills"][key]) for key in ("time", "price", "fee", "markout60", "order")} == {100_000}


def test_a_long_run_is_thinned_but_keeps_its_extremes(
    make: Callable[..., RunTables], read: Callable[[RunTables], str]
) -> None:
    made = make(seconds=20_000)
    data = Page(read(made)).run_data()["equity"]
    account = made.equity.filter(pl.col("strategy") == "")["equity"].cast(pl.Float64)
    assert len(data["t"]) <= 5_000
    assert data["t"] == sorted(set(data["t"]))
    assert max(data["account"]) == pytest.approx(account.max(), abs=1e-3)
    assert min(data["account"]) == pytest.approx(account.min(), abs=1e-3)
    assert -min(data["drawdown"]) == pytest.approx((account.cum_max() - account).max(), abs=1e-3)


def test_the_data_is_that_of_the_run(made: RunTables, read: Callable[[RunTables], str]) -> None:
    data = Page(read(made)).run_data()
    fills = made.fills.sort("ts", maintain_order=True)
    times = pl.Series(data["fills"]["time"]).cum_sum()
    assert times.to_list() == (fills["ts"].to_physical() // 1000).to_list()
    assert data["fills"]["price"] == fills["price"].cast(pl.Float64).to_list()
    assert [data["fills"]["strategies"][code] for code in data["fills"]["strategy"]] == fills["strategy"].to_list()
    assert sum(data["fills"]["side"]) == (fills["side"] == "buy").sum()
    market = data["markets"][0]
    assert market["close"] == made.candles.filter(pl.col("instrument") == market["instrument"])["close"].to_list()
    assert market["position"][-1] == float(
        made.equity.filter(pl.col("strategy") == made.meta["strategies"][0]["name"])["position"][-1]
    )
    assert market["t"][1] - market["t"][0] == market["interval"] == 5


def test_an_empty_run_has_a_report(made: RunTables, read: Callable[[RunTables], str]) -> None:
    frames = {name: getattr(made, name).clear() for name in ("orders", "fills", "equity", "positions", "candles")}
    bare = made.meta | {"warnings": [], "assumptions": [], "data": [], "settings": {}}
    assert "nothing can be said" in Page(read(dataclasses.replace(made, meta=bare, **frames))).text()


def test_a_run_without_fills_says_so(made: RunTables, read: Callable[[RunTables], str]) -> None:
    text = Page(read(dataclasses.replace(made, fills=made.fills.clear()))).text()
    assert "Did not trade: 777 orders, no fill in 1 h." in text


def test_trouble_stands_at_the_head(made: RunTables, read: Callable[[RunTables], str]) -> None:
    results = made.meta["results"] | {"ledger_imbalance": "0.5"}
    data = [source | {"gaps": 3, "resyncs": 2} for source in made.meta["data"]]
    text = Page(read(dataclasses.replace(made, meta=made.meta | {"results": results, "data": data}))).text()
    verdict = text.index("Lost ")
    assert 0 < text.index("The ledger is out of balance by 0.5") < verdict
    assert 0 < text.index("3 gaps, 2 resyncs") < verdict


def test_written_over_an_older_report_leaves_nothing_else(
    made: RunTables, write_run: Callable[[RunTables], Path]
) -> None:
    path = write_run(made)
    before = {file.name for file in path.parent.iterdir()}
    path.write_text("old")
    assert report.write(path.parent) == path
    assert path.read_text().startswith("<!doctype html>")
    assert {file.name for file in path.parent.iterdir()} == before


def test_a_damaged_run_keeps_its_old_report(made: RunTables, write_run: Callable[[RunTables], Path]) -> None:
    path = write_run(made)
    before = path.read_bytes()
    (path.parent / "fills.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"fills\.parquet cannot be read"):
        report.write(path.parent)
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*"))


def test_same_run_same_report(made: RunTables, write_run: Callable[[RunTables], Path]) -> None:
    path = write_run(made)
    first = path.read_bytes()
    report.write(path.parent)
    assert path.read_bytes() == first


def test_a_missing_chart_library_names_the_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "LIBRARY", "_assets/not-there.js")
    page.chart_library.cache_clear()
    with pytest.raises(UsageError, match="chart library") as caught:
        page.chart_library()
    assert "make setup" in caught.value.hint
    page.chart_library.cache_clear()
