"""The simulated exchange's core from Python: the words, units and shapes that its server builds on."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from kedge import _core
from kedge.model.columns import DELTA, KIND, TRADE, MarketColumns
from kedge.model.errors import UsageError
from kedge.model.instruments import SIMULATED, simulated_value

SECOND = 1_000_000_000
START = 1_760_054_400 * SECOND
IDS = ["BTC/USDT@simulated", "ETH/USDT:USDT@simulated"]
BTC, ETH = 0, 1
EXECUTION = {
    "kind": str, "ts": int, "account": int, "instrument": int, "order_id": int, "client_id": str, "side": str,
    "type": str, "tif": str, "price": int, "qty": int, "exec": str, "status": str, "last_qty": int, "last_price": int,
    "cum_qty": int, "cum_quote": str, "trade_id": int | None, "maker": bool, "fee": str, "fee_currency": str | None,
    "realised": str, "reduce_only": bool, "liquidation": bool, "created": int, "updated": int, "on_book": bool,
    "reason": str,
}  # fmt: skip


def make(seed: int = 7) -> _core.Exchange:
    definitions = [SIMULATED.find(name).to_json() for name in IDS]
    return _core.Exchange(seed, definitions, START, [simulated_value(name) for name in IDS])


@pytest.fixture
def exchange() -> _core.Exchange:
    exchange = make()
    assert exchange.open_account({"USDT": "5000"}, {"USDT": "5000"}) == 0
    exchange.advance(START + SECOND)
    exchange.take_events()
    return exchange


def limit(exchange: _core.Exchange, price: int, qty: int, name: str, side: str = "BUY") -> dict[str, Any]:
    return exchange.submit(0, 0, BTC, side, "LIMIT", "GTC", price, qty, name, False)


def test_an_order_goes_its_way(exchange: _core.Exchange) -> None:
    bid = exchange.depth(BTC, 1)["bids"][0][0]
    order = limit(exchange, bid - 1_000, 1_000_000, "k1")["order"]
    assert (order["status"], order["on_book"], order["client_id"]) == ("NEW", True, "k1")
    locked = Decimal(bid - 1_000) / 10_000
    free = f"{Decimal(5_000) - locked:.8f}"
    assert exchange.account(0)["spot"]["USDT"] == {"free": free, "locked": f"{locked:.8f}"}
    new, balances = exchange.take_events()
    assert (new["kind"], new["exec"], new["order_id"]) == ("execution", "NEW", order["order_id"])
    assert set(new) == set(EXECUTION)
    assert all(isinstance(new[key], kind) for key, kind in EXECUTION.items())
    assert balances == {
        "kind": "balances",
        "ts": START + SECOND,
        "account": 0,
        "wallet": "spot",
        "reason": "ORDER",
        "balances": {"USDT": {"free": free, "locked": f"{locked:.8f}"}},
    }
    assert exchange.orders(0, None, True) == [order] == exchange.orders(0, BTC, False)
    assert exchange.order(0, BTC, None, "k1") == order
    assert exchange.order(0, ETH, None, "k1") is None
    gone = exchange.cancel(0, 0, BTC, None, "k1")["order"]
    assert gone["status"] == "CANCELED"
    assert exchange.account(0)["spot"]["USDT"] == {"free": "5000.00000000", "locked": "0.00000000"}


def test_a_market_order_on_a_perpetual_makes_a_position(exchange: _core.Exchange) -> None:
    order = exchange.submit(0, 0, ETH, "BUY", "MARKET", "GTC", None, 1_000, "m1", False)["order"]
    assert (order["status"], order["cum_qty"], order["price"]) == ("FILLED", 1_000, 0)
    events = exchange.take_events()
    trades = [event for event in events if event.get("exec") == "TRADE"]
    fees = sum(Decimal(event["fee"]) for event in trades)
    assert {event["fee_currency"] for event in trades} == {"USDT"}
    futures = exchange.account(0)["futures"]
    assert Decimal(futures["wallet"]) == 5_000 - fees
    [position] = futures["positions"]
    entry = Decimal(order["cum_quote"])
    assert (position["instrument"], position["qty"], position["leverage"]) == (ETH, 1_000, 20)
    assert Decimal(position["entry"]) == entry
    assert Decimal(position["unrealised"]) == Decimal(position["mark"]) / 100 - entry
    assert Decimal(position["initial_margin"]) == Decimal(position["mark"]) / 2_000
    assert 0 < position["liquidation"] < position["mark"] or position["liquidation"] == 0
    told = [event for event in events if event["kind"] == "position"][-1]
    assert set(told) == {"kind", "ts", "account", "instrument", "qty", "entry", "realised", "unrealised"}
    assert exchange.set_leverage(0, ETH, 50) == {"leverage": 50}
    mark = exchange.mark(ETH)
    assert set(mark) == {"mark", "index", "rate", "next_funding", "open_interest"}
    assert (mark["open_interest"], mark["next_funding"]) == (1_000, START + 8 * 3_600 * SECOND)
    assert Decimal(mark["rate"]).as_tuple().exponent == -9


def test_trades_of_accounts_are_prints_of_the_market(exchange: _core.Exchange) -> None:
    prints = 0
    fresh = make()
    fresh.open_account({"USDT": "5000"}, {})
    for step in range(1, 20):
        fresh.submit(START + step * SECOND, 0, BTC, "BUY", "MARKET", "GTC", None, 100_000, "", False)
        rows = MarketColumns(**fresh.advance(0)[BTC][1])
        trades = np.flatnonzero((rows.flags & KIND) == TRADE)
        prices, sizes = rows.price_base + rows.price.astype(np.int64), rows.qty.astype(np.int64) * rows.qty_scale
        for event in fresh.take_events():
            if event.get("exec") == "TRADE":
                at = trades[event["trade_id"] - 1 - prints]
                assert (event["last_price"], event["last_qty"]) == (prices[at], sizes[at])
                assert event["ts"] == rows.ts_event[at]
        prints += len(trades)
    assert prints > 100


def test_update_ids_count_delta_rows_and_the_first_market_is_the_seeded_one() -> None:
    exchange = make(11)
    alone = _core.SeededMarket(11, SIMULATED.find(IDS[0]).to_json(), START)
    for second in range(1, 4):
        (at, rows), (_, _) = exchange.advance(START + second * SECOND)
        expected = alone.advance(START + second * SECOND)
        assert at == BTC
        assert all(np.array_equal(rows[key], expected[key]) for key in rows)  # type: ignore[literal-required]
    again = make(11)
    flags = np.concatenate([again.advance(START + 3 * SECOND)[BTC][1]["flags"]])
    deltas = int(np.count_nonzero((flags & KIND) == DELTA))
    assert exchange.depth(BTC, 1)["last_update_id"] == again.depth(BTC, 1)["last_update_id"] == deltas


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("BUI", "LIMIT", "GTC", 5_000_000, 10_000), -1117, "Invalid side."),
        (("BUY", "STOP", "GTC", 5_000_000, 10_000), -1116, "Invalid orderType."),
        (("BUY", "LIMIT", "GTD", 5_000_000, 10_000), -1115, "Invalid timeInForce."),
        (("BUY", "LIMIT", "GTC", 5_000_000, 10_001), -1013, "Filter failure: LOT_SIZE"),
        (("BUY", "LIMIT", "GTC", 5_000_000, 1_000), -1013, "Filter failure: NOTIONAL"),
        (("BUY", "LIMIT", "GTC", 5_000_000, 100_000_000), -2010, "Account has insufficient balance for requested"),
        (("BUY", "LIMIT_MAKER", "GTC", 6_500_000, 10_000), -2010, "Order would immediately match and take."),
    ],
)
def test_what_is_refused_is_an_answer(
    exchange: _core.Exchange, words: tuple[str, str, str, int, int], code: int, message: str
) -> None:
    side, kind, tif, price, qty = words
    answer = exchange.submit(0, 0, BTC, side, kind, tif, price, qty, "", False)
    assert answer["error"] == code
    assert answer["message"].startswith(message)
    assert exchange.take_events() == []
    assert exchange.cancel(0, 0, BTC, 99, None) == {"error": -2011, "message": "Unknown order sent."}
    assert exchange.amend(0, 0, ETH, 99, None, 1, 1)["error"] == -2013


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda it: it.account(1), "account must be below 1, was 1"),
        (lambda it: it.depth(2, 5), "instrument must be below 2, was 2"),
        (lambda it: it.open_account({"EUR": "5"}, {}), "no instrument here trades `EUR`"),
        (lambda it: it.open_account({"USDT": "-5"}, {}), "a deposit must be ≥ 0"),
        (lambda it: it.open_account({"USDT": "x"}, {}), "deposit `x` of USDT is not a decimal number"),
        (lambda it: it.open_account({}, {"BTC": "1"}), "perpetuals settle in USDT, not BTC"),
        (lambda it: _core.Exchange(1, [], 0, [1.0]), "values must be one for each of 0 instruments"),
        (lambda it: _core.Exchange(1, ["{}"], 0, [1.0]), "missing field"),
        (lambda it: _core.Exchange(1, [SIMULATED.all[0].to_json()], 0, [0.001]), "value must be 10 to 10¹³ ticks"),
    ],
)
def test_wrong_use_is_named(exchange: _core.Exchange, call: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        call(exchange)
    assert message in caught.value.message


def test_the_same_calls_get_the_same_answers() -> None:
    def session() -> str:
        exchange = make(3)
        exchange.open_account({"USDT": "5000"}, {"USDT": "5000"})
        answers: list[Any] = []
        for step in range(50):
            bid = exchange.depth(ETH, 1)["bids"][0][0] if step else 300_000
            answers.append(
                exchange.submit(START + step * SECOND // 7, 0, ETH, "BUY", "LIMIT", "GTC", bid, 20, "", False)
            )
            answers.append([int(rows["price"].sum()) for _, rows in exchange.advance(0)])
            answers.append(exchange.take_events())
        return json.dumps([answers, exchange.account(0)])

    assert session() == session()
