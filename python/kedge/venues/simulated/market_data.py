"""Requests anybody may make: time, rules, depth, trades, candles, tickers, marks and funding."""

from __future__ import annotations

from typing import Any

from kedge.venues.simulated import errors, wire
from kedge.venues.simulated.calls import Call
from kedge.venues.simulated.candles import INTERVALS, MONTH, opening
from kedge.venues.simulated.listings import SPOT, SPOT_PLACES, USDM
from kedge.venues.simulated.parameters import Parameters

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)


def ping(call: Call) -> dict[str, Any]:
    """Nothing."""
    return {}


def time(call: Call) -> dict[str, Any]:
    """The venue's clock."""
    return {"serverTime": call.exchange.clock.now_ms()}


def exchange_info(call: Call) -> dict[str, Any]:
    """Limits and instruments with their filters."""
    told: dict[str, Any] = {
        "timezone": "UTC",
        "serverTime": call.exchange.clock.now_ms(),
        "rateLimits": call.exchange.limits[call.market].rules(),
        "exchangeFilters": [],
        "symbols": [listing.entry() for listing in call.listings()],
    }
    if call.market == USDM:
        told |= {"futuresType": "U_MARGINED", "assets": [{"asset": "USDT", "marginAvailable": True}]}
    return told


def no_symbols(call: Call) -> dict[str, Any]:
    """`exchangeInfo` of a market that lists nothing here."""
    clock = call.exchange.clock
    return {"timezone": "UTC", "serverTime": clock.now_ms(), "rateLimits": [], "exchangeFilters": [], "symbols": []}


def depth_weight(parameters: Parameters) -> int:
    """Spot: by levels asked for."""
    limit = _asked(parameters, 100)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def futures_depth_weight(parameters: Parameters) -> int:
    """USD-M: by levels asked for."""
    limit = _asked(parameters, 500)
    return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20


def klines_weight(parameters: Parameters) -> int:
    """USD-M: by candles asked for."""
    limit = _asked(parameters, 500)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _asked(parameters: Parameters, default: int) -> int:
    text = parameters.get("limit")
    return int(text) if text and text.isdigit() else default


def depth(call: Call) -> dict[str, Any]:
    """The book as the streams have told it."""
    listing = call.listing()
    if call.market == SPOT:
        levels = call.parameters.limit(100, 5_000)
    else:
        levels = call.parameters.integer("limit", 500) or 0
        if levels not in DEPTH_LIMITS:
            raise errors.VenueError(-4021, f"{levels} is not valid depth limit.")
    told = wire.depth(listing, call.exchange.core.depth(listing.index, levels))
    if call.market == USDM:
        told |= {"E": call.exchange.clock.now_ms(), "T": call.wire_ms(call.now)}
    return told


def trades(call: Call) -> list[Any]:
    """The newest trades, or those from an id on."""
    listing = call.listing()
    limit = call.parameters.limit(500, 1_000)
    found = list(call.tape(listing).trades)
    first = call.parameters.integer("fromId")
    rows = found[-limit:] if first is None else [trade for trade in found if trade.id >= first][:limit]
    return [wire.trade_row(listing, trade) for trade in rows]


def aggregate_trades(call: Call) -> list[Any]:
    """Aggregates: the newest, from an id on, or between two times."""
    listing = call.listing()
    limit = call.parameters.limit(500, 1_000)
    found = list(call.tape(listing).aggregates)
    first = call.parameters.integer("fromId")
    start, end = call.parameters.window()
    if first is not None:
        rows = [row for row in found if row.id >= first][:limit]
    elif (start, end) != (0, 2**62):
        rows = [row for row in found if start <= row.at_ms <= end][:limit]
    else:
        rows = found[-limit:]
    return [wire.aggregate_row(listing, row) for row in rows]


def klines(call: Call) -> list[Any]:
    """Candles of an interval."""
    listing = call.listing()
    interval = call.parameters.need("interval")
    known = interval in INTERVALS and (call.market == SPOT or interval != "1s")
    if not known and interval != MONTH:
        raise errors.VenueError(-1120, "Invalid interval.")
    limit = call.parameters.limit(500, 1_000 if call.market == SPOT else 1_500)
    start, end = call.parameters.window()
    candles = call.tape(listing).candles
    candles.roll(call.exchange.clock.now_ms())
    found = candles.of(interval, start, end, limit, newest=call.parameters.get("startTime") is None)
    return [wire.kline_row(listing, interval, candle) for candle in found]


