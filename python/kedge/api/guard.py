"""What every request must pass: the right host, no other page behind it, a session. And what every answer carries."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kedge.api.errors import body

HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
OPEN = frozenset({"/api/health", "/api/login"})
SAFE = frozenset({"GET", "HEAD"})
BODY_MAX = 1 << 16
# Everything comes from files of ours alone; the chart library sets its styles by script, which this lets through.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

Refusal = tuple[int, str, str]
"""Status, message, hint."""


class Guard:
    """Stands before the application. `logged_in` says whether a session's token is open; `cookie` holds the token."""

    def __init__(self, app: ASGIApp, cookie: str, logged_in: Callable[[str], bool]) -> None:
        self._app = app
        self._cookie = cookie
        self._logged_in = logged_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or one stream."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sending = _with_headers(send, scope["path"])
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, receive, sending, *refusal)
            return
        await self._app(scope, _bounded(receive) if scope["type"] == "http" else receive, sending)

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        host = headers.get("host", "")
        if host.rpartition(":")[0] not in HOSTS and host not in HOSTS:
            hint = "open the page at the address that `kedge server` printed"
            return 421, f"this server is not {host[:100] or 'without a name'}", hint
        is_stream = scope["type"] == "websocket"
        if is_stream or (scope["method"] not in SAFE):
            wrong = _foreign(headers, host, is_stream)
            if wrong:
                return 403, wrong, "only the page itself may ask for this"
        if not is_stream and int(headers.get("content-length") or 0) > BODY_MAX:
            return 413, f"a body must have at most {BODY_MAX} bytes", ""
        path = scope["path"]
        if (is_stream or path.startswith("/api")) and path not in OPEN and not self._logged_in(self._token(headers)):
            return 401, "not logged in, or the session has ended", "log in with a new code: `kedge server --new-code`"
        return None

    def _token(self, headers: Headers) -> str:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return cookie.value if cookie is not None else ""


def _foreign(headers: Headers, host: str, is_stream: bool) -> str:
    """Why a request that acts may come from another page; empty if it cannot."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    scheme, _, name = (origin or "").partition("://")
    ours = scheme in ("http", "https") and name == host
    if is_stream:
        return "" if ours and site in (None, "same-origin") else "a stream must be opened by this server's page"
    if site is not None and site != "same-origin":
        return f"the request came from another site ({site[:30]})"
    if site is None and not ours:
        return "the request does not say that it comes from this server's page"
    if origin is not None and not ours:
        return f"the request came from {origin[:100]}"
    return "" if headers.get("x-kedge") == "1" else "the header X-Kedge is missing"


def _bounded(receive: Receive) -> Receive:
    """Bodies that do not say how long they are, are cut off where they become too long."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_MAX:
            return {"type": "http.disconnect"}
        return message

    return bounded


def _with_headers(send: Send, path: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            message.setdefault("headers", [])
            headers = MutableHeaders(raw=message["headers"])
            for name, value in ALWAYS.items():
                headers[name] = value
            if path.startswith("/api"):
                headers["Cache-Control"] = "no-store"
            message["headers"] = headers.raw
        await send(message)

    return sending


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, message: str, hint: str) -> None:
    prefix = ""
    if scope["type"] == "websocket":
        await receive()  # its connect
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 4000 + status})
            return
        prefix = "websocket."
    content = json.dumps(body(message, hint)).encode()
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    start: dict[str, Any] = {"type": f"{prefix}http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": f"{prefix}http.response.body", "body": content})
