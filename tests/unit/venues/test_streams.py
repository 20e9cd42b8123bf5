"""Streams of both markets against a small venue: sync, silence, loss, gaps, backoff, and the account's events."""

import asyncio
import gc
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from kedge._core import LiveSession
from kedge.model.errors import KedgeError, UnreachableError, UnsafeStateError, UsageError
from kedge.venues.binance import AccountUpdate, BinanceVenue, Keys, Pace, Report, market_stream, websocket
from tests.unit.venues.small_venue import SmallVenue, small_venue

KEYS = Keys("key-of-the-test", "secret-of-the-test")
PACE = Pace(stale_s=0.4, backoff_first_s=0.02, backoff_max_s=0.1)
ENGINE = json.dumps(
    {"seed": 1, "sample_ns": 0, "queue": "risk_averse", "partial_fills": True, "entry_ns": 0, "response_ns": 0}
    | {"balances": {}, "keep_records": True}
)
MARKETS = pytest.mark.parametrize("market", ["spot", "usdm"])


@dataclass
class Heard:
    """What the callbacks were told, in order."""

    frames: list[tuple[str, bytes, int]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    account: list[AccountUpdate] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    def venue(self, server: SmallVenue, market: str, keys: Keys | None = KEYS, pace: Pace = PACE) -> BinanceVenue:
        return BinanceVenue(
            market,
            server.addresses(market),
            keys,
            on_frame=lambda *frame: self.frames.append(frame),
            on_lost=lambda symbol, why: self.lost.append(f"{symbol} {why}"),
            on_report=self.reports.append,
            on_account=self.account.append,
            on_gap=self.gaps.append,
            pace=pace,
        )

    def snapshots(self) -> int:
        return sum(b"lastUpdateId" in frame for _, frame, _ in self.frames)


async def until(holds: Callable[[], object], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(venue: BinanceVenue) -> AsyncIterator[None]:
    await venue.start(["BTCUSDT"])
    try:
        yield
    finally:
        await venue.close()


@asynccontextmanager
async def started(market: str, keys: Keys | None = KEYS) -> AsyncIterator[tuple[SmallVenue, BinanceVenue, Heard]]:
    heard = Heard()
    async with small_venue() as server:
        venue = heard.venue(server, market, keys)
        async with running(venue):
            yield server, venue, heard
    assert len(asyncio.all_tasks()) == 1, "no task is left"


@MARKETS
def test_a_start_brings_streams_and_one_snapshot_and_close_leaves_nothing(market: str) -> None:
    async def work() -> None:
        async with started(market) as (server, venue, heard):
            await until(lambda: heard.snapshots() and len(heard.frames) > 5)
            assert {symbol for symbol, _, _ in heard.frames} == {"BTCUSDT"}
            first = heard.frames[0]
            assert b'"depthUpdate"' in first[1], "updates are held back before the snapshot is asked for"
            assert abs(first[2] - time.time_ns()) < 5_000_000_000
            assert not any(b'"result"' in frame for _, frame, _ in heard.frames)
            wanted = [("/stream/ws", ["btcusdt@depth@100ms", "btcusdt@trade"])]
            if market == "usdm":
                wanted = [("/public/ws", wanted[0][1]), ("/market/ws", ["btcusdt@markPrice@1s"])]
            assert sorted(server.subscribed) == sorted(wanted)
            health = venue.health("BTCUSDT")
            assert health["state"] == "live"
            assert health["reconnects"] == 0
            assert isinstance(health["latency_p99_ms"], float)
            assert -1_000 < health["latency_p99_ms"] < 1_000
            assert heard.lost == heard.gaps == []
            before = heard.snapshots()
            venue.want_snapshot("BTCUSDT")
            venue.want_snapshot("BTCUSDT")
            venue.want_snapshot("UNKNOWN")
            await until(lambda: heard.snapshots() == before + 1)

    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(work())
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


@MARKETS
def test_silence_is_a_loss_and_heals(market: str) -> None:
    async def work() -> None:
        async with started(market) as (server, venue, heard):
            await until(heard.snapshots)
            server.silent = True
            began = time.monotonic()
            await until(lambda: heard.lost)
            assert time.monotonic() - began < 4 * PACE.stale_s
            assert "silent" in heard.lost[0]
            server.silent = False
            had = heard.snapshots()
            await until(lambda: heard.snapshots() > had)
            assert venue.health("BTCUSDT")["state"] == "live"
            assert venue.health("BTCUSDT")["reconnects"]

    asyncio.run(work())


@MARKETS
def test_a_loss_comes_back_with_backoff_while_the_venue_refuses(market: str) -> None:
    async def work() -> None:
        async with started(market) as (server, venue, heard):
            await until(heard.snapshots)
            server.refuse_streams = True
            server.connects = 0
            for socket in list(server.streams):
                await socket.close(code=1012)
            await until(lambda: heard.lost)
            assert venue.health("BTCUSDT")["state"] == "lost"
            assert "closed" in heard.lost[0]
            venue.want_snapshot("BTCUSDT")
            asked = server.asked.count("GET depth")
            await asyncio.sleep(0.5)
            assert 2 <= server.connects <= 120, "it tries again, but not at once for ever"
            assert server.asked.count("GET depth") == asked, "no snapshot without a stream"
            assert len(heard.lost) == 1
            server.refuse_streams = False
            had = heard.snapshots()
            await until(lambda: heard.snapshots() > had)

    asyncio.run(work())


def test_waits_between_tries_grow_and_are_random(monkeypatch: pytest.MonkeyPatch) -> None:
    most: list[float] = []

    def uniform(low: float, high: float) -> float:
        most.append(high)
        return 0.0

    async def nowhere() -> str:
        raise UnreachableError("nothing there")

    async def work() -> None:
        monkeypatch.setattr(websocket.random, "uniform", uniform)
        line = websocket.Reconnecting(
            "x", nowhere, lambda _: asyncio.sleep(0), lambda *_: None, lambda: None, lambda _: None, Pace()
        )
        task = asyncio.create_task(line.run())
        with pytest.raises(UnreachableError, match="nothing there"):
            await line.first(1.0)
        await until(lambda: len(most) > 10)
        task.cancel()

    asyncio.run(work())
    assert most[:9] == [0.5, 1, 2, 4, 8, 16, 20, 20, 20]


@MARKETS
def test_a_gap_is_seen_by_the_core_and_healed(market: str, tmp_path: Any) -> None:
    definition = {
        "id": "BTC/USDT@small" if market == "spot" else "BTC/USDT:USDT@small",
        "symbol": "BTCUSDT",
        "kind": "spot" if market == "spot" else "linear_perpetual",
        "tick_size": "0.01",
        "lot_size": "0.00001",
        "quantity_step_in_data": "0.00000001",
        "min_notional": "5",
        "maker_fee": "0",
        "taker_fee": "0",
        **({} if market == "spot" else {"settle": "USDT", "funding_interval_hours": 8}),
    }
    needs: list[bool] = []

    async def work() -> None:
        session = LiveSession(
            ENGINE,
            [(json.dumps(definition), market)],
            [],
            str(tmp_path / "j"),
            b"s" * 16,
            "{}",
            None,
            1,
            time.time_ns(),
        )
        async with small_venue() as server:

            def on_frame(symbol: str, frame: bytes, now: int) -> None:
                about_book, needs_snapshot, _ = session.message(0, frame, now)
                if about_book:
                    needs.append(needs_snapshot)
                    if needs_snapshot:
                        venue.want_snapshot(symbol)

            venue = Heard().venue(server, market)
            venue._on_frame = on_frame
            async with running(venue):
                await until(lambda: needs and not needs[-1])
                for _ in range(3):
                    await server.feed(skip=5)
                    await until(lambda: needs[-1])
                    await until(lambda: not needs[-1], 8)
                assert server.asked.count("GET depth") < 15, "snapshots are not asked for at each message"
        session.close(time.time_ns())

    asyncio.run(work())


@MARKETS
def test_snapshots_that_fail_are_asked_for_again(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_stream, "SNAPSHOT_FIRST_S", 0.01)
    monkeypatch.setattr(market_stream, "SNAPSHOT_MAX_S", 0.05)

    async def work() -> None:
        async with small_venue() as server:
            heard = Heard()
            venue = heard.venue(server, market)
            server.answers["depth"] = (200, "<html>maintenance</html>")
            async with running(venue):
                await until(lambda: server.asked.count("GET depth") > 2)
                server.answers["depth"] = (400, '{"code":-1100,"msg":"no"}')
                await asyncio.sleep(0.1)
                assert heard.snapshots() == 0
                del server.answers["depth"]
                await until(heard.snapshots)

    asyncio.run(work())


def test_a_callback_that_raises_is_told_and_ends_nothing() -> None:
    async def work() -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        async with small_venue() as server:
            heard = Heard()
            venue = heard.venue(server, "spot")

            def on_frame(symbol: str, frame: bytes, now: int) -> None:
                heard.frames.append((symbol, frame, now))
                raise KedgeError("full")

            venue._on_frame = on_frame
            async with running(venue):
                await until(lambda: heard.snapshots() and len(heard.frames) > 10)
                assert not heard.lost
        assert {type(error) for error in told} == {KedgeError}

    asyncio.run(work())


def test_a_connection_is_renewed_before_the_venue_ends_it() -> None:
    async def work() -> None:
        async with small_venue() as server:
            heard = Heard()
            venue = heard.venue(server, "spot", None, Pace(stale_s=1, life_s=0.3, backoff_first_s=0.01))
            async with running(venue):
                await until(lambda: len(heard.lost) >= 2)
                assert "renewed" in heard.lost[0]

    asyncio.run(work())


REPORTS: dict[str, dict[str, Any]] = {
    "spot": {
        "subscriptionId": 0,
        "event": {
            "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": "kab1", "S": "BUY", "o": "LIMIT", "f": "GTC",
            "q": "1.00000000", "p": "0.10264410", "C": "", "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 4293153,
            "l": "0.25000000", "z": "0.25000000", "L": "0.10000000", "n": "0.0001", "N": "BTC",
            "T": 1499405658657, "t": 77, "m": True,
        },
    },
    "usdm": {
        "e": "ORDER_TRADE_UPDATE", "E": 1568879465651, "T": 1568879465650,
        "o": {
            "s": "BTCUSDT", "c": "kab1", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1.00000000", "p": "0.10264410",
            "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 4293153, "l": "0.25000000", "z": "0.25000000",
            "L": "0.10000000", "N": "BTC", "n": "0.0001", "T": 1499405658657, "t": 77, "m": True, "rp": "0",
        },
    },
}  # fmt: skip
EXPECTED = Report(
    client_id="kab1", venue_order=4293153, symbol="BTCUSDT", what="filled", ts_ns=1_499_405_658_657_000_000,
    price="0.10000000", quantity="0.25000000", trade=77, maker=True, fee="0.0001", fee_currency="BTC",
    filled_total="0.25000000", status="PARTIALLY_FILLED", side="buy",
)  # fmt: skip


@MARKETS
def test_account_events_and_what_was_missed(market: str) -> None:
    async def work() -> None:
        async with started(market) as (server, _, heard):
            await server.users[0].send_json(REPORTS[market])
            await until(lambda: heard.reports)
            assert heard.reports == [EXPECTED]
            assert heard.gaps == []
            for garbage in ("{", "[]", '{"event":5}', '{"e":"executionReport"}', '{"e":"ORDER_TRADE_UPDATE"}', "\x00"):
                await server.users[0].send_str(garbage)
            await server.users[0].send_json(REPORTS[market])
            await until(lambda: len(heard.reports) == 2)
            assert 3 <= len(heard.gaps) <= 6
            heard.gaps.clear()
            await server.users[0].close()
            await until(lambda: heard.gaps and server.users)
            assert "is back" in heard.gaps[0]
            assert not heard.lost, "market streams go on"

    asyncio.run(work())


def test_a_listen_key_is_kept_alive_and_a_lost_one_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    from kedge.venues.binance import user_stream

    async def work() -> None:
        monkeypatch.setattr(user_stream, "KEEP_ALIVE_S", 0.05)
        monkeypatch.setattr(user_stream.UserStream.__init__, "__kwdefaults__", {"keep_alive_s": 0.05})
        async with started("usdm") as (server, _, heard):
            await until(lambda: server.asked.count("PUT listenKey") > 1)
            assert server.asked.count("POST listenKey") == 1
            server.answers["listenKey"] = (400, '{"code":-1125,"msg":"This listenKey does not exist."}')
            await until(lambda: not server.users)
            server.answers["listenKey"] = {"listenKey": "def"}
            await until(lambda: server.users and heard.gaps)
            await server.users[0].send_json({"e": "listenKeyExpired", "E": 1, "listenKey": "def"})
            await until(lambda: len(heard.gaps) == 2)

    asyncio.run(work())


Refusal = Callable[[SmallVenue], object]
WRONG_KEY = (401, '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}')
STARTS: list[tuple[str, str, Refusal, type[KedgeError], str]] = [
    ("clock", "spot", lambda v: setattr(v, "clock_ahead_ms", 10_000), UnsafeStateError, "at most ±5 s"),
    (
        "clock behind",
        "usdm",
        lambda v: setattr(v, "clock_ahead_ms", -10_000),
        UnsafeStateError,
        "at most ±5 s",
    ),
    ("wrong key", "spot", lambda v: v.answers.update(account=WRONG_KEY), UsageError, "-2015"),
    ("wrong key", "usdm", lambda v: v.answers.update(balance=WRONG_KEY), UsageError, "-2015"),
    ("hedge mode", "usdm", lambda v: v.answers.update(dual={"dualSidePosition": True}), UsageError, "hedge"),
    ("no symbol", "spot", lambda v: v.answers.update(exchangeInfo={"symbols": []}), UsageError, "BTCUSDT"),
    (
        "not traded",
        "spot",
        lambda v: v.answers.update(exchangeInfo={"symbols": [{"symbol": "BTCUSDT", "status": "BREAK"}]}),
        UsageError,
        "not traded",
    ),
    ("garbage", "spot", lambda v: v.answers.update(exchangeInfo=[1]), UnreachableError, "object"),
    ("a page", "usdm", lambda v: v.answers.update(exchangeInfo=(200, "<html>")), UnreachableError, "page"),
    ("listen key", "usdm", lambda v: v.answers.update(listenKey={"listenKey": "a&b=c"}), UnreachableError, "listen"),
    (
        "user stream refused",
        "spot",
        lambda v: v.user_answer.update(status=401, error={"code": -2015, "msg": "Invalid"}),
        UsageError,
        "-2015",
    ),
    ("user stream odd", "spot", lambda v: v.user_answer.update(status=[1]), UnreachableError, "not usable"),
]


@pytest.mark.parametrize(("market", "refuse", "error", "says"), [row[1:] for row in STARTS], ids=[r[0] for r in STARTS])
def test_a_start_that_cannot_be_says_why(market: str, refuse: Refusal, error: type[KedgeError], says: str) -> None:
    async def work() -> None:
        async with small_venue() as server:
            refuse(server)
            heard = Heard()
            venue = heard.venue(server, market)
            with pytest.raises(error) as raised:
                await venue.start(["BTCUSDT"])
            assert says in raised.value.message
            assert raised.value.hint
            assert KEYS.secret not in str(raised.value)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(work())


def test_definitions_are_read_before_the_start() -> None:
    from kedge.model.instruments import from_definition

    async def work() -> None:
        async with small_venue() as server:
            for market, name, fee in (
                ("spot", "BTC/USDT@binance", "0.001"),
                ("usdm", "BTC/USDT:USDT@binance", "0.0002"),
            ):
                venue = Heard().venue(server, market)
                (row,) = await venue.definitions(["BTCUSDT"])
                instrument = from_definition(row, "the venue")
                assert instrument.id == name
                assert str(instrument.tick_size) == "0.01"
                assert str(instrument.maker_fee) == fee
                with pytest.raises(UsageError, match="no symbol"):
                    await venue.definitions(["BTCUSD"])
                await venue.close()

    asyncio.run(work())


def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def work() -> None:
        async with started("usdm") as (server, _, heard):
            for socket in [*server.streams, *server.users]:
                await socket.close()
            await until(lambda: heard.gaps and heard.lost)

    asyncio.run(work())
    asyncio.run(_refused())
    text = "\n".join(
        f"{record.getMessage()} {record.exc_text}" for record in caplog.records if record.name != "aiohttp.access"
    )
    assert KEYS.secret not in text
    assert KEYS.key not in text
    assert "listenKey=" not in text


async def _refused() -> None:
    async with small_venue() as server:
        server.refuse_streams = True
        venue = Heard().venue(server, "spot")
        start = asyncio.create_task(venue.start(["BTCUSDT"]))
        await asyncio.sleep(0.3)
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
