"""What the stand-in tells of its desk, in the shapes of `web/openapi.json`."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from tests.e2e.stand_in_market import EPOCH, Desk, Market, moment

VALUES = {"quoting-btc": Decimal("61837.60"), "ema-eth": Decimal("3000.00")}


def state(desk: Desk) -> dict[str, Any]:
    """The whole state, as a snapshot has it."""
    now = time.time_ns()
    equity = desk.equity()
    last = desk.samples[-1] if desk.samples else {"drawdown": 0.0}
    trader: dict[str, Any] = {"state": "live", "message": "", **moment("last", now // 10**9 * 10**9)}
    worth = {"currency": "USDT", "now": str(equity), "start": "10000", "pnl": str(equity - 10_000)}
    worth |= {"day_pnl": str(equity - 10_000), "peak": str(desk.peak), "drawdown": last["drawdown"]}
    counts = {"events": sum(market.messages for market in desk.markets.values()), "orders": desk.number}
    counts |= {"fills": len(desk.fills), "unknown_orders": 0, "ledger_imbalance": "0"}
    checked = now // 60_000_000_000 * 60_000_000_000
    return {
        "mode": "live",
        "account": "simulated",
        "epoch": EPOCH,
        "halted": desk.halted,
        "connected": desk.connected,
        "trader": trader,
        "clock": [{"venue": "simulated", "offset_ms": 0.3, "bound_ms": 0.2}],
        "equity": worth,
        "counts": counts,
        "strategies": [strategy(desk, name) for name in desk.strategies],
        "instruments": [instrument(market) for market in desk.markets.values()],
        "books": {name: book(desk, market) for name, market in desk.markets.items()},
        "positions": [position(desk, name) for name in desk.strategies],
        "orders": desk.open[::-1],
        "fills": list(desk.fills)[:50],
        "feeds": [feed(market) for market in desk.markets.values()],
        "risk": risk(desk),
        "reconciliation": {"at": "periodic", "equal": True, **moment("ts", checked), "took_ms": 8.4, "differences": []},
        "balances": {"USDT": f"{desk.cash + desk.pnl:.8f}", "BTC": str(desk.strategies["quoting-btc"]["held"])},
        "processes": [
            {
                "name": name,
                "pid": 4000 + index,
                "state": "running",
                "since": moment("at", desk.start)["at"],
                "restarts": 0,
            }
            for index, name in enumerate(("exchange", "trader", "server"))
        ],
        "tick_to_order_us": {"p50": 41.2, "p99": 118.0, "with_sync_p50": 912.4, "with_sync_p99": 2310.7},
        "durable_seq": counts["events"],
    }


def strategy(desk: Desk, name: str) -> dict[str, Any]:
    """One strategy's line."""
    known = desk.strategies[name]
    pnl = known["held"] * (Decimal(str(desk.markets[known["instrument"]].middle)) - VALUES[name]) + desk.pnl / 2
    orders = sum(order["strategy"] == name for order in desk.open)
    line = {"name": name, "instrument": known["instrument"], "state": known["state"], "position": str(known["held"])}
    return line | {"pnl": f"{pnl:.8f}", "fees": "1.18234100", "orders": orders, "refusals": 2, "error": known["error"]}


def instrument(market: Market) -> dict[str, Any]:
    """One instrument and its last prices."""
    pair = market.instrument.split("@")[0].split(":")[0]
    base, quote = pair.split("/")
    kind = "linear_perpetual" if ":" in market.instrument else "spot"
    line = {"id": market.instrument, "symbol": base + quote, "kind": kind, "base": base, "quote": quote}
    line |= {"tick": str(market.tick), "lot": str(market.lot), "state": market.state, "last": str(market.last)}
    line |= {"bid": str(market.levels["bids"][0][0]), "ask": str(market.levels["asks"][0][0]), "mark": None}
    return line | {"updated_ns": str(time.time_ns()), "age_ms": 42}


