"""Questions to one market: the account, its orders and executions, the exchange's information, depth and time.

All raise `RetryLater` or another `UnreachableError` where the venue does not answer in its documented form, and
`UsageError` for a wrong key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from kedge.model.errors import DataError, UsageError
from kedge.venues.binance import account, definitions, fields
from kedge.venues.binance.account import VenueOrder, VenueTrade
from kedge.venues.binance.addresses import Market
from kedge.venues.binance.errors import RetryLater, VenueRefused
from kedge.venues.binance.fields import Object
from kedge.venues.binance.orders import ORDER, named
from kedge.venues.binance.rest import READ_S, Params, Request, Rest

T = TypeVar("T")

NO_SUCH_ORDER = -2013
NO_SUCH_SYMBOL = -1121
PAGE = 1_000
PAGES_MAX = 100
DAY_MS = 86_400_000
DEPTH_LEVELS = 1_000


@dataclass(frozen=True, slots=True)
class Information:
    """The exchange's information: its symbols by name, its limits as sent."""

    symbols: dict[str, Object]
    rate_limits: object


class Asking:
    """Every request that only reads."""

    def __init__(self, market: Market, rest: Rest) -> None:
        self._spot = market == "spot"
        self._market: Market = market
        self._rest = rest
        self._prefix = "/api/v3" if self._spot else "/fapi/v1"

    async def time_ms(self) -> int:
        """The venue's time, in milliseconds."""
        return await self._read("/time", 1, {}, lambda body: fields.whole(_timely(body), "serverTime"))

    async def information(self, symbols: Sequence[str]) -> Information:
        """What the exchange says of these symbols (USD-M: of all)."""
        params = {"symbols": json.dumps(list(symbols), separators=(",", ":"))} if self._spot and symbols else {}

        def reading(body: object) -> Information:
            return Information(definitions.symbols_of(body), fields.obj(body, "exchangeInfo").get("rateLimits"))

        try:
            return await self._read("/exchangeInfo", 20 if self._spot else 1, params, reading)
        except VenueRefused as error:
            if error.code != NO_SUCH_SYMBOL:
                raise
            named_all = ", ".join(f"`{symbol}`" for symbol in symbols)
            raise UsageError(f"{self._rest.base} has no symbol of one of {named_all}", "check their names") from None

    async def fees(self, symbol: str) -> tuple[str, str]:
        """Maker and taker fee of the account, as fractions."""

        def spot(body: object) -> tuple[str, str]:
            rates = fields.obj(fields.obj(body, "account").get("commissionRates"), "commissionRates")
            return _fraction(rates, "maker"), _fraction(rates, "taker")

        def usdm(body: object) -> tuple[str, str]:
            rates = fields.obj(body, "commissionRate")
            return _fraction(rates, "makerCommissionRate"), _fraction(rates, "takerCommissionRate")

        if self._spot:
            return await self._read("/account", 20, {}, spot, signed=True)
        return await self._read("/commissionRate", 20, {"symbol": symbol}, usdm, signed=True)

    async def check_account(self) -> None:
        """Raises `UsageError` if the key is wrong or the account cannot be traded as we do."""
        await self.balances()
        if self._spot:
            return
        params: Params = {}
        if await self._read(
            "/positionSide/dual",
            30,
            params,
            lambda body: fields.flag(fields.obj(body, "dual"), "dualSidePosition"),
            signed=True,
        ):
            raise UsageError("the account is in hedge mode", "set it to one-way mode at the venue")

    async def depth(self, symbol: str) -> bytes:
        """The body of the depth snapshot, as received."""
        weight = 50 if self._spot else 20
        request = Request("GET", f"{self._prefix}/depth", "snapshot", weight)
        body = await self._rest.read_body(request, {"symbol": symbol, "limit": DEPTH_LEVELS})
        if b'"lastUpdateId"' not in body[:200]:
            raise RetryLater(f"{self._rest.base}{request.path}: the answer is no depth snapshot", 1.0)
        return body

    async def order(self, symbol: str, client_id: str, patience_s: float = READ_S) -> VenueOrder | None:
        """The newest order of this client id; None only where the venue says that there is none."""
        request = Request("GET", ORDER[self._market], "read", 4 if self._spot else 1)
        try:
            body = await self._rest.read(request, named(symbol, client_id), signed=True, patience_s=patience_s)
            found = self._checked(request.path, body, account.order)
        except VenueRefused as error:
            if error.code == NO_SUCH_ORDER:
                return None
            raise
        if found.client_id != client_id or found.symbol != symbol:
            raise RetryLater(f"{self._rest.base}{request.path}: the answer is about another order", 1.0)
        return found

    async def open_orders(self, symbol: str | None) -> list[VenueOrder]:
        """Open orders of a symbol, or, at many times the weight, every one."""
        weight = (80, 40) if symbol is None else (6, 1)
        params: Params = {} if symbol is None else {"symbol": symbol}
        return await self._read("/openOrders", weight[not self._spot], params, account.orders, signed=True)

    async def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Currency → (free, locked), on USD-M (wallet balance, available)."""
        if self._spot:
            return await self._read("/account", 20, {}, self._balances, signed=True)
        return await self._read("/balance", 5, {}, self._balances, signed=True, prefix="/fapi/v2")

    def _balances(self, body: object) -> dict[str, tuple[Decimal, Decimal]]:
        return account.balances(self._market, body)

    async def positions(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Symbol → (quantity, entry price)."""
        if self._spot:
            return {}
        return await self._read("/positionRisk", 5, {}, account.positions, signed=True, prefix="/fapi/v3")

    async def trades(
        self, symbol: str, order_id: int | None, from_id: int | None, start_ns: int | None, now_ns: int
    ) -> list[VenueTrade]:
        """Executions, every page of them."""
        base: dict[str, str | int] = {"symbol": symbol, "limit": PAGE}
        if order_id is not None:
            base["orderId"] = order_id
        if start_ns is None:
            return await self._trade_pages(base, from_id)
        found: dict[int, VenueTrade] = {}
        at, end, pages = start_ns // 1_000_000, now_ns // 1_000_000 + 60_000, 0
        while at <= end:
            pages += 1
            if pages > PAGES_MAX:
                raise RetryLater(f"{self._rest.base}: more than {PAGES_MAX} pages of trades since that time", 1.0)
            # The venue answers at most a day of executions.
            page = await self._trade_page({**base, "startTime": at, "endTime": min(at + DAY_MS - 1, end)})
            new = [trade for trade in page if trade.trade not in found]
            found.update((trade.trade, trade) for trade in new)
            last_ms = max((trade.ts_ns // 1_000_000 for trade in page), default=at)
            if len(page) < PAGE:
                at += DAY_MS
            elif last_ms > at:
                at = last_ms
            else:
                # A thousand of one millisecond: go on by id.
                rest = await self._trade_pages(base, max(trade.trade for trade in page) + 1)
                found.update((trade.trade, trade) for trade in rest)
                break
        return sorted(found.values(), key=lambda trade: trade.trade)

    async def _trade_pages(self, base: dict[str, str | int], from_id: int | None) -> list[VenueTrade]:
        if from_id is None:
            return await self._trade_page(base)
        found: list[VenueTrade] = []
        for _ in range(PAGES_MAX):
            page = [t for t in await self._trade_page({**base, "fromId": from_id}) if t.trade >= from_id]
            found += page
            if len(page) < PAGE:
                return found
            from_id = page[-1].trade + 1
        raise RetryLater(f"{self._rest.base}: more than {PAGES_MAX} pages of trades from that id", 1.0)

    async def _trade_page(self, params: Params) -> list[VenueTrade]:
        name, weight = ("/myTrades", 20) if self._spot else ("/userTrades", 5)
        return await self._read(name, weight, params, lambda body: account.trades(self._market, body), signed=True)

    async def _read(
        self,
        name: str,
        weight: int,
        params: Params,
        reading: Callable[[object], T],
        *,
        signed: bool = False,
        prefix: str = "",
    ) -> T:
        request = Request("GET", (prefix or self._prefix) + name, "read", weight)
        return self._checked(request.path, await self._rest.read(request, params, signed=signed), reading)

    def _checked(self, path: str, body: object, reading: Callable[[object], T]) -> T:
        try:
            return reading(body)
        except DataError as error:
            raise RetryLater(self._rest.redacted(f"{self._rest.base}{path}: {error.message}"), 1.0) from None


def _timely(body: object) -> Object:
    row = fields.obj(body, "time")
    fields.time_ns(row, "serverTime")
    return row


def _fraction(row: Object, key: str) -> str:
    return definitions.plain(fields.decimal(row, key))
