import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from kedge.api import answers
from kedge.api.watch import DATABASE
from kedge.model.errors import RefusedError, UnsafeStateError
from tests.unit.api.serving import Running, running
from tests.unit.store.traded import Traded

LIMITS = ({"order_notional": "700", "position": "0.5", "price_band": "0.05"}, {})


def until(client: httpx.Client, holds: Any, path: str = "/api/state") -> dict[str, Any]:
    """The answer once it holds."""
    end = time.monotonic() + 10
    while not holds(found := client.get(path).json()):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return dict(found)


def read(client: httpx.Client, path: str, shape: type[answers.Shape]) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    shape.model_validate(answer.json())
    return dict(answer.json())


def test_every_answer_is_of_its_shape_and_of_the_journal(tmp_path: Path) -> None:
    traded = Traded(tmp_path, now=time.time_ns() - 13_000_000_000, limits=LIMITS).begin().run(110)
    traded.reconcile("periodic", [{"what": "x", "ours": "1", "venue": "2", "action": "shown"}])
    traded.commit()
    up = {"name": "trader", "pid": 7, "state": "running", "since": 1_795_250_000.25, "restarts": 1}
    (tmp_path / "up.json").write_text(json.dumps({"processes": [up], "server": None}))
    with running(tmp_path) as server, server.logged_in() as client:
        state = until(client, lambda found: found["reconciliation"] is not None and found["processes"])
        answers.State.model_validate(state)
        values = traded.session.values()
        assert [Decimal(row["quantity"]) for row in state["positions"]] == [
            Decimal(value[0]) for value in values["strategies"]
        ]
        assert [order["id"] for order in state["orders"]] == [
            str(order[0]) for order in sorted(traded.session.open_orders(), reverse=True)
        ]
        assert state["processes"] == [{**up, "since": "2026-11-21T08:33:20.250Z"}]
        assert state["risk"][0]["share"] == pytest.approx(0.0241)
        assert state["reconciliation"]["differences"][0]["venue"] == "2"
        assert state["trader"]["state"] in ("live", "stale")
        assert (state["epoch"], state["account"], state["mode"]) == (1, "simulated-test", "live")
        book = state["books"]["BTC/USDT@simulated"]
        assert len(book["bids"]) == len(book["asks"]) == 12
        every = read(client, "/api/orders?scope=all&limit=5000", answers.Orders)
        assert every["total"] == len(traded.sent) == len(every["orders"])
        pages, before = [], ""
        while True:
            page = read(client, f"/api/orders?scope=all&limit=13{before}", answers.Orders)
            pages += page["orders"]
            if page["next"] is None:
                break
            before = f"&before={page['next']}"
        assert pages == every["orders"]
        mine = read(client, "/api/orders?scope=all&strategy=cross", answers.Orders)
        assert {order["strategy"] for order in mine["orders"]} == {"cross"}
        fills = read(client, "/api/fills?limit=5000", answers.Fills)
        assert len(fills["fills"]) == fills["total"] == values["fills"]
        assert state["fills"] == fills["fills"][:50]
        some = read(client, "/api/fills?instrument=BTC/USDT@simulated&strategy=quoting&limit=2", answers.Fills)
        assert len(some["fills"]) == 2
        candles = read(client, "/api/candles?instrument=BTC/USDT@simulated&interval=1s", answers.Candles)
        starts = [candle["time"] for candle in candles["candles"]]
        assert starts == sorted(starts)
        assert len(starts) >= 11
        samples = read(client, "/api/equity", answers.EquitySamples)["samples"]
        assert samples[-1]["equity"].startswith(state["equity"]["now"])
        events = read(client, "/api/events", answers.Events)["events"]
        assert events[0]["kind"] == "reconciled"


