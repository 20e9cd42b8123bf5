"""Who hears what: streams of the market by name, streams of accounts by listen key or subscription."""

from __future__ import annotations

from typing import Any

import orjson

from kedge.venues.simulated.accounts import Account
from kedge.venues.simulated.clock import MarketClock
from kedge.venues.simulated.connections import Connection
from kedge.venues.simulated.faults import Faults
from kedge.venues.simulated.listings import Listings, Market
from kedge.venues.simulated.stream_names import Stream, parse, serves

USER = "@user"


class Hub:
    """Subscriptions of all connections. What is published is written as JSON once, however many hear it."""

    def __init__(self, listings: Listings, faults: Faults, clock: MarketClock) -> None:
        self.streams: dict[tuple[Market, str], Stream] = {}
        self._listings = listings
        self._faults = faults
        self._clock = clock
        self._hearers: dict[tuple[Market, str], dict[Connection, None]] = {}
        # (account, market) → connection and, for WebSocket requests, the number of its subscription
        self._users: dict[tuple[int, Market], dict[Connection, int | str]] = {}

    def subscribe(self, connection: Connection, name: str) -> None:
        """From now on the connection hears the stream; asking twice changes nothing."""
        connection.streams.add(name)
        stream = parse(name, connection.market, self._listings)
        if stream is None or not serves(connection.category, stream):
            return
        key = (connection.market, name)
        self._hearers.setdefault(key, {})[connection] = None
        self.streams.setdefault(key, stream)

    def unsubscribe(self, connection: Connection, name: str) -> None:
        """It hears the stream no more."""
        connection.streams.discard(name)
        key = (connection.market, name)
        hearers = self._hearers.get(key, {})
        hearers.pop(connection, None)
        if not hearers:
            self._hearers.pop(key, None)
            self.streams.pop(key, None)

    def subscribe_user(self, connection: Connection, account: Account, market: Market, mark: int | str) -> None:
        """The connection hears the account; `mark` is the listen key, or the number of the subscription."""
        self._users.setdefault((account.number, market), {})[connection] = mark

    def unsubscribe_user(self, connection: Connection, mark: int | str | None = None) -> bool:
        """It hears the account of this mark no more, or none at all; whether it did."""
        found = False
        for hearers in self._users.values():
            if connection in hearers and mark in (None, hearers[connection]):
                del hearers[connection]
                found = True
        return found

    def forget_mark(self, mark: int | str) -> None:
        """Nobody hears an account by this mark any more."""
        for hearers in self._users.values():
            for connection in [one for one, own in hearers.items() if own == mark]:
                del hearers[connection]

    def user_marks(self, connection: Connection) -> list[int | str]:
        """The accounts' streams that a connection hears, by their marks."""
        return [hearers[connection] for hearers in self._users.values() if connection in hearers]

    def leave(self, connection: Connection) -> None:
        """The connection has gone."""
        for name in list(connection.streams):
            self.unsubscribe(connection, name)
        self.unsubscribe_user(connection)

    def heard(self, market: Market, name: str) -> bool:
        """Whether anybody hears a stream."""
        return (market, name) in self._hearers

    def publish(self, stream: Stream, message: Any) -> None:
        """Tells a stream to who hears it."""
        hearers = self._hearers.get((stream.market, stream.name))
        if not hearers:
            return
        raw = orjson.dumps(message)
        wrapped = b""
        silenced = self._faults.any_of("silence")
        for connection in hearers:
            if silenced and self._is_silent(connection, stream.name):
                continue
            if connection.combined:
                wrapped = wrapped or b'{"stream":"%b","data":%b}' % (stream.name.encode(), raw)
                connection.send(wrapped)
            else:
                connection.send(raw)

    def tell_user(self, account: Account, market: Market, message: dict[str, Any]) -> None:
        """Tells an account's stream: plain where a listen key asked for it, wrapped where a subscription did."""
        hearers = self._users.get((account.number, market))
        if not hearers:
            return
        raw = orjson.dumps(message)
        for connection, mark in hearers.items():
            if self._faults.any_of("silence") and self._is_silent(connection, USER):
                continue
            if isinstance(mark, int):
                connection.send(b'{"subscriptionId":%d,"event":%b}' % (mark, raw))
            elif connection.combined:
                connection.send(b'{"stream":"%b","data":%b}' % (mark.encode(), raw))
            else:
                connection.send(raw)

    def _is_silent(self, connection: Connection, name: str) -> bool:
        now = self._clock.wall()
        return self._faults.for_stream("silence", connection.market, connection.path, name, now) is not None
