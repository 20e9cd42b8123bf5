"""The application: routes behind the guard, the page beside them."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp

from kedge.api import errors
from kedge.api.guard import Guard
from kedge.api.pages import Page
from kedge.api.routes import open_routes, routes
from kedge.api.service import Service


def create_app(service: Service, cookie: str, page: ASGIApp | None = None) -> ASGIApp:
    """The server's application. `cookie` is the name of the session's cookie, one for each server of a machine."""
    # No pages of documentation: they would load from another host.
    app = FastAPI(title="Kedge", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.service = service
    app.state.cookie = cookie
    app.include_router(open_routes)
    app.include_router(routes)
    app.mount("/", page if page is not None else Page())
    errors.install(app)
    return Guard(app, cookie, service.sessions.use)
