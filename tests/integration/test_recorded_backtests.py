"""Backtests of the examples on recorded Binance data: what they print, and that they repeat in every way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SPOT = ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")
PERPETUAL = ("usdm_btcusdt_20240808.gz",)
KEDGE = Path(sys.executable).with_name("kedge")


def kedge(*arguments: object, cwd: Path, code: int = 0) -> dict[str, Any]:
    """Runs the command with --json and returns the one object it prints."""
    command = [str(KEDGE), *map(str, arguments), "--json"]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr + done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) == 1, "one object and nothing else"
    found: dict[str, Any] = json.loads(lines[0])
    return found


@pytest.fixture(scope="module")
def files(recorded: Path) -> dict[str, list[Path]]:
    return {"spot": [recorded / name for name in SPOT], "perpetual": [recorded / name for name in PERPETUAL]}


@pytest.fixture(scope="module")
def examples(repository: Path) -> Path:
    return repository / "examples"


@pytest.fixture(scope="module")
def spot_run(files, examples, tmp_path_factory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("spot")
    found = kedge("backtest", examples / "quoting.py", "--data", *files["spot"], cwd=folder)
    return {**found, "run": str(folder / found["run"])}


def test_a_run_prints_what_it_found(spot_run):
    assert spot_run["events"] == sum(
        source["rows"] for source in json.loads((Path(spot_run["run"]) / "run.json").read_text())["data"]
    )
    assert spot_run["fills"] > 0
    assert spot_run["orders"] > 0
    assert (spot_run["gaps"], spot_run["resyncs"], spot_run["ledger_imbalance"]) == (0, 0, 0)
    assert set(spot_run["clock_offset_ms"]) == set(SPOT)
    assert all(-1277 <= offset <= -1269 for offset in spot_run["clock_offset_ms"].values())
    assert float(spot_run["fees"]) > 0
    assert len(spot_run["trace_hash"]) == 32


@pytest.mark.parametrize("way", ["again", "by step", "files swapped", "catalog"])
def test_every_way_gives_the_same_hash(way, spot_run, files, examples, tmp_path):
    data: list[object] = list(files["spot"])
    extra: list[object] = []
    if way == "by step":
        extra = ["--step"]
    if way == "files swapped":
        data.reverse()
    if way == "catalog":
        kedge("import", *files["spot"], "--catalog", "market", cwd=tmp_path)
        data = ["market#BTC/USDT@binance"]
    found = kedge("backtest", examples / "quoting.py", "--data", *data, *extra, cwd=tmp_path)
    same = ("trace_hash", "orders", "fills", "pnl", "fees", "events", "gaps", "clock_offset_ms", "negative_latencies")
    assert {key: found[key] for key in same} == {key: spot_run[key] for key in same}


def test_a_perpetual_needs_a_word_about_funding(files, examples, tmp_path):
    refused = kedge("backtest", examples / "quoting.py", "--data", *files["perpetual"], cwd=tmp_path, code=2)
    assert "--funding none" in refused["hint"]
    assert not list(tmp_path.iterdir()), "nothing half-written"
    ways = [
        kedge(
            "backtest", examples / "quoting.py", "--data", *files["perpetual"], "--funding", "none", *step, cwd=tmp_path
        )
        for step in ([], ["--step"])
    ]
    assert ways[0]["trace_hash"] == ways[1]["trace_hash"]
    assert ways[0]["fills"] > 0
    record = json.loads((tmp_path / ways[0]["run"] / "run.json").read_text())
    assert record["warnings"][0].startswith("Funding is left out")
    assert record["assumptions"][0] == "Funding is not paid or received (--funding none)."


def test_the_cross_runs_on_the_perpetual(files, examples, tmp_path):
    found = kedge(
        "backtest", examples / "ema_cross.py", "--data", *files["perpetual"], "--funding", "none", cwd=tmp_path
    )
    assert found["fills"] > 0
    assert found["ledger_imbalance"] == 0


def test_both_instruments_run_together(files, examples, tmp_path):
    data = [*files["spot"], *files["perpetual"]]
    ways = [
        kedge("backtest", examples / "quoting.py", "--data", *data, "--funding", "none", *step, cwd=tmp_path)
        for step in ([], ["--step"])
    ]
    assert ways[0]["trace_hash"] == ways[1]["trace_hash"]
    strategies = ways[0]["strategies"]
    assert set(strategies) == {"quoting-btc-usdt", "quoting-btc-usdt-usdt"}
    assert all(strategy["fills"] > 0 for strategy in strategies.values())


def test_the_run_folder_agrees_with_what_was_printed(spot_run):
    import kedge as package

    run = package.load(spot_run["run"])
    assert (len(run.orders), len(run.fills)) == (spot_run["orders"], spot_run["fills"])
    assert run.results["trace_hash"] == spot_run["trace_hash"]
    account = run.equity.filter(run.equity["strategy"] == "")
    assert account["equity"][0] == 10_000
    assert format(account["equity"][-1] - account["equity"][0], "f").rstrip("0") == spot_run["pnl"]
    assert (Path(spot_run["run"]) / "report.html").stat().st_size > 100_000


def test_a_run_is_moved_and_still_loads(spot_run, tmp_path):
    import kedge as package

    moved = Path(shutil.copytree(spot_run["run"], tmp_path / "elsewhere"))
    assert package.load(moved).results["trace_hash"] == spot_run["trace_hash"]


RULE_IN_PYTHON = """from kedge import Strategy, param

class EmaRule(Strategy):
    fast, slow = param(10), param(30)

    def on_start(self, ctx):
        ctx.bars("1s")
        self.quick, self.calm, self.strength = ctx.ema(self.fast), ctx.ema(self.slow), ctx.rsi(14)

    def on_trade(self, ctx, trade):
        if abs(ctx.position) >= 0.005 and trade.price <= 0.99 * ctx.average_price:
            ctx.target(0)

    def on_bar(self, ctx, bar):
        if not self.calm.warm:
            return
        if abs(ctx.position) >= 0.005:
            if self.quick.crossed_below(self.calm):
                ctx.target(0)
        elif self.quick.crossed_above(self.calm) and self.strength < 75:
            ctx.target(0.01)
"""


def test_a_rule_trades_what_the_same_strategy_in_python_trades(files, examples, tmp_path):
    (tmp_path / "ema_rule.py").write_text(RULE_IN_PYTHON)
    data = ("--data", *files["perpetual"], "--funding", "none", "--param", "fast=3", "slow=8")
    rule = kedge("backtest", examples / "ema_rule.toml", *data, cwd=tmp_path)
    python = kedge("backtest", tmp_path / "ema_rule.py", *data, cwd=tmp_path)
    assert rule["fills"] > 10
    assert rule["trace_hash"] == python["trace_hash"]
