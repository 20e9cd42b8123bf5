"""Binance, spot and USD-M perpetuals: the protocol of the venue, and of every server that speaks it.

In: addresses, keys, orders as decimal text. Out: market messages as bytes, `Outcome`s, `Report`s, `AccountUpdate`s and
what the account has. Units: ns since the epoch (UTC), prices in quote and quantities in base currency, as text or
`Decimal`. Raises: `UsageError` for a wrong key or symbol, `UnsafeStateError` for a clock that is off, `RetryLater` and
other `UnreachableError`s for questions that were not answered. docs/binance.md says what each answer means.
"""

from kedge.venues.binance.account import AccountUpdate, Report, VenueOrder, VenueTrade
from kedge.venues.binance.addresses import REAL, Addresses, Keys, Market
from kedge.venues.binance.budget import RateBudget
from kedge.venues.binance.clock import VenueClock
from kedge.venues.binance.errors import RetryLater, VenueRefused
from kedge.venues.binance.ordering import Prepared
from kedge.venues.binance.outcomes import Accepted, Outcome, Rejected, Retryable, Unknown
from kedge.venues.binance.venue import CLIENT_ID_SCOPE, HAS_DEADLINE, QUERY_BY_CLIENT_ID, BinanceVenue
from kedge.venues.binance.websocket import Pace

__all__ = [
    "CLIENT_ID_SCOPE",
    "HAS_DEADLINE",
    "QUERY_BY_CLIENT_ID",
    "REAL",
    "Accepted",
    "AccountUpdate",
    "Addresses",
    "BinanceVenue",
    "Keys",
    "Market",
    "Outcome",
    "Pace",
    "Prepared",
    "RateBudget",
    "Rejected",
    "Report",
    "RetryLater",
    "Retryable",
    "Unknown",
    "VenueClock",
    "VenueOrder",
    "VenueRefused",
    "VenueTrade",
]
