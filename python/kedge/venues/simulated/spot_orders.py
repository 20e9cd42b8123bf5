"""Spot: orders placed, asked for, cancelled and replaced; fills; the account."""

from __future__ import annotations

from decimal import Decimal
from itertools import takewhile
from typing import Any

from kedge.venues.simulated import errors, orders
from kedge.venues.simulated.accounts import Fill
from kedge.venues.simulated.calls import Call
from kedge.venues.simulated.decimals import is_number, places
from kedge.venues.simulated.errors import VenueError
from kedge.venues.simulated.listings import SPOT, SPOT_PLACES, Listing
from kedge.venues.simulated.orders import Order

TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET")
TIFS = ("GTC", "IOC", "FOK")
RESPONSES = ("ACK", "RESULT", "FULL")
NOTHING = "0.00000000"


def place(call: Call) -> dict[str, Any]:
    """POST order."""
    listing, wish = _wish(call)
    response = call.parameters.get("newOrderRespType") or "FULL"
    if response not in RESPONSES:
        raise errors.invalid("newOrderRespType")
    order = orders.outcome(call.exchange.core.submit(call.now, call.account.number, listing.index, **wish))
    call.exchange.tell()
    return _placed(call, listing, order, response)


def test(call: Call) -> dict[str, Any]:
    """POST order/test: the request is read, nothing is sent."""
    _wish(call)
    return {}


def query(call: Call) -> dict[str, Any]:
    """GET order."""
    listing = call.listing()
    return _told(call, listing, orders.find(call, listing))


def cancel(call: Call) -> dict[str, Any]:
    """DELETE order."""
    listing = call.listing()
    order_id, client_id = orders.reference(call.parameters)
    cancel_id = call.parameters.client_id("newClientOrderId")
    return _canceled(call, listing, orders.cancel(call, listing, order_id, client_id, cancel_id), cancel_id)


def cancel_open(call: Call) -> list[Any]:
    """DELETE openOrders. Raises `VenueError` (-2011) where there are none."""
    listing = call.listing()
    ended = orders.cancel_all(call, listing)
    if not ended:
        raise errors.unknown_order()
    return [_canceled(call, listing, order, order["client_id"]) for order in ended]


def open_orders(call: Call) -> list[Any]:
    """GET openOrders."""
    return [_told(call, listing, order) for listing, order in orders.open_orders(call)]


def all_orders(call: Call) -> list[Any]:
    """GET allOrders."""
    listing = call.listing()
    return [_told(call, listing, order) for order in orders.all_orders(call, listing)]


def replace(call: Call) -> dict[str, Any]:
    """POST order/cancelReplace: -2022 where nothing came of it, -2021 (409) where half did."""
    listing, wish = _wish(call)
    modes = ("STOP_ON_FAILURE", "ALLOW_FAILURE")
    mode = call.parameters.choice("cancelReplaceMode", modes, errors.invalid("cancelReplaceMode"))
    parameters = call.parameters
    order_id, client_id = parameters.integer("cancelOrderId"), parameters.get("cancelOrigClientOrderId")
    if order_id is None and client_id is None:
        raise errors.missing("cancelOrderId")
    if order_id is not None and not 0 <= order_id < 2**63:
        raise errors.invalid("cancelOrderId")
    told: dict[str, Any] = {"cancelResult": "SUCCESS", "newOrderResult": "NOT_ATTEMPTED"}
    try:
        cancel_id = parameters.client_id("cancelNewClientOrderId")
        ended = orders.cancel(call, listing, order_id, client_id, cancel_id)
        told["cancelResponse"] = _canceled(call, listing, ended, cancel_id)
    except VenueError as error:
        told |= {"cancelResult": "FAILURE", "cancelResponse": error.body()}
    told["newOrderResponse"] = None
    if told["cancelResult"] == "SUCCESS" or mode == "ALLOW_FAILURE":
        try:
            order = orders.outcome(call.exchange.core.submit(call.now, call.account.number, listing.index, **wish))
            call.exchange.tell()
            placed = _placed(call, listing, order, parameters.get("newOrderRespType") or "FULL")
            told |= {"newOrderResult": "SUCCESS", "newOrderResponse": placed}
        except VenueError as error:
            told |= {"newOrderResult": "FAILURE", "newOrderResponse": error.body()}
    results = (told["cancelResult"], told["newOrderResult"])
    if results == ("SUCCESS", "SUCCESS"):
        return told
    if "SUCCESS" in results:
        raise VenueError(-2021, "Order cancel-replace partially failed.", 409, told)
    raise VenueError(-2022, "Order cancel-replace failed.", 400, told)


def trades(call: Call) -> list[Any]:
    """GET myTrades."""
    listing = call.listing()
    return [_trade(call, listing, fill) for fill in orders.fills(call, listing)]


