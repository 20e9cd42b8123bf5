"""What a strategy is called for, what it sees, and what its wishes become."""

from __future__ import annotations

import pytest

from kedge.model.columns import SELL
from tests.unit.strategies.small_market import MS, PERPETUAL, START, SmallMarket, quiet_market, run_source

RECORDER = """
from kedge import Strategy

class Recorder(Strategy):
    def on_start(self, ctx):
        self.seen = [("start", ctx.now)]
        ctx.every("250ms")
        ctx.bars("500ms")

    def on_stop(self, ctx):
        self.seen.append(("stop", ctx.now))

    def on_timer(self, ctx, timer):
        self.seen.append(("timer", ctx.now, timer))

    def on_bar(self, ctx, bar):
        self.seen.append(("bar", ctx.now, bar.open, bar.close, bar.volume, bar.trades))

    def on_trade(self, ctx, trade):
        self.seen.append(("trade", ctx.now, trade.price, trade.size, trade.side, trade.time))

    def on_book(self, ctx, book):
        self.seen.append(("book", ctx.now, book.bid, book.ask, book.bid_size, book.in_sync))
"""


def test_callbacks_come_in_the_order_of_arrival():
    market = SmallMarket().snapshot(0, [(6_000_000, 10**8)], [(6_000_010, 2 * 10**8)])
    market.trade(100, 0, 6_000_010, 50_000_000).level(200, SELL, 6_000_010, 150_000_000).trade(
        249, SELL, 6_000_000, 100
    )
    market.trade(600, 0, 6_000_010, 1)
    seen = run_source(RECORDER, market).strategies[0].seen
    at = [(what[0], (what[1] - START) // MS) for what in seen]
    # A timer at 250 ms sees the trade that arrived at the same moment; bars close on whole half seconds.
    assert at == [
        ("start", 0),
        ("book", 1),
        ("trade", 101),
        ("book", 201),
        ("trade", 250),
        ("timer", 250),
        ("bar", 500),
        ("timer", 500),
        ("trade", 601),
        ("stop", 601),
    ]
    assert seen[1][2:] == (60_000.0, 60_000.1, 1.0, True)
    assert seen[2][2:] == (60_000.1, 0.5, "buy", START + 100 * MS)
    assert seen[6][2:] == (60_000.1, 60_000.0, pytest.approx(0.500001), 2)


def test_what_is_not_defined_is_not_called():
    outcome = run_source("from kedge import Strategy\nclass Quiet(Strategy):\n    pass\n")
    assert outcome.tables["records"] == 1  # the deposit


def test_a_view_before_the_book_is_not_a_number():
    source = """
from kedge import Strategy
class Early(Strategy):
    def on_start(self, ctx):
        book = ctx.book
        self.early = (book.bid, book.mid, book.microprice, book.in_sync, book.bid_ticks, ctx.last, ctx.position)
        ctx.quote(book.microprice - 1, book.microprice + 1, 0.01)
        ctx.quote(None, None, 0.01)
"""
    early = run_source(source).strategies[0].early
    assert [value != value for value in early[:3]] == [True, True, True]
    assert early[3:] == (False, None, None, 0.0)


ORDERS = """
import decimal
from kedge import Strategy, Ticks

class Orders(Strategy):
    def on_start(self, ctx):
        ctx.every("300ms")
        self.told, self.turn = [], 0

    def on_timer(self, ctx, timer):
        self.turn += 1
        if self.turn == 1:
            self.ids = [
                ctx.buy(0.01, 60000),                           # an int is a price
                ctx.buy(0.01, decimal.Decimal("59999.99")),
                ctx.buy(0.01, Ticks(5999998)),
                ctx.buy(0.0100049, 59999.976, tif="post_only"), # snaps away: 59,999.97, and down to 0.01
                ctx.buy(0.002),                                 # at market
            ]
        if self.turn == 2:
            self.open = [(o.id, o.price, o.size, o.tif, o.state) for o in ctx.orders]
            ctx.amend(self.ids[1], price=59999.95)
            ctx.cancel(self.ids[2])
            ctx.cancel(10_000)
        if self.turn == 3:
            self.left = [(o.id, o.price) for o in ctx.orders]
            ctx.cancel_all()

    def on_fill(self, ctx, fill):
        self.told.append((fill.side, fill.price, fill.size, fill.liquidity, fill.fee, fill.order_state, ctx.position))

    def on_order(self, ctx, order):
        self.told.append((order.id, order.state))
"""


def test_orders_take_ticks_decimals_ints_and_floats():
    strategy = run_source(ORDERS).strategies[0]
    first = strategy.ids
    assert strategy.open == [
        (first[0], 60_000.0, 0.01, "gtc", "accepted"),
        (first[1], 59_999.99, 0.01, "gtc", "accepted"),
        (first[2], pytest.approx(59_999.98), 0.01, "gtc", "accepted"),
        (first[3], pytest.approx(59_999.97), 0.01, "post_only", "accepted"),
    ]
    assert strategy.left == [(first[0], 60_000.0), (first[1], 59_999.95), (first[3], pytest.approx(59_999.97))]
    assert ("buy", 60_000.1, 0.002, "taker", 0.000002, "filled", pytest.approx(0.001998)) in strategy.told
    assert [told for told in strategy.told if told[1:] == ("canceled",)] == [
        (first[2], "canceled"),
        (first[0], "canceled"),
        (first[1], "canceled"),
        (first[3], "canceled"),
    ]


def test_a_target_is_reached_once_and_turned():
    source = """
from kedge import Strategy
class Target(Strategy):
    def on_start(self, ctx):
        ctx.every("100ms")
        self.turn, self.positions = 0, []
    def on_timer(self, ctx, timer):
        self.turn += 1
        self.positions.append(ctx.position)
        ctx.target(0.01 if self.turn < 6 else -0.02)
"""
    outcome = run_source(source, quiet_market(base=600_000), PERPETUAL)
    assert outcome.strategies[0].positions[1:5] == [0.01] * 4
    assert outcome.strategies[0].positions[-1] == -0.02
    assert len(outcome.tables["orders"]["order_id"]) == 2


def test_randomness_is_seeded_and_apart_for_each_strategy():
    source = """
from kedge import Strategy
class Dice(Strategy):
    def on_start(self, ctx):
        self.drawn = [ctx.rng.random(), ctx.rng.normal(), ctx.rng.integer(0, 10)]
"""
    drawn = [run_source(source, seed=seed).strategies[0].drawn for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("source", [RECORDER, ORDERS], ids=["recorder", "orders"])
def test_by_step_is_in_bulk(source):
    bulk, step = run_source(source), run_source(source, step=True)
    assert bulk.tables["trace_hash"] == step.tables["trace_hash"]
    assert vars(bulk.strategies[0]) == vars(step.strategies[0])
