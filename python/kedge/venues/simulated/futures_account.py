"""USD-M: wallets, positions, margin, leverage, fees, income, listen keys."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kedge.venues.simulated import errors
from kedge.venues.simulated.calls import Call
from kedge.venues.simulated.decimals import places
from kedge.venues.simulated.errors import VenueError
from kedge.venues.simulated.listings import SPOT_PLACES, Listing

ASSET = "USDT"
NOTHING = "0.00000000"
HIGHEST_LEVERAGE = 125
# One bracket: whatever the position is, this much of it must be there.
MAINTENANCE_RATE = "0.004"
LARGEST_NOTIONAL = "100000000"


def _money(text: str) -> str:
    return places(text, SPOT_PLACES)


def _futures(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = call.exchange.core.account(call.account.number)["futures"]
    return found


def _positions(call: Call) -> list[tuple[Listing, dict[str, Any]]]:
    """The position in each instrument of USD-M that is asked for, also where nothing is held."""
    held = {position["instrument"]: position for position in _futures(call)["positions"]}
    return [(listing, held[listing.index]) for listing in call.listings() if listing.index in held]


def account(call: Call) -> dict[str, Any]:
    """GET /fapi/v2/account and /fapi/v3/account."""
    futures = _futures(call)
    wallet, unrealised = _money(futures["wallet"]), _money(futures["unrealised"])
    balance = f"{Decimal(futures['wallet']) + Decimal(futures['unrealised']):.8f}"
    of_positions = sum((_own_margin(call, position) for position in futures["positions"]), Decimal(0))
    margins = {
        "initialMargin": _money(futures["initial_margin"]),
        "maintMargin": _money(futures["maintenance"]),
        "positionInitialMargin": f"{of_positions:.8f}",
        "openOrderInitialMargin": f"{Decimal(futures['initial_margin']) - of_positions:.8f}",
    }
    asset = {
        "asset": ASSET,
        "walletBalance": wallet,
        "unrealizedProfit": unrealised,
        "marginBalance": balance,
        **margins,
        "crossWalletBalance": wallet,
        "crossUnPnl": unrealised,
        "availableBalance": _money(futures["available"]),
        "maxWithdrawAmount": _money(futures["available"]),
        "marginAvailable": True,
        "updateTime": call.wire_ms(call.account.updated),
    }
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": False,
        "canWithdraw": False,
        "feeBurn": False,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        **{f"total{name[0].upper()}{name[1:]}": amount for name, amount in margins.items()},
        "totalWalletBalance": wallet,
        "totalUnrealizedProfit": unrealised,
        "totalMarginBalance": balance,
        "totalCrossWalletBalance": wallet,
        "totalCrossUnPnl": unrealised,
        "availableBalance": asset["availableBalance"],
        "maxWithdrawAmount": asset["availableBalance"],
        "assets": [asset],
        "positions": [_account_position(call, *one) for one in _positions(call)],
    }


def _own_margin(call: Call, position: dict[str, Any]) -> Decimal:
    """What the position binds without its open orders."""
    listing = call.exchange.listings[position["instrument"]]
    return Decimal(listing.value_of(abs(position["qty"]) * position["mark"])) / int(position["leverage"])


def _account_position(call: Call, listing: Listing, position: dict[str, Any]) -> dict[str, Any]:
    held, own = position["qty"], _own_margin(call, position)
    return {
        "symbol": listing.symbol,
        "positionSide": "BOTH",
        "positionAmt": listing.quantity(held),
        "entryPrice": position["entry"],
        "breakEvenPrice": position["entry"],
        "unrealizedProfit": _money(position["unrealised"]),
        "leverage": str(position["leverage"]),
        "isolated": False,
        "isolatedMargin": "0",
        "isolatedWallet": "0",
        "notional": listing.value_of(held * position["mark"]),
        "initialMargin": _money(position["initial_margin"]),
        "positionInitialMargin": f"{own:.8f}",
        "openOrderInitialMargin": f"{Decimal(position['initial_margin']) - own:.8f}",
        "maintMargin": _money(position["maintenance"]),
        "maxNotional": LARGEST_NOTIONAL,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": call.wire_ms(call.account.updated) if held else 0,
    }


def balance(call: Call) -> list[Any]:
    """GET /fapi/v2/balance and /fapi/v3/balance."""
    futures = _futures(call)
    return [
        {
            "accountAlias": f"S{call.account.uid}",
            "asset": ASSET,
            "balance": _money(futures["wallet"]),
            "crossWalletBalance": _money(futures["wallet"]),
            "crossUnPnl": _money(futures["unrealised"]),
            "availableBalance": _money(futures["available"]),
            "maxWithdrawAmount": _money(futures["available"]),
            "marginAvailable": True,
            "updateTime": call.wire_ms(call.account.updated),
        }
    ]


def position_risk_all(call: Call) -> list[Any]:
    """GET /fapi/v2/positionRisk: every instrument, held or not."""
    return [_risk(call, *one) for one in _positions(call)]


def position_risk(call: Call) -> list[Any]:
    """GET /fapi/v3/positionRisk: instruments with a position or an open order."""
    number = call.account.number
    return [
        _risk(call, listing, position)
        for listing, position in _positions(call)
        if position["qty"] or call.exchange.core.orders(number, listing.index, True)
    ]


def _risk(call: Call, listing: Listing, position: dict[str, Any]) -> dict[str, Any]:
    held, own = position["qty"], _own_margin(call, position)
    return {
        "symbol": listing.symbol,
        "positionSide": "BOTH",
        "positionAmt": listing.quantity(held),
        "entryPrice": position["entry"],
        "breakEvenPrice": position["entry"],
        "markPrice": _money(listing.price(position["mark"])),
        "unRealizedProfit": _money(position["unrealised"]),
        "liquidationPrice": listing.price(position["liquidation"] or 0),
        "leverage": str(position["leverage"]),
        "maxNotionalValue": LARGEST_NOTIONAL,
        "marginType": "cross",
        "isolatedMargin": "0.00000000",
        "isAutoAddMargin": "false",
        "notional": listing.value_of(held * position["mark"]),
        "marginAsset": ASSET,
        "isolatedWallet": "0",
        "initialMargin": _money(position["initial_margin"]),
        "maintMargin": _money(position["maintenance"]),
        "positionInitialMargin": f"{own:.8f}",
        "openOrderInitialMargin": f"{Decimal(position['initial_margin']) - own:.8f}",
        "adl": 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": call.wire_ms(call.account.updated) if held else 0,
    }


def leverage_bracket(call: Call) -> Any:
    """GET leverageBracket."""
    bracket = {
        "bracket": 1,
        "initialLeverage": HIGHEST_LEVERAGE,
        "notionalCap": int(LARGEST_NOTIONAL),
        "notionalFloor": 0,
        "maintMarginRatio": float(MAINTENANCE_RATE),
        "cum": 0.0,
    }
    return [{"symbol": listing.symbol, "notionalCoef": 1.0, "brackets": [bracket]} for listing in call.listings()]


def set_leverage(call: Call) -> dict[str, Any]:
    """POST leverage."""
    listing = call.listing()
    leverage = call.parameters.need_integer("leverage")
    if not 1 <= leverage <= HIGHEST_LEVERAGE:
        raise VenueError(-4028, f"Leverage {leverage} is not valid")
    answer = call.exchange.core.set_leverage(call.account.number, listing.index, leverage)
    if "error" in answer:
        raise VenueError(answer["error"], answer["message"])
    return {"leverage": leverage, "maxNotionalValue": LARGEST_NOTIONAL, "symbol": listing.symbol}


def set_margin_type(call: Call) -> dict[str, Any]:
    """POST marginType: positions are cross, and stay so."""
    call.listing()
    if call.parameters.need("marginType") == "CROSSED":
        raise VenueError(-4046, "No need to change margin type.")
    raise errors.invalid("marginType")


def position_mode(call: Call) -> dict[str, Any]:
    """GET positionSide/dual: one way."""
    return {"dualSidePosition": False}


def set_position_mode(call: Call) -> dict[str, Any]:
    """POST positionSide/dual: one way, and stays so."""
    call.parameters.need("dualSidePosition")
    if call.parameters.flag("dualSidePosition"):
        raise errors.invalid("dualSidePosition")
    raise VenueError(-4059, "No need to change position side.")


def multi_assets_mode(call: Call) -> dict[str, Any]:
    """GET multiAssetsMargin: one currency."""
    return {"multiAssetsMargin": False}


def symbol_config(call: Call) -> list[Any]:
    """GET symbolConfig."""
    return [
        {
            "symbol": listing.symbol,
            "marginType": "CROSSED",
            "isAutoAddMargin": False,
            "leverage": position["leverage"],
            "maxNotionalValue": LARGEST_NOTIONAL,
        }
        for listing, position in _positions(call)
    ]


def account_config(call: Call) -> dict[str, Any]:
    """GET accountConfig."""
    rights = {"canTrade": True, "canDeposit": False, "canWithdraw": False}
    modes = {"dualSidePosition": False, "multiAssetsMargin": False}
    return {"feeTier": 0, **rights, **modes, "updateTime": 0, "tradeGroupId": -1}


def commission_rate(call: Call) -> dict[str, Any]:
    """GET commissionRate."""
    listing = call.listing()
    maker, taker = (f"{fee:f}" for fee in (listing.instrument.maker_fee, listing.instrument.taker_fee))
    return {
        "symbol": listing.symbol,
        "makerCommissionRate": maker,
        "takerCommissionRate": taker,
        "rpiCommissionRate": "0",
    }


def income(call: Call) -> list[Any]:
    """GET income: what the wallet took in and paid, by kind and time."""
    parameters = call.parameters
    start, end = parameters.window()
    kind, symbol = parameters.get("incomeType"), parameters.get("symbol")
    rows = [
        row
        for row in call.account.income
        if start <= row["time"] <= end
        and (kind is None or row["incomeType"] == kind)
        and (symbol is None or row["symbol"] == symbol)
    ]
    limit = parameters.limit(100, 1_000)
    return rows[:limit] if parameters.get("startTime") else rows[-limit:]


def listen_key(call: Call) -> dict[str, Any]:
    """POST listenKey: made, or prolonged."""
    return {"listenKey": call.exchange.accounts.listen_key(call.account, call.exchange.clock.wall())}


def keep_listen_key(call: Call) -> dict[str, Any]:
    """PUT listenKey. Raises `VenueError` (-1125) where there is none."""
    accounts, wall = call.exchange.accounts, call.exchange.clock.wall()
    if not accounts.has_listen_key(call.account, wall):
        raise VenueError(-1125, "This listenKey does not exist.")
    return {"listenKey": accounts.listen_key(call.account, wall)}


def end_listen_key(call: Call) -> dict[str, Any]:
    """DELETE listenKey."""
    call.exchange.accounts.end_listen_key(call.account)
    return {}
