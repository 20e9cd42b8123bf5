"""Rows of the tables as answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kedge.api.times import iso

Answer = dict[str, Any]
Row = Any


def order(row: Row, ahead: str | None = None) -> Answer:
    """An order; `ahead` is what lies before it in the queue now, where that is known."""
    return {
        "id": str(row["id"]),
        "client_id": row["client_id"],
        "strategy": row["strategy"],
        "instrument": row["instrument"],
        "side": row["side"],
        "kind": row["kind"],
        "tif": row["tif"],
        "price": row["price"],
        "quantity": row["quantity"],
        "filled": row["filled"],
        "state": row["state"],
        "pending": row["pending"],
        "reason": row["reason"],
        "queue_ahead": ahead if ahead is not None else row["queue_ahead"],
        "created": iso(row["created_ns"]),
        "created_ns": str(row["created_ns"]),
        "updated": iso(row["updated_ns"]),
        "updated_ns": str(row["updated_ns"]),
    }


def fill(row: Row) -> Answer:
    """An execution."""
    venue = row["venue_ns"]
    return {
        "id": f"{row['epoch']}-{row['seq']}",
        "order": str(row["order_id"]),
        "trade_id": row["trade_id"],
        "strategy": row["strategy"],
        "instrument": row["instrument"],
        "side": row["side"],
        "price": row["price"],
        "quantity": row["quantity"],
        "liquidity": row["liquidity"],
        "fee": row["fee"],
        "fee_currency": row["fee_currency"],
        "realised": row["realised"],
        "at": iso(row["at_ns"]),
        "at_ns": str(row["at_ns"]),
        "venue_ns": None if venue is None else str(venue),
    }


def event(row: Row) -> Answer:
    """An event worth reading."""
    about = row["order_id"]
    return {
        "id": f"{row['epoch']}-{row['seq']}-{row['n']}",
        "at": iso(row["at_ns"]),
        "at_ns": str(row["at_ns"]),
        "epoch": row["epoch"],
        "seq": row["seq"],
        "kind": row["kind"],
        "level": row["level"],
        "text": row["text"],
        "strategy": row["strategy"],
        "instrument": row["instrument"],
        "order": None if about is None else str(about),
    }


def incident(row: Row) -> Answer:
    """Something that befell the store itself."""
    at = row["at_ns"]
    about = dict.fromkeys(("strategy", "instrument", "order"))
    head = {"id": f"store-{at}", "at": iso(at), "at_ns": str(at), "epoch": 0, "seq": 0}
    return {**head, "kind": "store", "level": "warn", "text": row["text"], **about}


def sample(row: Row) -> Answer:
    """The account's worth at a moment."""
    return {
        "at": iso(row["at_ns"]),
        "at_ns": str(row["at_ns"]),
        "equity": row["equity"],
        "drawdown": row["drawdown"],
    }


def candle(row: Row, definition: Mapping[str, Any]) -> Answer:
    """A candle, from ticks and steps to decimals."""
    tick, step = Decimal(definition["tick_size"]), Decimal(definition["quantity_step_in_data"])
    prices = {name: f"{row[name] * tick:f}" for name in ("open", "high", "low", "close")}
    volume = f"{(row['volume'] * step).normalize():f}"
    return {"time": row["start"], **prices, "volume": volume}


def reconciliation(text: str) -> Answer:
    """A comparison with the venue, as the trader journaled it."""
    found = json.loads(text)
    ts = int(found["ts"])
    names = ("what", "ours", "venue", "action")
    return {
        "at": str(found.get("at", "")),
        "equal": bool(found.get("equal")),
        "ts": iso(ts),
        "ts_ns": str(ts),
        "took_ms": found.get("took_ms"),
        "differences": [
            {name: str(difference.get(name, "")) for name in names} for difference in found.get("differences") or ()
        ],
    }
