"""The REST side: from an HTTP request to `requests.py` and back, whole or broken as a fault wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from aiohttp import web

from kedge.venues.simulated.errors import no_such_route
from kedge.venues.simulated.faults import Fault
from kedge.venues.simulated.parameters import Parameters
from kedge.venues.simulated.requests import Answer, Asked, Requests
from kedge.venues.simulated.routes import BY_PATH

# A client that waits for an answer that never comes is let go after this.
LONGEST_SILENCE_S = 120.0
HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
UNKNOWN = {"code": -1000, "msg": "An unknown error occurred while processing the request."}
UNKNOWN_STATE = {
    "code": -1007,
    "msg": "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
}
UNAVAILABLE = {"code": -1008, "msg": "Unknown error, please check your request or try again later."}


class Rest:
    """Answers requests under `/api`, `/sapi`, `/fapi`, `/dapi`."""

    def __init__(self, requests: Requests, wall: Callable[[], int]) -> None:
        self._requests = requests
        self._wall = wall

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        route = BY_PATH.get((request.method, request.path))
        if route is None:
            return respond(404, no_such_route(request.method, request.path).body(), {})
        query = request.raw_path.partition("?")[2]
        body = (await request.read()).decode("utf-8", "replace") if request.can_read_body else ""
        asked = Asked(
            route,
            Parameters.parse(query, body),
            query + body,
            request.headers.get("X-MBX-APIKEY"),
            request.remote or "",
            "rest",
            self._wall(),
        )
        answer = await self._requests.answer(asked)
        if answer.broken is not None:
            return await break_off(request, answer)
        return respond(answer.status, answer.body, answer.headers)


def respond(status: int, body: object, headers: dict[str, str]) -> web.Response:
    """A JSON answer."""
    return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type="application/json")


async def break_off(request: web.Request, answer: Answer) -> web.StreamResponse:
    """The answer as the fault has it: none, or one that says nothing of what became of the request."""
    fault = answer.broken
    assert fault is not None
    if fault.kind == "error":
        return broken_answer(fault)
    if fault.how == "never":
        await silence(request)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def silence(request: web.Request) -> None:
    """Waits until the client gives up."""
    deadline = asyncio.get_running_loop().time() + LONGEST_SILENCE_S
    while asyncio.get_running_loop().time() < deadline:
        if request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(0.05)


def broken_answer(fault: Fault) -> web.Response:
    """What an `error` fault answers."""
    match fault.answer:
        case "html" | "502":
            return web.Response(text=HTML, status=502, content_type="text/html")
        case "garbage":
            return web.Response(body=b'{"orderId": 12, "stat\xff\x00', status=200, content_type="application/json")
        case "empty":
            return web.Response(body=b"", status=200, content_type="application/json")
        case "error_200":
            return respond(200, UNKNOWN, {})
        case "503":
            return respond(503, UNAVAILABLE, {})
        case "504":
            return respond(504, UNKNOWN_STATE, {})
        case _:
            return respond(500, UNKNOWN, {})
