"""What came out of a run, from its record `run.json`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.table import Table

from kedge.cli.output import table


def document(path: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """What `--json` prints of a run: its results and where it is."""
    return {**record["results"], "run": str(path)}


def verdict(record: Mapping[str, Any]) -> str:
    """A run in one line."""
    results = record["results"]
    currencies = {settlement(strategy["instrument"]) for strategy in record["strategies"]}
    currency = f" {currencies.pop()}" if len(currencies) == 1 else ""
    return (
        f"{record['name']}: PnL {signed(results['pnl'])}{currency} after fees of {amount(results['fees'])}, "
        f"{results['fills']:,} fills of {results['orders']:,} orders over {results['events']:,} events"
    )


_SHOWN = 20


def strategies_table(records: list[Mapping[str, Any]]) -> Table:
    """A row for each strategy of each run; of many, those that made the most and those that made the least."""
    heads = ("strategy", "instrument", "orders", "fills", "PnL", "fees", "max drawdown %", "Sharpe ± SE", "position")
    rows = []
    for record in records:
        for strategy in _shown(record):
            if strategy is None:
                rows.append(("…", f"{len(record['strategies']) - _SHOWN:,} more") + ("",) * (len(heads) - 2))
                continue
            result = record["results"]["strategies"][strategy["name"]]
            rows.append(
                (
                    strategy["name"],
                    strategy["instrument"],
                    f"{result['orders']:,}",
                    f"{result['fills']:,}",
                    f"{signed(result['pnl'])} {settlement(strategy['instrument'])}",
                    amount(result["fees"]),
                    percent(result["max_drawdown_fraction"]),
                    f"{figure(result['sharpe'])} ± {figure(result['sharpe_se'])}",
                    f"{Decimal(result['position']):+f}",
                )
            )
    return table(heads, rows, left=2)


def _shown(record: Mapping[str, Any]) -> list[Mapping[str, Any] | None]:
    strategies = list(record["strategies"])
    if len(strategies) <= _SHOWN:
        return strategies
    results = record["results"]["strategies"]
    ranked = sorted(strategies, key=lambda strategy: Decimal(results[strategy["name"]]["pnl"]), reverse=True)
    return [*ranked[: _SHOWN // 2], None, *ranked[-_SHOWN // 2 :]]


def stress_table(record: Mapping[str, Any]) -> list[Table]:
    """What survives: a row for each set of assumptions the run was made under; nothing where it was made once."""
    rows = record["results"].get("stress", [])
    if not rows:
        return []
    heads = ("what survives", "PnL", "spread", "adverse", "inventory", "fees", "fills", "Sharpe ± SE")
    lines = [
        (
            row["name"],
            *(signed(row[part]) for part in ("pnl", "spread_earned", "adverse_selection", "inventory_pnl")),
            amount(row["fees"]),
            f"{row['fills']:,}",
            f"{figure(row['sharpe'])} ± {figure(row['sharpe_se'])}",
        )
        for row in rows
    ]
    return [table(heads, lines)]


def places_table(path: Path, record: Mapping[str, Any]) -> Table:
    """Where a run is, and the hash that a repetition must have."""
    rows = [("run", str(path)), ("report", str(path / "report.html")), ("trace", record["results"]["trace_hash"])]
    return table(("", ""), rows, left=2)


def settlement(instrument: str) -> str:
    """The currency an instrument's PnL is in: `BTC/USDT@binance` → `USDT`."""
    return instrument.partition("@")[0].replace(":", "/").split("/")[-1]


def signed(text: str) -> str:
    """Money with its sign, to the cent."""
    return f"{Decimal(text):+,.2f}"


def amount(text: str) -> str:
    """Money to the cent."""
    return f"{Decimal(text):,.2f}"


def percent(value: float | None) -> str:
    """A fraction in percent."""
    return "–" if value is None else f"{100 * value:.2f}"


def figure(value: float | None) -> str:
    """A statistic, or a dash where there were too few samples for one."""
    return "–" if value is None else f"{value:.2f}"
