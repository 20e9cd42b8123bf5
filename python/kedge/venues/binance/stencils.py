"""The texts of requests over the WebSocket API, written once but for what changes from one request to the next.

An order has to be signed between an event and its answer; what is the same in all orders of an instrument is done
before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

from kedge.venues.binance.addresses import Keys
from kedge.venues.binance.orders import FORMS, require
from kedge.venues.binance.outcomes import Kind
from kedge.venues.binance.rest import Params, Request
from kedge.venues.binance.signing import Signer

METHODS = {Kind.SUBMIT: "order.place", Kind.CANCEL: "order.cancel", Kind.AMEND: "order.modify"}


class Stencil:
    """Requests of one kind that differ in `varied` only: names of parameters in alphabetical order, whose values are
    texts. `fixed` are the other parameters, without key, times and signature."""

    def __init__(self, kind: Kind, request: Request, fixed: Params, varied: Sequence[str]) -> None:
        self.kind = kind
        self.request = request
        self._fixed = {name: value for name, value in fixed.items() if name not in varied}
        self._varied = tuple(varied)
        self._form = re.compile(" ".join(f"(?:{FORMS[name].pattern})" for name in varied))
        self._payload = self._message = ""

    def require(self, values: Sequence[str]) -> None:
        """Raises `UsageError` for a value that is not of its parameter's form."""
        if self._form.fullmatch(" ".join(values)) is None:
            for name, value in zip(self._varied, values, strict=True):
                require(name, value)

    def params(self, values: Sequence[str]) -> Params:
        """The parameters, for REST."""
        return {**self._fixed, **dict(zip(self._varied, values, strict=True))}

    def written(self, keys: Keys, recv_window_ms: int) -> Stencil:
        """Itself, with the text that `message` fills in."""
        holes = dict.fromkeys((*self._varied, "timestamp"), "%s")
        known = {**self._fixed, "recvWindow": recv_window_ms, "apiKey": keys.key}
        names = sorted({**known, **holes})
        plain = {name: str(value).replace("%", "%%") for name, value in known.items()} | holes
        self._payload = "&".join(f"{name}={plain[name]}" for name in names)
        quoted = {name: orjson.dumps(value).decode().replace("%", "%%") for name, value in known.items()}
        quoted |= dict.fromkeys(self._varied, '"%s"') | {"timestamp": "%s"}
        inside = ",".join(f'"{name}":{quoted[name]}' for name in names)
        self._message = f'{{"id":"%s","method":"{METHODS[self.kind]}","params":{{{inside},"signature":"%s"}}}}'
        return self

    def message(self, signer: Signer, number: str, values: tuple[str, ...], stamp_ms: int) -> bytes:
        """The whole signed message. The values must have been required before."""
        filled = (*values, stamp_ms)
        return (self._message % (number, *filled, signer.sign(self._payload % filled))).encode()
