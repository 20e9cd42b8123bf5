"""One request, whichever way it came: what every handler is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from kedge.venues.simulated import errors
from kedge.venues.simulated.accounts import Account
from kedge.venues.simulated.exchange import SimulatedExchange
from kedge.venues.simulated.listings import Listing, Market
from kedge.venues.simulated.parameters import Parameters
from kedge.venues.simulated.tape import Tape

Security = Literal["none", "key", "signed"]


@dataclass(slots=True)
class Call:
    """A request of a market's client. `now` is the market's time, to which the exchange was brought."""

    exchange: SimulatedExchange
    market: Market
    parameters: Parameters
    caller: Account | None
    now: int

    @property
    def account(self) -> Account:
        """Who asks; only a route with a key may ask for it."""
        assert self.caller is not None
        return self.caller

    def listing(self) -> Listing:
        """The instrument of `symbol`. Raises `VenueError` (-1102, -1121)."""
        return self.exchange.listings.find(self.market, self.parameters.need("symbol"))

    def listings(self) -> list[Listing]:
        """The instrument of `symbol`, those of `symbols` (a JSON list), or all of the market where none is named."""
        if self.parameters.get("symbol") is not None:
            return [self.listing()]
        if (several := self.parameters.get("symbols")) is not None:
            return [self.exchange.listings.find(self.market, symbol) for symbol in _symbols(several)]
        return self.exchange.listings.of(self.market)

    def one_or_all(self, rows: list[Any]) -> Any:
        """The only row where a symbol was named, else all of them."""
        return rows[0] if self.parameters.get("symbol") is not None else rows

    def tape(self, listing: Listing) -> Tape:
        """What the instrument's market has told."""
        return self.exchange.tapes[listing.index]

    def wire_ms(self, market_ns: int) -> int:
        """A market time as clients see it."""
        return self.exchange.clock.wire_ms(market_ns)


def _symbols(text: str) -> list[str]:
    """`["BTCUSDT","ETHUSDT"]`. Raises `VenueError` (-1100)."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
        raise errors.illegal("symbols", '^\\["[A-Z0-9]+"(,"[A-Z0-9]+")*\\]$')
    return found


Handler = Callable[[Call], Any]
Weight = int | Callable[[Parameters], int]


@dataclass(frozen=True, slots=True)
class Route:
    """A route with its handler, its weight, and how many orders it counts as. `socket` is its name as a WebSocket
    request, where it has one."""

    method: str
    path: str
    handler: Handler
    weight: Weight = 1
    security: Security = "none"
    orders: int = 0
    socket: tuple[str, ...] = ()

    @property
    def market(self) -> Market:
        """Whose limits count it."""
        return "usdm" if self.path.startswith(("/fapi", "/futures")) else "spot"

    def weighs(self, parameters: Parameters) -> int:
        """The weight of one request."""
        return self.weight if isinstance(self.weight, int) else self.weight(parameters)
