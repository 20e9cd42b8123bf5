"""From settings to what a live session runs: instruments, and strategies with their limits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from kedge.backtest.limits import quote_currency, tightest_limits
from kedge.backtest.spec import RunSpec, Seat, checked
from kedge.model.errors import UsageError
from kedge.model.settings import Settings
from kedge.strategies.source import read_source
from kedge.venues.binance import Market


def market_of(instrument: str) -> Market:
    """The market an instrument id is traded on: `BTC/USDT@x` spot, `ETH/USDT:USDT@x` usdm."""
    return "usdm" if ":" in instrument else "spot"


def account_name(venue: str, key: str) -> str:
    """What an account is called in journals: the venue and a digest of the key."""
    return f"{venue}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def symbol_of(instrument: str) -> str:
    """What Binance calls it: `BTCUSDT`."""
    return instrument.partition("@")[0].partition(":")[0].replace("/", "")


def instruments_of(settings: Settings) -> dict[Market, list[str]]:
    """The instruments of the strategies, by market. Raises `UsageError` for one of another venue, or for none."""
    if not settings.strategy:
        raise UsageError("the settings name no strategy", "add a [[strategy]] to kedge.toml, or run `kedge up`")
    found: dict[Market, list[str]] = {}
    for entry in settings.strategy:
        if entry.copies > 1 or entry.grid or entry.own_account:
            raise UsageError(
                f"strategy `{entry.name}` has `copies`, a `grid` or an account of its own, which only backtests have",
                "leave them out to trade: the account is the venue's",
            )
        venue = entry.instrument.partition("@")[2]
        if venue != settings.venue.name:
            raise UsageError(
                f"strategy `{entry.name}` trades {entry.instrument}, but `venue.name` is {settings.venue.name}",
                f"write @{settings.venue.name}, or set `name` in [venue]",
            )
        of_market = found.setdefault(market_of(entry.instrument), [])
        if entry.instrument not in of_market:
            of_market.append(entry.instrument)
    return found


def live_spec(
    settings: Settings, definitions: Sequence[Mapping[str, Any]], balances: Mapping[str, Decimal], seed: int
) -> RunSpec:
    """The session: `balances` are what the account holds at the venue before its first session.

    Raises what reading and making the strategies raises.
    """
    ids = [str(definition["id"]) for definition in definitions]
    seats = []
    for entry in settings.strategy:
        at = ids.index(entry.instrument)
        capital = balances.get(quote_currency(definitions[at]), Decimal(0))
        limits = tightest_limits(settings, entry.limits, capital)
        if market_of(entry.instrument) == "spot":
            limits["short"] = False
        seats.append(Seat(entry.name, read_source(entry.file), at, entry.params, limits))
    engine = {
        "seed": seed,
        "sample_ns": 0,
        "queue": "risk_averse",
        "queue_power": 2.0,
        "partial_fills": True,
        "feed_ns": None,
        "entry_ns": 0,
        "response_ns": 0,
        "balances": {currency: f"{amount:f}" for currency, amount in sorted(balances.items())},
        "keep_records": True,
    }
    market = {"kind": "live", "venue": settings.venue.name}
    return checked(RunSpec(engine, definitions, seats, market, settings.backtest.callback_seconds))
