"""The exchange behind the protocol: the core with its clock, what the market told, accounts, faults and truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kedge._core import Exchange
from kedge.venues.simulated.accounts import Account, Accounts
from kedge.venues.simulated.bookkeeping import Bookkeeping
from kedge.venues.simulated.clock import MarketClock
from kedge.venues.simulated.faults import Faults
from kedge.venues.simulated.limits import Limits
from kedge.venues.simulated.listings import SPOT, USDM, Listing, Listings, Market
from kedge.venues.simulated.tape import Changes, Tape
from kedge.venues.simulated.truth import Truth

# So much of the market has been before the first client comes: a full book, and candles to begin with.
WARM_UP_NS = 120 * 10**9

OnChanges = Callable[[Listing, Changes], None]
OnEvents = Callable[[list[dict[str, Any]]], None]


class SimulatedExchange:
    """One exchange. Everything goes through `advance`, which brings it to now; whoever asks calls it first."""

    def __init__(self, seed: int, clock: MarketClock, listings: Listings, truth: Truth, limits: int = 1) -> None:
        self.seed = seed
        self.clock = clock
        self.listings = listings
        self.truth = truth
        self.accounts = Accounts()
        self.faults = Faults()
        self.limits: dict[Market, Limits] = {SPOT: Limits(SPOT, limits), USDM: Limits(USDM, limits)}
        self.tapes = [Tape() for _ in listings.all]
        self.books = Bookkeeping(listings, self.accounts, truth, clock)
        self.rows = 0
        self.advanced = clock.start
        self._on_changes: OnChanges = lambda listing, changes: None
        self._on_events: OnEvents = lambda events: None
        definitions = [listing.instrument.to_json() for listing in listings.all]
        values = [listing.value for listing in listings.all]
        self.core = Exchange(seed, definitions, clock.start - WARM_UP_NS, values)
        for index, rows in self.core.advance(clock.start):
            self.tapes[index].skip(rows, clock)
            self.rows += len(rows["flags"])
        for name, value in (("seed", seed), ("speed", clock.speed), ("started_ms", clock.start // 10**6)):
            truth.add("exchange", name, json.dumps(value))

    def listen(self, on_changes: OnChanges, on_events: OnEvents) -> None:
        """Who is told what each advance brings: changes of the market, then events of the accounts."""
        self._on_changes, self._on_events = on_changes, on_events

    def open_account(
        self, spot: dict[str, str], futures: dict[str, str], key: str | None = None, secret: str | None = None
    ) -> Account:
        """A new account with these balances, as decimal text by currency."""
        account = self.accounts.add(self.core.open_account(spot, futures), key, secret)
        self.truth.add("accounts", account.number, account.key, self.clock.now_ms())
        self.tell()
        return account

    def advance(self) -> int:
        """Brings the exchange to now and tells what happened; returns the market's time."""
        self.advanced = now = self.clock.now()
        for index, rows in self.core.advance(now):
            count = len(rows["flags"])
            if count:
                self.rows += count
                listing = self.listings[index]
                self._on_changes(listing, self.tapes[index].read(rows, self.clock))
        self.tell()
        return now

    def tell(self) -> None:
        """Tells the events of the accounts that came since the last time."""
        events = self.core.take_events()
        if events:
            for event in events:
                self.books.enter(event)
            self._on_events(events)
