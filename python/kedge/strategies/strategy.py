"""What a strategy file is written with: `Strategy`, `param`, `Ticks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from kedge._core import Bar, Book, Context, Fill, Order, Quote, Trade


class Ticks(int):
    """A price counted in ticks of the instrument: `Ticks(6183763)` is 61,837.63 where a tick is 0.01."""

    __slots__ = ()


class Param:
    """A declared parameter: its default, its bounds, its unit. Reads as its value on an instance."""

    def __init__(self, default: float, low: float | None, high: float | None, unit: str) -> None:
        self.default = default
        self.low = low
        self.high = high
        self.unit = unit
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Param: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Any: ...
    def __get__(self, instance: object | None, owner: type) -> Any:
        return self if instance is None else instance.__dict__.get(self.name, self.default)


def param(default: float, *, low: float | None = None, high: float | None = None, unit: str = "") -> Any:
    """Declares a parameter of a strategy.

    A whole default makes a whole-number parameter. `low` and `high` are bounds that a value may reach.
    """
    return Param(default, low, high, unit)


class Strategy:
    """A trading strategy. One instance runs per instrument; it is called for the callbacks that it defines.

    What a callback asks for through `ctx` takes effect when it returns. Time comes from `ctx.now`, randomness from
    `ctx.rng`: then a run repeats exactly. Between runs a strategy starts cold unless it defines `save` and `load`.
    """

    def on_start(self, ctx: Context) -> None:
        """The run begins: set timers, ask for bars and indicators."""

    def on_book(self, ctx: Context, book: Book) -> None:
        """A message of the venue changed the book."""

    def on_trade(self, ctx: Context, trade: Trade) -> None:
        """Somebody traded."""

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """The venue quoted its best prices, apart from the book."""

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        """A bar asked for with `ctx.bars` closed; its indicators hold it already."""

    def on_funding(self, ctx: Context, rate: float) -> None:
        """The funding rate of the perpetual is now `rate` (0.0001 is one basis point)."""

    def on_timer(self, ctx: Context, timer: int) -> None:
        """A timer asked for with `ctx.every` fired; `timer` is its number."""

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """An order of this strategy executed."""

    def on_order(self, ctx: Context, order: Order) -> None:
        """The venue said something else about an order of this strategy: accepted, canceled, rejected, expired."""

    def on_stop(self, ctx: Context) -> None:
        """The run ends."""

    def save(self) -> bytes | None:
        """What to remember across a restart; None for nothing."""
        return None

    def load(self, state: bytes) -> None:
        """Takes back what `save` gave."""


def declared(strategy: type[Strategy]) -> dict[str, Param]:
    """The parameters of a strategy class by name, those of its bases first."""
    found: dict[str, Param] = {}
    for base in reversed(strategy.__mro__):
        found.update({name: value for name, value in vars(base).items() if isinstance(value, Param)})
    return found
