"""Enough of Rust's grammar to measure it: text without strings and comments, functions, methods, what is not a test."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKENS = re.compile(
    r"""
      //[^\n]*                                  # line comment
    | /\*                                       # block comment, which may nest
    | \b(?:br|cr|r)(?P<hashes>\#*)"             # raw string
    | \b[bc]?"(?:\\.|[^"\\])*"                  # string
    | "(?:\\.|[^"\\])*"
    | b?'(?:\\(?:u\{[^}]*\}|x..|.)|[^'\\])'     # character; 'a without the second quote is a lifetime
    """,
    re.VERBOSE | re.DOTALL,
)
_NESTING = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Block:
    """A named piece of a file: its first and last line, from 1, where it starts and ends, the text in its braces."""

    name: str
    first: int
    last: int
    start: int
    end: int
    body: str


def code(text: str) -> str:
    """The text with strings, characters and comments blanked, every line and column where it was."""
    out, at = [], 0
    while found := _TOKENS.search(text, at):
        out.append(text[at : found.start()])
        end = found.end()
        if found[0] == "/*":
            end = _end_of_comment(text, end)
        elif found["hashes"] is not None:
            close = text.find('"' + found["hashes"], end)
            end = len(text) if close < 0 else close + 1 + len(found["hashes"])
        out.append(re.sub(r"[^\n]", " ", text[found.start() : end]))
        at = end
    return "".join(out) + text[at:]


def functions(source: str) -> list[Block]:
    """Every function with a body in blanked `source`, nested ones too."""
    return [block for found in re.finditer(r"\bfn\s+(\w+)", source) if (block := _block(source, found, found[1]))]


def methods(source: str) -> dict[str, int]:
    """How many functions stand directly in the inherent `impl` blocks of each type."""
    counts: dict[str, int] = {}
    for found in re.finditer(r"^[ \t]*impl\b(?:<[^{;]*?>)?\s+([\w:]+)[^{;]*\{", source, re.MULTILINE):
        if re.search(r"\bfor\b(?!\s*<)", found[0]):
            continue
        body = _block(source, found, found[1])
        if body is not None:
            inner = functions(body.body)
            direct = [one for one in inner if not any(o.start < one.start < o.end for o in inner)]
            counts[found[1]] = counts.get(found[1], 0) + len(direct)
    return counts


def without_tests(source: str) -> str:
    """Blanked `source` with `#[cfg(test)]` items blanked too."""
    for found in reversed(list(re.finditer(r"#\[cfg\(test\)\]", source))):
        close = _closing(source, found.end())
        if close is not None:
            removed = re.sub(r"[^\n]", " ", source[found.start() : close + 1])
            source = source[: found.start()] + removed + source[close + 1 :]
    return source


def _end_of_comment(text: str, at: int) -> int:
    depth = 1
    while depth and (found := _NESTING.search(text, at)):
        depth += 1 if found[0] == "/*" else -1
        at = found.end()
    return len(text) if depth else at


def _block(source: str, found: re.Match[str], name: str) -> Block | None:
    start = found.end() - 1 if found[0].endswith("{") else found.end()
    opening = _opening(source, start)
    close = _closing(source, start)
    if opening is None or close is None:
        return None
    first, last = source.count("\n", 0, found.start()) + 1, source.count("\n", 0, close) + 1
    return Block(name, first, last, found.start(), close, source[opening + 1 : close])


def _opening(source: str, at: int) -> int | None:
    """Where the brace opens, or None if a `;` ends the item first."""
    depth = 0
    for position in range(at, len(source)):
        character = source[position]
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif depth <= 0 and character == "{":
            return position
        elif depth <= 0 and character == ";":
            return None
    return None


def _closing(source: str, at: int) -> int | None:
    opening = _opening(source, at)
    if opening is None:
        return None
    depth = 0
    for position in range(opening, len(source)):
        depth += {"{": 1, "}": -1}.get(source[position], 0)
        if depth == 0:
            return position
    return None
