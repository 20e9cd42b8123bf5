"""Orders with further terms, as a Python strategy asks for them: each kind by itself, and what is refused and how."""

from __future__ import annotations

import pytest

from kedge.model.columns import SELL
from kedge.model.errors import StrategyError
from tests.unit.strategies.small_market import MS, PERPETUAL, START, SmallMarket, run_source

TELLER = """
import decimal
from kedge import Strategy, Ticks

class Orders(Strategy):
    def on_start(self, ctx):
        self.told, self.turn = [], 0
        ctx.every("150ms")

    def on_timer(self, ctx, timer):
        self.turn += 1
        if self.turn == 1:
            {line}

    def on_fill(self, ctx, fill):
        self.told.append((fill.order_id, fill.liquidity, round(fill.price, 2), round(fill.size, 8)))

    def on_order(self, ctx, order):
        state = "triggered" if order.triggered and order.filled == 0 else order.state
        self.told.append((order.id, state, order.reason))
"""


def market(mark: bool = False) -> SmallMarket:
    """60,000.00 × 1 / 60,000.10 × 1; sold down to 59,990, bought up to 60,020."""
    made = SmallMarket().snapshot(0, [(6_000_000, 10**8), (5_999_000, 10**9)], [(6_000_010, 10**8), (6_002_000, 10**9)])
    made.trade(100, 0, 6_000_010, 1_000)
    made.trade(400, SELL, 6_000_000, 150_000_000).trade(500, SELL, 5_999_000, 10_000)
    return made.trade(700, 0, 6_000_010, 110_000_000).trade(900, 0, 6_002_000, 10_000)


def told(line: str, **more: object) -> list[tuple[object, ...]]:
    """What the strategy was told after asking for this at 150 ms."""
    balances = {"USDT": "100000", "BTC": "2"}
    return run_source(TELLER.format(line=line), market(), balances=balances, **more).strategies[0].told


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "ctx.sell(0.5, stop=59990)",
            [(1, "accepted", ""), (1, "triggered", ""), (1, "taker", 60_000.0, 0.5)],
        ),
        (
            "ctx.sell(0.5, 60005, stop=59990)",
            [(1, "accepted", ""), (1, "triggered", ""), (1, "maker", 60_005.0, 0.0001)],
        ),
        (
            "ctx.sell(0.5, take_profit=60020)",
            [(1, "accepted", ""), (1, "triggered", ""), (1, "taker", 60_000.0, 0.5)],
        ),
        (
            "ctx.sell(0.5, trailing='1bp')",
            [(1, "accepted", ""), (1, "triggered", ""), (1, "taker", 60_000.0, 0.5)],
        ),
        ("ctx.sell(0.5, stop=60001)", [(1, "rejected", "would_trigger_immediately")]),
        ("ctx.sell(0.5, stop=59990, trigger_by='mark')", [(1, "rejected", "no_mark_price")]),
        (
            "ctx.buy(0.3, 60000, display=0.1)",
            [(1, "accepted", ""), (1, "maker", 60_000.0, 0.1), *[(1, "maker", 60_000.0, 0.0001)] * 1],
        ),
        (
            "ctx.buy(0.3, 59000, until='100ms')",
            [(1, "accepted", ""), (1, "expired", "time_over")],
        ),
        (
            "ctx.oco('sell', 0.5, price=60010, stop=59990)",
            [
                (1, "accepted", ""),
                (2, "accepted", ""),
                (2, "triggered", ""),
                (1, "expired", "group_ended"),
                (2, "taker", 60_000.0, 0.5),
            ],
        ),
        (
            "ctx.sell(0.5, 60001); ctx.buy(0.5, 60001, self_trade='expire_maker')",
            [(1, "accepted", ""), (2, "accepted", ""), (2, "taker", 60_000.1, 0.5), (1, "maker", 60_001.0, 0.0001)],
        ),
    ],
)
def test_each_kind_does_what_it_says(line: str, expected: list[tuple[object, ...]]) -> None:
    assert told(line) == expected


