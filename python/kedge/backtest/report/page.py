"""Puts the page together: template, style, script, chart library, data, and a policy that lets nothing else run."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

from kedge.backtest.loading import Run
from kedge.backtest.report import sections
from kedge.backtest.report.markup import Markup, fill, inline, join, json_data, tag
from kedge.backtest.report.payload import payload
from kedge.backtest.report.view import View
from kedge.model.errors import UsageError

LIBRARY: Final = "_assets/lightweight-charts.standalone.production.js"
SCRIPTS: Final = ("format.js", "triangles.js", "charts.js", "fills.js", "report.js")
"""In the order they run, inside one function."""
STYLES: Final = ("report.css", "panels.css", "media.css")


def render(run: Run) -> str:
    """The report as one HTML document. Raises `UsageError` if the chart library was not set up."""
    view = View(run)
    library, library_hash = inline(chart_library())
    script, script_hash = inline(f'"use strict";\n(() => {{\n{"".join(map(_text, SCRIPTS))}}})();\n')
    style, style_hash = inline("".join(map(_text, STYLES)))
    policy = (
        f"default-src 'none'; script-src {library_hash} {script_hash}; style-src {style_hash}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return fill(
        _text("report.html"),
        {
            "policy": policy,
            "title": f"{run.meta['name']}, backtest report",
            "style": style,
            "library": library,
            "script": script,
            "data": json_data(payload(view)),
            "licence": _licence(library),
            **sections.render(view),
        },
    )


@cache
def chart_library() -> str:
    """TradingView Lightweight Charts, the standalone build. Raises `UsageError` if set-up did not put it there."""
    file = files("kedge.backtest.report") / LIBRARY
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"the chart library of the report is missing: {file}", "run `make setup`") from None


def _licence(library: str) -> Markup:
    """The notice the library's licence asks for, from its own head, and the link that goes with it."""
    head = re.match(r"/\*!(.*?)\*/", library, re.DOTALL)
    lines = [line.strip(" *") for line in head[1].splitlines()] if head else []
    said = [re.sub(r"\s*https?://\S+", "", line).rstrip(".") for line in lines if line and not line.startswith("@")]
    link = tag("a", "www.tradingview.com", href="https://www.tradingview.com/", rel="noopener noreferrer")
    return join(["Charts: ", ". ".join(said) or "TradingView Lightweight Charts", ". ", link])


@cache
def _text(name: str) -> str:
    return (files("kedge.backtest.report") / name).read_text(encoding="utf-8")
