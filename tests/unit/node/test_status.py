"""What a trader shows of itself."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from kedge import _core
from kedge.node.status import StatusBoard
from tests.unit.backtest.live_sessions import PERPETUAL, SPOT, START, opened, specification

DAY = 86_400 * 10**9
UNIT = 10**16


def used_of_daily_loss(folder: Path, books: str, now: int) -> str:
    """The first strategy's loss of the day as its status shows it, in a session that begins with books."""
    spec = specification()
    spec.seats[0].limits["daily_loss"] = "200"
    session = opened(spec, folder, books, now=now)
    session.start(now)
    shown = StatusBoard(spec, [], Decimal(10_000)).risk(session.values())
    session.close(now)
    return next(str(limit["used"]) for limit in shown if limit["limit"] == "daily_loss")


def test_the_loss_shown_is_that_of_the_day_also_after_a_restart(tmp_path: Path) -> None:
    empty, _ = _core.recover_books([json.dumps(SPOT), json.dumps(PERPETUAL)], [0, 1, 1], [])
    books = json.loads(empty)
    # 90 lost in all, 60 of it before the day began.
    books["positions"][0]["realised"] = str(-90 * UNIT)
    books["day"] = START // DAY
    nothing = {"day_start": "0", "now": "0"}
    books["pnl"] = [{"day_start": str(-60 * UNIT), "now": str(-90 * UNIT)}, nothing, nothing]
    text = json.dumps(books)
    assert Decimal(used_of_daily_loss(tmp_path / "same", text, START)) == 30
    assert Decimal(used_of_daily_loss(tmp_path / "next", text, START + DAY)) == 0
