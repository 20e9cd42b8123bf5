"""A live session replayed: the same decisions from the same inputs, whatever happened; and what is changed is seen."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kedge import _core
from kedge.backtest.session_replay import is_session, replay_session
from kedge.journal import BOOKED, SESSION_INPUTS, Kind, market_block
from kedge.journal.market_block import FRAME_HEAD, PREAMBLE
from kedge.model.columns import KIND, TRADE
from kedge.model.errors import UnsafeStateError, UsageError
from kedge.strategies.budget import CallbackBudget
from kedge.strategies.source import StrategySource
from tests.integration.test_recorded_backtests import kedge
from tests.unit.backtest.live_sessions import MS, Day, as_a_crash_leaves_it, opened, specification

Record = tuple[int, int, int, int, int, bytes]


def lived(folder: Path, seed: int, steps: int = 400, books: str | None = None, epoch: int = 1) -> dict[str, Any]:
    """A day of a session, closed; what it says of itself at the end."""
    session = opened(specification(), folder, books, epoch)
    day = Day(session, Random(seed))
    day.run(steps)
    values: dict[str, Any] = session.values()
    session.close(day.now + 10**9)
    return values


def records(folder: Path) -> list[Record]:
    return list(_core.JournalReader(str(folder)))


def rewritten(folder: Path, to: Path, edit: Callable[[list[Record]], list[Record]]) -> Path:
    """The session with other records, from the first checkpoint on; their sequence is made anew."""
    header, *rest = records(folder)
    writer = _core.JournalWriter(str(to), bytes(16), header[5].decode(), header[3], header[4])
    for _, stream, kind, ts_engine, ts_wall, payload in edit(rest):
        writer.append(stream, kind, ts_engine, ts_wall, payload)
    writer.close()
    return to


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_a_closed_session_is_computed_again(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("session") / "1"
    values = lived(folder, seed)
    found = replay_session(folder)
    assert found["differs_at"] is None
    assert found["commands_equal"]
    assert found["closed"]
    assert found["trace_hash"] == found["journal_trace_hash"] == values["trace_hash"]
    assert values["imbalance"] == 0
    times = [record[3] for record in records(folder) if record[2] in SESSION_INPUTS]
    assert times == sorted(times)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 300), share=st.floats(0, 1))
def test_a_session_that_crashed_is_computed_again_up_to_its_end(tmp_path_factory, seed, steps, share):
    folder = tmp_path_factory.mktemp("session")
    session = opened(specification(), folder / "1")
    day = Day(session, Random(seed))
    day.run(steps)
    while session.durable() < 2:
        time.sleep(0.001)
    crashed = as_a_crash_leaves_it(folder / "1", folder / "crashed", share)
    found = replay_session(crashed)
    assert found["differs_at"] is None
    assert found["commands_equal"]
    assert not found["closed"]
    session.close(day.now + 10**9)


def test_a_killed_process_leaves_a_session_that_is_computed_again(tmp_path, repository):
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from pathlib import Path; from random import Random\n"
        "from tests.unit.backtest.live_sessions import Day, opened, specification\n"
        "Day(opened(specification(), Path(sys.argv[1])), Random(5)).run(10**9)\n"
    )
    trader = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "1")], cwd=repository)
    time.sleep(1.5)
    # While it runs, and after it was killed.
    assert replay_session(tmp_path / "1")["commands_equal"]
    trader.kill()
    trader.wait()
    found = replay_session(tmp_path / "1")
    assert found["commands_equal"]
    assert not found["closed"]
    assert found["commands"] > 10


def test_the_days_of_these_tests_have_everything_in_them(tmp_path):
    seen: dict[Kind, int] = {}
    for seed in range(8):
        lived(tmp_path / str(seed), seed)
        for record in records(tmp_path / str(seed)):
            seen[Kind(record[2])] = seen.get(Kind(record[2]), 0) + 1
    assert set(Kind) - set(seen) == {Kind.DECISION, Kind.RECONCILED}
    assert min(seen.values()) >= 8, seen
    assert seen[Kind.COMMAND] > 500, seen
    assert seen[Kind.STOPPED] > seen[Kind.FAULT] > 8, seen


def test_books_are_recovered_and_the_next_session_goes_on_with_them(tmp_path):
    for seed in range(12):
        session = opened(specification(), tmp_path / f"{seed}-1")
        day = Day(session, Random(seed))
        day.run(300)
        asked = json.loads(session.checkpoint(day.now))
        session.close(day.now)
        told = records(tmp_path / f"{seed}-1")
        last = max(at for at, record in enumerate(told[:-2]) if record[2] == Kind.CHECKPOINT)
        header = json.loads(told[0][5])
        books, _ = _core.recover_books(
            [json.dumps(definition) for definition in header["instruments"]],
            [entry["instrument"] for entry in header["strategies"]],
            [r[5].decode() if r[2] == Kind.CHECKPOINT else r[5] for r in told[:last] if r[2] in {2, *BOOKED}],
        )
        recovered = json.loads(books)
        trades = int(base64.b64decode(asked.pop("saved")[2]))
        assert len(recovered.pop("saved")) in (0, 3)
        # Ids that no order took are not in the journal.
        assert recovered.pop("next_order") <= asked.pop("next_order")
        # What the day brought is as the checkpoint before said: without prices nobody can tell more.
        assert len(recovered.pop("pnl")) == len(asked.pop("pnl")) == 3
        assert recovered.pop("day") <= asked.pop("day")
        assert recovered == asked
        lived(tmp_path / f"{seed}-2", seed, 10, told[-2][5].decode(), epoch=2)
        begun, *_, ended = [json.loads(r[5]) for r in records(tmp_path / f"{seed}-2") if r[2] == Kind.CHECKPOINT]
        assert begun["next_order"] == 2 << 32
        assert not begun["deposits_follow"]
        assert int(base64.b64decode(ended["saved"][2])) == trades + heard_by_restless(tmp_path / f"{seed}-2")
        assert replay_session(tmp_path / f"{seed}-2")["commands_equal"]


def heard_by_restless(folder: Path) -> int:
    """How many trades of its instrument a session that nobody interfered with brought."""
    blocks = [market_block.decode(record[5]) for record in records(folder) if record[2] == Kind.MARKET]
    return sum(int(((block.flags & KIND) == TRADE).sum()) for stream, block in blocks if stream == 1)


SLOW = """
import sys
from kedge import Strategy

