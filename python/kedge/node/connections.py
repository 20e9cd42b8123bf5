"""The venue's clients of a trader, one for each market its instruments are traded on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from kedge.model.errors import UsageError
from kedge.model.settings import VenueSettings
from kedge.venues.binance import REAL, AccountUpdate, Addresses, BinanceVenue, Keys, Market, Report


class Listener(Protocol):
    """Who hears what the venues say. Called on the loop."""

    def on_frame(self, market: str, symbol: str, frame: bytes) -> None: ...
    def on_lost(self, market: str, symbol: str, why: str) -> None: ...
    def on_report(self, market: str, report: Report) -> None: ...
    def on_account(self, market: str, update: AccountUpdate) -> None: ...
    def on_gap(self, market: str, why: str) -> None: ...


def addresses(settings: VenueSettings, market: Market) -> Addresses:
    """Where a market is. Raises `UsageError` naming the setting that is missing."""
    given = {part: getattr(settings, f"{market}_{part}") for part in ("rest", "stream", "private")}
    order = getattr(settings, f"{market}_order")
    if settings.name == "binance":
        official = REAL[market]
        found = Addresses(*(given[part] or getattr(official, part) for part in ("rest", "stream", "private")))
        # Orders do not go to the venue itself where another address of it was given.
        return replace(found, order=order or (official.order if given["rest"] in ("", official.rest) else ""))
    for part, address in given.items():
        if not address:
            raise UsageError(
                f"`venue.{market}_{part}` is not set, and a simulated exchange has no address of its own",
                "`kedge up` starts one and sets it; or start `kedge exchange` and copy what it prints",
            )
    return Addresses(given["rest"], given["stream"], given["private"], order)


def connect(settings: VenueSettings, markets: Sequence[Market], listener: Listener) -> dict[Market, BinanceVenue]:
    """Clients that are not started yet. Raises `UsageError` without keys or addresses."""
    if not settings.key or not settings.secret:
        raise UsageError("there is no key for the venue", "set KEDGE_VENUE_KEY and KEDGE_VENUE_SECRET")
    keys = Keys(settings.key, settings.secret)
    return {market: _client(settings, market, keys, listener) for market in markets}


def _client(settings: VenueSettings, market: Market, keys: Keys, listener: Listener) -> BinanceVenue:
    return BinanceVenue(
        market,
        addresses(settings, market),
        keys,
        recv_window_ms=settings.recv_window // 1_000_000,
        on_frame=lambda symbol, frame, _at: listener.on_frame(market, symbol, frame),
        on_lost=lambda symbol, why: listener.on_lost(market, symbol, why),
        on_report=lambda report: listener.on_report(market, report),
        on_account=lambda update: listener.on_account(market, update),
        on_gap=lambda why: listener.on_gap(market, why),
        venue=settings.name,
    )


async def start(
    clients: Mapping[Market, BinanceVenue], instruments: Mapping[Market, Sequence[str]], symbols: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Starts every client and returns the definitions of the instruments, market by market, under our ids."""
    await asyncio.gather(
        *(clients[market].start([symbols[ident] for ident in ids]) for market, ids in instruments.items())
    )
    found = []
    for market, ids in instruments.items():
        told = await clients[market].definitions([symbols[ident] for ident in ids])
        by_symbol = {str(entry["symbol"]): entry for entry in told}
        found += [{**by_symbol[symbols[ident]], "id": ident} for ident in ids]
    return found


async def close(clients: Mapping[Market, BinanceVenue]) -> None:
    """Closes them all, whatever state they are in."""
    await asyncio.gather(*(client.close() for client in clients.values()), return_exceptions=True)
