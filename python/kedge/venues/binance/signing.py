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


class Signer:
    """Signs messages of the WebSocket API. The key is hashed once, not for each message."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.key
        self._keyed = hmac.new(keys.secret.encode(), b"", hashlib.sha256)

    def params(self, params: Mapping[str, str | int]) -> dict[str, str | int]:
        """The parameters with key and signature: what is signed is sorted by name, and not encoded."""
        named = {**params, "apiKey": self._key}
        signing = self._keyed.copy()
        signing.update("&".join([f"{name}={named[name]}" for name in sorted(named)]).encode())
        named["signature"] = signing.hexdigest()
        return named


def signed_params(keys: Keys, params: Mapping[str, str | int]) -> dict[str, str | int]:
    """The parameters of one signed message of the WebSocket API."""
    return Signer(keys).params(params)
