"""Orders, executions and account events in the venue's JSON → values of ours.

Every function raises `DataError` for what is not of the documented form, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from kedge.venues.binance.addresses import Market
from kedge.venues.binance.fields import Object, decimal, decimal_text, flag, obj, one_of, rows, text, time_ns, whole

SIDES = {"BUY": "buy", "SELL": "sell"}
WHAT = {
    "NEW": "accepted",
    "TRADE": "filled",
    "CALCULATED": "filled",
    "CANCELED": "canceled",
    "EXPIRED": "expired",
    "TRADE_PREVENTION": "expired",
    "REJECTED": "rejected",
    "AMENDMENT": "amended",
    "REPLACED": "amended",
}
"""The venue's kind of execution → what happened to the order. Any other is "other"."""


@dataclass(frozen=True, slots=True)
class Report:
    """One event of one order. `client_id` is the order's own, also where a cancel had another. `what` is accepted,
    filled, canceled, expired, rejected, amended or other; `status` is the venue's word for the order's state.

    For a fill `price` and `quantity` are this execution's, else the order's. `fee` is in `fee_currency` (empty if
    there was none), `filled_total` in base units. `ts_ns` is the matching time, ns since the epoch.
    """

    client_id: str
    venue_order: int
    symbol: str
    what: str
    ts_ns: int
    price: str
    quantity: str
    trade: int
    maker: bool
    fee: str
    fee_currency: str
    filled_total: str
    status: str
    side: str


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """Balances or positions changed. `reason` is the venue's word (ORDER, FUNDING_FEE, DEPOSIT …).

    `balances`: currency → (free, locked) on spot, (wallet balance, its change) on USD-M. `positions`: symbol →
    (quantity, entry price), USD-M only.
    """

    reason: str
    ts_ns: int
    balances: dict[str, tuple[Decimal, Decimal]]
    positions: dict[str, tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue has it: `side` buy or sell, amounts in quote and base units, times in ns."""

    client_id: str
    venue_order: int
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    filled: Decimal
    status: str
    created_ns: int
    updated_ns: int


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """An execution as the venue has it: `side` buy or sell is ours, the fee is in `fee_currency`."""

    trade: int
    venue_order: int
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    maker: bool
    fee: Decimal
    fee_currency: str
    ts_ns: int


def order(value: object) -> VenueOrder:
    """An order of `order` or `openOrders`."""
    row = obj(value, "order")
    created = time_ns(row, "time")
    return VenueOrder(
        client_id=text(row, "clientOrderId"),
        venue_order=whole(row, "orderId"),
        symbol=text(row, "symbol"),
        side=_side(row, "side"),
        price=decimal(row, "price"),
        quantity=decimal(row, "origQty"),
        filled=decimal(row, "executedQty"),
        status=text(row, "status"),
        created_ns=created,
        updated_ns=time_ns(row, "updateTime") if "updateTime" in row else created,
    )


def orders(value: object) -> list[VenueOrder]:
    """Orders of `openOrders`, oldest first."""
    return sorted((order(row) for row in rows(value, "orders")), key=lambda o: o.venue_order)


def trades(market: Market, value: object) -> list[VenueTrade]:
    """Executions of `myTrades` or `userTrades`, oldest first."""
    return sorted((_trade(market, row) for row in rows(value, "trades")), key=lambda t: t.trade)


def _trade(market: Market, row: Object) -> VenueTrade:
    if market == "spot":
        side, maker = ("buy" if flag(row, "isBuyer") else "sell"), flag(row, "isMaker")
    else:
        side, maker = _side(row, "side"), flag(row, "maker")
    return VenueTrade(
        trade=whole(row, "id"),
        venue_order=whole(row, "orderId"),
        symbol=text(row, "symbol"),
        side=side,
        price=decimal(row, "price"),
        quantity=decimal(row, "qty"),
        maker=maker,
        fee=decimal(row, "commission"),
        fee_currency=text(row, "commissionAsset"),
        ts_ns=time_ns(row, "time"),
    )


def balances(market: Market, value: object) -> dict[str, tuple[Decimal, Decimal]]:
    """Currency → (free, locked) of the spot account, (wallet balance, available) of the USD-M account."""
    if market == "spot":
        listed = rows(obj(value, "account").get("balances"), "balances")
        return {text(row, "asset"): (decimal(row, "free"), decimal(row, "locked")) for row in listed}
    listed = rows(value, "balance")
    return {text(row, "asset"): (decimal(row, "balance"), decimal(row, "availableBalance")) for row in listed}


def positions(value: object) -> dict[str, tuple[Decimal, Decimal]]:
    """Symbol → (quantity, entry price) of `positionRisk`, without the flat ones."""
    found = {text(row, "symbol"): (decimal(row, "positionAmt"), decimal(row, "entryPrice")) for row in rows(value, "p")}
    return {symbol: position for symbol, position in found.items() if position[0]}


def event(market: Market, value: object) -> Report | AccountUpdate | None:
    """One event of the user stream; None for one that says nothing of orders, balances or positions."""
    row = obj(value, "event")
    kind = row.get("e")
    if market == "spot":
        if kind == "executionReport":
            return _spot_report(row)
        return _spot_balances(row) if kind == "outboundAccountPosition" else None
    if kind == "ORDER_TRADE_UPDATE":
        return _usdm_report(obj(row.get("o"), "o"))
    return _usdm_account(row) if kind == "ACCOUNT_UPDATE" else None


def _spot_report(row: Object) -> Report:
    # A cancel has an id of its own in `c`; the order's is then in `C`.
    original = row.get("C")
    return _report(row, text(row, "C") if isinstance(original, str) and original else text(row, "c"))


def _usdm_report(row: Object) -> Report:
    return _report(row, text(row, "c"))


def _report(row: Object, client_id: str) -> Report:
    execution = text(row, "x")
    what = WHAT.get(execution, "other")
    filled = what == "filled"
    fee, currency = row.get("n"), row.get("N")
    return Report(
        client_id=client_id,
        venue_order=whole(row, "i"),
        symbol=text(row, "s"),
        what=what,
        ts_ns=time_ns(row, "T"),
        price=decimal_text(row, "L" if filled else "p"),
        quantity=decimal_text(row, "l" if filled else "q"),
        trade=whole(row, "t") if filled else 0,
        maker=flag(row, "m") if filled else False,
        fee=decimal_text(row, "n") if fee is not None else "0",
        fee_currency=text(row, "N") if currency is not None else "",
        filled_total=decimal_text(row, "z"),
        status=text(row, "X"),
        side=_side(row, "S"),
    )


def _spot_balances(row: Object) -> AccountUpdate:
    listed = rows(row.get("B"), "B")
    changed = {text(balance, "a"): (decimal(balance, "f"), decimal(balance, "l")) for balance in listed}
    return AccountUpdate("ORDER", time_ns(row, "u"), changed, {})


def _usdm_account(row: Object) -> AccountUpdate:
    account = obj(row.get("a"), "a")
    changed = {text(b, "a"): (decimal(b, "wb"), decimal(b, "bc")) for b in rows(account.get("B", []), "B")}
    held = {text(p, "s"): (decimal(p, "pa"), decimal(p, "ep")) for p in rows(account.get("P", []), "P")}
    return AccountUpdate(text(account, "m"), time_ns(row, "T"), changed, held)


def _side(row: Object, key: str) -> str:
    return SIDES[one_of(row, key, SIDES)]