class Slow(Strategy):
    def on_trade(self, ctx, trade):
        ctx.buy(0.05, ctx.book.bid)
        while getattr(sys, "kedge_test_is_slow", False):
            pass
        ctx.buy(0.05, ctx.book.bid)
"""


CALM = SLOW.replace("kedge_test_is_slow", "kedge_test_is_never_slow")


def test_a_callback_that_took_too_long_is_obeyed(tmp_path, monkeypatch):
    spec = specification(
        [("slow", StrategySource("slow.py", SLOW), 1, {}), ("calm", StrategySource("calm.py", CALM), 1, {})]
    )
    session = opened(spec, tmp_path / "1")
    day = Day(session, Random(1))
    day.run(0)
    with CallbackBudget(0.1, _core.callback_count):
        for at in range(20):
            monkeypatch.setattr(sys, "kedge_test_is_slow", at == 10, raising=False)
            day.now += 50 * MS
            day.trade(1)
            monkeypatch.setattr(sys, "kedge_test_is_slow", False, raising=False)
    assert [strategy for strategy, _ in session.faults()] == [0]
    session.close(day.now)
    assert replay_session(tmp_path / "1")["commands_equal"]
    forgotten = rewritten(tmp_path / "1", tmp_path / "2", lambda told: [r for r in told if r[2] != Kind.FAULT])
    assert not replay_session(forgotten)["commands_equal"]


STOPS = """
from kedge import Strategy

class Stops(Strategy):
    def on_trade(self, ctx, trade):
        ctx.buy(0.05, ctx.book.bid)
        ctx.sell(0.05, stop=trade.price * 0.99)
