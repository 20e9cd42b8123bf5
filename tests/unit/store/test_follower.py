import json
import random
import sqlite3
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from kedge import _core
from kedge.execution.client_ids import client_id
from kedge.journal import Kind, market_block
from kedge.model.columns import TRADE
from kedge.model.errors import UnsafeStateError
from kedge.store import comparison
from kedge.store.follower import Follower, rebuild
from kedge.store.queries import Tables
from tests.unit.store.traded import DEFINITIONS, START, Traded

LATER = START + 3_600_000_000_000


def following(folder: Path, name: str = "tables.sqlite") -> Follower:
    return Follower(folder / "journal", folder / name, client_id)


def rows(folder: Path, query: str, name: str = "tables.sqlite") -> list[tuple]:
    with closing(sqlite3.connect(folder / name)) as database:
        return database.execute(query).fetchall()


def digest_of_rebuild(folder: Path) -> dict[str, str]:
    rebuild(folder / "journal", folder / "again.sqlite", client_id)
    with following(folder, "again.sqlite") as again:
        return again.digest()


@pytest.mark.parametrize("seed", range(3))
def test_following_live_gives_the_same_rows_as_a_rebuild(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    traded = Traded(tmp_path, seed=seed, limits=({}, {"order_notional": "10"})).begin()
    follower = following(tmp_path)
    for n in range(90):
        traded.step()
        if n % 7 == 3:
            traded.status()
        if n == 20:
            traded.depth(0, [], [], skip=3)
        if n == 25:
            traded.snapshot(0)
        if n == 30:
            traded.session.halt(traded.now)
            traded.answer()
        if n == 35:
            traded.session.resume(traded.now)
        if chance.random() < 0.3:
            follower.step(chance.randint(1, 2_000))
        if chance.random() < 0.1:
            # A process that ends anywhere goes on where its file stands, and need not begin anew.
            assert follower.made == 0
            follower.close()
            follower = following(tmp_path)
    traded.reconcile("periodic", [{"what": "balance of USDT", "ours": "1", "venue": "2", "action": "shown"}])
    traded.close()
    follower.catch_up()
    with follower:
        assert follower.session is not None
        assert follower.session.core.closed
        assert follower.made == 0
        assert follower.digest() == digest_of_rebuild(tmp_path)
    counts = {
        table: rows(tmp_path, f"SELECT count(*) FROM {table}")[0][0] for table in ("fills", "refusals", "candles")
    }
    assert all(counts.values()), counts


def test_positions_cash_and_open_orders_are_the_engines(tmp_path: Path) -> None:
    traded = Traded(tmp_path).begin().run(120)
    with following(tmp_path) as follower:
        follower.catch_up()
        assert follower.session is not None
        held = follower.session.core.positions(follower.session.rows.seats)
        values = traded.session.values()
        assert [Decimal(row[0]) for row in held] == [Decimal(value[0]) for value in values["strategies"]]
        for row, value in zip(held, values["strategies"], strict=True):
            pnl = Decimal(row[4]) + Decimal(row[3] or 0) - Decimal(row[5])
            assert pnl == Decimal(int(value[1])) / 10**16
            assert Decimal(row[5]) == Decimal(int(value[2])) / 10**16
        assert len(rows(tmp_path, "SELECT 1 FROM fills")) == values["fills"] > 20
        cash: dict[str, Decimal] = defaultdict(Decimal)
        for currency, amount in rows(tmp_path, "SELECT currency, amount FROM postings WHERE account = 'cash'"):
            cash[currency] += Decimal(amount)
        assert {code: Decimal(int(amount)) / 10**16 for code, amount in values["balances"]} == {"ETH": 0, **cash}
        mine = rows(tmp_path, "SELECT id, side, price, quantity, filled, state FROM orders WHERE open ORDER BY id")
        theirs = sorted(traded.session.open_orders())
        assert [(row[0], row[1], row[2], Decimal(row[3]), Decimal(row[4]), row[5]) for row in mine] == [
            (order[0], order[3], order[4], Decimal(order[5]), Decimal(order[6]), order[7]) for order in theirs
        ]
        assert rows(tmp_path, "SELECT client_id FROM orders LIMIT 1") == [(client_id("k1", traded.sent[0]),)]


def test_candles_are_the_trades(tmp_path: Path) -> None:
    traded = Traded(tmp_path).begin().run(150)
    traded.close()
    with following(tmp_path) as follower:
        follower.catch_up()
    candles: dict[tuple[str, int, int], list[int]] = {}
    for record in _core.JournalReader(str(traded.path)):
        if record[2] != Kind.MARKET:
            continue
        stream, block = market_block.decode(record[5])
        for at in range(len(block.flags)):
            if block.flags[at] & 15 == TRADE:
                price, quantity = int(block.price[at]) + block.price_base, int(block.qty[at]) * block.qty_scale
                for length in (1, 5, 60, 300):
                    second = int(block.ts_event[at]) // 10**9
                    key = (DEFINITIONS[stream]["id"], length, second - second % length)
                    bar = candles.setdefault(key, [price, price, price, price, 0])
                    bar[1:4] = max(bar[1], price), min(bar[2], price), price
                    bar[4] += quantity
    found = {row[:3]: list(row[3:]) for row in rows(tmp_path, "SELECT * FROM candles")}
    assert found == candles
    assert len(found) >= 40


def test_books_gaps_and_queues_are_followed(tmp_path: Path) -> None:
    traded = Traded(tmp_path).begin()
    traded.now += 150_000_000
    traded.session.tick(traded.now)
    traded.answer()
    traded.commit()
    with following(tmp_path) as follower:
        follower.catch_up()
        assert follower.session is not None
        core = follower.session.core
        book = core.book(0, 3)
        assert (book["state"], book["bid"], book["ask"]) == ("in_sync", "59999.95", "60000.05")
        assert len(book["bids"]) == 3
        bid = next(order for order in traded.session.open_orders() if order[3] == "buy")
        traded.depth(0, [[bid[4], "0.51"]], [])
        traded.commit()
        follower.catch_up()
        assert core.book(0, 1)["bids"] == [(bid[4], "0.51", "0.01", "0")]
        traded.depth(0, [], [], skip=5)
        traded.commit()
        follower.catch_up()
        assert core.book(0, 1)["state"] == "gap"
        traded.snapshot(0)
        traded.commit()
        follower.catch_up()
        assert core.book(0, 1)["state"] == "in_sync"
    kinds = rows(tmp_path, "SELECT kind FROM events WHERE instrument = 'BTC/USDT@simulated' ORDER BY seq, n")
    assert [kind for (kind,) in kinds][:2] == ["resync", "gap"]
    assert kinds[-1] == ("resync",)


def test_a_killed_session_is_read_to_its_end_and_the_next_one_settles_its_orders(tmp_path: Path) -> None:
    first = Traded(tmp_path).begin().run(33)
    open_before = sorted(order[0] for order in first.session.open_orders())
    assert open_before
    del first.session  # as killed: nothing is closed
    with following(tmp_path) as follower:
        follower.catch_up()
        assert rows(tmp_path, "SELECT state FROM sessions") == [("ended",)]
        assert rows(tmp_path, "SELECT level FROM events ORDER BY seq DESC LIMIT 1") == [("bad",)]
        second = Traded(tmp_path, epoch=2, now=LATER)
        second.commit()
        follower.catch_up()
        doubt = rows(tmp_path, "SELECT id, state, reason, open FROM orders WHERE state = 'unknown' ORDER BY id")
        assert doubt == [(order, "unknown", "session_ended", 0) for order in open_before]
        earlier = open_before[0]
        side, quantity, filled = rows(tmp_path, f"SELECT side, quantity, filled FROM orders WHERE id = {earlier}")[0]
        assert second.session.earlier_fill(earlier, 0, 0, side, "60000.00", "0.004", 9_999, True, "0", LATER)
        name = client_id("k1", earlier)
        difference = {"what": f"order {name}", "ours": "accepted", "venue": "canceled", "action": "closed"}
        second.reconcile("start", [difference])
        second.commit()
        follower.catch_up()
        state = rows(tmp_path, f"SELECT state, filled FROM orders WHERE id = {earlier}")
        assert (state, filled, quantity) == ([("canceled", "0.004")], "0", "0.01")
        assert rows(tmp_path, f"SELECT trade_id, price, epoch FROM fills WHERE order_id = {earlier}")[-1] == (
            "9999", "60000.00", 2,
        )  # fmt: skip
        assert not rows(tmp_path, "SELECT 1 FROM orders WHERE state = 'unknown'")
        second.close()
        follower.catch_up()
        assert follower.digest() == digest_of_rebuild(tmp_path)


@pytest.mark.parametrize("damage", ["noise", "middle", "version"])
def test_a_file_that_cannot_be_used_is_made_again_and_says_so(tmp_path: Path, damage: str) -> None:
    Traded(tmp_path).begin().run(60).close()
    with following(tmp_path) as follower:
        follower.catch_up()
        before = follower.digest()
    file = tmp_path / "tables.sqlite"
    if damage == "noise":
        file.write_bytes(random.Random(1).randbytes(20_000))
    elif damage == "middle":
        data = bytearray(file.read_bytes())
        data[8_192:16_384] = b"\xff" * 8_192
        file.write_bytes(data)
    else:
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA user_version = 99")
    with following(tmp_path) as follower:
        assert follower.made == 1
        follower.catch_up()
        assert follower.digest() == before
    ((text,),) = rows(tmp_path, "SELECT text FROM incidents")
    assert "tables.sqlite was made again from the journals" in text


def test_a_file_damaged_while_it_is_used_is_made_again(tmp_path: Path) -> None:
    traded = Traded(tmp_path).begin().run(30)
    with following(tmp_path) as follower:
        follower.catch_up()
        with closing(sqlite3.connect(tmp_path / "tables.sqlite")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        data = bytearray((tmp_path / "tables.sqlite").read_bytes())
        data[4_096:] = b"\xff" * (len(data) - 4_096)
        (tmp_path / "tables.sqlite").write_bytes(data)
        traded.run(30)
        traded.close()
        follower.catch_up()
        assert follower.made == 1
        assert follower.digest() == digest_of_rebuild(tmp_path)


def test_a_damaged_journal_is_told_and_the_next_session_is_followed(tmp_path: Path) -> None:
    first = Traded(tmp_path).begin().run(40)
    first.close()
    file = first.path / "decisions.kj"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    for _ in range(2):
        with following(tmp_path) as follower:
            follower.catch_up()
            assert rows(tmp_path, "SELECT state FROM sessions WHERE epoch = 1") == [("damaged",)]
    told = rows(tmp_path, "SELECT text FROM events WHERE kind = 'session' AND level = 'bad'")
    assert len(told) == 1
    assert "decisions.kj" in told[0][0]
    with pytest.raises(UnsafeStateError, match=r"decisions\.kj"):
        rebuild(tmp_path / "journal", tmp_path / "again.sqlite", client_id)
    Traded(tmp_path, epoch=2, now=LATER).begin().run(20).close()
    with following(tmp_path) as follower:
        follower.catch_up()
        assert follower.broken is None
        assert rows(tmp_path, "SELECT epoch, state FROM sessions") == [(1, "damaged"), (2, "closed")]


def test_refusals_failures_and_notices_become_events_once(tmp_path: Path) -> None:
    traded = Traded(tmp_path, limits=({}, {"order_notional": "10"})).begin().run(100)
    values = [{"name": "quoting", "instrument": "x", "state": "failed", "error": "ZeroDivisionError in line 9"}]
    for _ in range(2):
        traded.status(strategies=values, notices={"bad message": "BTCUSDT: `p` is no decimal"})
    traded.session.stop_strategy(1, traded.now)
    traded.close()
    with following(tmp_path) as follower:
        follower.catch_up()
    count = dict(rows(tmp_path, "SELECT kind, count(*) FROM events GROUP BY kind"))
    assert (count["failed"], count["notice"], count["refusal"]) == (1, 1, 1)
    assert rows(tmp_path, "SELECT count(*) FROM refusals")[0][0] > 1
    texts = [text for (text,) in rows(tmp_path, "SELECT text FROM events WHERE strategy = 'cross'")]
    assert "cross was stopped by a person" in texts


def test_the_comparison_finds_what_differs(tmp_path: Path) -> None:
    Traded(tmp_path).begin().run(30).close()
    rebuild(tmp_path / "journal", tmp_path / "tables.sqlite", client_id)

    def compared(again: str) -> dict:
        return comparison.compare(tmp_path / "journal", tmp_path / "tables.sqlite", tmp_path / again, client_id)

    assert compared("one.sqlite")["differ"] == []
    with closing(sqlite3.connect(tmp_path / "tables.sqlite")) as database, database:
        database.execute("UPDATE fills SET price = '1' WHERE seq = (SELECT min(seq) FROM fills)")
    assert compared("two.sqlite")["differ"] == ["fills"]


def test_samples_are_thinned_evenly_and_the_newest_is_among_them(tmp_path: Path) -> None:
    Traded(tmp_path).begin().run(110).close()
    rebuild(tmp_path / "journal", tmp_path / "tables.sqlite", client_id)
    tables = Tables(tmp_path / "tables.sqlite")
    everything = [row["at_ns"] for row in tables.equity(1_000)]
    few = [row["at_ns"] for row in tables.equity(4)]
    assert len(everything) == 11
    assert (len(few) <= 4, few[-1]) == (True, everything[-1])
    assert set(few) <= set(everything)


def test_a_header_of_something_else_is_no_session(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "000001"
    path.parent.mkdir()
    _core.JournalWriter(str(path), b"x" * 16, json.dumps({"instruments": []}), 0, 0).close()
    with following(tmp_path) as follower:
        follower.catch_up()
        assert follower.session is None
        assert isinstance(follower.broken, UnsafeStateError)