def book(desk: Desk, market: Market) -> dict[str, Any]:
    """Twelve levels a side, ours among them."""
    own: dict[Decimal, Decimal] = {}
    for order in desk.open:
        if order["instrument"] == market.instrument:
            price = Decimal(order["price"])
            own[price] = own.get(price, Decimal(0)) + Decimal(order["quantity"])
    return {
        side: [
            [str(price), str(size), str(own.get(price, 0)), str(size / 2) if price in own else None]
            for price, size in levels
        ]
        for side, levels in market.levels.items()
    }


def position(desk: Desk, name: str) -> dict[str, Any]:
    """What one strategy holds."""
    known = desk.strategies[name]
    mark = Decimal(str(desk.markets[known["instrument"]].middle)).quantize(Decimal("0.01"))
    unrealised = known["held"] * (mark - VALUES[name])
    line = {"strategy": name, "instrument": known["instrument"], "quantity": str(known["held"]), "mark": str(mark)}
    line |= {"average": str(VALUES[name]), "unrealised": f"{unrealised:.8f}", "realised": f"{desk.pnl / 2:.8f}"}
    return line | {"fees": "1.18234100"}


def feed(market: Market) -> dict[str, Any]:
    """The health of one feed."""
    healthy = market.state == "in_sync"
    line = {"instrument": market.instrument, "state": market.state, "age_ms": 42.0 if healthy else 1310.0}
    line |= {"gaps": market.gaps, "resyncs": market.gaps, "reconnects": 0, "messages": market.messages}
    return line | {"latency_p50_ms": 0.8, "latency_p99_ms": 3.1}


def risk(desk: Desk) -> list[dict[str, Any]]:
    """How much of the limits is used."""
    lines = []
    for name, known in desk.strategies.items():
        held = abs(known["held"]) * Decimal(str(desk.markets[known["instrument"]].middle))
        limits = (("order_notional", Decimal("618.40"), 1000), ("position_notional", held, 5000))
        for limit, used, bound in limits:
            lines.append({"strategy": name, "limit": limit, "used": f"{used:.2f}", "bound": str(bound)})
            lines[-1]["share"] = float(used) / bound
        lines.append({"strategy": name, "limit": "daily_loss", "used": "0.0031", "bound": "0.02", "share": 0.155})
    return lines


def explanation(order: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """A life for the order, as the journal would tell it."""
    started = int(order["created_ns"]) - 62_000
    steps: list[dict[str, Any]] = []

    def tell(us: float, what: str, text: str, **details: object) -> None:
        ns = started + int(us * 1000)
        steps.append({**moment("at", ns), "us": us, "what": what, "text": text, "details": details})

    tell(
        0,
        "market",
        "A depth update changed the best bid; the book was 42 ms old.",
        bid=order["price"],
        ask=order["price"],
    )
    tell(11.4, "wake", f"The timer woke {order['strategy']}.", half_spread="1.0", size=order["quantity"], lean="0.5")
    tell(38.9, "risk", "Risk let it pass: value 618.38 of 1,000, position 1,298.59 of 5,000.", order_notional="618.38")
    tell(
        62.0,
        "command",
        f"Ordered to {order['side']} {order['quantity']} at {order['price']}, post-only.",
        after_seq=81_344,
    )
    tell(912.4, "durable", "Written to disk; only then did it leave.", journal_seq=81_346)
    tell(
        2_304.8,
        "accepted",
        f"The venue took it; {order['queue_ahead'] or '0.00310'} stood ahead of it.",
        venue_order=4_711,
    )
    if order["state"] == "filled":
        tell(
            8_391_220.5,
            "fill",
            "Filled whole as maker.",
            price=order["price"],
            quantity=order["quantity"],
            fee="0.00000200 BTC",
        )
        tell(8_391_260.1, "posting", "Booked: the postings cancel out.", base=order["quantity"], quote="-618.38")
    if order["state"] == "canceled":
        tell(7_100_000.0, "end", f"Cancelled: {order['reason']}.")
    return {"order": order, "steps": steps}
