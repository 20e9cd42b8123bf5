"""What goes wrong while a trader trades: it says so, stays safe, loses nothing, and its books equal the exchange's."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kedge.backtest.session_replay import replay_session
from kedge.model.errors import KedgeError, UnreachableError
from tests.running import Running, RunningExchange, until
from tests.trading import BUSY, PERPETUAL, RESTS, SPOT, Desk, Seat

pytestmark = pytest.mark.slow

RESTING = Seat("rests", RESTS)
CALM = BUSY.read_text(encoding="utf-8").replace('"25ms"', '"100ms"')
BOTH = [Seat("spot", CALM, SPOT, 0.001), Seat("perp", CALM, PERPETUAL, 0.01)]
QUICK = '[venue]\nrecv_window = "500ms"\n'
# A good order first, then what it does at its tenth timer.
BREAKS = """
from kedge import Strategy


class Breaks(Strategy):
    def on_start(self, ctx):
        self.calls = 0
        ctx.every("100ms")

    def on_timer(self, ctx, timer):
        self.calls += 1
        if not ctx.orders and ctx.book.in_sync and self.calls < 10:
            ctx.buy(0.001, price=ctx.book.microprice * 0.97)
        if self.calls > 10:
            WHAT
"""


# Buys and sells by turns at the market, and never cancels: what its order became is told by reports alone.
WAITS = """
from kedge import Strategy


class Waits(Strategy):
    def on_start(self, ctx):
        ctx.every("50ms")

    def on_timer(self, ctx, timer):
        if ctx.orders or not ctx.book.in_sync:
            return
        if ctx.position <= 0:
            ctx.buy(0.01)
        else:
            ctx.sell(ctx.position)
