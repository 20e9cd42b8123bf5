"""USD-M: orders placed, asked for, amended and cancelled; fills."""

from __future__ import annotations

from typing import Any

from kedge.venues.simulated import errors, orders
from kedge.venues.simulated.accounts import Fill
from kedge.venues.simulated.calls import Call
from kedge.venues.simulated.decimals import places
from kedge.venues.simulated.errors import VenueError
from kedge.venues.simulated.listings import SPOT_PLACES, Listing
from kedge.venues.simulated.orders import Order
from kedge.venues.simulated.user_streams import average

TYPES = ("LIMIT", "MARKET")
TIFS = ("GTC", "IOC", "FOK", "GTX")
RESPONSES = ("ACK", "RESULT")


def place(call: Call) -> dict[str, Any]:
    """POST order. Without `newOrderRespType=RESULT` the answer does not tell what was filled, as there."""
    listing, wish = _wish(call)
    response = call.parameters.get("newOrderRespType") or "ACK"
    if response not in RESPONSES:
        raise errors.invalid("newOrderRespType")
    order = orders.outcome(call.exchange.core.submit(call.now, call.account.number, listing.index, **wish))
    call.exchange.tell()
    if response == "ACK":
        order = {**order, "status": "NEW", "cum_qty": 0, "cum_quote": "0"}
    return _told(call, listing, order)


def test(call: Call) -> dict[str, Any]:
    """POST order/test: the request is read, nothing is sent."""
    _wish(call)
    return {}


def query(call: Call) -> dict[str, Any]:
    """GET order."""
    listing = call.listing()
    return _asked(call, listing, orders.find(call, listing))


def open_order(call: Call) -> dict[str, Any]:
    """GET openOrder. Raises `VenueError` (-2013) where it is not open."""
    listing = call.listing()
    order = orders.find(call, listing)
    if order["status"] not in ("NEW", "PARTIALLY_FILLED"):
        raise errors.no_such_order()
    return _asked(call, listing, order)


def amend(call: Call) -> dict[str, Any]:
    """PUT order: another price and quantity."""
    listing, parameters = call.listing(), call.parameters
    order_id, client_id = orders.reference(parameters)
    orders.side_of(parameters)
    price = listing.ticks(parameters.need("price"))
    quantity = listing.count(parameters.need("quantity"))
    amended = call.exchange.core.amend(
        call.now, call.account.number, listing.index, order_id, client_id, price, quantity
    )
    order = orders.outcome(amended)
    call.exchange.tell()
    return _told(call, listing, order)


def cancel(call: Call) -> dict[str, Any]:
    """DELETE order."""
    listing = call.listing()
    order_id, client_id = orders.reference(call.parameters)
    return _told(call, listing, orders.cancel(call, listing, order_id, client_id, ""))


def cancel_open(call: Call) -> dict[str, Any]:
    """DELETE allOpenOrders."""
    orders.cancel_all(call, call.listing())
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def open_orders(call: Call) -> list[Any]:
    """GET openOrders."""
    return [_asked(call, listing, order) for listing, order in orders.open_orders(call)]


def all_orders(call: Call) -> list[Any]:
    """GET allOrders."""
    listing = call.listing()
    return [_asked(call, listing, order) for order in orders.all_orders(call, listing)]


def trades(call: Call) -> list[Any]:
    """GET userTrades."""
    listing = call.listing()
    return [_trade(call, listing, fill) for fill in orders.fills(call, listing)]


def _wish(call: Call) -> tuple[Listing, dict[str, Any]]:
    """What a new order asks for, as the core takes it."""
    parameters = call.parameters
    listing = call.listing()
    side = orders.side_of(parameters)
    kind = parameters.choice("type", TYPES, VenueError(-1116, "Invalid orderType."))
    if parameters.get("positionSide") not in (None, "BOTH"):
        raise VenueError(-4061, "Order's position side does not match user's setting.")
    tif, price = "GTC", None
    if kind == "LIMIT":
        tif = parameters.choice("timeInForce", TIFS, VenueError(-1115, "Invalid timeInForce."))
        price = listing.ticks(parameters.need("price"))
    elif parameters.get("price") is not None:
        raise errors.not_required("price")
    for name in ("stopPrice", "closePosition", "activationPrice", "callbackRate"):
        if parameters.get(name) is not None:
            raise errors.not_required(name)
    quantity = listing.count(parameters.need("quantity"))
    client_id = parameters.client_id("newClientOrderId")
    wish = {"side": side, "type": kind, "tif": tif, "price": price, "qty": quantity, "client_id": client_id}
    return listing, {**wish, "reduce_only": parameters.flag("reduceOnly")}


def _told(call: Call, listing: Listing, order: Order) -> dict[str, Any]:
    filled = listing.quantity(order["cum_qty"])
    return {
        "orderId": order["order_id"],
        "symbol": listing.symbol,
        "status": order["status"],
        "clientOrderId": order["client_id"],
        "price": listing.price(order["price"] or 0),
        "avgPrice": average(order, listing),
        "origQty": listing.quantity(order["qty"]),
        "executedQty": filled,
        "cumQty": filled,
        "cumQuote": places(order["cum_quote"], SPOT_PLACES),
        "timeInForce": order["tif"],
        "type": order["type"],
        "reduceOnly": order["reduce_only"],
        "closePosition": False,
        "side": order["side"],
        "positionSide": "BOTH",
        "stopPrice": "0.00",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order["type"],
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "updateTime": call.wire_ms(order["updated"]),
    }


def _asked(call: Call, listing: Listing, order: Order) -> dict[str, Any]:
    return {**_told(call, listing, order), "time": call.wire_ms(order["created"])}


def _trade(call: Call, listing: Listing, fill: Fill) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": fill.side,
        "price": listing.price(fill.price),
        "qty": listing.quantity(fill.quantity),
        "realizedPnl": places(fill.realised, SPOT_PLACES),
        "quoteQty": listing.value_of(fill.price * fill.quantity),
        "commission": places(fill.fee, SPOT_PLACES),
        "commissionAsset": fill.fee_currency,
        "time": call.wire_ms(fill.ts),
        "positionSide": "BOTH",
        "buyer": fill.side == "BUY",
        "maker": fill.maker,
    }
