"""Funding series, margin tiers and fees, from files and settings to what the engine is given."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kedge.backtest import clearing, markets
from kedge.backtest.loading import load
from kedge.backtest.run import BacktestRequest, backtest
from kedge.model.errors import DataError, KedgeError, UsageError
from kedge.model.settings import Settings

HOUR = 3_600 * 10**9
PERPETUAL: dict[str, Any] = {
    "id": "BTC/USDT:USDT@binance",
    "symbol": "BTCUSDT",
    "kind": "linear_perpetual",
    "funding_interval_hours": 8,
}
NEW_YEAR = 1_704_067_200 * 10**9
"""2024-01-01 00:00 UTC."""

BRACKETS = """[{"symbol": "BTCUSDT", "notionalCoef": 1.5, "brackets": [
    {"bracket": 1, "initialLeverage": 125, "notionalCap": 50000, "notionalFloor": 0, "maintMarginRatio": 0.004,
     "cum": 0.0},
    {"bracket": 2, "initialLeverage": 100, "notionalCap": 250000, "notionalFloor": 50000, "maintMarginRatio": 0.005,
     "cum": 50.0}]}]"""


def test_a_recorded_series_is_read_by_exchange_and_symbol(recorded: Path) -> None:
    path = recorded.parent / "funding_basis" / "all_exchanges_utc.parquet"
    rates = clearing.series(path, PERPETUAL, NEW_YEAR - 1, NEW_YEAR + 24 * HOUR)
    table = pl.read_parquet(path).filter((pl.col("exchange") == "binance") & (pl.col("pair") == "BTCUSDT"))
    assert [(at - NEW_YEAR) // HOUR for at, _ in rates] == [0, 8, 16, 24]
    at_eight = table.filter(pl.col("time_utc").dt.epoch("s") == NEW_YEAR // 10**9 + 8 * 3_600)["funding rate"].item()
    assert rates[1][1] == round(at_eight * 10**9)
    okx = {**PERPETUAL, "id": "BTC/USDT:USDT@okx"}
    assert clearing.series(path, okx, NEW_YEAR - 1, NEW_YEAR + 24 * HOUR) != rates


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "time,rate\n2024-01-01 08:00:00,0.0001\n2024-01-01 16:00:00,-0.00025\n"),
        ("b.csv", "symbol,fundingTime,fundingRate\nBTCUSDT,1704096000003,0.0001\nBTCUSDT,1704124800000,-0.00025\n"),
        (
            "c.json",
            '[{"symbol": "ETHUSDT", "fundingTime": 1, "fundingRate": "9"},'
            '{"symbol": "BTCUSDT", "fundingTime": 1704096000000, "fundingRate": "0.00010000"},'
            '{"symbol": "BTCUSDT", "fundingTime": 1704124800000, "fundingRate": "-0.00025"}]',
        ),
    ],
)
def test_series_may_be_csv_or_the_venues_json(tmp_path: Path, name: str, text: str) -> None:
    rates = clearing.series(write(tmp_path, name, text), PERPETUAL, NEW_YEAR, NEW_YEAR + 23 * HOUR)
    assert [rate for _, rate in rates] == [100_000, -250_000]
    assert [round((at - NEW_YEAR) / HOUR) for at, _ in rates] == [8, 16]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,rate\n2024-01-01 08:00:00,0.0001\n", "1 of 2 funding times"),
        ("time,rate\n2024-01-01 08:00:00,0.0001\n2024-01-01 08:00:00,0.0001\n", "row 2"),
        ("time,rate\n2024-01-01 08:00:00,nan\n", "row 1"),
        ("time,rate\n2024-01-01 08:00:00,5\n", "was 5"),
        ("time,price\n2024-01-01 08:00:00,5\n", "no column `funding_rate`"),
        ("symbol,time,rate\nETHUSDT,2024-01-01 08:00:00,5\n", "no funding of `BTCUSDT`"),
    ],
)
def test_a_series_that_is_wrong_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, "series.csv", text)
    with pytest.raises((DataError, UsageError)) as refused:
        clearing.series(path, PERPETUAL, NEW_YEAR, NEW_YEAR + 23 * HOUR)
    assert said in refused.value.message
    assert str(path) in refused.value.message


def market(instrument: str = "BTC/USDT:USDT@simulated") -> markets.Market:
    return markets.seeded_market(instrument, 10**9, 1, None)


def settings(**account: Any) -> Settings:
    return Settings.model_validate({"account": account})


def test_tiers_of_a_file_are_the_venues_own_answer(tmp_path: Path) -> None:
    path = write(tmp_path, "brackets.json", BRACKETS)
    [definition] = clearing.definitions(settings(tiers=str(path)), market())
    assert definition["margin_tiers"][1] == {
        "floor": "50000",
        "maintenance": "0.005",
        "leverage": 100,
        "amount": "50.0",
    }
    empty = write(tmp_path, "empty.json", "[]")
    with pytest.raises(UsageError, match="no margin tiers of `BTCUSDT`"):
        clearing.definitions(settings(tiers=str(empty)), market())
    with pytest.raises(DataError, match="`brackets` is missing"):
        clearing.definitions(settings(tiers=str(write(tmp_path, "odd.json", '{"symbol": "BTCUSDT"}'))), market())


def test_margin_needs_tiers_and_auto_says_what_it_does() -> None:
    seeded = market()
    [definition] = clearing.definitions(settings(), seeded)
    rules = clearing.clearing(settings(), seeded, [definition], None)
    assert rules is not None
    assert (rules["margin"], rules["funding"]) == ("cross", ["rows"])
    untiered = {key: value for key, value in definition.items() if key != "margin_tiers"}
    with pytest.raises(UsageError) as refused:
        clearing.clearing(settings(margin="isolated"), seeded, [untiered], None)
    assert str(definition["id"]) in refused.value.message
    assert "tiers" in refused.value.hint
    assert clearing.clearing(settings(), seeded, [untiered], "none") is None
    spot = market("BTC/USDT@simulated")
    assert clearing.clearing(settings(), spot, clearing.definitions(settings(), spot), None) is None
    borrowing = settings(borrow={"BTC": "0.000001"})
    lent = clearing.clearing(borrowing, spot, clearing.definitions(borrowing, spot), None)
    assert lent is not None
    assert (lent["borrow"], lent["margin"]) == (["0.000001"], "cross")


RECKLESS = """
from kedge import Strategy