def account(call: Call) -> dict[str, Any]:
    """GET account."""
    listing = call.exchange.listings.of(SPOT)[0].instrument
    held = call.exchange.core.account(call.account.number)["spot"]
    empty = call.parameters.flag("omitZeroBalances")
    balances = [
        {"asset": name, "free": places(one["free"], SPOT_PLACES), "locked": places(one["locked"], SPOT_PLACES)}
        for name, one in held.items()
        if not empty or Decimal(one["free"]) + Decimal(one["locked"]) != 0
    ]
    rates = {"maker": f"{listing.maker_fee:.8f}", "taker": f"{listing.taker_fee:.8f}"}
    return {
        "makerCommission": int(listing.maker_fee * 10_000),
        "takerCommission": int(listing.taker_fee * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {**rates, "buyer": NOTHING, "seller": NOTHING},
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": call.wire_ms(call.account.updated),
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": call.account.uid,
    }


def commission(call: Call) -> dict[str, Any]:
    """GET account/commission."""
    listing = call.listing()
    rates = {"maker": f"{listing.instrument.maker_fee:.8f}", "taker": f"{listing.instrument.taker_fee:.8f}"}
    none = {"maker": NOTHING, "taker": NOTHING, "buyer": NOTHING, "seller": NOTHING}
    discount = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": NOTHING}
    standard = {**none, **rates}
    return {"symbol": listing.symbol, "standardCommission": standard, "taxCommission": none, "discount": discount}


def trade_fee(call: Call) -> list[Any]:
    """GET asset/tradeFee."""
    return [
        {
            "symbol": listing.symbol,
            "makerCommission": f"{listing.instrument.maker_fee:f}",
            "takerCommission": f"{listing.instrument.taker_fee:f}",
        }
        for listing in call.listings()
    ]


def _wish(call: Call) -> tuple[Listing, dict[str, Any]]:
    """What a new order asks for, as the core takes it."""
    parameters = call.parameters
    listing = call.listing()
    side = orders.side_of(parameters)
    kind = parameters.choice("type", TYPES, VenueError(-1116, "Invalid orderType."))
    tif = parameters.get("timeInForce")
    if kind == "LIMIT":
        tif = parameters.choice("timeInForce", TIFS, VenueError(-1115, "Invalid timeInForce."))
    elif tif is not None:
        raise errors.not_required("timeInForce")
    for name in ("stopPrice", "icebergQty", "trailingDelta"):
        if parameters.get(name) is not None:
            raise errors.not_required(name)
    price = None
    if kind == "MARKET":
        if parameters.get("price") is not None:
            raise errors.not_required("price")
    else:
        price = listing.ticks(parameters.need("price"))
    by_quote = parameters.get("quoteOrderQty")
    if kind == "MARKET" and by_quote is not None and parameters.get("quantity") is None:
        quantity = _worth(call, listing, side, by_quote)
    else:
        quantity = listing.count(parameters.need("quantity"))
    client_id = parameters.client_id("newClientOrderId")
    wish = {"side": side, "type": kind, "tif": tif or "GTC", "price": price, "qty": quantity}
    return listing, {**wish, "client_id": client_id, "reduce_only": False}


def _worth(call: Call, listing: Listing, side: str, amount: str) -> int:
    """How much an amount of quote currency buys or sells in the book now, in steps of whole lots."""
    if not is_number(amount):
        raise errors.illegal("quoteOrderQty", "^([0-9]{1,20})(\\.[0-9]{1,20})?$")
    left = Decimal(amount) / (listing.tick * listing.step)
    quantity = Decimal(0)
    for price, offered in call.exchange.core.depth(listing.index, 1_000)["asks" if side == "BUY" else "bids"]:
        taken = min(Decimal(offered), left / price)
        quantity += taken
        left -= taken * price
        if left <= 0:
            break
    lot = int(listing.instrument.lot_size / listing.step)
    return int(quantity) // lot * lot


def _placed(call: Call, listing: Listing, order: Order, response: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "symbol": listing.symbol,
        "orderId": order["order_id"],
        "orderListId": -1,
        "clientOrderId": order["client_id"],
        "transactTime": call.wire_ms(order["created"]),
    }
    if response == "ACK":
        return told
    told |= _state(listing, order) | {"workingTime": call.wire_ms(order["created"]), "selfTradePreventionMode": "NONE"}
    if response == "FULL":
        newest = takewhile(lambda fill: fill.ts >= order["created"], reversed(call.account.fills))
        own = [fill for fill in newest if fill.order_id == order["order_id"]][::-1]
        told["fills"] = [
            {
                "price": listing.price(fill.price),
                "qty": listing.quantity(fill.quantity),
                "commission": places(fill.fee, SPOT_PLACES),
                "commissionAsset": fill.fee_currency,
                "tradeId": fill.trade_id,
            }
            for fill in own
        ]
    return told


def _state(listing: Listing, order: Order) -> dict[str, Any]:
    return {
        "price": listing.price(order["price"] or 0),
        "origQty": listing.quantity(order["qty"]),
        "executedQty": listing.quantity(order["cum_qty"]),
        "origQuoteOrderQty": NOTHING,
        "cummulativeQuoteQty": places(order["cum_quote"], SPOT_PLACES),
        "status": order["status"],
        "timeInForce": order["tif"],
        "type": order["type"],
        "side": order["side"],
    }


def _told(call: Call, listing: Listing, order: Order) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "orderId": order["order_id"],
        "orderListId": -1,
        "clientOrderId": order["client_id"],
        **_state(listing, order),
        "stopPrice": NOTHING,
        "icebergQty": NOTHING,
        "time": call.wire_ms(order["created"]),
        "updateTime": call.wire_ms(order["updated"]),
        "isWorking": True,
        "workingTime": call.wire_ms(order["created"]),
        "selfTradePreventionMode": "NONE",
    }


def _canceled(call: Call, listing: Listing, order: Order, cancel_id: str) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "origClientOrderId": order["client_id"],
        "orderId": order["order_id"],
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": call.wire_ms(order["updated"]),
        **_state(listing, order),
        "selfTradePreventionMode": "NONE",
    }


def _trade(call: Call, listing: Listing, fill: Fill) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": -1,
        "price": listing.price(fill.price),
        "qty": listing.quantity(fill.quantity),
        "quoteQty": listing.value_of(fill.price * fill.quantity),
        "commission": places(fill.fee, SPOT_PLACES),
        "commissionAsset": fill.fee_currency,
        "time": call.wire_ms(fill.ts),
        "isBuyer": fill.side == "BUY",
        "isMaker": fill.maker,
        "isBestMatch": True,
    }
