"""Where a market of Binance is reached, by settings: the real venue and one that speaks its protocol alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Market = Literal["spot", "usdm"]
MARKETS: tuple[Market, ...] = ("spot", "usdm")


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one market, without a slash at the end.

    spot: `rest` with its scheme and host, `stream` as `wss://host/ws` (subscriptions are sent on it), `private` as the
    whole address of the WebSocket API. usdm: `rest`, `stream` as `wss://host` (`/public/ws` and `/market/ws` are added)
    and `private` as `wss://host` (`/private/ws?listenKey=…` is added; the path may also stand there already). `order`
    is the whole address of the WebSocket API that orders go over; an `http` address sends them by REST. Without one
    spot takes `private`, and USD-M goes by REST.
    """

    rest: str
    stream: str
    private: str
    order: str = ""

    def streams(self, market: Market) -> tuple[str, str]:
        """The stream address of books and trades, and the one of mark prices."""
        base = self.stream.rstrip("/")
        if market == "spot":
            return base, base
        for ending in ("/ws", "/public", "/market"):
            base = base.removesuffix(ending)
        return base + "/public/ws", base + "/market/ws"

    def user(self, market: Market) -> str:
        """The address of the account's events, without its listen key."""
        base = self.private.rstrip("/")
        if market == "spot":
            return base
        return base.removesuffix("/ws").removesuffix("/private") + "/private/ws"

    def orders(self, market: Market) -> str | None:
        """The address of the WebSocket API that orders go over; None: they go by REST."""
        address = self.order or (self.private if market == "spot" else "")
        return address.rstrip("/") if address.startswith("ws") else None


@dataclass(frozen=True, slots=True)
class Keys:
    """An API key and its secret, which is in no repr, log or error."""

    key: str = field(repr=False)
    secret: str = field(repr=False)

    def __repr__(self) -> str:
        return f"Keys(key='{self.key[:4]}…', secret=hidden)"


REAL: dict[Market, Addresses] = {
    "spot": Addresses(
        "https://api.binance.com", "wss://stream.binance.com:9443/ws", "wss://ws-api.binance.com:443/ws-api/v3"
    ),
    "usdm": Addresses(
        "https://fapi.binance.com",
        "wss://fstream.binance.com",
        "wss://fstream.binance.com",
        "wss://ws-fapi.binance.com/ws-fapi/v1",
    ),
}
"""The venue itself."""
