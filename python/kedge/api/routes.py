"""The server's routes: each is a line of `web/openapi.json`, and asks the service for its answer."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response, WebSocket

from kedge.api import answers
from kedge.api.service import Service

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": answers.ErrorBody, "description": meaning}
    for status, meaning in (
        (401, "Not logged in, or the session has ended."),
        (403, "Refused: the request came from another page, or risk says no."),
        (422, "An argument is wrong."),
        (503, "The trader does not answer."),
        ("default", "Anything else that is no success."),
    )
}
LIMIT_MAX = 5_000

open_routes = APIRouter(prefix="/api", responses={"default": ERRORS["default"]})
routes = APIRouter(prefix="/api", responses=ERRORS)


def service_of(request: Request) -> Service:
    """The service that the server was started with."""
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(service_of)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
OrderNumber = Annotated[str, Path(pattern=r"^[0-9]{1,19}$", description="As the order's `id`.")]
Named = Annotated[str, Path(max_length=64, description="As the strategy's `name`.")]


def answer(body: Any) -> Response:
    """A body as JSON that no cache keeps."""
    return Response(orjson.dumps(body), media_type="application/json")


@open_routes.get("/health", response_model=answers.Health)
def health(service: Served) -> Response:
    """The server answers; nothing about the account. Needs no login."""
    return answer(service.health())


@open_routes.post("/login", response_model=answers.LoggedIn, responses={k: ERRORS[k] for k in (401, 403, 422)})
def login(given: answers.Login, service: Served, request: Request) -> Response:
    """Takes the one-time code that `kedge server` printed; answers with a session cookie."""
    session, body = service.login(given.code)
    response = answer(body)
    response.set_cookie(request.app.state.cookie, session, path="/", httponly=True, samesite="strict")
    return response


@routes.post("/logout", response_model=answers.Done)
def logout(service: Served, request: Request) -> Response:
    """Ends the session, and its streams."""
    service.logout(request.cookies.get(request.app.state.cookie, ""))
    response = answer({"message": "logged out", "result": {}})
    response.delete_cookie(request.app.state.cookie, path="/", httponly=True, samesite="strict")
    return response


@routes.get("/state", response_model=answers.State)
def state(service: Served) -> Response:
    """Everything the page shows at first: what the stream begins with."""
    return answer(service.state())


@routes.get("/orders", response_model=answers.Orders)
def orders(
    service: Served,
    scope: Annotated[str, Query(pattern="^(open|all)$", description="open or all.")] = "open",
    strategy: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    before: Annotated[str | None, Query(pattern=r"^[0-9]{1,19}$", description="Orders older than this id.")] = None,
) -> Response:
    """Orders, newest first."""
    return answer(service.orders(scope == "open", strategy, limit, before))


@routes.get("/orders/{id}/explain", response_model=answers.Explanation, responses={404: ERRORS["default"]})
def explain(service: Served, id: OrderNumber) -> Response:
    """The life of one order: what woke its strategy, what risk said, what the venue answered."""
    return answer(service.explain(int(id)))


@routes.get("/fills", response_model=answers.Fills)
def fills(
    service: Served,
    limit: Limit = 100,
    strategy: Annotated[str | None, Query(max_length=64)] = None,
    instrument: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Fills, newest first."""
    return answer(service.fills(strategy, instrument, limit))


@routes.get("/candles", response_model=answers.Candles, responses={404: ERRORS["default"]})
def candles(
    service: Served,
    instrument: Annotated[str, Query(max_length=64, description="The instrument's id.")],
    interval: answers.Interval = "1m",
    limit: Limit = 500,
) -> Response:
    """The newest candles of an instrument, oldest first."""
    return answer(service.candles(instrument, interval, limit))


@routes.get("/equity", response_model=answers.EquitySamples)
def equity(service: Served, limit: Limit = 1_000) -> Response:
    """The account's worth over time."""
    return answer(service.equity(limit))


@routes.get("/events", response_model=answers.Events)
def events(service: Served, limit: Limit = 100) -> Response:
    """Events worth reading, newest first."""
    return answer(service.events(limit))


@routes.post("/halt", response_model=answers.Done)
def halt(service: Served) -> Response:
    """Stops new orders and cancels the open ones at once; positions stay."""
    return answer(service.command("halt"))


@routes.post("/resume", response_model=answers.Done)
def resume(service: Served) -> Response:
    """Lets orders pass again."""
    return answer(service.command("resume"))


@routes.post("/orders/{id}/cancel", response_model=answers.Done, responses={404: ERRORS["default"]})
def cancel(service: Served, id: OrderNumber) -> Response:
    """Asks the venue for the end of one open order."""
    return answer(service.command("cancel", order=int(id)))


@routes.post("/strategies/{name}/start", response_model=answers.Done, responses={404: ERRORS["default"]})
def start_strategy(service: Served, name: Named) -> Response:
    """Lets a stopped strategy be called again."""
    return answer(service.command("start_strategy", name=name))


@routes.post("/strategies/{name}/stop", response_model=answers.Done, responses={404: ERRORS["default"]})
def stop_strategy(service: Served, name: Named) -> Response:
    """Stops a strategy and cancels its orders; its position stays."""
    return answer(service.command("stop_strategy", name=name))


@routes.websocket("/stream")
async def stream(socket: WebSocket) -> None:
    """A snapshot, then numbered deltas; see `Snapshot`, `Delta` and `Resync`."""
    service: Service = socket.app.state.service
    await service.stream(socket, socket.cookies.get(socket.app.state.cookie, ""))
