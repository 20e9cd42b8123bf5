"""`kedge new-strategy`: a small strategy that works, to start from."""

from __future__ import annotations

import keyword
from pathlib import Path
from typing import Annotated

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import show
from kedge.model.errors import UsageError

TEMPLATE = '''\
from kedge import Strategy, param


class {title}(Strategy):
    """Quote both sides of the market, one tick away from the middle."""

    distance = param(1.0, low=0, high=100, unit="ticks")
    size = param(0.01, low=0.001, high=1)

    def on_start(self, ctx):
        ctx.every("1s")

    def on_timer(self, ctx, timer):
        book = ctx.book
        away = self.distance * book.tick
        ctx.quote(book.microprice - away, book.microprice + away, self.size)
'''


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name in small letters, such as my_quotes.")],
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the file goes.")] = Path(),
    as_json: Json = False,
) -> None:
    """Write a small strategy that works, to start from.

    \b
    Example:
      kedge new-strategy my_quotes
    """
    if not (name.isascii() and name.isidentifier() and name == name.lower() and name[0].isalpha()):
        raise UsageError(
            f"`NAME` must be small letters, digits and `_`, a letter first, was {name!r}", "for example my_quotes"
        )
    if keyword.iskeyword(name) or name == "kedge":
        raise UsageError(f"`NAME` must not be a word of Python or `kedge`, was {name!r}", f"for example my_{name}")
    path = folder / f"{name}.py"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.format(title="".join(part.capitalize() for part in name.split("_"))))
    except FileExistsError:
        raise UsageError(f"{path} is there already", "choose another name, or remove the file") from None
    following = f"kedge backtest {path} --seeded 10m"
    show(as_json, {"file": str(path), "next": following}, f"wrote {path}", f"next: {following}")
