"""Small drawings inside tables: signed bars and error intervals, as SVG that stretches with its cell."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kedge.backtest.report import words
from kedge.backtest.report.markup import Child, Markup, tag

WIDTH, HEIGHT = 440, 230
"""Of a drawing with axes, in its own units: as wide as it is shown on a desk."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 92, 26, 200


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through `values`, with `errors` of which two are drawn to each side; None where there is no value."""

    name: str
    values: Sequence[float | None]
    errors: Sequence[float | None]


def signed_bar(value: float | None, largest: float) -> Markup | None:
    """A bar from zero in the middle: right and `up` for a gain, left and `down` for a loss."""
    if value is None or not largest:
        return None
    length = 49 * min(1.0, abs(value) / largest)
    start = 50.0 if value >= 0 else 50 - length
    bar = tag("rect", x=f"{start:.3f}", y="3", width=f"{length:.3f}", height="8", class_="up" if value >= 0 else "down")
    return _drawing(bar, _zero())


def waterfall(start: float, end: float, low: float, high: float) -> Markup | None:
    """A step of a sum from `start` to `end`, on a scale from `low` to `high` that all steps of the sum share."""
    if high <= low:
        return None

    def at(x: float) -> float:
        return 1 + 98 * (x - low) / (high - low)

    left, right = sorted((at(start), at(end)))
    step = tag(
        "rect",
        x=f"{left:.3f}",
        y="3",
        width=f"{max(right - left, 0.2):.3f}",
        height="8",
        class_="up" if end >= start else "down",
    )
    zero = tag("line", x1=f"{at(0):.3f}", x2=f"{at(0):.3f}", y1="0", y2="14", class_="zero")
    return _drawing(step, zero) if start != end else _drawing(zero)


def curves(lines: Sequence[Curve], labels: Sequence[str], unit: str) -> Markup:
    """Lines over named moments, evenly spaced, with zero, a scale and each line's name at its end."""
    ends = [
        (value, error or 0.0) for line in lines for value, error in zip(line.values, line.errors, strict=True) if value
    ]
    low = min(0.0, *(value - 2 * error for value, error in ends))
    high = max(0.0, *(value + 2 * error for value, error in ends))
    pad = 0.06 * (high - low or 1.0)
    low, high = low - pad, high + pad

    def x(at: int) -> float:
        return _LEFT + 16 + (WIDTH - _RIGHT - _LEFT - 32) * at / max(1, len(labels) - 1)

    def y(value: float) -> float:
        return _TOP + (_BOTTOM - _TOP) * (high - value) / (high - low)

    parts: list[Child] = [_scale(low, high, y, unit)]
    for at, label in enumerate(labels):
        parts.append(tag("text", label, x=f"{x(at):.1f}", y=str(HEIGHT - 8), class_="below"))
    names = _apart([y(next(v for v in reversed(line.values) if v is not None)) for line in lines])
    for line, name_y in zip(lines, names, strict=True):
        parts.append(_line(line, x, y, name_y))
    said = "; ".join(f"{line.name}: " + ", ".join(_told(value) for value in line.values) for line in lines)
    return tag(
        "svg", parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=f"In {unit}. {said}", class_="curves"
    )


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


def _scale(low: float, high: float, y: Callable[[float], float], unit: str) -> Child:
    """Zero and a round step to each side, as far as they reach."""
    step = _round_step(high - low)
    marks = [number * step for number in range(-20, 21) if low <= number * step <= high]
    lines = [
        tag(
            "line",
            x1=str(_LEFT),
            x2=str(WIDTH - _RIGHT),
            y1=f"{y(m):.1f}",
            y2=f"{y(m):.1f}",
            class_="zero" if not m else "grid",
        )
        for m in marks
    ]
    texts = [
        tag("text", words.number(m, _places(step), True), x=str(_LEFT - 8), y=f"{y(m) + 4:.1f}", class_="left")
        for m in marks
    ]
    return [lines, texts, tag("text", unit, x=str(_LEFT - 8), y="10", class_="left")]


def _round_step(span: float) -> float:
    """1, 2 or 5 of a power of ten, so that three to six of them fit."""
    size = 10.0 ** math.floor(math.log10(span / 3))
    return next((size * times for times in (1, 2, 5, 10) if span / (size * times) <= 6), size)


def _places(step: float) -> int:
    return max(0, -math.floor(math.log10(step)))


def _line(line: Curve, x: Callable[[int], float], y: Callable[[float], float], name_y: float) -> Markup:
    known = [(x(at), value, error) for at, (value, error) in enumerate(zip(line.values, line.errors, strict=True))]
    points = [(left, value, error) for left, value, error in known if value is not None]
    path = "M" + "L".join(f"{left:.1f} {y(value):.1f}" for left, value, _ in points)
    whiskers = [
        tag(
            "line",
            x1=f"{left:.1f}",
            x2=f"{left:.1f}",
            y1=f"{y(value - 2 * error):.1f}",
            y2=f"{y(value + 2 * error):.1f}",
        )
        for left, value, error in points
        if error
    ]
    dots = [tag("circle", cx=f"{left:.1f}", cy=f"{y(value):.1f}", r="3.5") for left, value, _ in points]
    last, value, _ = points[-1]
    name = tag("text", f"{line.name} {words.number(value, 2, True)}", x=f"{last + 12:.1f}", y=f"{name_y + 4:.1f}")
    return tag("g", tag("path", d=path), whiskers, dots, name, class_=f"of-{line.name}")


def _apart(places: Sequence[float], least: float = 16) -> list[float]:
    """The places moved down until they are far enough apart to be read."""
    order = sorted(range(len(places)), key=lambda at: places[at])
    moved = list(places)
    for before, after in itertools.pairwise(order):
        moved[after] = max(moved[after], moved[before] + least)
    return moved


def _told(value: float | None) -> str:
    return "not known" if value is None else words.number(value, 2, True)
