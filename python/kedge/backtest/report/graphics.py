"""Small drawings inside tables: signed bars and error intervals, as SVG that stretches with its cell."""

from __future__ import annotations

from kedge.backtest.report.markup import Markup, tag


def signed_bar(value: float | None, largest: float) -> Markup | None:
    """A bar from zero in the middle: right and `up` for a gain, left and `down` for a loss."""
    if value is None or not largest:
        return None
    length = 49 * min(1.0, abs(value) / largest)
    start = 50.0 if value >= 0 else 50 - length
    bar = tag("rect", x=f"{start:.3f}", y="3", width=f"{length:.3f}", height="8", class_="up" if value >= 0 else "down")
    return _drawing(bar, _zero())


def interval(value: float | None, error: float | None, reach: float) -> Markup | None:
    """A point with two errors to each side, and zero in the middle; `reach` is what the ends stand for."""
    if value is None or error is None or not reach:
        return None

    def at(x: float) -> str:
        return f"{50 + 49 * x / reach:.3f}"

    line = tag("line", x1=at(value - 2 * error), x2=at(value + 2 * error), y1="7", y2="7", class_="whisker")
    point = tag("line", x1=at(value), x2=at(value), y1="2", y2="12", class_="point")
    return _drawing(_zero(), line, point)


def _zero() -> Markup:
    return tag("line", x1="50", x2="50", y1="0", y2="14", class_="zero")


def _drawing(*parts: Markup) -> Markup:
    return tag("svg", parts, viewBox="0 0 100 14", preserveAspectRatio="none", aria_hidden="true", focusable="false")
