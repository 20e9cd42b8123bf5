"""Orders as both markets share them: what is read from a request, sent to the core, and refused."""

from __future__ import annotations

from typing import Any

from kedge.venues.simulated import errors
from kedge.venues.simulated.calls import Call
from kedge.venues.simulated.errors import VenueError
from kedge.venues.simulated.listings import Listing
from kedge.venues.simulated.parameters import Parameters

Order = dict[str, Any]
SIDES = ("BUY", "SELL")


def side_of(parameters: Parameters) -> str:
    """BUY or SELL. Raises `VenueError` (-1102, -1117)."""
    return parameters.choice("side", SIDES, VenueError(-1117, "Invalid side."))


def outcome(answer: dict[str, Any]) -> Order:
    """The core's order. Raises its refusal as `VenueError`."""
    if "error" in answer:
        raise VenueError(int(answer["error"]), str(answer["message"]))
    order: Order = answer["order"]
    return order


def reference(parameters: Parameters, client_name: str = "origClientOrderId") -> tuple[int | None, str | None]:
    """Which order is meant: its id, its client id. Raises `VenueError` (-1102) where neither was sent."""
    order_id, client_id = parameters.integer("orderId"), parameters.get(client_name)
    if order_id is not None and not 0 <= order_id < 2**63:
        raise errors.invalid("orderId")
    if order_id is None and client_id is None:
        message = f"Param '{client_name}' or 'orderId' must be sent, but both were empty/null!"
        raise VenueError(-1102, message)
    return order_id, client_id


def find(call: Call, listing: Listing) -> Order:
    """The order a query means. Raises `VenueError` (-2013)."""
    order_id, client_id = reference(call.parameters)
    found: Order | None = call.exchange.core.order(call.account.number, listing.index, order_id, client_id)
    if found is None:
        raise errors.no_such_order()
    return found


def cancel(call: Call, listing: Listing, order_id: int | None, client_id: str | None, cancel_id: str) -> Order:
    """Cancels an order; `cancel_id` names the cancel in the account's stream. Raises `VenueError` (-2011)."""
    account = call.account
    found = call.exchange.core.order(account.number, listing.index, order_id, client_id)
    if found is not None:
        account.cancels[listing.index, found["order_id"]] = cancel_id
    order = outcome(call.exchange.core.cancel(call.now, account.number, listing.index, order_id, client_id))
    call.exchange.tell()
    account.cancels.pop((listing.index, order["order_id"]), None)
    return order


def cancel_all(call: Call, listing: Listing) -> list[Order]:
    """Cancels all open orders of an instrument."""
    return [
        cancel(call, listing, order["order_id"], None, call.parameters.client_id("newClientOrderId"))
        for order in call.exchange.core.orders(call.account.number, listing.index, True)
    ]


def open_orders(call: Call) -> list[tuple[Listing, Order]]:
    """The open orders of one instrument or of the whole market, oldest first."""
    found = [
        (listing, order)
        for listing in call.listings()
        for order in call.exchange.core.orders(call.account.number, listing.index, True)
    ]
    return sorted(found, key=lambda pair: int(pair[1]["order_id"]))


def all_orders(call: Call, listing: Listing) -> list[Order]:
    """Orders of any state: from an id on, or the newest between two times."""
    limit = call.parameters.limit(500, 1_000)
    start, end = call.parameters.window()
    first = call.parameters.integer("orderId")
    found: list[Order] = sorted(
        call.exchange.core.orders(call.account.number, listing.index, False), key=lambda order: int(order["order_id"])
    )
    if first is not None:
        return [order for order in found if order["order_id"] >= first][:limit]
    rows = [order for order in found if start <= call.wire_ms(order["created"]) <= end]
    return rows[:limit] if call.parameters.get("startTime") else rows[-limit:]


def fills(call: Call, listing: Listing) -> list[Any]:
    """The account's fills: of an order, from a trade on, or the newest between two times."""
    limit = call.parameters.limit(500, 1_000)
    start, end = call.parameters.window()
    order_id, first = call.parameters.integer("orderId"), call.parameters.integer("fromId")
    rows = [
        fill
        for fill in call.account.fills
        if fill.instrument == listing.index
        and (order_id is None or fill.order_id == order_id)
        and (first is None or fill.trade_id >= first)
        and start <= call.wire_ms(fill.ts) <= end
    ]
    oldest_first = first is not None or call.parameters.get("startTime") is not None
    return rows[:limit] if oldest_first else rows[-limit:]