def test_an_order_is_explained_from_the_book_to_its_end(tmp_path: Path) -> None:
    traded = Traded(tmp_path, now=time.time_ns() - 5_000_000_000, limits=LIMITS).begin().run(40)
    traded.close()
    with running(tmp_path) as server, server.logged_in() as client:
        until(client, lambda found: found["trader"]["state"] == "stopped")
        fills = client.get("/api/fills").json()["fills"]
        mine = next(fill for fill in fills if fill["strategy"] == "quoting")
        told = read(client, f"/api/orders/{mine['order']}/explain", answers.Explanation)
        steps = {step["what"]: step for step in told["steps"]}
        words = [step["what"] for step in told["steps"]]
        assert words == ["market", "wake", "risk", "command", "durable", "accepted", "fill", "posting", "end"]
        assert steps["market"]["details"]["bid"] < steps["market"]["details"]["ask"]
        assert 0 <= steps["market"]["details"]["age_ms"] <= 100
        assert "in sync with the venue" in steps["market"]["text"]
        assert "woken by its timer" in steps["wake"]["text"]
        assert steps["wake"]["details"]["parameters"]["half_spread"] == 1.0
        checks = {check["limit"]: check for check in steps["risk"]["details"]["checks"]}
        notional = Decimal(mine["price"]) * Decimal(mine["quantity"])
        assert Decimal(checks["order_notional"]["used"]) == notional
        assert (checks["order_notional"]["bound"], checks["position"]["bound"]) == ("700", "0.5")
        assert "at most 700" in steps["risk"]["text"]
        held = Decimal(0)
        for fill in fills:
            if fill["strategy"] == "quoting" and int(fill["at_ns"]) < int(steps["wake"]["at_ns"]):
                bought = Decimal(fill["quantity"]) - Decimal(fill["fee"])
                held += bought if fill["side"] == "buy" else -Decimal(fill["quantity"])
        after = held + Decimal(mine["quantity"]) * (1 if mine["side"] == "buy" else -1)
        assert Decimal(checks["position"]["used"]) == abs(after)
        command = steps["command"]["details"]
        assert (command["price"], command["tif"], command["epoch"]) == (mine["price"], "post_only", 1)
        assert steps["durable"]["details"]["after_seq"] == command["after_seq"] > 2
        assert f"paid {mine['fee']} {mine['fee_currency']}" in steps["fill"]["text"]
        lines = steps["posting"]["details"]["lines"]
        for currency in {line["currency"] for line in lines}:
            assert sum(Decimal(line["amount"]) for line in lines if line["currency"] == currency) == 0
        assert steps["end"]["text"].startswith("The order is filled whole, ")
        times = [int(step["at_ns"]) for step in told["steps"]]
        assert times == sorted(times)
        assert [step["us"] >= 0 for step in told["steps"][1:]] == [True] * 8
        canceled = next(
            order for order in client.get("/api/orders?scope=all").json()["orders"] if order["state"] == "canceled"
        )
        words = [
            step["what"] for step in read(client, f"/api/orders/{canceled['id']}/explain", answers.Explanation)["steps"]
        ]
        assert words[-3:] == ["cancel_asked", "end", "end"]
        market = next(fill for fill in fills if fill["strategy"] == "cross") if len(fills) > 40 else None
        assert market is None or market["liquidity"] == "taker"


def test_each_part_of_a_fill_has_its_own_postings(tmp_path: Path) -> None:
    traded = Traded(tmp_path, now=time.time_ns() - 5_000_000_000).begin()
    traded.now += 110_000_000
    traded.session.tick(traded.now)
    buy = next(command for command in traded.session.commands() if command["side"] == "buy")
    for part, quantity in enumerate(("0.004", "0.001")):
        traded.now += 1_000_000
        traded.session.report(
            buy["order"], "filled", traded.now, traded.now, price=buy["price"], quantity=quantity, trade=part + 1,
            maker=True, fee="0.00000100",
        )  # fmt: skip
    traded.session.report(buy["order"], "expired", traded.now, traded.now)
    traded.commit()
    with running(tmp_path) as server, server.logged_in() as client:
        until(client, lambda found: found["epoch"] == 1)
        told = read(client, f"/api/orders/{buy['order']}/explain", answers.Explanation)
        words = [step["what"] for step in told["steps"]]
        assert words[-6:] == ["fill", "posting", "fill", "posting", "end", "end"]
        bought = [
            [line["amount"] for line in step["details"]["lines"] if line["account"] == "cash"][1]
            for step in told["steps"]
            if step["what"] == "posting"
        ]
        assert bought == ["0.004", "0.001"]
        assert "0.005 of 0.01 is filled" in told["steps"][-4]["text"]
        assert told["order"]["state"] == "expired"


