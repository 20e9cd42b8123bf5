"""Our client of Binance against `kedge exchange`: what the venue is declared to do, and one trader's day, in both
markets through one body."""

import asyncio
import time
from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import pytest
import uvloop

from kedge.model.errors import UnreachableError, UnsafeStateError, UsageError
from kedge.model.instruments import from_definition
from kedge.venues.binance import (
    CLIENT_ID_SCOPE,
    HAS_DEADLINE,
    QUERY_BY_CLIENT_ID,
    Accepted,
    Keys,
    Outcome,
    Rejected,
    Retryable,
    RetryLater,
    Unknown,
)
from tests.contract.exchange_process import SYMBOLS, Desk, Exchange, desk, exchange_process, until

MARKETS = pytest.mark.parametrize("market", ["spot", "usdm"])
SIZE = {"spot": "0.01", "usdm": "0.1"}
IDS = {"spot": "BTC/USDT@simulated", "usdm": "ETH/USDT:USDT@simulated"}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with exchange_process(tmp_path_factory.mktemp("exchange")) as running:
        yield running


async def limit(at: Desk, client_id: str, price: Decimal, side: str = "buy", tif: str = "gtc") -> Outcome:
    return await at.venue.submit(
        symbol=at.symbol,
        client_id=client_id,
        side=side,
        kind="limit",
        tif=tif,
        price=f"{price:f}",
        quantity=SIZE[at.market],
    )


async def take(at: Desk, client_id: str, side: str = "buy", reduce_only: bool = False) -> Outcome:
    return await at.venue.submit(
        symbol=at.symbol,
        client_id=client_id,
        side=side,
        kind="market",
        tif="ioc",
        price="",
        quantity=SIZE[at.market],
        reduce_only=reduce_only,
    )


def away(at: Desk) -> Decimal:
    """A price that rests: 2 % below the best bid."""
    return (at.book()[1] * Decimal("0.98")).quantize(Decimal("0.01"), ROUND_DOWN)


