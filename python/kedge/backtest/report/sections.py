"""The parts of the report that need no script: every figure, assumption, hash and setting as HTML."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Final

from kedge.backtest import trades
from kedge.backtest.metrics import METRICS, Metric
from kedge.backtest.report import hindsight, words
from kedge.backtest.report.graphics import interval
from kedge.backtest.report.markup import Child, Markup, join, tag
from kedge.backtest.report.tables import as_float, colour, head, money, number, shown_tracks, table
from kedge.backtest.report.view import Cost, View

_HEADS: Final = {
    "pnl": "What it made",
    "max_drawdown": "At which risk",
    "sharpe": "How sure one can be",
    "orders": "How it traded",
}
"""The metric that opens each group of the metrics table."""


def render(view: View) -> dict[str, Markup]:
    """Each part by the name of its place in the template."""
    return {
        "name": _text(view.run.meta["name"]),
        "period": _period(view),
        "top_figures": _top_figures(view),
        "warnings": _warnings(view),
        "verdict": _verdict(view),
        "figures": _figures(view),
        "strategies": _strategies(view),
        "attribution": hindsight.attribution(view),
        "markout_curve": hindsight.markout_curve(view),
        "survival": hindsight.survival(view),
        "costs": _costs(view),
        "refusals": _refusals(view),
        "certainty": _certainty(view),
        "metrics": _metrics(view),
        "assumptions": _assumptions(view),
        "data_sources": _data_sources(view),
        "settings": _settings(view),
        "again": _again(view),
        "made_by": _made_by(view),
    }


def _text(value: object) -> Markup:
    return join(str(value))


def _time(value: str | int | None) -> Markup:
    if value is None:
        return _text(words.NONE)
    return tag("time", words.when(value), datetime=words.moment(value).isoformat())


def _hash(text: str) -> Markup:
    """A hash, shortened; a click copies it whole, and paper has it whole."""
    short = tag("button", f"{text[:10]}…", type="button", class_="copy", data_copy=text, title=f"{text} (click copies)")
    return tag("code", short, tag("span", text, class_="on-paper"), class_="hash")


def _period(view: View) -> Markup:
    if view.span is None:
        return _text("no samples")
    start, end = view.span
    return join([_time(start), " → ", _time(end), " UTC"])


def _top_figures(view: View) -> Markup:
    account = view.account
    gain, fall = account["pnl"], account["max_drawdown"]
    return join(
        [
            tag("span", "PnL ", tag("b", money(view, gain, True), class_=colour(as_float(gain))), f" {view.currency}"),
            tag("span", "drawdown ", tag("b", money(view, fall)), f" {view.currency}"),
        ]
    )


def _warnings(view: View) -> Markup:
    results = view.run.results
    said: list[tuple[str, str]] = []
    if float(results.get("ledger_imbalance", 0) or 0):
        imbalance = results["ledger_imbalance"]
        said.append(("bad", f"The ledger is out of balance by {imbalance}: do not trust the amounts below."))
    said += [("warn", warning) for warning in view.run.meta["warnings"]]
    for source in view.run.meta["data"]:
        if source.get("gaps"):
            text = f"{source['name']}: {source['gaps']} gaps, {source.get('resyncs', 0)} resyncs; no order was priced "
            said.append(("warn", f"{text}on the book in between."))
    if not said:
        return Markup("")
    items = [tag("li", tag("span", "!", class_="sign", aria_hidden="true"), text, class_=kind) for kind, text in said]
    return tag("ul", items, class_="warnings", aria_label="Warnings")


def _verdict(view: View) -> Markup:
    first, second = words.verdict(view.account, view.currency, view.seconds, view.decimals)
    return join([tag("h1", first), tag("p", second, class_="certainty") if second else None])


def _figures(view: View) -> Markup:
    """The handful of figures one looks for first."""
    account, currency = view.account, view.currency
    sharpe = words.number(as_float(account["sharpe"]), 1, True), words.number(as_float(account["sharpe_se"]), 1)
    shown: list[tuple[str, str, str, Any]] = [
        ("Profit and loss", money(view, account["pnl"], True), currency, account["pnl"]),
        ("Maximum drawdown", money(view, account["max_drawdown"]), currency, None),
        ("Sharpe a year", f"{sharpe[0]} ± {sharpe[1]}", "", None),
        ("Fees", money(view, account["fees"]), currency, None),
        ("Turnover", words.number(as_float(account["turnover"]), 0), currency, None),
        ("Fills", f"{account['fills']:,}", f"of {account['orders']:,} orders", None),
        ("Maker share", words.percent(as_float(account["maker_share"]), 1), "%", None),
        ("Round trips won", words.percent(as_float(account["win_share"]), 1), f"% of {account['round_trips']:,}", None),
    ]
    return tag(
        "dl",
        [
            tag(
                "div",
                tag("dt", label),
                tag("dd", tag("b", text, class_=colour(as_float(value))), " ", tag("small", unit)),
            )
            for label, text, unit, value in shown
        ],
        class_="figures",
    )


def _strategies(view: View) -> Markup:
    currency = view.currency
    heads = [head("Strategy", number=False), head("Profit and loss", currency), head("Drawdown", currency)]
    heads += [head("Sharpe a year", "± standard error"), head("Told from zero", number=False), head("Fees", currency)]
    heads += [head("Turnover", currency), head("Orders"), head("Fills"), head("Maker", "%")]
    heads += [head("Position", "base"), head("Instrument", number=False)]
    return table(heads, [_strategy_row(view, entry) for entry in view.run.meta["strategies"]], "Strategies")


def _strategy_row(view: View, entry: Mapping[str, Any]) -> Markup:
    name, instrument = entry["name"], entry["instrument"]
    figures = view.figures[name]
    position = view.tracks[name].position
    sharpe, error = as_float(figures["sharpe"]), as_float(figures["sharpe_se"])
    decided = "no" if words.indistinct(figures) else "yes, above" if (sharpe or 0) > 0 else "yes, below"
    return tag(
        "tr",
        tag("th", name, scope="row"),
        number(money(view, figures["pnl"], True), figures["pnl"]),
        number(money(view, figures["max_drawdown"])),
        number(f"{words.number(sharpe, 1, True)} ± {words.number(error, 1)}"),
        tag("td", decided),
        number(money(view, figures["fees"])),
        number(words.number(as_float(figures["turnover"]), 0)),
        number(_count(figures["orders"])),
        number(_count(figures["fills"])),
        number(words.percent(as_float(figures["maker_share"]), 1)),
        number(words.number(position, view.quantity_decimals(instrument), True)),
        tag("td", instrument),
    )


def _costs(view: View) -> Markup:
    currency = view.currency
    heads = [head("", number=False), head("Fills"), head("Turnover", currency), head("Fees", currency)]
    heads += [head("Fees", "bps"), head("Spread", currency), head("Spread", "bps")]
    heads += [head(f"Markout {horizon} s", "bps") for horizon in trades.HORIZONS]
    rows = [_cost_row(view, cost) for cost in view.costs()]
    return table(heads, rows, "Makers and takers: fees paid, spread earned or paid, markouts")


def _cost_row(view: View, cost: Cost) -> Markup:
    return tag(
        "tr",
        tag("th", cost.name, scope="row"),
        number(f"{cost.fills:,}"),
        number(words.number(cost.turnover, 0)),
        number(money(view, cost.fees)),
        number(words.number(cost.bps(cost.fees), 2)),
        number(money(view, cost.spread, True), cost.spread),
        number(words.number(cost.bps(cost.spread), 2, True)),
        [number(words.number(after, 2, True)) for after in cost.markouts.values()],
        class_="total" if cost.name == "all" else None,
    )


def _refusals(view: View) -> Markup:
    counts = [
        _count_table("Refused by the risk gate or the venue", "Reason", view.run.results.get("refusals") or {}),
        _count_table("Withheld: one side of a quote not sent", "Reason", view.run.results.get("withheld") or {}),
    ]
    return tag("div", counts, class_="columns")


def _count_table(caption: str, of: str, counts: Mapping[str, int]) -> Markup:
    if not counts:
        return tag("div", tag("h3", caption), tag("p", "None.", class_="muted"))
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    rows = [tag("tr", tag("td", tag("code", reason)), number(f"{count:,}")) for reason, count in ordered]
    counted = table([head(of, number=False), head("Times")], rows, caption)
    return tag("div", tag("h3", caption), counted)


def _certainty(view: View) -> Markup:
    shown = [*((name, name) for name in view.names), ("", "Account")] if len(view.names) > 1 else [("", "Account")]
    reach = 0.0
    for name, _ in shown:
        sharpe, error = view.figures[name]["sharpe"], view.figures[name]["sharpe_se"]
        reach = max(reach, abs(as_float(sharpe) or 0) + 2 * (as_float(error) or 0))
    rows = [_certainty_row(view, name, label, reach) for name, label in shown]
    heads = [
        head("", number=False),
        head("Sharpe a year"),
        head("Standard error"),
        head("Two errors around it", number=False),
    ]
    heads += [head("Above zero", "% probable"), head("Skewness"), head("Kurtosis"), head("Samples")]
    return table(heads, rows, "How sure one can be")


def _certainty_row(view: View, name: str, label: str, reach: float) -> Markup:
    figures = view.figures[name]
    sharpe, error = as_float(figures["sharpe"]), as_float(figures["sharpe_se"])
    return tag(
        "tr",
        tag("th", label, scope="row"),
        number(words.number(sharpe, 1, True)),
        number(words.number(error, 1)),
        tag("td", interval(sharpe, error, reach), class_="bar"),
        number(words.percent(as_float(figures["sharpe_above_zero"]), 1)),
        number(words.number(as_float(figures["skewness"]), 2, True)),
        number(words.number(as_float(figures["kurtosis"]), 1)),
        number(f"{figures['samples']:,}"),
        class_="total" if not name and len(view.names) > 1 else None,
    )


def _metrics(view: View) -> Markup:
    shown = shown_tracks(view)
    heads = [head("Metric", number=False), *(head(title) for _, title in shown), head("Unit", number=False)]
    heads.append(head("What it means and its formula", number=False))
    rows: list[Child] = []
    for metric in METRICS:
        if metric.name in _HEADS:
            group = tag("th", _HEADS[metric.name], scope="rowgroup", colspan=str(len(shown) + 3))
            rows.append(tag("tr", group, class_="group"))
        rows.append(_metric_row(view, metric, shown))
    return table(heads, rows, "Metrics", "metrics")


def _metric_row(view: View, metric: Metric, shown: list[tuple[str, str]]) -> Markup:
    cells = []
    for name, title in shown:
        text = words.shown(metric.kind, view.figures[name][metric.name], metric.signed, view.decimals)
        cells.append(tag("td", text, class_="number", data_track=title if len(shown) > 1 else None))
    meaning = tag("td", metric.meaning, tag("code", metric.formula, class_="formula"), class_="meaning")
    unit = tag("td", words.unit(metric, view.currency), class_="unit")
    return tag("tr", tag("th", metric.label, scope="row"), cells, unit, meaning, data_metric=metric.name)


def _assumptions(view: View) -> Markup:
    said = view.run.meta["assumptions"]
    return tag("ul", [tag("li", text) for text in said], class_="plain") if said else tag("p", "None was recorded.")


def _data_sources(view: View) -> Markup:
    heads = [head("File", number=False), head("Instrument", number=False), head("Rows")]
    heads += [head("First", "UTC", number=False), head("Last", "UTC", number=False), head("Clock offset", "ms")]
    heads += [head("Negative latencies"), head("Gaps"), head("Resyncs"), head("SHA-256", number=False)]
    rows = []
    for source in view.run.meta["data"]:
        counts = [number(_count(source.get(key))) for key in ("negative_latencies", "gaps", "resyncs")]
        offset = words.number(as_float(source.get("clock_offset_ms")), 3, True)
        rows.append(
            tag(
                "tr",
                tag("th", source["name"], scope="row"),
                tag("td", source["instrument"]),
                number(_count(source.get("rows"))),
                tag("td", _time(source.get("first"))),
                tag("td", _time(source.get("last"))),
                number(offset),
                counts,
                tag("td", _hash(source["sha256"]) if source.get("sha256") else words.NONE),
            )
        )
    return table(heads, rows, "Data")


def _count(value: Any) -> str:
    return words.NONE if value is None else f"{int(value):,}"


def _settings(view: View) -> Markup:
    parts: list[Child] = []
    for entry in view.run.meta["strategies"]:
        facts: list[tuple[str, Child]] = [("instrument", entry["instrument"]), ("file", entry["file"])]
        facts.append(("sha256", _hash(entry["sha256"]) if entry.get("sha256") else words.NONE))
        facts += list(_flat("params", entry.get("params") or {})) + list(_flat("limits", entry.get("limits") or {}))
        parts.append(tag("div", tag("h3", entry["name"]), _facts(facts)))
    parts.append(tag("div", tag("h3", "Run"), _facts(_flat("", view.run.settings))))
    return tag("div", parts, class_="columns")


def _facts(facts: Iterable[tuple[str, Child]]) -> Markup:
    return tag("dl", [tag("div", tag("dt", key), tag("dd", value)) for key, value in facts], class_="facts")


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterable[tuple[str, Child]]:
    """Nested settings as `section.key` and value."""
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            yield from _flat(name, value)
        else:
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _again(view: View) -> Markup:
    meta = view.run.meta
    command = meta.get("command")
    if command is None:
        sources = [f"strategies/{entry['file'].rpartition('/')[2]}" for entry in meta["strategies"]]
        command = ["kedge", "backtest", *dict.fromkeys(sources), "--data", *(source["name"] for source in meta["data"])]
    line = command if isinstance(command, str) else shlex.join(command)
    trace = view.run.results.get("trace_hash")
    same = join(["Same inputs, same settings: trace hash ", _hash(str(trace))]) if trace else None
    button = tag("button", "Copy", type="button", class_="copy", data_copy=line)
    return join([tag("pre", tag("code", line), class_="command"), button, tag("p", same, class_="muted")])


def _made_by(view: View) -> Markup:
    meta = view.run.meta
    return join([f"Kedge {meta['kedge']}, run made ", _time(meta["created"]), f" UTC, folder {view.run.path.name}"])
