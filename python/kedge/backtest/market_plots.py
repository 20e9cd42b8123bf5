"""The curves of two markets over each other, as one SVG sheet that needs nothing to be drawn.

In: what `market_figures.compare` returns. Out: a file. Axes carry their units; a curve that a market lacks is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedge.backtest.report.markup import Markup, tag

WIDTH, HEIGHT, COLUMNS = 310, 210, 3
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 26, 36
COLOURS = {"recorded": "#0b7285", "seeded": "#d9480f"}
DASHES = {"recorded": None, "seeded": "5 3"}
INK, GRID = "#343a40", "#e9ecef"


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot: its curve, what it shows, its axes, and which of them are logarithmic."""

    curve: str
    title: str
    x: str
    y: str
    log: str


PANELS = (
    Panel("depth", "Quantity near the mid", "within, bp", "base units", "xy"),
    Panel("distance", "Level updates farther than", "from the mid, bp", "share", "x"),
    Panel("lifetime", "Levels living longer than", "s", "share", "xy"),
    Panel("sizes", "Taker orders larger than", "base units", "share", "xy"),
    Panel("dispersion", "Clustering of taker orders", "window, s", "variance / mean", "xy"),
    Panel("signs", "Persistence of order signs", "lag, orders", "autocorrelation", "x"),
    Panel("moves", "1 s returns larger than", "bp, either sign", "share of moves", "xy"),
    Panel("clusters", "Clustering of volatility", "lag, s", "autocorrelation of |1 s return|", ""),
    Panel("path", "Mid", "s", "bp from the start", ""),
)


@dataclass(frozen=True, slots=True)
class Axis:
    """Values to positions between `start` and `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, log: bool) -> Axis:
        """Spans the values, with a little room where the axis is linear."""
        low, high = min(values), max(values)
        if log:
            return cls(low, high if high > low else low * 10, start, end, log)
        room = 0.04 * (high - low) or 1.0
        return cls(low - room, high + room, start, end, log)

    def at(self, value: float) -> float:
        """The position of a value."""
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def marks(self) -> list[float]:
        """Three to seven round values."""
        if not self.log:
            step = 10.0 ** math.floor(math.log10((self.high - self.low) / 2.5))
            step *= next(m for m in (1, 2, 5, 10) if (self.high - self.low) / (step * m) < 6)
            return [step * n for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        decades = range(first, last + 1, max(1, (last - first) // 5))
        steps = (1, 2, 5) if math.log10(self.high / self.low) < 2 else (1,)
        values = [m * 10.0**decade for decade in decades for m in steps]
        return [value for value in values if self.low <= value * 1.0001 and value <= self.high * 1.0001]


def plots(figures: dict[str, Any], folder: Path) -> list[Path]:
    """Writes the sheet of a comparison into the folder, which is made if need be, and returns the files written."""
    rows = math.ceil(len(PANELS) / COLUMNS)
    width, height = COLUMNS * WIDTH, rows * HEIGHT + 24
    drawn = [_panel(panel, figures["curves"][panel.curve], index) for index, panel in enumerate(PANELS)]
    sheet = tag(
        "svg",
        tag("title", f"Recorded and seeded market of {figures['instrument']}"),
        tag("rect", width=str(width), height=str(height), fill="#ffffff"),
        _legend(),
        drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        font_family="system-ui, sans-serif",
        font_size="10",
        fill=INK,
    )
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", str(figures["instrument"]).lower()).strip("-")
    path = folder / f"seeded-market-{name}.svg"
    path.write_text(sheet + "\n", encoding="utf-8")
    return [path]


def _legend() -> Markup:
    parts = []
    for x, name in ((LEFT, "recorded"), (LEFT + 110, "seeded")):
        line = tag("line", x1=str(x), x2=str(x + 26), y1="14", y2="14", **_stroke(name))
        parts.append(Markup(line + tag("text", name, x=str(x + 32), y="17.5")))
    return tag("g", parts)


def _stroke(name: str) -> dict[str, str | None]:
    return {"stroke": COLOURS[name], "stroke_dasharray": DASHES[name], "stroke_width": "1.5", "fill": "none"}


def _panel(panel: Panel, curves: dict[str, list[list[float]]], index: int) -> Markup:
    left, top = (index % COLUMNS) * WIDTH, 24 + (index // COLUMNS) * HEIGHT
    title = tag("text", panel.title, x=str(LEFT), y=str(TOP - 9), font_size="12", font_weight="600")
    lines = {name: _points(curve, panel.log) for name, curve in curves.items()}
    found = [point for points in lines.values() for point in points]
    parts: list[Markup] = [title]
    if found:
        x = Axis.over([point[0] for point in found], LEFT, WIDTH - RIGHT, "x" in panel.log)
        y = Axis.over([point[1] for point in found], HEIGHT - BOTTOM, TOP, "y" in panel.log)
        parts += [_frame(panel, x, y), *(_line(name, points, x, y) for name, points in lines.items())]
    return tag("g", parts, transform=f"translate({left} {top})")


def _points(curve: list[list[float]], log: str) -> list[tuple[float, float]]:
    """The points that can be drawn: finite, and above zero where the axis is logarithmic."""
    points = zip(*curve, strict=True)
    return [
        (x, y)
        for x, y in points
        if math.isfinite(x) and math.isfinite(y) and ("x" not in log or x > 0) and ("y" not in log or y > 0)
    ]


def _frame(panel: Panel, x: Axis, y: Axis) -> Markup:
    parts: list[Markup] = []
    for value in x.marks():
        at = f"{x.at(value):.1f}"
        parts.append(tag("line", x1=at, x2=at, y1=f"{y.start}", y2=f"{y.end}", stroke=GRID))
        parts.append(tag("text", _number(value), x=at, y=f"{y.start + 13}", text_anchor="middle"))
    for value in y.marks():
        at = f"{y.at(value):.1f}"
        parts.append(tag("line", x1=f"{x.start}", x2=f"{x.end}", y1=at, y2=at, stroke=GRID))
        parts.append(tag("text", _number(value), x=f"{x.start - 5}", y=at, dy="3.5", text_anchor="end"))
    middle = (x.start + x.end) / 2
    parts.append(tag("text", panel.x, x=f"{middle}", y=f"{y.start + 26}", text_anchor="middle"))
    centre = (y.start + y.end) / 2
    turned = f"rotate(-90 10 {centre})"
    parts.append(tag("text", panel.y, x="10", y=f"{centre}", text_anchor="middle", transform=turned))
    return tag("g", parts)


def _line(name: str, points: list[tuple[float, float]], x: Axis, y: Axis) -> Markup:
    path = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in points)
    return tag("polyline", points=path, **_stroke(name))


def _number(value: float) -> str:
    if value != 0 and not 1e-3 <= abs(value) < 1e4:
        return f"{value:.0e}".replace("e-0", "e−").replace("e+0", "e").replace("e-", "e−")
    return f"{value:.10g}".replace("-", "−")
