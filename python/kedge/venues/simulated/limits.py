"""How much a client may ask: request weight by address, orders by account; 429, and 418 for who goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

from kedge.venues.simulated.errors import VenueError
from kedge.venues.simulated.listings import SPOT, Market

MINUTE_MS = 60_000
WEIGHT = {"spot": 6_000, "usdm": 2_400}
# interval name → (its length in ms, orders allowed)
ORDERS = {
    "spot": {"10S": (10_000, 100), "1D": (86_400_000, 200_000)},
    "usdm": {"10S": (10_000, 300), "1M": (60_000, 1_200)},
}
# So many requests after the first 429 of a minute are let off before the address is banned.
LET_OFF = 10
BAN_MS = 120_000


@dataclass(slots=True)
class _Count:
    window: int = -1
    used: int = 0

    def add(self, now_ms: int, length_ms: int, amount: int) -> int:
        window = now_ms // length_ms
        if window != self.window:
            self.window, self.used = window, 0
        self.used += amount
        return self.used


@dataclass(slots=True)
class _Address:
    weight: _Count = field(default_factory=_Count)
    refused: _Count = field(default_factory=_Count)
    banned_until_ms: int = 0


class Limits:
    """Counts of one market. Times are wall-clock ms. Its limits are `times` those of Binance."""

    def __init__(self, market: Market, times: int = 1) -> None:
        self.market = market
        self.most = WEIGHT[market] * times
        self.windows = {name: (length, most * times) for name, (length, most) in ORDERS[market].items()}
        self._addresses: dict[str, _Address] = {}
        self._orders: dict[tuple[int, str], _Count] = {}

    def weigh(self, address: str, weight: int, now_ms: int) -> dict[str, str]:
        """Counts a request and returns the headers that say so. Raises `VenueError` (429 or 418)."""
        state = self._addresses.setdefault(address, _Address())
        if now_ms < state.banned_until_ms:
            raise self._banned(state, now_ms)
        used = state.weight.add(now_ms, MINUTE_MS, weight)
        headers = {"X-MBX-USED-WEIGHT-1M": str(used)}
        if self.market == SPOT:
            headers["X-MBX-USED-WEIGHT"] = str(used)
        if used > self.most:
            if state.refused.add(now_ms, MINUTE_MS, 1) > LET_OFF:
                state.banned_until_ms = now_ms + BAN_MS
                raise self._banned(state, now_ms)
            message = (
                f"Too many requests; current limit is {self.most} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
            raise self._refusal(429, -1003, message, headers, MINUTE_MS - now_ms % MINUTE_MS)
        return headers

    def count_orders(self, account: int, orders: int, now_ms: int) -> dict[str, str]:
        """Counts new orders of an account and returns the headers. Raises `VenueError` (429, -1015)."""
        headers: dict[str, str] = {}
        for name, (length_ms, most) in self.windows.items():
            count = self._orders.setdefault((account, name), _Count())
            used = count.add(now_ms, length_ms, orders)
            headers[f"X-MBX-ORDER-COUNT-{name}"] = str(used)
            if used > most:
                words = {"10S": "10 SECOND", "1M": "1 MINUTE", "1D": "1 DAY"}[name]
                message = f"Too many new orders; current limit is {most} orders per {words}."
                raise self._refusal(429, -1015, message, headers, length_ms - now_ms % length_ms)
        return headers

    def rules(self) -> list[dict[str, object]]:
        """`rateLimits` of `exchangeInfo`."""
        weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.most}
        names = {"10S": ("SECOND", 10), "1M": ("MINUTE", 1), "1D": ("DAY", 1)}
        orders = [
            {"rateLimitType": "ORDERS", "interval": names[name][0], "intervalNum": names[name][1], "limit": most}
            for name, (_, most) in self.windows.items()
        ]
        return [weight, *orders]

    def used(self, address: str, now_ms: int) -> list[dict[str, object]]:
        """`rateLimits` of a WebSocket answer."""
        state = self._addresses.setdefault(address, _Address())
        return [{**self.rules()[0], "count": state.weight.add(now_ms, MINUTE_MS, 0)}]

    def _banned(self, state: _Address, now_ms: int) -> VenueError:
        message = (
            f"Way too much request weight used; IP banned until {state.banned_until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        return self._refusal(418, -1003, message, {}, state.banned_until_ms - now_ms)

    def _refusal(self, status: int, code: int, message: str, headers: dict[str, str], wait_ms: int) -> VenueError:
        error = VenueError(code, message, status)
        error.headers = {**headers, "Retry-After": str(max(1, -(-wait_ms // 1000)))}
        return error