def test_unknown_rejected_and_refused_are_told_in_words(tmp_path: Path) -> None:
    traded = Traded(tmp_path, now=time.time_ns() - 5_000_000_000).begin()
    traded.now += 110_000_000
    traded.session.tick(traded.now)
    lost, refused = (command["order"] for command in traded.session.commands())
    traded.session.report(lost, "unknown", traded.now, traded.now)
    traded.session.report(refused, "rejected", traded.now, traded.now)
    while not (crossing := [command for command in traded.session.commands() if command["kind"] == "market"]):
        traded.step_without_answers()
    traded.session.report(crossing[0]["order"], "rejected", traded.now, traded.now)
    traded.commit()
    with running(tmp_path) as server, server.logged_in() as client:
        until(client, lambda found: found["epoch"] == 1)
        first = client.get(f"/api/orders/{lost}/explain").json()
        assert first["order"]["state"] == "unknown"
        assert [step["text"] for step in first["steps"] if step["what"] == "unknown"] == [
            "No answer came in time: it counts as open until the venue has been asked."
        ]
        second = client.get(f"/api/orders/{refused}/explain").json()
        assert "The venue never took the order" in second["steps"][-1]["text"]
        assert "would most likely have taken" in second["steps"][-2]["text"]
        events = client.get("/api/events").json()["events"]
        about = {event["kind"]: (event["level"], event["order"]) for event in events}
        assert about["unknown"] == ("bad", str(lost))
        # A quote that came too late is no news, an order at market that was rejected is.
        assert about["rejected"] == ("warn", str(crossing[0]["order"]))


