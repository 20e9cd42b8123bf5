"""Errors as answers: one JSON shape, and a status for each kind of error."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from kedge.model.errors import KedgeError, UsageError

# By exit code: what the trader refuses comes over its socket with no class, but with its code.
STATUSES = {1: 500, 2: 400, 3: 403, 4: 503, 5: 409}


class NotFoundError(UsageError):
    """There is no such order, strategy or instrument. Status 404."""


class NotLoggedInError(KedgeError):
    """No session, or one that has ended. Status 401."""

    exit_code = 3


class TooManyTriesError(KedgeError):
    """Wrong codes came too often. Status 429; `after_s` says when the next may come."""

    exit_code = 3

    def __init__(self, after_s: float) -> None:
        super().__init__(
            f"too many wrong codes: the next may come in {after_s:.0f} s",
            "`kedge server --new-code` prints a new one on the machine that the server runs on",
        )
        self.after_s = after_s


def body(message: str, hint: str) -> dict[str, dict[str, str]]:
    """The one shape."""
    return {"error": {"message": message, "hint": hint}}


def status_of(error: KedgeError) -> int:
    """The HTTP status of an error."""
    match error:
        case NotFoundError():
            return 404
        case NotLoggedInError():
            return 401
        case TooManyTriesError():
            return 429
        case _:
            return STATUSES.get(error.exit_code, 500)


def install(app: FastAPI) -> None:
    """Makes every error of the application an answer in the one shape."""

    def explained(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, KedgeError)
        headers: Mapping[str, str] = {}
        if isinstance(error, TooManyTriesError):
            headers = {"Retry-After": f"{max(1, round(error.after_s))}"}
        return JSONResponse(body(error.message, error.hint), status_of(error), headers)

    def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
        given = str(first.get("input"))[:100]
        message = f"`{where}`: {str(first['msg'])[:1].lower()}{str(first['msg'])[1:]}, was {given}"
        return JSONResponse(body(message, "web/openapi.json says what each route takes"), 422)

    def other(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        hint = "web/openapi.json lists the routes" if error.status_code in (404, 405) else ""
        return JSONResponse(body(str(error.detail).lower(), hint), error.status_code, error.headers)

    def fault(_: Request, error: Exception) -> JSONResponse:
        hint = "this is a fault in Kedge: what the server wrote on standard error says where"
        return JSONResponse(body(f"internal error ({type(error).__name__})", hint), 500)

    app.add_exception_handler(KedgeError, explained)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, other)
    app.add_exception_handler(Exception, fault)
