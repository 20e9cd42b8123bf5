"""`kedge orders`, `positions`, `balances`, `fills`: what the newest journal says, whether its trader runs or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from kedge.cli.arguments import Data, Json, SettingsFile
from kedge.cli.output import show, table
from kedge.cli.trader_access import asked, found_folder
from kedge.model.times import iso

if TYPE_CHECKING:
    from kedge.node.standing import Standing

Limit = Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="How many, the newest first.")]


def orders(settings: SettingsFile = None, data: Data = None, as_json: Json = False) -> None:
    """Show the orders that are open, oldest first.

    Those of a trader that does not run are cancelled at its next start.

    \b
    Example:
      kedge orders
    """
    found, running = _read(settings, data)
    rows = [
        (
            _time(order["created_ns"]),
            order["strategy"],
            order["instrument"],
            order["side"],
            f"{order['state']}, {order['pending']} sent" if order["pending"] else order["state"],
            str(order["id"]),
            order["price"] or "market",
            order["quantity"],
            order["filled"],
        )
        for order in found.orders
    ]
    heads = ("created", "strategy", "instrument", "side", "state", "order", "price", "quantity", "filled")
    _show(
        as_json, found, running, {"orders": found.orders}, _count(len(rows), "open order"), table(heads, rows, left=5)
    )


def positions(settings: SettingsFile = None, data: Data = None, as_json: Json = False) -> None:
    """Show what each strategy holds.

    \b
    Example:
      kedge positions
    """
    found, running = _read(settings, data)
    plain, money = ("quantity", "average", "mark"), ("unrealised", "realised", "fees")
    rows = [
        (
            held["strategy"],
            held["instrument"],
            *(held[name] or "–" for name in plain),
            *(_settled(held[name]) for name in money),
        )
        for held in found.positions
    ]
    held = sum(1 for position in found.positions if position["quantity"] != "0")
    shown = table(("strategy", "instrument", *plain, *money), rows, left=2)
    _show(as_json, found, running, {"positions": found.positions}, _count(held, "open position"), shown)


def balances(settings: SettingsFile = None, data: Data = None, as_json: Json = False) -> None:
    """Show what the account holds, by currency, as our books have it.

    \b
    Example:
      kedge balances --json
    """
    found, running = _read(settings, data)
    rows = [(currency, _settled(amount)) for currency, amount in found.balances.items()]
    shown = table(("currency", "amount"), rows)
    _show(as_json, found, running, {"balances": found.balances}, _count(len(rows), "currency", "currencies"), shown)


def fills(limit: Limit = 20, settings: SettingsFile = None, data: Data = None, as_json: Json = False) -> None:
    """Show the newest fills, of earlier sessions too.

    \b
    Example:
      kedge fills --limit 50
    """
    found, running = _read(settings, data, limit)
    rows = [
        (
            _time(fill["at_ns"]),
            fill["strategy"],
            fill["instrument"],
            fill["side"],
            fill["liquidity"],
            fill["price"],
            fill["quantity"],
            fill["fee"],
            fill["fee_currency"],
            str(fill["order"]),
        )
        for fill in found.fills
    ]
    heads = ("at", "strategy", "instrument", "side", "as", "price", "quantity", "fee", "in", "order")
    _show(as_json, found, running, {"fills": found.fills}, _count(len(rows), "fill"), table(heads, rows, left=5))


def _read(settings: Any, data: Any, newest_fills: int = 0) -> tuple[Standing, str]:
    """What the journal says, and why no trader answers (empty where one does)."""
    from kedge.node.standing import standing

    folder = found_folder(settings, data)
    return standing(folder, newest_fills), asked(folder, "status").why


def _show(
    as_json: bool,
    found: Standing,
    why: str,
    document: Mapping[str, Sequence[Any] | Mapping[str, Any]],
    line: str,
    shown: Table,
) -> None:
    about = {"running": not why, "epoch": found.epoch, "as_of_ns": str(found.at_ns), "journal": str(found.path)}
    said = f"{line}; {why}: as of {iso(found.at_ns)[:19]}Z" if why else line
    show(as_json, {**about, **document}, said, shown)


def _count(number: int, what: str, many: str = "") -> str:
    return f"{number:,} {what}" if number == 1 else f"{number or 'no'} {many or what + 's'}"


def _time(ns: int) -> str:
    return iso(ns)[:23] + "Z"


def _settled(amount: str | None) -> str:
    """An amount to the 10⁻⁸ that venues settle in, or a dash."""
    return "–" if amount is None else f"{Decimal(amount):,.8f}"