def average_price(call: Call) -> dict[str, Any]:
    """The mean price of the last five minutes."""
    listing = call.listing()
    now_ms = call.exchange.clock.now_ms()
    candles = call.tape(listing).candles.of("1m", now_ms - 300_000, now_ms, 10, newest=True)
    volume, value = sum(c.volume for c in candles), sum(c.value for c in candles)
    price = listing.price(value // volume) if volume else listing.price(candles[-1].close if candles else 0)
    return {"mins": 5, "price": price, "closeTime": now_ms}


def ticker_day(call: Call) -> Any:
    """The last day of one instrument or of all."""
    now_ms = call.exchange.clock.now_ms()
    return call.one_or_all([wire.ticker(listing, call.tape(listing), now_ms) for listing in call.listings()])


WINDOWS = {"m": (60_000, 59), "h": (3_600_000, 23), "d": (86_400_000, 7)}
NOT_IN_WINDOWS = ("prevClosePrice", "lastQty", "bidPrice", "bidQty", "askPrice", "askQty")


def ticker_window(call: Call) -> Any:
    """What was since some minutes, hours or days ago."""
    text = call.parameters.get("windowSize") or "1d"
    length, most = WINDOWS.get(text[-1], (0, 0))
    if not text[:-1].isdecimal() or not 1 <= int(text[:-1]) <= most:
        raise errors.illegal("windowSize", "^(([1-9]|[1-5][0-9])m|([1-9]|1[0-9]|2[0-3])h|[1-7]d)$")
    return _tickers_since(call, call.exchange.clock.now_ms() - length * int(text[:-1]))


def ticker_trading_day(call: Call) -> Any:
    """What was since midnight, UTC."""
    if call.parameters.get("symbol") is None and call.parameters.get("symbols") is None:
        raise errors.missing("symbol")
    return _tickers_since(call, opening("1d", call.exchange.clock.now_ms()))


def _tickers_since(call: Call, start_ms: int) -> Any:
    now_ms = call.exchange.clock.now_ms()
    rows = [wire.ticker(listing, call.tape(listing), now_ms, start_ms) for listing in call.listings()]
    return call.one_or_all([{name: row[name] for name in row if name not in NOT_IN_WINDOWS} for row in rows])


def ticker_price(call: Call) -> Any:
    """Last prices."""
    rows = []
    for listing in call.listings():
        last = call.tape(listing).last
        row: dict[str, Any] = {"symbol": listing.symbol, "price": listing.price(last.price if last else 0)}
        if call.market == USDM:
            row["time"] = last.at_ms if last else 0
        rows.append(row)
    return call.one_or_all(rows)


def book_ticker(call: Call) -> Any:
    """Best prices."""
    rows = []
    for listing in call.listings():
        tape = call.tape(listing)
        row: dict[str, Any] = {
            "symbol": listing.symbol,
            "bidPrice": listing.price(tape.bid[0]),
            "bidQty": listing.quantity(tape.bid[1]),
            "askPrice": listing.price(tape.ask[0]),
            "askQty": listing.quantity(tape.ask[1]),
        }
        if call.market == USDM:
            row |= {"time": call.wire_ms(call.now), "lastUpdateId": tape.update}
        rows.append(row)
    return call.one_or_all(rows)


def premium_index(call: Call) -> Any:
    """Mark and index prices with the funding rate."""
    exchange = call.exchange
    rows = [wire.premium_index(one, exchange.core.mark(one.index), exchange.clock) for one in call.listings()]
    return call.one_or_all(rows)


def funding_rates(call: Call) -> list[Any]:
    """Funding rates that were, oldest first."""
    start, end = call.parameters.window()
    limit = call.parameters.limit(100, 1_000)
    rows: list[dict[str, Any]] = []
    for listing in call.listings():
        for at, rate, mark in call.tape(listing).funding:
            at_ms = call.wire_ms(at)
            if start <= at_ms <= end:
                told = wire.rate(f"{rate}e-9")
                row = {"symbol": listing.symbol, "fundingTime": at_ms, "fundingRate": told}
                rows.append({**row, "markPrice": listing.price(mark)})
    rows.sort(key=lambda row: int(row["fundingTime"]))
    return rows[:limit] if call.parameters.get("startTime") else rows[-limit:]


def funding_info(call: Call) -> list[Any]:
    """How often funding is paid, and its bounds."""
    return [
        {
            "symbol": listing.symbol,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": listing.instrument.funding_interval_hours,
            "disclaimer": False,
        }
        for listing in call.listings()
    ]


def open_interest(call: Call) -> dict[str, Any]:
    """Contracts held."""
    listing = call.listing()
    held = call.exchange.core.mark(listing.index)["open_interest"]
    amount = listing.quantity(held)
    return {"openInterest": amount, "symbol": listing.symbol, "time": call.wire_ms(call.now)}


def coins(call: Call) -> list[Any]:
    """`capital/config/getall`: the currencies there are; nothing can be paid in or out."""
    names = sorted(
        {name for one in call.exchange.listings.of(SPOT) for name in (one.instrument.base, one.instrument.quote)}
    )
    balances = call.exchange.core.account(call.account.number)["spot"]
    return [
        {
            "coin": name,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "name": name,
            "free": f"{balances.get(name, {}).get('free', '0')}",
            "locked": f"{balances.get(name, {}).get('locked', '0')}",
            "freeze": "0",
            "withdrawing": "0",
            "ipoing": "0",
            "ipoable": "0",
            "storage": "0",
            "isLegalMoney": False,
            "trading": True,
            "networkList": [_network(name)],
        }
        for name in names
    ]


def _network(coin: str) -> dict[str, Any]:
    return {
        "network": "SIMULATED",
        "coin": coin,
        "withdrawIntegerMultiple": f"{10**-SPOT_PLACES:.8f}",
        "isDefault": True,
        "depositEnable": False,
        "withdrawEnable": False,
        "name": "Simulated",
        "withdrawFee": "0",
        "withdrawMin": "0",
        "withdrawMax": "0",
        "minConfirm": 1,
        "unLockConfirm": 0,
    }


def nothing(call: Call) -> list[Any]:
    """An empty list, where the venue has rows of products that are not here."""
    return []
