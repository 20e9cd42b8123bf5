"""Who asks, and when: API key, HMAC signature over what was sent, and the window in which a request counts."""

from __future__ import annotations

import hashlib
import hmac
import re

from kedge.venues.simulated import errors
from kedge.venues.simulated.accounts import Account
from kedge.venues.simulated.errors import VenueError
from kedge.venues.simulated.parameters import Parameters

DEFAULT_WINDOW_MS = 5_000
LONGEST_WINDOW_MS = 60_000
# A request may come from at most so far in the future.
AHEAD_MS = 1_000

_SIGNATURE = re.compile(r"(?:^|&)signature=[^&]*")


def check(account: Account, payload: str, parameters: Parameters, now_ms: int) -> None:
    """Checks the window, then the signature. `payload` is query and body as they were sent, joined.

    Raises `VenueError`: -1102 (timestamp or signature missing), -1131, -1021, -1022.
    """
    parameters.need("timestamp")
    check_window(parameters, now_ms)
    given = parameters.need("signature")
    signed = _SIGNATURE.sub("", payload)
    if not hmac.compare_digest(sign(account.secret, signed), given.lower()):
        raise VenueError(-1022, "Signature for this request is not valid.")


def check_window(parameters: Parameters, now_ms: int) -> None:
    """Checks that a request is in its window: on arrival, and again before it is executed."""
    window = parameters.integer("recvWindow", DEFAULT_WINDOW_MS)
    if window is None or window < 0:
        raise errors.invalid("recvWindow")
    if window > LONGEST_WINDOW_MS:
        raise VenueError(-1131, f"recvWindow must be less than {LONGEST_WINDOW_MS}.")
    timestamp = parameters.need_integer("timestamp")
    if timestamp >= now_ms + AHEAD_MS:
        raise VenueError(-1021, f"Timestamp for this request was {AHEAD_MS}ms ahead of the server's time.")
    if now_ms - timestamp > window:
        raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")


def sign(secret: str, payload: str) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def payload_of(parameters: Parameters) -> str:
    """What a WebSocket request signs: its parameters by name in order, but the signature."""
    return "&".join(f"{name}={value}" for name, value in sorted(parameters.values.items()) if name != "signature")