"""


def test_a_live_session_refuses_orders_that_its_client_cannot_send(tmp_path):
    session = opened(specification([("stops", StrategySource("stops.py", STOPS), 1, {})]), tmp_path / "1")
    day = Day(session, Random(1))
    day.run(0)
    day.trade(1)
    [(strategy, error)] = session.faults()
    assert strategy == 0
    assert "limit and market orders with tif gtc, ioc, fok or post_only, and no `stop`" in str(error)
    assert not [command for command in session.commands() if command["action"] == "submit"]


def without_timers(told: list[Record]) -> list[Record]:
    first = next(at for at, record in enumerate(told) if record[2] == Kind.TIMER)
    return told[: first + 1] + [record for record in told[first + 1 :] if record[2] != Kind.TIMER]


def rounded(told: list[Record]) -> list[Record]:
    return [(*r[:3], r[3] // 10**6 * 10**6, *r[4:]) if r[2] == Kind.MARKET else r for r in told]


def reports_first(told: list[Record]) -> list[Record]:
    """Each report before the rows that came just before it."""
    told = list(told)
    for at in range(1, len(told)):
        if told[at][2] == Kind.REPORT and told[at - 1][2] == Kind.MARKET:
            told[at - 1], told[at] = told[at], told[at - 1]
    return told


def without(kind: Kind) -> Callable[[list[Record]], list[Record]]:
    return lambda told: [record for record in told if record[2] != kind]


@pytest.mark.parametrize(
    "edit", [without_timers, rounded, reports_first, *map(without, [Kind.SETTING, Kind.FUNDING, Kind.EARLIER_FILL])]
)
def test_a_changed_input_is_seen(tmp_path, edit):
    lived(tmp_path / "1", 11, steps=900)
    assert replay_session(rewritten(tmp_path / "1", tmp_path / "same", list))["commands_equal"]
    found = replay_session(rewritten(tmp_path / "1", tmp_path / "changed", edit))
    assert not found["commands_equal"]
    assert found["differs_at"]["seq"] > 2
    assert found["differs_at"]["journal"] != found["differs_at"]["replay"]


def test_a_decision_that_is_missing_is_seen(tmp_path):
    lived(tmp_path / "1", 3)
    told = records(tmp_path / "1")
    for at in [at for at, record in enumerate(told) if record[2] in {Kind.COMMAND, Kind.POSTING, Kind.REFUSAL}][::40]:
        folder = rewritten(tmp_path / "1", tmp_path / f"without {at}", lambda rest, at=at: rest[: at - 1] + rest[at:])
        assert not replay_session(folder)["commands_equal"]


def test_a_session_that_cannot_be_replayed_says_why(tmp_path):
    lived(tmp_path / "1", 3)
    assert is_session(tmp_path / "1")
    assert not is_session(tmp_path)
    bare = tmp_path / "bare"
    bare.mkdir()
    header = len(records(tmp_path / "1")[0][5])
    begun = (tmp_path / "1" / "decisions.kj").read_bytes()[: PREAMBLE + FRAME_HEAD + header + 7]
    bare.joinpath("decisions.kj").write_bytes(begun)
    bare.joinpath("inputs-000001.kj").write_bytes((tmp_path / "1" / "inputs-000001.kj").read_bytes()[:PREAMBLE])
    with pytest.raises(UnsafeStateError, match="no checkpoint"):
        replay_session(bare)
    file = tmp_path / "1" / "inputs-000001.kj"
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)
    with pytest.raises(UnsafeStateError, match="damaged at byte"):
        replay_session(tmp_path / "1")
    file.unlink()
    with pytest.raises((UsageError, UnsafeStateError)):
        replay_session(tmp_path / "1")


def test_the_command_replays_a_session(tmp_path):
    values = lived(tmp_path / "000001", 3)
    found = kedge("replay", "000001", cwd=tmp_path)
    assert found["commands_equal"] is True
    assert found["trace_hash"] == values["trace_hash"]
    changed = rewritten(tmp_path / "000001", tmp_path / "changed", rounded)
    assert kedge("replay", changed, cwd=tmp_path, code=1)["differs_at"]["seq"] > 2
