"""A server that speaks the page's API over a market it makes up, so that the page can be seen and tested alone.

`python -m tests.e2e.stand_in` prints its address and code. Nothing here decides anything the trader would.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from tests.e2e.stand_in_market import Desk, iso
from tests.e2e.stand_in_state import explanation, state

PAGE = Path(__file__).resolve().parents[2] / "python" / "kedge" / "_web"
CODE = "stand-in"
CONTENT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
CONTENT += "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class StandIn:
    """The server in a thread of its own: `with StandIn() as served: served.address`."""

    def __init__(self, desk: Desk | None = None, port: int = 0) -> None:
        self.desk, self.port = desk or Desk(), port
        self.muted = False
        self.skip = 0
        self.address = ""
        self.ready = threading.Event()
        self.streams: set[web.WebSocketResponse] = set()
        self.sessions: set[str] = set()

    def __enter__(self) -> StandIn:
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join(10)

    async def serve(self) -> None:
        """Until told to end."""
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(middlewares=[self.guard])
        app.add_routes(
            [
                web.get("/", self.page),
                web.get("/icon.svg", self.page),
                web.static("/assets", PAGE / "assets"),
                web.get("/api/stream", self.stream),
                web.get("/api/{what:.*}", self.answer),
                web.post("/api/login", self.login),
                web.post("/api/{what:.*}", self.act),
            ]
        )
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.ready.set()
        ticking = asyncio.create_task(self.tick())
        await self.ended.wait()
        ticking.cancel()
        for stream in list(self.streams):
            await stream.close()
        await runner.cleanup()

    async def page(self, request: web.Request) -> web.FileResponse:
        """What was built."""
        return web.FileResponse(PAGE / (request.path.strip("/") or "index.html"))

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Login and the page's header, as the server asks for them."""
        path = request.path
        if path.startswith("/api/") and path != "/api/login" and request.cookies.get("session") not in self.sessions:
            return refused(401, "Not signed in, or the session has ended.", "Sign in with a new code.")
        if request.method == "POST" and request.headers.get("X-Kedge") != "1":
            return refused(403, "The request did not come from the page.", "")
        response: web.StreamResponse = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = CONTENT
        return response

    async def login(self, request: web.Request) -> web.Response:
        """The code, for a cookie."""
        if (await request.json()).get("code") != CODE:
            return refused(401, "The code is wrong or was used.", "`kedge server` prints a new one when it starts.")
        session = f"{len(self.sessions)}"
        self.sessions.add(session)
        response = body({"idle_seconds": 1800, "ends": iso(time.time_ns() + 10**13)})
        response.set_cookie("session", session, httponly=True, samesite="Strict")
        return response

    async def answer(self, request: web.Request) -> web.Response:
        """Everything that is only asked."""
        desk, what, query = self.desk, request.match_info["what"], request.query
        limit = int(query.get("limit", 100))
        orders = [*reversed(desk.open), *desk.ended]
        if what.startswith("orders/"):
            found = [order for order in orders if order["id"] == what.split("/")[1]]
            return body(explanation(found[0], desk)) if found else refused(404, "No such order.", "")
        fills = [fill for fill in desk.fills if query.get("instrument", fill["instrument"]) == fill["instrument"]]
        candles = desk.markets[query["instrument"]].candles[query["interval"]] if "interval" in query else {}
        answers = {
            "state": lambda: state(desk),
            "orders": lambda: {"orders": orders[:limit], "total": len(orders), "next": None},
            "fills": lambda: {"fills": fills[:limit], "total": len(fills)},
            "equity": lambda: {"currency": "USDT", "samples": desk.samples[-limit:]},
            "events": lambda: {"events": list(desk.events)[:limit]},
            "candles": lambda: {
                "instrument": query["instrument"],
                "interval": query["interval"],
                "candles": list(candles.values())[-limit:],
            },
        }
        return body(answers[what]()) if what in answers else refused(404, "No such address.", "")

    async def act(self, request: web.Request) -> web.Response:
        """Everything that changes something."""
        parts = request.match_info["what"].split("/")
        if parts == ["logout"]:
            self.sessions.discard(request.cookies.get("session", ""))
            return body({"message": "Signed out.", "result": {}})
        await asyncio.sleep(0.15)
        what, name = (parts[0], "") if len(parts) == 1 else (parts[2], parts[1])
        try:
            return body({"message": self.desk.command(what, name), "result": {}})
        except KeyError:
            return refused(404, f"No open order or strategy {name}.", "It may have ended meanwhile.")

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        """A snapshot, then deltas; another snapshot when asked."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        socket["seq"] = 0
        await self.snapshot(socket)
        self.streams.add(socket)
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT and orjson.loads(message.data).get("type") == "resync":
                    await self.snapshot(socket)
        finally:
            self.streams.discard(socket)
        return socket

    async def snapshot(self, socket: web.WebSocketResponse) -> None:
        """The whole state under the next number."""
        socket["seq"] += 1
        message = {"seq": socket["seq"], "type": "snapshot", "state": state(self.desk)}
        await socket.send_str(orjson.dumps(message).decode())

    async def tick(self) -> None:
        """The market goes on, and every stream hears of it."""
        known: dict[str, Any] = {}
        while True:
            await asyncio.sleep(0.1)
            self.desk.step(time.time_ns())
            now = state(self.desk)
            changes = {name: value for name, value in now.items() if value != known.get(name) and name != "fills"}
            known = now
            added = {name: values[::-1] if name == "fills+" else values for name, values in self.desk.pending.items()}
            self.desk.pending = {}
            if self.muted:
                continue
            for socket in list(self.streams):
                socket["seq"] += 1 + self.skip
                message = {"seq": socket["seq"], "type": "delta", "changes": changes | added}
                await socket.send_str(orjson.dumps(message).decode())
            self.skip = 0


def body(value: Any) -> web.Response:
    """A value as JSON."""
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def refused(status: int, message: str, hint: str) -> web.Response:
    """An answer that is no success."""
    return web.Response(
        status=status,
        body=orjson.dumps({"error": {"message": message, "hint": hint}}),
        content_type="application/json",
    )


if __name__ == "__main__":
    with StandIn(port=int(sys.argv[1]) if len(sys.argv) > 1 else 8700) as served:
        sys.stdout.write(f"{served.address}  code {CODE}\n")
        sys.stdout.flush()
        threading.Event().wait()
