"""What earlier sessions left behind, also where one of them died before it had settled anything."""

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kedge import _core
from kedge.execution.client_ids import first_order
from kedge.journal import Kind
from kedge.model.errors import UnsafeStateError
from kedge.node.folders import DataFolder
from kedge.node.sessions import last_session
from kedge.strategies.strategy import Strategy

SPOT = {
    "id": "BTC/USDT@simulated",
    "symbol": "BTCUSDT",
    "kind": "spot",
    "tick_size": "0.01",
    "lot_size": "0.00001",
    "quantity_step_in_data": "0.00000001",
    "min_notional": "5",
    "maker_fee": "0.001",
    "taker_fee": "0.001",
}
ENGINE = {"seed": 1, "sample_ns": 0, "queue": "risk_averse", "partial_fills": True, "entry_ns": 0, "response_ns": 0}
FRAMES = (
    '{"e":"depthUpdate","E":1750000000000,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}',
    '{"lastUpdateId":2,"bids":[["60000.00","1.0"]],"asks":[["60010.00","1.0"]]}',
    '{"e":"depthUpdate","E":1750000000100,"s":"BTCUSDT","U":3,"u":3,"b":[["59999.00","1.0"]],"a":[]}',
)


class Buys(Strategy):
    """One limit order, on the first change of the book."""

    def on_start(self, ctx: Any) -> None:
        self.sent = False

    def on_book(self, ctx: Any, book: Any) -> None:
        if not self.sent:
            self.sent = True
            ctx.buy(0.01, price=59000)


def begin(folder: DataFolder, epoch: int, left_books: str | None) -> _core.LiveSession:
    header = {
        "instruments": [SPOT],
        "strategies": [{"name": "buys", "instrument": 0}],
        "engine": {"balances": {"USDT": "10000"}},
        "account": "simulated-1",
        "trader": "k1",
    }
    folder.journal.mkdir(parents=True, exist_ok=True)
    return _core.LiveSession(
        json.dumps({**ENGINE, "balances": {"USDT": "10000"}, "keep_records": True}),
        [(json.dumps(SPOT), "spot")],
        [(0, "{}", Buys(), Strategy)],
        str(folder.session(epoch)),
        bytes([epoch]) * 16,
        json.dumps(header),
        left_books,
        first_order(epoch),
        time.time_ns(),
    )


def commit(session: _core.LiveSession) -> None:
    """Waits until all that was appended is durable: the second commit from here on takes it, if not the first."""
    for _ in range(2):
        before = session.durable()
        session.note(Kind.STATUS, "{}", time.time_ns())
        while session.durable() <= before:
            time.sleep(0.002)


def trade(folder: DataFolder) -> int:
    """A first session that dies with one order accepted and filled in part. Returns the order."""
    session = begin(folder, 1, None)
    session.note(Kind.RECONCILED, "{}", time.time_ns())
    session.start(time.time_ns())
    for frame in FRAMES:
        session.message(0, frame.encode(), time.time_ns())
    (command,) = session.commands()
    order = int(command["order"])
    session.report(order, "accepted", 1, time.time_ns())
    session.report(order, "filled", 2, time.time_ns(), price="59000", quantity="0.002", trade=7, fee="0.000002")
    commit(session)
    return order


def earlier_fill(session: _core.LiveSession, order: int, trade: int) -> None:
    session.earlier_fill(order, 0, 0, "buy", "59000", "0.003", trade, True, "0.000003", time.time_ns())


def test_a_session_that_died_in_its_start_leaves_what_it_had_found(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    order = trade(folder)
    first = last_session(folder)
    assert [(o.order, o.filled, o.last_trade) for o in first.orders] == [(order, "0.00200000", 7)]

    second = begin(folder, 2, first.books)
    commit(second)
    left = last_session(folder)
    assert left.epoch == 2
    assert json.loads(left.books or "")["balances"] == json.loads(first.books or "")["balances"]
    assert [order, "0.00200000", 7] == [left.orders[0].order, left.orders[0].filled, left.orders[0].last_trade]

    third = begin(folder, 3, left.books)
    earlier_fill(third, order, 9)
    commit(third)
    left = last_session(folder)
    assert [(o.order, Decimal(o.filled), o.last_trade) for o in left.orders] == [(order, Decimal("0.005"), 9)]
    assert json.loads(left.books or "")["positions"][0]["qty"] == 199_800 + 299_700, "booked once"

    fourth = begin(folder, 4, left.books)
    fourth.note(Kind.RECONCILED, "{}", time.time_ns())
    commit(fourth)
    assert last_session(folder).orders == [], "its start was finished"


def test_files_that_were_only_being_made_are_passed_over(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    order = trade(folder)
    session = begin(folder, 2, last_session(folder).books)
    commit(session)
    path = folder.session(2)
    whole = (path / "decisions.kj").read_bytes()
    for length in (0, 10, 44, 60, 300):
        (path / "decisions.kj").write_bytes(whole[:length])
        (path / "durable").unlink(missing_ok=True)
        left = last_session(folder)
        assert (left.epoch, [o.order for o in left.orders]) == (2, [order]), length
    for file in list(path.iterdir()):
        file.unlink()
    assert last_session(folder).epoch == 2, "its number is not used again"


def test_a_header_that_had_been_durable_is_damage(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    trade(folder)
    path = folder.session(1) / "decisions.kj"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UnsafeStateError, match=r"decisions\.kj: damaged at byte 44"):
        last_session(folder)


def test_a_folder_without_sessions_has_left_nothing(tmp_path: Path) -> None:
    left = last_session(DataFolder(tmp_path))
    assert (left.epoch, left.books, list(left.orders), left.closed) == (0, None, [], True)
