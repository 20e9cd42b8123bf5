"""Where a running exchange is found, and how clients are pointed at it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of an exchange on one port of this machine."""

    port: int

    @property
    def rest(self) -> str:
        """Spot and USD-M requests: `/api/v3/…` and `/fapi/v1/…` below it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket(self) -> str:
        """The same for WebSocket."""
        return f"ws://127.0.0.1:{self.port}"

    def as_json(self) -> dict[str, str]:
        """Each address by its name."""
        return {
            "rest": self.rest,
            "spot_stream": f"{self.socket}/stream/ws",
            "spot_ws_api": f"{self.socket}/ws-api/v3",
            "usdm_rest": self.rest,
            "usdm_stream": self.socket,
            "usdm_ws_api": f"{self.socket}/ws-fapi/v1",
            "admin": f"{self.rest}/admin",
        }

    def ccxt(self, key: str, secret: str) -> dict[str, Any]:
        """What `ccxt.binance(…)` takes to trade here; the client itself stays as it is."""
        rest, socket = self.rest, self.socket
        of_spot = {"public": "/api/v3", "private": "/api/v3", "v1": "/api/v1", "sapi": "/sapi/v1"}
        of_spot |= {f"sapiV{version}": f"/sapi/v{version}" for version in (2, 3, 4)}
        of_futures = {
            f"{product}{side}{version}": f"/{product}/{version.lower() or 'v1'}"
            for product in ("fapi", "dapi")
            for side in ("Public", "Private")
            for version in ("", "V2", "V3")
        }
        of_futures |= {"fapiData": "/futures/data", "dapiData": "/futures/data"}
        streams = {
            "spot": f"{socket}/stream/ws",  # ccxt takes an address with /stream in it for spot, any other for swaps
            "linear": f"{socket}/ws",
            "ws-api": {"spot": f"{socket}/ws-api/v3", "linear": f"{socket}/ws-fapi/v1"},
        }
        api = {name: rest + path for name, path in (of_spot | of_futures).items()}
        return {"apiKey": key, "secret": secret, "urls": {"api": {**api, "ws": streams}}}


def snippet(override: dict[str, Any]) -> str:
    """A Python program that trades here with ccxt, ready to paste."""
    shown = json.dumps(override, indent=4)
    return f"import ccxt\n\nexchange = ccxt.binance({shown})\nprint(exchange.fetch_balance())"
