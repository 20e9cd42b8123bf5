"""The methods of a compiled function's `ctx`: wishes written into its record, and numbers drawn from its stream.

numba knows a record's fields; these are its methods, given to it once a process.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from kedge._core import compiled_record

NONE = float("nan")
"""No price: a market order, or a side of a quote that is taken away."""

_U64, _F64 = ctypes.c_uint64, ctypes.c_double


@cache
def give_methods() -> None:
    """Gives numba's records the methods. Raises `ImportError` without numba."""
    import numba

    record = compiled_record()
    most = next(size for name, size, _ in record["fields"] if name == "wish_kinds")
    _give_wishes(numba, record["wishes"], int(most[1 : most.index(",")]))
    _give_draws(numba, record)


def _give_wishes(numba: Any, kinds: list[str], most: int) -> None:
    on_record = numba.extending.overload_method
    buys, sells, cancels, cancels_all, amends, quotes, targets = range(1, len(kinds) + 1)

    @numba.njit
    def wish(ctx, kind, order, price, ask, size, tif):  # type: ignore[no-untyped-def]
        at = ctx.wishes
        ctx.wishes = at + 1
        # One beyond the last place is refused by the engine, which counts them.
        if at < most:
            ctx.wish_kinds[at] = kind
            ctx.wish_orders[at] = order
            ctx.wish_prices[at] = price
            ctx.wish_asks[at] = ask
            ctx.wish_sizes[at] = size
            ctx.wish_tifs[at] = tif

    @numba.njit
    def ordered(ctx, kind, size, price, tif):  # type: ignore[no-untyped-def]
        wish(ctx, kind, 0, price, NONE, size, tif)
        ctx.next_order += 1
        return ctx.next_order - 1

    @on_record(numba.types.Record, "buy")
    def _buy(ctx, size, price=NONE, tif=0):  # type: ignore[no-untyped-def]
        return lambda ctx, size, price=NONE, tif=0: ordered(ctx, buys, size, price, tif)

    @on_record(numba.types.Record, "sell")
    def _sell(ctx, size, price=NONE, tif=0):  # type: ignore[no-untyped-def]
        return lambda ctx, size, price=NONE, tif=0: ordered(ctx, sells, size, price, tif)

    @on_record(numba.types.Record, "cancel")
    def _cancel(ctx, order):  # type: ignore[no-untyped-def]
        return lambda ctx, order: wish(ctx, cancels, order, NONE, NONE, NONE, 0)

    @on_record(numba.types.Record, "cancel_all")
    def _cancel_all(ctx):  # type: ignore[no-untyped-def]
        return lambda ctx: wish(ctx, cancels_all, 0, NONE, NONE, NONE, 0)

    @on_record(numba.types.Record, "amend")
    def _amend(ctx, order, price=NONE, size=NONE):  # type: ignore[no-untyped-def]
        return lambda ctx, order, price=NONE, size=NONE: wish(ctx, amends, order, price, NONE, size, 0)

    @on_record(numba.types.Record, "quote")
    def _quote(ctx, bid, ask, size):  # type: ignore[no-untyped-def]
        return lambda ctx, bid, ask, size: wish(ctx, quotes, 0, bid, ask, size, 0)

    @on_record(numba.types.Record, "target")
    def _target(ctx, size):  # type: ignore[no-untyped-def]
        return lambda ctx, size: wish(ctx, targets, 0, NONE, NONE, size, 0)


def _give_draws(numba: Any, addresses: dict[str, Any]) -> None:
    on_record = numba.extending.overload_method
    uniform = ctypes.CFUNCTYPE(_F64, _U64, _U64)(addresses["uniform"])
    normal = ctypes.CFUNCTYPE(_F64, _U64, _U64)(addresses["normal"])
    below = ctypes.CFUNCTYPE(_U64, _U64, _U64, _U64)(addresses["below"])

    @numba.njit
    def drawn(ctx, count):  # type: ignore[no-untyped-def]
        index = ctx.random_index
        ctx.random_index = index + np.uint64(count)
        return index

    @on_record(numba.types.Record, "random")
    def _random(ctx):  # type: ignore[no-untyped-def]
        return lambda ctx: uniform(ctx.random_key, drawn(ctx, 1))

    @on_record(numba.types.Record, "normal")
    def _normal(ctx, mean=0.0, deviation=1.0):  # type: ignore[no-untyped-def]
        return lambda ctx, mean=0.0, deviation=1.0: mean + deviation * normal(ctx.random_key, drawn(ctx, 2))

    @on_record(numba.types.Record, "integer")
    def _integer(ctx, low, high):  # type: ignore[no-untyped-def]
        def integer(ctx, low, high):  # type: ignore[no-untyped-def]
            if high <= low:
                raise ValueError("high must be above low, which is drawn")
            return low + np.int64(below(ctx.random_key, drawn(ctx, 1), np.uint64(high - low)))

        return integer
