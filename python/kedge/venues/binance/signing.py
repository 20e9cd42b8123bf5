"""Binance's signature: HMAC-SHA256, in hex, of exactly the text that is sent."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

from kedge.venues.binance.addresses import Keys


def sign(secret: str, text: str) -> str:
    """The signature of `text`, in hex."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed_query(keys: Keys, params: Mapping[str, str | int]) -> str:
    """The query of a signed request: the parameters in their order, the signature last."""
    text = urlencode(params)
    return f"{text}&signature={sign(keys.secret, text)}"


def signed_params(keys: Keys, params: Mapping[str, str | int]) -> dict[str, str | int]:
    """The parameters of a signed message of the WebSocket API: what is signed is sorted by name, and not encoded."""
    named = {**params, "apiKey": keys.key}
    text = "&".join(f"{name}={named[name]}" for name in sorted(named))
    return {**named, "signature": sign(keys.secret, text)}
