"""Requests that may change an order: over the WebSocket API where its connection is up, else by REST.

Both ways end in the same table of outcomes, with the same window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from kedge.venues.binance import orders
from kedge.venues.binance.addresses import Keys, Market
from kedge.venues.binance.budget import RateBudget
from kedge.venues.binance.order_socket import OrderSocket, Sent
from kedge.venues.binance.outcomes import Kind, Outcome, Rejected, Retryable
from kedge.venues.binance.rest import Rest
from kedge.venues.binance.signing import Signer
from kedge.venues.binance.stencils import Stencil

FRESH_NS = 20_000_000
"""A message signed longer ago is signed anew: its window has begun at its signature."""
ANY_ID, ANY_AMOUNT = "k", "1"

OnSent = Callable[[], None]


@dataclass(slots=True)
class Prepared:
    """A request on its way to be sent. `text` is empty where it goes by REST; `refusal` is why it must not go."""

    stencil: Stencil
    values: tuple[str, ...]
    number: str = ""
    text: bytes = b""
    closes_ns: int = 0
    made_ns: int = 0
    refusal: Outcome | None = None


class Ordering:
    """Sends orders, cancels and amendments of one market."""

    def __init__(
        self, market: Market, rest: Rest, budget: RateBudget, socket: OrderSocket | None, keys: Keys | None
    ) -> None:
        self._market: Market = market
        self._rest = rest
        self._budget = budget
        self._keys = keys or Keys("", "")
        self._signer = Signer(self._keys.secret)
        self._stencils: dict[tuple[object, ...], Stencil] = {}
        self.socket = socket if keys is not None else None

    @property
    def way(self) -> str:
        """How an order would go now."""
        return "websocket" if self.socket is not None and self.socket.up else "rest"

    def submission(
        self,
        symbol: str,
        client_id: str,
        side: str,
        kind: str,
        tif: str,
        price: str,
        quantity: str,
        reduce_only: bool,
    ) -> Prepared:
        """An order for `send`, signed as far as it can be before it leaves. Raises `UsageError` for words that are not
        of `orders.submission`."""
        key = (symbol, side, kind, tif, reduce_only)
        stencil = self._stencils.get(key)
        if stencil is None:
            fixed = orders.submission(
                self._market,
                symbol=symbol,
                client_id=ANY_ID,
                side=side,
                kind=kind,
                tif=tif,
                price=ANY_AMOUNT,
                quantity=ANY_AMOUNT,
                reduce_only=reduce_only,
            )
            varied = ("newClientOrderId", "quantity") if kind == "market" else ("newClientOrderId", "price", "quantity")
            stencil = self._keep(key, Stencil(Kind.SUBMIT, orders.submit(self._market), fixed, varied))
        values = (client_id, quantity) if kind == "market" else (client_id, price, quantity)
        if reduce_only and self._market == "spot":
            return Prepared(stencil, values, refusal=Rejected(0, "spot orders cannot be reduce-only"))
        return self._prepared(stencil, values)

    def cancel(self, symbol: str, client_id: str) -> Prepared:
        """A cancel for `send`."""
        stencil = self._stencils.get((symbol,))
        if stencil is None:
            fixed = orders.named(symbol, ANY_ID)
            varied = ("origClientOrderId",)
            stencil = self._keep((symbol,), Stencil(Kind.CANCEL, orders.cancel(self._market), fixed, varied))
        return self._prepared(stencil, (client_id,))

    def amendment(self, symbol: str, client_id: str, side: str, price: str, quantity: str) -> Prepared:
        """An amendment for `send`."""
        stencil = self._stencils.get((symbol, side))
        if stencil is None:
            fixed = orders.amendment(symbol=symbol, client_id=ANY_ID, side=side, price=ANY_AMOUNT, quantity=ANY_AMOUNT)
            varied = ("origClientOrderId", "price", "quantity")
            stencil = self._keep((symbol, side), Stencil(Kind.AMEND, orders.amend(self._market), fixed, varied))
        return self._prepared(stencil, (client_id, price, quantity))

    def rehearse(self, symbol: str) -> None:
        """Does all that an order needs before it leaves, and throws it away: it weighs nothing, and is not sent.

        What ran a moment ago runs again several times as fast, since the processor still has it at hand.
        """
        stencil = self._stencils.get(("rehearsal", symbol))
        if stencil is None:
            fixed = {**orders.named(symbol, ANY_ID), "price": ANY_AMOUNT, "quantity": ANY_AMOUNT}
            request = replace(orders.submit(self._market), weight=0, counted=False)
            varied = ("origClientOrderId", "price", "quantity")
            stencil = self._keep(("rehearsal", symbol), Stencil(Kind.SUBMIT, request, fixed, varied))
        self._prepared(stencil, (ANY_ID, ANY_AMOUNT, ANY_AMOUNT))

    def _keep(self, key: tuple[object, ...], stencil: Stencil) -> Stencil:
        self._stencils[key] = stencil.written(self._keys, self._rest.recv_window_ms)
        return stencil

    def _prepared(self, stencil: Stencil, values: tuple[str, ...]) -> Prepared:
        stencil.require(values)
        prepared = Prepared(stencil, values)
        if self.socket is not None and self.socket.up:
            prepared.refusal = self._rest.objection(stencil.kind, stencil.request)
            self._sign(prepared, self.socket)
        return prepared

    def _sign(self, prepared: Prepared, socket: OrderSocket) -> None:
        stamp_ms, prepared.closes_ns = self._rest.stamped()
        prepared.number, prepared.made_ns = socket.number(), time.monotonic_ns()
        prepared.text = prepared.stencil.message(self._signer, prepared.number, prepared.values, stamp_ms)

    def send(self, prepared: Prepared, on_sent: OnSent | None = None) -> Coroutine[Any, Any, Outcome]:
        """Sends it, once. Where the connection is up its bytes are on the socket when this returns, and `on_sent` has
        been called; what is returned waits for the outcome, and must be awaited. By REST it leaves when that is."""
        stencil, socket = prepared.stencil, self.socket
        if prepared.refusal is not None:
            return told(prepared.refusal)
        if socket is None or not socket.up or not prepared.text:
            return self._rest.order(stencil.kind, stencil.request, stencil.params(prepared.values), on_sent)
        blocked_s = self._budget.blocked_s(stencil.request.purpose)
        if blocked_s:
            return told(Retryable(self._budget.why_blocked, blocked_s))
        if time.monotonic_ns() - prepared.made_ns > FRESH_NS:
            untimely = self._rest.untimely(stencil.kind)
            if untimely is not None:
                return told(untimely)
            self._sign(prepared, socket)
        sent = socket.send(prepared.number, prepared.text)
        if on_sent is not None:
            on_sent()
        return self._outcome(prepared, socket, sent)

    async def _outcome(self, prepared: Prepared, socket: OrderSocket, sent: Sent) -> Outcome:
        answer = await socket.answered(sent, self._rest.order_s)
        return self._rest.judged(prepared.stencil.kind, answer, prepared.closes_ns)


async def told(outcome: Outcome) -> Outcome:
    """An outcome that is known without asking."""
    return outcome
