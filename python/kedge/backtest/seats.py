"""Who trades in a run: the strategy file over every instrument, or the entries of the settings, each one or many."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from kedge.backtest.limits import quote_currency, tightest_limits
from kedge.backtest.spec import Seat
from kedge.model.errors import UsageError
from kedge.model.settings import Limits, Settings, StrategySettings
from kedge.strategies.source import read_source

MOST = 10_000
"""Strategies in one run."""


def of_file(
    settings: Settings, name: str, params: Mapping[str, object], definitions: Sequence[Mapping[str, Any]]
) -> list[Seat]:
    """One strategy on every instrument. Raises `UsageError` if its source cannot be read."""
    source, ids = read_source(name), [str(definition["id"]) for definition in definitions]
    return [
        Seat(
            _name(source.stem, definition, ids),
            source,
            ix,
            dict(params),
            tightest_limits(settings, Limits(), capital(settings, definition)),
        )
        for ix, definition in enumerate(definitions)
    ]


def of_settings(settings: Settings, seed: int, definitions: Sequence[Mapping[str, Any]]) -> list[Seat]:
    """The strategies of the settings, with the copies and the grid of each.

    Raises `UsageError` naming the strategy whose instrument is not in the data, and where there are too many.
    """
    ids = [str(definition["id"]) for definition in definitions]
    count = sum(len(list(_grid(entry))) * entry.copies for entry in settings.strategy)
    if count > MOST:
        raise UsageError(f"a run holds at most {MOST:,} strategies, the settings ask for {count:,}", "lower `copies`")
    seats: list[Seat] = []
    for entry in settings.strategy:
        if entry.instrument not in ids:
            raise UsageError(
                f"strategy `{entry.name}` trades `{entry.instrument}`, which is not in the data",
                f"the data holds: {', '.join(ids)}",
            )
        seats += _entry(settings, entry, seed, ids.index(entry.instrument), definitions)
    names = [seat.name for seat in seats]
    if twice := next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None:
        raise UsageError(f"two strategies of the run are named `{twice}`", "rename one of the entries")
    return seats


def _entry(
    settings: Settings, entry: StrategySettings, seed: int, ix: int, definitions: Sequence[Mapping[str, Any]]
) -> Iterator[Seat]:
    source = read_source(entry.file)
    limits = tightest_limits(settings, entry.limits, capital(settings, definitions[ix]))
    each = [{**entry.params, **point} for point in _grid(entry) for _ in range(entry.copies)]
    own = entry.own_account or len(each) > 1
    first = seed if entry.seed is None else entry.seed
    for at, params in enumerate(each):
        number = f"-{at + 1:0{len(str(len(each)))}}" if len(each) > 1 else ""
        seeded = (first + at) % 2**63 if own or entry.seed is not None else None
        yield Seat(f"{entry.name}{number}", source, ix, params, limits, own, seeded)


def _grid(entry: StrategySettings) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*entry.grid.values()):
        yield dict(zip(entry.grid, values, strict=True))


def _name(stem: str, definition: Mapping[str, Any], ids: Sequence[str]) -> str:
    """`quoting`, or `quoting-btc-usdt-usdt` where the strategy runs on several instruments."""
    if len(ids) == 1:
        return stem
    pair = str(definition["id"]).partition("@")[0]
    return f"{stem}-{pair.lower().replace('/', '-').replace(':', '-')}"


def capital(settings: Settings, definition: Mapping[str, Any]) -> Decimal:
    """What an account begins with, in the instrument's quote currency."""
    return Decimal(settings.account.balances.get(quote_currency(definition), 0))
