"""HTML from plain values: whatever is not `Markup` already is escaped, so that no name in a run becomes markup."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

VOID: Final = frozenset({"br", "col", "hr", "input", "meta", "link"})
_HOLE: Final = re.compile(r"\{\{(\w+)\}\}")


class Markup(str):
    """Text that is HTML and must not be escaped again."""

    __slots__ = ()


Child = str | Iterable["Child"] | None


def escape(text: str) -> Markup:
    """The text with `& < > " '` as references, or the markup as it is."""
    return text if isinstance(text, Markup) else Markup(html.escape(text, quote=True))


def join(children: Child) -> Markup:
    """Children one after the other, each escaped unless it is markup; None is nothing."""
    if children is None:
        return Markup("")
    if isinstance(children, str):
        return escape(children)
    return Markup("".join(join(child) for child in children))


def tag(element: str, *children: Child, **attributes: str | bool | None) -> Markup:
    """One element. `class_` and `for_` lose their underscore, others become dashes; None and False are left out."""
    said = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        name = key.rstrip("_").replace("_", "-")
        said.append(f" {name}" if value is True else f' {name}="{escape(value)}"')
    opening = f"<{element}{''.join(said)}>"
    return Markup(opening if element in VOID else f"{opening}{join(children)}</{element}>")


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with each `{{name}}` replaced once by its value, escaped unless it is markup.

    What a value contains is never looked at again. Raises `KeyError` for a name without a value, `ValueError` for a
    value without a place.
    """
    holes = set(_HOLE.findall(template))
    if unused := set(values) - holes:
        raise ValueError(f"the template has no place for {', '.join(sorted(unused))}")
    return _HOLE.sub(lambda hole: escape(values[hole[1]]), template)


def inline(code: str) -> tuple[Markup, str]:
    """Script or style text for an element, and the source expression that lets a content security policy run it.

    Raises `ValueError` if the text would end its element early.
    """
    code = code.replace("\r\n", "\n").replace("\r", "\n")
    if re.search(r"</(script|style)|<!--", code, re.IGNORECASE):
        raise ValueError("inline code must not hold `</script`, `</style` or `<!--`")
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return Markup(code), f"'sha256-{digest}'"


def json_data(value: object) -> Markup:
    """Compact JSON that cannot leave a script element: `<`, `>` and `&` are written as escapes."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
