"""What the market told, as stream messages: at once, or once in each stream's time."""

from __future__ import annotations

from typing import Any

from kedge.venues.simulated import wire
from kedge.venues.simulated.candles import closing, opening
from kedge.venues.simulated.exchange import SimulatedExchange
from kedge.venues.simulated.hub import Hub
from kedge.venues.simulated.listings import SPOT, USDM, Listing
from kedge.venues.simulated.stream_names import Stream
from kedge.venues.simulated.tape import Changes

# The core tells depth every 100 ms; a little less lets each of them pass as an event of its own.
EARLY = 0.8


class DepthWindow:
    """Changes of the book since the last event of one stream."""

    def __init__(self, update: int, now_ms: int) -> None:
        self.first = update + 1
        self.last = update
        self.previous = update
        self.told_ms = now_ms
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def add(self, changes: Changes) -> None:
        """Takes changes in: the last quantity of a level counts."""
        for sell, price, quantity in changes.levels:
            self.sides[sell][price] = quantity
        self.last += len(changes.levels)

    def begin(self, now_ms: int) -> None:
        """A new window, behind an event."""
        self.previous, self.first = self.last, self.last + 1
        self.told_ms = now_ms
        self.sides = ({}, {})


class Publisher:
    """Turns changes into messages of the streams that somebody hears."""

    def __init__(self, exchange: SimulatedExchange, hub: Hub) -> None:
        self._exchange = exchange
        self._hub = hub
        self._windows: dict[Stream, DepthWindow] = {}
        self._told: dict[Stream, int] = {}
        self._candles: dict[Stream, int] = {}

    def changed(self, listing: Listing, changes: Changes) -> None:
        """What one advance brought to one instrument."""
        now_ms = self._exchange.clock.now_ms()
        for stream in list(self._hub.streams.values()):
            if stream.market != listing.market or (stream.listing is not listing and stream.listing is not None):
                continue
            match stream.kind:
                case "depth":
                    self._window(stream, listing, now_ms, len(changes.levels)).add(changes)
                case "trade":
                    for trade in changes.trades:
                        self._hub.publish(stream, wire.trade_event(listing, trade, now_ms))
                case "aggTrade":
                    for aggregate in changes.aggregates:
                        self._hub.publish(stream, wire.aggregate_event(listing, aggregate, now_ms))
                case "bookTicker" if changes.quoted:
                    self._hub.publish(stream, wire.book_ticker_event(listing, self._tape(listing), now_ms))
        self.tick()

    def liquidated(self, event: dict[str, Any]) -> None:
        """A position was closed by the exchange."""
        listing = self._exchange.listings[event["instrument"]]
        message = wire.liquidation_event(listing, event, self._exchange.clock)
        for stream in list(self._hub.streams.values()):
            if stream.kind == "forceOrder" and stream.listing in (None, listing):
                self._hub.publish(stream, message)

    def tick(self) -> None:
        """Tells what is due. Called at least every 20 ms."""
        now_ms = self._exchange.clock.now_ms()
        for stream in list(self._hub.streams.values()):
            if stream.every_ms == 0:
                continue
            if stream.kind == "depth":
                self._tell_depth(stream, now_ms)
            elif stream.kind == "kline":
                self._tell_candle(stream, now_ms)
            elif now_ms - self._told.get(stream, 0) >= stream.every_ms:
                self._told[stream] = now_ms
                self._hub.publish(stream, self._regular(stream, now_ms))

    def forget(self) -> None:
        """Lets the state of streams go that nobody hears any more."""
        heard = set(self._hub.streams.values())
        for kept in (self._windows, self._told, self._candles):
            for stream in [stream for stream in kept if stream not in heard]:
                del kept[stream]

    def _tape(self, listing: Listing) -> Any:
        return self._exchange.tapes[listing.index]

    def _window(self, stream: Stream, listing: Listing, now_ms: int, coming: int) -> DepthWindow:
        window, update = self._windows.get(stream), self._tape(listing).update - coming
        # A stream that nobody heard for a while missed changes: its window would tell old levels under wrong numbers.
        if window is None or window.last != update:
            window = self._windows[stream] = DepthWindow(update, now_ms)
        return window

    def _tell_depth(self, stream: Stream, now_ms: int) -> None:
        assert stream.listing is not None
        window = self._window(stream, stream.listing, now_ms, 0)
        if window.last < window.first or now_ms - window.told_ms < stream.every_ms * EARLY:
            return
        faults, wall = self._exchange.faults, self._exchange.clock.wall()
        missed = faults.any_of("gap") and faults.for_stream("gap", stream.market, "", stream.name, wall) is not None
        if not missed:
            at_ms = self._exchange.clock.wire_ms(self._exchange.clock.now())
            ids = (window.first, window.last, window.previous)
            self._hub.publish(stream, wire.depth_event(stream.listing, ids, window.sides, now_ms, at_ms))
        window.begin(now_ms)

    def _tell_candle(self, stream: Stream, now_ms: int) -> None:
        assert stream.listing is not None
        candles = self._tape(stream.listing).candles
        candles.roll(now_ms)
        open_ms = opening(stream.interval, now_ms)
        before = self._candles.get(stream)
        if before is not None and before < open_ms:
            closed = candles.at(stream.interval, before)
            if closed is not None:
                self._hub.publish(stream, wire.kline_event(stream.listing, stream.interval, closed, True, now_ms))
        elif before is not None and now_ms - self._told.get(stream, 0) < stream.every_ms:
            return
        self._candles[stream] = open_ms
        self._told[stream] = now_ms
        candle = candles.at(stream.interval, open_ms)
        if candle is not None and now_ms <= closing(stream.interval, open_ms):
            self._hub.publish(stream, wire.kline_event(stream.listing, stream.interval, candle, False, now_ms))

    def _regular(self, stream: Stream, now_ms: int) -> Any:
        if stream.listing is None:
            listings = self._exchange.listings.of(stream.market)
            return [self._one(stream, listing, now_ms) for listing in listings]
        return self._one(stream, stream.listing, now_ms)

    def _one(self, stream: Stream, listing: Listing, now_ms: int) -> Any:
        exchange = self._exchange
        match stream.kind:
            case "partial":
                depth = exchange.core.depth(listing.index, stream.levels)
                if stream.market == SPOT:
                    return wire.depth(listing, depth)
                sides = (dict(depth["bids"]), dict(depth["asks"]))
                last = depth["last_update_id"]
                return wire.depth_event(listing, (last, last, last - 1), sides, now_ms, now_ms)
            case "ticker":
                return wire.ticker_event(listing, self._tape(listing), now_ms)
            case "miniTicker":
                return wire.mini_ticker_event(listing, self._tape(listing), now_ms)
            case _:
                assert listing.market == USDM
                return wire.mark_event(listing, exchange.core.mark(listing.index), exchange.clock)
