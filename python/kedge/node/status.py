"""What a trader shows of itself: a STATUS record about once a second, from which pages and commands are filled."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from kedge import _core
from kedge.backtest.spec import RunSpec
from kedge.execution.order_entry import OrderEntry
from kedge.execution.order_follower import Line
from kedge.execution.reconciliation import venues
from kedge.model import money
from kedge.node.latency import Latencies


@dataclass(slots=True)
class TickToOrder:
    """From an event's arrival to its order handed to the socket, without and with the wait for the disk."""

    plain: Latencies = field(default_factory=Latencies)
    with_sync: Latencies = field(default_factory=Latencies)

    def add(self, engine: int, disk: int, sending: int) -> None:
        """One order: ns in the engine, waiting for the disk, and building and writing the request."""
        self.plain.add(engine + sending)
        self.with_sync.add(engine + disk + sending)

    def as_json(self) -> dict[str, float | None]:
        """Percentiles in µs; None before the first order."""
        return {
            "p50": self.plain.microseconds(50),
            "p99": self.plain.microseconds(99),
            "with_sync_p50": self.with_sync.microseconds(50),
            "with_sync_p99": self.with_sync.microseconds(99),
        }


class StatusBoard:
    """Puts a status together from the session, the venues and order entry."""

    def __init__(self, spec: RunSpec, lines: Sequence[Line], capital: Decimal) -> None:
        self._spec = spec
        self._lines = lines
        self._capital = capital
        self._peak = capital
        self.errors: dict[str, str] = {}
        self.events: dict[str, str] = {}
        self.halted = False
        self.tick_to_order = TickToOrder()

    def notice(self, what: str, text: str) -> None:
        """Keeps the newest notice of each kind."""
        self.events[what] = text

    def status(self, session: _core.LiveSession, entry: OrderEntry) -> dict[str, Any]:
        """The status now: amounts as decimal text, times in ns."""
        values = session.values()
        pnl = sum((money.amount(held[1]) for held in values["strategies"]), Decimal(0))
        equity = self._capital + pnl
        self._peak = max(self._peak, equity)
        return {
            "ts": time.time_ns(),
            "mode": "live",
            "halted": self.halted,
            "strategies": self._strategies(values),
            "feeds": self._feeds(values),
            "clock": self._clocks(),
            "risk": self.risk(values),
            "tick_to_order_us": self.tick_to_order.as_json(),
            "equity": f"{equity:f}",
            "start_equity": f"{self._capital:f}",
            "pnl": f"{pnl:f}",
            "peak_equity": f"{self._peak:f}",
            "drawdown": f"{self._peak - equity:f}",
            "balances": {code: f"{money.amount(units):f}" for code, units in values["balances"]},
            "unknown_orders": entry.unknown,
            "events": sum(view[4] for view in values["instruments"]),
            "orders": entry.sent,
            "fills": values["fills"],
            "gaps": sum(view[5] for view in values["instruments"]),
            "ledger_imbalance": f"{money.amount(values['imbalance']):f}",
            "odd_reports": values["odd_reports"],
            "notices": self.events | entry.notices,
        }

    def _strategies(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        shown = []
        for seat, held in zip(self._spec.seats, values["strategies"], strict=True):
            position, pnl, fees, open_orders, refusals, running, _ = held
            state = "running" if running else "failed" if seat.name in self.errors else "stopped"
            shown.append(
                {
                    "name": seat.name,
                    "instrument": self._spec.instruments[seat.instrument]["id"],
                    "state": state,
                    "position": position,
                    "pnl": f"{money.amount(pnl):f}",
                    "fees": f"{money.amount(fees):f}",
                    "orders": open_orders,
                    "refusals": refusals,
                    "error": self.errors.get(seat.name) if not running else None,
                }
            )
        return shown

    def _feeds(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        shown = []
        for line, view in zip(self._lines, values["instruments"], strict=True):
            health = line.venue.health(line.symbol)
            state = view[0] if health["state"] == "live" else health["state"]
            shown.append(
                {
                    "instrument": self._spec.instruments[line.instrument]["id"],
                    "state": state,
                    "age_ms": health["age_ms"],
                    "gaps": view[5],
                    "resyncs": view[6],
                    "reconnects": health["reconnects"],
                    "messages": health["messages"],
                    "latency_p50_ms": health["latency_p50_ms"],
                    "latency_p99_ms": health["latency_p99_ms"],
                }
            )
        return shown

    def _clocks(self) -> list[dict[str, Any]]:
        return [
            {
                "venue": market,
                "offset_ms": round(venue.clock.offset_ns / 1e6, 3),
                "bound_ms": round(venue.clock.bound_ns / 1e6, 3),
            }
            for market, venue in venues(self._lines).items()
        ]

    def risk(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Each limit that is set, of each strategy: how much of it is used now, the loss since midnight UTC."""
        shown = []
        for seat, held in zip(self._spec.seats, values["strategies"], strict=True):
            bid = values["instruments"][seat.instrument][2]
            position = abs(Decimal(held[0]))
            used = {
                "position": position,
                "position_notional": position * Decimal(bid or 0),
                "daily_loss": max(Decimal(0), -money.amount(held[6])),
            }
            for limit, amount in used.items():
                if seat.limits.get(limit) is not None:
                    shown.append(
                        {"strategy": seat.name, "limit": limit, "used": f"{amount:f}", "bound": str(seat.limits[limit])}
                    )
        return shown
