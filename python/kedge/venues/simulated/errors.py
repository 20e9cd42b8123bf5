"""What Binance answers when it says no: HTTP status, code and text, as its documents and servers have them."""

from __future__ import annotations

from typing import Any


class VenueError(Exception):
    """A refusal as it goes to the client."""

    def __init__(self, code: int, message: str, status: int = 400, data: Any = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.data = data
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, Any]:
        """The JSON object of the answer."""
        found: dict[str, Any] = {"code": self.code, "msg": self.message}
        if self.data is not None:
            found["data"] = self.data
        return found


def missing(name: str) -> VenueError:
    """-1102."""
    return VenueError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, pattern: str) -> VenueError:
    """-1100."""
    return VenueError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'.")


def invalid(name: str) -> VenueError:
    """-1130."""
    return VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")


def not_required(name: str) -> VenueError:
    """-1106."""
    return VenueError(-1106, f"Parameter '{name}' sent when not required.")


def precision(name: str) -> VenueError:
    """-1111."""
    return VenueError(-1111, f"Parameter '{name}' has too much precision.")


def unknown_symbol() -> VenueError:
    """-1121."""
    return VenueError(-1121, "Invalid symbol.")


def no_such_order() -> VenueError:
    """-2013: a query."""
    return VenueError(-2013, "Order does not exist.")


def unknown_order() -> VenueError:
    """-2011: a cancel."""
    return VenueError(-2011, "Unknown order sent.")


def no_such_route(method: str, path: str) -> VenueError:
    """-5000."""
    return VenueError(-5000, f"Path {path}, Method {method} is invalid", 404)