"""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    running = RunningExchange(tmp_path_factory.mktemp("exchange"), "--seed", "7", "--limits", "20")
    yield running
    running.close()


@pytest.fixture
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    """An exchange for one test, which may kill it."""
    running = RunningExchange(tmp_path_factory.mktemp("away"), "--seed", "7")
    yield running
    running.drop()


@pytest.fixture
def desk(exchange: RunningExchange, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(exchange, tmp_path, BOTH, QUICK)
    yield made
    made.close()
    exchange.clear_faults()


def ended(desk: Desk, trader: Running, number: int = signal.SIGTERM) -> dict[str, Any]:
    """The last words of a trader that ends cleanly, with nothing open and equal books."""
    last = trader.end(number)
    assert (last["unknown_orders"], last["open_orders"], float(last["ledger_imbalance"])) == (0, 0, 0.0), last
    until(lambda: not desk.open_at_venue(), 3.0)
    assert "Traceback" not in trader.said(), trader.said()
    desk.audited()
    replayed(desk)
    return last


def replayed(desk: Desk) -> None:
    """Every session is computed again, as far as it goes, with the same commands."""
    for path in sorted((desk.data / "journal").iterdir()):
        again = replay_session(path, None, None)
        assert again["commands_equal"], (path, again)


def fills(desk: Desk) -> dict[str, int]:
    """Executions at the exchange, by market."""
    return dict(desk.at_venue("SELECT market, count(*) FROM fills WHERE account = ? GROUP BY market"))


def more_fills(desk: Desk, than: dict[str, int]) -> bool:
    found = fills(desk)
    return len(found) == 2 and all(count > than.get(market, 0) for market, count in found.items())


def feeds(desk: Desk) -> list[str]:
    return [feed["state"] for feed in desk.status()["feeds"]]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("raise ValueError('enough')", "line 15, in on_timer: ValueError: enough"),
        ("while True: pass", "a callback ran longer than the 0.5 s it may"),
    ],
)
def test_a_strategy_that_breaks_stops_alone(desk: Desk, what: str, message: str) -> None:
    broken = Seat("breaks", BREAKS.replace("WHAT", what))
    desk.write([broken, BOTH[1]], f"{QUICK}[backtest]\ncallback_seconds = 0.5\n")
    trader = desk.ready()
    until(desk.open_at_venue)
    until(lambda: desk.strategy("breaks")["state"] == "failed")
    until(lambda: desk.strategy("breaks")["orders"] == 0, 2.0)
    shown = desk.strategy("breaks")
    assert message in shown["error"], shown
    assert str(desk.folder / "breaks.py") in shown["error"]
    sent = desk.status()["orders"]
    until(lambda: desk.status()["orders"] > sent + 10)
    assert desk.strategy("perp")["state"] == "running"
    ended(desk, trader)


def test_a_strategy_that_raises_in_on_start(desk: Desk) -> None:
    desk.write(
        [
            Seat(
                "breaks",
                "from kedge import Strategy\nclass A(Strategy):\n    def on_start(self, ctx):\n        1 / 0\n",
            ),
            BOTH[1],
        ]
    )
    trader = desk.ready()
    shown = until(lambda: (one := desk.strategy("breaks"))["state"] == "failed" and one)
    assert "breaks.py, line 4, in on_start: ZeroDivisionError" in shown["error"]
    until(lambda: desk.status()["orders"] > 10)
    ended(desk, trader)


def test_the_venues_clock_jumps(desk: Desk) -> None:
    trader = desk.ready()
    until(lambda: desk.status()["orders"] > 10)
    with desk.exchange.faulty(kind="clock", offset_ms=10_000):
        notice = until(lambda: desk.status()["notices"].get("order refused", ""))
        until(lambda: "our clock is off: the venue's is +" in desk.status()["notices"]["order refused"])
        used, began = trader.cpu_s(), time.monotonic()
        sent = desk.at_venue("SELECT count(*) FROM orders WHERE account = ?")[0][0]
        time.sleep(1.5)
        assert desk.at_venue("SELECT count(*) FROM orders WHERE account = ?")[0][0] == sent, notice
        assert (trader.cpu_s() - used) / (time.monotonic() - began) < 0.8
    until(lambda: desk.at_venue("SELECT count(*) FROM orders WHERE account = ?")[0][0] > sent, 15.0)
    ended(desk, trader)


def test_the_exchange_answers_badly_for_ten_seconds(away: RunningExchange, tmp_path: Path) -> None:
    """Each bad answer in its turn, to orders whether or not they were executed, and to questions."""
    desk = Desk(away, tmp_path, BOTH, QUICK)
    trader = desk.ready()
    until(lambda: desk.fills_at_venue() > 2)
    end = time.monotonic() + 10.0
    answers = ("503", "html", "garbage", "empty", "error_200")
    for number, answer in enumerate(answers):
        desk.exchange.fault(
            kind="error", answer=answer, executed=number % 2 == 0, route="*/order", probability=0.3, seed=number
        )
    for answer in ("502", "html", "error_200"):
        desk.exchange.fault(kind="error", answer=answer, method="GET", probability=0.3)
    seen = 0
    while time.monotonic() < end:
        seen = max(seen, desk.status()["unknown_orders"])
        time.sleep(0.1)
    assert seen > 0
    desk.exchange.clear_faults()
    until(lambda: desk.status()["unknown_orders"] == 0)
    ended(desk, trader)


def test_market_streams_break(desk: Desk) -> None:
    """A gap, a lost connection and silence: told, no order priced on a book out of sync, healed by itself."""
    trader = desk.ready()
    until(lambda: feeds(desk) == ["in_sync", "in_sync"])
    desk.exchange.fault(kind="gap", market="spot", stream="*@depth*", count=1)
    until(lambda: desk.status()["gaps"] >= 1)
    until(lambda: feeds(desk) == ["in_sync", "in_sync"])
    desk.exchange.fault(kind="disconnect", count=8)
    until(lambda: any(feed["reconnects"] for feed in desk.status()["feeds"]))
    until(lambda: feeds(desk) == ["in_sync", "in_sync"], 20.0)
    with desk.exchange.faulty(kind="silence", market="spot"):
        until(lambda: feeds(desk)[0] != "in_sync")
        sent = desk.strategy("spot")
        time.sleep(0.5)
        assert desk.strategy("spot")["orders"] <= sent["orders"]
    until(lambda: feeds(desk) == ["in_sync", "in_sync"], 20.0)
    ended(desk, trader)


def test_the_user_stream_breaks_while_orders_fill(desk: Desk) -> None:
    desk.write([Seat("spot", WAITS, SPOT), Seat("perp", WAITS, PERPETUAL)], QUICK)
    trader = desk.ready()
    for _ in range(3):
        wanted = {market: count + 2 for market, count in fills(desk).items()}
        desk.exchange.fault(kind="disconnect", route="/ws-api/*", count=1)
        # This one stays away for a second, too.
        desk.exchange.fault(kind="error", route="*/listenKey", duration_s=1.0)
        desk.exchange.fault(kind="disconnect", route="/private/*", count=1)
        # A fill that stayed missed until the next comparison would end the trading of its strategy.
        until(partial(more_fills, desk, wanted), 20.0)
    assert not desk.status()["halted"]
    assert sum(fault["hits"] for fault in desk.exchange.admin("GET", "/faults")["faults"]) >= 3
    ended(desk, trader)


def test_the_exchange_is_away(away: RunningExchange, tmp_path: Path) -> None:
    """It dies under the trader, which says so and waits without spinning; back with its market gone, it is another."""
    exchange, desk = away, Desk(away, tmp_path, [RESTING], QUICK)
    trader = desk.ready()
    try:
        until(desk.open_at_venue)
        exchange.process.send_signal(signal.SIGSTOP)
        until(lambda: feeds(desk) == ["lost"] or desk.status()["feeds"][0]["age_ms"] > 5_000, 15.0)
        exchange.process.send_signal(signal.SIGCONT)
        until(lambda: feeds(desk) == ["in_sync"], 25.0)
        exchange.kill()
        until(lambda: feeds(desk) == ["lost"])
        used, began = trader.cpu_s(), time.monotonic()
        time.sleep(3.0)
        assert (trader.cpu_s() - used) / (time.monotonic() - began) < 0.2
        trader.process.send_signal(signal.SIGTERM)
        assert trader.ended(20.0) == 0, trader.said()
        assert '"open_orders": 1' in trader.lines[-1]
        assert "Traceback" not in trader.said()
        told = desk.start().refused()
        assert told["exit_code"] == 4
    finally:
        desk.close()


def test_killed_and_started_again(desk: Desk) -> None:
    for _ in range(3):
        trader = desk.ready()
        until(lambda: desk.status()["fills"] > 3, 20.0)
        trader.kill()
    ended(desk, desk.ready())


def test_stopped_while_it_recovers(desk: Desk) -> None:
    """The venue does not say what became of the orders: SIGTERM ends it all the same, and nothing is forgotten."""
    trader = desk.ready()
    until(lambda: desk.status()["fills"] > 3, 20.0)
    trader.kill()
    with desk.exchange.faulty(kind="error", method="GET", route="*/order"):
        again = desk.start()
        until(lambda: (desk.data / "journal" / "000002").is_dir())
        time.sleep(1.0)
        last = again.end()
        assert last["journal"].endswith("000002")
    with desk.exchange.faulty(kind="delay", route="*/time", delay_ms=[5_000, 5_000]):
        early = desk.start()
        until(lambda: desk.data.joinpath("trader.lock").read_text().strip() == str(early.process.pid))
        time.sleep(0.3)
        assert early.end()["journal"] is None
    ended(desk, desk.ready())


def test_halted(desk: Desk) -> None:
    """Everything is cancelled within a second, also what was just leaving; it holds over kill -9, until resumed."""
    trader = desk.ready()
    until(lambda: desk.status()["orders"] > 10)
    with desk.exchange.faulty(kind="delay", method="POST", route="*/order", delay_ms=[100, 400]):
        until(desk.open_at_venue)
        assert desk.ask("halt")["halted"]
        time.sleep(0.6)
    until(lambda: not desk.open_at_venue(), 0.4)
    assert desk.status()["halted"]
    trader.kill()
    trader = desk.ready()
    sent = desk.at_venue("SELECT count(*) FROM orders WHERE account = ?")
    time.sleep(1.0)
    assert desk.status()["halted"]
    assert desk.at_venue("SELECT count(*) FROM orders WHERE account = ?") == sent
    assert desk.ask("resume") == {"halted": False}
    until(lambda: desk.at_venue("SELECT count(*) FROM orders WHERE account = ?") > sent)
    ended(desk, trader)


def test_halted_before_the_order_arrives(desk: Desk) -> None:
    """Its cancel overtakes it, and is refused: it is cancelled all the same once it is there."""
    desk.write([RESTING], QUICK)
    with desk.exchange.faulty(kind="delay", method="POST", route="*/order", delay_ms=[400, 400]):
        trader = desk.ready()
        until(lambda: desk.strategy("rests")["orders"] == 1, pause=0.01)
        assert desk.ask("halt")["cancelling"] == 1
        until(lambda: desk.at_venue("SELECT status FROM orders WHERE account = ?") == [("CANCELED",)], 3.0)
    ended(desk, trader)


@pytest.mark.parametrize(("way", "why"), [("rest", "HTTP 503"), ("socket", "no answer in time")])
def test_halted_while_cancels_fail(desk: Desk, way: str, why: str) -> None:
    """A halt outlasts a venue that will not hear of it: every order is cancelled once it does."""
    desk.write([RESTING], QUICK)
    trader = desk.ready(desk.exchange.environment(desk.account, way))
    until(desk.open_at_venue)
    with desk.exchange.faulty(kind="error", method="DELETE", answer="503"):
        assert desk.ask("halt")["cancelling"] == 1
        time.sleep(2.0)
        assert len(desk.open_at_venue()) == 1
        assert why in desk.status()["notices"]["cancel refused"]
    until(lambda: not desk.open_at_venue(), 5.0)
    ended(desk, trader)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"command": "cancel", "order": 7}, "no order 7 is open"),
        ({"command": "cancel", "order": 2**70}, f"no order {2**70} is open"),
        ({"command": "cancel", "order": -1}, "no order -1 is open"),
        ({"command": "cancel", "order": "1e400"}, "cannot be read"),
        ({"command": "cancel", "order": float("inf")}, "cannot be read"),
        ({"command": "cancel"}, "cannot be read"),
        ({"command": "start_strategy", "name": "nobody"}, "there is no strategy `nobody`"),
        ({"command": "stop_strategy", "name": ["a"]}, "there is no strategy"),
        ({"command": "cancel_all", "strategy": {"a": 1}}, "there is no strategy"),
        ({"command": "explode"}, "no command `explode`"),
    ],
)
def test_bad_commands(commanded: Desk, fields: dict[str, Any], message: str) -> None:
    asked = dict(fields)
    with pytest.raises(KedgeError) as refused:
        commanded.ask(asked.pop("command"), **asked)
    assert message in refused.value.message
    assert commanded.strategy("rests")["state"] == "running"


@pytest.fixture(scope="module")
def commanded(exchange: RunningExchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(exchange, tmp_path_factory.mktemp("commanded"), [RESTING])
    try:
        trader = desk.ready()
        until(desk.open_at_venue)
        yield desk
        ended(desk, trader)
    finally:
        desk.close()
    with pytest.raises(UnreachableError, match="no trader answers"):
        desk.ask("status")


def test_the_disk_is_full(desk: Desk) -> None:
    """No byte more of the journal: open orders are cancelled at the venue, exit 5; with space it goes on."""
    limit = 250_000

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    trader = desk.ready(preexec_fn=small_files)
    told = trader.refused(40.0)
    assert told["exit_code"] == 5, told
    assert "the session cannot go on: " in told["message"]
    assert "no order of ours is open at the venue" in told["message"]
    assert str(desk.data / "journal" / "000001") in told["message"]
    until(lambda: not desk.open_at_venue(), 2.0)
    ended(desk, desk.ready())
