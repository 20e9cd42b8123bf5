"""Names of streams, as clients subscribe to them: `btcusdt@depth@100ms`, `ethusdt@kline_1m`, `!markPrice@arr@1s`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kedge.venues.simulated.candles import INTERVALS, MONTH
from kedge.venues.simulated.listings import SPOT, USDM, Listing, Listings, Market

_DEPTH = re.compile(r"depth(5|10|20)?(?:@(100|250|500|1000)ms)?")
_KLINE = re.compile(r"kline_(\w+)")
_MARK = re.compile(r"markPrice(@1s)?")
_PLAIN = ("trade", "aggTrade", "bookTicker", "miniTicker", "ticker", "forceOrder")
_ALL = {
    "!ticker@arr": "ticker",
    "!miniTicker@arr": "miniTicker",
    "!bookTicker": "bookTicker",
    "!markPrice@arr": "markPrice",
    "!markPrice@arr@1s": "markPrice",
    "!forceOrder@arr": "forceOrder",
}
_USDM_ONLY = ("markPrice", "forceOrder")
# What a USD-M address serves: the depth of the book on one, everything else on the other. Trades come on both.
_PUBLIC = ("depth", "partial", "bookTicker", "trade")
DEPTH_MS = {"spot": 1_000, "usdm": 250}
PARTIAL_MS = {"spot": 1_000, "usdm": 250}


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream. `listing` is None for all symbols of the market, `every_ms` 0 where it is told at once."""

    name: str
    market: Market
    kind: str
    listing: Listing | None
    every_ms: int = 0
    levels: int = 0
    interval: str = ""


def parse(name: str, market: Market, listings: Listings) -> Stream | None:
    """The stream of a name; None where the market has none such, which nothing is ever told on."""
    if name in _ALL:
        kind = _ALL[name]
        if market == SPOT and kind in _USDM_ONLY:
            return None
        every = (1_000 if name.endswith("@1s") or kind != "markPrice" else 3_000) if kind in _TICKED else 0
        return Stream(name, market, kind, None, every)
    symbol, _, what = name.partition("@")
    listing = listings.get(market, symbol.upper())
    if listing is None or symbol != symbol.lower():
        return None
    return _of_listing(name, listing, what)


_TICKED = ("ticker", "miniTicker", "markPrice")


def _of_listing(name: str, listing: Listing, what: str) -> Stream | None:
    market = listing.market
    if what in _PLAIN:
        if market == SPOT and what in _USDM_ONLY:
            return None
        return Stream(name, market, what, listing, 1_000 if what in _TICKED else 0)
    if found := _DEPTH.fullmatch(what):
        levels = int(found[1] or 0)
        every = int(found[2] or (PARTIAL_MS if levels else DEPTH_MS)[market])
        return Stream(name, market, "partial" if levels else "depth", listing, every, levels)
    if (found := _KLINE.fullmatch(what)) and (found[1] in INTERVALS or found[1] == MONTH):
        return Stream(name, market, "kline", listing, 250 if market == USDM else 1_000, 0, found[1])
    if market == USDM and (found := _MARK.fullmatch(what)):
        return Stream(name, market, "markPrice", listing, 1_000 if found[1] else 3_000)
    return None


def serves(category: str, stream: Stream) -> bool:
    """Whether an address of this category ("" on spot, else public, market or private) carries a stream."""
    if category == "":
        return True
    if category == "public":
        return stream.kind in _PUBLIC
    return category == "market" and stream.kind not in ("depth", "partial")
