"""A request's way through the exchange: faults, limits, key, signature and window, execution, truth, answer.

REST and WebSocket requests go the same way; they differ in how the answer is written (`rest.py`, `ws_api.py`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson

from kedge.venues.simulated import signing
from kedge.venues.simulated.accounts import Account
from kedge.venues.simulated.calls import Call, Route
from kedge.venues.simulated.errors import VenueError
from kedge.venues.simulated.exchange import SimulatedExchange
from kedge.venues.simulated.faults import Fault
from kedge.venues.simulated.parameters import Parameters

# Answers of requests that only read are not kept whole in the truth.
KEPT_OF_ANSWER = 2_000


@dataclass(slots=True)
class Asked:
    """A request as it came: `key` is the API key, `payload` what its signature is over, `via` rest or socket."""

    route: Route
    parameters: Parameters
    payload: str
    key: str | None
    address: str
    via: str
    received: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Answer:
    """What the client is told. `broken` is a fault that takes the answer's place; `body` is None if it was dropped."""

    status: int
    body: Any
    headers: dict[str, str]
    broken: Fault | None = None


class Requests:
    """Takes requests of all clients, one after the other where they touch the exchange."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange

    async def answer(self, asked: Asked) -> Answer:
        """Executes a request, unless a fault or a rule is against it, and enters it in the truth."""
        exchange, route = self._exchange, asked.route
        account = self._caller(asked)
        number = account.number if account else None
        faults = {
            fault.kind: fault
            for fault in exchange.faults.for_request(route.method, route.path, route.market, number, asked.received)
        }
        if drop := faults.get("drop"):
            self._enter(asked, account, Answer(0, None, {}), False, drop)
            return Answer(0, None, {}, drop)
        error = faults.get("error")
        executed = False
        try:
            if error is not None and not error.executed:
                answer = Answer(0, None, self._weigh(asked))
            else:
                asked.headers = self._weigh(asked)
                self._admit(asked)
                if delay := faults.get("delay"):
                    await asyncio.sleep(delay.random.uniform(*delay.delay_ms) / 1000)
                if route.security == "signed":
                    signing.check_window(asked.parameters, self._exchange.clock.now_ms())
                executed = True
                answer = Answer(200, self._execute(asked, account), asked.headers)
        except VenueError as refusal:
            answer = Answer(refusal.status, refusal.body(), {**asked.headers, **refusal.headers})
        answer.broken = faults.get("lost_answer") or error
        self._enter(asked, account, answer, executed, answer.broken or faults.get("delay"))
        return answer

    def _caller(self, asked: Asked) -> Account | None:
        try:
            return self._exchange.accounts.of_key(asked.key)
        except VenueError:
            return None

    def _weigh(self, asked: Asked) -> dict[str, str]:
        route, clock = asked.route, self._exchange.clock
        limits = self._exchange.limits[route.market]
        return limits.weigh(asked.address, route.weighs(asked.parameters), clock.wall() // 1_000_000)

    def _admit(self, asked: Asked) -> None:
        """Checks key, signature, window and order count. Raises `VenueError`."""
        if asked.route.security == "none":
            return
        account = self._exchange.accounts.of_key(asked.key)
        if asked.route.security == "signed":
            signing.check(account, asked.payload, asked.parameters, self._exchange.clock.now_ms())
        if asked.route.orders:
            wall_ms = self._exchange.clock.wall() // 1_000_000
            limits = self._exchange.limits[asked.route.market]
            asked.headers |= limits.count_orders(account.number, asked.route.orders, wall_ms)

    def _execute(self, asked: Asked, account: Account | None) -> Any:
        now = self._exchange.advance()
        return asked.route.handler(Call(self._exchange, asked.route.market, asked.parameters, account, now))

    def _enter(
        self, asked: Asked, account: Account | None, answer: Answer, executed: bool, fault: Fault | None
    ) -> None:
        route, values = asked.route, asked.parameters.values
        code = answer.body.get("code") if isinstance(answer.body, dict) and answer.status >= 400 else None
        told = ""
        if route.method != "GET" and answer.body is not None:
            told = orjson.dumps(answer.body).decode()[:KEPT_OF_ANSWER]
        shown = {name: value for name, value in values.items() if name not in ("signature", "apiKey")}
        self._exchange.truth.add(
            "requests",
            asked.received,
            self._exchange.clock.wall(),
            account.number if account else None,
            asked.via,
            route.method,
            route.path,
            values.get("newClientOrderId") or values.get("origClientOrderId"),
            orjson.dumps(shown).decode(),
            int(executed and answer.status < 400),
            answer.status or None,
            code,
            told or None,
            None if fault is None else f"{fault.kind}#{fault.number}",
        )
