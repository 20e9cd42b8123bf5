"""Definitions: what is read, how it is found, and each way to get one wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from kedge.model import instruments
from kedge.model.errors import DataError, UsageError
from kedge.model.instruments import SIMULATED

SPOT = {
    "id": "BTC/USDT@binance",
    "symbol": "BTCUSDT",
    "kind": "spot",
    "tick_size": "0.010",
    "lot_size": "0.00001",
    "quantity_step_in_data": "0.00000001",
    "min_notional": "5",
    "maker_fee": "-0.00005",
    "taker_fee": "0.001",
}
PERPETUAL = {
    **SPOT,
    "id": "BTC/USDT:USDT@binance",
    "kind": "linear_perpetual",
    "contract_multiplier": "1",
    "settle": "USDT",
    "funding_interval_hours": 8,
}


def written(folder: Path, rows: object) -> Path:
    path = folder / "instruments.json"
    path.write_text(json.dumps(rows))
    return path


def test_a_file_becomes_instruments(tmp_path: Path) -> None:
    known = instruments.load(written(tmp_path, [SPOT, PERPETUAL]))
    spot = known.find("BTC/USDT@binance")
    assert (spot.venue, spot.base, spot.quote, spot.symbol) == ("binance", "BTC", "USDT", "BTCUSDT")
    assert (str(spot.tick_size), spot.maker_fee, spot.contract_multiplier) == ("0.01", Decimal("-0.00005"), 1)
    assert spot.definition == SPOT
    assert json.loads(spot.to_json()) == SPOT
    perpetual = known.find("BTC/USDT:USDT@binance")
    assert (perpetual.quote, perpetual.settle, perpetual.funding_interval_hours) == ("USDT", "USDT", 8)
    assert known.find_symbol("binance", "BTCUSDT", "linear_perpetual") is perpetual
    assert known.find_symbol("binance", "BTCUSDT", "spot") is spot
    with pytest.raises(AttributeError):
        spot.symbol = "ETHUSDT"  # type: ignore[misc]


def test_what_is_not_known_is_named_with_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, [SPOT, PERPETUAL])
    known = instruments.load(path)
    with pytest.raises(UsageError) as caught:
        known.find("BTC/USD@binance")
    assert caught.value.message == (
        f"unknown instrument `BTC/USD@binance`: {path} has `BTC/USDT:USDT@binance`, `BTC/USDT@binance`"
    )
    assert caught.value.hint == "did you mean `BTC/USDT@binance`?"
    with pytest.raises(UsageError) as caught:
        known.find("zzz")
    assert caught.value.hint == f"add its definition to {path}"
    with pytest.raises(UsageError) as caught:
        known.find_symbol("kraken", "BTCUSDT", "spot")
    assert caught.value.message == f"unknown kraken spot symbol `BTCUSDT`: {path} has none"
    assert "--instruments FILE" in caught.value.hint


def test_the_seeded_market_is_built_in() -> None:
    spot, perpetual, ether = SIMULATED.all
    assert (spot.id, spot.kind, spot.settle) == ("BTC/USDT@simulated", "spot", None)
    assert (perpetual.id, perpetual.kind, perpetual.settle) == ("BTC/USDT:USDT@simulated", "linear_perpetual", "USDT")
    assert (perpetual.min_notional, perpetual.funding_interval_hours) == (100, 8)
    assert (ether.id, ether.symbol, ether.min_notional) == ("ETH/USDT:USDT@simulated", "ETHUSDT", 20)
    assert SIMULATED.find("BTC/USDT@simulated").quantity_step_in_data == Decimal("0.00000001")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: not JSON"),
        ('[{"id": \n}]', "line 2: not JSON"),
        ("{}", "must be a JSON list"),
        ("[]", "must be a JSON list of at least one"),
        ("[5]", "instrument 1: must be a JSON object, was 5"),
        (json.dumps([SPOT, SPOT]), "instrument `BTC/USDT@binance` is defined twice"),
    ],
)
def test_a_file_that_is_no_list_of_definitions(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "instruments.json"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        instruments.load(path)
    assert caught.value.message.startswith(str(path))
    assert message in caught.value.message


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no instrument definitions at") as caught:
        instruments.load(tmp_path / "instruments.json")
    assert "instruments.json beside the data file" in caught.value.hint
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "bytes"):
        with pytest.raises(DataError, match="cannot be read as text"):
            instruments.load(path)


@pytest.mark.parametrize(
    ("row", "key", "value", "rule"),
    [
        (SPOT, "id", "BTCUSDT", "BASE/QUOTE[:SETTLE]@venue"),
        (SPOT, "id", "../../etc/USDT@binance", "BASE/QUOTE[:SETTLE]@venue"),
        (SPOT, "id", "BTC/USDT@../x", "BASE/QUOTE[:SETTLE]@venue"),
        (SPOT, "id", "BTC/USDT:USDT@binance", "BASE/QUOTE@venue for a spot"),
        (SPOT, "id", 5, "text that is not empty"),
        (SPOT, "symbol", "", "text that is not empty"),
        (SPOT, "kind", "future", "one of `spot`, `linear_perpetual`"),
        (SPOT, "tick_size", 0.01, "a decimal as text"),
        (SPOT, "tick_size", "1e-2", "a decimal as text"),
        (SPOT, "tick_size", "0", "above 0"),
        (SPOT, "tick_size", "-0.01", "above 0"),
        (SPOT, "tick_size", "0.0000000000001", "at most 12 places"),
        (SPOT, "tick_size", "99999999999999999999", "within 64 bits"),
        (SPOT, "tick_size", "1.00000000000000000000000000000000001", "within 64 bits"),
        (SPOT, "tick_size", "0.000000001", "at most 16 places together"),
        (SPOT, "lot_size", "0.000000015", "a multiple of `quantity_step_in_data`, 0.00000001"),
        (SPOT, "min_notional", "-5", "≥ 0"),
        (SPOT, "taker_fee", "1.5", "within ±1"),
        (SPOT, "maker_fee", "0.0000000001", "at most 9 places"),
        (SPOT, "settle", "USDT", "absent for a spot"),
        (PERPETUAL, "id", "BTC/USDT@binance", "BASE/QUOTE:SETTLE@venue for a perpetual"),
        (PERPETUAL, "settle", "BTC", "the settlement currency of the id, `USDT`"),
        (PERPETUAL, "funding_interval_hours", 0, "from 1 to 168"),
        (PERPETUAL, "funding_interval_hours", 8.0, "from 1 to 168"),
        (PERPETUAL, "funding_interval_hours", True, "from 1 to 168"),
        (PERPETUAL, "contract_multiplier", "x", "a decimal as text"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, row: dict[str, object], key: str, value: object, rule: str) -> None:
    path = written(tmp_path, [PERPETUAL if row is SPOT else SPOT, {**row, key: value}])
    with pytest.raises(DataError) as caught:
        instruments.load(path)
    message = caught.value.message
    assert message.startswith(f"{path}: instrument 2")
    assert f"`{key}` must be " in message
    assert rule in message
    assert f"was {json.dumps(value)}" in message


def test_a_key_too_many_or_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"instrument 1 `BTC/USDT@binance`: unknown key `tick`") as caught:
        instruments.load(written(tmp_path, [{**SPOT, "tick": "1"}]))
    assert caught.value.hint == "did you mean `tick_size`?"
    with pytest.raises(DataError, match="key `lot_size` is missing"):
        instruments.load(written(tmp_path, [{k: v for k, v in SPOT.items() if k != "lot_size"}]))
