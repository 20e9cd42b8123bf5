"""What a client sent, by name: taken from query, form body or WebSocket, and refused as Binance refuses it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

from kedge.venues.simulated import errors

# In the year 5138: later than anything that is asked for.
FARTHEST_MS = 10**14
CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
CLIENT_ID_RANGE = "^[\\.A-Z\\:/a-z0-9_-]{1,36}$"


class Parameters:
    """Named texts of one request. An empty one counts as not sent."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    @classmethod
    def parse(cls, query: str, body: str = "") -> Parameters:
        """From the query string and the form body; the query's value wins, as at the venue."""
        pairs = parse_qsl(body, keep_blank_values=True) + parse_qsl(query, keep_blank_values=True)
        return cls(dict(pairs))

    def get(self, name: str, default: str | None = None) -> str | None:
        """The text, or the default."""
        return self.values.get(name) or default

    def need(self, name: str) -> str:
        """The text. Raises `VenueError` (-1102) where it is missing."""
        found = self.values.get(name)
        if not found:
            raise errors.missing(name)
        return found

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A whole number. Raises `VenueError` (-1100) where it is none."""
        text = self.values.get(name)
        if not text:
            return default
        if not re.fullmatch(r"-?[0-9]{1,20}", text):
            raise errors.illegal(name, "^[0-9]{1,20}$")
        return int(text)

    def limit(self, default: int, most: int) -> int:
        """How many rows are asked for. Raises `VenueError` (-1130) for none."""
        found = self.integer("limit", default)
        if found is None or found < 1:
            raise errors.invalid("limit")
        return min(found, most)

    def need_integer(self, name: str) -> int:
        """A whole number that must be there."""
        self.need(name)
        found = self.integer(name)
        assert found is not None
        return found

    def flag(self, name: str) -> bool:
        """True or false as text. Raises `VenueError` (-1130) for another word."""
        text = self.values.get(name, "false").lower()
        if text not in ("true", "false", ""):
            raise errors.invalid(name)
        return text == "true"

    def choice(self, name: str, allowed: tuple[str, ...], refusal: errors.VenueError) -> str:
        """One of some words; without it -1102, another raises `refusal`."""
        found = self.need(name)
        if found not in allowed:
            raise refusal
        return found

    def client_id(self, name: str) -> str:
        """A client's id for an order, or one of ours where none was sent."""
        found = self.values.get(name)
        if not found:
            return secrets.token_hex(11)
        if CLIENT_ID.fullmatch(found) is None:
            raise errors.illegal(name, CLIENT_ID_RANGE)
        return found

    def window(self) -> tuple[int, int]:
        """`startTime` and `endTime` in ms, open ends wide."""
        start, end = self.integer("startTime"), self.integer("endTime")
        return (0 if start is None else min(start, FARTHEST_MS)), (2**62 if end is None else min(end, FARTHEST_MS))
