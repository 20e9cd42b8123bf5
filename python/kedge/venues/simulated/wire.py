"""Market data in Binance's JSON: what streams tell and what requests are answered."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kedge.venues.simulated.candles import DAY_MS, Candle, closing
from kedge.venues.simulated.clock import MarketClock
from kedge.venues.simulated.listings import SPOT, Listing
from kedge.venues.simulated.tape import Aggregate, Print, Tape

Message = dict[str, Any]
Sides = tuple[dict[int, int], dict[int, int]]


def depth(listing: Listing, book: dict[str, Any]) -> Message:
    """A snapshot, as the core gives it, for a request or a partial stream of spot."""
    sides = {
        name: [[listing.price(price), listing.quantity(quantity)] for price, quantity in book[name]]
        for name in ("bids", "asks")
    }
    return {"lastUpdateId": book["last_update_id"], **sides}


def depth_event(listing: Listing, ids: tuple[int, int, int], sides: Sides, now_ms: int, at_ms: int) -> Message:
    """`depthUpdate`; `ids` are those of the first and last change, and of the last one of the event before."""
    first, last, previous = ids
    told: Message = {"e": "depthUpdate", "E": now_ms}
    if listing.market != SPOT:
        told["T"] = at_ms
    told |= {"s": listing.symbol, "U": first, "u": last}
    if listing.market != SPOT:
        told["pu"] = previous
    for name, levels in zip("ba", sides, strict=True):
        told[name] = [[listing.price(price), listing.quantity(quantity)] for price, quantity in levels.items()]
    return told


def trade_event(listing: Listing, trade: Print, now_ms: int) -> Message:
    """`trade`."""
    told: Message = {"e": "trade", "E": now_ms}
    if listing.market != SPOT:
        told["T"] = trade.at_ms
    told |= {"s": listing.symbol, "t": trade.id, "p": listing.price(trade.price), "q": listing.quantity(trade.quantity)}
    if listing.market == SPOT:
        return told | {"T": trade.at_ms, "m": trade.seller_took, "M": True}
    return told | {"X": "MARKET", "m": trade.seller_took}


def trade_row(listing: Listing, trade: Print) -> Message:
    """One of `trades`."""
    told: Message = {
        "id": trade.id,
        "price": listing.price(trade.price),
        "qty": listing.quantity(trade.quantity),
        "quoteQty": listing.value_of(trade.price * trade.quantity),
        "time": trade.at_ms,
        "isBuyerMaker": trade.seller_took,
    }
    if listing.market == SPOT:
        told["isBestMatch"] = True
    return told


def aggregate_row(listing: Listing, aggregate: Aggregate) -> Message:
    """One of `aggTrades`."""
    told: Message = {
        "a": aggregate.id,
        "p": listing.price(aggregate.price),
        "q": listing.quantity(aggregate.quantity),
        "f": aggregate.first_id,
        "l": aggregate.last_id,
        "T": aggregate.at_ms,
        "m": aggregate.seller_took,
    }
    if listing.market == SPOT:
        told["M"] = True
    return told


def aggregate_event(listing: Listing, aggregate: Aggregate, now_ms: int) -> Message:
    """`aggTrade`."""
    return {"e": "aggTrade", "E": now_ms, "s": listing.symbol, **aggregate_row(listing, aggregate)}


def book_ticker_event(listing: Listing, tape: Tape, now_ms: int) -> Message:
    """The best prices; without event and time on spot, as there."""
    (bid, bid_size), (ask, ask_size) = tape.bid, tape.ask
    best: Message = {
        "s": listing.symbol,
        "b": listing.price(bid),
        "B": listing.quantity(bid_size),
        "a": listing.price(ask),
        "A": listing.quantity(ask_size),
    }
    if listing.market == SPOT:
        return {"u": tape.update, **best}
    return {"e": "bookTicker", "u": tape.update, "E": now_ms, "T": now_ms, **best}


def kline_event(listing: Listing, interval: str, candle: Candle, closed: bool, now_ms: int) -> Message:
    """`kline`."""
    bar: Message = {
        "t": candle.open_ms,
        "T": closing(interval, candle.open_ms),
        "s": listing.symbol,
        "i": interval,
        "f": candle.first_id,
        "L": candle.last_id,
        "o": listing.price(candle.open),
        "c": listing.price(candle.close),
        "h": listing.price(candle.high),
        "l": listing.price(candle.low),
        "v": listing.quantity(candle.volume),
        "n": candle.trades,
        "x": closed,
        "q": listing.value_of(candle.value),
        "V": listing.quantity(candle.taker_volume),
        "Q": listing.value_of(candle.taker_value),
        "B": "0",
    }
    return {"e": "kline", "E": now_ms, "s": listing.symbol, "k": bar}


def kline_row(listing: Listing, interval: str, candle: Candle) -> list[Any]:
    """One of `klines`."""
    return [
        candle.open_ms,
        listing.price(candle.open),
        listing.price(candle.high),
        listing.price(candle.low),
        listing.price(candle.close),
        listing.quantity(candle.volume),
        closing(interval, candle.open_ms),
        listing.value_of(candle.value),
        candle.trades,
        listing.quantity(candle.taker_volume),
        listing.value_of(candle.taker_value),
        "0",
    ]


def ticker(listing: Listing, tape: Tape, now_ms: int, start_ms: int | None = None) -> Message:
    """`ticker/24hr`: the last day, or since `start_ms`; or as much of it as there was."""
    start_ms = now_ms - DAY_MS if start_ms is None else start_ms
    day = tape.candles.since(start_ms) or Candle(now_ms, 0, 0, 0, 0)
    change = day.close - day.open
    percent = Decimal(100 * change) / day.open if day.open else Decimal(0)
    mean = Decimal(day.value) / day.volume * listing.tick if day.volume else Decimal(0)
    last = tape.last
    told: Message = {
        "symbol": listing.symbol,
        "priceChange": listing.price(change),
        "priceChangePercent": f"{percent:.3f}",
        "weightedAvgPrice": f"{mean:.8f}",
        "prevClosePrice": listing.price(day.open),
        "lastPrice": listing.price(day.close),
        "lastQty": listing.quantity(last.quantity if last else 0),
        "bidPrice": listing.price(tape.bid[0]),
        "bidQty": listing.quantity(tape.bid[1]),
        "askPrice": listing.price(tape.ask[0]),
        "askQty": listing.quantity(tape.ask[1]),
        "openPrice": listing.price(day.open),
        "highPrice": listing.price(day.high),
        "lowPrice": listing.price(day.low),
        "volume": listing.quantity(day.volume),
        "quoteVolume": listing.value_of(day.value),
        "openTime": start_ms,
        "closeTime": now_ms,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.trades,
    }
    if listing.market != SPOT:
        for name in ("prevClosePrice", "bidPrice", "bidQty", "askPrice", "askQty"):
            del told[name]
    return told


def ticker_event(listing: Listing, tape: Tape, now_ms: int) -> Message:
    """`24hrTicker`."""
    day = ticker(listing, tape, now_ms)
    told: Message = {
        "e": "24hrTicker",
        "E": now_ms,
        "s": listing.symbol,
        "p": day["priceChange"],
        "P": day["priceChangePercent"],
        "w": day["weightedAvgPrice"],
        "c": day["lastPrice"],
        "Q": day["lastQty"],
        "o": day["openPrice"],
        "h": day["highPrice"],
        "l": day["lowPrice"],
        "v": day["volume"],
        "q": day["quoteVolume"],
        "O": day["openTime"],
        "C": day["closeTime"],
        "F": day["firstId"],
        "L": day["lastId"],
        "n": day["count"],
    }
    if listing.market == SPOT:
        told |= {"x": day["prevClosePrice"], "b": day["bidPrice"], "B": day["bidQty"]}
        told |= {"a": day["askPrice"], "A": day["askQty"]}
    return told


def mini_ticker_event(listing: Listing, tape: Tape, now_ms: int) -> Message:
    """`24hrMiniTicker`."""
    whole = ticker_event(listing, tape, now_ms)
    return {**{name: whole[name] for name in "Escohlvq"}, "e": "24hrMiniTicker"}


def mark_event(listing: Listing, mark: dict[str, Any], clock: MarketClock) -> Message:
    """`markPriceUpdate`, of what the core says of the mark."""
    return {
        "e": "markPriceUpdate",
        "E": clock.now_ms(),
        "s": listing.symbol,
        "p": listing.price(mark["mark"]),
        "i": listing.price(mark["index"]),
        "P": listing.price(mark["index"]),
        "r": rate(mark["rate"]),
        "T": clock.wire_ms(mark["next_funding"]),
    }


def premium_index(listing: Listing, mark: dict[str, Any], clock: MarketClock) -> Message:
    """One of `premiumIndex`."""
    return {
        "symbol": listing.symbol,
        "markPrice": listing.price(mark["mark"]),
        "indexPrice": listing.price(mark["index"]),
        "estimatedSettlePrice": listing.price(mark["index"]),
        "lastFundingRate": rate(mark["rate"]),
        "interestRate": "0.00010000",
        "nextFundingTime": clock.wire_ms(mark["next_funding"]),
        "time": clock.now_ms(),
    }


def rate(text: str) -> str:
    """A funding rate with eight places."""
    return f"{Decimal(text):.8f}"


def liquidation_event(listing: Listing, event: dict[str, Any], clock: MarketClock) -> Message:
    """`forceOrder`."""
    average = Decimal(event["cum_quote"]) / (event["cum_qty"] * listing.step) if event["cum_qty"] else Decimal(0)
    order = {
        "s": listing.symbol,
        "S": event["side"],
        "o": "LIMIT",
        "f": "IOC",
        "q": listing.quantity(event["qty"]),
        "p": listing.price(event["price"] or 0),
        "ap": f"{average:.8f}",
        "X": event["status"],
        "l": listing.quantity(event["last_qty"]),
        "z": listing.quantity(event["cum_qty"]),
        "T": clock.wire_ms(event["ts"]),
    }
    return {"e": "forceOrder", "E": clock.now_ms(), "o": order}
