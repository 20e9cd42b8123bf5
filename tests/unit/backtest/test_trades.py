"""Round trips, fees, spread and markouts against what a person works out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.backtest import trades
from kedge.backtest.run_folder import SCHEMAS

START = datetime(2024, 8, 8, tzinfo=UTC)
SPOT = "BTC/USDT@binance"


def fills_of(*rows: dict[str, Any]) -> pl.DataFrame:
    """Fills from what matters of each; a second apart unless `at` says otherwise."""
    plain = {
        "strategy": "a", "instrument": SPOT, "order_id": 1, "trade_id": 1, "side": "buy", "price": Decimal(100),
        "quantity": Decimal(1), "liquidity": "maker", "fee": Decimal(0), "fee_currency": "USDT",
        "position": Decimal(0), "realised_pnl": Decimal(0), "queue_ahead": None, "mid": None,
    }  # fmt: skip
    made = []
    for number, row in enumerate(rows):
        ts = START + timedelta(seconds=row.pop("at", number))
        made.append(plain | {"ts": ts, "ts_recv": ts} | row)
    return pl.DataFrame(made, schema=SCHEMAS["fills"])


def fill(side: str, quantity: str, position: str, realised: str = "0", fee: str = "0", **more: Any) -> dict[str, Any]:
    amounts = {"quantity": Decimal(quantity), "position": Decimal(position)}
    return {"side": side, "realised_pnl": Decimal(realised), "fee": Decimal(fee), **amounts, **more}


def trips_of(fills: pl.DataFrame, lots: dict[str, Decimal]) -> list[trades.RoundTrip]:
    return trades.round_trips(fills, trades.quote_fees(fills), lots)


@pytest.mark.parametrize(
    ("instrument", "expected"),
    [("BTC/USDT@binance", ("BTC", "USDT")), ("BTC/USDT:USDT@binance", ("BTC", "USDT")), ("A/B", ("A", "B"))],
)
def test_currencies(instrument: str, expected: tuple[str, str]) -> None:
    assert trades.currencies(instrument) == expected


def test_fees_in_quote() -> None:
    fills = fills_of(
        fill("buy", "1", "1", fee="0.5"),
        fill("buy", "1", "2", fee="0.001", fee_currency="BTC", price=Decimal("60000.5")),
        fill("buy", "1", "3", fee="0.01", fee_currency="BNB"),
        fill("buy", "1", "4", fee="0", fee_currency="BNB"),
    )
    assert trades.quote_fees(fills) == [Decimal("0.5"), Decimal("60.0005"), None, 0]


def test_round_trips_by_hand() -> None:
    fills = fills_of(
        fill("buy", "2", "2", fee="0.2"),
        fill("sell", "1", "1", realised="5", fee="0.1"),
        fill("sell", "1", "0", realised="7", fee="0.1"),
        fill("sell", "1", "-1", fee="0.1"),
        # Turns: one of three parts closes the short, two open a long.
        fill("buy", "3", "2", realised="-4", fee="0.3"),
        fill("sell", "2", "0", realised="1", fee="0.2"),
    )
    trips = trips_of(fills, {})
    assert [trip.pnl for trip in trips] == [Decimal("11.6"), Decimal("-4.2"), Decimal("0.6")]
    assert [trip.seconds for trip in trips] == [2.0, 1.0, 1.0]


def test_dust_below_a_lot_is_flat() -> None:
    fee = {"fee": Decimal("0.000001"), "fee_currency": "BTC"}
    bought = fill("buy", "0.001", "0.000999") | fee
    sold = fill("sell", "0.00099", "0.000009", realised="0.5")
    assert trips_of(fills_of(bought, sold), {}) == []
    trips = trips_of(fills_of(bought, sold), {SPOT: Decimal("0.00001")})
    assert [trip.pnl for trip in trips] == [Decimal("0.4999")]


def test_strategies_and_instruments_are_apart() -> None:
    fills = fills_of(
        fill("buy", "1", "1"), fill("sell", "1", "-1", strategy="b"), fill("buy", "1", "1", instrument="ETH/USDT@x")
    )
    assert trips_of(fills, {}) == []


@given(st.lists(st.integers(-5, 5).filter(bool), min_size=1, max_size=40))
def test_round_trips_add_up_to_everything(steps: list[int]) -> None:
    """Once flat again, the trips' PnL is all realised PnL less all fees."""
    rows, position = [], 0
    for number, step in enumerate([*steps, -sum(steps)]):
        if step:
            position += step
            side = "buy" if step > 0 else "sell"
            closing = str(number * 3 - 40) if position * step <= 0 or abs(position) < abs(step) else "0"
            rows.append(fill(side, str(abs(step)), str(position), realised=closing, fee=f"0.{number:02}"))
    fills = fills_of(*rows)
    trips = trips_of(fills, {})
    assert abs(sum(trip.pnl for trip in trips) - (fills["realised_pnl"].sum() - fills["fee"].sum())) < Decimal("1e-20")
    assert all(trip.opened <= trip.closed for trip in trips)


def test_notional_is_exact() -> None:
    fills = fills_of(fill("buy", "0.000000000001", "1", price=Decimal("61234.000000000001")))
    assert trades.notional(fills) == Decimal("0.000000061234000000000001")


def test_edges() -> None:
    fills = fills_of(fill("buy", "1", "1", mid=100.5), fill("sell", "1", "0", mid=100.5), fill("buy", "1", "1"))
    assert trades.edges(fills)[:2].tolist() == [0.5, -0.5]
    assert np.isnan(trades.edges(fills)[2])


def test_markouts_are_those_of_the_fills() -> None:
    fills = fills_of(fill("buy", "1", "1", markout_1s=Decimal("0.5"), markout_60s=Decimal(-2)), fill("sell", "1", "0"))
    after = trades.markouts(fills)
    assert after[1].tolist()[:1] == [0.5]
    assert after[60].tolist()[:1] == [-2.0]
    assert np.isnan(after[10]).all()
    assert np.isnan(after[1][1])


def test_samples_are_as_far_apart_as_their_median() -> None:
    times = [START + timedelta(seconds=seconds) for seconds in (0, 1, 2, 9)]
    assert trades.sample_spacing(pl.DataFrame({"ts": times}, schema={"ts": pl.Datetime("ns", "UTC")})) == 10**9
