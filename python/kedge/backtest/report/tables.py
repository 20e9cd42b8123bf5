"""Cells, heads and tables of figures, as every section of the report sets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from kedge.backtest.report import words
from kedge.backtest.report.markup import Child, Markup, tag
from kedge.backtest.report.view import View

COLUMNS: Final = 4
"""At most so many strategies get a column of their own in the tables of figures."""


def colour(value: float | None) -> str:
    """The class of a gain or a loss, after a space."""
    return "" if not value else " up" if value > 0 else " down"


def money(view: View, value: Any, signed: bool = False) -> str:
    """An amount with as many decimals as the run's amounts need."""
    return words.number(value, view.decimals, signed)


def as_float(value: Any) -> float | None:
    """A metric's value as a number, where it has one."""
    return None if value is None else float(value)


def table(heads: Iterable[Markup], rows: Iterable[Child], caption: str, class_: str | None = None) -> Markup:
    """A table in a frame of its own that scrolls sideways where the page is narrow."""
    body = tag("table", tag("caption", caption), tag("thead", tag("tr", heads)), tag("tbody", rows), class_=class_)
    return tag("div", body, class_="scroll", tabindex="0", role="region", aria_label=caption)


def head(label: str, unit: str = "", number: bool = True) -> Markup:
    """The head of a column, its unit below."""
    return tag("th", label, tag("small", unit) if unit else None, scope="col", class_="number" if number else None)


def number(text: str, value: Any = None) -> Markup:
    """A figure to the right, coloured by the sign of `value`."""
    return tag("td", text, class_="number" + colour(as_float(value)))


def shown_tracks(view: View) -> list[tuple[str, str]]:
    """Name and head of the columns of figures: each strategy if they are few and more than one, and the account."""
    own = view.names if 1 < len(view.names) <= COLUMNS else []
    return [(name, name) for name in own] + [("", "Account")]
