"""A journaled run that asks for every order type is computed again from its journal, decision for decision."""

from __future__ import annotations

from pathlib import Path

import pytest

import kedge as package
from kedge import _core
from tests.integration.test_recorded_backtests import kedge

EVERY_KIND = """
from kedge import Strategy

class EveryKind(Strategy):
    def on_start(self, ctx):
        ctx.every("500ms")
        self.turn = 0

    def on_timer(self, ctx, timer):
        book, tick, small = ctx.book, ctx.tick, 0.01
        if not book.in_sync or len(ctx.orders) > 12:
            return
        self.turn += 1
        kinds = [
            lambda: ctx.buy(small),
            lambda: ctx.buy(small, book.bid - 500 * tick, until="1s"),
            lambda: ctx.buy(small, book.ask, tif="ioc"),
            lambda: ctx.buy(small, book.ask, tif="fok"),
            lambda: ctx.buy(small, book.bid, tif="post_only"),
            lambda: ctx.sell(small / 2, stop=book.bid - 20 * tick),
            lambda: ctx.sell(small / 2, book.bid - 30 * tick, stop=book.bid - 10 * tick),
            lambda: ctx.sell(small / 2, take_profit=book.ask + 20 * tick),
            lambda: ctx.sell(small / 2, book.ask + 20 * tick, take_profit=book.ask + 10 * tick),
            lambda: ctx.sell(small / 2, trailing="1bp"),
            lambda: ctx.sell(small / 2, trailing="1bp", activate=book.ask + 5 * tick),
            lambda: ctx.buy(4 * small, book.bid, display=small, until="2s"),
            lambda: ctx.oco("sell", small / 2, price=book.ask + 5 * tick, stop=book.bid - 20 * tick),
            lambda: (ctx.sell(small / 2, book.ask), ctx.buy(small, book.ask + tick, self_trade="expire_maker")),
            lambda: ctx.buy(small, stop=book.ask + 10 * tick, trigger_by="mark"),
            lambda: ctx.sell(small / 2, stop=book.ask + 1000 * tick),
        ]
        if self.turn % 17 == 16:
            ctx.cancel_all()
        else:
            kinds[self.turn % 17 % len(kinds)]()
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "every_kind.py").write_text(EVERY_KIND)
    found = kedge("backtest", "every_kind.py", "--seeded", "1m", "--seed", "5", "--journal", cwd=folder)
    return folder / found["run"]


def test_every_order_type_is_replayed(run: Path) -> None:
    found = kedge("replay", run, cwd=run.parent)
    assert found["commands_equal"] is True
    assert found["trace_hash"] == found["journal_trace_hash"]


def test_every_order_type_came_to_something(run: Path) -> None:
    orders = package.load(run).orders
    reasons = set(orders["reason"].to_list())
    assert {"would_trigger_immediately", "no_mark_price", "group_ended", "time_over"} <= reasons, reasons
    assert len(orders.filter(orders["state"] == "filled")) > 20
    assert _core.JournalReader(str(run / "journal")).header
