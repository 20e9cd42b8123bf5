"""The parts of the state that come from what the trader tells about itself once a second."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Answer = dict[str, Any]
Status = Mapping[str, Any]

_FEED_STATES = {"in_sync", "syncing", "gap", "stale", "lost"}
_LATENCIES = ("latency_p50_ms", "latency_p99_ms")


def amount(value: object, default: str | None = None) -> str | None:
    """A decimal as text without zeros at its end; `default` where there is none."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return default
    if not number.is_finite():
        return default
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def strategies(status: Status) -> list[Answer]:
    """Each strategy as the trader sees it."""
    return [
        {
            "name": held["name"],
            "instrument": held["instrument"],
            "state": held["state"],
            "position": amount(held.get("position"), "0"),
            "pnl": amount(held.get("pnl")),
            "fees": amount(held.get("fees")),
            "orders": int(held.get("orders") or 0),
            "refusals": int(held.get("refusals") or 0),
            "error": held.get("error"),
        }
        for held in status.get("strategies", ())
    ]


def feeds(status: Status) -> list[Answer]:
    """Each market connection's health."""
    return [
        {
            "instrument": feed["instrument"],
            "state": feed["state"] if feed["state"] in _FEED_STATES else "syncing",
            "age_ms": feed.get("age_ms"),
            **{name: int(feed.get(name) or 0) for name in ("gaps", "resyncs", "reconnects", "messages")},
            **{name: feed.get(name) for name in _LATENCIES},
        }
        for feed in status.get("feeds", ())
    ]


def clocks(status: Status) -> list[Answer]:
    """Each venue's clock less ours."""
    return [
        {"venue": clock["venue"], "offset_ms": clock.get("offset_ms"), "bound_ms": clock.get("bound_ms")}
        for clock in status.get("clock", ())
    ]


def risk(status: Status) -> list[Answer]:
    """How much of each limit is used."""
    found = []
    for use in status.get("risk", ()):
        used, bound = amount(use.get("used"), "0"), amount(use.get("bound"))
        share = round(float(Decimal(used or 0) / Decimal(bound)), 6) if bound and Decimal(bound) else None
        found.append({"strategy": use["strategy"], "limit": use["limit"], "used": used, "bound": bound, "share": share})
    return found


def equity(status: Status, day_start: str | None) -> Answer:
    """What the account is worth; `day_start` what it was at the first sample of the UTC day."""
    now, start, peak = (amount(status.get(name)) for name in ("equity", "start_equity", "peak_equity"))
    drawdown = None
    if now is not None and peak is not None and Decimal(peak) > 0:
        drawdown = round(float((Decimal(peak) - Decimal(now)) / Decimal(peak)), 8)

    def since(before: str | None) -> str | None:
        return None if now is None or before is None else amount(Decimal(now) - Decimal(before))

    return {
        "currency": "USDT",
        "now": now,
        "start": start,
        "pnl": since(start),
        "day_pnl": since(day_start),
        "peak": peak,
        "drawdown": drawdown,
    }


def counts(status: Status) -> Answer:
    """What the trader counted."""
    found: Answer = {name: int(status.get(name) or 0) for name in ("events", "orders", "fills", "unknown_orders")}
    return {**found, "ledger_imbalance": amount(status.get("ledger_imbalance"), "0")}


def balances(status: Status) -> dict[str, str]:
    """Cash by currency."""
    return {code: amount(held, "0") or "0" for code, held in sorted(status.get("balances", {}).items())}