class FakeTrader:
    """What a trader's control socket answers, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def handlers(self) -> dict[str, Any]:
        names = ("halt", "resume", "cancel", "start_strategy", "stop_strategy")
        return dict.fromkeys(names, self._take)

    def _take(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(dict(asked))
        if asked.get("name") == "cross":
            raise RefusedError("the day's loss is at its limit", "tomorrow")
        if asked["command"] == "resume":
            raise UnsafeStateError("the books differ from the venue's", "look at the reconciliation")
        return {"canceled": 3}


def test_commands_go_to_the_trader_and_its_answers_come_back(tmp_path: Path) -> None:
    traded = Traded(tmp_path, now=time.time_ns() - 3_000_000_000).begin().run(25)
    trader = FakeTrader()
    with running(tmp_path, trader.handlers()) as server, server.logged_in() as client:
        state = until(client, lambda found: found["connected"] and found["orders"])
        halted = client.post("/api/halt")
        assert halted.status_code == 200
        answers.Done.model_validate(halted.json())
        assert halted.json()["result"] == {"canceled": 3}
        order = state["orders"][0]["id"]
        assert client.post(f"/api/orders/{order}/cancel").status_code == 200
        assert client.post("/api/strategies/quoting/stop").status_code == 200
        assert client.post("/api/strategies/quoting/start").status_code == 200
        refused = client.post("/api/strategies/cross/start")
        assert (refused.status_code, refused.json()) == (
            403, {"error": {"message": "the day's loss is at its limit", "hint": "tomorrow"}},
        )  # fmt: skip
        assert client.post("/api/resume").status_code == 409
        asked = [(told["command"], told.get("order"), told.get("name")) for told in trader.asked]
        assert asked == [
            ("halt", None, None),
            ("cancel", int(order), None),
            ("stop_strategy", None, "quoting"),
            ("start_strategy", None, "quoting"),
            ("start_strategy", None, "cross"),
            ("resume", None, None),
        ]
        assert client.post("/api/orders/123/cancel").status_code == 404
        ended = next(
            order["id"]
            for order in client.get("/api/orders?scope=all").json()["orders"]
            if order["state"] in ("filled", "canceled")
        )
        assert client.post(f"/api/orders/{ended}/cancel").status_code == 409
        assert client.post("/api/strategies/none/stop").status_code == 404
        assert len(trader.asked) == 6
    assert traded.session.values()["strategies"]


def test_without_a_trader_it_reads_only_and_says_so(tmp_path: Path) -> None:
    traded = Traded(tmp_path, now=time.time_ns() - 3_000_000_000).begin().run(25)
    with running(tmp_path) as server, server.logged_in() as client:
        state = until(client, lambda found: found["epoch"] == 1)
        assert state["connected"] is False
        answer = client.post("/api/halt")
        assert answer.status_code == 503
        assert "kedge up" in answer.json()["error"]["hint"]
        del traded.session
        state = until(client, lambda found: found["trader"]["state"] == "stopped")
        assert "recovers" in state["trader"]["message"]
        assert client.get("/api/orders?scope=all").json()["total"] > 0
        Traded(tmp_path, epoch=2, now=time.time_ns()).begin().run(20).close()
        state = until(client, lambda found: found["epoch"] == 2 and found["trader"]["state"] == "stopped")
        assert "ended cleanly" in state["trader"]["message"]
        assert {int(order["id"]) >> 32 for order in state["orders"]} <= {2}
        fills = client.get("/api/fills?limit=50").json()["fills"]
        assert state["fills"] == fills
        assert len({fill["id"] for fill in fills}) == len(fills)


def test_a_halt_shows_at_once_and_a_stream_lost_is_not_in_sync(tmp_path: Path) -> None:
    traded = Traded(tmp_path, now=time.time_ns()).begin().run(5)
    with running(tmp_path) as server, server.logged_in() as client:
        until(client, lambda found: found["epoch"] == 1 and not found["halted"])
        traded.session.halt(traded.now)
        until(client, lambda found: found["halted"])
        traded.session.resume(traded.now)
        until(client, lambda found: not found["halted"])
        traded.session.lost(0, traded.now)
        until(client, lambda found: found["instruments"][0]["state"] == "gap")
        feed = {"instrument": "BTC/USDT@simulated", "state": "lost", "age_ms": 4_000.0}
        traded.status(feeds=[feed])
        state = until(client, lambda found: found["instruments"][0]["state"] == "lost")
        answers.State.model_validate(state)


@pytest.mark.parametrize("how", ["noise", "removed", "asked"])
def test_tables_that_go_under_a_running_server_come_back(tmp_path: Path, how: str) -> None:
    traded = Traded(tmp_path, now=time.time_ns() - 5_000_000_000).begin().run(30)
    with running(tmp_path) as server, server.logged_in() as client:
        before = until(client, lambda found: found["epoch"] == 1 and found["fills"])
        total = client.get("/api/orders?scope=all").json()["total"]
        _harm(server, how)
        traded.run(10)
        end = time.monotonic() + 10
        while server.watch.store()["made"] != 1 or not server.watch.store()["rows"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        events = until(client, lambda found: found.get("events", [{}])[0].get("kind") == "store", "/api/events")
        assert "made again from the journals" in events["events"][0]["text"]
        after = until(client, lambda found: len(found["fills"]) >= len(before["fills"]))
        ids = [fill["id"] for fill in after["fills"]]
        assert len(set(ids)) == len(ids)
        until(client, lambda found: found["total"] >= total, "/api/orders?scope=all")


def _harm(server: Running, how: str) -> None:
    file = server.folder.root / DATABASE
    if how == "asked":
        server.watch.rebuild()
    elif how == "removed":
        for suffix in ("", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
    else:
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        data = bytearray(file.read_bytes())
        data[4_096:] = b"\xff" * (len(data) - 4_096)
        file.write_bytes(data)


def test_a_damaged_journal_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    traded = Traded(tmp_path, now=time.time_ns()).begin().run(30)
    traded.close()
    file = traded.path / "decisions.kj"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    with running(tmp_path) as server, server.logged_in() as client:
        state = until(client, lambda found: found["trader"]["state"] == "broken")
        assert "decisions.kj" in state["trader"]["message"]
        assert client.get("/api/orders?scope=all").json()["total"] > 0
