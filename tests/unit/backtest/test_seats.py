"""Who trades: copies, grids, accounts, seeds and further instruments of the settings' strategies."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kedge.backtest import seats
from kedge.backtest.frames import Capital, equity_frame
from kedge.model.errors import UsageError
from kedge.model.settings import Settings

IDS = ["BTC/USDT@binance", "BTC/USDT:USDT@binance", "ETH/USDT@binance"]
DEFINITIONS = [{"id": each, "kind": "linear_perpetual" if ":" in each else "spot"} for each in IDS]
ENTRY = {"name": "quoting", "file": "rust:quoting", "instrument": IDS[0]}


def of(*entries: dict[str, object], seed: int = 7) -> list[seats.Seat]:
    settings = Settings.model_validate({"strategy": [{**ENTRY, **entry} for entry in entries]})
    return seats.of_settings(settings, seed, DEFINITIONS)


def test_one_entry_is_one_seat_in_the_shared_account():
    (seat,) = of({"params": {"lean": 0.2}, "limits": {"order_notional": 50}})
    assert (seat.name, seat.instrument, seat.own_account, seat.seed, seat.leg) == ("quoting", 0, False, None, False)
    assert (seat.params, seat.limits["order_notional"]) == ({"lean": 0.2}, "50")
    assert of({"own_account": True})[0].seed == 7
    assert of({"seed": 3})[0].seed == 3


def test_copies_and_grids_are_numbered_with_accounts_and_seeds_of_their_own():
    grid = {"lean": [0.0, 0.5], "half_spread": [1.0, 2.0, 3.0]}
    made = of({"grid": grid, "copies": 2, "seed": 100, "params": {"size": 0.02}})
    assert [seat.name for seat in made] == [f"quoting-{number:02}" for number in range(1, 13)]
    assert [seat.seed for seat in made] == list(range(100, 112))
    assert all(seat.own_account for seat in made)
    points = [(seat.params["lean"], seat.params["half_spread"]) for seat in made]
    assert points == [(lean, spread) for lean in (0.0, 0.5) for spread in (1.0, 2.0, 3.0) for _ in range(2)]
    assert {seat.params["size"] for seat in made} == {0.02}
    assert [seat.seed for seat in of({"copies": 3}, seed=2**63 - 2)] == [2**63 - 2, 2**63 - 1, 0]


def test_further_instruments_are_legs_behind_their_strategy():
    made = of({"also": [IDS[1]], "copies": 2}, {"name": "other", "instrument": IDS[2]})
    assert [(seat.name, seat.instrument, seat.leg) for seat in made] == [
        ("quoting-1-btc-usdt", 0, False),
        ("quoting-1-btc-usdt-usdt", 1, True),
        ("quoting-2-btc-usdt", 0, False),
        ("quoting-2-btc-usdt-usdt", 1, True),
        ("other", 2, False),
    ]


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([{"instrument": "SOL/USDT@binance"}], "trades `SOL/USDT@binance`, which is not in the data"),
        ([{"also": ["SOL/USDT@binance"]}], "cannot also trade `SOL/USDT@binance`"),
        ([{"also": [IDS[0]]}], "cannot also trade `BTC/USDT@binance`"),
        (
            [{"copies": 6_000}, {"name": "more", "copies": 6_000}],
            "at most 10,000 strategies, the settings ask for 12,000",
        ),
        ([{"copies": 2}, {"name": "quoting-2"}], "two strategies of the run are named `quoting-2`"),
        ([{"file": "rust:quotin"}], "no strategy `rust:quotin` is built in"),
    ],
)
def test_what_cannot_be_seated_is_refused(entries, told):
    with pytest.raises(UsageError) as raised:
        of(*entries)
    assert told in raised.value.message


def test_equity_of_all_accounts_counts_each_accounts_capital():
    def money(*amounts: int) -> bytes:
        return b"".join((amount * 10**16).to_bytes(16, "little", signed=True) for amount in amounts)

    table = {"ts": [1, 1], "strategy": [0, 1], "pnl": money(5, -2), "value": money(0, 0), "position": money(0, 0)}
    frame = equity_frame(table | {"price": [1.0, 1.0]}, ["a", "b"], ["spot"] * 2, Capital(Decimal(100), Decimal(200)))
    assert dict(zip(frame["strategy"], frame["equity"], strict=True)) == {"": 203, "a": 105, "b": 98}