@MARKETS
def test_books_stay_in_sync_and_definitions_are_read(exchange: Exchange, market: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(exchange, market, tmp_path) as at:
            (row,) = await at.venue.definitions([at.symbol])
            assert from_definition(row, "the venue").id == IDS[market]
            await asyncio.sleep(1.5)
            state, bid, ask = at.book()
            assert state == "in_sync"
            assert 0 < bid < ask
            gaps = at.session.values()["instruments"][0][5]
            assert (gaps, at.lost, at.gaps) == (0, [], [])
            health = at.venue.health(at.symbol)
            assert health["state"] == "live"
            assert health["reconnects"] == 0
            assert isinstance(health["latency_p99_ms"], float)
            assert abs(at.venue.clock.offset_ns) < 50_000_000
            assert at.venue.clock.bound_ns < 50_000_000
            assert at.venue.budget.used < at.venue.budget.limit
            assert 10 in at.venue.budget.orders

    uvloop.run(work())


@MARKETS
def test_a_resting_order_from_birth_to_end(exchange: Exchange, market: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(exchange, market, tmp_path) as at:
            price = away(at)
            accepted = await limit(at, "kaa1", price)
            assert isinstance(accepted, Accepted)
            assert abs(accepted.ts - time.time_ns()) < 5_000_000_000
            await until(lambda: at.of("kaa1", "accepted"))
            assert at.reports[0].venue_order == accepted.order_id
            found = await at.venue.query(symbol=at.symbol, client_id="kaa1")
            assert found is not None
            assert (found.venue_order, found.status, found.side) == (accepted.order_id, "NEW", "buy")
            assert (found.price, found.quantity, found.filled) == (price, Decimal(SIZE[market]), 0)
            assert await at.venue.open_orders() == [found]

            assert CLIENT_ID_SCOPE == "open"
            assert isinstance(await limit(at, "kaa1", price), Unknown), "an order of this id is open"
            amended = await at.venue.amend(
                symbol=at.symbol, client_id="kaa1", side="buy", price=f"{price - 1:f}", quantity=SIZE[market]
            )
            assert isinstance(amended, Rejected if market == "spot" else Accepted), amended
            if market == "usdm":
                await until(lambda: at.of("kaa1", "amended"))
                assert Decimal(at.of("kaa1", "amended")[0].price) == price - 1

            assert isinstance(await at.venue.cancel(symbol=at.symbol, client_id="kaa1"), Accepted)
            await until(lambda: at.of("kaa1", "canceled"))
            ended = await at.venue.query(symbol=at.symbol, client_id="kaa1")
            assert ended is not None
            assert ended.status == "CANCELED"
            assert await at.venue.open_orders() == []
            again = await at.venue.cancel(symbol=at.symbol, client_id="kaa1")
            assert isinstance(again, Rejected)
            assert again.code == -2011
            assert isinstance(await limit(at, "kaa1", price), Accepted), "the id is free again"
            assert QUERY_BY_CLIENT_ID
            newest = await at.venue.query(symbol=at.symbol, client_id="kaa1")
            assert newest is not None
            assert newest.venue_order > accepted.order_id
            assert await at.venue.query(symbol=at.symbol, client_id="nobody") is None
            assert await at.venue.trades(symbol=at.symbol) == []

    uvloop.run(work())


@MARKETS
def test_what_cannot_be_is_rejected(exchange: Exchange, market: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(exchange, market, tmp_path) as at:
            far = at.book()[2] * 2
            crossing = await limit(
                at, "kpo1", (at.book()[2] * Decimal("1.01")).quantize(Decimal("0.01")), "buy", "post_only"
            )
            if market == "spot":
                assert isinstance(crossing, Rejected)
                assert crossing.code == -2010
            else:
                assert isinstance(crossing, Accepted)
                await until(lambda: at.of("kpo1", "expired"))
            for outcome in (
                await limit(at, "kx1", Decimal("0.001")),
                await limit(at, "kx2", far * 1000),
                await at.venue.submit(
                    symbol=at.symbol, client_id="kx3", side="buy", kind="limit", tif="gtc", price="100", quantity="8000"
                ),
                await at.venue.submit(
                    symbol="NOSUCH", client_id="kx4", side="buy", kind="limit", tif="gtc", price="1", quantity="1"
                ),
                await take(at, "kx5", "sell", reduce_only=True),
            ):
                assert isinstance(outcome, Rejected), outcome
                assert outcome.message
            with pytest.raises(UsageError, match="side"):
                await limit(at, "kx6", far, "long")
            rested = await limit(at, "kpo2", away(at), "buy", "post_only")
            assert isinstance(rested, Accepted)
            await until(lambda: at.of("kpo2", "accepted"))

    uvloop.run(work())


@MARKETS
def test_fills_trades_and_balances_agree(exchange: Exchange, market: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(exchange, market, tmp_path) as at:
            began = time.time_ns() - 1_000_000_000
            before = await at.venue.balances()
            assert before["USDT"][0] == 5_000
            bought = await take(at, "kfa1")
            assert isinstance(bought, Accepted), bought
            size = Decimal(SIZE[market])
            await until(lambda: sum(Decimal(r.quantity) for r in at.of("kfa1", "filled")) == size)
            fills = at.of("kfa1", "filled")
            assert Decimal(fills[-1].filled_total) == size
            assert fills[-1].status == "FILLED"
            trades = await at.venue.trades(symbol=at.symbol, order_id=bought.order_id)
            assert [
                (t.trade, t.price, t.quantity, t.maker, t.fee, t.fee_currency, t.ts_ns, t.side) for t in trades
            ] == [
                (
                    r.trade,
                    Decimal(r.price),
                    Decimal(r.quantity),
                    r.maker,
                    Decimal(r.fee),
                    r.fee_currency,
                    r.ts_ns,
                    r.side,
                )
                for r in fills
            ]
            assert not any(trade.maker for trade in trades)
            assert await at.venue.trades(symbol=at.symbol, start_ns=began) == trades
            assert await at.venue.trades(symbol=at.symbol, from_id=trades[0].trade) == trades
            assert await at.venue.trades(symbol=at.symbol, from_id=trades[-1].trade + 1) == []
            after = await at.venue.balances()
            paid = sum((t.price * t.quantity for t in trades), Decimal(0))
            fees = sum((t.fee for t in trades), Decimal(0))
            if market == "spot":
                assert after["BTC"] == (size - fees, 0)
                assert after["USDT"] == (5_000 - paid, 0)
                assert await at.venue.positions() == {}
                told = {currency: free for u in at.updates for currency, (free, _) in u.balances.items()}
                assert told["USDT"] == after["USDT"][0]
                return
            assert after["USDT"][0] == 5_000 - fees
            assert await at.venue.positions() == {at.symbol: (size, paid / size)}
            assert at.updates[-1].positions[at.symbol][0] == size
            assert isinstance(await take(at, "kfa2", "sell", reduce_only=True), Accepted)
            await until(lambda: at.of("kfa2", "filled"))
            await until(lambda: at.updates[-1].positions.get(at.symbol, (1,))[0] == 0)
            assert await at.venue.positions() == {}

    uvloop.run(work())


@MARKETS
def test_the_deadline_is_kept(exchange: Exchange, market: str, tmp_path: Path) -> None:
    """An order that reaches the venue after its window is refused, so "not found" after it is proof."""

    async def work() -> None:
        assert HAS_DEADLINE
        async with desk(exchange, market, tmp_path) as at:
            with exchange.fault(kind="delay", method="POST", route="*/order", delay_ms=[2100, 2100], count=1):
                outcome = await limit(at, "kdl1", away(at))
            assert isinstance(outcome, Rejected)
            assert outcome.code == -1021
            assert await at.venue.query(symbol=at.symbol, client_id="kdl1") is None
            with exchange.fault(kind="delay", method="POST", route="*/order", delay_ms=[3000, 3000], count=1):
                outcome = await limit(at, "kdl2", away(at))
                while isinstance(outcome, Retryable):
                    await asyncio.sleep(0.05)
                    outcome = await limit(at, "kdl2", away(at))
            assert isinstance(outcome, Unknown)
            await asyncio.sleep(max(0.0, (outcome.closes_ns - time.time_ns()) / 1e9) + 1.0)
            assert await at.venue.query(symbol=at.symbol, client_id="kdl2") is None

    uvloop.run(work())


@MARKETS
def test_lost_answers_are_unknown_and_a_query_tells(exchange: Exchange, market: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(exchange, market, tmp_path) as at:
            faults: list[tuple[dict[str, object], bool]] = [
                ({"kind": "lost_answer"}, True),
                ({"kind": "drop"}, False),
                ({"kind": "error", "answer": "503", "executed": True}, True),
                ({"kind": "error", "answer": "502", "executed": False}, False),
                ({"kind": "error", "answer": "html", "executed": True}, True),
                ({"kind": "error", "answer": "garbage", "executed": False}, False),
                ({"kind": "error", "answer": "empty", "executed": True}, True),
                ({"kind": "error", "answer": "error_200", "executed": False}, False),
            ]
            for number, (fault, executed) in enumerate(faults):
                client_id = f"klo{number}"
                with exchange.fault(**fault, method="POST", route="*/order"):
                    outcome = await limit(at, client_id, away(at))
                assert isinstance(outcome, Unknown), (fault, outcome)
                found = await at.venue.query(symbol=at.symbol, client_id=client_id)
                assert (found is not None) is executed, fault
            with exchange.fault(kind="error", answer="html", method="GET", route="*/order"), pytest.raises(RetryLater):
                await at.venue.query(symbol=at.symbol, client_id="klo0")
            assert len(await at.venue.open_orders()) == 4

    uvloop.run(work())


async def whole(at: Desk) -> None:
    """The book is in sync again, and stays a book: never crossed while updates go on."""
    await until(lambda: at.book()[0] == "in_sync")
    for _ in range(10):
        await asyncio.sleep(0.05)
        _, bid, ask = at.book()
        assert 0 < bid < ask


@MARKETS
def test_streams_heal(exchange: Exchange, market: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(exchange, market, tmp_path) as at:
            await whole(at)
            with exchange.fault(kind="gap", market=market, stream="*@depth*", count=1):
                await until(lambda: at.session.values()["instruments"][0][5] >= 1)
            await whole(at)
            with exchange.fault(kind="silence", market=market):
                await until(lambda: at.lost)
                assert "silent" in at.lost[0]
            await whole(at)
            with exchange.fault(kind="disconnect", market=market, count=5):
                await until(lambda: at.gaps and len(at.lost) > 1)
            await whole(at)
            assert isinstance(await limit(at, "khe1", away(at)), Accepted)
            await until(lambda: at.of("khe1", "accepted"))

    uvloop.run(work())


@MARKETS
def test_wrong_keys_and_clocks_end_the_start(exchange: Exchange, market: str, tmp_path: Path) -> None:
    async def work() -> None:
        right = exchange.keys()
        for wrong in (Keys("x" * 64, right.secret), Keys(right.key, "y" * 64)):
            with pytest.raises(UsageError) as raised:
                async with desk(exchange, market, tmp_path, wrong):
                    pass
            assert raised.value.hint
            assert right.secret not in raised.value.message
        with exchange.fault(kind="clock", offset_ms=10_000), pytest.raises(UnsafeStateError, match=r"\+10\.0"):
            async with desk(exchange, market, tmp_path, right):
                pass
        with exchange.fault(kind="clock", offset_ms=-800):
            async with desk(exchange, market, tmp_path, right) as at:
                assert abs(at.venue.clock.offset_ns + 800_000_000) < 50_000_000
                assert isinstance(await limit(at, "kcl1", away(at)), Accepted)
        with exchange.fault(kind="error", answer="html"), pytest.raises(UnreachableError):
            async with desk(exchange, market, tmp_path, right):
                pass

    uvloop.run(work())


def test_the_symbols_are_the_worlds() -> None:
    assert SYMBOLS == {"spot": "BTCUSDT", "usdm": "ETHUSDT"}