class Reckless(Strategy):
    def on_start(self, ctx):
        ctx.every("1s")

    def on_timer(self, ctx, timer):
        if ctx.position <= 0:
            ctx.buy(1.5)
"""


def reckless(folder: Path, **tables: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    file = write(folder, "reckless.py", RECKLESS)
    given = {
        "account": {"balances": {"USDT": "1000"}, **tables.get("account", {})},
        "risk": {"leverage": 100},
        "backtest": {"out": str(folder / "runs")},
        "fees": tables.get("fees", {}),
    }
    request = BacktestRequest(
        settings=Settings.model_validate(given),
        strategy=file,
        instrument="BTC/USDT:USDT@simulated",
        seeded=60 * 10**9,
        seed=3,
    )
    return dict(load(backtest(request)).meta)


def test_a_run_liquidates_and_says_so_at_its_head(tmp_path: Path) -> None:
    strict = BRACKETS.replace("0.004", "0.0105").replace("0.005", "0.0106").replace("50.0", "0.0")
    tiers = {"tiers": str(write(tmp_path, "brackets.json", strict))}
    record = reckless(tmp_path, account=tiers)
    results = record["results"]
    assert results["liquidations"] > 0
    assert results["ledger_imbalance"] == 0
    assert any("closed positions for want of margin" in warning for warning in record["warnings"])
    assert any("cross margin" in assumed for assumed in record["assumptions"])
    spared = reckless(tmp_path / "spared", account={**tiers, "margin": "none"})
    assert spared["results"]["liquidations"] == 0


def test_fees_follow_the_volume_that_the_settings_say(tmp_path: Path) -> None:
    tiers = [
        {"volume": 0, "maker": Decimal("0.0002"), "taker": Decimal("0.001")},
        {"volume": 1_000_000, "maker": Decimal("-0.0001"), "taker": Decimal("0.0001")},
    ]
    none = {"margin": "none"}
    dear = reckless(tmp_path / "a", account=none, fees={"tiers": tiers})["results"]
    cheap = reckless(tmp_path / "b", account=none, fees={"tiers": tiers, "volume": 1_000_000})["results"]
    assert Decimal(dear["fees"]) == 10 * Decimal(cheap["fees"])


def test_tiers_that_do_not_rise_are_refused_with_their_instrument(tmp_path: Path) -> None:
    wrong = BRACKETS.replace('"notionalFloor": 50000', '"notionalFloor": 0')
    path = write(tmp_path, "brackets.json", json.dumps(json.loads(wrong)))
    with pytest.raises(KedgeError) as refused:
        reckless(tmp_path, account={"tiers": str(path)})
    assert "BTC/USDT:USDT@simulated" in refused.value.message
    assert "tier 2" in refused.value.message