def test_a_reduce_only_order_closes_and_no_more() -> None:
    line = "ctx.buy(0.5); ctx.sell(9, stop=59990, reduce_only=True)"
    perpetual = {**PERPETUAL, "tick_size": "0.01", "lot_size": "0.001", "quantity_step_in_data": "0.00000001"}
    assert told(line, instrument=perpetual)[-3:] == [
        (2, "triggered", ""),
        (2, "taker", 60_000.0, 0.5),
        (2, "expired", "reduce_only"),
    ]


def test_an_order_shows_its_terms() -> None:
    source = """
from kedge import Strategy
class Shows(Strategy):
    def on_start(self, ctx):
        ctx.every("300ms")
        self.seen = []
    def on_timer(self, ctx, timer):
        if not self.seen:
            ctx.buy(0.2, 59000, stop=60030, until=ctx.now + 10**9, group=ctx.group(), display=0.1)
        self.seen = [
            (o.trigger, o.trigger_price, o.triggered, o.display, o.reduce_only, o.until, o.group) for o in ctx.orders
        ] or ["sent"]
"""
    strategy = run_source(source, market(), balances={"USDT": "100000"}).strategies[0]
    assert strategy.seen == [("stop", 60_030.0, False, 0.1, False, START + 1_300 * MS, 1)]


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        ("buy(0.1, stop=decimal.Decimal('60000.005'))", "stop must be a multiple of the tick 0.01, was 60000.005", ""),
        ("buy(0.1, stop=-1)", "stop must be above 0, was -1", "pulls the trigger"),
        ("buy(0.1, stop=60001, take_profit=59000)", "one of stop, take_profit and trailing", "ctx.oco"),
        ("buy(0.1, trailing=0.5)", 'trailing must be "0.01%" to "99.99%", in whole basis points, was 0.5', '"50bp"'),
        ("buy(0.1, trailing='0.005%')", "was '0.005%'", ""),
        ("buy(0.1, trailing='10000bp')", "was '10000bp'", ""),
        ("buy(0.1, activate=61000)", "activate belongs to trailing", "both or neither"),
        ("buy(0.1, trigger_by='mark')", "trigger_by belongs to stop, take_profit or trailing", ""),
        ("buy(0.1, stop=61000, trigger_by='index')", 'trigger_by must be "last" or "mark", was \'index\'', ""),
        ("buy(0.1, 59000, display=0.2)", "display must be 0.00001 to the size, 0.10000000, was 0.2", "show a part"),
        ("buy(0.1, 59000, display=-0.1)", "display must be 0.00001 to the size", ""),
        ("buy(0.1, display=0.05)", "display belongs to an order that rests", "give a price"),
        ("buy(0.1, 59000, until=5)", "until must be after now (1700000000150000000), was 5", '"30s"'),
        ("buy(0.1, 59000, until='soon')", "was soon", ""),
        ("buy(0.1, until='1s')", "until belongs to an order that rests or waits", ""),
        ("sell(0.1, reduce_only=True)", "reduce_only is for perpetuals, BTC/USDT@binance is spot", "not held"),
        ("sell(0.1, reduce_only='yes')", "reduce_only must be True or False, was yes", ""),
        ("buy(0.1, 59000, group=-1)", "group must be a number that ctx.group() gave, was -1", ""),
        ("buy(0.1, self_trade='cancel')", 'self_trade must be "expire_taker" or "expire_maker" or', ""),
        ("buy(0.1, stp='expire_maker')", "an order has no `stp`", "did you mean `stop`?"),
        ("buy(0.1, takeprofit=61000)", "an order has no `takeprofit`", "did you mean `take_profit`?"),
        ("buy(0.1, reduceonly=True)", "an order has no `reduceonly`", "did you mean `reduce_only`?"),
        ("oco('sell', 0.1, price=59000, stop=61000)", "price must be above stop for a sell, were 59000 and 61000", ""),
        ("oco('long', 0.1, price=61000, stop=59000)", 'side must be "buy" or "sell", was "long"', ""),
        ("oco('sell', 0.1, price=61000, stop=59000, display=0.1)", "ctx.oco takes no `display`", "group=ctx.group()"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(call: str, message: str, hint: str) -> None:
    with pytest.raises(StrategyError) as caught:
        told(f"ctx.{call}")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
