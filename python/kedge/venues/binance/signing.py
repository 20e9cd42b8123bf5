"""Binance's signature: HMAC-SHA256, in hex, of exactly the text that is sent."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

from kedge.venues.binance.addresses import Keys

BLOCK = 64


def sign(secret: str, text: str) -> str:
    """The signature of `text`, in hex."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed_query(keys: Keys, params: Mapping[str, str | int]) -> str:
    """The query of a signed request: the parameters in their order, the signature last."""
    text = urlencode(params)
    return f"{text}&signature={sign(keys.secret, text)}"


class Signer:
    """Signs many texts with one secret: HMAC-SHA256 (RFC 2104) whose two keyed blocks are hashed once."""

    def __init__(self, secret: str) -> None:
        key = secret.encode()
        block = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def sign(self, text: str) -> str:
        """The signature of `text`, in hex."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.hexdigest()


def signed_params(keys: Keys, params: Mapping[str, str | int]) -> dict[str, str | int]:
    """The parameters of a signed message of the WebSocket API: what is signed is sorted by name, and not encoded."""
    named = {**params, "apiKey": keys.key}
    text = "&".join(f"{name}={named[name]}" for name in sorted(named))
    return {**named, "signature": sign(keys.secret, text)}
