"""`kedge status`: how the trader stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer
from rich.table import Table

from kedge.cli.arguments import Data, Json, SettingsFile
from kedge.cli.output import show, table
from kedge.cli.run_summary import amount, signed
from kedge.cli.trader_access import asked, found_folder
from kedge.model.errors import UnreachableError
from kedge.model.times import iso


def command(settings: SettingsFile = None, data: Data = None, as_json: Json = False) -> None:
    """Show how the trader stands: strategies, feeds, risk.

    Where no trader answers, shows what it last said in its journal, and ends with 4.

    \b
    Example:
      kedge status
    """
    from kedge.node.standing import standing

    folder = found_folder(settings, data)
    answer = asked(folder, "status")
    if answer.result is not None:
        document: dict[str, Any] = {"running": True, **answer.result}
    else:
        last = standing(folder)
        told = last.status or {"ts": last.at_ns, "halted": folder.halted.exists()}
        document = {"running": False, "why": answer.why, "epoch": last.epoch, "closed": last.closed, **told}
        document["starts_halted"] = folder.halted.exists()
    document["folder"] = str(folder.root)
    show(as_json, document, _line(document), *_tables(document))
    if not answer.running:
        raise typer.Exit(UnreachableError.exit_code)


def _line(status: Mapping[str, Any]) -> str:
    parts = []
    if status["running"]:
        parts.append("HALTED" if status["halted"] else "trading")
    else:
        how = "ended cleanly" if status["closed"] else "did not end cleanly"
        parts.append(f"{status['why']}; its session {status['epoch']} {how}; as of {iso(status['ts'])[:19]}Z")
        if status["starts_halted"]:
            parts.append("it starts halted")
    if "equity" in status:
        parts.append(f"equity {amount(status['equity'])}, PnL {signed(status['pnl'])}")
        parts.append(f"{status['orders']:,} orders, {status['fills']:,} fills")
    if status.get("unknown_orders"):
        parts.append(f"{status['unknown_orders']} orders in doubt")
    return "; ".join(parts)


def _tables(status: Mapping[str, Any]) -> list[Table | str]:
    strategies = [
        (
            held["name"],
            held["instrument"],
            held["state"],
            held["position"],
            signed(held["pnl"]),
            amount(held["fees"]),
            f"{held['orders']:,}",
            f"{held['refusals']:,}",
        )
        for held in status.get("strategies", ())
    ]
    feeds = [
        (
            feed["instrument"],
            feed["state"],
            *(_figure(feed[name]) for name in ("age_ms", "latency_p50_ms", "latency_p99_ms", "gaps", "reconnects")),
        )
        for feed in status.get("feeds", ())
    ]
    risk = [
        (use["strategy"], use["limit"], _plain(use["used"]), _plain(use["bound"])) for use in status.get("risk", ())
    ]
    shown: list[Table | str] = []
    if strategies:
        heads = ("strategy", "instrument", "state", "position", "PnL", "fees", "open orders", "refused")
        shown += ["", table(heads, strategies, left=3)]
    if feeds:
        shown += ["", table(("feed", "state", "age ms", "p50 ms", "p99 ms", "gaps", "reconnects"), feeds, left=2)]
    if risk:
        shown += ["", table(("strategy", "limit", "used", "bound"), risk, left=2)]
    shown += [f"{held['name']}: {held['error']}" for held in status.get("strategies", ()) if held.get("error")]
    shown += [f"{what}: {text}" for what, text in status.get("notices", {}).items()]
    return shown


def _figure(value: float | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _plain(text: str) -> str:
    """An amount without zeros at its end."""
    return text.rstrip("0").rstrip(".") if "." in text else text
