"""Requests that may change an order: over the WebSocket API where its connection is up, else by REST.

Both ways end in the same table of outcomes, with the same window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import orjson

from kedge.venues.binance.addresses import Keys
from kedge.venues.binance.order_socket import OrderSocket, Sent
from kedge.venues.binance.outcomes import Kind, Outcome
from kedge.venues.binance.rest import Params, Request, Rest
from kedge.venues.binance.signing import Signer

METHODS = {Kind.SUBMIT: "order.place", Kind.CANCEL: "order.cancel", Kind.AMEND: "order.modify"}
FRESH_NS = 20_000_000
"""A message signed longer ago is signed anew: its window has begun at its signature."""

OnSent = Callable[[], None]


@dataclass(slots=True)
class Prepared:
    """A request, signed as far as it can be before it leaves. `text` is empty where it goes by REST."""

    kind: Kind
    request: Request
    params: Params
    number: str = ""
    text: bytes = b""
    closes_ns: int = 0
    made_ns: int = 0


class Ordering:
    """Sends orders, cancels and amendments of one market."""

    def __init__(self, rest: Rest, socket: OrderSocket | None, keys: Keys | None) -> None:
        self._rest = rest
        self.socket = socket if keys is not None else None
        self._signer = Signer(keys) if keys is not None else None

    @property
    def way(self) -> str:
        """How an order would go now."""
        return "websocket" if self.socket is not None and self.socket.up else "rest"

    def prepare(self, kind: Kind, request: Request, params: Params) -> Prepared:
        """Builds and signs what `send` takes, so that this need not be done when it may leave."""
        prepared = Prepared(kind, request, params)
        if self.socket is not None and self.socket.up:
            self._sign(prepared, self.socket)
        return prepared

    def _sign(self, prepared: Prepared, socket: OrderSocket) -> None:
        assert self._signer is not None
        stamp_ms, prepared.closes_ns = self._rest.stamped()
        params = {**prepared.params, "recvWindow": self._rest.recv_window_ms, "timestamp": stamp_ms}
        message = {"method": METHODS[prepared.kind], "params": self._signer.params(params)}
        prepared.number, prepared.made_ns = socket.number(), time.monotonic_ns()
        prepared.text = orjson.dumps({"id": prepared.number, **message})

    def send(self, prepared: Prepared, on_sent: OnSent | None = None) -> Coroutine[Any, Any, Outcome]:
        """Sends it, once. Where the connection is up its bytes are on the socket when this returns, and `on_sent` has
        been called; what is returned waits for the outcome, and must be awaited. By REST it leaves when that is."""
        socket = self.socket
        if socket is None or not socket.up:
            return self._rest.order(prepared.kind, prepared.request, prepared.params, on_sent)
        refusal = self._rest.objection(prepared.kind, prepared.request)
        if refusal is not None:
            return told(refusal)
        if not prepared.text or time.monotonic_ns() - prepared.made_ns > FRESH_NS:
            self._sign(prepared, socket)
        sent = socket.send(prepared.number, prepared.text)
        if on_sent is not None:
            on_sent()
        return self._outcome(prepared, socket, sent)

    async def _outcome(self, prepared: Prepared, socket: OrderSocket, sent: Sent) -> Outcome:
        answer = await socket.answered(sent, self._rest.order_s)
        return self._rest.judged(prepared.kind, answer, prepared.closes_ns)


async def told(outcome: Outcome) -> Outcome:
    """An outcome that is known without asking."""
    return outcome
