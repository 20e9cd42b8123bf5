"""What a session of the exchange tells its account, and writes in its file, is the same thing."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from kedge.venues.simulated.errors import VenueError
from tests.unit.venues.simulated.still_market import BEFORE_FUNDING, SECOND, still_market

FUTURES = "/fapi/v1/order"
SPOT = "/api/v3/order"
FUNDING_MS = (BEFORE_FUNDING + 30 * SECOND) // 10**6


def test_funding_is_paid_told_and_written(tmp_path: Path) -> None:
    with still_market(tmp_path) as market:
        bought = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": 1}
        market.ask("POST", FUTURES, **bought)
        before = Decimal(market.ask("GET", "/fapi/v3/account")["totalWalletBalance"])
        assert market.ask("GET", "/fapi/v1/premiumIndex", symbol="ETHUSDT")["nextFundingTime"] == FUNDING_MS
        market.pass_seconds(35)
        after = Decimal(market.ask("GET", "/fapi/v3/account")["totalWalletBalance"])
        paid = market.ask("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
        assert [row["symbol"] for row in paid] == ["ETHUSDT"]
        assert after - before == Decimal(paid[0]["income"]) != 0
        rates = market.ask("GET", "/fapi/v1/fundingRate", symbol="ETHUSDT")
        assert [rate["fundingTime"] for rate in rates] == [FUNDING_MS]
        updates = [message["a"] for message in market.told("ACCOUNT_UPDATE") if message["a"]["m"] == "FUNDING_FEE"]
        assert [Decimal(one["wb"]) for one in updates[0]["B"]] == [after]
    funding = market.rows("SELECT symbol, rate, amount, at_ms FROM funding")
    assert [(symbol, Decimal(amount), at) for symbol, _, amount, at in funding] == [
        ("ETHUSDT", after - before, FUNDING_MS)
    ]
    assert Decimal(funding[0][1]) == Decimal(rates[0]["fundingRate"]).quantize(Decimal("1e-9"))
    assert market.rows("SELECT DISTINCT reason FROM balances WHERE wallet = 'futures'") == [
        ("DEPOSIT",),
        ("ORDER",),
        ("FUNDING_FEE",),
    ]


def test_a_position_without_margin_is_liquidated(tmp_path: Path) -> None:
    with still_market(tmp_path, speed=20, seed=15, futures="25") as market:  # a seed that rises soon
        market.ask("POST", "/fapi/v1/leverage", symbol="ETHUSDT", leverage=125)
        market.ask("POST", FUTURES, symbol="ETHUSDT", side="SELL", type="MARKET", quantity=1)
        price = market.ask("GET", "/fapi/v3/positionRisk")[0]["liquidationPrice"]
        assert Decimal(price) > 0
        for _ in range(15):
            market.pass_seconds(1)
        assert market.ask("GET", "/fapi/v3/positionRisk") == []
        forced = [message["o"] for message in market.told("ORDER_TRADE_UPDATE") if message["o"]["o"] == "LIQUIDATION"]
        assert forced[-1]["X"] == "FILLED"
        assert forced[-1]["S"] == "BUY"
        assert Decimal(market.ask("GET", "/fapi/v3/account")["totalWalletBalance"]) >= 0
    assert market.rows("SELECT quantity FROM positions_now") == [("0.000",)]


def test_the_truth_has_every_fill_and_the_balances_follow_from_them(tmp_path: Path) -> None:
    with still_market(tmp_path) as market:
        for side in ("BUY", "BUY", "SELL"):
            market.ask("POST", SPOT, symbol="BTCUSDT", side=side, type="MARKET", quantity="0.003")
            market.pass_seconds(0.3)
        market.ask("POST", SPOT, symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty="100")
        best = Decimal(market.ask("GET", "/api/v3/ticker/bookTicker", symbol="BTCUSDT")["bidPrice"])
        joined = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.001"}
        market.ask("POST", SPOT, **joined, price=best)
        market.pass_seconds(20)
        account = {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in _balances(market)}
    rows = market.rows("SELECT side, price, quantity, fee, fee_currency, maker FROM fills")
    held = {"USDT": Decimal(5000), "BTC": Decimal(0)}
    for side, price, quantity, fee, currency, _ in rows:
        sign = 1 if side == "BUY" else -1
        held["BTC"] += sign * Decimal(quantity)
        held["USDT"] -= sign * Decimal(price) * Decimal(quantity)
        held[currency] -= Decimal(fee)
        assert currency == ("BTC" if side == "BUY" else "USDT")
    assert {name: account[name] for name in held} == held
    written = market.rows("SELECT currency, free, locked FROM balances_now WHERE wallet = 'spot'")
    assert {name: Decimal(free) + Decimal(locked) for name, free, locked in written} == account
    by_quote = market.rows("SELECT quote FROM orders WHERE order_id = 4")[0][0]
    assert Decimal(99) < Decimal(by_quote) <= Decimal(100)
    fills = sum(Decimal(report["l"]) for report in market.told("executionReport") if report["x"] == "TRADE")
    assert fills == sum(Decimal(row[2]) for row in rows)


def _balances(market: object) -> list[dict[str, str]]:
    found: list[dict[str, str]] = market.ask("GET", "/api/v3/account")["balances"]  # type: ignore[attr-defined]
    return found


def test_a_replacement_may_fail_in_either_half(tmp_path: Path) -> None:
    with still_market(tmp_path) as market:
        wish = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "55000"}
        first = market.ask("POST", SPOT, **wish, quantity="0.01")["orderId"]
        path = "/api/v3/order/cancelReplace"
        stop = {"cancelReplaceMode": "STOP_ON_FAILURE"}
        done = market.ask("POST", path, **wish, **stop, quantity="0.02", cancelOrderId=first)
        assert (done["cancelResult"], done["newOrderResult"]) == ("SUCCESS", "SUCCESS")
        with pytest.raises(VenueError) as none:
            market.ask("POST", path, **wish, **stop, quantity="0.02", cancelOrderId=first)
        assert (none.value.status, none.value.code) == (400, -2022)
        assert none.value.data["newOrderResult"] == "NOT_ATTEMPTED"
        with pytest.raises(VenueError) as half:
            market.ask("POST", path, **wish, **stop, quantity="99", cancelOrderId=done["newOrderResponse"]["orderId"])
        assert (half.value.status, half.value.code) == (409, -2021)
        assert half.value.data["newOrderResponse"]["code"] == -2010
        allow = {"cancelReplaceMode": "ALLOW_FAILURE"}
        with pytest.raises(VenueError) as other:
            market.ask("POST", path, **wish, **allow, quantity="0.01", cancelOrigClientOrderId="none")
        assert (other.value.status, other.value.data["newOrderResult"]) == (409, "SUCCESS")
        assert len(market.ask("GET", "/api/v3/openOrders")) == 1
        assert len(market.ask("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")) == 1
        with pytest.raises(VenueError):
            market.ask("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")


def test_times_on_the_wire_are_wall_times_at_any_speed(tmp_path: Path) -> None:
    with still_market(tmp_path, speed=20) as market:
        market.pass_seconds(10)
        now_ms = market.wall // 10**6
        placed = market.ask("POST", SPOT, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.001")
        assert placed["transactTime"] == now_ms
        trades = market.ask("GET", "/api/v3/trades", symbol="BTCUSDT", limit=1000)
        times = [trade["time"] for trade in trades]
        assert times == sorted(times)
        assert now_ms - 100 <= times[-1] <= now_ms
        assert len([at for at in times if at > now_ms - 1_000]) > 200, "twenty times as many"
        assert market.ask("GET", "/api/v3/klines", symbol="BTCUSDT", interval="1s")[-1][0] == now_ms // 1000 * 1000


def test_rows_are_asked_for_by_id_and_time(tmp_path: Path) -> None:
    with still_market(tmp_path) as market:
        for _ in range(4):
            market.ask("POST", FUTURES, symbol="ETHUSDT", side="BUY", type="MARKET", quantity="0.05")
            market.pass_seconds(1)
        orders = market.ask("GET", "/fapi/v1/allOrders", symbol="ETHUSDT")
        ids = [order["orderId"] for order in orders]
        assert ids == sorted(ids)
        assert len(ids) == 4
        later = market.ask("GET", "/fapi/v1/allOrders", symbol="ETHUSDT", orderId=ids[2])
        assert [order["orderId"] for order in later] == ids[2:]
        since = market.ask("GET", "/fapi/v1/allOrders", symbol="ETHUSDT", startTime=orders[1]["time"], limit=2)
        assert [order["orderId"] for order in since] == ids[1:3]
        fills = market.ask("GET", "/fapi/v1/userTrades", symbol="ETHUSDT")
        of_one = market.ask("GET", "/fapi/v1/userTrades", symbol="ETHUSDT", orderId=ids[1])
        assert of_one == [fill for fill in fills if fill["orderId"] == ids[1]]
        assert market.ask("GET", "/fapi/v1/userTrades", symbol="ETHUSDT", fromId=fills[1]["id"]) == fills[1:]
        agg = market.ask("GET", "/fapi/v1/aggTrades", symbol="ETHUSDT", limit=5)
        assert market.ask("GET", "/fapi/v1/aggTrades", symbol="ETHUSDT", fromId=agg[2]["a"], limit=3) == agg[2:]
        assert all(b["f"] == a["l"] + 1 for a, b in pairwise(agg))
