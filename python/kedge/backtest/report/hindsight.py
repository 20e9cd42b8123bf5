"""What made the money, where the mid went after the fills, and what survives of it under harder assumptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kedge.backtest.report import words
from kedge.backtest.report.graphics import Curve, curves, signed_bar, waterfall
from kedge.backtest.report.markup import Child, Markup, join, tag
from kedge.backtest.report.tables import as_float, head, money, number, shown_tracks, table
from kedge.backtest.report.view import View
from kedge.backtest.trades import HORIZONS

PARTS: Final = (
    ("spread_earned", 1, "Spread against the mid"),
    ("adverse_selection", 1, "Adverse selection, 10 s"),
    ("inventory_pnl", 1, "Inventory held longer"),
    ("funding", 1, "Funding"),
    ("fees", -1, "Fees"),
)
"""The parts of the PnL in the order they add up: metric, its sign in the sum, what it is called."""


def attribution(view: View) -> Markup:
    """The parts of the PnL as a table, and beside it how they add up."""
    shown = shown_tracks(view)
    made = [sign * (as_float(view.account[name]) or 0) for name, sign, _ in PARTS]
    sums = [sum(made[:at]) for at in range(len(made) + 1)]
    rows = []
    for at, (name, sign, label) in enumerate(PARTS):
        values = {track: _times(view.figures[track][name], sign) for track, _ in shown}
        rows.append(_part(view, label, [values[track] for track, _ in shown], (sums[at], sums[at + 1]), sums))
    whole = [as_float(view.figures[track]["pnl"]) for track, _ in shown]
    rows.append(_part(view, "Profit and loss", whole, (0, sums[-1]), sums, "total"))
    heads = [head("Part", number=False), *(head(title, view.currency) for _, title in shown)]
    return table([*heads, tag("td", class_="bar")], rows, "What made the money")


def _part(
    view: View,
    label: str,
    values: list[float | None],
    ends: tuple[float, float],
    sums: list[float],
    class_: str | None = None,
) -> Markup:
    cells: list[Child] = [number(money(view, value, True), value) for value in values]
    bar = tag("td", waterfall(*ends, min(0.0, *sums), max(0.0, *sums)), class_="bar")
    return tag("tr", tag("th", label, scope="row"), cells, bar, class_=class_)


def _times(value: Any, sign: int) -> float | None:
    return None if value is None else sign * float(value)


def markout_curve(view: View) -> Markup:
    """What the fills were worth at the mid when they happened, and 1, 10 and 60 s later, in bps of their notional."""
    known = [cost for cost in view.costs() if cost.fills and cost.name != "all"]
    lines = [
        Curve(cost.name, [cost.bps(cost.spread), *cost.markouts.values()], [None, *cost.errors.values()])
        for cost in known
    ]
    lines = [line for line in lines if sum(value is not None for value in line.values) > 1]
    if not lines:
        return tag("p", "No fill with a known mid after it: no markout curve.", class_="muted")
    labels = ["at the fill", *(f"{seconds} s" for seconds in HORIZONS)]
    said = (
        "What the fills were worth at the mid, from the moment they happened on, in bps of what was traded. Bars are "
        "two standard errors, too short where fills lie closer together than the horizon."
    )
    return tag("figure", curves(lines, labels, "bps"), tag("figcaption", said), class_="curve")


def survival(view: View) -> Markup:
    """The same run under dearer fees and longer latencies, in one table."""
    rows = view.run.results.get("stress") or []
    if not rows:
        said = "Run it with --stress to see what is left with fees, latencies and both doubled."
        return tag("p", said, class_="muted")
    largest = max(abs(float(row["pnl"])) for row in rows)
    currency = view.currency
    heads = [head("Assumed", number=False), head("Profit and loss", currency), tag("td", class_="bar")]
    heads += [head("Spread", currency), head("Adverse", currency), head("Inventory", currency)]
    heads += [
        head("Funding", currency),
        head("Fees", currency),
        head("Fills"),
        head("Sharpe a year", "± standard error"),
    ]
    body = [_survivor(view, row, largest) for row in rows]
    return join([tag("p", words.survival(rows, currency, view.decimals)), table(heads, body, "What survives")])


def _survivor(view: View, row: Mapping[str, Any], largest: float) -> Markup:
    made = float(row["pnl"])
    parts = [float(row[name]) for name in ("spread_earned", "adverse_selection", "inventory_pnl", "funding")]
    ratio, error = row["sharpe"], row["sharpe_se"]
    return tag(
        "tr",
        tag("th", row["name"].replace(" × 2", " twice"), scope="row"),
        number(money(view, made, True), made),
        tag("td", signed_bar(made, largest), class_="bar"),
        [number(money(view, part, True)) for part in parts],
        number(money(view, float(row["fees"]))),
        number(f"{row['fills']:,}"),
        number(f"{words.number(ratio, 1, True)} ± {words.number(error, 1)}"),
    )
